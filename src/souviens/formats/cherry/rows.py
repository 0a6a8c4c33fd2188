"""Part of cherry: the rows of one conversation, gathered from all over `data.json`.

The file is a dump of the app's databases. A topic holds its messages, a message the ids of its blocks, and the blocks, which say
everything, stand in a table of their own; names stand in the state of the window, JSON in a string in a string. A slice is
{"topic": the row, in whose messages the blocks stand in the place of their ids, "named": what the state says of it}.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import IO

import msgspec

from souviens.delivery import Entry
from souviens.formats._rows import unread
from souviens.jsonspan import Flaws, Glue, Route, Slice, cut_elements, cut_members, decode, load, locate
from souviens.records import Json

# Tables of texts that are no conversations.
_FILLED = re.compile(rb'"(knowledge_notes|quick_phrases|translate_history)"\s*:\s*\[\s*[^\s\]]')
# Tables of the app's storage that are read, or hold how it is set up; of the window's state the slices that do.
_READ = {"topics", "message_blocks", "knowledge_notes", "quick_phrases", "translate_history", "settings"}
_SET_UP = {
    "_persist", "agents", "assistants", "backup", "codeTools", "copilot", "inputTools", "llm", "mcp", "messageBlocks", "messages",
    "migrate", "minapps", "newMessages", "note", "nutstore", "ocr", "preprocess", "runtime", "selectionStore", "settings",
    "shortcuts", "tabs", "toolPermissions", "websearch",
}  # fmt: skip
_CHUNK, _LONGEST = 1 << 20, 256
_PERSISTED = "persist:cherry-studio"
# What is taken of a server of tools: its command, its address, its environment may hold keys.
_OF_A_SERVER = ("id", "name", "description", "type", "isActive")
_SECRET = re.compile(r"api_?key|secret|passw|authorization|credential|(access|auth|refresh)_?token|^token$", re.IGNORECASE)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def gather(entry: Entry) -> Iterator[Glue | Slice]:
    """A slice a topic, one an assistant or a preset of one, one a table of texts; one that names the blocks no message has. Of what
    else a person put into the app it is said how much there is."""
    state = _state(entry)
    known: set[str] = set()
    with tempfile.TemporaryFile(prefix="souviens-") as file:
        blocks = _Blocks(file)
        attached: set[str] = set()
        for piece in _elements(entry, "indexedDB", "message_blocks"):
            blocks.put(piece)
            attached.update(_files_in([piece.value]))
        for number, topic in enumerate(_topics(entry)):
            id = _value(topic.data, "id")
            known.add(str(id))
            attached.update(_files_in(topic.value.get("messages")) if isinstance(topic.value, dict) else ())
            data = b'{"topic":' + _with_blocks(topic, blocks) + b',"named":' + _encoded(state.named(id)) + b"}"
            yield load(Slice("topic", entry.name, f".topics[{number}]", data))
        if lost := blocks.left():
            yield load(Slice("lost", entry.name, ".message_blocks", _encoded(lost)))
    for number, assistant in enumerate(state.assistants):
        yield load(Slice("assistant", entry.name, f".assistants[{number}]", _encoded(_described(assistant, known))))
    for table in _tables(entry):
        rows = b",".join(piece.data for piece in _elements(entry, "indexedDB", table))
        yield load(Slice("table", entry.name, f".{table}", b'{"table":' + _encoded(table) + b',"rows":[' + rows + b"]}"))
    for number, preset in enumerate(state.presets):
        yield load(Slice("preset", entry.name, f".presets[{number}]", _encoded(_public(preset))))
    others = _others(entry, attached) + state.others
    yield from (unread(table, count) for table, count in sorted(others.items()))


class _Every(dict[str, Route]):
    """The route into every table, each by its name."""

    def get(self, key: str, default: object = None) -> Route:
        return key


def _others(entry: Entry, attached: set[str]) -> Counter[str]:
    """How many rows each table has that is not read. attached: files that messages tell of. Of the first generation's one list of
    keys and values all but topics are settings."""
    found: Counter[str] = Counter()
    with entry.open() as stream:
        for piece in cut_members(stream, path=entry.name, kinds={"indexedDB": _Every(topics="topics")}):
            if isinstance(piece, Slice) and piece.kind not in _READ:
                id = piece.value.get("id") if isinstance(piece.value, dict) else None
                found[piece.kind] += not (piece.kind == "files" and id in attached)
    return +found


def _files_in(rows: Json) -> Iterator[str]:
    """The ids of the files that blocks or messages tell of."""
    for row in _objects(rows):
        yield from (str(file["id"]) for file in _objects([row.get("file"), *_objects(row.get("files"))]) if "id" in file)


def _elements(entry: Entry, *keys: str) -> Iterator[Slice]:
    with entry.open() as stream:
        yield from (piece for piece in cut_elements(stream, path=entry.name, kind="", keys=keys) if isinstance(piece, Slice))


def _tables(entry: Entry) -> list[str]:
    """The tables of texts that are not empty: to look for each would be to pass all the others."""
    found: set[bytes] = set()
    with entry.open() as stream:
        data = b""
        while chunk := stream.read(_CHUNK):
            data = data[-_LONGEST:] + chunk
            found.update(_FILLED.findall(data))
    return sorted(name.decode() for name in found)


def _topics(entry: Entry) -> Iterator[Slice]:
    """The rows of topics; in the first generation they were values in a list of keys and values."""
    found = False
    for topic in _elements(entry, "indexedDB", "topics"):
        found = True
        yield topic
    for piece in () if found else _elements(entry, "indexedDB"):
        key = piece.value.get("key") if isinstance(piece.value, dict) else None
        if isinstance(key, str) and key.startswith("topic:") and (span := locate(piece.data, ("value",))):
            yield load(Slice("", piece.path, piece.where, piece.data[span[0] : span[1]]))


def _encoded(value: Json) -> bytes:
    return bytes(_ENCODER.encode(value))


def _value(data: bytes, key: str) -> Json:
    span = locate(data, (key,))
    try:
        return decode(data[span[0] : span[1]])[0] if span else None
    except ValueError:
        return None


# --- blocks -----------------------------------------------------------------------------------------------------------


class _Blocks:
    """Blocks by their ids: in a file, so that not all that was ever said is held in memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at: dict[str, tuple[int, int]] = {}
        self._taken: set[str] = set()

    def put(self, block: Slice) -> None:
        id = block.value.get("id") if isinstance(block.value, dict) else None
        if isinstance(id, str):
            self._at[id] = (self._file.tell(), len(block.data))
            self._file.write(block.data)

    def get(self, id: Json) -> bytes | None:
        if not isinstance(id, str) or id not in self._at:
            return None
        start, length = self._at[id]
        self._taken.add(id)
        self._file.seek(start)
        return self._file.read(length)

    def left(self) -> list[str]:
        return [id for id in self._at if id not in self._taken]


def _with_blocks(topic: Slice, blocks: _Blocks) -> bytes:
    """A topic in whose messages the blocks stand."""
    value = topic.value
    if topic.flaws != Flaws() or not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        return _filled(topic.data, ("messages",), lambda each: _flawed(each, blocks))
    return _encoded({**value, "messages": [_message(each, blocks) for each in value["messages"]]})


def _message(message: Json, blocks: _Blocks) -> Json:
    if not isinstance(message, dict):
        return message
    filled = dict(message)
    if "enabledMCPs" in message:
        filled["enabledMCPs"] = _without_keys(message["enabledMCPs"])
    if isinstance(message.get("blocks"), list):
        found = ((id, blocks.get(id)) for id in message["blocks"])
        filled["blocks"] = [id if block is None else msgspec.Raw(block) for id, block in found]
    return filled


def _flawed(message: Slice, blocks: _Blocks) -> bytes:
    """A message of a topic that is damaged somewhere: its bytes are kept as they are, so that it is seen where."""
    data = message.data
    if isinstance(message.value, dict) and "enabledMCPs" in message.value:
        data = _encoded({**message.value, "enabledMCPs": _without_keys(message.value["enabledMCPs"])})
    if not isinstance(message.value, dict) or not isinstance(message.value.get("blocks"), list):
        return data
    return _filled(data, ("blocks",), lambda id: blocks.get(id.value) or id.data)


def _filled(data: bytes, keys: tuple[str, ...], instead: Callable[[Slice], bytes]) -> bytes:
    """A JSON object, with every element of the array under these keys replaced by what stands instead of it."""
    pieces = cut_elements(BytesIO(data), path="", kind="", keys=keys)
    return b"".join(piece.data if isinstance(piece, Glue) else instead(piece) for piece in pieces)


def _without_keys(servers: Json) -> Json:
    """Servers of tools without what lets one in to them."""
    return [{key: server[key] for key in _OF_A_SERVER if key in server} for server in _objects(servers)]


# --- the window's state -----------------------------------------------------------------------------------------------


class _State:
    """What the window's state says of assistants and of the topics below them. presets: what assistants can be made of. others: how
    much there is of anything else."""

    def __init__(self, assistants: list[dict[str, Json]], presets: list[dict[str, Json]], others: Counter[str]) -> None:
        self.assistants, self.presets, self.others = assistants, presets, others
        self._named: dict[str, Json] = {}
        for assistant in assistants:
            owner = {key: assistant[key] for key in ("id", "name") if key in assistant}
            for topic in _objects(assistant.get("topics")):
                row = {key: value for key, value in topic.items() if key != "messages" or value}
                self._named.setdefault(str(topic.get("id")), {"assistant": owner, "topic": row})

    def named(self, topic: Json) -> Json:
        return self._named.get(str(topic), {})


def _state(entry: Entry) -> _State:
    stored = next((piece.value for piece in _elements(entry, "localStorage")), None)
    slices = _dict(_unpacked(stored.get(_PERSISTED) if isinstance(stored, dict) else None))
    kept, agents = _dict(_unpacked(slices.get("assistants"))), _dict(_unpacked(slices.get("agents")))
    own = _objects(kept.get("assistants"))
    ids = {str(assistant.get("id")) for assistant in own}
    default = [each for each in _objects([kept.get("defaultAssistant")]) if str(each.get("id")) not in ids]
    others: Counter[str] = Counter()
    for name, value in slices.items():
        for key, member in _dict(_unpacked(value)).items() if name not in _SET_UP else ():
            others[f"{name}.{key}"] += len(_objects(member))
    return _State([*own, *default], [*_objects(kept.get("presets")), *_objects(agents.get("agents"))], +others)


def _dict(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _unpacked(value: Json) -> Json:
    """The JSON in a string."""
    if not isinstance(value, str):
        return value
    try:
        return decode(value.encode("utf-8", "surrogatepass"))[0]
    except ValueError:
        return None


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _described(assistant: dict[str, Json], known: set[str]) -> Json:
    """An assistant without the topics that have a slice of their own, and without keys: its knowledge names services, too."""
    topics = [topic for topic in _objects(assistant.get("topics")) if str(topic.get("id")) not in known]
    rest = {key: _without_keys(value) if key == "mcpServers" else value for key, value in assistant.items() if key != "topics"}
    return _public({**rest, "topics": topics} if topics else rest)


def _public(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _public(member) for key, member in value.items() if not _SECRET.search(key)}
    return [_public(item) for item in value] if isinstance(value, list) else value
