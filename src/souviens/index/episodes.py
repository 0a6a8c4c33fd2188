"""Episodes: where a conversation turns to something else, or is taken up again after a pause.

Exchanges (a person's turn and what answers it) are compared with those beside them. A valley between two hills of similarity is
where an episode begins, as in Hearst's TextTiling, but with a fixed depth: a conversation that stays with its subject has one.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from souviens.index.gist import DIMENSIONS, sketch, turns
from souviens.index.layout import UNKNOWN, Integers
from souviens.index.telling import folded, general, words_of
from souviens.index.text import HEADER, SILENT, Run
from souviens.records import ROLES

PAUSE = 6 * 3_600 * 1_000_000  # microseconds without a word, after which an episode begins
BLOCK = 2  # exchanges on each side that are compared
OPENING = 240  # characters of a turn that are compared by words
DEPTH, ALIKE = 0.30, 0.45  # how deep a valley is at least, and how alike its sides are at most: by vectors
WORDS_DEPTH, WORDS_ALIKE = 0.20, 0.05  # and by words
_USER = ROLES.index("user")


def exchanges(roles: NDArray[np.uint8]) -> Integers:
    """The ordinals at which exchanges begin, given the roles of a conversation's units; of one without a person, every turn."""
    spoken = np.flatnonzero((roles < SILENT) & (roles != HEADER))
    asked = spoken[roles[spoken] == _USER]
    starts = asked if len(asked) else spoken
    return np.union1d(spoken[:1], starts)


def by_time(roles: NDArray[np.uint8], times: NDArray[np.int64]) -> Integers:
    """The ordinals after the first at which a new episode begins: the first exchange after each pause."""
    starts = exchanges(roles)
    known = np.flatnonzero((times != UNKNOWN) & (roles & ~np.uint8(SILENT) != HEADER))
    late = known[1:][np.diff(times[known]) >= PAUSE]
    first = np.searchsorted(starts, late)
    return np.unique(starts[first[(first < len(starts)) & (first > 0)]])


def by_words(run: Run) -> Integers:
    """The same, and where the words of the exchanges turn to something else."""
    roles = np.array([unit.role | (0 if unit.text else SILENT) for unit in run.units], np.uint8)
    times = np.array([UNKNOWN if unit.time is None else unit.time for unit in run.units], np.int64)
    starts, pauses = exchanges(roles), by_time(roles, times)
    if len(starts) < 2 * BLOCK:
        return pauses
    sums = np.zeros((len(starts), DIMENSIONS))
    for n, (start, end) in enumerate(pairwise([*starts.tolist(), len(roles)])):
        forms = {folded(word) for unit in run.units[start : min(end, start + 2)] for word in words_of(unit.text[:OPENING])}
        sums[n] = sketch((form, 1) for form in forms if not general(form))
    return np.union1d(pauses, starts[valleys(sums, WORDS_DEPTH, WORDS_ALIKE)])


def by_vectors(
    roles: NDArray[np.uint8], times: NDArray[np.int64], ordinals: NDArray[np.int64], codes: NDArray[np.int8]
) -> Integers:
    """The same, and where the vectors (n, d) of the exchanges turn to something else. ordinals: the unit of each vector."""
    starts, pauses = exchanges(roles), by_time(roles, times)
    if len(starts) < 2 * BLOCK or not len(codes):
        return pauses
    place = np.searchsorted(starts, ordinals, "right") - 1
    sums = np.zeros((len(starts), codes.shape[1]))
    np.add.at(sums, np.maximum(place, 0), turns(roles, ordinals, codes))
    return np.union1d(pauses, starts[valleys(sums, DEPTH, ALIKE)])


def valleys(sums: NDArray[np.float64], depth: float, alike: float) -> Integers:
    """Which exchanges (n, d) begin something else than those before them."""
    totals = np.concatenate((np.zeros((1, sums.shape[1])), np.cumsum(sums, axis=0)))
    gaps = np.arange(1, len(sums))
    left = totals[gaps] - totals[np.maximum(gaps - BLOCK, 0)]
    right = totals[np.minimum(gaps + BLOCK, len(sums))] - totals[gaps]
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    height = (left * right).sum(1) / np.maximum(lengths, 1e-9)
    deep = (_hill(height) - height) + (_hill(height[::-1])[::-1] - height) >= depth
    lowest = (height <= np.append(height[1:], np.inf)) & (height < np.append(np.inf, height[:-1]))
    found: Integers = gaps[lowest & deep & (height <= alike)]
    return found


def _hill(alike: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each gap the height reached by climbing to the left as long as it goes up."""
    hill = alike.copy()
    for n in range(1, len(hill)):
        if alike[n - 1] >= alike[n]:
            hill[n] = hill[n - 1]
    return hill
