"""My Activity as JSON: an array of rows. Those of one conversation that stand together are cut as one slice, a run.

A run is no JSON value but several with commas between them. What an erasure takes out of it are bytes inside strings and brackets,
so that it stays what it is. Any other row is a slice of its own and a JSON value, as every row was for the first reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

import msgspec

from souviens.formats import Bytes
from souviens.formats._dialogue import loaded
from souviens.formats.gemini import pages
from souviens.formats.gemini.activity import (
    ANSWER,
    PROMPT,
    ROWS,
    Joined,
    Room,
    Run,
    dialogue,
    is_gemini,
    of_conversation,
    prompt_fields,
)
from souviens.jsonspan import Flaws, Glue, Slice, cut_elements, decode, locate_members
from souviens.records import Json

RUN = "rows"  # the kind of slices that are runs
_MOST = 1 << 22  # bytes of a run, whatever goes on behind it
_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
# From the beginning of a row to the end of its title and the space behind, if there are only strings before it.
_TITLE = re.compile(
    rb"\s*\{\s*(?:(?!\"title\")%s\s*:\s*%s\s*,\s*)*+\"title\"\s*:\s*(%s[ \t\r\n]*)" % (_STRING, _STRING, _STRING), re.DOTALL
)
_ANSWER_LEFT = re.compile(rb'"safeHtmlItem"\s*:\s*\[ {2,}\]')
_ELEMENTS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


# --- cutting ----------------------------------------------------------------------------------------------------------


def cut_rows(stream: BinaryIO, path: str) -> Iterator[Glue | Slice]:
    """The rows of a file that are Gemini's, as runs and single ones; those of other products, and all between them, are glue."""
    held: list[Slice] = []  # of the run that is open
    between: list[bytes] = []  # behind each of them
    common: dict[str, Json] | None = None
    size = 0
    for piece in cut_elements(stream, path=path, kind="row"):
        if isinstance(piece, Glue):
            if held:
                between[-1] += piece.data
            else:
                yield piece
            continue
        row = piece.value
        is_ours = not isinstance(row, dict) or is_gemini(row)
        of = of_conversation(row, common) if is_ours and isinstance(row, dict) and _is_clean(piece) else None
        if held and (of is None or of != common or size > _MOST):
            yield from _run(held, between)
            held, between, size = [], [], 0
        common = of
        if of is not None:
            held.append(piece)
            between.append(b"")
            size += len(piece.data)
        else:
            yield piece if is_ours else Glue(piece.data)
    yield from _run(held, between)


def _is_clean(piece: Slice) -> bool:
    """Whether nothing in a row but keys that stand in it twice needs to be told with the place where it is."""
    flaws = piece.flaws
    return flaws is not None and not (flaws.surrogates or flaws.unreal or flaws.bad_utf8)


def _run(held: list[Slice], between: list[bytes]) -> Iterator[Glue | Slice]:
    if held:
        last, between[-1] = between[-1], b""
        data = b"".join(part for piece, behind in zip(held, between, strict=True) for part in (piece.data, behind))
        flaws = Flaws([twice for piece in held if piece.flaws for twice in piece.flaws.duplicates])
        yield Slice(RUN, held[0].path, held[0].where, data, Joined([piece.value for piece in held]), flaws)
        if last:
            yield Glue(last)


# --- a slice, opened --------------------------------------------------------------------------------------------------


def opened(slice: Slice) -> Run:
    """The rows of a slice: of a run, a row, or a cell of a page."""
    if slice.kind == "cell":
        row = pages.row_of(slice.data)
        return Run(Slice(slice.kind, slice.path, slice.where, slice.data, row, Flaws()), [row], [pages.room_of(slice.data)])
    if slice.kind != RUN:
        slice = loaded(slice)
        return Run(slice, [slice.value], [_room(slice.data)]) if isinstance(slice.value, dict) else Run(slice, [], [])
    if not isinstance(slice.value, Joined):
        slice = _loaded(slice)
    if not isinstance(slice.value, Joined):
        return Run(slice, [], [])
    rows = slice.value[ROWS]
    rooms = []
    for row, raw in zip(rows, _elements(slice.data), strict=True):
        rooms.append(_room_of_title(raw))
        if row.get(ANSWER) == [] and _ANSWER_LEFT.search(raw):
            row[ANSWER] = None
    return Run(slice, rows, rooms)


def _loaded(slice: Slice) -> Slice:
    """A run with its value, out of a vault."""
    try:
        value, flaws = decode(b"[" + slice.data + b"]")
    except ValueError as error:
        return Slice(slice.kind, slice.path, slice.where, slice.data, None, None, str(error))
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        return Slice(slice.kind, slice.path, slice.where, slice.data, None, None, "not a run of rows")
    return Slice(slice.kind, slice.path, slice.where, slice.data, Joined(value), flaws)


def _elements(data: bytes) -> list[bytes]:
    """The bytes of each row of a run."""
    try:
        return list(map(bytes, _ELEMENTS.decode(b"[" + data + b"]")))
    except (msgspec.DecodeError, RecursionError):
        return [piece.data for piece in cut_elements(BytesIO(data), path="", kind="row") if isinstance(piece, Slice)]


def _room_of_title(row: bytes) -> Room:
    """The room of a row of a run."""
    title = _TITLE.match(row)
    return Room(title.end(1) - title.start(1)) if title else _room(row)


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
    with it whatever is inside of them."""
    found: dict[str, list[Bytes]] = {}
    reader = dialogue(run)
    starts = _starts(run.slice.data)
    rows = _elements(run.slice.data)
    for id, node in zip(reader.ids(run.slice), reader.nodes(run.slice.value), strict=True):
        if not isinstance(node.value, dict):
            continue
        place = int(node.path[1])
        names = [ANSWER] if ANSWER in node.value else [PROMPT, *prompt_fields(run.rows[place])]
        spans = locate_members(rows[place], *names)
        inside = [Bytes(starts[place] + spans[name][0] + 1, starts[place] + spans[name][1] - 1) for name in names]
        found[id] = [each for each in inside if each.end > each.start]
    return found


def _starts(data: bytes) -> list[int]:
    """Where each row of a run begins."""
    here, starts = 0, []
    for row in _elements(data):
        here = data.index(row, here)
        starts.append(here)
        here += len(row)
    return starts
