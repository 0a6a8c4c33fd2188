"""Exact search by meaning without a vector index: signs first, codes for the best of them.

The signs of all vectors (48 bytes each) are held in memory as one matrix; the 400 with the fewest differing signs are scored
exactly by their int8 codes: 155,000 vectors in 5 ms, the signs of a million scanned in 20 (measured).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from souviens.encode import Encoder, bits, quantise
from souviens.index.contents import Contents
from souviens.index.layout import Integers, Layout, Mask
from souviens.index.text import Run, pieces

RESCORED = 400
_BATCH = 64  # texts given to the encoder at once
Signs: TypeAlias = NDArray[np.uint64]


class Matrix(NamedTuple):
    """The signs of all vectors of one encoder, in the order of (seq, place in the pack, piece).

    signs: uint64 (ceil(d / 64), n). positions: in the layout, of the unit each vector belongs to. rows, nth: where its codes
    are: the row of `codes`, and how many vectors stand before it there.
    """

    signs: Signs
    positions: Integers
    rows: Integers
    nth: Integers


def load(contents: Contents, encoder: int, layout: Layout, dimensions: int) -> Matrix:
    """Read the matrix of an encoder. Packs the layout does not show are left out."""
    span_of = {int(seq): row for row, seq in enumerate(layout.seqs)}
    found = contents.db.execute("SELECT seq, number, ordinals, bits FROM signs WHERE encoder = ? ORDER BY seq", (encoder,))
    kept = [(span_of[seq], number, ordinals, signs) for seq, number, ordinals, signs in found if seq in span_of]
    counts = np.array([len(ordinals) // 4 for _, _, ordinals, _ in kept], np.int64)
    starts = np.cumsum(counts) - counts
    spans = np.repeat(np.array([span for span, _, _, _ in kept], np.int64), counts)
    ordinals = np.frombuffer(b"".join(o for _, _, o, _ in kept), "<u4").astype(np.int64)
    packed = np.frombuffer(b"".join(s for _, _, _, s in kept), np.uint8).reshape(len(ordinals), (dimensions + 7) // 8)
    return Matrix(
        signs=np.ascontiguousarray(_wide(packed).T),
        positions=layout.offsets[spans] + ordinals,
        rows=np.repeat(np.array([number for _, number, _, _ in kept], np.int64), counts),
        nth=np.arange(len(ordinals)) - np.repeat(starts, counts),
    )


def _wide(packed: NDArray[np.uint8]) -> Signs:
    """Bytes (n, b) as words (n, ceil(b / 8)), zeros at the end."""
    missing = -packed.shape[1] % 8
    return np.ascontiguousarray(np.pad(packed, ((0, 0), (0, missing))) if missing else packed).view(np.uint64)


def nearest(
    contents: Contents, matrix: Matrix, layout: Layout, vector: NDArray[np.float32], limit: int, visible: Mask | None
) -> tuple[Integers, NDArray[np.float64]]:
    """(positions, cosines) of the units closest to a unit vector (d,), best first; a unit counts by its best piece.

    visible: which spans may be seen, None for all.
    """
    query = quantise(vector.reshape(1, -1))
    shown = None if visible is None else np.flatnonzero(visible[layout.span[matrix.positions]])
    candidates = _closest(matrix, _wide(bits(query))[0], max(RESCORED, limit), shown)
    codes = _codes(contents, matrix, candidates, query.shape[1]).astype(np.float32)
    cosines = codes @ vector.astype(np.float32) / np.maximum(np.linalg.norm(codes, axis=1), 1e-9)
    positions = matrix.positions[candidates]
    order = np.lexsort((positions, -cosines))
    _, first = np.unique(positions[order], return_index=True)
    best = order[np.sort(first)[:limit]]
    return positions[best], cosines[best].astype(np.float64)


def closeness(contents: Contents, matrix: Matrix, queries: NDArray[np.float32], positions: Integers) -> NDArray[np.float32]:
    """Cosines of units at some positions, ascending, with unit vectors (v, d): (v, n); of a unit's nearest piece, 0 for none."""
    first, last = (np.searchsorted(matrix.positions, positions, side) for side in ("left", "right"))
    counts = last - first
    wanted = np.repeat(first, counts) + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    codes = _codes(contents, matrix, wanted, queries.shape[1]).astype(np.float32)
    cosines = queries @ codes.T / np.maximum(np.linalg.norm(codes, axis=1), 1e-9)
    found = np.zeros((len(positions), len(queries)), np.float32)
    np.maximum.at(found, np.repeat(np.arange(len(positions)), counts), cosines.T)
    return found.T


def _closest(matrix: Matrix, query: Signs, count: int, shown: Integers | None) -> Integers:
    """The `count` vectors with the fewest signs that differ; of equals, the first. shown: which it may be, None: any."""
    distances = np.zeros(matrix.signs.shape[1] if shown is None else len(shown), np.uint16)
    for words, asked in zip(matrix.signs, query, strict=True):
        distances += np.bitwise_count((words if shown is None else words[shown]) ^ asked)
    if len(distances) > count:
        # Counted, not sorted: a million distances have some hundred values.
        worst = int(np.searchsorted(np.cumsum(np.bincount(distances)), count))
        nearer, equal = np.flatnonzero(distances < worst), np.flatnonzero(distances == worst)
        found = np.sort(np.concatenate((nearer, equal[: count - len(nearer)])))
    else:
        found = np.arange(len(distances))
    return found if shown is None else shown[found]


def _codes(contents: Contents, matrix: Matrix, wanted: Integers, dimensions: int) -> NDArray[np.int8]:
    """The codes of some vectors, (len(wanted), d), read piecewise out of their packs' blobs."""
    if not len(wanted):
        return np.empty((0, dimensions), np.int8)
    rows, starts = matrix.rows[wanted].tolist(), (matrix.nth[wanted] * dimensions).tolist()
    found = []
    with contents.db.blob_open("main", "codes", "codes", rows[0], False) as blob:
        open_row = rows[0]
        for row, start in zip(rows, starts, strict=True):
            if row != open_row:
                blob.reopen(row)
                open_row = row
            blob.seek(start)
            found.append(blob.read(dimensions))
    return np.frombuffer(b"".join(found), np.int8).reshape(len(wanted), dimensions)


def embed(encoder: Encoder, runs: Sequence[tuple[int, Run]]) -> list[tuple[int, bytes, bytes, bytes]]:
    """(seq, ordinals, signs, codes) of each run, as `Contents.put_vectors` takes them."""
    found = [(seq, list(pieces(run))) for seq, run in runs]
    texts = [text for _, parts in found for _, text in parts]
    batches = [quantise(encoder.encode(texts[start : start + _BATCH])) for start in range(0, len(texts), _BATCH)]
    codes = np.concatenate(batches) if batches else np.empty((0, encoder.dimensions), np.int8)
    out, start = [], 0
    for seq, parts in found:
        mine = codes[start : start + len(parts)]
        ordinals = np.array([ordinal for ordinal, _ in parts], "<u4")
        out.append((seq, ordinals.tobytes(), bits(mine).tobytes(), mine.tobytes()))
        start += len(parts)
    return out
