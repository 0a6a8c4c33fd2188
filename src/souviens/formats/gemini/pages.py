"""My Activity as a page: each row is a `div` of the class outer-cell, and in it cells for the product, for what was said (prompt,
time and answer, a line break between them) and for a caption with the links.

A page may be of hundreds of megabytes and is cut as it is read. A row is made into what the JSON export calls a row, and read so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import BinaryIO, NamedTuple, TypeAlias

from souviens.formats._carving import Kind
from souviens.formats.gemini.activity import ANSWER, PROMPT, UNDIVIDED, Room, is_gemini
from souviens.formats.gemini.markup import plain_text, unescaped
from souviens.formats.gemini.moments import looks_like_time
from souviens.jsonspan import CUT_OFF, UNCLOSED, Glue, Slice
from souviens.records import Json

CHUNK = 1 << 20
CUT = "cut off"  # in the kind of a row in which the file ends
_LINE = 400  # bytes: no time takes more, whatever the language
_ROW = b'<div class="outer-cell'
_DIV = re.compile(rb"<(/?)div\b[^<>]*>")
_CELL = re.compile(rb'<div class="((?:header|content)-cell[^"<>]*)"[^<>]*>')
# The `div` up to the content of the first cell, from one cell to the next, and from the last cell to the end of the row.
_FIRST = re.compile(rb"(?:<div\b[^<>]*>\s*){2}<div\b[^<>]*>")
_NEXT = re.compile(rb"</div>\s*<div\b[^<>]*>")
_LAST = re.compile(rb"</div>\s*</div>\s*</div>")
_MOST_CELLS = 9
_BREAK = re.compile(rb"<br\s*/?>")
_BLOCK = re.compile(rb"<(?:p|ul|ol|h[1-6]|pre|table|div|hr|blockquote)\b")
_PRODUCTS = re.compile(r"</b>\s*<br\s*/?>(.*?)(?=<b>|$)", re.DOTALL)
_LINK = re.compile(r'<(?:a\b[^<>]*?\bhref|img\b[^<>]*?\bsrc)="([^"<>]*)"')


Span: TypeAlias = tuple[int, int]  # bytes of a slice, from start to end


class Cells(NamedTuple):
    """Where the pieces of a row stand in it. aside: beside what was said, for pictures; it goes with the prompt."""

    header: Span | None = None
    prompt: Span | None = None
    time: Span | None = None
    answer: Span | None = None
    aside: Span | None = None
    caption: Span | None = None


class PageRow(dict[str, Json]):
    """What a row of a page says. cells: where its pieces stand."""

    __slots__ = ("cells",)

    def __init__(self, cells: Cells) -> None:
        super().__init__()
        self.cells = cells


# --- cutting ----------------------------------------------------------------------------------------------------------


def cut_page(stream: BinaryIO, path: str) -> Iterator[Glue | Slice]:
    """The rows of a page that are Gemini's, each with what it says as its value; those of other products, and all between them, are
    glue."""
    number, frame = -1, None
    is_document, is_closed = False, False
    for piece, is_last in _pieces(stream):
        is_document = is_document or (number < 0 and b"<html" in piece.lower())
        is_closed = is_last and b"</html" in piece.lower()
        if piece.startswith(_ROW):
            number += 1
            data, cells, frame = _measured(piece, frame)
            row = _row_of(data, cells)
            if is_gemini(row):
                if is_last and not is_closed and not _is_closed(data):
                    yield Slice(str(Kind("cell", aside=CUT)), path, f"[{number}]", data, damage=CUT_OFF)
                else:
                    yield Slice("cell", path, f"[{number}]", data, row)
                piece = piece[len(data) :]
        if piece:
            yield Glue(piece)
    if is_document and not is_closed:
        yield Glue(b"", "", "", UNCLOSED)


def rows_in(data: bytes) -> list[tuple[int, bytes]]:
    """Where each row of a run begins that is Gemini's, and its bytes. Rows of other products stand between ours in a mixed page."""
    found, start = [], 0
    for piece in _split(data):
        if piece.startswith(_ROW):
            row = piece[: _closing(piece)]
            if is_gemini(row_of(row)):
                found.append((start, row))
        start += len(piece)
    return found


def _pieces(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """The page in pieces, a new one at every row, and whether it is the last one."""
    held = b""
    while chunk := stream.read(CHUNK):
        *whole, held = _split(held + chunk)
        for piece in whole:
            yield piece, False
    if held:
        yield held, True


def _split(data: bytes) -> list[bytes]:
    """Some of a page, cut where rows begin."""
    starts, here = [0], data.find(_ROW, 1)
    while here > 0:
        starts.append(here)
        here = data.find(_ROW, here + 1)
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


def _closing(data: bytes, start: int = 0) -> int:
    """The end of the `div` that begins at `start`; the end of the data if it is not closed."""
    depth = 0
    for match in _DIV.finditer(data, start):
        depth += -1 if match[1] else 1
        if depth <= 0:
            return match.end()
    return len(data)


def _is_closed(data: bytes) -> bool:
    """Whether the `div` that some bytes begin with ends in them."""
    depth = 0
    for match in _DIV.finditer(data):
        depth += -1 if match[1] else 1
        if depth <= 0:
            return True
    return False


# --- one row ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)  # of one row it is asked more than once
def cells_of(data: bytes) -> Cells:
    """The pieces of a row."""
    return _measured(data)[1]


class _Frame(NamedTuple):
    """The markup of a row whose only `div` are those that every row has: itself, a grid, and the cells one after the other.

    opening: up to the first cell's content. between: behind the content of each cell. names: of the cells."""

    opening: bytes
    between: tuple[bytes, ...]
    names: tuple[str, ...]


def _measured(piece: bytes, frame: _Frame | None = None) -> tuple[bytes, Cells, _Frame | None]:
    """The row that a piece begins with, without what stands behind it; the pieces of it; and its frame, if it has one. frame: of a
    row before: to look for the same again takes a tenth of the time that it takes to follow each `div` to its end."""
    found = _framed(piece, frame) if frame else None
    if found is None:
        frame = _frame_of(piece)
        found = _framed(piece, frame) if frame else None
    if found is None:
        end = _closing(piece)
        found = end, _cells_in(piece[:end])
    end, cells = found
    body = cells.get("body")
    prompt, time, answer = _said(piece, body) if body else (None, None, None)
    return piece[:end], Cells(cells.get("header"), prompt, time, answer, cells.get("aside"), cells.get("caption")), frame


def _framed(piece: bytes, frame: _Frame) -> tuple[int, dict[str, Span]] | None:
    """(end of the row, its cells by name), if that is its frame."""
    if not piece.startswith(frame.opening):
        return None
    found: dict[str, Span] = {}
    here = len(frame.opening)
    for name, behind in zip(frame.names, frame.between, strict=True):
        end = piece.find(b"</div", here)
        if not piece.startswith(behind, end) or piece.find(b"<div", here, end) >= 0:
            return None
        if name not in found:
            found[name] = here, end
        here = end + len(behind)
    return here, found


def _frame_of(piece: bytes) -> _Frame | None:
    """The frame of the row that a piece begins with, None if it has another `div` between those of its cells."""
    cells = list(islice(_CELL.finditer(piece), _MOST_CELLS))
    if not cells:
        return None
    first, *others = cells
    between = [piece[piece.rfind(b"</div", 0, match.start()) : match.end()] for match in others]
    end = _LAST.search(piece, cells[-1].end())
    opening = piece[: first.end()]
    if end is None or not _FIRST.fullmatch(opening) or not all(map(_NEXT.fullmatch, between)):
        return None
    return _Frame(opening, (*between, end[0]), tuple(_name(match[1]) for match in cells))


def _cells_in(data: bytes) -> dict[str, Span]:
    """The cells of a row by name, whatever `div` there are."""
    found: dict[str, Span] = {}
    behind = 0
    for match in _CELL.finditer(data):
        if match.start() < behind:
            continue  # inside an answer
        behind = _closing(data, match.start())
        closing = data.rfind(b"</div", match.end(), behind)
        found.setdefault(_name(match[1]), (match.end(), closing if closing >= 0 else behind))
    return found


@lru_cache(maxsize=64)  # there are four
def _name(classes: bytes) -> str:
    if classes.startswith(b"header"):
        return "header"
    if b"caption" in classes:
        return "caption"
    return "aside" if b"text-right" in classes else "body"


def _said(data: bytes, body: Span) -> tuple[Span, Span | None, Span | None]:
    """Prompt, time and answer. The time is the last line before the answer's first block that is nothing but a time: a prompt may
    have lines of its own. Without any, nothing tells the two apart."""
    start, stop = body
    block = _BLOCK.search(data, start, stop)
    limit = here = end = behind = block.start() if block else stop
    while (here := data.rfind(b"<br", start, here)) >= 0:
        if data.startswith(b"<br>", here, limit):
            begin = here + 4
        elif broken := _BREAK.match(data, here, limit):
            begin = broken.end()
        else:
            continue
        if 0 < end - begin < _LINE and looks_like_time(_words(data[begin:end])):
            return (start, here), (begin, end), (behind, stop)
        end, behind = here, begin
    return body, None, None


def row_of(data: bytes) -> PageRow:
    """A row as the JSON export would write it, as far as the page says it. What an erasure left of a prompt or an answer is null;
    "caption" and "aside" are HTML as it stands, "titleHtml" too if the title holds more than text. "undivided": prompt and answer
    are both in the title, for there is no time between them."""
    return _row_of(data, cells_of(data))


def _row_of(data: bytes, cells: Cells) -> PageRow:
    row = PageRow(cells)
    if cells.header:
        row["header"] = _words(_bytes(data, cells.header))
    if cells.time:
        row["time"] = _words(_bytes(data, cells.time))
    elif cells.prompt:
        row[UNDIVIDED] = True
    if cells.prompt:
        _prompt(row, data, cells.prompt)
    if cells.answer:
        html = _html(data, cells.answer)
        if html.strip():
            row[ANSWER] = [{"html": html}]
        elif html and not html.strip(" "):
            row[ANSWER] = None
    if cells.aside and (aside := _html(data, cells.aside).strip()):
        row["aside"] = aside
        _attach(row, aside)
    if cells.caption:
        row["caption"], products, links = _listed(_bytes(data, cells.caption))
        if products is not None:
            row["products"] = list(products)
        row["details"] = [{"url": url} for url in links]
    return row


@lru_cache(maxsize=256)  # the rows of a conversation have one caption
def _listed(html: bytes) -> tuple[str, tuple[str, ...] | None, tuple[str, ...]]:
    """A caption as text, the products that it lists, None if it lists none, and its links."""
    caption = html.decode("utf-8", "replace")
    found = _PRODUCTS.search(caption)
    lines = _BREAK.split(found[1].encode()) if found else []
    products = tuple(name for line in lines if (name := _words(line)))
    return caption, products if found else None, tuple(unescaped(url) for url in _LINK.findall(caption))


def _prompt(row: dict[str, Json], data: bytes, span: Span) -> None:
    html = _html(data, span)
    if not html.strip():
        if html.strip(" ") or not html:
            return
        row[PROMPT] = None
        return
    if UNDIVIDED in row:
        row[PROMPT] = plain_text(html)
    elif "<" not in html:
        row[PROMPT] = unescaped(html.strip())
        return
    else:
        row[PROMPT] = "\n".join(unescaped(re.sub(r"<[^<>]*>", "", line)) for line in re.split(r"<br\s*/?>", html.strip()))
    if UNDIVIDED in row or "<" in re.sub(r"<br\s*/?>", "", html):
        row["titleHtml"] = html
        _attach(row, html)


def _attach(row: dict[str, Json], html: str) -> None:
    """Links to files that lie beside the page."""
    local = [unescaped(url) for url in _LINK.findall(html) if ":" not in url and not url.startswith("#")]
    known = row.get("attachedFiles", [])
    row["attachedFiles"] = [*known, *(url for url in dict.fromkeys(local) if url not in known)]


def room_of(row: PageRow) -> Room:
    """What the prompt and the answer take up."""
    prompt, answer = row.cells.prompt or (0, 0), row.cells.answer or (0, 0)
    return Room(prompt[1] - prompt[0], answer[1] - answer[0])


def _bytes(data: bytes, span: Span) -> bytes:
    return data[span[0] : span[1]]


def _html(data: bytes, span: Span) -> str:
    return data[span[0] : span[1]].decode("utf-8", "replace")


@lru_cache(maxsize=256)  # of headers, times and names of products
def _words(html: bytes) -> str:
    text = html.decode("utf-8", "replace")
    return " ".join((plain_text(text) if "<" in text else unescaped(text)).split())
