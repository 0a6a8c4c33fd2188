"""Reading Jan's threads. A thread's head stands in another file than its messages: `sidecars` brings it to them, so that both
slices say the same of it."""

from __future__ import annotations

from collections.abc import Iterator, Set
from decimal import Decimal

from souviens.canon import make_id
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Bytes, Place
from souviens.formats._carving import json_lines, whole_text
from souviens.formats._content import media_part
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, list_nodes
from souviens.formats._fields import Fields, Unknown, name_type
from souviens.jsonspan import Glue, Slice, cut_elements, first_value
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Topic, Treatment

PROVIDER = "jan"
PLAIN = frozenset({"messages"})
_LINES = "lines"


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "threads": at least one thread, or messages of one."""
    return "threads" if any(_kind(delivery.peek(entry)) for entry in delivery.entries) else None


def _kind(seen: Peek) -> str:
    first = seen.first
    if seen.look in ("object", "lines") and {"thread_id", "role", "content"} <= first.keys() and _named(first, "message"):
        return "messages"
    # OpenAI's own threads have `created_at`.
    return "thread" if seen.look == "object" and _named(first, "thread") and ("assistants" in first or "created" in first) else ""


def _named(value: dict[str, Json], word: str) -> bool:
    return isinstance(value.get("object"), str) and str(value["object"]).rpartition(".")[2] == word


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Threads and messages are cut; the tools' servers, whose settings hold keys, are withheld."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if _kind(seen):
            found[entry.name] = "cut"
        elif seen.has("mcpServers") or "controllerProps" in seen.first:
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    """Threads by their folder."""
    threads = {}
    for entry in delivery.entries:
        if _kind(delivery.peek(entry)) == "thread":
            with entry.open() as stream:
                threads[_folder(entry.name)] = first_value(stream)
    return {folder: thread for folder, thread in threads.items() if isinstance(thread, dict)}


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    if _kind(peek(entry)) == "messages":
        yield from whole_text(entry, "messages")
        return
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="thread")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """A thread without messages, or its messages with the thread that lies beside them."""
    if slice.kind != "messages":
        return _THREADS.read(slice, None)
    slice, _ = json_lines(slice, _LINES)
    return _MESSAGES.read(slice, {"thread": sidecars.get(_folder(slice.path)), "tip": _tip(slice.value[_LINES])})


def locations(slice: Slice) -> dict[str, Bytes]:
    if slice.kind != "messages":
        return {}
    slice, spans = json_lines(slice, _LINES)
    return {id: Bytes(*spans[int(path[-1])]) for id, path in _MESSAGES.locations(slice).items()}


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return []


def value(slice: Slice) -> Json:
    """What a slice of lines says, as JSON."""
    return json_lines(slice, _LINES)[0].value


def _identify(slice: Slice) -> Identity:
    """By the thread's id; Jan names the thread's folder by it."""
    named = slice.value.get("id") if slice.kind != "messages" else _first(slice.value[_LINES])
    return Identity(named if isinstance(named, str) and named else _folder(slice.path).rpartition("/")[2] or None)


def _first(lines: list[Json]) -> Json:
    return next((line["thread_id"] for line in lines if isinstance(line, dict) and line.get("thread_id")), None)


def _nodes(value: Json) -> list[Node]:
    lines = value[_LINES]
    branched = _is_branched(lines)
    nodes = []
    for place, node in enumerate(list_nodes(lines, _LINES, id="id")):
        metadata = _metadata(node.value)
        if not branched:
            node = node._replace(parent=place - 1 if place else None)
        elif "parentId" in metadata:
            parent = metadata["parentId"]
            node = node._replace(parent=parent if isinstance(parent, str) and parent else None)
        nodes.append(node)
    return nodes


def _metadata(line: Json) -> dict[str, Json]:
    metadata = line.get("metadata") if isinstance(line, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def _is_branched(lines: list[Json]) -> bool:
    return any(not {"parentId", "activeChildId"}.isdisjoint(_metadata(line)) for line in lines)


def _tip(lines: list[Json]) -> str | None:
    """The message that Jan's path ends at: from a root to the child that is named active, else to the newest."""
    if not _is_branched(lines):
        return None
    below: dict[str | None, list[dict[str, Json]]] = {}
    for line in lines:
        metadata = _metadata(line)
        parent = metadata.get("parentId")
        if "parentId" in metadata and isinstance(line.get("id"), str) and (parent is None or isinstance(parent, str)):
            below.setdefault(parent, []).append(line)
    here: str | None = None
    active: Json = None
    while children := below.pop(here, []):
        newest = max(children, key=lambda child: _moment(child.get("created_at")))
        chosen = next((child for child in children if child["id"] == active), newest)
        here, active = chosen["id"], _metadata(chosen).get("activeChildId")
    return here


def _moment(value: Json) -> float:
    return float(value) if isinstance(value, (int, Decimal)) else 0.0


# --- the thread -------------------------------------------------------------------------------------------------------

_KNOWN_HEAD = frozenset({"object", "assistants", "metadata", "order", "isFavorite", "model"})


def _head(fields: Fields, desk: Desk) -> Head:
    fields.identifier("id")
    project = _project(fields.left.get("metadata"), desk)
    assistants = fields.left.get("assistants")
    first = assistants[0] if isinstance(assistants, list) and assistants else None
    model = first.get("model") if isinstance(first, dict) else None
    named = model.get("id") if isinstance(model, dict) else None
    if isinstance(named, str) and named and isinstance(assistants, list) and isinstance(first, dict):
        rest = {key: member for key, member in dict(model or {}).items() if key != "id"}
        fields.left["assistants"] = [{**first, "model": rest}, *assistants[1:]]
    return Head(
        fields.text("title"),
        fields.epoch("created"),
        fields.epoch("updated"),
        project=project,
        model=named if isinstance(named, str) and named else None,
    )


def _project(metadata: Json, desk: Desk) -> str | None:
    """The project that a thread names. What it says of it stays with the thread, too: only the name is the topic's."""
    project = metadata.get("project") if isinstance(metadata, dict) else None
    id = project.get("id") if isinstance(project, dict) else None
    if not isinstance(project, dict) or not isinstance(id, str) or not id:
        return None
    name = project.get("name")
    topic = Topic(make_id("t", PROVIDER, id), "project", name if isinstance(name, str) else "", PROVIDER, id)
    desk.topics.append(topic)
    return topic.id


def _head_of_messages(fields: Fields, desk: Desk) -> Head:
    """The thread's own head, and the active leaf."""
    thread = desk.sidecars["thread"]
    tip = desk.message(desk.sidecars["tip"]) if desk.sidecars["tip"] else None
    if not isinstance(thread, dict):
        return Head(tip=tip)
    told = Fields(thread)
    head = _head(told, desk)
    extra = told.rest(_KNOWN_HEAD, "", Unknown())  # counted where the thread itself is read
    return Head(head.title, head.created, head.updated, tip, head.project, head.model, extra)


# --- a message --------------------------------------------------------------------------------------------------------


def _message(fields: Fields, desk: Desk) -> Draft:
    fields.identifier("id")
    if make_id("c", PROVIDER, str(fields.left.get("thread_id"))) == desk.conversation:
        del fields.left["thread_id"]
    time = fields.epoch("created_at")
    # Jan writes the same time twice unless it knows better.
    ended = fields.left.get("completed_at")
    updated = fields.epoch_updated("completed_at") if ended and str(ended) != time.given else None
    role = fields.text("role").lower()
    answered = fields.optional("tool_call_id") if role == "tool" else None
    parts = [part for item in _content(fields) for part in _parts(item, answered, desk)]
    metadata = fields.inner("metadata")
    if metadata is not None:
        metadata.identifier("parentId")
        parts += [part for call in metadata.items("tool_calls") for part in _old_call(call)]
        fields.tidy("metadata")
    parts += [_attachment(item, desk) for item in fields.items("attachments")]
    return Draft(role, time, parts, updated=updated)


def _content(fields: Fields) -> list[Json]:
    content = fields.left.get("content")
    if isinstance(content, str):
        del fields.left["content"]
        return [{"type": "text", "text": content}] if content else []
    return fields.items("content")


def _parts(item: Json, answered: str | None, desk: Desk) -> list[Part]:
    """What one item of the content says: a call holds its result as well. answered: the call that a tool's words answer."""
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(kind, str):
        return [Opaque(name_type(item), item)]
    fields = Fields(item)
    if kind in ("text", "reasoning") and (text := _text(fields)) is not None:
        del fields.left["type"]
        if kind == "reasoning":
            return [Reasoning(text, extra=fields.left)]
        return [Text(text, extra=fields.left) if answered is None else ToolResult(text, call=answered, extra=fields.left)]
    if kind == "tool_call":
        del fields.left["type"]
        return _call(fields)
    if kind == "image_url":
        return [media_part(kind, fields, desk)]
    desk.unknown.note(f"{_LINES}.content.type={kind[:40]}")
    return [Opaque(kind, item)]


def _text(fields: Fields) -> str | None:
    """`text` is an object with `value`; in some builds, the string itself."""
    if isinstance(fields.left.get("text"), str):
        return str(fields.left.pop("text"))
    inner = fields.inner("text")
    if inner is None or not isinstance(inner.left.get("value"), str):
        return None
    text = str(inner.left.pop("value"))
    inner.tidy("annotations")
    fields.tidy("text")
    return text


def _call(fields: Fields) -> list[Part]:
    name, call = fields.text("tool_name"), fields.optional("tool_call_id")
    parts: list[Part] = []
    if "output" in fields.left:
        parts = [_result(fields.left.pop("output"), name or None, call)]
    if "input" in fields.left or not parts:
        return [ToolCall(name, fields.left.pop("input", None), call, fields.left), *parts]
    return [ToolResult(p.text, p.name, p.call, p.error, {**fields.left, **p.extra}) for p in parts if isinstance(p, ToolResult)]


def _result(output: Json, name: str | None, call: str | None) -> ToolResult:
    """A tool's answer: words, or {content: [{type, text}], error}."""
    if isinstance(output, str):
        return ToolResult(output, name, call)
    if not isinstance(output, dict):
        return ToolResult(name=name, call=call, extra={} if output is None else {"output": output})
    fields = Fields(output)
    failed = fields.text("error")
    items = fields.left.get("content")
    texts = [item.get("text") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    if failed or len(texts) != 1 or not isinstance(texts[0], str) or not isinstance(items, list):
        return ToolResult(failed, name, call, bool(failed), {"output": fields.left} if fields.left else {})
    fields.left["content"] = [{key: member for key, member in items[0].items() if key != "text"}]
    return ToolResult(texts[0], name, call, extra={"output": fields.left})


def _old_call(value: Json) -> list[Part]:
    """A call as it stood in the metadata: {tool: {id, function: {name, arguments}}, response, state}."""
    fields = Fields(value) if isinstance(value, dict) else Fields({})
    tool = fields.inner("tool")
    function = tool.inner("function") if tool else None
    if tool is None or function is None:
        return [Opaque("tool_call", value)]
    call, name, arguments = tool.optional("id"), function.text("name"), function.left.pop("arguments", None)
    answered = fields.left.pop("response", None)
    tool.tidy("function")
    fields.tidy("tool")
    made = ToolCall(name, arguments, call, fields.left)
    return [made] if answered is None else [made, _result(answered, name or None, call)]


def _attachment(value: Json, desk: Desk) -> Part:
    fields = Fields(value) if isinstance(value, dict) else Fields({})
    pointer = fields.optional("file_id")
    if pointer is None:
        return Opaque("attachment", value)
    fields.tidy("tools")
    return desk.attach(pointer, extra=fields.left)


_THREADS = Dialogue(PROVIDER, _identify, lambda value: [], _head, _message, known_head=_KNOWN_HEAD)
_MESSAGES = Dialogue(
    PROVIDER,
    _identify,
    _nodes,
    _head_of_messages,
    _message,
    known_message=frozenset(
        {
            "object",
            "assistant_id",
            "attachments",
            "completed_at",
            "content",
            "error_code",
            "metadata",
            "status",
            "tool_call_id",
            "type",
        }
    ),
)
