"""What a vault holds, as documents for a person or a program: the shapes behind `list` and `show`, and ids by prefix.

docs/json.md is the contract. Every function takes a Scope, and what it does not allow is not there for the asker.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias, cast

import msgspec

from souviens.canon import Instant, utc
from souviens.errors import NotFound, UsageError
from souviens.grants import OWNER, Scope
from souviens.records import (
    Attachment,
    Conversation,
    Head,
    Json,
    Memory,
    Message,
    Origin,
    Topic,
    Visibility,
    active_path,
    branch_points,
)
from souviens.vault.finding import holders
from souviens.vault.store import Kind, SourceHeader, Store

Noun: TypeAlias = Literal["conversation", "message", "memory", "topic", "source"]
Document: TypeAlias = dict[str, Json]
NOUNS: dict[str, Noun] = {"c": "conversation", "m": "message", "y": "memory", "t": "topic", "s": "source"}
SECTIONS = ("conversations", "memories", "topics", "sources")
_ID = re.compile(r"[cmyts]-[0-9a-f]{0,32}")


# --- any value as JSON ------------------------------------------------------------------------------------------------


def plain(value: object) -> Json:
    """A record as JSON builtins with *every* field, whatever its value: a document's keys do not depend on its content.

    An Instant becomes {"given", "utc", "unknown"}; a part begins with its "type".
    """
    if isinstance(value, Instant):
        return {"given": value.given, "utc": utc(value.us), "unknown": value.unknown}
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        tag = {config.tag_field: config.tag} if config.tag_field else {}
        return tag | {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


# --- ids --------------------------------------------------------------------------------------------------------------


def find(store: Store, prefix: str, nouns: Iterable[Noun] = tuple(NOUNS.values())) -> tuple[Noun, str]:
    """The one thing whose id begins with `prefix`. Raises NotFound, and UsageError for several or for what is no id."""
    allowed = tuple(nouns)
    noun = NOUNS.get(prefix[:1])
    if noun is None or not _ID.fullmatch(prefix):
        raise UsageError(
            f"{prefix!r} is not an id", "an id is a letter, a hyphen and hexadecimal digits", "find ids with: souviens list"
        )
    if noun not in allowed:
        raise UsageError(f"{prefix} is the id of a {noun}", f"this wants the id of a {' or '.join(allowed)}", "souviens list")
    found = sorted(_candidates(store, noun, prefix))
    if not found:
        raise _absent(prefix)
    if len(found) > 1:
        shown = ", ".join(id[: len(prefix) + 8] for id in found[:10])
        raise UsageError(f"{prefix} fits more than one {noun}", shown, "give more of the id")
    return noun, found[0]


def _candidates(store: Store, noun: Noun, prefix: str) -> set[str]:
    if noun == "source":
        return {header.id for header in store.sources() if header.id.startswith(prefix)}
    if noun == "message":
        return {id for id, _ in holders(store, prefix)}
    return {id for _, id in store.find(prefix)}


def find_topic(store: Store, text: str) -> str:
    """The Topic id of a project or folder given by id, beginning of an id, or name. Raises NotFound, UsageError."""
    if _ID.fullmatch(text):
        return find(store, text, ("topic",))[1]
    named = [topic.id for topic in _records(store, "topic", OWNER) if cast(Topic, topic).name.casefold() == text.casefold()]
    if len(named) > 1:
        raise UsageError("more than one topic has this name", ", ".join(named[:10]), "give its id instead")
    if not named:
        raise NotFound(f"no topic is named {text!r}", "", "see them with: souviens list --topics")
    return named[0]


# --- lists ------------------------------------------------------------------------------------------------------------


class _Node(msgspec.Struct, frozen=True):
    id: str
    order: int
    parent: str | None = None
    visibility: Visibility = "visible"


class _Outline(msgspec.Struct):
    """A conversation without its messages' content: a list of thousands is ten times faster to read this way."""

    id: str
    provider: str
    provider_id: str | None
    head: Head
    messages: tuple[_Node, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    origins: tuple[Origin, ...] = ()


_outline = msgspec.json.Decoder(_Outline).decode


def listing(
    store: Store, *, sections: tuple[str, ...] = SECTIONS, provider: str = "", project: str = "", scope: Scope = OWNER
) -> dict[str, list[Document]]:
    """The sections asked for, newest conversation first. project: a Topic id; conversations and memories of it alone."""
    out: dict[str, list[Document]] = {}
    outlines = list(_outlines(store, scope)) if {"conversations", "topics"} & set(sections) else []
    memories = [cast(Memory, m) for m in _records(store, "memory", scope)] if {"memories", "topics"} & set(sections) else []
    if "conversations" in sections:
        chosen = [o for o in outlines if (not provider or o.provider == provider) and (not project or o.head.project == project)]
        chosen.sort(key=lambda o: (o.head.created.us is not None, o.head.created.us or 0, o.id), reverse=True)
        out["conversations"] = [_conversation_row(outline) for outline in chosen]
    if "memories" in sections:
        out["memories"] = [
            _memory_row(m) for m in memories if (not provider or m.provider == provider) and (not project or m.topic == project)
        ]
    if "topics" in sections:
        held = Counter(o.head.project for o in outlines), Counter(m.topic for m in memories)
        topics = [cast(Topic, t) for t in _records(store, "topic", scope)]
        out["topics"] = [
            _topic_row(t, *(count[t.id] for count in held))
            for t in sorted(topics, key=lambda t: (t.name.casefold(), t.id))
            if (not provider or t.provider == provider) and (not project or project in (t.id, t.parent))
        ]
    if "sources" in sections and scope.sees_all:
        out["sources"] = [_source_row(header) for header in store.sources() if not provider or header.format == provider]
    return out


def _outlines(store: Store, scope: Scope) -> Iterator[_Outline]:
    for seq, kind, _ in store.live():
        if kind == "conversation":
            outline = _outline(store.packed(seq)[2])
            if scope.allows("conversation", outline.provider, outline.head.project, None):
                yield outline


def _records(store: Store, wanted: Kind, scope: Scope) -> Iterator[Memory | Topic]:
    for seq, kind, _ in store.live():
        if kind == wanted:
            record = cast(Memory | Topic, store.pack(seq))
            if _allowed(record, scope):
                yield record


def topics(store: Store, scope: Scope = OWNER) -> list[Topic]:
    """The topics that providers and persons gave."""
    return [cast(Topic, topic) for topic in _records(store, "topic", scope)]


def _allowed(record: Conversation | Memory | Topic, scope: Scope) -> bool:
    if isinstance(record, Memory):
        return scope.allows("memory", record.provider, record.topic, record.sensitivity)
    if isinstance(record, Topic):
        return scope.allows("topic", record.provider, record.id, None)
    return scope.allows("conversation", record.provider, record.head.project, None)


def _sources_of(origins: tuple[Origin, ...]) -> list[str]:
    return sorted({origin.source for origin in origins})


def _conversation_row(outline: _Outline) -> Document:
    head, found = outline.head, sum(a.blob is not None for a in outline.attachments)
    return {
        "id": outline.id,
        "provider": outline.provider,
        "provider_id": outline.provider_id,
        "title": head.title,
        "created": utc(head.created.us),
        "updated": utc(head.updated.us),
        "messages": len(outline.messages),
        "branch_points": len(branch_points(outline.messages)),
        "tip": head.tip,
        "project": head.project,
        "attachments": {"found": found, "missing": len(outline.attachments) - found},
        "sources": _sources_of(outline.origins),
    }


def _memory_row(memory: Memory) -> Document:
    return {
        "id": memory.id,
        "kind": memory.kind,
        "text": memory.wording,
        "status": memory.status,
        "authority": memory.authority,
        "provider": memory.provider,
        "provider_id": memory.provider_id,
        "topic": memory.topic,
        "created": utc(memory.created.us),
        "updated": utc(memory.updated.us) if memory.updated else None,
        "sensitivity": memory.sensitivity,
        "sources": _sources_of(memory.origins),
    }


def _topic_row(topic: Topic, conversations: int, memories: int) -> Document:
    return {
        "id": topic.id,
        "kind": topic.kind,
        "name": topic.name,
        "provider": topic.provider,
        "provider_id": topic.provider_id,
        "parent": topic.parent,
        "conversations": conversations,
        "memories": memories,
        "documents": len(topic.documents),
        "created": utc(topic.created.us),
        "updated": utc(topic.updated.us) if topic.updated else None,
        "sources": _sources_of(topic.origins),
    }


def _source_row(header: SourceHeader) -> Document:
    found, missing = header.attachments
    return {
        "id": header.id,
        "path": header.path,
        "format": header.format,
        "shape": header.shape,
        "sha256": header.sha256,
        "bytes": header.bytes,
        "received": header.received,
        "read": plain(header.read),
        "refused": len(header.problems),
        "withheld": len(header.withheld),
        "attachments": {"found": found, "missing": missing},
    }


# --- one thing --------------------------------------------------------------------------------------------------------


def show(store: Store, noun: Noun, id: str, scope: Scope = OWNER) -> Document:
    """Everything the vault holds of one thing: its row of the list, and the rest. "type" says which noun it is.

    Raises NotFound, also for what the scope does not allow: the two are told apart to nobody.
    """
    if noun == "message":
        return {"type": noun, **_message(*message(store, id, scope))}
    if noun == "source":
        header = store.source(id) if scope.sees_all else None
        if header is None:
            raise _absent(id)
        return {"type": noun, **_source(store, header)}
    found = store.get(noun, id)
    if found is None or not _allowed(found[1], scope):
        raise _absent(id)
    seq, record = found
    if isinstance(record, Memory):
        return {"type": noun, **_memory(record)}
    if isinstance(record, Topic):
        return {"type": noun, **_topic(store, record, scope)}
    return {"type": noun, **_conversation(record, _outline(store.packed(seq)[2]))}


def message(store: Store, id: str, scope: Scope = OWNER) -> tuple[Conversation, Message]:
    """A message by its whole id, and the conversation it stands in. Raises NotFound."""
    for _, conversation_id in holders(store, id):
        found = store.get("conversation", conversation_id)
        if found is not None and _allowed(found[1], scope):
            conversation = cast(Conversation, found[1])
            return conversation, next(m for m in conversation.messages if m.id == id)
    raise _absent(id)


def _absent(id: str) -> NotFound:
    return NotFound(f"nothing in the vault has the id {id}", "it may have been erased", "find ids with: souviens list")


def _conversation(conversation: Conversation, outline: _Outline) -> Document:
    head = conversation.head
    return {
        **_conversation_row(outline),
        "messages": [plain(message) for message in conversation.messages],
        "path": [message.id for message in active_path(conversation)],
        "files": [plain(attachment) for attachment in conversation.attachments],
        "model": head.model,
        "extra": head.extra,
        "times": {"created": plain(head.created), "updated": plain(head.updated)},
        "origins": plain(conversation.origins),
        "older": [plain(message) for message in conversation.older],
    }


def _message(conversation: Conversation, message: Message) -> Document:
    return {**plain(message), "conversation": conversation.id, "title": conversation.head.title}


def _memory(memory: Memory) -> Document:
    detail = ("evidence", "verdicts", "older", "versions", "belief", "weight", "valid_from", "valid_to", "extra", "origins")
    return {
        **_memory_row(memory),
        "stated": memory.text,
        **{name: plain(getattr(memory, name)) for name in detail},
        "times": {"created": plain(memory.created), "updated": plain(memory.updated)},
    }


def _topic(store: Store, topic: Topic, scope: Scope) -> Document:
    within = [o.id for o in _outlines(store, scope) if o.head.project == topic.id]
    about = [m.id for m in _records(store, "memory", scope) if cast(Memory, m).topic == topic.id]
    return {
        **_topic_row(topic, len(within), len(about)),
        "conversations": within,
        "memories": about,
        "documents": plain(topic.documents),
        "older": plain(topic.older),
        "versions": plain(topic.versions),
        "summary": topic.summary,
        "instructions": topic.instructions,
        "extra": topic.extra,
        "origins": plain(topic.origins),
        "times": {"created": plain(topic.created), "updated": plain(topic.updated)},
    }


def _source(store: Store, header: SourceHeader) -> Document:
    members = store.members(header.id)
    return {
        **_source_row(header),
        "refused": plain(header.problems),
        "withheld": plain(header.withheld),
        "unknown_fields": header.unknown,
        "reader": header.reader,
        "members": [{"name": m.name, "treatment": m.treatment, "size": m.size, "sha256": m.sha256} for m in members],
    }
