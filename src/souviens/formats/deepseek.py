"""DeepSeek: `conversations.json` of the account's data export, and the session that the web API answers with.

The export is a list of conversations with a `mapping` like ChatGPT's, whose messages hold `fragments`; in an older generation
`content` and `reasoning_content`, and nothing that says who speaks: there only thoughts tell an answer. Node ids ("1", "2") are
unique in one conversation only. Shapes: formats.md 6, the published samples of andrmkrff and chat-stasher; of the older generation
no sample, but the fields that a public importer of chat histories reads (`convertDeepSeekMessages`).
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.delivery import Delivery, Entry, peek
from souviens.formats import Guide, Place
from souviens.formats._dialogue import PREVIOUS, Desk, Dialogue, Draft, Identity, Node, kept, list_nodes, loaded, role_of
from souviens.formats._document import is_any
from souviens.formats._fields import Fields, id_of, name_type
from souviens.jsonspan import Glue, Slice, cut_elements
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, Treatment

NAME = "deepseek"
TITLE = "DeepSeek export"
READER = 2
SUPPORT = "samples"
WORDS = {"REQUEST": "user", "RESPONSE": "assistant", "THINK": "reasoning", "USER": "user", "ASSISTANT": "assistant"}
GUIDE = Guide(
    get=("chat.deepseek.com > your name > Settings", "Data > Export data", "the zip holds user.json and conversations.json"),
    notes=("DeepSeek takes no chats or memories in.",),
)
_SESSION, _BEGAN = ("data", "biz_data"), ("inserted_at", "create_time")


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "export": conversations with fragments. "session": an answer of the web API."""
    kinds = {_kind(entry) for entry in delivery.entries}
    return next((shape for shape in ("export", "session") if shape in kinds), None)


def _kind(entry: Entry) -> str:
    seen = peek(entry)
    if seen.look not in ("array", "object", "lines"):
        return ""
    session = seen.first.get("data")
    inner = session.get("biz_data") if isinstance(session, dict) else None
    if isinstance(inner, dict) and {"chat_session", "chat_messages"} <= inner.keys():
        return "session"
    return "export" if is_any(entry, seen.sample if isinstance(seen.sample, list) else [seen.sample], _is_conversation) else ""


def _is_conversation(value: Json) -> bool | None:
    """Whether it has messages as DeepSeek writes them, and none as ChatGPT does; without a message, whether it says when it began
    as DeepSeek does. None for what says nothing."""
    if not isinstance(value, dict) or not value:
        return None
    mapping = value.get("mapping")
    if not isinstance(mapping, (dict, list)):
        return False if "mapping" not in value else None
    nodes = mapping.values() if isinstance(mapping, dict) else mapping
    messages = [node["message"] for node in nodes if isinstance(node, dict) and isinstance(node.get("message"), dict)]
    if any("author" in message for message in messages):
        return False
    dated = [message for message in messages if "inserted_at" in message]
    if any("fragments" in message for message in messages) or any({"content", "reasoning_content"} & m.keys() for m in dated):
        return True
    return True if "inserted_at" in value else None


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Conversations are cut, the account is withheld."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if _kind(entry):
            found[entry.name] = "cut"
        elif seen.has("email") or seen.has("mobile_number"):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    session = _kind(entry) == "session"
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
    """The provider's id; without one the title and when it began, and if it does not say that, all that no erasure changes."""
    value = loaded(slice).value
    title, began = ([value[key] for key in keys if isinstance(value.get(key), str)] for keys in (("title",), _BEGAN))
    id = id_of(value.get("id"))
    return Identity(id, (*title, *began) if id or any(began) else (*title, kept(slice, _nodes(value))))


def _nodes(value: Json) -> list[Node]:
    held = value.get("mapping")
    nodes = held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
    linked = any(isinstance(node, dict) and "parent" in node for node in nodes)
    return list_nodes(held, "mapping", id="id", parent=_parent if linked else lambda node: PREVIOUS, keyed=True)


def _parent(node: dict[str, Json]) -> str | None:
    return id_of(node.get("parent"))


def _head(fields: Fields, desk: Desk) -> Head:
    created = fields.time("inserted_at" if "inserted_at" in fields.left else "create_time")
    updated = fields.time("updated_at" if "updated_at" in fields.left else "update_time")
    fields.identifier("id")
    tip = id_of(fields.left.get("current_node"))
    return Head(fields.text("title"), created, updated, tip=desk.message(tip) if tip else None)


def _message(fields: Fields, desk: Desk) -> Draft:
    if isinstance(desk.node.path[-1], str):  # in a list, an erased child would leave no id behind
        desk.drop_children(fields, "children", desk.node.id)
    fields.drop_id("id", desk.node.id)
    fields.identifier("parent")
    body = fields.inner("message")
    if body is None:
        return Draft("", fields.time("message.inserted_at"), visibility="placeholder")
    time, model = body.time("inserted_at"), body.optional("model")
    kinds, parts = _said(body, desk)
    role = "user" if "REQUEST" in kinds else "assistant" if kinds else role_of(body.text("role"), WORDS)
    if not role and any(isinstance(part, Reasoning) for part in parts):
        role = "assistant"
    fields.tidy("message")
    return Draft(role, time, parts, model=model)


def _said(fields: Fields, desk: Desk) -> tuple[list[Json], list[Part]]:
    """The types of a message's fragments, and its parts: thoughts and words of the older generation, fragments, files."""
    parts: list[Part] = [Reasoning(thought)] if (thought := fields.text("thinking_content", "reasoning_content")) else []
    if isinstance(fields.left.get("content"), str) and (text := fields.text("content")):
        parts.append(Text(text))
    fragments = fields.several("fragments")
    kinds = [fragment.get("type") for fragment in fragments if isinstance(fragment, dict)]
    parts += [_fragment(fragment, desk) for fragment in fragments]
    return kinds, [*parts, *(_file(file, desk) for file in fields.several("files"))]


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
    fields = Fields(value if isinstance(value, dict) else {})
    pointer = fields.identifier("id")
    if pointer is None:
        return Opaque("file", value)
    return desk.attach(pointer, name=fields.text("file_name", "name"), extra=fields.left)


_EXPORTS = Dialogue(
    NAME,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=frozenset({"current_node", "mapping"}),
    known_message=frozenset({"children", "message"}),
)


# --- sessions of the web API ------------------------------------------------------------------------------------------


def _session(value: Json) -> dict[str, Json]:
    for key in _SESSION:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _identify_session(slice: Slice) -> Identity:
    value = loaded(slice).value
    session = _session(value).get("chat_session")
    id = id_of(session.get("id")) if isinstance(session, dict) else None
    return Identity(id, () if id else (kept(slice, _nodes_session(value)),))


def _nodes_session(value: Json) -> list[Node]:
    held = _session(value).get("chat_messages")
    items = held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
    linked = any(isinstance(item, dict) and "parent_id" in item for item in items)
    return list_nodes(held, *_SESSION, "chat_messages", id="message_id", parent=_parent_session if linked else None)


def _parent_session(item: dict[str, Json]) -> str | None:
    return id_of(item.get("parent_id"))


def _head_session(fields: Fields, desk: Desk) -> Head:
    outer = fields.inner("data")
    inner = outer.inner("biz_data") if outer else None
    session = inner.inner("chat_session") if inner else None
    if session is None:
        return Head()
    session.identifier("id")
    tip = id_of(session.left.get("current_message_id"))
    return Head(
        session.text("title"), session.epoch("inserted_at"), session.epoch("updated_at"), tip=desk.message(tip) if tip else None
    )


def _message_session(fields: Fields, desk: Desk) -> Draft:
    fields.drop_id("message_id", desk.node.id)
    fields.identifier("parent_id")
    _, parts = _said(fields, desk)
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
