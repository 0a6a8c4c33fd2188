"""From a question to ranked items with their reasons."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeAlias

import numpy as np

from souviens.canon import utc
from souviens.encode import Encoder
from souviens.grants import OWNER, Scope
from souviens.index.layout import UNKNOWN
from souviens.index.port import Index, lag
from souviens.recall.board import Board
from souviens.recall.kinds import Kind
from souviens.recall.meaning import encoded, mean
from souviens.recall.moments import moments, sides
from souviens.recall.pages import Page, Pages, Read
from souviens.recall.question import Question, read, words_of
from souviens.recall.relative import told
from souviens.recall.weights import CLOSER, LIKELY, LIKELY_BY_WORDS, LOOKED_AT, TABLE, Weights
from souviens.records import Memory, Message, Record, Topic, spoken
from souviens.vault.store import Store

Unit: TypeAlias = Literal["message", "window", "conversation"]
WINDOW = 2  # turns before and after the one that was found


class Item(Record, frozen=True, omit_defaults=False):
    """Something found. kind: message, window, conversation, memory or topic. id: of that thing (a window's is its message's).

    text: what was said, whole. time: RFC 3339 UTC, None if unknown. path: from provider over project to conversation, in words.
    why: each signal's share of the score; the shares add up to 1.
    """

    id: str
    kind: str
    conversation: str | None
    message: str | None
    role: str | None
    provider: str
    text: str
    time: str | None
    path: tuple[str, ...]
    score: float
    why: dict[str, float]


class Recall(Record, frozen=True, omit_defaults=False):
    """An answer. encoder: id of the one that took part, None when words did it alone; note says why. likely: is it likely that the
    question is answered here? Where not, the items are the nearest there is. kind: of the question, see `kinds`."""

    query: str
    items: tuple[Item, ...]
    encoder: str | None
    seconds: float
    note: str = ""
    likely: bool = True
    kind: Kind = "lookup"


def ask(
    question: str,
    k: int,
    *,
    store: Store,
    index: Index,
    encoder: Encoder | None,
    scope: Scope = OWNER,
    unit: Unit = "message",
    weights: Mapping[Kind, Weights] = TABLE,
    now: int | None = None,
    project: str | None = None,
) -> Recall:
    """The k things that answer a question best. Words alone when there is no encoder or it fails; `note` says so.

    unit: what the items are; memories and topics stand among them whatever it is. Messages are what is asked for by default: a
    message can be cited and its date is exact. now: when it is asked, microseconds UTC, for what is said relative to it ("last
    spring"); None: nothing relative is read. project: id of the imported topic it is asked from, whose own conversations count
    more. A window or conversation holds its best message's score and more text, so among messages it would be the same answer
    twice.
    """
    started = time.monotonic()
    index.sync(store)
    asked = read(question)
    allowed = None if scope.sees_all else scope.allows
    items: tuple[Item, ...] = ()
    likely = False
    # The encoder takes one core and the full text another: a third of the time of a question.
    with index.reading() as layout, ThreadPoolExecutor(1) as beside:
        vectors = beside.submit(encoded, asked, encoder)
        named = [n for n, name in enumerate(layout.names) if asked.names(name)]
        postings = index.postings(asked.terms(layout.names[n] for n in named), allowed)
        meaning = mean(asked, vectors.result(), index, encoder, allowed)
        if k > 0 and (len(postings.positions) or len(meaning.found.units)):
            board = Board(layout, postings, meaning.found, weights[asked.kind], allowed)
            board.speaker(named)
            board.project(project)
            pages = Pages(store)
            events = moments(asked, meaning, index, pages, allowed)
            board.dates([*told(asked.text, now, layout.years), *sides(events, layout)])
            if meaning.encoder:
                best = np.sort(board.ranked()[:CLOSER])
                board.closer(best, index.closeness(meaning.encoder, meaning.vectors, board.positions[best]))
            items = _Answer(board, asked, pages, unit).items(k)
            likely = bool(items) and board.evidence >= (LIKELY if meaning.encoder else LIKELY_BY_WORDS)
    note = "; ".join(filter(None, (lag(index), meaning.note)))
    return Recall(question, items, meaning.encoder, round(time.monotonic() - started, 4), note, likely, asked.kind)


class _Answer:
    """A board, ranked: first by what the index knows of all candidates, then by what the records of the best of them say."""

    def __init__(self, board: Board, asked: Question, pages: Pages, unit: Unit) -> None:
        self.board, self.asked, self.pages, self.unit = board, asked, pages, unit
        self.layout, self.weights = board.layout, board.weights

    def items(self, k: int) -> tuple[Item, ...]:
        board = self.board
        self._look(board.ranked()[:LOOKED_AT].tolist())
        items: list[Item] = []
        shown: dict[int, list[int]] = {}  # row -> positions that are in an item already
        with_turns = set(board.rows[~board.headers].tolist())
        for n in board.ranked().tolist():
            row, position = int(board.rows[n]), int(board.positions[n])
            # A title lifts its conversation; it is an item of its own only if no turn was found.
            if self.layout.kinds[row] == "conversation" and (
                (board.headers[n] and row in with_turns) or self._covered(position, shown.get(row, []))
            ):
                continue
            item = self._item(n, row, position)
            if item is not None:
                shown.setdefault(row, []).append(position)
                items.append(item)
            if len(items) == k:
                break
        return tuple(items)

    def _covered(self, position: int, shown: list[int]) -> bool:
        """Does an item before hold this turn already?"""
        if self.unit == "window":
            return any(abs(position - other) <= WINDOW for other in shown)
        return self.unit == "conversation" and bool(shown)

    def _look(self, best: list[int]) -> None:
        """What only the records say: what a person confirmed, and whether quoted words stand there as they were asked for."""
        confirmed, quoted = (np.zeros(len(self.board.positions), np.bool_) for _ in range(2))
        for n in best:
            if self.layout.kinds[int(self.board.rows[n])] == "memory":
                record = self.pages.read(int(self.layout.seqs[self.board.rows[n]]))
                confirmed[n] = isinstance(record, Memory) and record.status == "confirmed"
            if self.asked.quoted:
                row = self.board.rows[n]
                text = self.pages.text(int(self.layout.seqs[row]), int(self.board.positions[n] - self.layout.offsets[row]))
                words = f" {' '.join(words_of(text))} "
                quoted[n] = all(f" {phrase} " in words for phrase in self.asked.quoted)
        self.board.looked("confirmed", confirmed)
        self.board.looked("quoted", quoted)

    def _item(self, n: int, row: int, position: int) -> Item | None:
        """What stands at a position, with its reasons; None for a memory a person has rejected."""
        seq, ordinal = int(self.layout.seqs[row]), position - int(self.layout.offsets[row])
        record, text = self.pages.read(seq), self.pages.text(seq, ordinal)
        if isinstance(record, Memory):
            path = (self.pages.topic(record.topic), f"{record.status} memory")
            return None if record.status == "rejected" else self._made(n, record, "memory", record.id, text, path)
        if isinstance(record, Topic):
            path = (record.name, record.documents[ordinal - 1].name if ordinal else "")
            return self._made(n, record, "topic", record.id, text, path)
        path = (self.pages.topic(record.head.project), record.head.title)
        if not ordinal:
            return self._made(n, record, "conversation", record.id, text, path)
        message = self.pages.message(record, ordinal - 1)
        if self.unit == "window":
            around = self.pages.messages(record, ordinal - 1 - WINDOW, ordinal + WINDOW)
            return self._made(n, record, "window", message.id, _dialogue(around), path, message)
        if self.unit == "conversation":
            return self._made(n, record, "conversation", record.id, text, path, message)
        return self._made(n, record, "message", message.id, text, path, message)

    def _made(
        self, n: int, record: Read, kind: str, id: str, text: str, path: tuple[str, ...], message: Message | None = None
    ) -> Item:
        shares = {signal: float(values[n]) for signal, values in self.board.shares.items() if values[n] > 0}
        score = sum(shares.values())
        strongest = sorted(shares.items(), key=lambda pair: -pair[1])
        us = int(self.layout.times[self.board.positions[n]])
        return Item(
            id=id,
            kind=kind,
            conversation=record.id if isinstance(record, Page) else None,
            message=message.id if message else None,
            role=message.role if message else None,
            provider=record.provider,
            text=text,
            time=utc(us) if us != UNKNOWN else None,
            path=tuple(filter(None, (record.provider, *path))),
            score=round(score, 4),
            why={signal: round(share / score, 3) for signal, share in strongest},
        )


def _dialogue(messages: list[Message]) -> str:
    """What was said and shown, with who said it."""
    said = ((m.author or m.role, spoken(m)) for m in messages if m.visibility == "visible")
    return "\n\n".join(f"{who}: {text}" for who, text in said if text)
