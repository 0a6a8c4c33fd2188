"""The candidates of a question and what each signal gives them, in arrays: nothing here goes through them one by one."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from souviens.index.layout import UNKNOWN, Integers, Layout, Mask
from souviens.index.port import Hit
from souviens.index.text import HEADER, OTHER, SILENT
from souviens.recall.weights import Weights
from souviens.records import ROLES

Floats: TypeAlias = NDArray[np.float64]
_USER = ROLES.index("user")
_SURROUNDED = 100  # best candidates whose neighbours become candidates too


class Board:
    """positions: of the candidates, ascending, into the layout. rows: of their records. shares: signal -> its part (n,)."""

    def __init__(self, layout: Layout, words: list[Hit], vectors: list[Hit], weights: Weights) -> None:
        self.layout, self.weights = layout, weights
        self.positions: Integers = np.empty(0, np.int64)
        self.shares: dict[str, Floats] = {}
        found = {"words": _scored(layout, words, 0.0, 0.0), "vectors": _scored(layout, vectors, weights.floor, weights.least)}
        mix = {"words": weights.words, "vectors": weights.vectors}
        self._take(np.unique(np.concatenate([positions for positions, _ in found.values()])))
        for signal, (positions, scores) in found.items():
            self.shares[signal] = np.zeros(len(self.positions))
            self.shares[signal][np.searchsorted(self.positions, positions)] = mix[signal] * scores
        self._surround()

    def _take(self, positions: Integers) -> None:
        self.positions = positions
        self.rows = self.layout.span[positions]
        self.roles = self.layout.roles[positions]
        self.turns = (self.roles < HEADER) | (self.roles == OTHER)
        self.headers = self.roles == HEADER

    def _surround(self) -> None:
        """Let the turns beside the best candidates be candidates: an answer need not share a word with its question."""
        best = np.argsort(-self.total(), kind="stable")[:_SURROUNDED]
        best = best[self.turns[best]]
        beside = (self.positions[best, None] + (-2, -1, 1, 2)).ravel()
        rows = np.repeat(self.rows[best], 4)
        inside = (beside >= 0) & (beside < self.layout.size)
        beside, rows = beside[inside], rows[inside]
        # Of the same record, so the scope that let one pass lets the other; never a title, or what has no words, as a hidden one.
        roles = self.layout.roles[beside]
        beside = beside[(self.layout.span[beside] == rows) & (roles < SILENT) & (roles != HEADER)]
        before, shares = self.positions, self.shares
        self._take(np.union1d(before, beside))
        place = np.searchsorted(self.positions, before)
        self.shares = {signal: np.zeros(len(self.positions)) for signal in shares}
        for signal, values in shares.items():
            self.shares[signal][place] = values

    def total(self) -> Floats:
        return sum(self.shares.values(), np.zeros(len(self.positions)))

    def times(self, signal: str, factor: float, where: Mask) -> None:
        """A boost by a factor, entered as the share it adds."""
        self.shares[signal] = np.where(where, (factor - 1) * self.total(), 0.0)

    def person(self) -> None:
        self.times("person", self.weights.person, self.roles == _USER)

    def neighbours(self) -> None:
        """To each turn, part of the score of the best turn within two. The best one's and not the sum of all: a long reply that
        repeats the question's words on both sides is one reason, not two (docs/LOG.md)."""
        own, added = np.where(self.turns, self.total(), 0.0), np.zeros(len(self.positions))
        near, further = self.weights.near, self.weights.further
        for step, weight in ((-2, further), (-1, near), (1, near), (2, further)):
            there = np.minimum(np.searchsorted(self.positions, self.positions + step), len(self.positions) - 1)
            same = (self.positions[there] == self.positions + step) & (self.rows[there] == self.rows) & self.turns
            added = np.maximum(added, np.where(same, weight * own[there], 0.0))
        self.shares["neighbours"] = added

    def dates(self, spans: list[tuple[int, int]]) -> None:
        times = self.layout.times[self.positions]
        named = np.zeros(len(times), np.bool_)
        for start, end in spans:
            named |= (times != UNKNOWN) & (times >= start) & (times < end)
        self.times("date", self.weights.date, named)

    def subject(self) -> None:
        """Part of the score of the best turn of the same record."""
        total = self.total()
        rows, inverse = np.unique(self.rows, return_inverse=True)
        best = np.zeros(len(rows))
        np.maximum.at(best, inverse, total)
        self.shares["subject"] = self.weights.subject * best[inverse] / (total.max() or 1.0)

    def ranked(self) -> Integers:
        """The candidates with any score, best first; equals in the order of the layout."""
        total = self.total()
        total[self.headers] *= self.weights.title
        order = np.lexsort((self.positions, -total))
        return order[total[order] > 0]


def _scored(layout: Layout, hits: list[Hit], floor: float, least: float) -> tuple[Integers, Floats]:
    """(positions, scores above the floor over the best of them). The best counts as `least` at least: a faint best is no 1."""
    positions = layout.positions(np.array([hit.unit for hit in hits], np.int64))
    scores = np.maximum(np.array([hit.score for hit in hits], np.float64) - floor, 0.0)
    known = (positions >= 0) & (scores > 0)
    scores = scores[known] / max(scores.max(initial=0.0), least, 1e-12)
    return positions[known], scores
