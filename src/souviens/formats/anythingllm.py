"""AnythingLLM: workspace chats as an administrator exports them.

    CSV             a row a question and its answer: id, workspace, prompt, response, sent_at, of newer versions username and rating
    JSON            the same as an array, with pictures as data URIs
    JSONL           {"messages": […]}: all that was said in a workspace on one line, with neither names nor times
    JSON (Alpaca)   [{"instruction", "input", "output"}, …]: system prompt with the sources found, question, answer; no workspace

No export names threads. Rows of one workspace and user are one conversation, a line in the order of the file, and its `extra` says
what joined them; a row may name a thread, then it is one of that thread. Rows of several workspaces stand mixed, so each is a slice
of its own. An Alpaca row says nothing of where it stood and is a conversation by itself. It, and a workspace of JSONL, are known by
all they say: a workspace that was talked to since is another conversation.

JSONL and Alpaca are shapes of many datasets: they are taken for AnythingLLM's only with a sign that is its own (see `is_workspace`
and `_is_example`). Its JSON of 2023, one array of messages without any, is not told apart from others and not read.

Shapes: formats.md 7; server/utils/helpers/chat/convertTo.js of Mintplex-Labs/anything-llm, from several years. No file of a real
user was at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from msgspec.structs import replace

from souviens.canon import Instant, rfc3339
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Bytes, Guide, Locations, Place
from souviens.formats._carving import AGAIN, Kind, Kinds, Mark, carve, contents, cut_lines, mark_of, marked, told_again
from souviens.formats._content import content_parts
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, list_nodes, loaded, refused
from souviens.formats._fields import NOT_UTF8, Fields, id_of, note
from souviens.formats._workspaces import PROMPT, is_workspace
from souviens.jsonspan import Flaws, Glue, Slice, cut_elements, decode
from souviens.records import Citation, Conversation, Head, Json, Message, Opaque, Part, Reading, Text, Treatment

NAME = "anythingllm"
TITLE = "AnythingLLM workspace chats"
READER = 2
SUPPORT = "documented"
GUIDE = Guide(
    get=("Settings > Admin > Workspace Chats", "Export > JSON: it has the names, the times and the pictures"),
    notes=(
        "No export names the threads of a workspace.",
        "Only JSON (Alpaca) has the sources that an answer rests on, and only it and JSONL have the system prompt.",
        "Its CSV writes a space for every line break.",
        "AnythingLLM takes no chats in.",
    ),
)
_USUAL = ("id", "workspace", "prompt", "response", "sent_at")
_COLUMNS = {
    "csv row with user": (*_USUAL, "username", "rating"),
    "csv row": _USUAL,
    "csv row of 2023": ("id", "username", "workspace", "prompt", "response", "sent_at"),
}
PLAIN = Kinds(_COLUMNS)
_UNNAMED = ("workspace", "example")  # slices that no id names
_EXAMPLE = ("instruction", "input", "output")
_ROLES = dict(zip(_EXAMPLE, ("system", "user", "assistant"), strict=True))
_NOBODY = ("unknown user", "deleted user", "API")  # what stands for a user where there is none
_CONTEXT = "[CONTEXT 0]:"
# What a row says beside its prompt and its answer, of its conversation or of both. All else belongs to the prompt and goes with it.
_OF_ROW = frozenset({"id", "workspace", "prompt", "response", "sent_at", "username", "rating"})
_BOM = b"\xef\xbb\xbf"
_CELL = re.compile(rb'"(?:[^"]|"")*"?[^,\r\n]*|[^,\r\n]*')
_END = re.compile(rb"\r\n|\n|\r")
_JS_TIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d{4}) (\d\d:\d\d:\d\d) GMT([+-]\d{4})(?: \(.*\))?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "json", "csv", "jsonl" or "alpaca"."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("json", "csv", "jsonl", "alpaca") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look == "array":
        if seen.has("id", "workspace", "prompt", "sent_at"):
            return "json"
        return "alpaca" if isinstance(seen.sample, list) and _is_example(seen.sample) else ""
    if seen.look == "text":
        return "csv" if _layout(seen) else ""
    return "jsonl" if seen.look in ("lines", "object") and is_workspace(seen.first) else ""


def _layout(seen: Peek) -> str:
    """The kind of a CSV file's rows, by its first line."""
    header = _END.split(seen.head.removeprefix(_BOM), maxsplit=1)[0].replace(b'"', b"").split(b",")
    names = tuple(name.strip().decode("utf-8", "replace") for name in header)
    return next((kind for kind, columns in _COLUMNS.items() if names[: len(columns)] == columns), "")


def _is_example(rows: list[Json]) -> bool:
    """Alpaca rows with a question in each, behind a system prompt that is known, has sources in it, or stands in several rows."""
    found = [row for row in rows if isinstance(row, dict)]
    if not found or any(set(row) - {"output"} != {"instruction", "input"} or not row["input"] for row in found):
        return False
    said = [row["instruction"] for row in found if isinstance(row["instruction"], str)]
    return any(text.startswith(PROMPT) or _CONTEXT in text for text in said) or len(set(said)) < len(said)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> dict[str, Json]:
    """Which row came before which."""
    chain = _Chain()
    for entry in delivery.entries:
        if _kind(delivery.peek(entry)) in ("json", "csv"):
            for piece in cut(entry):
                if isinstance(piece, Slice) and not (row := _opened(piece)).damage and isinstance(row.value, dict):
                    chain.add(row)
    return {"chain": chain.closed()}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """A row, or a workspace, as one slice; the first line of CSV is glue."""
    return marked(_pieces(entry), _mark)


def _mark(slice: Slice) -> str:
    """The mark of what nothing names: a row without an id, an Alpaca row, a workspace."""
    value = _opened(slice).value
    return "" if Kind.of(slice).base not in _UNNAMED and _id_of(value) else mark_of(value, slice)


def _id_of(row: Json) -> str | None:
    return id_of(row.get("id")) if isinstance(row, dict) else None


def _pieces(entry: Entry) -> Iterator[Glue | Slice]:
    seen = peek(entry)
    if seen.look == "array":
        with entry.open() as stream:
            yield from cut_elements(stream, path=entry.name, kind="example" if seen.has(*_EXAMPLE[:2]) else "row")
    elif layout := _layout(seen):
        data = contents(entry)
        header = _END.search(data)
        rows = enumerate(_rows(data, header.end() if header else len(data)))
        yield from carve(data, entry.name, (Mark(*span, f"[{number}]", layout) for number, span in rows), plain=True)
    elif seen.head.partition(b"\n")[0].rstrip() in (b"{", _BOM + b"{"):  # one workspace, written over many lines
        with entry.open() as stream:
            yield from cut_elements(stream, path=entry.name, kind="workspace")
    else:
        yield from cut_lines(entry, "workspace")


# --- CSV --------------------------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A row of CSV. values: by column, None what an erasure left. spans: of the columns. fault: why it cannot be used."""

    values: dict[str, str | None]
    spans: dict[str, tuple[int, int]]
    fault: str


def _rows(data: bytes, here: int) -> Iterator[tuple[int, int]]:
    """Where the rows stand that say anything."""
    while here < len(data):
        start, here = here, _cells(data, here)[-1][1]
        if data[start:here].strip(b' ,"'):
            yield start, here
        end = _END.match(data, here)
        here = end.end() if end else here


def _cells(data: bytes, here: int) -> list[tuple[int, int]]:
    """The cells of the row that begins here."""
    found: list[tuple[int, int]] = []
    while not found or data[found[-1][1] : found[-1][1] + 1] == b",":
        cell = _CELL.match(data, found[-1][1] + 1 if found else here)
        assert cell is not None, "the pattern matches nothing as well"
        found.append(cell.span())
    return found


def _row(slice: Slice) -> _Row:
    """The one row of a slice."""
    columns, cells = _COLUMNS[Kind.of(slice).base], _cells(slice.data, 0)
    names = [*columns, *(f"column {number}" for number in range(len(columns) + 1, len(cells) + 1))]
    row = _Row({}, dict(zip(names, cells, strict=False)), "")
    fault = "" if len(cells) >= len(columns) else f"has {len(cells)} of {len(columns)} columns"
    for name, (start, end) in row.spans.items():
        raw = slice.data[start:end]
        text = raw.decode("utf-8", "replace")
        if raw.startswith(b'"'):
            fault = fault if raw.count(b'"') % 2 == 0 else "cut off: a quotation mark is not closed"
            text = text[1:].removesuffix('"').replace('""', '"')
        if not fault and "\ufffd" in text and b"\xef\xbf\xbd" not in raw:
            fault = NOT_UTF8
        row.values[name] = None if raw and not raw.strip(b" ") else text
    return row._replace(fault=fault)


def value(slice: Slice) -> Json:
    """What a row of CSV says, as JSON."""
    return _row(slice).values


def _opened(slice: Slice) -> Slice:
    """A slice with its value, whatever it is written in."""
    if slice.kind not in PLAIN:
        return loaded(slice)
    row = _row(slice)
    return Slice(slice.kind, slice.path, slice.where, slice.data, row.values, Flaws(), row.fault)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """One row or workspace into records. Content it cannot use becomes a Problem; nothing is raised for it."""
    slice = _opened(slice)
    if slice.damage:
        return refused(slice, slice.damage)
    reading = told_again(slice, _dialogue(slice).read(slice, sidecars), AGAIN)
    chain = sidecars.get("chain")
    if not isinstance(chain, _Chain) or Kind.of(slice).base in _UNNAMED:
        return reading
    return replace(reading, conversations=tuple(map(chain.hung, reading.conversations)))


def locations(slice: Slice) -> Locations:
    """The prompt and the response of a row, the messages of a workspace."""
    slice = _opened(slice)
    at = {} if slice.damage else _dialogue(slice).locations(slice)
    if slice.kind not in PLAIN:
        return at
    spans = _row(slice).spans
    return {id: Bytes(*spans[str(path[0])]) for id, path in at.items()}


def traces(slice: Slice, ids: Set[str]) -> list[Place | Bytes]:
    """With a prompt goes all that its row says of it: pictures, and fields that nobody knows; with an answer its rating."""
    slice = _opened(slice)
    if slice.damage or Kind.of(slice).base in _UNNAMED:
        return []
    gone = {path[0] for id, path in _dialogue(slice).locations(slice).items() if id in ids}
    names = [*(_aside(slice.value) if "prompt" in gone else ()), *(("rating",) if gone & {"response"} else ())]
    if slice.kind not in PLAIN:
        return [Place((name,)) for name in names if name in slice.value]
    spans = [span for name, span in _row(slice).spans.items() if name in names]
    return [Bytes(*span) for span in spans if span[1] > span[0]]


def _dialogue(slice: Slice) -> Dialogue:
    if Kind.of(slice).base == "workspace":
        return _WORKSPACES
    if Kind.of(slice).base == "example":
        return _EXAMPLES
    row = slice.value if isinstance(slice.value, dict) else {}
    id, words = _id_of(row), map(row.get, ("workspace", "username", *_threads(row)))
    # What an erasure leaves as it is: the row's id, or without one its time and what it said.
    key = [id] if id else [str(row.get("sent_at")), Kind.of(slice).mark or mark_of(row, slice)]
    identity = Identity(None, ("rows", *(str(word) if isinstance(word, (str, int)) else "" for word in words)))
    return Dialogue(
        NAME,
        lambda _: identity,
        partial(_nodes, key),
        partial(_head, row),
        _message,
        known_head=_OF_ROW,
        known_message=_OF_ROW | {"attachments"},
    )


# --- a row ------------------------------------------------------------------------------------------------------------


def _threads(row: dict[str, Json]) -> list[str]:
    """The fields that name a thread."""
    return sorted(name for name in row if name.lower().startswith("thread"))


def _aside(row: dict[str, Json]) -> list[str]:
    """The fields that belong to the prompt, beside its words: of a row without an answer its rating too."""
    own = _OF_ROW - {"rating"} if row.get("response", "") == "" else _OF_ROW
    return [name for name in row if name not in own and name not in _threads(row)]


def _is_said(said: Json) -> bool:
    """Whether there is something. What is left of an erased text is null, or an empty string if null had no room."""
    return said not in (None, "")


def _nodes(key: list[str], row: Json) -> list[Node]:
    """The prompt with all that is said of it, and the answer with its rating."""
    nodes: list[Node] = []
    for name, others in (("prompt", ("username", *_aside(row))), ("response", ("rating",))):
        if name in row:
            own = {member: row[member] for member in (name, "id", "sent_at") if member in row}
            own |= {member: row[member] for member in others if row.get(member) is not None}
            nodes.append(Node((name,), own if _is_said(row[name]) else None, None, 0 if nodes else None, 0, [*key, name]))
    return nodes


def _head(row: dict[str, Json], fields: Fields, desk: Desk) -> Head:
    """What the row says of its conversation, and what no message of it has said."""
    title, asked, answered = fields.text("workspace"), _is_said(row.get("prompt")), _is_said(row.get("response"))
    said = [*(_aside(row) if asked else ()), *(("rating",) if answered else ()), *(("id", "sent_at") if asked or answered else ())]
    fields.left = {name: member for name, member in fields.left.items() if name not in said and _is_said(member)}
    return Head(title, extra={name: fields.left.pop(name) for name in _threads(fields.left)})


def _message(fields: Fields, desk: Desk) -> Draft:
    time = _moment(fields)
    if "response" in fields.left:
        return Draft("assistant", time, _answer(fields, desk))
    parts: list[Part] = [Text(text)] if (text := fields.text("prompt")) else []
    parts += content_parts(fields.items("attachments"), desk, "attachments")
    author = fields.optional("username")  # which the conversation says as well
    return Draft("user", time, parts, author=author if author not in _NOBODY else None)


def _answer(fields: Fields, desk: Desk) -> list[Part]:
    """An answer is its words; out of the database it is an object with its sources, or that object as a string, which stays too."""
    given = fields.left["response"]
    told = Fields(told) if isinstance(told := _decoded(given), dict) and isinstance(told.get("text"), str) else None
    if told is None:
        return [Text(text)] if (text := fields.text("response")) else []
    parts: list[Part] = [Text(text)] if (text := told.text("text")) else []
    parts += [_citation(source) for source in told.items("sources")]
    parts += content_parts(told.items("attachments"), desk, "response.attachments")
    if isinstance(given, dict):
        fields.left["response"] = told.left
    return parts


def _decoded(given: Json) -> Json:
    if not isinstance(given, str) or not given.startswith("{"):
        return given
    try:
        found, flaws = decode(given.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    return found if flaws == Flaws() else None


def _citation(source: Json) -> Part:
    fields = Fields(source if isinstance(source, dict) else {})
    uri, title, text = fields.text("url", "chunkSource"), fields.text("title"), fields.text("text")
    return Citation(uri, title, text, extra=fields.left) if uri or title or text else Opaque("source", source)


def _moment(fields: Fields) -> Instant:
    """ISO, or as JavaScript prints a date."""
    given = fields.left.get("sent_at")
    match = _JS_TIME.fullmatch(given.strip()) if isinstance(given, str) else None
    if match is None or match[1] not in _MONTHS:
        return fields.epoch("sent_at")
    del fields.left["sent_at"]
    month, day, year, clock, zone = match.groups()
    return replace(rfc3339(f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}{zone}"), given=given)


# --- which row came before --------------------------------------------------------------------------------------------


class _Link(NamedTuple):
    """A row as a link of its conversation: its first and last message, and its id."""

    first: str
    last: str
    id: Json


@dataclass
class _Chain:
    """The rows of a whole delivery by conversation: for every row the one before it."""

    rows: dict[str, list[_Link]] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)

    def add(self, slice: Slice) -> None:
        """The next row in the order of the files."""
        reader = _dialogue(slice)
        if ids := reader.ids(slice):
            self.rows.setdefault(reader.conversation_id(slice), []).append(_Link(ids[0], ids[-1], slice.value.get("id")))

    def closed(self) -> _Chain:
        """The chain, with every row hung on the one before it. Ids rise in time: a file is in their order, or turned round."""
        for links in self.rows.values():
            ends = [int(id) for link in (links[0], links[-1]) if (id := str(link.id)[:18]).isdecimal()]
            once = list({link.first: link for link in (links[::-1] if ends != sorted(ends) else links)}.values())
            self.before.update({link.first: earlier.last for earlier, link in pairwise(once)})
        return self

    def hung(self, conversation: Conversation) -> Conversation:
        """The conversation of one row, hung on the row before it."""
        if len(self.rows.get(conversation.id, ())) < 2:
            return conversation
        extra = dict(conversation.head.extra)
        note(extra, "graph", "file order")
        if not _threads(extra):
            note(extra, "joined", "rows of one workspace and user")
        head = replace(conversation.head, extra=extra)
        return replace(conversation, head=head, messages=tuple(map(self._hung, conversation.messages)))

    def _hung(self, message: Message) -> Message:
        return replace(message, parent=self.before.get(message.id)) if message.parent is None else message


# --- workspaces and Alpaca rows ---------------------------------------------------------------------------------------


def _identify_workspace(slice: Slice) -> Identity:
    return Identity(None, ("workspace", Kind.of(slice).mark or mark_of(slice.value, slice)))


def _nodes_workspace(value: Json) -> list[Node]:
    return list_nodes(value.get("messages"), "messages")


def _head_workspace(fields: Fields, desk: Desk) -> Head:
    return Head()


def _message_workspace(fields: Fields, desk: Desk) -> Draft:
    content = fields.left.pop("content", None)
    if isinstance(content, list):
        content = [item for item in content if item != {"type": "text"}]  # an answer that never came
    return Draft(fields.text("role").lower(), fields.time("time"), content_parts(content, desk, f"{desk.path}.content"))


def _identify_example(slice: Slice) -> Identity:
    return Identity(None, ("example", Kind.of(slice).mark or mark_of(slice.value, slice)))


def _nodes_example(value: Json) -> list[Node]:
    """The system prompt, the question and the answer, as they follow each other."""
    nodes: list[Node] = []
    for name in _EXAMPLE:
        if name in value:
            own = {name: value[name]} if _is_said(value[name]) else None
            nodes.append(Node((name,), own, parent=len(nodes) - 1 if nodes else None, order=0, key=name))
    return nodes


def _message_example(fields: Fields, desk: Desk) -> Draft:
    (name,) = fields.left
    text = fields.text(name)
    return Draft(_ROLES[name], fields.time("time"), [Text(text)] if text else [])


_WORKSPACES = Dialogue(NAME, _identify_workspace, _nodes_workspace, _head_workspace, _message_workspace)
_EXAMPLES = Dialogue(NAME, _identify_example, _nodes_example, _head_workspace, _message_example)
