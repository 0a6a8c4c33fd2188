"""DeepSeek: `conversations.json` of the account's data export, and the session that the web API answers with.

The export is a list of conversations with a `mapping` like ChatGPT's, whose messages hold `fragments` instead of `content`. Node
ids ("1", "2") are unique in one conversation only. Shapes: formats.md 6, the published samples of andrmkrff and chat-stasher.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, list_nodes, loaded, role_of
from souviens.formats._fields import Fields, name_type
from souviens.jsonspan import Glue, Slice, cut_elements
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, Treatment

NAME = "deepseek"
TITLE = "DeepSeek export"
READER = 1
SUPPORT = "samples"
WORDS = {"REQUEST": "user", "RESPONSE": "assistant", "THINK": "reasoning", "USER": "user", "ASSISTANT": "assistant"}
GUIDE = Guide(
    get=("chat.deepseek.com > your name > Settings", "Data > Export data", "the zip holds user.json and conversations.json"),
    notes=("DeepSeek takes no chats or memories in.",),
)
_SESSION = ("data", "biz_data")


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "export": conversations with fragments. "session": an answer of the web API."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("export", "session") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    if "mapping" in seen.first and _has_fragments(seen.first["mapping"]):
        return "export"
    session = seen.first.get("data")
    inner = session.get("biz_data") if isinstance(session, dict) else None
    return "session" if isinstance(inner, dict) and {"chat_session", "chat_messages"} <= inner.keys() else ""


def _has_fragments(mapping: Json) -> bool:
    """Whether nodes hold messages with fragments, and none has what ChatGPT's have."""
    nodes = mapping.values() if isinstance(mapping, dict) else ()
    messages = [node["message"] for node in nodes if isinstance(node, dict) and isinstance(node.get("message"), dict)]
    return bool(messages) and all("fragments" in message and "author" not in message for message in messages)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Conversations are cut, the account is withheld."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if _kind(seen):
            found[entry.name] = "cut"
        elif seen.has("email") or seen.has("mobile_number"):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    session = _kind(peek(entry)) == "session"
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="session" if session else "conversation")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return _dialogue(slice).read(slice, sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return _dialogue(slice).locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return []


def _dialogue(slice: Slice) -> Dialogue:
    return _SESSIONS if slice.kind == "session" else _EXPORTS


def _identify(slice: Slice) -> Identity:
    value = loaded(slice).value
    words = [value[key] for key in ("title", "inserted_at", "create_time") if isinstance(value.get(key), str)]
    return Identity(value["id"] if isinstance(value.get("id"), str) else None, tuple(words))


def _nodes(value: Json) -> list[Node]:
    mapping = value.get("mapping")
    nodes = []
    for key, node in mapping.items() if isinstance(mapping, dict) else ():
        parent = node.get("parent") if isinstance(node, dict) else None
        nodes.append(Node(("mapping", key), node, key, str(parent) if isinstance(parent, (str, int)) else None))
    return nodes


def _head(fields: Fields, desk: Desk) -> Head:
    created = fields.time("inserted_at" if "inserted_at" in fields.left else "create_time")
    updated = fields.time("updated_at" if "updated_at" in fields.left else "update_time")
    fields.identifier("id")
    tip = fields.left.get("current_node")
    return Head(fields.text("title"), created, updated, tip=desk.message(tip) if isinstance(tip, str) and tip else None)


def _message(fields: Fields, desk: Desk) -> Draft:
    desk.drop_children(fields, "children", fields.identifier("id"))
    fields.identifier("parent")
    body = fields.inner("message")
    if body is None:
        return Draft("", fields.time("message.inserted_at"), visibility="placeholder")
    time, model = body.time("inserted_at"), body.optional("model")
    fragments = body.items("fragments")
    kinds = [fragment.get("type") for fragment in fragments if isinstance(fragment, dict)]
    parts = [_fragment(fragment, desk) for fragment in fragments]
    parts += [_file(file, desk) for file in body.items("files")]
    if not body.left:
        del fields.left["message"]
    return Draft("user" if "REQUEST" in kinds else "assistant" if kinds else "", time, parts, model=model)


def _fragment(value: Json, desk: Desk) -> Part:
    if not isinstance(value, dict) or not isinstance(value.get("content"), str):
        return Opaque("fragment", value)
    kind = value.get("type")
    fields = Fields(value)
    if kind in ("REQUEST", "RESPONSE", "THINK"):
        text = str(fields.left.pop("content"))
        del fields.left["type"]
        return Reasoning(text, extra=fields.left) if kind == "THINK" else Text(text, extra=fields.left)
    if kind != "SEARCH":
        desk.unknown.note(f"mapping.message.fragments.type={kind if isinstance(kind, str) else name_type(kind)}")
    return Opaque(str(kind).lower(), value)


def _file(value: Json, desk: Desk) -> Part:
    pointer = value.get("id") if isinstance(value, dict) else None
    if not isinstance(pointer, str) or not pointer:
        return Opaque("file", value)
    fields = Fields(value)
    fields.identifier("id")
    return desk.attach(pointer, name=fields.text("file_name", "name"), extra=fields.left)


_EXPORTS = Dialogue(
    NAME,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=frozenset({"current_node"}),
    known_message=frozenset({"children", "message"}),
)


# --- sessions of the web API ------------------------------------------------------------------------------------------


def _session(value: Json) -> dict[str, Json]:
    for key in _SESSION:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _identify_session(slice: Slice) -> Identity:
    session = _session(loaded(slice).value).get("chat_session")
    id = session.get("id") if isinstance(session, dict) else None
    return Identity(id if isinstance(id, str) else None)


def _nodes_session(value: Json) -> list[Node]:
    items = _session(value).get("chat_messages")
    named = any(isinstance(item, dict) and "parent_id" in item for item in items if items) if isinstance(items, list) else False

    def parent(item: dict[str, Json]) -> str | None:
        value = item.get("parent_id")
        return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None

    return list_nodes(items, *_SESSION, "chat_messages", id="message_id", parent=parent if named else None)


def _head_session(fields: Fields, desk: Desk) -> Head:
    outer = fields.inner("data")
    inner = outer.inner("biz_data") if outer else None
    session = inner.inner("chat_session") if inner else None
    if session is None:
        return Head()
    session.identifier("id")
    tip = session.left.get("current_message_id")
    return Head(
        session.text("title"),
        session.epoch("inserted_at"),
        session.epoch("updated_at"),
        tip=desk.message(str(tip)) if isinstance(tip, int) else None,
    )


def _message_session(fields: Fields, desk: Desk) -> Draft:
    fields.identifier("message_id")
    fields.identifier("parent_id")
    parts: list[Part] = []
    if thought := fields.text("thinking_content", "reasoning_content"):
        parts.append(Reasoning(thought))
    if fields.left.get("content") and isinstance(fields.left["content"], str):
        parts.append(Text(fields.text("content")))
    parts += [_fragment(fragment, desk) for fragment in fields.items("fragments")]
    parts += [_file(file, desk) for file in fields.items("files")]
    time, model = fields.epoch("inserted_at"), fields.optional("model")
    return Draft(role_of(fields.text("role"), WORDS), time, parts, model=model)


_SESSIONS = Dialogue(
    NAME,
    _identify_session,
    _nodes_session,
    _head_session,
    _message_session,
    known_head=frozenset({"code", "msg", "data"}),
    known_message=frozenset({"status", "accumulated_token_usage", "thinking_enabled", "search_enabled", "feedback"}),
)
