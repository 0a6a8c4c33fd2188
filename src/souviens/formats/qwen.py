"""Qwen Chat: `qwen-chat-export-<time>.json` of chat.qwen.ai, for all chats {"success", "request_id", "data": [chat]}, for one chat
the bare array; and the answer of its web API, whose `data` is one chat.

A chat descends from Open WebUI's: `chat.history.messages` is the whole tree, `chat.messages` the shown path once more; a message
that stands there alone is read there. An answer's `content` is empty: its words stand in `content_list`, cut into phases (think,
thinking_summary, web_search, answer, …).

Shapes: formats.md 6; the reference export of mrdhnto/qwen-to-lm-studio-conversation; the phases that clients of the web API read.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from souviens.canon import make_id
from souviens.delivery import Delivery, Entry, peek
from souviens.formats import Guide, Place
from souviens.formats._content import MEDIA, content_parts
from souviens.formats._dialogue import PREVIOUS, Desk, Dialogue, Draft, Identity, Node, kept, list_nodes, loaded, role_of
from souviens.formats._document import BESIDE, is_any, read_beside, with_beside
from souviens.formats._fields import Fields, id_of, name_type
from souviens.jsonspan import Flaws, Glue, Slice, cut_elements
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Topic, Treatment

NAME = "qwen"
TITLE = "Qwen Chat export"
READER = 2
SUPPORT = "real"
WORDS = {"answer": "text", "think": "reasoning", "thinking_summary": "reasoning"}
GUIDE = Guide(
    get=("chat.qwen.ai > your name > Settings", "Chats > Export all chats", "the file is qwen-chat-export-….json"),
    notes=("One chat alone: its menu > Download > Export chat (.json).", "Qwen Chat takes no chats in."),
)
# What Open WebUI's own chats and messages never have.
_MARKS = {"content_list", "feature_config", "chat_type", "sub_chat_type", "fid", "currentResponseIds"}
_TREE, _COPIES = ("chat", "history", "messages"), ("chat", "messages")
_WRAPPER = frozenset({"success", "request_id"})
_KNOWN_HEAD = frozenset({
    "user_id", "chat", "meta", "share_id", "archived", "pinned", "folder_id", "project_id", "chat_type", "currentId",
    "currentResponseIds", "models",
})  # fmt: skip
_KNOWN_CHAT = frozenset({"id", "title", "history", "models", "messages", "params", "files", "tags", "timestamp"})
_KNOWN_MESSAGE = frozenset({
    "fid", "childrenIds", "role", "content", "content_list", "reasoning_content", "files", "timestamp", "model", "models",
    "modelName", "modelIdx", "chat_type", "sub_chat_type", "feature_config", "is_stop", "edited", "error", "meta", "extra",
    "feedbackId", "turn_id", "annotation", "info", "done", "user_action",
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "export": chats in the wrapper. "chats": bare ones, told from Open WebUI's by what only Qwen's have."""
    kinds = {_kind(entry) for entry in delivery.entries}
    return next((shape for shape in ("export", "chats") if shape in kinds), None)


def _kind(entry: Entry) -> str:
    seen = peek(entry)
    if seen.look in ("object", "lines") and ("success" in seen.first or "request_id" in seen.first):
        data = seen.first.get("data")
        return "export" if is_any(entry, data if isinstance(data, list) else [data], _is_chat, "data") else ""
    if seen.look not in ("array", "object", "lines"):
        return ""
    chats = seen.sample if isinstance(seen.sample, list) else [seen.sample]
    return "chats" if is_any(entry, chats, _is_marked) else ""


def _is_chat(value: Json) -> bool | None:
    """Whether it holds messages as Open WebUI's chats do; None for what says nothing of it."""
    if not isinstance(value, dict) or not value:
        return None
    chat = value.get("chat")
    if not isinstance(chat, dict):
        return None if "chat" in value else False
    return any(isinstance(_at(value, path), (dict, list)) for path in (_TREE[:2], _COPIES))


def _is_marked(value: Json) -> bool | None:
    """Whether it is a chat with something that Open WebUI's own do not have."""
    chat = _is_chat(value)
    return any(isinstance(item, dict) and bool(_MARKS & item.keys()) for item in (value, *_held(value))) if chat else chat


def _held(value: Json) -> list[Json]:
    """The messages of a chat, wherever they stand."""
    messages = _at(value, _TREE) or _at(value, _COPIES)
    return list(messages.values()) if isinstance(messages, dict) else messages if isinstance(messages, list) else []


def _at(value: Json, path: tuple[str, ...]) -> Json:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(entry)}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    keys = ("data",) if _kind(entry) == "export" else ()
    with entry.open() as stream:
        pieces = cut_elements(stream, path=entry.name, kind="conversation", keys=keys)
        yield from with_beside(pieces, entry.name, {"data": "conversation"}, _WRAPPER) if keys else pieces


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return read_beside(slice) if slice.kind == BESIDE else _DIALOGUE.read(_without_copies(loaded(slice)), sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return {} if slice.kind == BESIDE else _DIALOGUE.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """The shown path repeats its messages."""
    if slice.kind == BESIDE:
        return []
    slice = loaded(slice)
    erased = {node.id for id, node in zip(_DIALOGUE.ids(slice), _nodes(slice.value), strict=True) if id in ids} if ids else set()
    listed = _at(slice.value, _COPIES)
    return [
        Place((*_COPIES, place))
        for place, item in _members(listed)
        if isinstance(item, dict) and (id := id_of(item.get("id"))) is not None and id in erased
    ]


def _members(held: Json) -> list[tuple[str | int, Json]]:
    """What stands in a container, with its places."""
    return list(held.items()) if isinstance(held, dict) else list(enumerate(held)) if isinstance(held, list) else []


def _tree(value: Json) -> dict[str, Json]:
    """The messages of the tree that can be read there, by their ids."""
    nodes = list_nodes(_at(value, _TREE), *_TREE, id="id", keyed=True)
    return {node.id: node.value for node in nodes if node.id and isinstance(node.value, dict)}


def _without_copies(slice: Slice) -> Slice:
    """The slice without what `chat.messages` repeats of the tree: of a copy stays what it says otherwise, and null in the place of
    one that says nothing else."""
    tree, copies = _tree(slice.value), _at(slice.value, _COPIES)
    if not tree or not isinstance(copies, list):
        return slice
    left = [_news(copy, tree) for copy in copies]
    gone = tuple(f"chat.messages[{place}]" for place, rest in enumerate(left) if rest is None)
    flaws = slice.flaws or Flaws()
    flaws = replace(
        flaws,
        surrogates=[(path, escape) for path, escape in flaws.surrogates if not path.startswith(gone)],
        unreal=[path for path in flaws.unreal if not path.startswith(gone)],
        bad_utf8=[path for path in flaws.bad_utf8 if not path.startswith(gone)],
    )
    return replace(slice, value={**slice.value, "chat": {**slice.value["chat"], "messages": left}}, flaws=flaws)


def _news(copy: Json, tree: dict[str, Json]) -> Json:
    """What a copy says that its original in the tree does not; None for nothing."""
    id = id_of(copy.get("id")) if isinstance(copy, dict) else None
    original = tree.get(id) if id else None
    if original is None:
        return copy
    news = {key: held for key, held in copy.items() if key not in original or original[key] != held}
    return {"id": copy["id"], **news} if news else None


def _identify(slice: Slice) -> Identity:
    """The provider's id; without one the title and when it began, and if it does not say that, all that no erasure changes."""
    slice = loaded(slice)
    value, chat = slice.value, slice.value.get("chat")
    title, began = (
        [str(value[key])] if isinstance(value.get(key), (str, int)) and value[key] else [] for key in ("title", "created_at")
    )
    id = id_of(value.get("id"))
    if id or began:
        return Identity(id, (*title, *began))
    shown = {"chat": {key: held for key, held in chat.items() if key != "messages"}} if isinstance(chat, dict) else {}
    return Identity(None, (*title, kept(replace(slice, value={**value, **shown}), _nodes(value))))


def _nodes(value: Json) -> list[Node]:
    """The messages of the tree, then those that only the list has. In the place of a chat or a history that is none stands one
    that cannot be read."""
    odd = [path for path in (_TREE[:1], _TREE[:2]) if _at(value, path) and not isinstance(_at(value, path), dict)]
    if odd == [_TREE[:1]]:
        return [Node(odd[0], _at(value, odd[0]))]
    tree, shown, known = _at(value, _TREE), _at(value, _COPIES), _tree(value)
    linked = any(isinstance(item, dict) and "parentId" in item for held in (tree, shown) for _, item in _members(held))
    parent = _parent if linked else lambda item: PREVIOUS
    nodes = [Node(path, _at(value, path)) for path in odd] or list_nodes(tree, *_TREE, id="id", parent=parent, keyed=True)
    shown_nodes = list_nodes(shown, *_COPIES, id="id", parent=parent)
    if not nodes:
        return shown_nodes
    behind = [node._replace(order=len(nodes) + place) for place, node in enumerate(shown_nodes)]
    listed = [node for node in behind if not node.id or node.id not in known]
    # Of one that the tree names without its words, the words are here.
    instead = {node.id for node in listed if node.id and isinstance(node.value, dict)}
    return [*(node for node in nodes if not (node.value is None and node.id in instead)), *listed]


def _parent(item: dict[str, Json]) -> str | None:
    return id_of(item.get("parentId"))


def _head(fields: Fields, desk: Desk) -> Head:
    fields.identifier("id")
    chat = fields.inner("chat")
    history = chat.inner("history") if chat else None
    tips = (held.left.get("currentId") for held in (history, fields) if held is not None)
    tip = next((id for id in map(id_of, tips) if id), None)
    project = fields.optional("project_id")
    if project:
        desk.topics.append(Topic(make_id("t", NAME, project), "project", provider=NAME, provider_id=project))
    if chat:
        copies = chat.left.get("messages")
        if isinstance(copies, list) and None in copies:  # what the tree says, too
            chat.left["messages"] = [copy for copy in copies if copy is not None]
            chat.tidy("messages")
        chat.rest(_KNOWN_CHAT, "chat", desk.unknown)
    return Head(
        fields.text("title"),
        fields.epoch("created_at"),
        fields.epoch("updated_at"),
        tip=desk.message(tip) if tip else None,
        project=make_id("t", NAME, project) if project else None,
    )


def _message(fields: Fields, desk: Desk) -> Draft:
    own = desk.node.id
    for key in ("id", "fid"):
        fields.drop_id(key, own)
    fields.identifier("parentId")
    if isinstance(desk.node.path[-1], str):  # in a list, an erased child would leave no id behind
        desk.drop_children(fields, "childrenIds", own)
    time, model, role = fields.epoch("timestamp"), fields.optional("model"), role_of(fields.text("role"), WORDS)
    parts: list[Part] = [Reasoning(thought)] if (thought := fields.text("reasoning_content")) else []
    parts += [part for item in fields.several("content_list") for part in _phase(item, own, desk)]
    said = [part.text for part in parts if isinstance(part, Text)]
    fields.drop("content", "", *said)
    if not said or fields.left.get("content") != "".join(said):
        parts += content_parts(fields.left.pop("content", None), desk, f"{desk.path}.content")
    parts += [_file(item, desk) for item in fields.several("files")]
    return Draft(role, time, parts, model=model)


def _phase(value: Json, own: str | None, desk: Desk) -> list[Part]:
    """An item of `content_list`: a piece of the answer, thoughts, or what a tool was asked and gave back."""
    if not isinstance(value, dict):
        return [Opaque(name_type(value), value)]
    phase, fields = value.get("phase"), Fields(value)
    fields.drop("response_id", own)
    if phase in ("answer", "think") and isinstance(value.get("content"), str) and value["content"]:
        text = fields.text("content")
        del fields.left["phase"]
        return [Reasoning(text, extra=fields.left) if phase == "think" else Text(text, extra=fields.left)]
    if phase == "thinking_summary" and (thoughts := _thoughts(fields)):
        return thoughts
    if phase == "web_search" or "function_call" in value or value.get("role") == "function":
        return _tool(fields)
    if isinstance(phase, str) and phase not in ("answer", "think", "thinking_summary"):
        desk.unknown.note(f"{desk.path}.content_list.phase={phase[:40]}")
    return [Opaque(phase if isinstance(phase, str) else name_type(phase), value)]


def _thoughts(fields: Fields) -> list[Part]:
    """Thoughts as the person saw them, each with its title. What else the item says stays with the first."""
    extra = fields.inner("extra") or Fields({})
    thought, title = (extra.inner(f"summary_{key}") or Fields({}) for key in ("thought", "title"))
    thoughts, titles = _strings(thought), _strings(title)
    if not thoughts:
        return []
    del thought.left["content"], fields.left["phase"]
    if len(titles) == len(thoughts):
        del title.left["content"]
    else:
        titles = [""] * len(thoughts)
    extra.tidy("summary_thought", "summary_title")
    fields.tidy("extra")
    pairs = enumerate(zip(thoughts, titles, strict=True))
    return [Reasoning(text, named, {} if place else fields.left) for place, (text, named) in pairs]


def _strings(fields: Fields) -> list[str]:
    """The `content` of an object, if it is a list of nothing but strings."""
    held = fields.left.get("content")
    return held if isinstance(held, list) and all(isinstance(text, str) for text in held) else []


def _tool(fields: Fields) -> list[Part]:
    call, asked = fields.optional("function_id"), fields.inner("function_call")
    parts: list[Part] = []
    if asked is not None:
        parts.append(ToolCall(asked.text("name"), asked.left.pop("arguments", None), call, asked.left))
        fields.left.pop("function_call")
    name = fields.optional("name")
    text = fields.text("content") if isinstance(fields.left.get("content"), str) else ""
    return [*parts, ToolResult(text, name, call, extra=fields.left)]


def _file(value: Json, desk: Desk) -> Part:
    fields = Fields(value) if isinstance(value, dict) else Fields({})
    pointer = fields.text("id", "file_id", "url")
    if not pointer:
        return Opaque("file", value)
    media_type, kind = fields.text("file_type"), fields.left.get("type")
    media = next((media for media in MEDIA if media in (kind, media_type.partition("/")[0])), "file")
    fields.drop("type", media)
    return desk.attach(
        pointer, media, name=fields.text("name"), media_type=media_type, size=fields.number("size"), extra=fields.left
    )


_DIALOGUE = Dialogue(NAME, _identify, _nodes, _head, _message, known_head=_KNOWN_HEAD, known_message=_KNOWN_MESSAGE)
