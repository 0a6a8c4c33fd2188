"""The nouns: what a vault holds, as frozen values. No I/O, no clock, no randomness.

    Source ── cut into ──> slices ── read ──> Conversation ── of ──> Message ── of ──> Part
                                         └──> Memory (with Evidence), Topic
    Problem is what could not be read, as data; Receipt is what an operation did.

Identity and integrity are two fields: `id` comes from the provider's own ids, `hash` from the content. FORMAT.md
specifies every field; fields may be added, never renamed. Times are `canon.Instant`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from souviens.canon import ABSENT, Instant, tagged_hash

Json: TypeAlias = Any  # a value out of a JSON document, before we know its shape: the only Any of the house
Extra: TypeAlias = dict[str, Json]
ROLES = ("user", "assistant", "system", "developer", "tool")
Visibility: TypeAlias = Literal["visible", "hidden", "placeholder"]


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all nouns: immutable, compared by value, written without the fields that hold their default."""


# --- parts: the OpenTelemetry GenAI vocabulary, plus citation and opaque ----------------------------------------------


class Text(Record, frozen=True, tag_field="type", tag="text"):
    """Words of the message. language: of a code block, as the provider named it ("python"), else ""."""

    text: str
    language: str = ""
    extra: Extra = {}


class Reasoning(Record, frozen=True, tag_field="type", tag="reasoning"):
    """What a model thought aloud before it answered."""

    text: str
    summary: str = ""
    extra: Extra = {}


class ToolCall(Record, frozen=True, tag_field="type", tag="tool_call"):
    """A model's request to a tool. arguments: parsed JSON when the provider gave an object, else the exact string."""

    name: str
    arguments: Json = None
    call: str | None = None
    extra: Extra = {}


class ToolResult(Record, frozen=True, tag_field="type", tag="tool_result"):
    """What the tool answered. text: the readable part; whatever else came is in `extra`."""

    text: str = ""
    name: str | None = None
    call: str | None = None
    error: bool = False
    extra: Extra = {}


class File(Record, frozen=True, tag_field="type", tag="file"):
    """A pointer to an attachment (see `Attachment`, which says whether its bytes are here).

    attachment: its id. media: "image", "audio", "video" or "file". pointer: the provider's own, exactly.
    """

    attachment: str
    media: str
    pointer: str = ""
    name: str = ""
    extra: Extra = {}


class Uri(Record, frozen=True, tag_field="type", tag="uri"):
    """Something that lives elsewhere: a web page, a widget's address."""

    uri: str
    title: str = ""
    text: str = ""
    extra: Extra = {}


class Citation(Record, frozen=True, tag_field="type", tag="citation"):
    """A source the model names for a span of its text. start, end: offsets in characters as the provider counted them."""

    uri: str = ""
    title: str = ""
    text: str = ""
    start: int | None = None
    end: int | None = None
    extra: Extra = {}


class Opaque(Record, frozen=True, tag_field="type", tag="opaque"):
    """A part of a kind we do not know yet, kept whole. kind: what the provider called it."""

    kind: str
    value: Json = None


Part: TypeAlias = Text | Reasoning | ToolCall | ToolResult | File | Uri | Citation | Opaque


# --- conversations ----------------------------------------------------------------------------------------------------


class Message(Record, frozen=True):
    """A node of a conversation's graph.

    id: `canon.make_id("m", conversation id, provider's node id)`. parent: a message id of the same conversation, or None for
    a root; an id that names no message of the conversation marks an orphan and is kept. order: rank among its siblings, the
    lowest first, as the source gave it. role: one of ROLES where the provider's word maps, else the provider's word in lower case.
    author: a name, where there is one. model: the model that wrote it, as the provider names it. visibility: `hidden` was
    never shown to the person, `placeholder` is a node without a message. extra: every field we have no place for.
    hash: integrity over everything but `id`, `parent` and `hash` themselves: `message_hash`.
    """

    id: str
    provider_id: str | None
    parent: str | None
    order: int
    role: str
    time: Instant
    parts: tuple[Part, ...] = ()
    author: str | None = None
    model: str | None = None
    updated: Instant | None = None
    visibility: Visibility = "visible"
    extra: Extra = {}
    hash: str = ""


class Attachment(Record, frozen=True):
    """Bytes a conversation points to. blob: their SHA-256 if the vault holds them; None means *missing*, and why.

    id: `canon.make_id("a", conversation id, pointer)`. member: the file of the delivery in which a reader found the bytes;
    intake turns it into `blob`. size: in bytes, as the provider said or as found.
    """

    id: str
    pointer: str
    name: str = ""
    media_type: str = ""
    size: int | None = None
    member: str | None = None
    blob: str | None = None
    missing: str = ""


class Origin(Record, frozen=True):
    """Where a record was read: source id, slice hash, and the place in words ("conversations.json[12]")."""

    source: str
    slice: str
    where: str = ""


class Head(Record, frozen=True):
    """What a conversation says about itself. tip: id of the active leaf. project: a Topic id. model: the default model."""

    title: str = ""
    created: Instant = ABSENT
    updated: Instant = ABSENT
    tip: str | None = None
    project: str | None = None
    model: str | None = None
    extra: Extra = {}


class Conversation(Record, frozen=True):
    """One dialogue: a graph of messages.

    messages: in the source's order, parents before children where the source has them so. older, older_heads: versions
    that lost a merge (see `merge`), kept. origins: every place it was read from.
    """

    id: str
    provider: str
    provider_id: str | None
    head: Head
    messages: tuple[Message, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    origins: tuple[Origin, ...] = ()
    older: tuple[Message, ...] = ()
    older_heads: tuple[Head, ...] = ()


# --- memories and topics ----------------------------------------------------------------------------------------------


class Evidence(Record, frozen=True):
    """What a memory rests on: a message (or a whole slice), the span of it, and a hash of the quoted words."""

    conversation: str | None = None
    message: str | None = None
    origin: Origin | None = None
    start: int | None = None
    end: int | None = None
    quote_hash: str | None = None


MEMORY_KINDS = ("preference", "fact", "instruction", "project", "event", "relationship", "skill", "profile")
# Who said it decides whether it may steer a model, and is set by the door, never by the content (security.md 4.1).
AUTHORITIES = ("user_stated", "user_confirmed", "user_in_chat", "assistant_said", "imported", "tool_output", "web")


class Verdict(Record, frozen=True):
    """What a person said of a memory. verdict: confirm, correct or reject. text: the corrected words."""

    verdict: Literal["confirm", "correct", "reject"]
    time: Instant
    text: str = ""
    serial: int = 0


class Memory(Record, frozen=True):
    """One statement worth keeping, and what it rests on.

    id: `canon.make_id("y", provider, kind, provider's id or the exact text)`. authority: see AUTHORITIES. belief, weight: 0 to 1,
    None when nobody said. sensitivity: 0 public to 4 never leaves; None = not classified, treated as 2. topic: a Topic id.
    verdicts: what persons said of it, in order; the last decides `status`. older: its other wordings. versions: other readings that
    say what this one does not, each without evidence, origins, verdicts, older and versions.
    """

    id: str
    kind: str
    text: str
    authority: str
    provider: str = ""
    provider_id: str | None = None
    evidence: tuple[Evidence, ...] = ()
    created: Instant = ABSENT
    updated: Instant | None = None
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    belief: float | None = None
    weight: float | None = None
    sensitivity: int | None = None
    topic: str | None = None
    extra: Extra = {}
    origins: tuple[Origin, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    older: tuple[str, ...] = ()
    versions: tuple[Memory, ...] = ()

    @property
    def status(self) -> str:
        """confirmed, rejected or proposed: a memory no person has looked at is only proposed."""
        if self.verdicts:
            return "rejected" if self.verdicts[-1].verdict == "reject" else "confirmed"
        return "confirmed" if self.authority in ("user_stated", "user_confirmed") else "proposed"

    @property
    def wording(self) -> str:
        """The text as last corrected by a person."""
        corrected = [v.text for v in self.verdicts if v.verdict == "correct" and v.text]
        return corrected[-1] if corrected else self.text


class Document(Record, frozen=True):
    """A text that belongs to a topic, such as a project's knowledge file."""

    name: str
    text: str
    provider_id: str | None = None
    created: Instant = ABSENT
    extra: Extra = {}
    updated: Instant | None = None


class Topic(Record, frozen=True):
    """A node of the hierarchy given by a person or a provider (automatic topics are index, not truth).

    id: `canon.make_id("t", provider, provider's id)`. kind: area, project or topic. name: "" when the export has only an id.
    older: versions of its documents that another replaced. versions: other readings that say what this one does not, each without
    documents, origins, older and versions.
    """

    id: str
    kind: str
    name: str = ""
    provider: str = ""
    provider_id: str | None = None
    parent: str | None = None
    summary: str = ""
    instructions: str = ""
    documents: tuple[Document, ...] = ()
    created: Instant = ABSENT
    updated: Instant | None = None
    extra: Extra = {}
    origins: tuple[Origin, ...] = ()
    older: tuple[Document, ...] = ()
    versions: tuple[Topic, ...] = ()


# --- sources ----------------------------------------------------------------------------------------------------------

# cut: into slices. keep: whole. repeat: whole, but it only says again what slices say, and goes at the first erasure. withhold:
# only that it was there. rows: a database, kept like a repeat and read row by row; private_rows: the same, its file withheld.
Treatment: TypeAlias = Literal["cut", "keep", "repeat", "withhold", "rows", "private_rows"]


class Problem(Record, frozen=True):
    """Something that could not be taken in. kind: conversation, message, attachment, memory or source.

    path: the file. where: the place in it ("[12].mapping.abc"). reason: in words, without content.
    """

    kind: str
    path: str
    where: str
    reason: str


class Withheld(Record, frozen=True):
    """Something kept out on purpose (accounts, logins, keys)."""

    path: str
    where: str
    reason: str


class Reading(Record, frozen=True):
    """What a format's `read` made of one slice. unknown: JSON paths no table of the format names, with their counts."""

    conversations: tuple[Conversation, ...] = ()
    memories: tuple[Memory, ...] = ()
    topics: tuple[Topic, ...] = ()
    problems: tuple[Problem, ...] = ()
    unknown: dict[str, int] = {}


class Counts(Record, frozen=True, omit_defaults=False):
    """How many of each kind. branch_points: places with more than one continuation, see `branch_points`."""

    conversations: int = 0
    messages: int = 0
    branch_points: int = 0
    attachments: int = 0
    memories: int = 0
    topics: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f) + getattr(other, f) for f in self.__struct_fields__))

    def minus(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f) - getattr(other, f) for f in self.__struct_fields__))


# --- integrity --------------------------------------------------------------------------------------------------------


def message_hash(message: Message) -> str:
    """Integrity of a message: its content and the provider's ids, without `id`, `parent`, `hash` (which derive from ids)."""
    content = (
        message.provider_id,
        message.order,
        message.role,
        message.author,
        message.model,
        message.time,
        message.updated,
        message.visibility,
        message.parts,
        message.extra,
    )
    return tagged_hash(content)


def sealed(message: Message) -> Message:
    """The message with its hash filled in."""
    return msgspec.structs.replace(message, hash=message_hash(message))


class Placed(Protocol):
    """A message as far as its place in the graph goes."""

    @property
    def id(self) -> str: ...
    @property
    def parent(self) -> str | None: ...
    @property
    def order(self) -> int: ...
    @property
    def visibility(self) -> Visibility: ...


def branch_points(messages: Iterable[Placed]) -> dict[str | None, tuple[str, ...]]:
    """The places with more than one continuation, each with the ids of what continues it, in order.

    A place is a message, by its id, or the beginning of the conversation, None, which its first messages continue: those without
    a parent. A first node that holds no message continues nothing unless something follows it. What an orphan follows is not
    here, so that it is no first message; several that name the same missing parent branch there.
    """
    below: dict[str | None, list[Placed]] = {}
    for message in messages:
        below.setdefault(message.parent, []).append(message)
    below[None] = [first for first in below.get(None, ()) if first.visibility != "placeholder" or first.id in below]
    return {
        place: tuple(message.id for message in sorted(found, key=lambda m: (m.order, m.id)))
        for place, found in below.items()
        if len(found) > 1
    }


def active_path(conversation: Conversation) -> tuple[Message, ...]:
    """Root to tip along parents. Without a tip, the last message in the source's order stands in. Cycles end the walk."""
    by_id = {message.id: message for message in conversation.messages}
    here = by_id.get(conversation.head.tip or "") or (conversation.messages[-1] if conversation.messages else None)
    path: list[Message] = []
    seen: set[str] = set()
    while here is not None and here.id not in seen:
        seen.add(here.id)
        path.append(here)
        here = by_id.get(here.parent or "")
    return tuple(reversed(path))


def spoken(message: Message) -> str:
    """The words of a message, for lists and indexes: its text and reasoning, what was asked of a tool and what it answered,
    files by name, citations by title (their snippets are a web page's words, not the speaker's)."""
    return "\n".join(filter(None, map(_words_of, message.parts)))


def _words_of(part: Part) -> str:
    if isinstance(part, (Text, ToolResult, Reasoning)):
        return part.text
    if isinstance(part, ToolCall):
        return "\n".join((part.name, *_strings(part.arguments)))
    if isinstance(part, File):
        return part.name
    if isinstance(part, Citation):
        return part.title
    return "\n".join(filter(None, (part.title, part.text))) if isinstance(part, Uri) else ""


def _strings(value: Json) -> list[str]:
    """Every string inside a JSON value: a canvas or an artifact is written as a tool's arguments."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in _strings(item)] if isinstance(value, list) else []
