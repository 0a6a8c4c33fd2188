"""Rows of one conversation that stand together in a file are cut as one slice, a run; any other is a slice of its own.

A run of JSON ("rows") is no JSON value but several with commas between them. What an erasure takes out of it are bytes inside
strings and brackets, so that it stays what it is. A single row ("row") is a JSON value, as every row was for the first reader. A
page has rows that are cells ("cell", and "cells" for a run).
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property, lru_cache
from io import BytesIO
from typing import BinaryIO

import msgspec

from souviens.formats import Bytes
from souviens.formats._carving import Kind, mark_of
from souviens.formats._dialogue import loaded
from souviens.formats.gemini import pages
from souviens.formats.gemini.activity import (
    ANSWER,
    OF_ROW,
    PROMPT,
    ROWS,
    Joined,
    Room,
    Run,
    Tally,
    conversations_of,
    dialogue,
    has_prompt,
    is_gemini,
    is_timed,
    key,
    of_conversation,
    prompt_fields,
)
from souviens.jsonspan import Flaws, Glue, Slice, cut_elements, decode, locate_members
from souviens.records import Json

RUN, CELLS = "rows", "cells"  # the kinds of slices that are runs
_BACKSLASH = 0x5C
_MOST = 1 << 22  # bytes of a run, whatever goes on behind it
_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_LITERAL = re.compile(_STRING + rb"[ \t\r\n]*", re.DOTALL)
# From the beginning of a row into its title, if there are only strings before it.
_TITLE = re.compile(rb"\s*\{\s*(?:(?!\"title\")%s\s*:\s*%s\s*,\s*)*+\"title\"\s*:\s*\"" % (_STRING, _STRING), re.DOTALL)
_ANSWER_LEFT = re.compile(rb'"safeHtmlItem"\s*:\s*\[ {2,}\]')
_NONE, _NOWHERE = Tally(), Room(0)
_RECENT = 16  # rows that are held
_ELEMENTS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


# --- cutting ----------------------------------------------------------------------------------------------------------


def cut_rows(stream: BinaryIO, path: str) -> Iterator[Glue | Slice]:
    """The rows of a JSON file that are Gemini's, as runs and single ones; those of other products, and all between, are glue."""
    return numbered(map(_ours, _grouped(cut_elements(stream, path=path, kind="row"), RUN)))


def cut_cells(stream: BinaryIO, path: str) -> Iterator[Glue | Slice]:
    """The same of a page."""
    return numbered(_grouped(pages.cut_page(stream, path), CELLS))


def _ours(piece: Glue | Slice) -> Glue | Slice:
    is_other = isinstance(piece, Slice) and piece.kind == "row" and isinstance(piece.value, dict) and not is_gemini(piece.value)
    return Glue(piece.data) if is_other else piece


def numbered(pieces: Iterable[Glue | Slice]) -> Iterator[Glue | Slice]:
    """The pieces of a file, in the kind of each slice what its rows cannot be known without.

    A row without a time has a mark: the hash of all that it says. If it is of a conversation that it names, the hash of what no
    erasure blanks of it, for then it is looked at again after one, to tell what came before what. Of rows that are alike in all
    that they are known by, those that are not the first have a number; a slice of the very same bytes as one before has what that
    one has, for in a vault they are one.
    """
    kinds: dict[bytes, str] = {}
    before = _Before()
    for piece in pieces:
        if isinstance(piece, Slice) and not piece.damage and isinstance(piece.value, dict):
            digest = hashlib.sha256(piece.data).digest()[:16]
            run = opened(piece)
            if digest in kinds and any(map(has_prompt, run.rows)):
                piece = replace(piece, kind=str(Kind.of(Slice(kinds[digest], "", "", b""))._replace(again=True)))
            else:
                kinds[digest] = kind = _kind(piece, run, before)
                piece = piece if kind == piece.kind else replace(piece, kind=kind)
        yield piece


def _kind(piece: Slice, run: Run, before: _Before) -> str:
    """The kind of a slice, and its rows noted among those before."""
    if not run.rows:
        return piece.kind
    named = conversations_of(run.rows[0])
    is_linked = len(named) == 1
    mark = "" if len(run.rows) > 1 or is_timed(run.rows[0]) else _mark(piece, run, is_linked=is_linked)
    aside = before.linked(named[0], run, mark) if is_linked else before.alone(run, mark)
    return str(Kind(piece.kind, mark, aside=aside)) if mark or aside else piece.kind


class _Before:
    """What the rows before one in a file are known by, kept as hashes: of two of one hash, one would bear a number in vain."""

    def __init__(self) -> None:
        self._linked: dict[int, Tally] = {}
        # Of rows that are conversations of their own, by their times: the only one, of which nothing was measured; how many of each
        # measure; or how many that were not measured, for it takes as long as all else, and rows of one time stand together.
        self._alone: dict[int, Run | dict[Room, int] | int] = {}
        self._recent: deque[int] = deque()

    def linked(self, conversation: str, run: Run, mark: str) -> str:
        """What the rows of a run have to be told beside their kind, and note them."""
        told, found = self._linked, []
        own: set[int] = set()
        for place, (row, room) in enumerate(zip(run.rows, run.rooms, strict=True)):
            known = hash((conversation, key(row, room, mark)))
            before = told.get(known)
            if before is None:
                told[known] = _shared(_NONE.plus(row))
            else:
                if known not in own:
                    found.append(".".join(map(str, (place, *before))))
                told[known] = before.plus(row)
            own.add(known)
        return " ".join(found)

    def alone(self, run: Run, mark: str) -> str:
        """The number of a row that is a conversation of its own, and note it."""
        known = hash(key(run.rows[0], _NOWHERE, mark))
        held = self._alone.get(known)
        if held is None:
            self._alone[known] = run
            self._recent.append(known)
            if len(self._recent) > _RECENT and isinstance(self._alone[first := self._recent.popleft()], Run):
                self._alone[first] = 1
            return ""
        if isinstance(held, int):
            self._alone[known] = held + 1
            return str(held)
        if isinstance(held, Run):
            held = {held.rooms[0]: 1}
        number = held.get(run.rooms[0], 0)
        held[run.rooms[0]] = number + 1
        self._alone[known] = held
        return str(number) if number else ""


@lru_cache(maxsize=256)
def _shared(tally: Tally) -> Tally:
    """One of those that are equal: there are few, and a row each."""
    return tally


def _mark(piece: Slice, run: Run, *, is_linked: bool) -> str:
    row, room = run.rows[0], run.rooms[0]
    if not is_linked:
        return mark_of(row, piece)
    return mark_of([{name: row[name] for name in sorted(OF_ROW & row.keys())}, [room.prompt, room.answer]], piece)


def _grouped(pieces: Iterable[Glue | Slice], kind: str) -> Iterator[Glue | Slice]:
    """Slices of rows with those made one that are of one run."""
    held: list[Slice] = []  # of the run that is open
    between: list[bytes] = []  # behind each of them
    common: dict[str, Json] | None = None
    size = 0
    for piece in pieces:
        if isinstance(piece, Glue):
            if held and (piece.damage or piece.secret):
                yield from _run(held, between, kind)
                held, between, common, size = [], [], None, 0
            if held:
                between[-1] += piece.data
            else:
                yield piece
            continue
        row = piece.value
        is_ours = isinstance(row, pages.PageRow) or is_gemini(row)
        of = of_conversation(row, common) if is_ours and _is_clean(piece) else None
        if held and (of is None or of is not common or size > _MOST):
            yield from _run(held, between, kind)
            held, between, size = [], [], 0
        common = of
        if of is not None:
            held.append(piece)
            between.append(b"")
            size += len(piece.data)
        else:
            yield piece
    yield from _run(held, between, kind)


def _is_clean(piece: Slice) -> bool:
    """Whether nothing in a row but keys that stand in it twice needs to be told with the place where it is."""
    flaws = piece.flaws
    if piece.kind == "cell":
        return _is_utf8(piece.data)
    return flaws is not None and not (flaws.surrogates or flaws.unreal or flaws.bad_utf8)


def _run(held: list[Slice], between: list[bytes], kind: str) -> Iterator[Glue | Slice]:
    if held:
        last, between[-1] = between[-1], b""
        data = b"".join(part for piece, behind in zip(held, between, strict=True) for part in (piece.data, behind))
        flaws = Flaws([twice for piece in held if piece.flaws for twice in piece.flaws.duplicates])
        yield Slice(
            kind, held[0].path, held[0].where, data, Joined([piece.value for piece in held], [piece.data for piece in held]), flaws
        )
        if last:
            yield Glue(last)


# --- a slice, opened --------------------------------------------------------------------------------------------------


def opened(slice: Slice) -> Run:
    """The rows of a slice: of a run, a row, or a cell of a page."""
    kind = Kind.of(slice)
    if kind.base == "cell":
        row = slice.value if isinstance(slice.value, pages.PageRow) else pages.row_of(slice.data)
        return _told(Run(Slice(slice.kind, slice.path, slice.where, slice.data, row, Flaws()), [row], [pages.room_of(row)]), kind)
    if kind.base == CELLS:
        value = slice.value
        if not isinstance(value, Joined):
            cells = [data for _, data in pages.rows_in(slice.data)]
            value = Joined(list(map(pages.row_of, cells)), cells)
        slice = Slice(slice.kind, slice.path, slice.where, slice.data, value, Flaws())
        return _told(Run(slice, value[ROWS], list(map(pages.room_of, value[ROWS]))), kind)
    if kind.base != RUN:
        slice = loaded(slice)
        is_row = isinstance(slice.value, dict)
        return _told(Run(slice, [slice.value], _Alone([slice.data])), kind) if is_row else Run(slice, [], [])
    if not isinstance(slice.value, Joined):
        slice = _loaded(slice)
    if not isinstance(slice.value, Joined):
        return Run(slice, [], [])
    rows = slice.value[ROWS]
    for row, raw in zip(rows, slice.value.pieces, strict=True):
        if row.get(ANSWER) == [] and _ANSWER_LEFT.search(raw):
            row[ANSWER] = None
    return _told(Run(slice, rows, _Rooms(slice.value.pieces)), kind)


def _told(run: Run, kind: Kind) -> Run:
    """A run with what the kind of its slice says."""
    if not kind.mark and not kind.aside:
        return run
    parts = [part.split(".") for part in kind.aside.split()]
    if parts and len(parts[0]) == 1:
        return run._replace(mark=kind.mark, number=kind.aside)
    return run._replace(mark=kind.mark, before={int(part[0]): Tally(*map(int, part[1:])) for part in parts})


def _loaded(slice: Slice) -> Slice:
    """A run with its value, out of a vault."""
    try:
        value, flaws = decode(b"[" + slice.data + b"]")
    except ValueError as error:
        return Slice(slice.kind, slice.path, slice.where, slice.data, None, None, str(error))
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        return Slice(slice.kind, slice.path, slice.where, slice.data, None, None, "not a run of rows")
    return Slice(slice.kind, slice.path, slice.where, slice.data, Joined(value, _elements(slice.data)), flaws)


def _elements(data: bytes) -> list[bytes]:
    """The bytes of each row of a run."""
    try:
        return list(map(bytes, _ELEMENTS.decode(b"[" + data + b"]")))
    except (msgspec.DecodeError, RecursionError):
        return [piece.data for piece in cut_elements(BytesIO(data), path="", kind="row") if isinstance(piece, Slice)]


class _Rooms:
    """The rooms of the rows of a run, each looked up when it is asked for."""

    def __init__(self, rows: list[bytes]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int, /) -> Room:
        return _room_of_title(self._rows[place])

    def __iter__(self) -> Iterator[Room]:
        return map(_room_of_title, self._rows)


class _Alone(_Rooms):
    """The same of a row that is a slice of its own, with its answer."""

    def __getitem__(self, place: int, /) -> Room:
        return self._room if place == 0 else super().__getitem__(place)

    def __iter__(self) -> Iterator[Room]:
        yield self._room

    @cached_property
    def _room(self) -> Room:
        return _room(self._rows[0])


def _room_of_title(row: bytes) -> Room:
    """The room of a row of a run."""
    title = _TITLE.match(row)
    if title is None:
        return _room(row)
    start = title.end() - 1
    end = row.find(b'"', start + 1) + 1
    if row[end - 2] == _BACKSLASH or row[end : end + 1].isspace():
        literal = _LITERAL.match(row, start)
        end = literal.end() if literal else end
    return Room(end - start)


def _room(row: bytes) -> Room:
    """The bytes of title and answer and the spaces behind them, which an erasure turns into null and more spaces."""
    spans = locate_members(row, PROMPT, ANSWER)

    def room(key: str) -> int:
        span = spans.get(key)
        match = _SPACE.match(row, span[1]) if span else None
        return match.end() - span[0] if span and match else 0

    return Room(room(PROMPT), room(ANSWER))


# --- erasing ----------------------------------------------------------------------------------------------------------


def places(run: Run) -> dict[str, list[Bytes]]:
    """Of each message of a run what an erasure blanks: of an answer its items, of a prompt its title, and of the fields that go
    with it whatever is inside of them; of a page what stands between the line breaks, and the pictures beside a prompt."""
    found: dict[str, list[Bytes]] = {}
    reader = dialogue(run)
    is_page = Kind.of(run.slice).base == CELLS
    rows = pages.rows_in(run.slice.data) if is_page else _placed(run.slice.data)
    for id, node in zip(reader.ids(run.slice), reader.nodes(run.slice.value), strict=True):
        if isinstance(node.value, dict):
            start, data = rows[int(node.path[1])]
            is_answer = ANSWER in node.value
            spans = _of_cell(data, is_answer) if is_page else _of_row(data, run.rows[int(node.path[1])], is_answer)
            found[id] = [Bytes(start + at, start + end) for at, end in spans if end > at]
    return found


def _of_cell(data: bytes, is_answer: bool) -> list[tuple[int, int]]:
    cells = pages.cells_of(data)
    return [span for span in ([cells.answer] if is_answer else [cells.prompt, cells.aside]) if span]


def _of_row(data: bytes, row: dict[str, Json], is_answer: bool) -> list[tuple[int, int]]:
    names = [ANSWER] if is_answer else [PROMPT, *prompt_fields(row)]
    spans = locate_members(data, *names)
    return [(spans[name][0] + 1, spans[name][1] - 1) for name in names]


def _placed(data: bytes) -> list[tuple[int, bytes]]:
    """Where each row of a run begins, and its bytes."""
    here, found = 0, []
    for row in _elements(data):
        here = data.index(row, here)
        found.append((here, row))
        here += len(row)
    return found


def is_readable(slice: Slice) -> bool:
    """Whether cells are UTF-8. Those of a run were looked at when it was cut; what may stand between them was not."""
    value = slice.value
    return (isinstance(value, Joined) and sum(map(len, value.pieces)) == len(slice.data)) or _is_utf8(slice.data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
