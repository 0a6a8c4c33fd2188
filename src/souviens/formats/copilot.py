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
from functools import lru_cache, partial
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from souviens.canon import Instant, rfc3339, unknown
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Bytes, Guide
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
_FIELD = r'(?>"(?:[^"]++|"")*+"?[^,\r\n]*+|[^,\r\n]*+)'
_ROWS = {  # a row with all of its columns, and whatever more it has; of any other row the fields are found one by one
    len(layout.columns): re.compile(",".join([f"({_FIELD})"] * len(layout.columns)) + f"((?:,{_FIELD})*+)")
    for layout in _LAYOUTS.values()
}
_ANY_ROW = re.compile(f"{_FIELD}(?:,{_FIELD})*+")
_FIELDS = re.compile(f"(?:^|,)({_FIELD})")
_END = re.compile(r"\r\n|\n|\r")
_ESCAPED = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8, as it is decoded here
_US_TIME = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d)(?: ([AP])M)?(?: ?(Z|[+-]\d\d:?\d\d))?")
_BLANK = " \t\n\r\v\f"
_BLOCK = 1 << 20  # bytes read at a time; the rows in the first tell which way a file runs


class Row(NamedTuple):
    """What a row says. values: column -> text, None what an erasure left; {} for a blank line. fault: why it cannot be used."""

    values: dict[str, str | None]
    fault: str = ""

    def said(self, column: str) -> str:
        return self.values.get(column) or ""


class Seen(NamedTuple):
    """What of a row tells where a conversation ends: its place in the file, its title and author as they stand, and when it was."""

    start: int
    end: int
    title: str
    us: int | None
    author: str


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "history", "chats" or "prompts", by the first line of a file."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((kind for kind in _LAYOUTS if kind in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look != "text":
        return ""
    first = _END.split(seen.head.removeprefix(_BOM).decode("latin-1"), maxsplit=1)[0]
    names = [name.strip() for name in first.replace('"', "").lower().split(",")]
    for kind, layout in _LAYOUTS.items():
        if names[: len(layout.columns)] == [column.lower() for column in layout.columns]:
            return kind
    return ""


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


# --- cutting ----------------------------------------------------------------------------------------------------------


class _Table:
    """The rows of a file as it is read. Held is what has not been taken, and a block; a file that is one open quotation is held
    whole. Bytes are looked at as characters of the same number."""

    def __init__(self, stream: BinaryIO, layout: Layout) -> None:
        self._stream, self._layout = stream, layout
        named = (layout.title, layout.time, layout.author)
        self._places = [layout.columns.index(column) if column else -1 for column in named]
        self._from = self._taken = 0  # where in the file the held bytes begin, and what was not taken
        self._data, self._text, self._ended = b"", "", False
        self._grow()
        header = _END.search(self._text)
        self._here = header.end() if header else len(self._text)

    def _grow(self) -> None:
        self._data = self._data[self._taken - self._from :]
        self._from = self._taken
        more = self._stream.read(max(_BLOCK, len(self._data)))
        self._ended = not more
        self._data += more
        self._text = self._data.decode("latin-1")

    def take(self, end: int) -> bytes:
        """The bytes up to a place in the file."""
        piece = self._data[self._taken - self._from : end - self._from]
        self._taken = end
        return piece

    def rest(self) -> bytes:
        return self.take(self._from + len(self._data))

    def first(self) -> list[Seen]:
        """The rows of the first block."""
        matches = _matches(self._text, self._layout, self._here, whole=self._ended)
        return [self._seen(match) for match in matches if _says_something(match)]

    def rows(self) -> Iterator[Seen]:
        """Every row that is not blank. What was taken by then is let go of."""
        while True:
            for match in _matches(self._text, self._layout, self._here - self._from, whole=self._ended):
                self._here = self._from + match.end()
                if _says_something(match):
                    yield self._seen(match)
            if self._ended:
                return
            self._grow()

    def _seen(self, match: re.Match[str]) -> Seen:
        title, time, author = (_field(match, place) for place in self._places)
        return Seen(self._from + match.start(), self._from + match.end(), title, _moment(_plain(time) or "").us, author)


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """Each run of rows that is a conversation as one slice; the first line, blank lines and line ends are glue."""
    kind = _kind(peek(entry)) or "history"
    layout = _LAYOUTS[kind]
    with entry.open() as stream:
        table = _Table(stream, layout)
        up = _oldest_first(table.first(), layout)
        kind += _UP if up else ""
        for number, (start, end) in enumerate(_runs(table.rows(), layout, up)):
            if glue := table.take(start):
                yield Glue(glue)
            yield Slice(kind, entry.name, f"[{number}]", table.take(end))
        if glue := table.rest():
            yield Glue(glue)


def _runs(rows: Iterable[Seen], layout: Layout, up: bool) -> Iterator[tuple[int, int]]:
    """(start, end) of each run of rows that is one conversation."""
    start, last = 0, None
    for row in rows:
        if last is None or not _joined(last, row, layout, up):
            if last is not None:
                yield start, last.end
            start = row.start
        last = row
    if last is not None:
        yield start, last.end


def _joined(one: Seen, next_: Seen, layout: Layout, oldest_first: bool) -> bool:
    """Whether a row is of the conversation of the row above it."""
    if not layout.title or (one.title != next_.title and _plain(one.title) != _plain(next_.title)):
        return False
    above, below = one.us, next_.us
    if above is None or below is None or above == below:
        return True
    return (below > above) == oldest_first


def _oldest_first(rows: list[Seen], layout: Layout) -> bool:
    """Whether the times of neighbours rise more often than they fall; if all are the same, whether questions come first."""
    rising = 0
    asked = 0
    for one, next_ in pairwise(rows):
        before, after = one.us or 0, next_.us or 0
        rising += (after > before) - (after < before)
        if before == after:
            roles = [_ROLES.get((_plain(row.author) or "").lower()) for row in (one, next_)]
            asked += (roles == ["user", "assistant"]) - (roles == ["assistant", "user"])
    return rising > 0 or (rising == 0 and asked > 0)


# --- rows -------------------------------------------------------------------------------------------------------------


def _matches(text: str, layout: Layout, here: int = 0, *, whole: bool = True) -> Iterator[re.Match[str]]:
    """Every row of some text, blank lines too, from where one begins. whole: the text ends where the file does; else its last row
    may go on and is left out."""
    pattern, end = _ROWS[len(layout.columns)], len(text)
    while here < end:
        match = pattern.match(text, here) or _ANY_ROW.match(text, here)
        assert match is not None, "the pattern matches nothing as well"
        here = match.end()
        if not whole and here + text.startswith("\r", here) == end:
            return
        yield match
        here += 2 if text.startswith("\r\n", here) else 1


def _says_something(match: re.Match[str]) -> bool:
    """Whether a row is more than a blank line."""
    return match.lastindex is not None or bool(match[0].strip(_BLANK))


def _fields(match: re.Match[str]) -> list[str]:
    """The fields of a row as they stand."""
    if match.lastindex is None:
        return _FIELDS.findall(match[0])
    *fields, more = match.groups()
    return fields if not more else [*fields, *_FIELDS.findall(more[1:])]


def _field(match: re.Match[str], place: int) -> str:
    """The field of a column as it stands; a space if there is none."""
    if match.lastindex is not None:
        return match[place + 1] if place >= 0 else " "
    fields = _FIELDS.findall(match[0])
    return fields[place] if 0 <= place < len(fields) else " "


def _plain(field: str) -> str | None:
    """What a field says; None if nothing is left of it but spaces."""
    if field[:1] == '"':
        return field[1:].removesuffix('"').replace('""', '"')
    return None if field and not field.strip(" ") else field


def _rows(data: bytes, layout: Layout) -> list[Row]:
    """Every row of a slice, blank lines too."""
    text = data.decode("utf-8", "surrogateescape")
    is_utf8 = text.isascii() or _ESCAPED.search(text) is None
    return [_row(match, layout, is_utf8) for match in _matches(text, layout)]


def _row(match: re.Match[str], layout: Layout, is_utf8: bool) -> Row:
    if not _says_something(match):
        return Row({})
    fields, columns = _fields(match), layout.columns
    if len(fields) > len(columns):
        columns = (*columns, *(f"column {number}" for number in range(len(columns) + 1, len(fields) + 1)))
    fault = "" if len(fields) >= len(columns) else f"has {len(fields)} of {len(columns)} columns"
    values: dict[str, str | None] = {}
    for name, field in zip(columns, fields, strict=False):
        quotes = field.count('"')
        if quotes % 2 and field[0] == '"':
            fault = fault or "cut off: a quotation mark is not closed"
        if not is_utf8 and _ESCAPED.search(field):
            fault = fault or NOT_UTF8
            field = field.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        # Nearly every field is text between two quotation marks.
        values[name] = field[1:-1] if quotes == 2 and field[0] == field[-1] == '"' else _plain(field)
    row = Row(values, fault)
    return Row(values) if fault and _is_erased(row, layout) else row


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
    matches = list(_matches(slice.data.decode("latin-1"), layout))  # a character a byte
    found = {}
    for id, path in dialogue.locations(plain).items():
        place = int(path[1])
        own = [Bytes(*matches[place].span(layout.columns.index(column) + 1)) for column in (layout.author, layout.text) if column]
        named = rows[place] is oldest and own[0].end > own[0].start
        found[id] = [each for each in own if each.end > each.start] if named else [Bytes(*matches[place].span())]
    return found


def _oldest(slice: Slice, rows: list[Row]) -> Row:
    return rows[0 if slice.kind.endswith(_UP) else -1] if rows else Row({})


def _opened(slice: Slice) -> tuple[Dialogue, Slice, list[Row]]:
    """How a slice is to be read, the slice with its rows as its value, and where they stand."""
    layout = _layout(slice)
    rows = _rows(slice.data, layout)
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
    time, text = _moment(fields.text(layout.time)), fields.text(layout.text)
    role, own_name = _speaker(fields.text(layout.author), "CreatedAt" in layout.columns) if layout.author else ("user", None)
    return Draft(role, time, [Text(text)] if text else [], author=own_name)


@lru_cache(maxsize=256)  # a file knows two
def _speaker(author: str, is_chats: bool) -> tuple[str, str | None]:
    """(role, name beside it) of who said something. In the table of chats whoever is not the person is Copilot."""
    role = _ROLES.get(author.lower(), "assistant" if is_chats else author.lower())
    return role, author if author and author not in WORDS and author != "user" else None


@lru_cache(maxsize=4096)  # asked for again when the run that a row is of is read
def _moment(given: str) -> Instant:
    """A time of either kind: ISO without a zone, or month/day/year with one."""
    match = _US_TIME.fullmatch(given.strip()) if "/" in given else None
    if match is None:
        return rfc3339(given) if given else unknown("absent")
    month, day, year, hour, minute, second, half, zone = match.groups()
    hours = int(hour) % 12 + (12 if half == "P" else 0) if half else int(hour)
    read = rfc3339(f"{year}-{month:0>2}-{day:0>2}T{hours:02}:{minute}:{second}{zone or ''}")
    return unknown("not a date", given) if read.us is None else Instant(given=given, us=read.us, zone=read.zone)
