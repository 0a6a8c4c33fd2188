"""What the notes of a vault are, as records."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import cast

import msgspec
from msgspec.structs import replace

from souviens.canon import ABSENT, Instant, make_id, rfc3339, unknown
from souviens.formats._content import digest_of
from souviens.formats._dialogue import PREVIOUS, Desk, Dialogue, Draft, Identity, Node, refused
from souviens.formats._fields import Fields, Unknown
from souviens.formats._frontmatter import front_matter
from souviens.formats._statements import stated
from souviens.formats.obsidian.notes import MARK, ROLES, chat, chat_id, links
from souviens.jsonspan import Flaws, Slice, decode
from souviens.records import Document, Evidence, Extra, Head, Json, Memory, Opaque, Part, Reading, Text, Topic, Visibility

EVIDENCE = f"%%{MARK} evidence%%"
_CREATED = ("created", "created_at", "create_time", "date", "date created")
_UPDATED = ("updated", "updated_at", "update_time", "modified", "date modified")


# --- notes ------------------------------------------------------------------------------------------------------------


def note_value(slice: Slice) -> dict[str, Json]:
    """A note's front matter and its words, as JSON."""
    text = slice.data.decode()
    fields, end = front_matter(text)
    return {"front": fields, "text": text[end:] if text[end:].strip() else ""}


def note(slice: Slice, root: str, repeated: Sequence[str] = ()) -> Reading:
    """The topic of a note with the note as its document, and after it the topics of its folders. A note is known by the id in its
    front matter, else by its path. root: where in the delivery the vault begins. repeated: ids that tell none from another."""
    if not slice.data.strip():
        return Reading()
    value = note_value(slice)
    fields = Fields(value["front"])
    *folders, name = slice.path.removeprefix(root).split("/")
    name = name[: -len(".md")] if name.lower().endswith(".md") else name
    created, updated = _first(fields, _CREATED), _first(fields, _UPDATED)
    id, title, path = fields.left.get("id"), fields.left.get("title"), [*folders, name]
    if isinstance(id, str) and id and id not in repeated:
        del fields.left["id"]
        fields.left["path"] = "/".join(path)
    else:
        id = None
    extra = fields.left  # a person's own properties: none of them is unknown
    for key, found in zip(("links", "embeds"), links(value["text"]), strict=True):
        if found:
            extra[key if key not in extra else f"{key} (souviens)"] = found
    own = Topic(
        id=make_id("t", "obsidian", "id", id) if id else _topic(path),
        kind="topic",
        name=title if isinstance(title, str) and title else name,
        provider="obsidian",
        provider_id=id or "/".join(path),
        parent=_topic([*folders, ""]) if folders else None,
        documents=(Document(name, value["text"], created=created or ABSENT, updated=updated),) if value["text"] else (),
        created=created or ABSENT,
        updated=updated,
        extra=extra,
    )
    return Reading(topics=(own, *_folders(folders)))


def canvas(slice: Slice, root: str) -> Reading:
    """The topic of a canvas, and after it the topics of its folders. Each text on it is a document; whatever else lies on it, and
    where, stays beside them."""
    path = slice.path.removeprefix(root).split("/")
    name = path[-1][: -len(".canvas")]

    def board(fields: Fields, unknown_: Unknown) -> Topic:
        documents: list[Document] = []
        nodes: list[Json] = []
        for node in fields.items("nodes"):
            left = dict(node) if isinstance(node, dict) else node
            if isinstance(left, dict) and isinstance(left.get("text"), str):
                id = left.get("id")
                known_by = id if isinstance(id, str) and id else None
                documents.append(Document(name if known_by else f"{name} {len(documents) + 1}", left.pop("text"), known_by))
            nodes.append(left)
        extra = {**fields.left, **({"nodes": nodes} if nodes else {})}
        parent = _topic([*path[:-1], ""]) if path[1:] else None
        return Topic(_topic(path), "topic", name, "obsidian", "/".join(path), parent, documents=tuple(documents), extra=extra)

    reading = stated(slice, board)
    return replace(reading, topics=(*reading.topics, *_folders(path[:-1]))) if reading.topics else reading


def _folders(folders: list[str]) -> list[Topic]:
    """From the inside out. A folder may bear the name of a note, so that an empty name ends it."""
    return [
        Topic(
            id=_topic([*folders[:depth], ""]),
            kind="area",
            name=folders[depth - 1],
            provider="obsidian",
            provider_id="/".join(folders[:depth]) + "/",
            parent=_topic([*folders[: depth - 1], ""]) if depth > 1 else None,
        )
        for depth in range(len(folders), 0, -1)
    ]


def _topic(path: list[str]) -> str:
    return make_id("t", "obsidian", *path)


def _first(fields: Fields, keys: tuple[str, ...]) -> Instant | None:
    """The time under the first of these keys that the front matter has."""
    key = next((key for key in keys if isinstance(fields.left.get(key), str)), None)
    return None if key is None else rfc3339(fields.left.pop(key))


# --- chats ------------------------------------------------------------------------------------------------------------


def as_json(slice: Slice) -> tuple[Slice, list[tuple[int, int]]]:
    """A note as a slice of JSON, and where in it each message stands."""
    found = chat(slice.data)
    return Slice(slice.kind, slice.path, slice.where, slice.data, found.value, Flaws()), found.spans


def _identify(slice: Slice) -> Identity:
    return Identity(chat_id(slice.value["front"]))


def _nodes(value: Json) -> list[Node]:
    nodes = []
    for place, item in enumerate(value["messages"]):
        mark = item.get("mark") if item else None
        said = mark if isinstance(mark, dict) else {}
        id = said.get("id") or (item.get("uid") if item else None)
        parent = said.get("parent") if said else PREVIOUS
        nodes.append(Node(("messages", place), item, id if isinstance(id, str) else None, parent or None))
    return nodes


def _head(fields: Fields, desk: Desk) -> Head:
    front = fields.inner("front") or Fields({})
    more = front.inner("more") or Fields({})
    ours = front.left.pop(MARK, None) is not None
    fields.tidy("between", "messages")
    for key in ("conversation_id", "conversationId", "chat_id", "id"):
        if front.left.get(key) == chat_id(front.left):
            del front.left[key]
            break
    created = _told(more, "created") or _first(front, _CREATED) or ABSENT
    updated = _told(more, "updated") or _first(front, _UPDATED) or ABSENT
    if ours:  # for people; `more` has them whole
        for key in ("created", "updated", "project"):
            front.left.pop(key, None)
    title = front.text("title") or (front.text("aliases", "alias") if isinstance(front.left.get("aliases"), str) else "")
    tip, topic = more.optional("tip"), more.optional("project")
    model, extra = more.optional("model"), more.left.pop("extra", {})
    for item in more.items("attachments"):
        _file(item, desk)
    front.tidy("more")
    left = fields.left.pop("front", {})
    return Head(
        title,
        created,
        updated,
        tip=desk.message(tip) if tip else None,
        project=_ours("t", topic) if topic else None,
        model=model,
        extra={**(extra if isinstance(extra, dict) else {}), **left},
    )


def _told(more: Fields, key: str) -> Instant | None:
    """A time as our own writer laid it down, whole."""
    value = more.left.get(key)
    if not isinstance(value, dict):
        return None
    try:
        found = msgspec.convert(more.left.pop(key), Instant)
    except msgspec.ValidationError:
        return None
    return ABSENT if found == ABSENT else found


def _message(fields: Fields, desk: Desk) -> Draft:
    fields.identifier("uid")
    mark = fields.inner("mark")
    callouts = fields.items("parts")
    word = callouts[0]["callout"] if callouts else ""
    if mark is None:
        return _of_a_plugin(callouts[0])
    mark.identifier("id")
    mark.identifier("parent")
    more = mark.items("parts")
    parts = [_part(callout, added, desk) for callout, added in zip_longest(callouts, more) if callout is not None]
    role = mark.left.pop("role") if isinstance(mark.left.get("role"), str) else ROLES.get(word, word)
    seen = mark.left.get("visibility")
    extra = mark.left.pop("extra", {})
    draft = Draft(
        role,
        _told(mark, "time") or unknown("absent"),
        parts,
        author=mark.optional("author"),
        model=mark.optional("model"),
        updated=_told(mark, "updated"),
        visibility=cast(Visibility, mark.left.pop("visibility")) if seen in ("hidden", "placeholder") else "visible",
        extra=extra if isinstance(extra, dict) else {},
    )
    fields.tidy("mark")
    return draft


def _of_a_plugin(said: Json) -> Draft:
    """A message of a plugin's: who and when stand over it. A time in the local order of day and month is none that can be read."""
    role = ROLES[said["callout"].lower()]
    time = rfc3339(said["time"]) if said["time"] else unknown("absent")
    author = said["who"] if said["who"] and said["who"].lower() != role else None
    return Draft(role, time, [Text(said["text"])], author=author)


def _part(callout: Json, added: Json, desk: Desk) -> Part:
    """A part as its callout shows it, with what our writer added to it."""
    word, text = callout["callout"], callout["text"]
    more = dict(added) if isinstance(added, dict) else {}
    if word == "file":
        return _file(more, desk)
    if word == "opaque":
        return Opaque(str(more.get("kind", "")), more.get("value"))
    base: dict[str, Json] = {"type": "text" if word in ROLES or word not in _SHOWN else word, "text": text}
    if word == "tool_call":
        base = {"type": word, "name": callout["title"], "arguments": _arguments(text) if more.pop("json", None) is True else text}
    try:
        return cast(Part, msgspec.convert(base | more, Part))
    except msgspec.ValidationError:
        return Opaque(word, {"text": text, "more": added})


_SHOWN = ("reasoning", "tool_call", "tool_result", "uri", "citation")


def _file(value: Json, desk: Desk) -> Part:
    """A file that our writer named; there are no bytes of it."""
    said = Fields(value if isinstance(value, dict) else {})
    pointer, name = said.text("pointer"), said.text("name")
    extra = said.left.pop("extra", {})
    part = desk.attach(
        pointer or digest_of(value),
        said.text("media") or "file",
        name=name,
        media_type=said.text("media_type"),
        size=said.number("size"),
        extra=extra if isinstance(extra, dict) else {},
    )
    return replace(part, pointer=pointer)


def _arguments(text: str) -> Json:
    try:
        return decode(text.encode())[0]
    except ValueError:
        return text


CHATS = Dialogue("obsidian", _identify, _nodes, _head, _message, known_head=frozenset({"between"}))


# --- what our own writer lays beside them -----------------------------------------------------------------------------


def _ours(letter: str, id: str) -> str:
    return make_id(letter, "obsidian", MARK, id)


def memory(slice: Slice) -> Reading:
    """A memory that our writer wrote: its words, down to the links to what it rests on."""
    if not slice.data.strip():
        return Reading()
    value, unknown_ = note_value(slice), Unknown()
    text = value["text"].partition(f"\n\n{EVIDENCE}\n")[0].removeprefix("\n").removesuffix("\n")
    fields = Fields(value["front"])
    more = fields.inner("more") or Fields({})
    id, kind = fields.optional("id"), fields.text("kind") or "fact"
    if not text:
        return refused(slice, "holds no text", "memory")
    del fields.left[MARK]
    evidence = tuple(_evidence(item) for item in more.items("evidence") if isinstance(item, dict))
    topic = more.optional("topic")
    created = _told(more, "created") or _first(fields, _CREATED) or ABSENT
    fields.left.pop("created", None)  # for people; `more` has it whole
    updated, valid_from, valid_to = (_told(more, key) for key in ("updated", "valid_from", "valid_to"))
    extra: Extra = more.left.pop("extra", {})
    fields.tidy("more")
    return Reading(
        memories=(
            Memory(
                id=make_id("y", "obsidian", kind, id or text),
                kind=kind,
                text=text,
                authority="imported",
                provider="obsidian",
                provider_id=id,
                evidence=evidence,
                created=created,
                updated=updated,
                valid_from=valid_from,
                valid_to=valid_to,
                topic=_ours("t", topic) if topic else None,
                extra={
                    **(extra if isinstance(extra, dict) else {}),
                    **fields.rest(frozenset({"provider", "authority"}), "", unknown_),
                },
            ),
        ),
        unknown=unknown_,
    )


def _evidence(item: dict[str, Json]) -> Evidence:
    said = Fields(item)
    conversation, message = said.optional("conversation"), said.optional("message")
    id = make_id("c", "obsidian", conversation) if conversation else None
    place = make_id("m", id, message) if id and message else None
    return Evidence(id, place, None, said.number("start"), said.number("end"), said.optional("quote_hash"))


def project(slice: Slice) -> Reading:
    """A project that our writer wrote: summary, instructions and documents, each in a callout."""
    if not slice.data.strip():
        return Reading()
    value, unknown_ = chat(slice.data).value, Unknown()
    fields = Fields(value["front"])
    id = fields.optional("id")
    if id is None:
        return refused(slice, "names no project", "source")
    more = fields.inner("more") or Fields({})
    del fields.left[MARK]
    parts = [part for message in value["messages"] if message for part in message["parts"]]
    told = {part["callout"]: part["text"] for part in parts}
    documents = [part for part in parts if part["callout"] == "document"]
    names = [name if isinstance(name, str) else "" for name in more.items("documents")]
    parent = more.optional("parent")
    fields.tidy("more")
    own = Topic(
        id=_ours("t", id),
        kind=fields.text("kind") or "project",
        name=fields.text("name"),
        provider="obsidian",
        provider_id=id,
        parent=_ours("t", parent) if parent else None,
        summary=told.get("summary", ""),
        instructions=told.get("instructions", ""),
        documents=tuple(Document(name or part["title"], part["text"]) for part, name in zip_longest(documents, names) if part),
        extra=fields.rest(frozenset({"provider"}), "", unknown_),
    )
    return Reading(topics=(own,), unknown=unknown_)
