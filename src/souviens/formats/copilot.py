"""Microsoft Copilot (consumer): the CSV files of the privacy dashboard.

    Conversation,Time,Author,Message              whole chats, newest row first; times without a zone
    CreatedAt,MessageContent,Author,ChatName      chats, and Copilot in Microsoft 365 apps; times with one
    Timestamp,ClientApp,Prompt                    prompts to Copilot in Windows, without answers

The columns are known by their names, in any order and with others beside them, and stand apart by commas, semicolons or tabs.

Nothing has an id. A conversation is a run of rows of one title; where a run meets another of the same title, only a time that runs
the wrong way tells them apart, and the conversation's `extra` says what joined it. It is known by all that its oldest row says, so
that a later export of a chat that grew adds to it. An answer often bears the very second of its question, so rows are turned round
and never sorted. Each prompt of the third kind is a conversation of its own. In the first kind authors are roles, in the second
names: there, who is neither "user" nor a Copilot has no role.

Sources: formats.md 4 (a measured export of 2,613 rows), the four files that Portable AI Memory measured in February 2026.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Set
from functools import cache, lru_cache, partial
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from souviens.canon import Instant, rfc3339, unknown
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Bytes, Guide
from souviens.formats._carving import Kind, Kinds, mark_of, marked, told_again
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node
from souviens.formats._fields import NOT_UTF8, Fields, note
from souviens.jsonspan import Flaws, Glue, Slice
from souviens.records import Head, Json, Problem, Reading, Text, Treatment

NAME = "copilot"
TITLE = "Microsoft Copilot activity history"
READER = 2
SUPPORT = "real"
WORDS = {"Human": "user", "AI": "assistant"}
GUIDE = Guide(
    get=("account.microsoft.com/privacy > Copilot", "Export all activity history", "the download is one CSV file, or several"),
    notes=("Copilot takes no chats in.", "A chat that was renamed between two exports is taken for another one."),
)


class Layout(NamedTuple):
    """What a file's columns are.

    columns: their names, in the order of the file. between: what stands between two fields. is_spaced: whether spaces follow it.
    title, time, author, text: the columns that are these; "" for what a kind of file has not. app: beside the time of a prompt.
    is_named: whether an author is somebody's name, not a role.
    """

    columns: tuple[str, ...]
    title: str
    time: str
    author: str
    text: str
    app: str = ""
    between: str = ","
    is_spaced: bool = False
    is_named: bool = False

    @property
    def own(self) -> tuple[str, ...]:
        """The columns that a file of this kind has to have."""
        return tuple(filter(None, (self.title, self.time, self.author, self.text, self.app)))


_LAYOUTS = {
    "history": Layout(("Conversation", "Time", "Author", "Message"), "Conversation", "Time", "Author", "Message"),
    "chats": Layout(
        ("CreatedAt", "MessageContent", "Author", "ChatName"), "ChatName", "CreatedAt", "Author", "MessageContent", is_named=True
    ),
    "prompts": Layout(("Timestamp", "ClientApp", "Prompt"), "", "Timestamp", "", "Prompt", "ClientApp"),
}
_UP = ", oldest first"  # of the kind of a slice out of a file that is not newest first
PLAIN = Kinds(f"{kind}{way}" for kind in _LAYOUTS for way in ("", _UP))
_ROLES = {"human": "user", "user": "user", "ai": "assistant", "bot": "assistant", "copilot": "assistant", "assistant": "assistant"}
_AGAIN = "it begins as one before it in this file does, to the letter: read as one with it"
_BOM = b"\xef\xbb\xbf"
_END = re.compile(r"\r\n|\n|\r")
_ESCAPED = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8, as it is decoded here
_US_TIME = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d)(?: ([AP])M)?(?: ?(Z|[+-]\d\d:?\d\d))?")
_BLANK = " \t\n\r\v\f"
_BLOCK = 1 << 20  # bytes read at a time; the rows in the first tell which way a file runs


class _Patterns(NamedTuple):
    """row: one with all of its columns, and whatever more it has. any: any other, of which `fields` finds the fields one by one."""

    row: re.Pattern[str]
    any: re.Pattern[str]
    fields: re.Pattern[str]


@cache
def _patterns(columns: int, between: str, is_spaced: bool) -> _Patterns:
    mark, lead = re.escape(between), " *" * is_spaced
    field = rf'(?>{lead}"(?:[^"]++|"")*+"?[^{mark}\r\n]*+|[^{mark}\r\n]*+)'
    row = mark.join([f"({field})"] * columns) + f"((?:{mark}{field})*+)"
    return _Patterns(re.compile(row), re.compile(f"{field}(?:{mark}{field})*+"), re.compile(f"(?:^|{mark})({field})"))


class Row(NamedTuple):
    """What a row says. values: column -> text; {} for a blank line, as an erasure leaves it. fault: why it cannot be used."""

    values: dict[str, str]
    fault: str = ""


class Seen(NamedTuple):
    """What of a row tells where a conversation ends: its place in the file, its title and author, and when it was."""

    start: int
    end: int
    title: str
    us: int | None
    author: str


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "history", "chats" or "prompts", by the first line of a file."""
    kinds = {_kind(delivery.peek(entry)).partition(": ")[0] for entry in delivery.entries}
    return next((kind for kind in _LAYOUTS if kind in kinds), None)


def _kind(seen: Peek) -> str:
    """Which kind of file it is, and, unless they stand as usual, what its columns are: "history: Time;Author;Conversation;…"."""
    if seen.look != "text":
        return ""
    header = _END.split(seen.head.removeprefix(_BOM).decode("utf-8", "replace"), maxsplit=1)[0]
    for between in ",;\t":
        names = _names(header, between)
        for kind, layout in _LAYOUTS.items():
            if {name.lower() for name in names} >= {name.lower() for name in layout.own}:
                is_usual = between == "," and names == layout.columns and f"{between} " not in header
                return kind if is_usual else str(Kind(kind, aside=header))
    return ""


def _names(header: str, between: str) -> tuple[str, ...]:
    """The names of columns, each once."""
    names: list[str] = []
    for name in next(csv.reader([header], delimiter=between, skipinitialspace=True), []):
        name = name.strip() or f"column {len(names) + 1}"
        names.append(name if name.lower() not in map(str.lower, names) else f"{name} ({len(names) + 1})")
    return tuple(names)


@lru_cache(maxsize=64)
def _layout(kind: Kind) -> Layout:
    """What the columns of a file of this kind are."""
    usual = _LAYOUTS[kind.base.removesuffix(_UP)]
    if not kind.aside:
        return usual
    for between in ",;\t":
        names = _names(kind.aside, between)
        spelled = {"": "", **{name.lower(): name for name in names}}
        if spelled.keys() >= {name.lower() for name in usual.own}:
            title, time, author, text, app = (spelled[column.lower()] for column in usual[1:6])
            return Layout(names, title, time, author, text, app, between, f"{between} " in kind.aside, usual.is_named)
    return usual


def _layout_of(slice: Slice) -> Layout:
    kind = Kind.of(slice)
    return _layout(Kind(kind.base, aside=kind.aside))


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
        layout = self._layout
        title, time, author = (_said(match, layout, column) for column in (layout.title, layout.time, layout.author))
        return Seen(self._from + match.start(), self._from + match.end(), title, _moment(time).us, author)


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """Each run of rows that is a conversation as one slice; the first line, blank lines and line ends are glue."""
    return marked(_pieces(entry), lambda slice: _mark(slice, _layout_of(slice)))


def _pieces(entry: Entry) -> Iterator[Glue | Slice]:
    told = Kind.of(Slice(_kind(peek(entry)) or "history", "", "", b""))
    layout = _layout(told)
    with entry.open() as stream:
        table = _Table(stream, layout)
        up = _oldest_first(table.first(), layout)
        kind = str(told._replace(base=told.base + _UP * up))
        for number, (start, end) in enumerate(_runs(table.rows(), layout, up)):
            if glue := table.take(start):
                yield Glue(glue)
            yield Slice(kind, entry.name, f"[{number}]", table.take(end))
        if glue := table.rest():
            yield Glue(glue)


def _mark(slice: Slice, layout: Layout) -> str:
    """The mark of a conversation: all that its oldest row says."""
    matches = [match for match in _matches(slice.data.decode("latin-1"), layout) if _says_something(match)]
    if not matches:
        return ""
    oldest = matches[0 if _is_up(slice) else -1]
    return mark_of([_said(oldest, layout, column) for column in layout.own], slice)


def _is_up(slice: Slice) -> bool:
    return Kind.of(slice).base.endswith(_UP)


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
    if not layout.title or one.title != next_.title:
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
            roles = [_role(row.author) for row in (one, next_)]
            asked += (roles == ["user", "assistant"]) - (roles == ["assistant", "user"])
    return rising > 0 or (rising == 0 and asked > 0)


# --- rows -------------------------------------------------------------------------------------------------------------


def _matches(text: str, layout: Layout, here: int = 0, *, whole: bool = True) -> Iterator[re.Match[str]]:
    """Every row of some text, blank lines too, from where one begins. whole: the text ends where the file does; else its last row
    may go on and is left out."""
    patterns, end = _patterns(len(layout.columns), layout.between, layout.is_spaced), len(text)
    while here < end:
        match = patterns.row.match(text, here) or patterns.any.match(text, here)
        assert match is not None, "the pattern matches nothing as well"
        here = match.end()
        if not whole and here + text.startswith("\r", here) == end:
            return
        yield match
        here += 2 if text.startswith("\r\n", here) else 1


def _says_something(match: re.Match[str]) -> bool:
    """Whether a row is more than a blank line."""
    return match.lastindex is not None or bool(match[0].strip(_BLANK))


def _fields(match: re.Match[str], layout: Layout) -> list[str]:
    """The fields of a row as they stand."""
    if match.lastindex is not None and not match[match.lastindex]:
        return list(match.groups()[:-1])
    return _patterns(len(layout.columns), layout.between, layout.is_spaced).fields.findall(match[0])


def _said(match: re.Match[str], layout: Layout, column: str) -> str:
    """What a row says in a column; "" if it has none."""
    place = layout.columns.index(column) if column else -1
    fields = match.groups() if match.lastindex is not None else _fields(match, layout)
    return _plain(fields[place], layout) if 0 <= place < len(fields) else ""


def _plain(field: str, layout: Layout) -> str:
    """What a field says."""
    field = field.lstrip(" ") if layout.is_spaced else field
    return field[1:].removesuffix('"').replace('""', '"') if field[:1] == '"' else field


def _rows(data: bytes, layout: Layout) -> list[Row]:
    """Every row of a slice, blank lines too."""
    text = data.decode("utf-8", "surrogateescape")
    is_utf8 = text.isascii() or _ESCAPED.search(text) is None
    return [_row(match, layout, is_utf8) for match in _matches(text, layout)]


def _row(match: re.Match[str], layout: Layout, is_utf8: bool) -> Row:
    if not _says_something(match):
        return Row({})
    fields, columns = _fields(match, layout), layout.columns
    if len(fields) > len(columns):
        columns = (*columns, *(f"column {number}" for number in range(len(columns) + 1, len(fields) + 1)))
    fault = "" if len(fields) >= len(columns) else f"has {len(fields)} of {len(columns)} columns"
    values: dict[str, str] = {}
    for name, field in zip(columns, fields, strict=False):
        field = field.lstrip(" ") if layout.is_spaced else field
        quotes = field.count('"')
        if quotes % 2 and field[0] == '"':
            fault = fault or "cut off: a quotation mark is not closed"
        if not is_utf8 and _ESCAPED.search(field):
            fault = fault or NOT_UTF8
            field = field.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        # Nearly every field is text between two quotation marks.
        values[name] = field[1:-1] if quotes == 2 and field[0] == field[-1] == '"' else _plain(field, layout)
    return Row(values, fault)


def value(slice: Slice) -> Json:
    """The rows of a slice, in the order of the file, as objects; those that were erased or cannot be used are null."""
    return _value(_rows(slice.data, _layout_of(slice)))


def _value(rows: Iterable[Row]) -> Json:
    return {"rows": [None if not row.values or row.fault else row.values for row in rows]}


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    dialogue, plain = _opened(slice)
    return told_again(slice, dialogue.read(plain, sidecars), _AGAIN)


def locations(slice: Slice) -> dict[str, Bytes]:
    """Each message's row."""
    dialogue, plain = _opened(slice)
    matches = list(_matches(slice.data.decode("latin-1"), _layout_of(slice)))  # a character a byte
    return {id: Bytes(*matches[int(path[1])].span()) for id, path in dialogue.locations(plain).items()}


def traces(slice: Slice, ids: Set[str]) -> list[Bytes]:
    return []


def _opened(slice: Slice) -> tuple[Dialogue, Slice]:
    """How a slice is to be read, and the slice with its rows as its value."""
    kind, layout = Kind.of(slice), _layout_of(slice)
    rows = _rows(slice.data, layout)
    identity = Identity(None, (kind.base.removesuffix(_UP), kind.mark or _mark(slice, layout)))
    dialogue = Dialogue(
        NAME,
        lambda _: identity,
        partial(_nodes, _is_up(slice)),
        partial(_head, slice, rows),
        partial(_message, layout),
        known_message=frozenset(layout.own),
    )
    return dialogue, Slice(slice.kind, slice.path, slice.where, slice.data, _value(rows), Flaws())


def _nodes(oldest_first: bool, value: Json) -> list[Node]:
    """The rows from the oldest on; an erased one keeps its place."""
    rows = [Node(("rows", place), row) for place, row in enumerate(value["rows"])]
    return rows if oldest_first else rows[::-1]


def _head(slice: Slice, rows: list[Row], fields: Fields, desk: Desk) -> Head:
    fields.left.pop("rows", None)
    column = _layout_of(slice).title
    title = next((row.values[column] for row in rows if row.values.get(column)), "")
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
    author = fields.left.get(layout.author, "") if layout.author else "user"
    if not author or author.strip():
        fields.left.pop(layout.author, None)
    role = _role(author) or ("" if layout.is_named else author.strip().lower())
    own_name = author if author.strip() and not (author in WORDS or author == "user") else None
    return Draft(role, time, [Text(text)] if text else [], author=own_name)


@lru_cache(maxsize=256)  # a file knows two
def _role(author: str) -> str:
    """The role of who says something; "" for whoever is neither the person nor Copilot by that word."""
    word = author.strip().lower()
    return _ROLES.get(word, "assistant" if "copilot" in word.split() else "")


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
