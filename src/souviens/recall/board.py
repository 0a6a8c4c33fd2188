"""The candidates of a question and what each signal gives them, in arrays: nothing here goes through them one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from souviens.index import traits
from souviens.index.layout import UNKNOWN, Allowed, Integers, Layout, Mask
from souviens.index.port import Found, Postings
from souviens.index.text import HEADER, OTHER, SILENT, STATEMENT
from souviens.recall.relative import Span
from souviens.recall.weights import BY_WORDS, CHANCE, ENOUGH, FLOOR, RANGE, RULES, Weights
from souviens.records import ROLES

Floats: TypeAlias = NDArray[np.float64]
_USER, _MODEL = ROLES.index("user"), ROLES.index("assistant")
_BEST = 100  # candidates whose neighbours, and whose conversations' openings, become candidates too
_BESIDE = (-2, -1, 1, 2)
_LIFT = 0.35  # a conversation of many turns would have less than nothing without it
# Signals that a person's turn has by its traits, and the trait that stands for each.
_TRAITS = {
    "number": traits.NUMBER,
    "name": traits.NAME,
    "self": traits.SELF,
    "moment": traits.MOMENT,
    "rule": traits.RULE,
    "leaning": traits.LEANING,
}


class Board:
    """positions: of the candidates, ascending, into the layout. rows: of their records. shares: signal -> its part (n,).
    evidence: how much speaks for there being an answer at all, 0 to 3; without vectors 0 to 1."""

    def __init__(
        self, layout: Layout, postings: Postings, vectors: Found, weights: Weights, allowed: Allowed | None = None
    ) -> None:
        self.layout, self.postings, self.weights = layout, postings, weights
        # Over the best there is; but where that holds few of the words, what is best among them is little.
        held = float((postings.scores > 0).mean(axis=0).max(initial=0.0)) if len(postings.terms) else 0.0
        self._worth = min(1.0, held / ENOUGH)
        self._best_words = float(postings.scores.sum(axis=0).max(initial=0.0))
        self._near = _known(layout, vectors)
        self.shares: dict[str, Floats] = {}
        self._take(np.union1d(np.union1d(self._wordiest(), self._near[0]), self._rules(allowed)))
        self._surround()
        self._score()

    # --- candidates ---------------------------------------------------------------------------------------------------

    def _take(self, positions: Integers) -> None:
        self.positions = positions
        self.rows = self.layout.span[positions]
        self.roles = self.layout.roles[positions]
        self.turns = (self.roles < HEADER) | (self.roles == OTHER)
        self.headers = self.roles == HEADER

    def _wordiest(self) -> Integers:
        scores = self.postings.scores.sum(axis=0)
        best = np.lexsort((self.postings.positions, -scores))[:BY_WORDS]
        return self.postings.positions[best]

    def _rules(self, allowed: Allowed | None) -> Integers:
        """Standing instructions: they hold for questions they share nothing with, so nothing else would find them."""
        if not self.weights.rule:
            return np.empty(0, np.int64)
        rules, visible = self.layout.rules, self.layout.allowed(allowed)
        return rules[:RULES] if visible is None else rules[visible[self.layout.span[rules]]][:RULES]

    def _surround(self) -> None:
        """Let the turns beside the best candidates, and the openings of their conversations, be candidates: an answer need not
        share a word with its question. Of the same record, so the scope that let one pass lets the other."""
        first = self.weights.words * self._own(self.positions) + self.weights.vectors * self._closeness(self.positions)
        best = np.argsort(-first, kind="stable")[:_BEST]
        best = best[self.turns[best]]
        beside = (self.positions[best, None] + _BESIDE).ravel()
        rows = np.repeat(self.rows[best], len(_BESIDE))
        openings = self.layout.openings[np.unique(self.rows[best])]
        inside = (beside >= 0) & (beside < self.layout.size)
        beside, rows = beside[inside], rows[inside]
        beside = beside[self.layout.span[beside] == rows]
        added = np.concatenate((beside, openings[openings >= 0]))
        # Never a title, nor what has no words, as a hidden one.
        roles = self.layout.roles[added]
        self._take(np.union1d(self.positions, added[(roles < SILENT) & (roles != HEADER)]))

    # --- signals ------------------------------------------------------------------------------------------------------

    def _enter(self, signal: str, values: Floats | Mask) -> None:
        """A signal of each candidate, 0 to 1, times its weight."""
        self.shares[signal] = getattr(self.weights, signal) * values

    def _score(self) -> None:
        layout, positions = self.layout, self.positions
        near = self._closeness(positions)
        said = (self.roles == _USER) | (self.roles == STATEMENT)
        marks = layout.traits[positions]
        self._enter("words", self._own(positions))
        best = self._surroundings()
        self.evidence = self._evidence(best, near)
        self._enter("around", self._around(best))
        self._enter("vectors", near)
        self._enter("clause", near)
        self._enter("near", np.maximum(*(self._beside(positions, near, step) for step in (-1, 1))))
        self._enter("conversation", self._conversation())
        self._enter("person", said)
        self._enter("model", self.roles == _MODEL)
        # Between persons, what is said first is a greeting.
        self._enter("opening", (layout.openings[self.rows] == positions) & (layout.speakers[positions] < 0))
        self._enter("answer", self._after_a_question())
        self._enter("recent", self._recent())
        for signal, mark in _TRAITS.items():
            self._enter(signal, marks & mark != 0)

    def _own(self, positions: Integers) -> Floats:
        """BM25 of each position over the best there is."""
        found = self._term_scores(positions).sum(axis=0)
        return np.asarray(self._worth * found / self._best_words if self._best_words else found)

    def _term_scores(self, positions: Integers) -> Floats:
        """What each term gives each position, (terms, n); 0 for a position that is none."""
        held = self.postings.positions
        out = np.zeros((len(self.postings.scores), len(positions)))
        if len(held):
            at = np.minimum(np.searchsorted(held, positions), len(held) - 1)
            there = held[at] == positions
            out[:, there] = self.postings.scores[:, at[there]]
        return out

    def _surroundings(self) -> Floats:
        """The best of each term in a turn, in those within two of it and in the title: (terms, n)."""
        beside = [self.positions + step for step in _BESIDE]
        places = np.concatenate((self.positions, *(np.where(self._same_record(at), at, -1) for at in beside)))
        found = self._term_scores(places).reshape(len(self.postings.scores), 1 + len(_BESIDE), len(self.positions))
        best: Floats = found.max(axis=1)
        titles = self._term_scores(self.layout.offsets[self.rows])
        return np.where(self.turns, np.maximum(best, titles), best)

    def _around(self, best: Floats) -> Floats:
        """Words of a turn and its surroundings together, each term once, over the best candidate."""
        found = best.sum(axis=0)
        return np.asarray(self._worth * found / max(found.max(initial=0.0), 1e-9))

    def _evidence(self, best: Floats, near: Floats) -> float:
        """How much speaks for there being an answer at all: of one candidate, how many of the words stand around it and how near
        in meaning it is."""
        if not len(self.positions):
            return 0.0
        covered = (best > 0).mean(axis=0) if len(best) else np.zeros(len(self.positions))
        return float((covered + 2 * near).max() if len(self._near[0]) else covered.max())

    def _same_record(self, positions: Integers) -> Mask:
        """Is this, beside each candidate, a turn of the same record?"""
        inside = np.clip(positions, 0, self.layout.size - 1)
        same = (inside == positions) & (self.layout.span[inside] == self.rows) & self.turns
        return np.asarray(same & (self.layout.roles[inside] & ~np.uint8(SILENT) != HEADER))

    def _closeness(self, positions: Integers) -> Floats:
        """Cosine of each position above FLOOR, 0 for those that were not among the nearest."""
        held, cosines = self._near
        out = np.zeros(len(positions))
        if len(held):
            at = np.minimum(np.searchsorted(held, positions), len(held) - 1)
            out = np.where(held[at] == positions, np.clip((cosines[at] - FLOOR) / RANGE, 0.0, 1.0), 0.0)
        return out

    def _beside(self, positions: Integers, values: Floats, step: int) -> Floats:
        """The value of the candidate `step` further in the same record; 0 if that is no turn among them."""
        at = np.minimum(np.searchsorted(positions, positions + step), len(positions) - 1)
        same = (positions[at] == positions + step) & (self.rows[at] == self.rows) & self.turns[at] & self.turns
        return np.where(same, values[at], 0.0)

    def _conversation(self) -> Floats:
        """How near the nearest turn of the same conversation is, less what the best of so many is by chance."""
        held, cosines = self._near
        best = np.zeros(len(self.layout.seqs))
        np.maximum.at(best, self.layout.span[held], cosines)
        chance = CHANCE * np.log(np.maximum(self.layout.counts[self.rows] - 1, 1))
        return np.where(best[self.rows] > 0, np.clip(best[self.rows] - chance + _LIFT, 0.0, 1.0), 0.0)

    def _recent(self) -> Floats:
        """How far from the first moment of the history to its last: 0 to 1; 0 for what has no time."""
        times, (first, last) = self.layout.times[self.positions], self.layout.reach or (0, 0)
        return np.where(times == UNKNOWN, 0.0, (times - float(first)) / max(last - first, 1))

    def _after_a_question(self) -> Mask:
        """A person's turn after a question of another person."""
        before = self.positions - 1
        asked = self._same_record(before) & (self.layout.traits[np.maximum(before, 0)] & traits.ASKS != 0)
        return np.asarray(asked & (self.roles == _USER))

    def closer(self, best: Integers, cosines: NDArray[np.float32]) -> None:
        """How near candidates `best` are in meaning, exactly: given their cosines with the question and then with each of its
        clauses, (1 + clauses, n). Until then, who was not among the nearest counts as far, and a clause is as near as the whole."""
        near = np.clip((cosines - FLOOR) / RANGE, 0.0, 1.0)
        self.shares["vectors"][best] = self.weights.vectors * near[0]
        self.shares["clause"][best] = self.weights.clause * (near[1:] if len(near) > 1 else near).max(axis=0)

    def speaker(self, named: Iterable[int]) -> None:
        """named: of `layout.names`, those the question names. One alone tells whose words are asked for."""
        chosen = set(named)
        speakers = self.layout.speakers[self.positions]
        if len(chosen) == 1:
            self._enter("speaker", np.where(speakers == chosen.pop(), 1.0, np.where(speakers < 0, 0.5, 0.0)))

    def dates(self, spans: Iterable[Span]) -> None:
        times = self.layout.times[self.positions]
        told = np.zeros(len(times))
        for start, end, strength in spans:
            told = np.where((times != UNKNOWN) & (times >= start) & (times < end), np.maximum(told, strength), told)
        self._enter("date", told)

    def project(self, id: str | None) -> None:
        """id: of the imported topic the question is asked from, None for none."""
        rows, inside = np.unique(self.rows, return_inverse=True)
        here = np.array([id is not None and self.layout.projects[row] == id for row in rows.tolist()], np.bool_)
        self._enter("project", here[inside] if len(rows) else np.zeros(0))

    def looked(self, signal: str, where: Mask) -> None:
        """A signal that only the records tell."""
        self._enter(signal, where)

    # --- the sum ------------------------------------------------------------------------------------------------------

    def total(self) -> Floats:
        return sum(self.shares.values(), np.zeros(len(self.positions)))

    def scores(self) -> Floats:
        """The sum of all shares; of a title, part of it."""
        total = self.total()
        total[self.headers] *= self.weights.title
        return total

    def ranked(self) -> Integers:
        """The candidates with any score, best first; equals in the order of the layout."""
        scores = self.scores()
        order = np.lexsort((self.positions, -scores))
        return order[scores[order] > 0]


def _known(layout: Layout, found: Found) -> tuple[Integers, Floats]:
    """(positions, ascending, scores) of what was found and is in the layout."""
    positions = layout.positions(found.units)
    order = np.argsort(positions, kind="stable")
    order = order[positions[order] >= 0]
    return positions[order], found.scores[order]
