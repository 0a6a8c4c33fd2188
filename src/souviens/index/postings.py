"""What each term of a question gives each unit that holds it: BM25 over the occurrences the full text keeps.

SQLite's own bm25() reads a row of lengths for every match, which took 5 of the 6 ms a question spent here (108,000 units,
measured). The lengths stand in the layout instead, as bytes of UTF-8: beside their mean they say what a count of words says, in
any script.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from souviens.index import schema
from souviens.index.contents import Contents
from souviens.index.layout import Integers, Layout, Mask
from souviens.index.port import Postings
from souviens.index.words import Term

# How soon saying it again stops counting, and how much a long text has to say it more often. The usual values are 1.2 and 0.75;
# these gain half a point on histories with a model, whose turns are long, and cost as much between persons (docs/LOG.md).
K1, B = 1.8, 1.0
# What a question costs is the number of postings it reads, and its commonest words bring the most and tell the least: the rarest
# are kept as far as POSTINGS go. Below SMALL units every word is cheap. FEWEST stay whatever they cost.
POSTINGS, SMALL, FEWEST = 6_000, 5_000, 2
COUNTED = 4_000  # beyond so many in the sample, how common a word is does not matter
ENOUGH = 2_000  # units that make a sample


def read(contents: Contents, layout: Layout, terms: Sequence[Term], visible: Mask | None) -> Postings:
    """The postings of the terms worth their cost. visible: which spans may be seen, None for all."""
    kept = _worth(contents, layout, terms)
    rows = [_held_by(contents, layout, term, visible) for term in kept]
    positions = np.unique(np.concatenate([places for places, _ in rows])) if rows else np.empty(0, np.int64)
    scores = np.zeros((len(rows), len(positions)))
    for row, (places, values) in zip(scores, rows, strict=True):
        row[np.searchsorted(positions, places)] = values
    return Postings(kept, positions, scores, scores.max(axis=1, initial=0.0))


def _worth(contents: Contents, layout: Layout, terms: Sequence[Term]) -> tuple[Term, ...]:
    """The rarest terms, as many as `POSTINGS` allow, in their order; the `FEWEST` rarest and what was quoted always stay."""
    if layout.size < SMALL:
        return tuple(terms)
    sample = int(layout.counts[layout.firsts < schema.SAMPLE_END].sum())
    size, end = (sample, schema.SAMPLE_END) if sample >= ENOUGH else (layout.size, 1 << 62)
    left = int(POSTINGS * size / layout.size)  # postings of the sample
    most = max(left, COUNTED) + 1
    kept: set[Term] = set()
    for count, _, term in sorted((contents.count(term.expression, end, most), n, term) for n, term in enumerate(terms)):
        if term.quoted or len(kept) < FEWEST or count <= left:
            kept.add(term)
            left -= count
    return tuple(term for term in terms if term in kept)


def _held_by(contents: Contents, layout: Layout, term: Term, visible: Mask | None) -> tuple[Integers, NDArray[np.float64]]:
    """(positions ascending, BM25) of the units that hold a term; of a unit that holds several of its forms, the best.

    Every match comes out and is ranked later: the scope has to be applied before the best are taken, and equals put in an order
    that a rebuild keeps.
    """
    forms = [contents.occurrences(term.words), *(contents.occurrences(stem, beginning=True) for stem in term.stems)]
    found = [_weighed(layout, units, times, visible) for units, times in forms]
    if len(found) == 1:
        return found[0]
    positions, scores = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((-scores, positions))
    unique, first = np.unique(positions[order], return_index=True)
    return unique, scores[order][first]


def _weighed(layout: Layout, units: Integers, times: Integers, visible: Mask | None) -> tuple[Integers, NDArray[np.float64]]:
    """(positions, BM25) of units that hold a word so many times, without those that are not to be seen."""
    positions = layout.positions(units)
    seen = positions >= 0
    if visible is not None:
        seen[seen] = visible[layout.span[positions[seen]]]
    positions, often = positions[seen], times[seen].astype(np.float64)
    # Counted among what may be seen: what is hidden must not show in a score.
    rarity = max(math.log((layout.texts - len(positions) + 0.5) / (len(positions) + 0.5)), 1e-6)
    length = layout.lengths[positions] / layout.mean_length
    return positions, rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * length))
