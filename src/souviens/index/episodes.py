"""Episodes: where a conversation turns to something else, or is taken up again after a pause.

Exchanges (a person's turn and what answers it) are compared with those beside them. A valley between two hills of similarity is
where an episode begins, as in Hearst's TextTiling, but with a fixed depth: a conversation that stays with its subject has one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from souviens.index.gist import turns
from souviens.index.layout import UNKNOWN, Integers
from souviens.index.telling import compared
from souviens.index.text import HEADER, SILENT
from souviens.records import ROLES

PAUSE = 6 * 3_600 * 1_000_000  # microseconds without a word, after which an episode begins
# How deep a valley is at least, and how alike its sides are at most, by vectors and by words: docs/LOG.md has what was tried.
DEPTH, ALIKE = 0.20, 0.40
WORDS_DEPTH, WORDS_ALIKE = 0.10, 0.10
BLOCK, WORDS_BLOCK = 1, 2  # exchanges on each side that are compared: single ones share few words
_USER = ROLES.index("user")


def exchanges(roles: NDArray[np.uint8]) -> Integers:
    """The ordinals at which exchanges begin, given the roles of a conversation's units; of one without a person, every turn."""
    spoken = np.flatnonzero((roles < SILENT) & (roles != HEADER))
    asked = spoken[roles[spoken] == _USER]
    starts = asked if len(asked) else spoken
    return starts if not len(spoken) or starts[0] == spoken[0] else np.concatenate((spoken[:1], starts))


def by_time(roles: NDArray[np.uint8], times: NDArray[np.int64], starts: Integers) -> Integers:
    """The ordinals after the first at which a new episode begins: the first of the exchanges `starts` after each pause."""
    known = np.flatnonzero((times != UNKNOWN) & (roles & ~np.uint8(SILENT) != HEADER))
    late = known[1:][np.diff(times[known]) >= PAUSE]
    if not len(late):
        return late
    first = np.searchsorted(starts, late)
    return np.unique(starts[first[(first < len(starts)) & (first > 0)]])


def by_words(roles: NDArray[np.uint8], times: NDArray[np.int64], starts: Integers, openings: Sequence[Sequence[str]]) -> Integers:
    """The same, and where the words turn to something else. openings: of each of the exchanges `starts` the words it opens with."""
    pauses = by_time(roles, times, starts)
    if len(starts) < 2 * WORDS_BLOCK:
        return pauses
    said = [set(map(compared, words)) - {""} for words in openings]
    # Of each exchange and the one after it, so of a block of two (WORDS_BLOCK): the sets of both sides of every gap.
    blocks = [one | other for one, other in pairwise([*said, set()])]
    heights = np.array(
        [
            len(left & right) / math.sqrt(max(len(left) * len(right), 1))
            for left, right in zip([said[0], *blocks], blocks[1:], strict=False)
        ]
    )
    return _together(pauses, starts[valleys(heights, WORDS_DEPTH, WORDS_ALIKE)])


def by_vectors(
    roles: NDArray[np.uint8], times: NDArray[np.int64], ordinals: NDArray[np.int64], codes: NDArray[np.int8]
) -> Integers:
    """The same, and where the vectors (n, d) of the exchanges turn to something else. ordinals: the unit of each vector."""
    starts = exchanges(roles)
    pauses = by_time(roles, times, starts)
    if len(starts) < 2 or not len(codes):
        return pauses
    place = np.searchsorted(starts, ordinals, "right") - 1
    sums = np.zeros((len(starts), codes.shape[1]))
    np.add.at(sums, np.maximum(place, 0), turns(roles, ordinals, codes))
    totals = np.concatenate((np.zeros((1, sums.shape[1])), np.cumsum(sums, axis=0)))
    gaps = np.arange(1, len(sums))
    left = totals[gaps] - totals[np.maximum(gaps - BLOCK, 0)]
    right = totals[np.minimum(gaps + BLOCK, len(sums))] - totals[gaps]
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    heights = (left * right).sum(1) / np.maximum(lengths, 1e-9)
    return _together(pauses, starts[valleys(heights, DEPTH, ALIKE)])


def _together(pauses: Integers, turns: Integers) -> Integers:
    return np.union1d(pauses, turns) if len(pauses) else turns


def valleys(heights: NDArray[np.float64], depth: float, alike: float) -> Integers:
    """Which exchanges begin something else, given how alike the sides of each gap are (n - 1,)."""
    deep = (_hill(heights) - heights) + (_hill(heights[::-1])[::-1] - heights) >= depth
    lowest = (heights <= np.append(heights[1:], np.inf)) & (heights < np.append(np.inf, heights[:-1]))
    if len(heights) < 3:  # too short for hills
        deep = np.ones(len(heights), np.bool_)
    found: Integers = 1 + np.flatnonzero(lowest & deep & (heights <= alike))
    return found


def _hill(alike: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each gap the height reached by climbing to the left as long as it goes up."""
    hill = alike.tolist()  # a loop over an array costs three times as much
    before = list(hill)
    for n in range(1, len(hill)):
        if before[n - 1] >= before[n]:
            hill[n] = hill[n - 1]
    return np.array(hill, np.float64)
