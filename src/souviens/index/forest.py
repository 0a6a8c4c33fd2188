"""Topics as a forest along time: each conversation hangs below the one before it that is most like it, or is a root.

Conversations stand in the order of (start, id). The *nearest* of one is the most similar among those before it, if alike enough;
it becomes its *parent* if the root of that tree is not too far either: long chains would drift from one subject to another.
All of this is a function of what is live. A later conversation never changes the parents of earlier ones, and n new ones cost n
comparisons with all, not all with all: `link` is kept, the forest is grown from it (docs/decisions/0013).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from souviens.canon import make_id
from souviens.index.gist import WORDS
from souviens.index.layout import Integers

NONE = 0  # in the place of a seq: nothing is alike enough
TOGETHER = 512  # new conversations compared in one step
_COLUMNS = 4_096  # and with how many at once: their products fit the processor's cache


class Likeness(NamedTuple):
    """How alike two conversations are at least, by the cosine of their gists. near: to be linked; root: a conversation and the
    root of its tree; area: the roots of two topics."""

    near: float
    root: float
    area: float


BY_VECTORS, BY_WORDS = Likeness(0.40, 0.22, 0.36), Likeness(0.27, 0.12, 0.22)


def likeness(encoder: int) -> Likeness:
    return BY_WORDS if encoder == WORDS else BY_VECTORS


def topic_id(root: str) -> str:
    """The id of the topic that grows from a conversation. No provider has a name with a point in it."""
    return make_id("t", "souviens.topic", root)


def area_id(root: str) -> str:
    """The id of the area that grows from the topic of this root conversation."""
    return make_id("t", "souviens.area", root)


class Gists(NamedTuple):
    """The gists of one kind, in the order of time. rows: where each stands among all conversations (n,). codes: int8 (n, d).

    nearest, strength: the place here of what each is linked to, -1 for nothing, and how alike they are. waiting: not compared yet.
    spoken: another kind speaks for it, so that others are compared with it, and no link of it is kept.
    """

    rows: Integers
    codes: NDArray[np.int8]
    norms: NDArray[np.float64]
    nearest: Integers
    strength: NDArray[np.float64]
    waiting: NDArray[np.bool_]
    spoken: NDArray[np.bool_]


# --- in memory --------------------------------------------------------------------------------------------------------


def gists(
    rows: Integers,
    codes: NDArray[np.int8],
    nearest: Integers,
    strength: NDArray[np.float64],
    waiting: NDArray[np.bool_],
    spoken: NDArray[np.bool_] | None = None,
) -> Gists:
    norms = np.sqrt(np.einsum("nd,nd->n", codes, codes, dtype=np.int32).astype(np.float64))
    spoken = np.zeros(len(rows), np.bool_) if spoken is None else spoken
    return Gists(rows, codes, np.maximum(norms, 1e-9), nearest, strength, waiting & ~spoken, spoken)


def compare(found: Gists, new: Integers, near: float) -> Integers:
    """Link the gists `new` (places, ascending) with those that are not waiting, both ways, in place. The places whose link changed.

    Of equals the later one is nearest.
    """
    found.waiting[new] = False
    found.nearest[new], found.strength[new] = -1, 0.0
    changed = [new]
    mine = found.codes[new].astype(np.float32) / found.norms[new, None].astype(np.float32)
    for start in range(0, len(found.rows), _COLUMNS):
        block = start + np.flatnonzero(~found.waiting[start : start + _COLUMNS])
        if not len(block):
            continue
        # A little below the threshold, in float32; then exactly, of the few that are left.
        least = np.float32(near - 1e-5) * found.norms[block].astype(np.float32)
        which, beside = np.nonzero(mine @ found.codes[block].astype(np.float32).T >= least)
        one, other = new[which], block[beside]
        alike = _alike(found, one, other)
        kept = (alike >= near) & (one != other)
        one, other, alike = one[kept], other[kept], alike[kept]
        later, earlier = np.maximum(one, other), np.minimum(one, other)
        changed.append(_nearer(found, later, earlier, alike))
    return np.unique(np.concatenate(changed))


def _nearer(found: Gists, later: Integers, earlier: Integers, alike: NDArray[np.float64]) -> Integers:
    """Take over the pairs that are nearer than what is linked. Places are in the order of time."""
    order = np.lexsort((earlier, alike, later))
    last = np.append(later[order][1:] != later[order][:-1], True)[: len(order)]
    later, earlier, alike = (values[order][last] for values in (later, earlier, alike))
    known, strength = found.nearest[later], found.strength[later]
    better = (alike > strength) | ((alike == strength) & (earlier > known))
    found.nearest[later[better]], found.strength[later[better]] = earlier[better], alike[better]
    changed: Integers = later[better]
    return changed


class Forest(NamedTuple):
    """Of each conversation, in the order of time, the place of its parent (-1 for none) and of its root, and how alike it is to
    its parent."""

    parents: Integers
    strengths: NDArray[np.float64]
    roots: Integers


def areas(gists_of: Sequence[tuple[int, NDArray[np.float64]] | None]) -> list[int]:
    """The same forest one level up: of each topic the place of the topic its area grows from, its own if it stands alone.

    gists_of: (kind, unit vector) of the topics' roots, in the order of time; None where there is none.
    """
    grown = list(range(len(gists_of)))
    for kind in {found[0] for found in gists_of if found}:
        places = [place for place, found in enumerate(gists_of) if found and found[0] == kind]
        matrix = np.stack([found[1] for found in gists_of if found and found[0] == kind])
        near = likeness(kind).area
        row_of = {place: row for row, place in enumerate(places)}
        for row, place in enumerate(places[1:], 1):
            alike = np.round(matrix[:row] @ matrix[row], 6)  # what the order of a sum changes is left out
            best = int(row - 1 - np.argmax(alike[::-1]))
            root = grown[places[best]]
            if alike[best] >= near and alike[row_of[root]] >= near:
                grown[place] = root
    return grown


def grow(size: int, kinds: dict[int, Gists]) -> Forest:
    """The forest of `size` conversations. kinds: their gists; of each conversation those count that stand first.

    One whose vectors are not made yet is compared by its words, with all the others' words.
    """
    nearest, strength = np.full(size, -1, np.int64), np.zeros(size)
    kind_of = np.full(size, -1, np.int64)
    for encoder, found in reversed(kinds.items()):
        nearest[found.rows] = np.where(found.nearest >= 0, found.rows[found.nearest], -1)
        strength[found.rows], kind_of[found.rows] = found.strength, encoder
    forest = Forest(np.full(size, -1, np.int64), np.zeros(size), np.arange(size))
    places = {encoder: _places(size, found.rows) for encoder, found in kinds.items()}
    below = np.argsort(nearest, kind="stable")
    sorted_nearest = nearest[below]
    ready = np.flatnonzero(nearest < 0)
    while len(ready):
        starts, ends = (np.searchsorted(sorted_nearest, ready, side) for side in ("left", "right"))
        counts = ends - starts
        kids = below[np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())]
        roots = forest.roots[nearest[kids]]
        joins = roots == nearest[kids]
        for encoder, found in kinds.items():
            asked = np.flatnonzero(~joins & (kind_of[kids] == encoder))
            mine, theirs = places[encoder][kids[asked]], places[encoder][roots[asked]]
            joins[asked[theirs >= 0]] = _alike(found, mine[theirs >= 0], theirs[theirs >= 0]) >= likeness(encoder).root
        in_tree = kids[joins]
        forest.parents[in_tree], forest.strengths[in_tree] = nearest[in_tree], strength[in_tree]
        forest.roots[in_tree] = roots[joins]
        ready = kids
    return forest


def _places(size: int, rows: Integers) -> Integers:
    places = np.full(size, -1, np.int64)
    places[rows] = np.arange(len(rows))
    return places


def _alike(found: Gists, mine: Integers, theirs: Integers) -> NDArray[np.float64]:
    """Cosines of pairs (n,), some thousands at a time."""
    out = np.empty(len(mine))
    for start in range(0, len(mine), _COLUMNS):
        a, b = mine[start : start + _COLUMNS], theirs[start : start + _COLUMNS]
        out[start : start + _COLUMNS] = np.einsum("nd,nd->n", found.codes[a], found.codes[b], dtype=np.int32)
    return out / (found.norms[mine] * found.norms[theirs])
