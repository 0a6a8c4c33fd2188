"""Le Chat (Mistral, renamed Vibe): the account's data export, a zip of `chat-<uuid>.json` files with `chat-<uuid>-files/` beside.

Each file is an array of messages in no order at all: no conversation object, no title, no parents. The order is that of their
`createdAt`; where these do not tell, as of several pairs at one moment or of messages without a time, that of the file, and the
conversation's `extra` says so. A `version` above 0 is another version of a message, which hangs where the first one does. `content`
repeats the words of `contentChunks`; where an answer's sources are named, it is inside the results of its tool calls.

Shapes: formats.md 6; the type definitions and tests of nexus-ai-chat-importer. No export with versions or canvases was at hand:
what stands in those is kept as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import replace
from functools import partial
from itertools import groupby

from souviens.canon import make_id, rfc3339
from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Guide, Place
from souviens.formats._carving import Kind, cut_values, mark_of
from souviens.formats._content import content_parts
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, loaded, role_of
from souviens.formats._document import is_any
from souviens.formats._fields import Fields, id_of
from souviens.jsonspan import Glue, Slice
from souviens.records import (
    Citation,
    Extra,
    Head,
    Json,
    Opaque,
    Part,
    Problem,
    Reading,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Treatment,
)

NAME = "mistral"
TITLE = "Le Chat (Mistral) export"
READER = 2
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
    return "chats" if any(_is_chat(entry, delivery.peek(entry)) for entry in delivery.entries) else None


def _is_chat(entry: Entry, seen: Peek) -> bool:
    return is_any(entry, _messages(seen), lambda value: _is_message(value) if isinstance(value, dict) and value else None)


def _messages(seen: Peek) -> list[Json]:
    """What may be messages at the beginning of a file: the elements of an array, or of an array on each line."""
    if seen.look not in ("array", "lines") or not isinstance(seen.sample, list):
        return []
    return seen.sample if seen.look == "array" else [item for line in seen.sample if isinstance(line, list) for item in line]


def _is_message(value: Json) -> bool:
    """A message of Le Chat. `chatId` alone would not do: others keep messages in arrays with it, too."""
    if not isinstance(value, dict) or not id_of(value.get("chatId")) or not {"role", "createdAt"} <= value.keys():
        return False
    return "contentChunks" in value or ("content" in value and bool({"version", "reaction"} & value.keys()))


def _is_alike(entry: Entry, seen: Peek) -> bool:
    """Whether a file beside Le Chat's chats is one too, though its messages say less: not one that was uploaded to a chat."""
    if _chat_of(entry):
        return False
    return any(isinstance(item, dict) and id_of(item.get("chatId")) and "role" in item for item in _messages(seen))


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Chats are cut, an account is withheld, uploads are kept."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if _is_chat(entry, seen) or _is_alike(entry, seen):
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
    """Each array as one slice, whose kind names the chat: a file is one, or several, one behind the other."""
    for piece in cut_values(entry, "conversation"):
        if isinstance(piece, Slice) and isinstance(piece.value, list):
            chat = next(iter(_chats(piece.value)), "")
            piece = replace(piece, kind=str(Kind(piece.kind, "" if chat else mark_of(piece.value, piece), aside=chat)))
        yield piece


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return _dialogue(loaded(slice)).read(slice, sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return _dialogue(loaded(slice)).locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return []


def _dialogue(slice: Slice) -> Dialogue:
    return Dialogue(NAME, _identify, _nodes, partial(_head, slice), _message, known_message=_KNOWN, shape=list)


def _identify(slice: Slice) -> Identity:
    """The chat that its messages name, or named when it was cut: of one whose messages are all erased nothing else is left."""
    kind, value = Kind.of(slice), loaded(slice).value
    return Identity(kind.aside or next(iter(_chats(value)), None), ("chat", kind.mark or mark_of(value, slice)))


def _chats(items: list[Json]) -> list[str]:
    """The chats that messages name."""
    named = (id_of(item.get("chatId")) for item in items if isinstance(item, dict))
    return list(dict.fromkeys(filter(None, named)))


def _nodes(value: Json) -> list[Node]:
    """The messages in their order. Another version of a message hangs where its first one does, below the newest version of what
    that one answers."""
    nodes: list[Node] = []
    above: dict[str | int, str | int | None] = {}  # a message (its id, or its place among the nodes) -> the one that it follows
    newest: dict[str | int, int] = {}  # a message -> the place of its newest version
    last: str | int | None = None
    for place, item in _sorted(value):
        own = id_of(item.get("id")) if isinstance(item, dict) else None
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


def _sorted(items: list[Json]) -> list[tuple[int, Json]]:
    """Messages with their places, by their times; at one time, and without one, as they stand. Of two at one time a question comes
    before its answer. Erased ones come last, after those without a time."""
    found: list[tuple[int, Json]] = []
    for _, alike in _groups(items):
        found += sorted(alike, key=_is_no_question) if _is_pair(alike) else alike
    return found


def _groups(items: list[Json]) -> list[tuple[tuple[bool, bool, int], list[tuple[int, Json]]]]:
    """Messages of one time together, the oldest first."""
    return [(when, list(group)) for when, group in groupby(sorted(enumerate(items), key=_moment), key=_moment)]


def _moment(placed: tuple[int, Json]) -> tuple[bool, bool, int]:
    """What messages are sorted by: whether erased, whether without a time, and the time."""
    item = placed[1]
    if not isinstance(item, dict):
        return True, True, 0
    us = rfc3339(item.get("createdAt")).us
    return False, us is None, us or 0


def _is_pair(alike: list[tuple[int, Json]]) -> bool:
    """Whether messages of one time are a question and an answer."""
    timed = not _moment(alike[0])[1]
    return timed and len(alike) == 2 and sum(map(_is_no_question, alike)) == 1


def _is_no_question(placed: tuple[int, Json]) -> bool:
    return bool(placed[1].get("role") != "user")


def _order(items: list[Json]) -> str:
    """In words, what the order of messages rests on."""
    groups = [(when, alike) for when, alike in _groups(items) if not when[0]]
    if all(is_timeless for (_, is_timeless, _), _ in groups):
        return "file order"
    told = all(len(alike) == 1 or _is_pair(alike) for _, alike in groups)
    return "order of time" if told else "order of time, then of the file"


def _head(slice: Slice, fields: Fields, desk: Desk) -> Head:
    if len(chats := _chats(slice.value)) > 1:
        reason = f"it holds messages of {len(chats)} chats, which are read as one"
        desk.problems.append(Problem("conversation", slice.path, slice.where, reason))
    return Head(extra={"graph": _order(slice.value)} if len(desk.ids) > 1 else {})


def _message(fields: Fields, desk: Desk) -> Draft:
    chat = id_of(fields.left.get("chatId"))
    if chat and make_id("c", NAME, chat) == desk.conversation:
        del fields.left["chatId"]
    version = _version(fields.left) if id_of(fields.left.get("id")) else 0
    if not version:
        fields.identifier("id")
    fields.drop("version", version)  # its rank among its siblings says it
    parts = [part for chunk in fields.items("contentChunks") for part in _chunk(chunk, desk)]
    if (chunks := fields.left.get("contentChunks")) not in (None, "", {}):
        parts.append(Opaque("contentChunks", chunks))
        del fields.left["contentChunks"]
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
        return _thoughts(Fields(value), desk)
    return content_parts([value], desk, "contentChunks")


def _thoughts(fields: Fields, desk: Desk) -> list[Part]:
    """What was thought; the first thought has what else is said of them all, such as a signature."""
    fields.drop("type", "thinking")
    thoughts = content_parts(fields.items("thinking"), desk, "contentChunks.thinking")
    parts: list[Part] = [Reasoning(part.text, extra=part.extra) if isinstance(part, Text) else part for part in thoughts]
    if not fields.left:
        return parts
    for place, part in enumerate(parts):
        if isinstance(part, Reasoning):
            return [*parts[:place], Reasoning(part.text, part.summary, {**fields.left, **part.extra}), *parts[place + 1 :]]
    return [*parts, Opaque("thinking", fields.left)]


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
