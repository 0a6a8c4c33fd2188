"""Microsoft Copilot (consumer): the CSV files of the privacy dashboard.

    Conversation,Time,Author,Message              whole chats, newest row first; times without a zone
    CreatedAt,MessageContent,Author,ChatName      chats, and Copilot in Microsoft 365 apps; times with one
    Timestamp,ClientApp,Prompt                    prompts to Copilot in Windows, without answers

Nothing has an id. A conversation is a run of rows of one title; where a run meets another of the same title, only a time that runs
the wrong way tells them apart, and the conversation's `extra` says what joined it. An answer often bears the very second of its
question, so rows are turned round and never sorted. Each prompt of the third kind is a conversation of its own.

Erasing a message blanks its row. Of the oldest row the title and the time stay: they name the conversation.

Sources: formats.md 4 (a measured export of 2,613 rows), the four files that Portable AI Memory measured in February 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from souviens.canon import Instant, rfc3339, unknown
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Bytes, Guide
from souviens.formats._carving import Mark, carve, contents
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node
from souviens.formats._fields import NOT_UTF8, Fields, note
from souviens.jsonspan import Flaws, Glue, Slice
from souviens.records import Head, Json, Problem, Reading, Text, Treatment

NAME = "copilot"
TITLE = "Microsoft Copilot activity history"
READER = 1
SUPPORT = "real"
WORDS = {"Human": "user", "AI": "assistant"}
GUIDE = Guide(
    get=("account.microsoft.com/privacy > Copilot", "Export all activity history", "the download is one CSV file, or several"),
    notes=("Copilot takes no chats in.", "A chat that was renamed between two exports is taken for another one."),
)


class Layout(NamedTuple):
    """The columns of one kind of file, in order, and which of them are what; "" for what it has not."""

    columns: tuple[str, ...]
    title: str
    time: str
    author: str
    text: str


_LAYOUTS = {
    "history": Layout(("Conversation", "Time", "Author", "Message"), "Conversation", "Time", "Author", "Message"),
    "chats": Layout(("CreatedAt", "MessageContent", "Author", "ChatName"), "ChatName", "CreatedAt", "Author", "MessageContent"),
    "prompts": Layout(("Timestamp", "ClientApp", "Prompt"), "", "Timestamp", "", "Prompt"),
}
_UP = ", oldest first"  # of the kind of a slice out of a file that is not newest first
PLAIN = frozenset(f"{kind}{way}" for kind in _LAYOUTS for way in ("", _UP))
_ROLES = {"human": "user", "user": "user", "ai": "assistant", "bot": "assistant", "copilot": "assistant", "assistant": "assistant"}
_BOM = b"\xef\xbb\xbf"
_FIELD = re.compile(rb'"(?:[^"]++|"")*+"?[^,\r\n]*+|[^,\r\n]*+')
_END = re.compile(rb"\r\n|\n|\r")
_US_TIME = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d)(?: ([AP])M)?(?: ?(Z|[+-]\d\d:?\d\d))?")


class Row(NamedTuple):
    """A row where it stands. values: column -> what it says, None what an erasure left; {} for a blank line. fault: why it cannot
    be used."""

    start: int
    end: int
    spans: dict[str, tuple[int, int]]
    values: dict[str, str | None]
    fault: str = ""

    def said(self, column: str) -> str:
        return self.values.get(column) or ""


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "history", "chats" or "prompts", by the first line of a file."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((kind for kind in _LAYOUTS if kind in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look != "text":
        return ""
    header = _END.split(seen.head.removeprefix(_BOM), maxsplit=1)[0].replace(b'"', b"").lower().split(b",")
    names = [name.strip().decode("utf-8", "replace") for name in header]
    for kind, layout in _LAYOUTS.items():
        if names[: len(layout.columns)] == [column.lower() for column in layout.columns]:
            return kind
    return ""


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


def _oldest_first(rows: list[Row], layout: Layout) -> bool:
    """Whether the times of neighbours rise more often than they fall; if all are the same, whether questions come first."""
    rising = 0
    asked = 0
    for one, next_ in pairwise(row for row in rows if row.values and not row.fault):
        before, after = (_moment(row.said(layout.time)).us or 0 for row in (one, next_))
        rising += (after > before) - (after < before)
        roles = [_ROLES.get(row.said(layout.author).lower()) for row in (one, next_)]
        asked += (roles == ["user", "assistant"]) - (roles == ["assistant", "user"]) if before == after else 0
    return rising > 0 or (rising == 0 and asked > 0)


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """Each run of rows that is a conversation as one slice; the first line, blank lines and line ends are glue."""
    data = contents(entry)
    kind = _kind(peek(entry)) or "history"
    layout, header = _LAYOUTS[kind], _END.search(data)
    rows = [row for row in _rows(data, layout, header.end() if header else len(data)) if row.values]
    up = _oldest_first(rows, layout)
    runs = enumerate(_runs(rows, layout, up))
    marks = (Mark(run[0].start, run[-1].end, f"[{number}]", kind + (_UP if up else "")) for number, run in runs)
    return carve(data, entry.name, marks, plain=True)


def _runs(rows: list[Row], layout: Layout, oldest_first: bool) -> Iterator[list[Row]]:
    run: list[Row] = []
    for row in rows:
        if run and not _joined(run[-1], row, layout, oldest_first):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _joined(one: Row, next_: Row, layout: Layout, oldest_first: bool) -> bool:
    """Whether a row is of the conversation of the row above it."""
    if not layout.title or one.values.get(layout.title) != next_.values.get(layout.title):
        return False
    above, below = (_moment(row.said(layout.time)).us for row in (one, next_))
    if above is None or below is None or above == below:
        return True
    return (below > above) == oldest_first


# --- rows -------------------------------------------------------------------------------------------------------------


def _rows(data: bytes, layout: Layout, here: int = 0) -> Iterator[Row]:
    """Every row of some bytes, from where one begins."""
    while here < len(data):
        start, fields = here, []
        while True:
            field = _FIELD.match(data, here)
            assert field is not None, "the pattern matches nothing as well"
            fields.append(field.span())
            here = field.end()
            if data[here : here + 1] != b",":
                break
            here += 1
        yield _row(data, start, here, fields, layout)
        end = _END.match(data, here)
        here = end.end() if end else here


def _row(data: bytes, start: int, end: int, fields: list[tuple[int, int]], layout: Layout) -> Row:
    if not data[start:end].strip():
        return Row(start, end, {}, {})
    names = [*layout.columns, *(f"column {number}" for number in range(len(layout.columns) + 1, len(fields) + 1))]
    row = Row(start, end, dict(zip(names, fields, strict=False)), {})
    fault = "" if len(fields) >= len(layout.columns) else f"has {len(fields)} of {len(layout.columns)} columns"
    for name, (at, to) in row.spans.items():
        raw = data[at:to]
        text = raw.decode("utf-8", "replace")
        if raw.startswith(b'"'):
            fault = fault if raw.count(b'"') % 2 == 0 else "cut off: a quotation mark is not closed"
            text = text[1:].removesuffix('"').replace('""', '"')
        elif raw and not raw.strip(b" "):
            row.values[name] = None
            continue
        row.values[name] = text
        fault = NOT_UTF8 if not fault and "\ufffd" in text and b"\xef\xbf\xbd" not in raw else fault
    return row._replace(fault="" if _is_erased(row, layout) else fault)


def _is_erased(row: Row, layout: Layout) -> bool:
    """Whether of a row only the name of its conversation is left."""
    return row.values.get(layout.author or layout.text, "") is None


def value(slice: Slice) -> Json:
    """The rows of a slice, in the order of the file, as objects; those that were erased or cannot be used are null."""
    return _value(_rows(slice.data, _layout(slice)), _layout(slice))


def _value(rows: Iterable[Row], layout: Layout) -> Json:
    return {"rows": [None if not row.values or row.fault or _is_erased(row, layout) else row.values for row in rows]}


def _layout(slice: Slice) -> Layout:
    return _LAYOUTS[slice.kind.removesuffix(_UP)]


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    dialogue, plain, _ = _opened(slice)
    return dialogue.read(plain, sidecars)


def locations(slice: Slice) -> dict[str, Bytes]:
    """Each message's row; of the oldest only its author, for the words are among its traces."""
    return {id: places[0] for id, places in _places(slice).items()}


def traces(slice: Slice, ids: Set[str]) -> list[Bytes]:
    """The words of the oldest row."""
    return [place for id, places in _places(slice).items() if id in ids for place in places[1:]]


def _places(slice: Slice) -> dict[str, list[Bytes]]:
    dialogue, plain, rows = _opened(slice)
    layout, oldest = _layout(slice), _oldest(slice, rows)
    found = {}
    for id, path in dialogue.locations(plain).items():
        row = rows[int(path[1])]
        own = [Bytes(*row.spans[column]) for column in (layout.author, layout.text) if column]
        named = row is oldest and own[0].end > own[0].start
        found[id] = [place for place in own if place.end > place.start] if named else [Bytes(row.start, row.end)]
    return found


def _oldest(slice: Slice, rows: list[Row]) -> Row:
    return rows[0 if slice.kind.endswith(_UP) else -1] if rows else Row(0, 0, {}, {})


def _opened(slice: Slice) -> tuple[Dialogue, Slice, list[Row]]:
    """How a slice is to be read, the slice with its rows as its value, and where they stand."""
    layout = _layout(slice)
    rows = list(_rows(slice.data, layout))
    oldest = _oldest(slice, rows)
    words = [slice.kind.removesuffix(_UP), oldest.said(layout.title), oldest.said(layout.time)]
    if not layout.title:
        words += [oldest.said("ClientApp"), str(len(slice.data))]
    dialogue = Dialogue(
        NAME,
        lambda _: Identity(None, tuple(words)),
        partial(_nodes, slice.kind.endswith(_UP)),
        partial(_head, slice, oldest.said(layout.title), rows),
        partial(_message, layout),
        known_message=frozenset(layout.columns),
    )
    return dialogue, Slice(slice.kind, slice.path, slice.where, slice.data, _value(rows, layout), Flaws()), rows


def _nodes(oldest_first: bool, value: Json) -> list[Node]:
    """The rows from the oldest on; an erased one keeps its place."""
    rows = [Node(("rows", place), row) for place, row in enumerate(value["rows"])]
    return rows if oldest_first else rows[::-1]


def _head(slice: Slice, title: str, rows: list[Row], fields: Fields, desk: Desk) -> Head:
    fields.left.pop("rows", None)
    for number, row in enumerate(rows):
        if row.fault:
            desk.problems.append(Problem("message", slice.path, f"{slice.where}.rows[{number}]", row.fault))
    extra: dict[str, Json] = {}
    if len(rows) > 1:
        note(extra, "joined", "rows of one title that stand together")
    return Head(title, extra=extra)


def _message(layout: Layout, fields: Fields, desk: Desk) -> Draft:
    fields.left.pop(layout.title, None)
    time, text, author = _moment(fields.text(layout.time)), fields.text(layout.text), fields.text(layout.author)
    role = _ROLES.get(author.lower(), "assistant" if "CreatedAt" in layout.columns else author.lower())
    own_name = author if author and author not in WORDS and author != "user" else None
    return Draft(role if layout.author else "user", time, [Text(text)] if text else [], author=own_name)


def _moment(given: str) -> Instant:
    """A time of either kind: ISO without a zone, or month/day/year with one."""
    match = _US_TIME.fullmatch(given.strip())
    if not given or match is None:
        return rfc3339(given) if given else unknown("absent")
    month, day, year, hour, minute, second, half, zone = match.groups()
    hours = int(hour) % 12 + (12 if half == "P" else 0) if half else int(hour)
    read = rfc3339(f"{year}-{month:0>2}-{day:0>2}T{hours:02}:{minute}:{second}{zone or ''}")
    return unknown("not a date", given) if read.us is None else Instant(given=given, us=read.us, zone=read.zone)
