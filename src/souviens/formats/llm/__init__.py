"""llm, Simon Willison's command line: `logs.db`, the database of its conversations, row by row (see `rows`).

Both models it keeps them in are read, each conversation once: `responses` (to 0.31, with attachments, fragments, schemas, tools)
and `threads` over shared `messages` (since 0.32), in which a fork or an edited history makes branches. In a slice stand the rows
of one conversation, columns of JSON as the JSON they hold. A row of `responses` becomes its messages, each with the words it
brought: "<id>/system", "<id>/tool", "<id>/user", and the response itself under its own id. A message of a thread is known by its
hash. Its time is that of the turn that wrote it or was given it. Fragments stand in every message they were part of. Rows that no
conversation has (fragments that were never used, tables of plugins) are a slice a table.

Columns: the migrations of llm 0.31 and 0.36, and databases that these wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Guide, Place
from souviens.formats._content import INLINE, MEDIA
from souviens.formats._dialogue import PREVIOUS, Desk, Dialogue, Draft, Identity, Node, loaded
from souviens.formats._fields import Fields, name_type
from souviens.formats._rows import ROWS, Shelf, is_cut_from, leftovers, plan_rows, read_rows
from souviens.formats._statements import whole
from souviens.formats.llm.rows import gather
from souviens.jsonspan import Glue, Slice, load
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Treatment, spoken
from souviens.rowstore import document, opened

NAME = "llm"
TITLE = "llm logs database"
READER = 2
SUPPORT = "samples"
GUIDE = Guide(
    get=("Run: llm logs path", "Add the file it names: logs.db"),
    notes=("llm takes no chats in; `llm -c` goes on with what is in its own database.", "Its keys are in keys.json, another file."),
)
_RESPONSES = {
    "conversations": {"id", "name", "model"},
    "responses": {"id", "model", "prompt", "system", "response", "conversation_id", "datetime_utc"},
}
# What the database notes of its own migrations, and the words of turns once more, for searching.
_HOUSEKEEPING = {"_llm_migrations", "_sqlite_migrations", "turn_search"}
_THREADS = {
    "threads": {"id", "name", "tip_message_hash"},
    "turns": {"id", "thread_id", "parent_message_hash", "tip_message_hash", "model"},
    "messages": {"hash", "parent_hash", "role"},
    "parts": {"id", "message_hash", "position", "type"},
}


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "threads": it has the tables of 0.32 (those of before may be there, too). "responses": only the older ones."""
    shapes = {_shape(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("threads", "responses") if shape in shapes), None)


def _shape(seen: Peek) -> str:
    for shape, tables in (("threads", _THREADS), ("responses", _RESPONSES)):
        if all(columns.issubset(seen.tables.get(table, ())) for table, columns in tables.items()):
            return shape
    return ""


def plan(delivery: Delivery) -> dict[str, Treatment]:
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        if _shape(delivery.peek(entry)):
            found |= plan_rows(delivery, entry, private=False)
    return found


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """A slice a conversation, one a table of which rows are left. Raises SourceError where the database cannot be read on."""
    with entry.open() as stream, opened(stream, entry.name) as database:
        shelf = Shelf(database)
        for number, conversation in enumerate(gather(shelf)):
            yield load(Slice("conversation", entry.name, f"[{number}]", document(conversation)))
        yield from leftovers(shelf, entry.name, readable=None, secret=_HOUSEKEEPING)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return read_rows(NAME, slice) if slice.kind == ROWS else _CONVERSATION.read(slice, sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return {} if slice.kind == ROWS else _CONVERSATION.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """What was sent to a provider's API, which says all that was said before; a title cut from an erased message."""
    if slice.kind == ROWS:
        return whole(read_rows(NAME, slice), ids)
    said = [spoken(m) for c in read(slice, {}).conversations for m in c.messages if m.id in ids]
    if not said:
        return []
    value = loaded(slice).value
    names = [(table, "name") for table in ("conversation", "thread") if isinstance(value.get(table), dict)]
    found = [Place(path) for path in names if any(is_cut_from(value[path[0]].get("name"), words) for words in said)]
    return [*found, Place(("sent",))] if value.get("sent") else found


def _identify(slice: Slice) -> Identity:
    value = loaded(slice).value
    heads = [value[key] for key in ("conversation", "thread") if isinstance(value.get(key), dict)]
    return Identity(next((head["id"] for head in heads if isinstance(head.get("id"), str) and head["id"]), None))


def _nodes(value: Json) -> list[Node]:
    messages = value.get("messages")
    return [_node(place, message) for place, message in enumerate(messages if isinstance(messages, list) else ())]


def _node(place: int, value: Json) -> Node:
    path = ("messages", place)
    if not isinstance(value, dict):
        return Node(path, value)
    response, role = value.get("response"), value.get("role")
    if "response" in value or "hash" not in value:
        own = isinstance(response, str) and response
        return Node(path, value, (response if role == "assistant" else f"{response}/{role}") if own else None, PREVIOUS)
    hash, after, parent = (value.get(key) if isinstance(value.get(key), str) else None for key in ("hash", "after", "parent_hash"))
    return Node(path, value, hash, after or parent)


def _head(fields: Fields, desk: Desk) -> Head:
    conversation, thread = fields.inner("conversation"), fields.inner("thread")
    title, model, created, tip = "", None, None, fields.optional("tip")
    if conversation is not None:
        conversation.identifier("id")
        title, model = conversation.text("name"), conversation.optional("model")
    if thread is not None:
        thread.identifier("id")
        tip = tip or thread.optional("tip_message_hash")
        if conversation is None:
            title, created = thread.text("name"), thread.updated("datetime_utc")
    fields.tidy("conversation", "thread", "messages")
    head = Head(title, tip=desk.message(tip) if tip else None, model=model)
    return head if created is None else Head(title, created, tip=head.tip)


def _message(fields: Fields, desk: Desk) -> Draft:
    fields.identifier("hash")
    fields.identifier("response")
    fields.identifier("after" if "after" in fields.left else "parent_hash")
    parts: list[Part] = []
    for part in fields.items("parts"):
        parts += _part(part, desk)
    parts += [_file(file, desk) for file in fields.items("attachments")]
    time, model = fields.time("datetime_utc"), fields.optional("model")
    turns = fields.left.get("turns")
    if isinstance(turns, list) and turns and isinstance(turns[0], dict):
        first = Fields(turns[0])
        time, model = first.time("datetime_utc"), first.optional("model")
        fields.left["turns"] = [first.left, *turns[1:]]
    return Draft(fields.text("role").lower(), time, parts, model=model)


def _part(value: Json, desk: Desk) -> list[Part]:
    if not isinstance(value, dict):
        return [Opaque(name_type(value), value)]
    fields = Fields(value)
    kind = fields.left.get("type")
    if kind == "tool_result":
        return _result(fields, desk)
    if kind == "attachment" and (files := fields.items("attachments")):
        return [_file({**file, "part": fields.left} if isinstance(file, dict) else file, desk) for file in files]
    if kind in ("text", "reasoning", "tool_call", "fragment"):
        return _SAID[kind](fields)
    desk.unknown.note(f"messages.parts.type={str(kind)[:40]}")
    return [Opaque(str(kind), value)]


def _text(fields: Fields) -> list[Part]:
    """Words; those that a fragment brought are a part of their own, so that it is seen where they come from."""
    payload = fields.inner("payload")
    refs = payload.items("text_ref") if payload is not None else []
    fragments = {str(row.get("id")): row for row in fields.left.get("fragments") or () if isinstance(row, dict)} if refs else {}
    if refs:
        fields.left.pop("fragments", None)
    del fields.left["type"]
    parts: list[Part] = []
    if "text" in fields.left or not refs:
        parts.append(Text(fields.text("text"), extra=fields.left))
    for ref in refs:
        row = fragments.get(str(ref.get("fragment"))) if isinstance(ref, dict) else None
        literal = ref.get("literal") if isinstance(ref, dict) else None
        parts += _fragment(Fields(row)) if row else [Text(literal)] if isinstance(literal, str) else [Opaque("text_ref", ref)]
    fields.tidy("payload")
    return parts


def _fragment(fields: Fields) -> list[Part]:
    return [Text(fields.text("content"), extra=fields.left)]


def _reasoning(fields: Fields) -> list[Part]:
    del fields.left["type"]
    return [Reasoning(fields.text("text"), extra=fields.left)]


def _call(fields: Fields) -> list[Part]:
    del fields.left["type"]
    inner = fields.inner("payload") or fields
    name, call = inner.text("name"), inner.optional("tool_call_id")
    arguments = inner.left.pop("arguments", None)
    fields.tidy("payload")
    return [ToolCall(name, arguments, call, fields.left)]


_SAID = {"text": _text, "reasoning": _reasoning, "tool_call": _call, "fragment": _fragment}


def _result(fields: Fields, desk: Desk) -> list[Part]:
    """What a tool answered, and the files it gave with it."""
    del fields.left["type"]
    files = [_file(file, desk) for file in fields.items("attachments")]
    inner = fields.inner("payload") or fields
    inner.left.pop("attachments", None) if files else None
    text, name, call = inner.text("output"), inner.optional("name"), inner.optional("tool_call_id")
    error = bool(inner.left.get("exception"))
    fields.tidy("payload")
    return [ToolResult(text, name, call, error, fields.left), *files]


def _file(value: Json, desk: Desk) -> Part:
    """An attachment by its hash; its bytes are in its row, in a file on the person's disk, or on the web."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str) or not value["id"]:
        return Opaque("attachment", value)
    fields = Fields(value)
    pointer, media_type, path = str(fields.left.pop("id")), fields.text("type"), fields.left.get("path")
    media = media_type.partition("/")[0]
    name = path.replace("\\", "/").rpartition("/")[2] if isinstance(path, str) else ""
    missing = INLINE if "content" in fields.left else "it is only named, by its path or its address"
    return desk.attach(
        pointer, media if media in MEDIA else "file", name=name, media_type=media_type, missing=missing, extra=fields.left
    )


_COLUMNS = frozenset(
    {"parent_hash", "provider_metadata", "turns", "resolved_model", "options_json", "response_json", "duration_ms"}
)
_COLUMNS |= {"input_tokens", "output_tokens", "token_details", "schema", "tools"}
_CONVERSATION = Dialogue(
    NAME,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=frozenset({"conversation", "thread", "turns", "sent"}),
    known_message=_COLUMNS,
)
