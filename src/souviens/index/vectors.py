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

    signs: uint64 (n, ceil(d / 64)). positions: in the layout, of the unit each vector belongs to. rows, nth: where its codes
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
        signs=_wide(packed),
        positions=layout.offsets[spans] + ordinals,
        rows=np.repeat(np.array([number for _, number, _, _ in kept], np.int64), counts),
        nth=np.arange(len(ordinals)) - np.repeat(starts, counts),
    )


def _wide(packed: NDArray[np.uint8]) -> Signs:
    """Bytes (n, b) as words (n, ceil(b / 8)), zeros at the end."""
    missing = -packed.shape[1] % 8
    return np.ascontiguousarray(np.pad(packed, ((0, 0), (0, missing))) if missing else packed).view(np.uint64)


def nearest(
    contents: Contents, matrix: Matrix, layout: Layout, vector: NDArray[np.float32], limit: int, visible: Mask
) -> list[tuple[int, float]]:
    """(position, cosine) of the units closest to a unit vector (d,), best first; a unit counts by its best piece."""
    query = quantise(vector.reshape(1, -1))
    candidates = _closest(matrix, _wide(bits(query))[0], max(RESCORED, limit), visible[layout.span[matrix.positions]])
    codes = _codes(contents, matrix, candidates, query.shape[1]).astype(np.float32)
    cosines = codes @ vector.astype(np.float32) / np.maximum(np.linalg.norm(codes, axis=1), 1e-9)
    positions = matrix.positions[candidates]
    best: dict[int, float] = {}
    for i in np.lexsort((positions, -cosines)):
        best.setdefault(int(positions[i]), float(cosines[i]))
    return list(best.items())[:limit]


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


def _closest(matrix: Matrix, query: Signs, count: int, visible: Mask) -> Integers:
    """The `count` visible vectors with the fewest signs that differ; of equals, those that come first."""
    shown = np.flatnonzero(visible) if not visible.all() else np.arange(len(visible))
    distances = np.zeros(len(shown), np.uint16)
    # Word by word: a column's differences fit the processor's cache, a whole (n, 6) matrix of them does not.
    for column in range(matrix.signs.shape[1]):
        words = matrix.signs[:, column] if len(shown) == len(visible) else matrix.signs[shown, column]
        distances += np.bitwise_count(words ^ query[column])
    if len(shown) <= count:
        return shown
    worst = np.partition(distances, count - 1)[count - 1]
    nearer, equal = np.flatnonzero(distances < worst), np.flatnonzero(distances == worst)
    return shown[np.sort(np.concatenate((nearer, equal[: count - len(nearer)])))]


def _codes(contents: Contents, matrix: Matrix, wanted: Integers, dimensions: int) -> NDArray[np.int8]:
    """The codes of some vectors, (len(wanted), d), read piecewise out of their packs' blobs."""
    out = np.empty((len(wanted), dimensions), np.int8)
    if not len(wanted):
        return out
    with contents.db.blob_open("main", "codes", "codes", int(matrix.rows[wanted[0]]), False) as blob:
        open_row = int(matrix.rows[wanted[0]])
        for i, n in enumerate(wanted):
            if (row := int(matrix.rows[n])) != open_row:
                blob.reopen(row)
                open_row = row
            blob.seek(int(matrix.nth[n]) * dimensions)
            out[i] = np.frombuffer(blob.read(dimensions), np.int8)
    return out


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
