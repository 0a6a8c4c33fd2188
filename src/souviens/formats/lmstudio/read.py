"""Reading LM Studio's chats."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from decimal import Decimal
from typing import NamedTuple

from souviens.canon import Instant, epoch, make_id, unknown
from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Place
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, loaded
from souviens.formats._fields import Fields, name_type
from souviens.jsonspan import Glue, Slice, cut_elements
from souviens.records import Citation, Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Topic, Treatment

PROVIDER = "lmstudio"
_NUMBER = re.compile(r"(?:.*/)?(\d+)\.conversation\.json")
_MS = 1000
_OWN = {"clientInput", "lastUsedModel", "perChatPredictionConfig", "usePerChatPredictionConfig"}  # keys of a chat without messages
_PRIVATE = {".internal", "credentials"}  # folders of LM Studio's that hold logins


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "conversations": at least one chat."""
    return "conversations" if any(_is_chat(delivery.peek(entry)) for entry in delivery.entries) else None


def _is_chat(seen: Peek) -> bool:
    messages = seen.first.get("messages")
    if seen.look != "object" or not isinstance(messages, list):
        return False
    slots = [slot for slot in messages if isinstance(slot, dict)]
    if slots:
        return any(isinstance(slot.get("versions"), list) for slot in slots)
    return len(_OWN.intersection(seen.keys)) > 1


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Chats are cut; logins, and the tools' servers, whose settings hold keys, are withheld."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if _is_chat(seen):
            found[entry.name] = "cut"
        elif seen.has("mcpServers") or not _PRIVATE.isdisjoint(entry.name.split("/")):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    """Attachments by the name that chats call them."""
    paths = [entry.name.split("/") for entry in delivery.entries]
    return {path[-1]: "/".join(path) for path in paths if "user-files" in path[:-1]}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="conversation")


# --- reading ----------------------------------------------------------------------------------------------------------


class _Around(NamedTuple):
    """What a chat does not say of itself: its folders, the files beside it; and the place of its active leaf among its nodes."""

    folders: tuple[str, ...]
    files: dict[str, str]
    tip: int | None


def read(slice: Slice, sidecars: Json) -> Reading:
    """A chat; its folder is its topic."""
    slice = loaded(slice)
    tip = _selected(slice.value)[-1:] if isinstance(slice.value, dict) else []
    return _CHATS.read(slice, _Around(_folders(slice.path), sidecars, tip[0] if tip else None))


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return _CHATS.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return []


def _identify(slice: Slice) -> Identity:
    """By the moment it was made, after which LM Studio names its file. Where the file bears another number, by that too, where it
    bears none, by the name, which can be changed: else two chats could be one. Without a moment by number and folder, or name."""
    value = loaded(slice).value
    made, name = (str(value[key]) if _is_word(value.get(key)) else "" for key in ("createdAt", "name"))
    found = _NUMBER.fullmatch(slice.path)
    number = found[1] if found else ""
    if made and number:
        return Identity(None, (made,) if int(number) == _whole(made) else (made, f"file {number}"))
    if made or not number:
        return Identity(None, tuple(filter(None, (made, name))))
    return Identity(None, (f"file {number}", *_folders(slice.path)))


def _is_word(value: Json) -> bool:
    return bool(value) and isinstance(value, (int, Decimal, str))


def _whole(number: str) -> int | None:
    try:
        return int(Decimal(number))
    except (ArithmeticError, ValueError):
        return None


def _folders(path: str) -> tuple[str, ...]:
    """The folders a chat lies in, below the one that holds all chats if it is there."""
    folders = tuple(path.replace("!/", "/").split("/")[:-1])
    return folders[folders.index("conversations") + 1 :] if "conversations" in folders else folders


def _nodes(value: Json) -> list[Node]:
    """Every version of every slot, each below the selected version of the slot before."""
    nodes: list[Node] = []
    above: int | None = None
    for place, slot in enumerate(_slots(value)):
        first = len(nodes)
        versions = _versions(slot)
        if versions is None:
            nodes.append(Node(("messages", place), slot, parent=above))
        for number, version in enumerate(versions or ()):
            nodes.append(Node(("messages", place, "versions", number), version, parent=above, order=number))
        if len(nodes) > first:
            above = first + _selection(slot, len(nodes) - first)
    return nodes


def _selected(value: Json) -> list[int]:
    """The places among the nodes of what is selected, slot by slot."""
    places, first = [], 0
    for slot in _slots(value):
        versions = _versions(slot)
        count = 1 if versions is None else len(versions)
        if count:
            places.append(first + _selection(slot, count))
        first += count
    return places


def _slots(value: Json) -> list[Json]:
    slots = value.get("messages")
    return slots if isinstance(slots, list) else []


def _versions(slot: Json) -> list[Json] | None:
    versions = slot.get("versions") if isinstance(slot, dict) else None
    return versions if isinstance(versions, list) else None


def _selection(slot: Json, count: int) -> int:
    chosen = slot.get("currentlySelected") if isinstance(slot, dict) else None
    return chosen if type(chosen) is int and 0 <= chosen < count else 0


def _head(fields: Fields, desk: Desk) -> Head:
    around: _Around = desk.sidecars
    model = fields.inner("lastUsedModel")
    named = model.optional("identifier") or model.optional("indexedModelIdentifier") if model else None
    fields.tidy("lastUsedModel")
    return Head(
        fields.text("name"),
        fields.epoch("createdAt", unit=_MS),
        _updated(fields),
        tip=None if around.tip is None else desk.ids[around.tip],
        project=_project(around.folders, desk),
        model=named,
    )


def _updated(fields: Fields) -> Instant:
    """When either last wrote, whichever is later; the other stays."""
    keys = ("userLastMessagedAt", "assistantLastMessagedAt")
    known = {key: instant.us for key in keys if (instant := epoch(fields.left.get(key), unit=_MS)).us is not None}
    return fields.epoch(max(known, key=lambda key: known[key] or 0) if known else keys[0], unit=_MS)


def _project(folders: tuple[str, ...], desk: Desk) -> str | None:
    topic: Topic | None = None
    for depth, name in enumerate(folders, 1):
        path = "/".join(folders[:depth])
        topic = Topic(make_id("t", PROVIDER, path), "project", name, PROVIDER, path, topic.id if topic else None)
        desk.topics.append(topic)
    return topic.id if topic else None


# --- a version of a message -------------------------------------------------------------------------------------------


def _message(fields: Fields, desk: Desk) -> Draft:
    parts: list[Part] = []
    left = [_step(step, parts, desk) for step in fields.items("steps")]
    if left:
        fields.left["steps"] = left
    content = fields.left.pop("content", None)
    parts += [_item(item, None, desk) for item in ([content] if isinstance(content, str) and content else _list(content, fields))]
    sender = fields.inner("senderInfo")
    model = sender.optional("senderName") if sender else None
    fields.tidy("senderInfo")
    return Draft(fields.text("role").lower(), unknown("absent"), parts, model=model or _generator(left))


def _list(content: Json, fields: Fields) -> list[Json]:
    if isinstance(content, list):
        return content
    if content not in (None, ""):
        fields.left["content"] = content
    return []


def _generator(steps: list[Json]) -> str | None:
    """The model by whose name a step was generated."""
    for step in steps:
        told = step.get("genInfo") if isinstance(step, dict) else None
        named = told.get("identifier") if isinstance(told, dict) else None
        if isinstance(named, str) and named:
            return named
    return None


def _step(step: Json, parts: list[Part], desk: Desk) -> Json:
    """Add what a step says to the parts. What is left of it: its identifier, settings and statistics, marks like `<think>`."""
    if not isinstance(step, dict):
        return step
    fields = Fields(step)
    kind = step.get("type")
    if kind == "citationBlock" and isinstance(step.get("citedText"), str):
        source = fields.inner("source")
        parts.append(Citation(title=source.text("fileName") if source else "", text=str(fields.left.pop("citedText"))))
        fields.tidy("source")
    elif kind == "contentBlock" and isinstance(step.get("content"), list):
        style = fields.inner("style")
        thinking = style is not None and style.left.get("type") == "thinking"
        said = [item for item in step["content"] if not _is_mark(item)]
        title = style.text("title") if style and thinking and said else ""
        for place, item in enumerate(said):
            parts.append(_item(item, (title if place == 0 else "") if thinking else None, desk))
        fields.left["content"] = [item for item in step["content"] if _is_mark(item)]
        fields.tidy("content", "style")
    elif kind not in _STEPS:
        desk.unknown.note(f"{desk.path}.steps.type={str(kind)[:40]}")
    return fields.left


_STEPS = ("contentBlock", "citationBlock", "debugInfoBlock", "status", "toolStatus")


def _is_mark(item: Json) -> bool:
    """Whether it is only the model's markup around a thought."""
    return isinstance(item, dict) and item.get("isStructural") is True


def _item(item: Json, thought: str | None, desk: Desk) -> Part:
    """An item of a content. thought: the title of the thought it is, None if it is none."""
    if isinstance(item, str):
        return Text(item)
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(kind, str):
        return Opaque(name_type(item), item)
    fields = Fields(item)
    if kind == "text" and isinstance(item.get("text"), str):
        del fields.left["type"]
        text = str(fields.left.pop("text"))
        return Text(text, extra=fields.left) if thought is None else Reasoning(text, thought, fields.left)
    if kind == "toolCallRequest":
        call = _call(fields)
        return ToolCall(fields.text("name"), fields.left.pop("parameters", None), call, fields.left)
    if kind == "toolCallResult":
        return _result(fields)
    if kind == "file" and (pointer := fields.identifier("fileIdentifier")):
        return _file(pointer, fields, desk)
    desk.unknown.note(f"{desk.path}.content.type={kind[:40]}")
    return Opaque(kind, item)


def _call(fields: Fields) -> str | None:
    """The id that a call and its result share: the model's own, else LM Studio's number."""
    return fields.identifier("toolCallRequestId") or fields.identifier("callId")


def _result(fields: Fields) -> ToolResult:
    """A tool's answer, which is a string of JSON: the words in it are taken out, the string itself stays."""
    call, name = _call(fields), fields.optional("name")
    given = fields.left.get("content")
    text = _words(given) if isinstance(given, str) else ""
    if isinstance(given, str) and (not text or text == given):
        text = str(fields.left.pop("content"))
    return ToolResult(text, name, call, extra=fields.left)


def _words(given: str) -> str:
    """The texts of a list of items that is written as a string, "" if it is something else."""
    try:
        items = json.loads(given)
    except (ValueError, RecursionError):
        return ""
    texts = [item.get("text") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    words = "\n".join(text for text in texts if isinstance(text, str))
    return words if words.encode("utf-8", "replace").decode() == words else ""


def _file(pointer: str, fields: Fields, desk: Desk) -> Part:
    around: _Around = desk.sidecars
    kind = fields.left.get("fileType")
    size = fields.left.get("sizeBytes")
    return desk.attach(
        pointer,
        kind if kind in ("image", "audio", "video") else "file",
        name=fields.text("name", "originalName"),
        size=size if type(size) is int else None,
        member=around.files.get(pointer),
        missing="LM Studio keeps it in its folder `user-files`, which was not given",
        extra=fields.left,
    )


_CHATS = Dialogue(
    PROVIDER,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=frozenset(
        {
            "assistantLastMessagedAt",
            "clientInput",
            "clientInputFiles",
            "disabledPluginTools",
            "lastUsedModel",
            "looseFiles",
            "messages",
            "notes",
            "perChatPredictionConfig",
            "pinned",
            "pluginConfigs",
            "plugins",
            "preset",
            "systemPrompt",
            "tokenCount",
            "usePerChatPredictionConfig",
            "userFilesSizeBytes",
            "userLastMessagedAt",
        }
    ),
    known_message=frozenset({"content", "preprocessed", "senderInfo", "steps", "type"}),
)
