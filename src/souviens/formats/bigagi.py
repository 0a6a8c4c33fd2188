"""big-AGI: JSON backups of all chats ("V1B", before folders "V1A"), and one chat's own export.

    {"conversations": […], "models": {"sources": […]}, "folders": {"folders": […], "enableFolders": …}}
    {"id", "messages": […], "systemPurposeId", "userTitle", "autoTitle", "created", "updated"}

`models` hold the keys of model services and are withheld inside the file. A message is a list of fragments, each with one part;
before May 2024 it was one `text`. Chats are lines without branches. Pictures are named by their ids in the browser's own store, and
no backup holds their bytes; documents stand in the chat as text.

Shapes: formats.md 7; chats.converters.ts, chat.conversation.ts, chat.message.ts, chat.fragments.ts and trade.client.ts of
enricoros/big-AGI, from several years. No file of a real user was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.canon import ABSENT, make_id
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._content import MEDIA
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, Path, list_nodes, loaded
from souviens.formats._fields import Fields, Unknown, name_type, note
from souviens.formats._statements import Statement, stated, whole
from souviens.jsonspan import Glue, Route, Secret, Slice, cut_elements, cut_members, load
from souviens.records import (
    Citation,
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
    Topic,
    Treatment,
)

NAME = "bigagi"
TITLE = "big-AGI backup"
READER = 2
SUPPORT = "documented"
WORDS = {"content": "text", "void": "reasoning", "ma": "reasoning"}
GUIDE = Guide(
    get=("the list of chats > ... > Export All Chats", "Download All - JSON", "of one chat: Download - JSON; both are *.agi.json"),
    notes=(
        "The file holds the API keys of model services; souviens withholds them.",
        "Pictures stay in the browser; no export holds them.",
        "A full backup (Flash File) is another format, which souviens does not read.",
    ),
)
_MS = 1000
_FOLDERS = ("folders", "folders")
_SECRET = "API keys of model services"
_KINDS: dict[str, Route] = {
    "conversations": "conversation",
    "folders": {"folders": "folder"},
    "personas": "persona",
    "models": Secret(_SECRET),
}
_NOT_HERE = "big-AGI keeps it in the browser and exports only its id"
_TEXT_ONLY = "the export holds its text, not the file"
_OWN_NAMES = ("You", "Bot")  # what every sender is called that was given no name
_NO_MODELS = ("web", "issue", "help")  # generators that are no models
_NOT_SAID = ("error", "ph", "_pt_sentinel")  # notices and placeholders
_KNOWN_HEAD = frozenset({
    "messages", "systemPurposeId", "autoTitle", "tokenCount", "isArchived", "isIncognito", "_isIncognito", "userSymbol",
    "participants", "turnTerminationMode", "abortController", "_abortController", "ephemerals",
})  # fmt: skip
_KNOWN_PERSONA = frozenset({"creationDate", "inputProvenance", "inputText", "llmLabel", "pictureUrl"})
_KNOWN_MESSAGE = frozenset({
    "avatar", "fragments", "generator", "metadata", "originLLM", "pendingIncomplete", "purposeId", "sender", "text", "tokenCount",
    "typing", "userFlags",
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "v1b": a backup with folders. "v1a": one before there were any. "chat": single chats."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("v1b", "v1a", "chat") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look != "object":
        return ""
    first, listed = seen.first, seen.first.get("conversations")
    if isinstance(listed, list) and "messages" not in seen.keys:
        models = first.get("models")
        empty = not listed and isinstance(models, dict) and "sources" in models
        return ("v1b" if seen.has("folders") else "v1a") if empty or any(map(_is_chat, listed)) else ""
    return "chat" if _is_chat({**dict.fromkeys(seen.keys), **first}) else ""


def _is_chat(value: Json) -> bool:
    """A chat has a persona behind its messages, which may be more than can be looked at; then a message has to say it."""
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list) or "id" not in value:
        return False
    return "systemPurposeId" in value or any(map(_is_message, value["messages"]))


def _is_message(value: Json) -> bool:
    if not isinstance(value, dict) or not {"id", "role"} <= value.keys():
        return False
    fragments = value.get("fragments")
    if isinstance(fragments, list):
        return any(isinstance(item, dict) and {"ft", "fId"} <= item.keys() for item in fragments)
    return {"text", "sender", "typing"} <= value.keys()


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    """The folder that each chat lies in, by their ids."""
    found: dict[str, str] = {}
    for entry in delivery.entries:
        if _kind(delivery.peek(entry)) != "v1b":
            continue
        with entry.open() as stream:
            for piece in cut_elements(stream, path=entry.name, kind="folder", keys=_FOLDERS):
                if isinstance(piece, Slice) and isinstance(piece.value, dict):
                    folder = Fields(piece.value)
                    id, chats = folder.identifier("id"), folder.items("conversationIds")
                    for chat in chats:
                        if id and isinstance(chat, str):
                            found.setdefault(chat, id)
    return {"folders": found}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """Chats and folders, each by itself; models are a secret."""
    with entry.open() as stream:
        if _kind(peek(entry)) == "chat":
            yield from cut_elements(stream, path=entry.name, kind="conversation")
            return
        for piece in cut_members(stream, path=entry.name, kinds=_KINDS):
            yield from _apart(piece) if isinstance(piece, Slice) and piece.kind == "conversation" else [piece]


def _apart(chat: Slice) -> Iterator[Glue | Slice]:
    """A chat. One that lost its end may run on into the keys, which are taken off it."""
    runs_on = chat.damage or (isinstance(chat.value, dict) and "models" in chat.value)
    at = chat.data.rfind(b'"models"') if runs_on else -1
    if at < 0:
        yield chat
        return
    yield load(Slice(chat.kind, chat.path, chat.where, chat.data[:at]))
    yield Glue(chat.data[at:], _SECRET, "models")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return stated(slice, _STATED[slice.kind]) if slice.kind in _STATED else _CHATS.read(slice, sidecars)


def locations(slice: Slice) -> dict[str, Path]:
    return {} if slice.kind in _STATED else _CHATS.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """A folder's or a persona's slice is wholly its own. Of messages nothing is repeated."""
    return whole(read(slice, {}), ids) if slice.kind in _STATED else []


def _folder(fields: Fields, unknown: Unknown) -> Topic | str:
    id, name = fields.identifier("id"), fields.text("title")
    if not id and not name:
        return "a folder without a name"
    extra = fields.rest(frozenset({"conversationIds", "color"}), "folders", unknown)
    return Topic(make_id("t", NAME, *([id] if id else ["", name])), "project", name, NAME, id, extra=extra)


def _persona(fields: Fields, unknown: Unknown) -> Topic | str:
    """A persona that somebody made: what a model is told to be."""
    id, name = fields.identifier("id"), fields.text("name", "title")
    prompt, summary = fields.text("systemPrompt", "systemMessage", "prompt"), fields.text("description")
    if not prompt and not name:
        return "a persona without a name and without words"
    made = make_id("t", NAME, "persona", *([id] if id else ["", name or prompt]))
    extra = fields.rest(_KNOWN_PERSONA, "personas", unknown)
    return Topic(made, "project", name, NAME, id, summary=summary, instructions=prompt, extra=extra)


_STATED: dict[str, Statement] = {"folder": _folder, "persona": _persona}


def _identify(slice: Slice) -> Identity:
    value = loaded(slice).value
    id = value.get("id")
    words = [str(value[key]) for key in ("created", "systemPurposeId") if isinstance(value.get(key), (str, int))]
    return Identity(id if isinstance(id, str) else None, tuple(words))


def _nodes(value: Json) -> list[Node]:
    return list_nodes(value.get("messages"), "messages", id="id")


def _head(fields: Fields, desk: Desk) -> Head:
    folder = desk.sidecars["folders"].get(fields.identifier("id"))
    fields.drop("updated", None)
    return Head(
        fields.text("userTitle", "autoTitle"),
        fields.epoch("created", unit=_MS),
        fields.epoch_updated("updated", unit=_MS) or ABSENT,
        project=make_id("t", NAME, folder) if folder else None,
    )


def _message(fields: Fields, desk: Desk) -> Draft:
    fields.identifier("id")
    fields.drop("updated", None)  # what every message says that was never edited
    parts = [part for item in fields.items("fragments") for part in _fragment(item, desk)]
    if text := fields.text("text"):
        parts.append(Text(text))
    generator = fields.inner("generator")
    named = generator is not None and generator.left.get("name") not in _NO_MODELS
    model = generator.optional("name") if generator and named else None
    sender = fields.left.get("sender")
    return Draft(
        fields.text("role").lower(),
        fields.epoch("created", unit=_MS),
        parts,
        author=fields.optional("sender") if sender not in _OWN_NAMES else None,
        model=model or fields.optional("originLLM"),
        updated=fields.epoch_updated("updated", unit=_MS),
    )


# --- fragments --------------------------------------------------------------------------------------------------------


def _fragment(value: Json, desk: Desk) -> list[Part]:
    """What one fragment says; beside what it says, all of it stays in the `extra` of the first part made of it."""
    fields = Fields(value if isinstance(value, dict) else {})
    part = fields.inner("part")
    kind = part.left.get("pt") if part else None
    if part is None or not isinstance(kind, str):
        return [Opaque(name_type(value), value)]
    if kind == "text" and isinstance(part.left.get("text"), str):
        return [Text(str(part.left.pop("text")), extra=_rest(fields, part, "content"))]
    if kind == "ma" and isinstance(part.left.get("aText"), str):
        part.drop("aType", "reasoning")
        return [Reasoning(str(part.left.pop("aText")), extra=_rest(fields, part, "void"))]
    made = _MAKERS[kind](fields, part, desk) if kind in _MAKERS else []
    if not made and kind not in (*_MAKERS, *_NOT_SAID, "text", "ma"):
        desk.unknown.note(f"{desk.path}.fragments.part.pt={kind[:40]}")
    return made or [Opaque(kind, value)]


def _rest(fields: Fields, part: Fields, usual: str) -> Extra:
    """What is left of a fragment whose kind of part is said by the record's own. usual: the type such a fragment has."""
    del part.left["pt"]
    fields.drop("ft", usual)
    fields.tidy("part")
    return fields.left


def _invoked(fields: Fields, part: Fields, desk: Desk) -> list[Part]:
    """A call of a function, or code that the model runs."""
    call, made = part.identifier("id"), part.inner("invocation")
    if made is None:
        return []
    if made.left.get("type") == "code_execution":
        written = {key: made.left.pop(key) for key in ("language", "code") if key in made.left}
        return [ToolCall("code_execution", written, call, fields.left)]
    return [ToolCall(made.text("name"), made.left.pop("args", None), call, fields.left)]


def _responded(fields: Fields, part: Fields, desk: Desk) -> list[Part]:
    """An answer. Its error is true, false, or what went wrong, in words."""
    call, given = part.identifier("id"), part.inner("response")
    if given is None:
        return []
    error = part.left.get("error")
    if error is True:
        del part.left["error"]
    ran = given.left.get("type") == "code_execution"
    name = "code_execution" if ran else given.optional("name")
    return [ToolResult(given.text("result"), name, call, bool(error), fields.left)]


def _document(fields: Fields, part: Fields, desk: Desk) -> list[Part]:
    """A document, and behind it its words."""
    pointer, name = part.text("ref"), fields.text("title")
    data, meta = part.inner("data") or Fields({}), part.inner("meta") or Fields({})
    if not pointer and not name:
        return []
    name = name or meta.text("srcFileName")
    words, media_type, size = data.text("text"), data.text("mimeType"), meta.number("srcFileSize")
    made = desk.attach(
        pointer or name, name=name, media_type=media_type, size=size, missing=_TEXT_ONLY if words else _NOT_HERE, extra=fields.left
    )
    return [made, Text(words, extra={"attachment": name})] if words else [made]


def _picture(fields: Fields, part: Fields, desk: Desk) -> list[Part]:
    """A picture by its id in the browser's store, or by its address."""
    source = part.inner("dataRef") or Fields({})
    stored, address = source.text("dblobAssetId"), source.text("url")
    media_type, size = source.text("mimeType"), source.number("bytesSize")
    name = fields.text("title") or part.text("altText")
    if not stored and not address:
        return []
    if not stored:
        return [desk.attach(address, "image", name=name, media_type=media_type, size=size, extra=fields.left)]
    if address:
        source.left["url"] = address
    return [desk.attach(stored, "image", name=name, media_type=media_type, size=size, missing=_NOT_HERE, extra=fields.left)]


def _asset(fields: Fields, part: Fields, desk: Desk) -> list[Part]:
    """A picture or a sound by its id, with what it was known by before it had one."""
    pointer, media, name = part.text("zUuid"), _media(part, "assetType"), fields.text("title")
    return [desk.attach(pointer, media, name=name, missing=_NOT_HERE, extra=fields.left)] if pointer else []


def _hosted(fields: Fields, part: Fields, desk: Desk) -> list[Part]:
    """A file at a provider, or anywhere: by its address or its id there."""
    resource = part.inner("resource") or Fields({})
    pointer, media, name = resource.text("url", "fileId"), _media(resource, "mediaKind"), resource.text("fileName")
    media_type = resource.text("mimeType")
    return [desk.attach(pointer, media, name=name, media_type=media_type, extra=fields.left)] if pointer else []


def _media(fields: Fields, key: str) -> str:
    """What kind of a file it is; a word that is no kind of ours stays where it is."""
    return fields.text(key) if fields.left.get(key) in MEDIA else "file"


def _annotated(fields: Fields, part: Fields, desk: Desk) -> list[Part]:
    """Sources that the model names, each for the places in its text that it lists."""
    made: list[Part] = [_citation(item) for item in part.items("annotations")]
    first = next((part for part in made if isinstance(part, Citation)), None)
    if first is not None:
        note(first.extra, "fragment", fields.left)
    return made if first is not None else []


def _citation(value: Json) -> Part:
    fields = Fields(value if isinstance(value, dict) else {})
    uri, title = fields.text("url"), fields.text("title")
    if not uri and not title:
        return Opaque("annotation", value)
    fields.drop("type", "citation")
    ranges = fields.left.get("ranges")
    only = Fields(ranges[0]) if isinstance(ranges, list) and len(ranges) == 1 and isinstance(ranges[0], dict) else Fields({})
    text, start, end = only.text("textSnippet"), only.number("startIndex"), only.number("endIndex")
    if text or start is not None or end is not None:
        fields.left["ranges"] = [only.left] if only.left else []
    fields.tidy("ranges")
    return Citation(uri, title, text, start, end, fields.left)


_MAKERS = {
    "tool_invocation": _invoked,
    "tool_response": _responded,
    "doc": _document,
    "image_ref": _picture,
    "reference": _asset,
    "hosted_resource": _hosted,
    "annotations": _annotated,
}
_CHATS = Dialogue(NAME, _identify, _nodes, _head, _message, known_head=_KNOWN_HEAD, known_message=_KNOWN_MESSAGE)
