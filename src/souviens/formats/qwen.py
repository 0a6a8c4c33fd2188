"""Qwen Chat: `qwen-chat-export-<time>.json` of chat.qwen.ai, for all chats {"success", "request_id", "data": [chat]}, for one chat
the bare array; and the answer of its web API, whose `data` is one chat.

A chat descends from Open WebUI's: `chat.history.messages` is the whole tree, `chat.messages` the shown path once more. An answer's
`content` is empty: its words stand in `content_list`, cut into phases (think, thinking_summary, web_search, answer, …).

Shapes: formats.md 6; the reference export of mrdhnto/qwen-to-lm-studio-conversation; the phases that clients of the web API read.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from souviens.canon import make_id
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._content import MEDIA, content_parts
from souviens.formats._dialogue import PREVIOUS, Desk, Dialogue, Draft, Identity, Node, list_nodes, loaded, role_of
from souviens.formats._fields import Fields, name_type
from souviens.jsonspan import Flaws, Glue, Slice, cut_elements
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Topic, Treatment

NAME = "qwen"
TITLE = "Qwen Chat export"
READER = 1
SUPPORT = "real"
WORDS = {"answer": "text", "think": "reasoning", "thinking_summary": "reasoning"}
GUIDE = Guide(
    get=("chat.qwen.ai > your name > Settings", "Chats > Export all chats", "the file is qwen-chat-export-….json"),
    notes=("One chat alone: its menu > Download > Export chat (.json).", "Qwen Chat takes no chats in."),
)
# What Open WebUI's own chats and messages never have.
_MARKS = {"content_list", "feature_config", "chat_type", "sub_chat_type", "fid", "currentResponseIds"}
_TREE, _COPIES = ("chat", "history", "messages"), ("chat", "messages")
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
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("export", "chats") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look == "object" and ("success" in seen.first or "request_id" in seen.first):
        data = seen.first.get("data")
        return "export" if any(map(_is_chat, data if isinstance(data, list) else [data])) else ""
    chats = seen.sample if seen.look == "array" else [seen.sample] if seen.look == "object" else []
    return "chats" if any(_is_chat(chat) and _is_marked(chat) for chat in chats or ()) else ""


def _is_chat(value: Json) -> bool:
    chat = value.get("chat") if isinstance(value, dict) else None
    return isinstance(chat, dict) and (isinstance(chat.get("history"), dict) or isinstance(chat.get("messages"), list))


def _is_marked(value: dict[str, Json]) -> bool:
    messages = _at(value, _TREE) or _at(value, _COPIES)
    held = messages.values() if isinstance(messages, dict) else messages if isinstance(messages, list) else ()
    return any(isinstance(item, dict) and bool(_MARKS & item.keys()) for item in (value, *held))


def _at(value: Json, path: tuple[str, ...]) -> Json:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    keys = ("data",) if _kind(peek(entry)) == "export" else ()
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="conversation", keys=keys)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return _DIALOGUE.read(_without_copies(loaded(slice)), sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return _DIALOGUE.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """The shown path repeats its messages."""
    slice = loaded(slice)
    erased = {path[-1] for id, path in locations(slice).items() if id in ids and path[:-1] == _TREE}
    copies = _at(slice.value, _COPIES)
    return [
        Place((*_COPIES, place))
        for place, copy in enumerate(copies if isinstance(copies, list) else ())
        if isinstance(copy, dict) and copy.get("id") in erased
    ]


def _without_copies(slice: Slice) -> Slice:
    """The slice without what `chat.messages` repeats of the tree: of a copy stays what it says otherwise."""
    tree, copies = _at(slice.value, _TREE), _at(slice.value, _COPIES)
    if not isinstance(tree, dict) or not tree or not isinstance(copies, list):
        return slice
    left = [(place, rest) for place, copy in enumerate(copies) if (rest := _news(copy, tree)) is not None]
    gone = tuple(f"chat.messages[{place}]" for place in range(len(copies)) if place not in dict(left))
    chat = {key: held for key, held in slice.value["chat"].items() if key != "messages"}
    if left:
        chat["messages"] = [rest for _, rest in left]
    flaws = slice.flaws or Flaws()
    flaws = replace(
        flaws,
        surrogates=[(path, escape) for path, escape in flaws.surrogates if not path.startswith(gone)],
        unreal=[path for path in flaws.unreal if not path.startswith(gone)],
        bad_utf8=[path for path in flaws.bad_utf8 if not path.startswith(gone)],
    )
    return replace(slice, value={**slice.value, "chat": chat}, flaws=flaws)


def _news(copy: Json, tree: dict[str, Json]) -> Json:
    """What a copy says that its original in the tree does not; None for nothing."""
    id = copy.get("id") if isinstance(copy, dict) else None
    original = tree.get(id) if isinstance(id, str) else None
    if not isinstance(original, dict):
        return copy
    news = {key: held for key, held in copy.items() if key not in original or original[key] != held}
    return {"id": id, **news} if news else None


def _identify(slice: Slice) -> Identity:
    value = loaded(slice).value
    words = [str(value[key]) for key in ("title", "created_at") if isinstance(value.get(key), (str, int)) and value[key]]
    return Identity(value["id"] if isinstance(value.get("id"), str) else None, tuple(words))


def _nodes(value: Json) -> list[Node]:
    tree = _at(value, _TREE)
    if isinstance(tree, dict) and tree:
        return [Node((*_TREE, key), item, key, _parent(item)) for key, item in tree.items()]
    listed = _at(value, _COPIES)
    named = isinstance(listed, list) and any(isinstance(item, dict) and "parentId" in item for item in listed)
    return list_nodes(listed, *_COPIES, id="id", parent=_parent if named else lambda item: PREVIOUS)


def _parent(item: Json) -> str | None:
    parent = item.get("parentId") if isinstance(item, dict) else None
    return parent if isinstance(parent, str) and parent else None


def _head(fields: Fields, desk: Desk) -> Head:
    fields.identifier("id")
    chat = fields.inner("chat")
    history = chat.inner("history") if chat else None
    tips = (held.left.get("currentId") for held in (history, fields) if held is not None)
    tip = next((tip for tip in tips if isinstance(tip, str) and tip), None)
    project = fields.optional("project_id")
    if project:
        desk.topics.append(Topic(make_id("t", NAME, project), "project", provider=NAME, provider_id=project))
    if chat:
        chat.rest(_KNOWN_CHAT, "chat", desk.unknown)
    return Head(
        fields.text("title"),
        fields.epoch("created_at"),
        fields.epoch("updated_at"),
        tip=desk.message(tip) if tip else None,
        project=make_id("t", NAME, project) if project else None,
    )


def _message(fields: Fields, desk: Desk) -> Draft:
    own = fields.identifier("id")
    fields.identifier("parentId")
    fields.drop("fid", own)
    if desk.path == ".".join(_TREE):  # in a list, an erased child would leave no id behind
        desk.drop_children(fields, "childrenIds", own)
    time, model, role = fields.epoch("timestamp"), fields.optional("model"), role_of(fields.text("role"), WORDS)
    parts: list[Part] = [Reasoning(thought)] if (thought := fields.text("reasoning_content")) else []
    parts += [part for item in fields.items("content_list") for part in _phase(item, own, desk)]
    said = [part.text for part in parts if isinstance(part, Text)]
    fields.drop("content", "", *said)
    if not said or fields.left.get("content") != "".join(said):
        parts += content_parts(fields.left.pop("content", None), desk, f"{desk.path}.content")
    parts += [_file(item, desk) for item in fields.items("files")]
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
