"""Reading conversations, as JSON or as lines: a session's own line and then its messages, one a line.

Every conversation has a root that holds no message. A conversation is named by the words of its first message until somebody names
it otherwise: where the two are the same, erasing the message takes the name along.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.canon import make_id
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Bytes, Locations, Place
from souviens.formats._carving import Mark, carve, contents, json_lines, runs
from souviens.formats._content import INLINE, digest_of, is_named_by, tool_call
from souviens.formats._dialogue import (
    PREVIOUS,
    Desk,
    Dialogue,
    Draft,
    Identity,
    Node,
    Undecodable,
    loaded,
    name_holes,
    refused,
    role_of,
)
from souviens.formats._fields import Fields, name_type
from souviens.jsonspan import Glue, Slice, cut_elements, decode, locate
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolResult, Treatment

PROVIDER = "llamacpp"
PLAIN = frozenset({"session"})
_LINES = "lines"
_NO_PARENT = ("", "-1", None)
_MEDIA = {"IMAGE": "image", "imageFile": "image", "AUDIO": "audio", "audioFile": "audio", "VIDEO": "video"}
_FILES = (*_MEDIA, "TEXT", "textFile", "context", "PDF", "pdfFile", "MCP_PROMPT", "MCP_RESOURCE")
_KNOWN_CONV = frozenset({
    "type", "harness", "id", "name", "lastModified", "currNode", "mcpServerOverrides", "forkedFromConversationId", "pinned",
    "thinkingEnabled", "reasoningEffort",
})  # fmt: skip
_KNOWN = frozenset({
    "convId", "type", "role", "timestamp", "parent", "children", "content", "thinking", "reasoningContent", "toolCalls",
    "toolCallId", "extra", "timings", "model", "completionId",
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "conversations": JSON. "sessions": lines."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("conversations", "sessions") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    first = seen.first
    # One odd conversation at the beginning says nothing of the others.
    if seen.look in ("array", "object") and any(map(_is_one, seen.sample if isinstance(seen.sample, list) else [seen.sample])):
        return "conversations"
    if seen.look in ("lines", "object") and first.get("type") == "session":
        return "sessions" if first.get("harness") == "llama.app" or {"id", "currNode", "lastModified"} <= first.keys() else ""
    return ""


def _is_one(value: Json) -> bool:
    conv = value.get("conv") if isinstance(value, dict) else None
    if not isinstance(conv, dict) or not isinstance(value.get("messages"), list):
        return False
    return "id" in conv and bool({"currNode", "lastModified"} & conv.keys())


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """Conversations, or runs of lines from one session's own line up to the next."""
    if _kind(peek(entry)) != "sessions":
        with entry.open() as stream:
            yield from cut_elements(stream, path=entry.name, kind="conversation")
        return
    data = contents(entry)
    # Blank lines before the first session's are no session.
    body = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    start, above = len(data) - len(body), data[: len(data) - len(body)].count(b"\n")
    sessions = runs(body, lambda line, number: b'"session"' in line and _is_session(line))
    marks = [Mark(start + begin, start + end, f":{above + line + 1}", "session") for begin, end, line in sessions]
    yield from carve(data, entry.name, marks, plain=True)


def _is_session(line: bytes) -> bool:
    try:
        value, _ = decode(line)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("type") == "session"


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """One conversation. What holds neither a conversation nor messages is refused, and not taken for an empty one."""
    slice, _ = _decoded(slice)
    if isinstance(slice.value, dict) and _LINES not in slice.value:
        messages = slice.value.get("messages")
        if not isinstance(messages, list):
            return refused(slice, f"its messages are not an array but {name_type(messages)}")
        if not messages and not _conv(slice.value):
            return refused(slice, "holds no conversation")
    return _CONVERSATIONS.read(slice, sidecars)


def locations(slice: Slice) -> Locations:
    slice, spans = _decoded(slice)
    found = _CONVERSATIONS.locations(slice)
    return {id: Bytes(*spans[int(path[-1])]) for id, path in found.items()} if spans else found


def traces(slice: Slice, ids: Set[str]) -> list[Place | Bytes]:
    """The conversation's name, where it is the words of an erased message."""
    slice, spans = _decoded(slice)
    name, erased = _conv(slice.value).get("name"), [id for id in _CONVERSATIONS.locations(slice) if id in ids]
    if not erased or not _identify(slice).provider_id:  # without an id the name is what it is known by
        return []
    words = {id: _message_of(node.value) for id, node in zip(_CONVERSATIONS.ids(slice), _nodes(slice.value), strict=True)}
    if not any(is_named_by(name, words[id].get("content")) for id in erased):
        return []
    if not spans:
        return [Place(("conv", "name"))]
    start, end = spans[0]
    span = locate(slice.data[start:end], ("name",))
    return [Bytes(start + span[0] + 1, start + span[1] - 1)] if span else []


def value(slice: Slice) -> Json:
    """What a slice of lines says, as JSON."""
    return _decoded(slice)[0].value


def _decoded(slice: Slice) -> tuple[Slice, list[tuple[int, int]]]:
    """The slice with its value, and of lines where each stands."""
    return json_lines(slice, _LINES) if slice.kind == "session" else (loaded(slice), [])


def _conv(value: Json) -> dict[str, Json]:
    """What stands of the conversation itself."""
    lines = value.get(_LINES) if isinstance(value, dict) else None
    conv = lines[0] if isinstance(lines, list) and lines else value.get("conv") if isinstance(value, dict) else None
    return conv if isinstance(conv, dict) and conv.get("type", "session") == "session" else {}


def _identify(slice: Slice) -> Identity:
    conv = _conv(slice.value)
    id, name = conv.get("id"), conv.get("name")
    return Identity(id if isinstance(id, str) and id else None, (name,) if isinstance(name, str) and name else ())


def _nodes(value: Json) -> list[Node]:
    """Messages; of lines every one but the session's own and those of a kind that is not known."""
    if _LINES in value:
        held = [(place, _checked(line)) for place, line in enumerate(value[_LINES]) if _is_message_line(line)]
    else:
        items = value.get("messages")
        held = list(enumerate(items)) if isinstance(items, list) else []
    key = _LINES if _LINES in value else "messages"
    messages = [_message_of(item) for _, item in held]
    linked = any("parent" in message for message in messages)
    nodes = []
    named: list[str] = []
    for (place, item), message in zip(held, messages, strict=True):
        id, parent, children = _id(message.get("id")), _id(message.get("parent")), message.get("children")
        above = None if parent in _NO_PARENT else parent
        nodes.append(Node((key, place), item, id, above if linked else PREVIOUS))
        named += [id for id in map(_id, children) if id] if isinstance(children, list) else []
    return name_holes(nodes, named)


def _is_message_line(line: Json) -> bool:
    """A blank line is what an erasure leaves, one that is no JSON is a damaged message."""
    return line is None or isinstance(line, Undecodable) or not isinstance(line, dict) or line.get("type") == "message"


def _checked(line: Json) -> Json:
    """A message's line, or what it holds in its place if that is no message."""
    held = line.get("message") if isinstance(line, dict) else None
    return line if held is None or isinstance(held, dict) else held


def _message_of(item: Json) -> dict[str, Json]:
    """The message of a node: itself, or what its line holds."""
    held = item.get("message") if isinstance(item, dict) and item.get("type") == "message" else item
    return held if isinstance(held, dict) else {}


def _id(value: Json) -> str | None:
    """Ids are strings; in the first version of the page they were numbers, and -1 was none."""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "" else None


def _head(fields: Fields, desk: Desk) -> Head:
    lines = fields.left.get(_LINES)
    conv = fields.inner("conv")
    if isinstance(lines, list) and lines and isinstance(lines[0], dict) and lines[0].get("type") == "session":
        conv = Fields(lines[0])
        fields.left["conv"], fields.left[_LINES] = conv.left, lines[1:]
        fields.tidy(_LINES)
    if conv is None:
        return Head()
    conv.identifier("id")
    conv.rest(_KNOWN_CONV, "conv", desk.unknown)
    tip = _id(conv.left.get("currNode"))  # it stays: it may name a message that is not there
    return Head(conv.text("name"), updated=conv.epoch("lastModified", unit=1000), tip=desk.message(tip) if tip else None)


def _message(fields: Fields, desk: Desk) -> Draft:
    inner = fields.inner("message") if fields.left.get("type") == "message" else None
    if inner is None:
        return _said(fields, desk)
    draft = _said(inner, desk)
    inner.rest(_KNOWN, f"{_LINES}.message", desk.unknown)
    del fields.left["type"]
    fields.tidy("message")
    return draft


def _said(fields: Fields, desk: Desk) -> Draft:
    desk.drop_children(fields, "children", fields.identifier("id"))
    if fields.left.get("parent") != -1:
        fields.identifier("parent")
    time, role = fields.epoch("timestamp", unit=1000), role_of(fields.text("role"), {})
    chat = fields.left.get("convId")
    if isinstance(chat, str) and make_id("c", PROVIDER, chat) == desk.conversation:
        del fields.left["convId"]
    if fields.left.get("type") == "root":
        for key in ("content", "thinking", "toolCalls"):
            fields.drop(key, "", None)
        return Draft(role, time, visibility="placeholder")
    fields.drop("type", "text")
    for key in ("thinking", "reasoningContent", "toolCalls"):
        fields.drop(key, "", None)
    thought = fields.text("reasoningContent", "thinking")  # the second is the older name; some versions write both
    fields.drop("thinking", thought)
    parts: list[Part] = [Reasoning(thought)] if thought else []
    content = fields.left.get("content")
    if role == "tool" and isinstance(content, str):
        del fields.left["content"]
        parts.append(ToolResult(content, call=fields.optional("toolCallId")))
    elif content is not None and not isinstance(content, str):
        parts.append(Opaque(name_type(fields.left.pop("content")), content))
    elif words := fields.text("content"):
        parts.append(Text(words))
    parts += _calls(fields)
    parts += [_attached(item, desk) for item in fields.items("extra")]
    return Draft(role, time, parts, model=fields.optional("model"))


def _calls(fields: Fields) -> list[Part]:
    """`toolCalls` is a list, in JSON written as a string: that stays where it is not the bare list."""
    held = fields.left.get("toolCalls")
    if isinstance(held, list):
        del fields.left["toolCalls"]
        return [tool_call(call) for call in held]
    try:
        calls = decode(held.encode("utf-8", "surrogatepass"))[0] if isinstance(held, str) and held else []
    except ValueError:
        return []
    return [tool_call(call) for call in calls] if isinstance(calls, list) else []


def _attached(value: Json, desk: Desk) -> Part:
    """A file that was attached: its text or its bytes stand in the message."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str) or kind not in _FILES:
        if isinstance(kind, str) and kind != "SKILL":
            desk.unknown.note(f"extra.type={kind[:40]}")
        return Opaque(kind if isinstance(kind, str) else name_type(value), value)
    fields = Fields(value)
    uri = value.get("base64Url")
    media_type = uri[5:100].partition(";")[0].partition(",")[0] if isinstance(uri, str) and uri.startswith("data:") else ""
    media_type = media_type or fields.text("mimeType") or ("application/pdf" if kind.lower().startswith("pdf") else "")
    return desk.attach(
        digest_of(value),
        _MEDIA.get(kind, "file"),
        name=fields.text("name"),
        media_type=media_type,
        size=fields.number("size"),
        missing=INLINE,
        extra=fields.left,
    )


_CONVERSATIONS = Dialogue(
    PROVIDER,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=frozenset({"conv", "messages", _LINES}),
    known_message=_KNOWN | {"message"},
)
