"""Conversations: their files, and what the index of the store says of them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import cast

import msgspec

from souviens.canon import Instant, make_id, rfc3339, unknown
from souviens.formats import Place
from souviens.formats._content import digest_of
from souviens.formats._dialogue import PREVIOUS, Desk, Dialogue, Draft, Identity, Node, list_nodes, loaded
from souviens.formats._fields import Fields, Unknown, name_type
from souviens.formats.pam.writing import MARK
from souviens.jsonspan import Slice
from souviens.records import (
    Citation,
    Conversation,
    Extra,
    Head,
    Json,
    Opaque,
    Part,
    Reading,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Visibility,
)

_MEDIA = ("image", "audio", "video", "file")
_HEAD = ("schema", "schema_version", "provider", "participants", "system_instruction", "is_archived", "tags", "import_metadata")
_KNOWN_HEAD = frozenset({*_HEAD, "temporal", "raw_metadata"})
_KNOWN_MESSAGE = frozenset({"provider_message_id", "token_count", "raw_metadata", "is_thought", "content", "children_ids"})
_SAID_TWICE = frozenset({"id", "title", "platform", "temporal", "tags"})  # by the index, and by the conversation's file
_KNOWN_INDEX = frozenset({"platform", "message_count", "temporal", "tags", "derived_memories", "storage"})


def conversation_id(value: dict[str, Json]) -> str | None:
    """The id that a file, and its entry in the index, bears."""
    id = value.get("id")
    return id if isinstance(id, str) and id else None


# --- times and marks --------------------------------------------------------------------------------------------------


def marked(fields: Fields, key: str) -> Fields:
    """What our writer left under `key`, to be taken apart; without it an empty object. See `untidied`."""
    inner = fields.inner(key)
    return (inner.inner(MARK) if inner else None) or Fields({})


def untidied(fields: Fields, key: str) -> None:
    """Leave the mark, and what held it, out once nothing is left of them."""
    if isinstance(fields.left.get(key), dict):
        fields.left[key] = {name: said for name, said in fields.left[key].items() if name != MARK or said}
        fields.tidy(key)


def stamped(told: Instant, mark: Fields, key: str) -> Instant:
    """A time as the file tells it, or, where our writer had to make it up or to say more, as it was before."""
    said = mark.left.pop(key, None)
    if not isinstance(said, dict):
        return told
    given, zone, reason = said.get("given"), said.get("zone"), said.get("unknown")
    given = given if isinstance(given, str) else None
    if isinstance(reason, str):
        return unknown(reason, given)
    if told.us is None and isinstance(said.get("at"), str):
        told = rfc3339(said["at"])
    return Instant(given or told.given, told.us, zone if isinstance(zone, str) else told.zone, told.unknown)


# --- the file ---------------------------------------------------------------------------------------------------------


def _identify(slice: Slice) -> Identity:
    return Identity(conversation_id(loaded(slice).value))


def _nodes(value: Json) -> list[Node]:
    """Messages hang where `parent_id` says, or the `children_ids` of another. One that nobody hangs anywhere is a root; where
    nothing hangs at all the conversation is linear (specification 25.3), unless our mark says that it is not."""
    messages = value.get("messages")
    above: dict[str, str] = {}
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and isinstance(message.get("id"), str):
            children = message.get("children_ids")
            above |= {child: message["id"] for child in (children if isinstance(children, list) else ()) if isinstance(child, str)}

    def parent(item: dict[str, Json]) -> str | None:
        own = item.get("parent_id")
        return own if isinstance(own, str) and own else above.get(str(item.get("id")))

    nodes = list_nodes(messages, "messages", id="id", parent=parent)
    raw = value.get("raw_metadata")
    mark = raw.get(MARK) if isinstance(raw, dict) else None
    rooted = isinstance(mark, dict) and mark.get("roots") is True
    if rooted or any(isinstance(node.parent, str) for node in nodes):
        return nodes
    return [node._replace(parent=PREVIOUS) for node in nodes]


def _head(fields: Fields, desk: Desk) -> Head:
    extra = _index_of(fields, desk.sidecars)
    fields.identifier("id")
    fields.drop("schema", "portable-ai-memory-conversation")
    mark = marked(fields, "raw_metadata")
    temporal = fields.inner("temporal") or Fields({})
    created = stamped(temporal.time("created_at"), mark, "created_at")
    updated = stamped(temporal.time("updated_at"), mark, "updated_at")
    fields.tidy("temporal", "messages")
    tip, topic = mark.optional("tip"), mark.optional("project")
    mark.flag("roots")
    for value in mark.items("attachments"):
        _attached(value, desk)
    extra |= own_extra(mark)
    untidied(fields, "raw_metadata")
    return Head(
        fields.text("title"),
        created,
        updated,
        tip=desk.message(tip) if tip else None,
        project=make_id("t", "pam", topic) if topic else None,
        model=fields.optional("model"),
        extra=extra,
    )


def _index_of(fields: Fields, sidecars: Json) -> Extra:
    """Of what the index says of this conversation, what its file does not say as well."""
    entry = sidecars.get("index", {}).get(conversation_id(fields.left))
    if entry is None:
        return {}
    provider = fields.left.get("provider")
    said = fields.left | {"platform": provider.get("name") if isinstance(provider, dict) else None}
    left = {key: value for key, value in entry.items() if key not in _SAID_TWICE or said.get(key) != value}
    return {"index": left} if left else {}


def own_extra(mark: Fields) -> Extra:
    """The `extra` that a record had when our writer wrote it."""
    extra = mark.left.pop("extra", None)
    if not isinstance(extra, dict) and extra is not None:
        mark.left["extra"] = extra
    return extra if isinstance(extra, dict) else {}


def _message(fields: Fields, desk: Desk) -> Draft:
    id = fields.identifier("id")
    if isinstance(fields.left.get("children_ids"), list):  # a null is where the id of an erased one stood
        fields.left["children_ids"] = [child for child in fields.left["children_ids"] if child is not None]
    desk.drop_children(fields, "children_ids", id)
    fields.identifier("parent_id")
    fields.drop("provider_message_id", id)
    mark = marked(fields, "raw_metadata")
    parts = [*_content(fields, desk), *_tools(fields), *_attachments(fields, desk), *_citations(fields)]
    parts = _as_marked(parts, mark.items("parts"))
    seen = mark.left.get("visibility")
    visibility = cast(Visibility, mark.left.pop("visibility")) if seen in ("hidden", "placeholder") else "visible"
    role = fields.text("role")
    draft = Draft(
        mark.text("role") or role,
        stamped(fields.time("created_at"), mark, "created_at"),
        parts,
        author=mark.optional("author"),
        model=fields.optional("model"),
        updated=stamped(unknown("absent"), mark, "updated_at") if "updated_at" in mark.left else None,
        visibility=visibility,
        extra=own_extra(mark),
    )
    untidied(fields, "raw_metadata")
    return draft


FILE = Dialogue("pam", _identify, _nodes, _head, _message, known_head=_KNOWN_HEAD, known_message=_KNOWN_MESSAGE)


def mentions(slice: Slice, ids: Set[str]) -> Iterator[Place]:
    """Where other messages name these as their children."""
    slice = loaded(slice)
    messages = slice.value.get("messages") if isinstance(slice.value, dict) else None
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        children = message.get("children_ids") if isinstance(message, dict) else None
        for number, child in enumerate(children if isinstance(children, list) else ()):
            if isinstance(child, str) and make_id("m", FILE.conversation_id(slice), child) in ids:
                yield Place(("messages", place, "children_ids", number))


def listed(slice: Slice, sidecars: Json) -> Reading:
    """A conversation as the index of the store tells it: with what its file says, if that is here."""
    fields, unknown_ = Fields(slice.value), Unknown()
    id = str(fields.identifier("id"))
    head = sidecars.get("heads", {}).get(id)
    if head is None:
        temporal = fields.inner("temporal") or Fields({})
        created, updated = temporal.time("created_at"), temporal.time("updated_at")
        fields.tidy("temporal")
        head = Head(fields.text("title"), created, updated, extra=fields.rest(_KNOWN_INDEX, "conversations_index", unknown_))
    return Reading((Conversation(make_id("c", "pam", id), "pam", id, head),), unknown=unknown_)


# --- parts ------------------------------------------------------------------------------------------------------------


def _content(fields: Fields, desk: Desk) -> list[Part]:
    """Text, or parts with text, code and files. In a thought all words are reasoning."""
    fields.drop("is_thought", False)
    content = fields.inner("content")
    if content is None:
        return []
    thought = fields.flag("is_thought")
    parts: list[Part] = []
    if isinstance(content.left.get("text"), str):
        parts.append(_words(str(content.left.pop("text")), thought))
    parts += [_part(item, desk, thought) for item in content.items("parts")]
    content.drop("type", "text", "multipart")
    content.drop("text", None)
    fields.tidy("content")
    return parts


def _words(text: str, thought: bool, language: str = "", extra: Extra | None = None) -> Part:
    if thought:
        return Reasoning(text, extra={**(extra or {}), **({"language": language} if language else {})})
    return Text(text, language, extra or {})


def _part(value: Json, desk: Desk, thought: bool) -> Part:
    if not isinstance(value, dict):
        return Opaque(name_type(value), value)
    kind = value.get("type")
    fields = Fields(value)
    if kind in ("text", "code") and isinstance(value.get("text"), str):
        # That a text is code is said by its language; without one it stays beside it.
        language = fields.text("language")
        if kind == "text" or language:
            del fields.left["type"]
        return _words(str(fields.left.pop("text")), thought, language, fields.left)
    if kind in _MEDIA:
        return _attached(value, desk)
    desk.unknown.note(f"messages.content.parts.type={kind if isinstance(kind, str) else name_type(kind)}")
    return Opaque(kind if isinstance(kind, str) else name_type(kind), value)


def _tools(fields: Fields) -> list[Part]:
    """Calls; what also has an output is a call and its result, what has nothing but an output is a result."""
    parts: list[Part] = []
    for value in fields.items("tool_calls"):
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            parts.append(Opaque("tool_call", value))
            continue
        call = Fields(value)
        id, name = call.identifier("id"), call.text("name")
        output = call.left.pop("output") if isinstance(call.left.get("output"), str) else None
        arguments = call.left.pop("input", None)
        if output is None or arguments is not None:
            parts.append(ToolCall(name, arguments, id, call.left))
        if output is not None:
            parts.append(ToolResult(output, name or None, id, extra={} if arguments is not None else call.left))
    return parts


def _attachments(fields: Fields, desk: Desk) -> list[Part]:
    return [_attached(value, desk) for value in fields.items("attachments")]


def _attached(value: Json, desk: Desk) -> Part:
    """A file of a message. Its bytes are in the bundle if `ref` is the path of one of its files."""
    if not isinstance(value, dict):
        return Opaque("attachment", value)
    fields = Fields(value)
    ref = fields.left.get("ref")
    names = [name for name in desk.sidecars.get("files", ()) if isinstance(ref, str) and ref and f"/{name}".endswith(f"/{ref}")]
    pointer = fields.text("ref" if names else "provider_id", "provider_id", "ref")
    for key in ("ref", "provider_id"):
        fields.drop(key, pointer)
    kind = fields.left.get("type")
    media = str(fields.left.pop("type")) if kind in _MEDIA else "file"
    return desk.attach(
        pointer or digest_of(value),
        media,
        name=fields.text("name"),
        media_type=fields.text("mime_type"),
        size=fields.number("size_bytes"),
        member=names[0] if len(names) == 1 else None,
        extra=fields.left,
    )


def _citations(fields: Fields) -> list[Part]:
    parts: list[Part] = []
    for value in fields.items("citations"):
        if not isinstance(value, dict):
            parts.append(Opaque("citation", value))
            continue
        said = Fields(value)
        parts.append(Citation(said.text("url"), said.text("title"), said.text("snippet"), extra=said.left))
    return parts


def _as_marked(parts: list[Part], told: list[Json]) -> list[Part]:
    """The parts as our writer had them. told: in their order, of each the kind ("text": the next of PAM's own), the kind and what
    PAM has no place for (["text", {…}]), or all of it ({"type": "opaque", …}). Parts that it does not tell of come last."""
    left, out = list(parts), []
    for item in told:
        kind, more = (item, {}) if isinstance(item, str) else (item[0], item[1]) if _is_pair(item) else ("", item)
        base: Json = {}
        if kind:
            held = next((part for part in left if _kind(part) == ("citation" if kind == "uri" else kind)), None)
            if held is None:
                continue  # erased, or taken out by somebody
            left.remove(held)
            base = msgspec.structs.asdict(held) | {"type": kind}
        try:
            out.append(msgspec.convert(base | more, Part))
        except (msgspec.ValidationError, TypeError):
            out.append(Opaque("souviens", item))
    return out + left


def _is_pair(item: Json) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict)


def _kind(part: Part) -> str:
    return str(part.__struct_config__.tag)
