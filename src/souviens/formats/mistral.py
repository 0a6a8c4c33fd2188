"""Le Chat (Mistral, renamed Vibe): the account's data export, a zip of `chat-<uuid>.json` files with `chat-<uuid>-files/` beside.

Each file is an array of messages in no order at all: no conversation object, no title, no parents. The order is that of their
`createdAt`. A `version` above 0 is another version of a message, which hangs where the first one does. `content` repeats the
words of `contentChunks`; where an answer's sources are named, it is inside the results of its tool calls.

Shapes: formats.md 6; the type definitions and tests of nexus-ai-chat-importer. No export with versions or canvases was at hand:
what stands in those is kept as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from souviens.canon import make_id, rfc3339
from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Guide, Place
from souviens.formats._content import content_parts
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, loaded, role_of
from souviens.formats._fields import Fields
from souviens.jsonspan import Glue, Slice, whole
from souviens.records import Citation, Extra, Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Treatment

NAME = "mistral"
TITLE = "Le Chat (Mistral) export"
READER = 1
SUPPORT = "samples"
WORDS = {"reference": "citation", "thinking": "reasoning"}
GUIDE = Guide(
    get=("admin.mistral.ai > Account > Export", "Le Chat (Vibe): Export, then Download", "the zip holds one chat-….json per chat"),
    notes=("The export names no titles, and what an answer drew or wrote into files is not in it.",),
)
_FOLDER = re.compile(r"chat-(.+)-files$")
_KNOWN = frozenset({
    "id", "version", "chatId", "role", "createdAt", "content", "contentChunks", "canvas", "quotes", "files", "context",
    "reaction", "reactionDetail", "reactionComment", "preference", "preferenceOver",
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "chats": arrays of messages that each name their chat."""
    return "chats" if any(_is_chat(delivery.peek(entry)) for entry in delivery.entries) else None


def _is_chat(seen: Peek) -> bool:
    return seen.look == "array" and isinstance(seen.sample, list) and any(map(_is_message, seen.sample))


def _is_message(value: Json) -> bool:
    """A message of Le Chat. `chatId` alone would not do: others keep messages in arrays with it, too."""
    if not isinstance(value, dict) or not isinstance(value.get("chatId"), str) or not {"role", "createdAt"} <= value.keys():
        return False
    return "contentChunks" in value or ("content" in value and bool({"version", "reaction"} & value.keys()))


def _is_alike(entry: Entry, seen: Peek) -> bool:
    """Whether a file beside Le Chat's chats is one too, though its messages say less: not one that was uploaded to a chat."""
    if seen.look != "array" or not isinstance(seen.sample, list) or _chat_of(entry):
        return False
    return any(isinstance(item, dict) and isinstance(item.get("chatId"), str) and "role" in item for item in seen.sample)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Chats are cut, an account is withheld, uploads are kept."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if _is_chat(seen) or _is_alike(entry, seen):
            found[entry.name] = "cut"
        elif seen.has("email") and not _chat_of(entry):
            found[entry.name] = "withhold"
    return found


def _chat_of(entry: Entry) -> str:
    """The id of the chat whose folder of files an entry lies in."""
    folders = entry.name.split("/")[:-1]
    return next((match[1] for folder in folders if (match := _FOLDER.fullmatch(folder))), "")


def sidecars(delivery: Delivery) -> dict[str, str]:
    """Uploads: chat id + "/" + name -> the file."""
    return {f"{chat}/{entry.name.rpartition('/')[2]}": entry.name for entry in delivery.entries if (chat := _chat_of(entry))}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    with entry.open() as stream:
        yield from whole(stream, path=entry.name, kind="conversation")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return _DIALOGUE.read(slice, sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return _DIALOGUE.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return []


def _identify(slice: Slice) -> Identity:
    chats = (item.get("chatId") for item in loaded(slice).value if isinstance(item, dict))
    return Identity(next((chat for chat in chats if isinstance(chat, str) and chat), None))


def _nodes(value: Json) -> list[Node]:
    """The messages in the order of their times, which the file does not keep; what has no time comes last.

    Another version of a message hangs where its first one does, below the newest version of what that one answers.
    """
    nodes: list[Node] = []
    above: dict[str | int, str | int | None] = {}  # a message (its id, or its place among the nodes) -> the one that it follows
    newest: dict[str | int, int] = {}  # a message -> the place of its newest version
    last: str | int | None = None
    for place, item in sorted(enumerate(value), key=_moment):
        given = item.get("id") if isinstance(item, dict) else None
        own = given if isinstance(given, str) and given else None
        version = _version(item) if own else 0
        message = own or len(nodes)
        follows = above.setdefault(message, last)
        parent = None if follows is None else newest[follows]
        newest[message], last = len(nodes), message
        nodes.append(Node((place,), item, f"{own}:{version}" if version else own, parent, order=version))
    return nodes


def _version(item: dict[str, Json]) -> int:
    version = item.get("version")
    return version if type(version) is int and version > 0 else 0


def _moment(placed: tuple[int, Json]) -> tuple[bool, bool, int, bool, int]:
    """What messages are sorted by. A question comes before an answer of the same moment; erased ones come last."""
    place, item = placed
    if not isinstance(item, dict):
        return True, True, 0, False, place
    us = rfc3339(item.get("createdAt")).us
    return False, us is None, us or 0, item.get("role") != "user", place


def _head(fields: Fields, desk: Desk) -> Head:
    return Head(extra={"graph": "order of time"} if len(desk.ids) > 1 else {})


def _message(fields: Fields, desk: Desk) -> Draft:
    chat = fields.left.get("chatId")
    if isinstance(chat, str) and make_id("c", NAME, chat) == desk.conversation:
        del fields.left["chatId"]
    version = _version(fields.left)
    if not version:
        fields.identifier("id")
    fields.drop("version", version)  # its rank among its siblings says it
    parts = [part for chunk in fields.items("contentChunks") for part in _chunk(chunk, desk)]
    texts = [part.text for part in parts if isinstance(part, Text)]
    if not texts:
        parts += content_parts(fields.left.pop("content", None), desk, "content")
    fields.drop("content", *texts)  # it says the words again
    for key in ("canvas", "quotes"):
        parts += [Opaque(key, item) for item in fields.items(key)]
    parts += [_file(item, str(chat), desk) for item in fields.items("files")]
    return Draft(role_of(fields.text("role"), WORDS), fields.time("createdAt"), parts, model=fields.optional("model"))


def _chunk(value: Json, desk: Desk) -> list[Part]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "tool_call":
        return _tool(Fields(value))
    if kind == "reference":
        return [Citation(extra={key: held for key, held in value.items() if key != "type"})]
    if kind == "custom_element":
        return [Opaque(kind, value)]
    if kind == "file_reference":
        pointer = next((id for key in ("fileId", "id", "name") if isinstance(id := value.get(key), str) and id), "")
        return [desk.attach(pointer, extra=value)] if pointer else [Opaque(kind, value)]
    if kind == "thinking" and isinstance(value.get("thinking"), list):
        thoughts = content_parts(value["thinking"], desk, "contentChunks.thinking")
        return [Reasoning(part.text, extra=part.extra) if isinstance(part, Text) else part for part in thoughts]
    return content_parts([value], desk, "contentChunks")


def _tool(fields: Fields) -> list[Part]:
    """A call, and its result if the export holds one: what it found is the only place where sources are named."""
    fields.drop("type", "tool_call")
    result, name, call = fields.left.pop("publicResult", None), fields.text("name"), fields.optional("id")
    failed = fields.left.get("success") is False
    parts: list[Part] = [ToolCall(name, fields.left.pop("publicArguments", None), call, fields.left)]
    if result is not None:
        text = result if isinstance(result, str) else ""
        extra: Extra = {} if isinstance(result, str) else {"publicResult": result}
        parts.append(ToolResult(text, name or None, call, failed, extra))
    return parts


def _file(value: Json, chat: str, desk: Desk) -> Part:
    """An upload, which lies under its name in the folder of its chat."""
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str) or not name:
        return Opaque("file", value)
    fields = Fields(value)
    media = "image" if value.get("type") == "image" else "file"
    fields.drop("type", media)
    del fields.left["name"]
    return desk.attach(name, media, name=name, member=desk.sidecars.get(f"{chat}/{name}"), extra=fields.left)


_DIALOGUE = Dialogue(NAME, _identify, _nodes, _head, _message, known_message=_KNOWN, shape=list)
