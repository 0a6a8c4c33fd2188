"""From a question to ranked items with their reasons."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from souviens.canon import utc
from souviens.encode import Encoder
from souviens.errors import EncoderError
from souviens.grants import OWNER, Scope
from souviens.index.layout import UNKNOWN, Allowed
from souviens.index.port import Hit, Index
from souviens.index.text import run_of
from souviens.recall.board import Board
from souviens.recall.kinds import Kind
from souviens.recall.question import Question, read, words_of
from souviens.recall.relative import told
from souviens.recall.weights import BY_VECTORS, CLOSER, LIKELY, LIKELY_BY_WORDS, LOOKED_AT, TABLE, Weights
from souviens.records import Conversation, Memory, Message, Record, Topic, spoken
from souviens.vault.store import Packed, Store

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
) -> Recall:
    """The k things that answer a question best. Words alone when there is no encoder or it fails; `note` says so.

    unit: what the items are; memories and topics stand among them whatever it is. Messages are what is asked for by default: a
    message can be cited and its date is exact. now: when it is asked, microseconds UTC, for what is said relative to it ("last
    spring"); None: nothing relative is read. A window or conversation holds its best message's score and more text, so among
    messages it would be the same answer twice.
    """
    started = time.monotonic()
    index.sync(store)
    asked = read(question)
    allowed = None if scope.sees_all else scope.allows
    layout = index.layout()
    named = [n for n, name in enumerate(layout.names) if asked.names(name)]
    # The encoder takes one core and the full text another: a third of the time of a question.
    with ThreadPoolExecutor(1) as beside:
        encoded = beside.submit(_encoded, asked, encoder)
        postings = index.postings(asked.terms(layout.names[n] for n in named), allowed)
        meaning = _meaning(encoded.result(), index, encoder, allowed)
    items: tuple[Item, ...] = ()
    likely = False
    if k > 0 and (len(postings.positions) or meaning.hits):
        board = Board(layout, postings, meaning.hits, weights[asked.kind], allowed)
        board.speaker(named)
        board.dates(told(asked.text, now, layout.years))
        if meaning.encoder:
            best = np.sort(board.ranked()[:CLOSER])
            board.closer(best, index.closeness(meaning.encoder, meaning.vectors, board.positions[best]))
        items = _Answer(board, asked, _Records(store), unit).items(k)
        likely = bool(items) and board.evidence >= (LIKELY if meaning.hits else LIKELY_BY_WORDS)
    return Recall(question, items, meaning.encoder, round(time.monotonic() - started, 4), meaning.note, likely, asked.kind)


class _Meaning(NamedTuple):
    """What vectors say. hits: the units nearest to the question. vectors: of the question and of what it asks for one by one,
    (1 + clauses, d). encoder: id of the one that made them, None if there was none. note: on what is missing."""

    hits: list[Hit]
    vectors: NDArray[np.float32]
    encoder: str | None
    note: str


def _encoded(asked: Question, encoder: Encoder | None) -> NDArray[np.float32] | str:
    """Vectors of a question and its clauses, or what is missing."""
    if encoder is None:
        return "words only: no encoder is installed (souviens encoder install)"
    if not asked.text.strip():
        return ""
    try:
        return encoder.encode([asked.text, *asked.clauses])
    except EncoderError as error:
        return f"words only: {error.what}"


def _meaning(vectors: NDArray[np.float32] | str, index: Index, encoder: Encoder | None, allowed: Allowed | None) -> _Meaning:
    if isinstance(vectors, str) or encoder is None:
        return _Meaning([], np.zeros((0, 0), np.float32), None, str(vectors))
    hits = index.nearest(encoder.id, vectors[0], BY_VECTORS, allowed)
    waiting = index.pending(encoder.id).waiting
    note = f"{waiting} texts wait for their vectors (souviens encoder run)" if waiting else ""
    return _Meaning(hits, vectors, encoder.id if hits else None, note)


class _Records:
    """Records, each read once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._packs: dict[int, Packed] = {}
        self._topics: dict[str, str] = {}

    def pack(self, seq: int) -> Packed:
        if seq not in self._packs:
            self._packs[seq] = self.store.pack(seq)
        return self._packs[seq]

    def topic(self, id: str | None) -> str:
        """The name of a topic, "" if it has none."""
        if id is None:
            return ""
        if id not in self._topics:
            found = self.store.get("topic", id)
            self._topics[id] = found[1].name if found and isinstance(found[1], Topic) else ""
        return self._topics[id]


class _Answer:
    """A board, ranked: first by what the index knows of all candidates, then by what the records of the best of them say."""

    def __init__(self, board: Board, asked: Question, reader: _Records, unit: Unit) -> None:
        self.board, self.asked, self.reader, self.unit = board, asked, reader, unit
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
                record = self._record(n)
                confirmed[n] = isinstance(record, Memory) and record.status == "confirmed"
            if self.asked.quoted:
                words = f" {' '.join(words_of(self._text(n)))} "
                quoted[n] = all(f" {phrase} " in words for phrase in self.asked.quoted)
        self.board.looked("confirmed", confirmed)
        self.board.looked("quoted", quoted)

    def _record(self, n: int) -> Packed:
        return self.reader.pack(int(self.layout.seqs[self.board.rows[n]]))

    def _text(self, n: int) -> str:
        """The words of a candidate, as the index has them."""
        ordinal = int(self.board.positions[n] - self.layout.offsets[self.board.rows[n]])
        return run_of(self._record(n)).units[ordinal].text

    def _item(self, n: int, row: int, position: int) -> Item | None:
        """What stands at a position, with its reasons; None for a memory a person has rejected."""
        record = self._record(n)
        ordinal = position - int(self.layout.offsets[row])
        if isinstance(record, Memory):
            return (
                None
                if record.status == "rejected"
                else self._made(
                    n, record, "memory", record.id, record.wording, (self.reader.topic(record.topic), f"{record.status} memory")
                )
            )
        if isinstance(record, Topic):
            document = record.documents[ordinal - 1] if ordinal else None
            text = document.text if document else "\n".join(filter(None, (record.name, record.summary, record.instructions)))
            return self._made(n, record, "topic", record.id, text, (record.name, document.name if document else ""))
        path = (self.reader.topic(record.head.project), record.head.title)
        if ordinal == 0:
            return self._made(n, record, "conversation", record.id, record.head.title, path)
        message = record.messages[ordinal - 1]
        if self.unit == "window":
            around = record.messages[max(0, ordinal - 1 - WINDOW) : ordinal + WINDOW]
            return self._made(n, record, "window", message.id, _dialogue(around), path, message)
        if self.unit == "conversation":
            return self._made(n, record, "conversation", record.id, spoken(message), path, message)
        return self._made(n, record, "message", message.id, spoken(message), path, message)

    def _made(
        self, n: int, record: Packed, kind: str, id: str, text: str, path: tuple[str, ...], message: Message | None = None
    ) -> Item:
        shares = {signal: float(values[n]) for signal, values in self.board.shares.items() if values[n] > 0}
        score = sum(shares.values())
        strongest = sorted(shares.items(), key=lambda pair: -pair[1])
        us = int(self.layout.times[self.board.positions[n]])
        return Item(
            id=id,
            kind=kind,
            conversation=record.id if isinstance(record, Conversation) else None,
            message=message.id if message else None,
            role=message.role if message else None,
            provider=record.provider,
            text=text,
            time=utc(us) if us != UNKNOWN else None,
            path=tuple(filter(None, (record.provider, *path))),
            score=round(score, 4),
            why={signal: round(share / score, 3) for signal, share in strongest},
        )


def _dialogue(messages: tuple[Message, ...]) -> str:
    """What was said and shown, with who said it."""
    said = ((m.author or m.role, spoken(m)) for m in messages if m.visibility == "visible")
    return "\n\n".join(f"{who}: {text}" for who, text in said if text)
