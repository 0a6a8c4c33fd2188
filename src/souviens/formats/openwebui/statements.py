"""Rows of the database that are no chats: memories, folders, knowledge, notes, prompts, models that somebody made, skills, files,
and the channels people talk in."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from souviens.canon import Instant, make_id
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, list_nodes, loaded, name_holes
from souviens.formats._fields import Fields, Unknown
from souviens.formats._statements import NO_WORDS, Statement, stated
from souviens.formats.openwebui import known
from souviens.formats.openwebui.chats import folder_id
from souviens.formats.openwebui.graph import named
from souviens.jsonspan import Slice
from souviens.records import Document, Head, Json, Memory, Reading, Text, Topic

_TYPES = {"user": "profile", "context": "fact"}
_NANOSECONDS = 10**17  # the smallest number that is taken for nanoseconds: 1973


def read(slice: Slice) -> Reading:
    return stated(slice, _STATEMENTS[slice.kind])


def _memory(fields: Fields, unknown: Unknown) -> Memory | str:
    """What the client keeps for later chats, written by the person or by a model: it does not say by whom."""
    id, text = fields.identifier("id"), fields.text("content")
    type = fields.left.get("type")
    kind = _TYPES.get(type, "fact") if isinstance(type, str) else "fact"
    created, updated = fields.epoch("created_at"), fields.epoch_updated("updated_at")
    if not text:
        return NO_WORDS
    return Memory(
        id=make_id("y", known.PROVIDER, kind, id or text),
        kind=kind,
        text=text,
        authority="imported",
        provider=known.PROVIDER,
        provider_id=id,
        created=created,
        updated=updated,
        extra=fields.rest(known.MEMORY, "memory", unknown),
    )


def _folder(fields: Fields, unknown: Unknown) -> Topic:
    data = fields.inner("data")
    instructions = data.text("system_prompt") if data else ""
    fields.tidy("data")
    parent = fields.left.get("parent_id")
    name, above = fields.text("name"), folder_id(parent) if isinstance(parent, str) and parent else None
    return _topic(fields, "project", name, known.FOLDER, unknown, parent=above, instructions=instructions)


def _knowledge(fields: Fields, unknown: Unknown) -> Topic:
    """A collection of files, with the text that was read out of each."""
    files = fields.items("file")
    documents = tuple(_document(Fields(file), unknown) for file in files if isinstance(file, dict))
    if others := [file for file in files if not isinstance(file, dict)]:
        fields.left["file"] = others
    name, summary = fields.text("name"), fields.text("description")
    return _topic(fields, "topic", name, known.KNOWLEDGE, unknown, summary=summary, documents=documents)


def _document(fields: Fields, unknown: Unknown) -> Document:
    data = fields.inner("data")
    text = data.text("content") if data else ""
    fields.tidy("data")
    id, name, created = fields.identifier("id"), fields.text("filename"), fields.epoch("created_at")
    return Document(name, text, id, created, fields.rest(known.DOCUMENT, "file", unknown))


def _note(fields: Fields, unknown: Unknown) -> Topic:
    """A note is a text of the person's; the same text stands in it as HTML and as the editor's own tree."""
    title, data = fields.text("title"), fields.inner("data")
    content = data.inner("content") if data else None
    text = content.text("md") if content else ""
    if data is not None:
        data.tidy("content")
    fields.tidy("data")
    return _topic(fields, "topic", title, known.NOTE, unknown, documents=(Document(title, text),) if text else ())


def _prompt(fields: Fields, unknown: Unknown) -> Topic:
    """Words to be called up by a command."""
    name, text = fields.text("title", "name") or fields.text("command"), fields.text("content")
    return _topic(fields, "topic", name, known.PROMPT, unknown, table="prompt", documents=(Document(name, text),) if text else ())


def _model(fields: Fields, unknown: Unknown) -> Topic:
    """A model that somebody made of another: what it is told before every chat, and what it is said to be."""
    params, meta = fields.inner("params"), fields.inner("meta")
    instructions, summary = params.text("system") if params else "", meta.text("description") if meta else ""
    fields.tidy("params", "meta")
    name = fields.text("name")
    return _topic(fields, "project", name, known.MODEL, unknown, table="model", summary=summary, instructions=instructions)


def _skill(fields: Fields, unknown: Unknown) -> Topic:
    name, summary, text = fields.text("name"), fields.text("description"), fields.text("content")
    documents = (Document(name, text),) if text else ()
    return _topic(fields, "topic", name, known.SKILL, unknown, table="skill", summary=summary, documents=documents)


def _collection(fields: Fields, unknown: Unknown) -> Topic:
    """A file of the first versions, of which only the name and the tags are in the database."""
    id, name = fields.identifier("collection_name"), fields.text("title", "name")
    return _topic(fields, "topic", name, known.COLLECTION, unknown, table="document", id=id)


def _file(fields: Fields, unknown: Unknown) -> Topic:
    """A file that belongs to nothing here."""
    held = _document(fields, unknown)
    return Topic(
        _topic_id(held.provider_id, held.name, "file"), "topic", held.name, known.PROVIDER, held.provider_id, documents=(held,)
    )


def _time(fields: Fields, key: str) -> Instant:
    """In seconds, of notes and channels in nanoseconds: numbers of 19 digits, which the decoder keeps as Decimal."""
    value = fields.left.get(key)
    is_nanoseconds = isinstance(value, (int, Decimal)) and abs(Decimal(value)) >= _NANOSECONDS
    return fields.epoch(key, unit=10**9 if is_nanoseconds else 0)


def _topic(
    fields: Fields,
    kind: str,
    name: str,
    seen: frozenset[str],
    unknown: Unknown,
    *,
    table: str = "",
    id: str | None = None,
    parent: str | None = None,
    summary: str = "",
    instructions: str = "",
    documents: tuple[Document, ...] = (),
) -> Topic:
    """table: where its ids are no UUIDs, so that those of two tables may be the same."""
    id, created = id or fields.identifier("id"), _time(fields, "created_at" if "created_at" in fields.left else "timestamp")
    updated = _time(fields, "updated_at") if "updated_at" in fields.left else None
    # What has no id of its own is the text of this very thing.
    documents = tuple(d if d.provider_id else msgspec.structs.replace(d, updated=updated) for d in documents)
    return Topic(
        id=_topic_id(id, name, table),
        kind=kind,
        name=name,
        provider=known.PROVIDER,
        provider_id=id,
        parent=parent,
        summary=summary,
        instructions=instructions,
        documents=documents,
        created=created,
        updated=updated,
        extra=fields.rest(seen, kind, unknown),
    )


def _topic_id(id: str | None, name: str, table: str) -> str:
    return make_id("t", known.PROVIDER, *([table] if table else []), *([id] if id else ["", name]))


_STATEMENTS: dict[str, Statement] = {
    "memory": _memory,
    "folder": _folder,
    "knowledge": _knowledge,
    "note": _note,
    "prompt": _prompt,
    "model": _model,
    "skill": _skill,
    "document": _collection,
    "file": _file,
}


# --- channels ---------------------------------------------------------------------------------------------------------


def _channel_id(slice: Slice) -> Identity:
    value = loaded(slice).value
    id, name = value.get("id"), value.get("name")
    return Identity(id if isinstance(id, str) and id else None, (name,) if isinstance(name, str) else ())


def _posts(value: Json) -> list[Node]:
    """Posts follow one another; an answer in a thread hangs from the post it answers, and no post from an answer."""
    rows = value.get("message")
    listed = list_nodes(rows, "message", id="id")
    answered = [_answered(row) for row in rows] if isinstance(rows, list) else []
    nodes: list[Node] = []
    last: int | None = None  # the place of the last post that is no answer
    for place, (node, above) in enumerate(zip(name_holes(listed, filter(None, answered)), answered, strict=True)):
        if above is not None:
            node = node._replace(parent=above)
        elif last is not None and last != place - 1:
            node = node._replace(parent=last)
        nodes.append(node)
        if above is None and (node.id or node.value is not None):  # else it was erased, and was an answer for all one knows
            last = place
    return nodes


def _answered(post: Json) -> str | None:
    """The id of the post that this one answers in its thread."""
    return named(post.get("parent_id")) if isinstance(post, dict) else None


def _channel(fields: Fields, desk: Desk) -> Head:
    fields.identifier("id")
    if isinstance(fields.left.get("message"), list) and not any(fields.left["message"]):
        del fields.left["message"]
    return Head(fields.text("name"), _time(fields, "created_at"), _time(fields, "updated_at"))


def _post(fields: Fields, desk: Desk) -> Draft:
    """A model that was called into the channel is named in `meta`."""
    fields.identifier("id")
    if _answered(fields.left) is None or _answered(fields.left) in desk.sidecars:
        fields.identifier("parent_id")
    meta = fields.left.get("meta")
    model = meta.get("model_id") if isinstance(meta, dict) else None
    time, updated = _time(fields, "created_at"), _time(fields, "updated_at") if "updated_at" in fields.left else None
    words = fields.text("content")
    role = "assistant" if isinstance(model, str) and model else "user"
    return Draft(role, time, [Text(words)] if words else [], model=model if role == "assistant" else None, updated=updated)


CHANNELS = Dialogue(known.PROVIDER, _channel_id, _posts, _channel, _post, known_head=known.CHANNEL, known_message=known.POST)


def read_channel(slice: Slice) -> Reading:
    """A channel; its posts are told which ids there are, so that one that answers a post which is gone keeps its id."""
    slice = loaded(slice)
    nodes = _posts(slice.value) if isinstance(slice.value, dict) else []
    return CHANNELS.read(slice, frozenset(node.id for node in nodes))
