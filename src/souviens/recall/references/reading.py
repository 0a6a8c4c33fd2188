"""What references read: each record once, through a scope, and what stands near a text in words and in meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from souviens.canon import utc
from souviens.encode import Encoder
from souviens.errors import Damaged, EncoderError, NotFound
from souviens.grants import Scope
from souviens.index.layout import UNKNOWN, Allowed
from souviens.index.port import NOTHING, Found, Index
from souviens.recall.mentions import Mention, key_of, mentions
from souviens.recall.question import read
from souviens.records import Conversation, Memory, Message, Record, Topic, spoken
from souviens.vault.store import Packed, Store, kind_of

Type: TypeAlias = Literal[
    "same_thing",
    "continues",
    "continued_by",
    "answers",
    "answered_by",
    "supersedes",
    "superseded_by",
    "contradicts",
    "fork",
    "evidence",
    "evidence_of",
    "linked",
]
BY_WORDS, BY_MEANING = 80, 60  # units that are taken for near
FLOOR = 0.1  # the cosine two unrelated turns have (recall/weights.py)
QUOTE = 160  # characters of a quotation
LOOKED_UP = 1_500  # characters of a text that are looked for


class Reference(Record, frozen=True, omit_defaults=False):
    """What a thing has to do with another. type: what the asked thing is to the other ("supersedes": it takes the other's place).

    kind, id: of the other: message, conversation or memory. strength: 0 to 1. reason: one sentence. time: of the other, RFC 3339
    UTC, None if unknown. quote: of the other.
    """

    type: Type
    kind: str
    id: str
    strength: float
    reason: str
    time: str | None
    quote: str


class Told(NamedTuple):
    """A message, or a memory, as something somebody said. ordinal: its place in its record, from 1; of a memory 0."""

    record: Conversation | Memory
    message: Message | None
    seq: int
    ordinal: int

    @property
    def id(self) -> str:
        return self.message.id if self.message else self.record.id

    @property
    def kind(self) -> str:
        return "message" if self.message else "memory"

    @property
    def text(self) -> str:
        if self.message:
            return spoken(self.message)
        return self.record.wording if isinstance(self.record, Memory) else ""

    @property
    def us(self) -> int | None:
        return self.message.time.us if self.message else self.record.created.us if isinstance(self.record, Memory) else None

    @property
    def order(self) -> tuple[int, int, int]:
        """Earlier things come first; what has no time, before all."""
        return (UNKNOWN if self.us is None else self.us, self.seq, self.ordinal)

    @property
    def voice(self) -> str | None:
        """Whose words it is: a person's name, "" for the person who has none; None for a model, a tool, an import."""
        if self.message:
            return (self.message.author or "") if self.message.role == "user" else None
        said = isinstance(self.record, Memory) and self.record.authority in ("user_stated", "user_confirmed", "user_in_chat")
        return "" if said else None

    @property
    def day(self) -> str:
        return (utc(self.us) or "an unknown day")[:10] if self.us is not None else "an unknown day"

    def refer(self, type: Type, strength: float, reason: str, about: str = "") -> Reference:
        strength = round(min(1.0, max(0.0, strength)), 3)
        return Reference(type, self.kind, self.id, strength, reason, utc(self.us), short(self.text, about))


class Near(NamedTuple):
    """Something near a text. words: its share of the score that the text itself has. meaning: cosine above FLOOR; both 0 to 1."""

    told: Told
    words: float
    meaning: float

    @property
    def closeness(self) -> float:
        return 0.5 * self.words + 0.5 * self.meaning if self.meaning else self.words


class Shelf:
    """Records and the index, for one question and one asker."""

    def __init__(self, store: Store, index: Index, encoder: Encoder | None, scope: Scope) -> None:
        self.store, self.index, self.encoder, self.scope = store, index, encoder, scope
        self.allowed: Allowed | None = None if scope.sees_all else scope.allows
        self.layout = index.layout()
        self._packs: dict[int, Packed | None] = {}
        self._mentions: dict[str, dict[str, Mention]] = {}

    def pack(self, seq: int) -> Packed | None:
        if seq not in self._packs:
            try:
                self._packs[seq] = self.store.pack(seq)
            except (NotFound, Damaged):  # let go of since the index was asked, or damaged: nothing to refer to
                self._packs[seq] = None
        return self._packs[seq]

    def visible(self, record: Packed) -> bool:
        if isinstance(record, Memory):
            shown = record.status != "rejected"
            return shown and self.scope.allows("memory", record.provider, record.topic, record.sensitivity)
        project = record.id if isinstance(record, Topic) else record.head.project
        return self.scope.allows(kind_of(record), record.provider, project, None)

    def conversation(self, id: str) -> tuple[int, Conversation] | None:
        """A live conversation that may be seen."""
        found = self.store.get("conversation", id)
        if found is None or not isinstance(found[1], Conversation) or not self.visible(found[1]):
            return None
        self._packs[found[0]] = found[1]
        return found[0], found[1]

    def memories(self, naming: Iterable[str] = ()) -> Iterator[tuple[int, Memory]]:
        """The memories that may be seen; with ids, only those that name one of them."""
        needles = [id.encode() for id in naming]
        for row, kind in enumerate(self.layout.kinds):
            if kind != "memory":
                continue
            seq = int(self.layout.seqs[row])
            if needles and not self._names(seq, needles):
                continue
            record = self.pack(seq)
            if isinstance(record, Memory) and self.visible(record):
                yield seq, record

    def _names(self, seq: int, needles: list[bytes]) -> bool:
        try:
            data = self.store.packed(seq)[2]
        except (NotFound, Damaged):
            return False
        return any(needle in data for needle in needles)

    @cached_property
    def known(self) -> frozenset[str]:
        """Keys of the names of projects and topics that may be seen."""
        rows = [row for row, kind in enumerate(self.layout.kinds) if kind == "topic"][:500]
        topics = (self.pack(int(self.layout.seqs[row])) for row in rows)
        return frozenset(key_of(t.name) for t in topics if isinstance(t, Topic) and len(t.name) > 2 and self.visible(t))

    def mentions(self, told: Told) -> dict[str, Mention]:
        """What something speaks of, by key."""
        if told.id not in self._mentions:
            authors = (
                {key_of(m.author) for m in told.record.messages if m.author} if isinstance(told.record, Conversation) else set()
            )
            self._mentions[told.id] = {m.key: m for m in mentions(told.text, told.us, self.known | authors)}
        return self._mentions[told.id]

    def told(self, found: Found) -> Iterator[tuple[Told, float]]:
        """What the units found are: messages that were seen, and memories."""
        for position, score in zip(self.layout.positions(found.units).tolist(), found.scores.tolist(), strict=True):
            row = int(self.layout.span[position]) if position >= 0 else -1
            record = self.pack(int(self.layout.seqs[row])) if row >= 0 else None
            if record is None or isinstance(record, Topic) or not self.visible(record):
                continue
            ordinal, seq = position - int(self.layout.offsets[row]), int(self.layout.seqs[row])
            if isinstance(record, Memory):
                yield Told(record, None, seq, 0), score
            elif ordinal and record.messages[ordinal - 1].visibility == "visible":
                yield Told(record, record.messages[ordinal - 1], seq, ordinal), score

    def near(self, text: str, but: str) -> list[Near]:
        """What stands near a text, nearest first; not the thing of the id `but` itself."""
        sought = read(text[:LOOKED_UP]).sought
        found = list(self.told(self.index.words(sought, BY_WORDS, self.allowed)))
        # A text shares most with itself. A text that is not indexed, as of a part of one, is measured by the best there is.
        itself = max((score for _, score in found), default=1.0)
        words = {told.id: (told, score / itself) for told, score in found}
        meaning = {told.id: (told, max(0.0, (cosine - FLOOR) / (1 - FLOOR))) for told, cosine in self.told(self._nearest(text))}
        everything = {id: told for id, (told, _) in (words | meaning).items() if id != but}
        near = [
            Near(t, words[id][1] if id in words else 0.0, meaning[id][1] if id in meaning else 0.0) for id, t in everything.items()
        ]
        return sorted(near, key=lambda n: (-n.closeness, n.told.id))

    def _nearest(self, text: str) -> Found:
        if self.encoder is None or not text.strip():
            return NOTHING
        try:
            return self.index.nearest(self.encoder.id, self.encoder.encode([text[:LOOKED_UP]])[0], BY_MEANING, self.allowed)
        except EncoderError:  # then words alone decide, as in recall
            return NOTHING


def short(text: str, about: str = "") -> str:
    """At most QUOTE characters of a text: where it speaks of something, else its beginning."""
    line = " ".join(text.split())
    at = line.casefold().find(about.casefold()) if about else -1
    start = max(0, at - QUOTE // 3) if at > QUOTE // 2 else 0
    start = line.rfind(" ", 0, start) + 1 if start else 0
    end = start + QUOTE
    cut = line[start:end] if end >= len(line) else re.sub(r"\s\S*$", "", line[start:end])
    return ("… " if start else "") + cut + (" …" if end < len(line) else "")
