"""My Activity as a page: each row is a `div` of the class outer-cell, and in it cells for the product, for what was said (prompt,
time and answer, a line break between them) and for a caption with the links.

A page may be of hundreds of megabytes and is cut as it is read. A row is made into what the JSON export calls a row, and read so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from souviens.formats.gemini.activity import ANSWER, PROMPT, UNDIVIDED, Room, is_gemini
from souviens.formats.gemini.markup import plain_text, unescaped
from souviens.formats.gemini.moments import looks_like_time
from souviens.jsonspan import Glue, Slice
from souviens.records import Json

CHUNK = 1 << 20
_LINE = 400  # bytes: no time takes more, whatever the language
_ROW = b'<div class="outer-cell'
_DIV = re.compile(rb"<(/?)div\b[^<>]*>")
_CELL = re.compile(rb'<div class="((?:header|content)-cell[^"<>]*)"[^<>]*>')
_BREAK = re.compile(rb"<br\s*/?>")
_BLOCK = re.compile(rb"<(?:p|ul|ol|h[1-6]|pre|table|div|hr|blockquote)\b")
_PRODUCTS = re.compile(r"</b>\s*<br\s*/?>(.*?)(?=<b>|$)", re.DOTALL)
_LINK = re.compile(r'<(?:a\b[^<>]*?\bhref|img\b[^<>]*?\bsrc)="([^"<>]*)"')


class Span(NamedTuple):
    """Bytes of a slice, from start to end."""

    start: int
    end: int


class Cells(NamedTuple):
    """Where the pieces of a row stand in it. aside: beside what was said, for pictures; it goes with the prompt."""

    header: Span | None = None
    prompt: Span | None = None
    time: Span | None = None
    answer: Span | None = None
    aside: Span | None = None
    caption: Span | None = None


# --- cutting ----------------------------------------------------------------------------------------------------------


def cut_page(stream: BinaryIO, path: str) -> Iterator[Glue | Slice]:
    """The rows of a page that are Gemini's, each with what it says as its value; those of other products, and all between them, are
    glue."""
    number = -1
    for piece in _pieces(stream):
        end = _closing(piece) if piece.startswith(_ROW) else 0
        row = row_of(piece[:end]) if end else {}
        if end:
            number += 1
        if end and is_gemini(row):
            yield Slice("cell", path, f"[{number}]", piece[:end], row)
            piece = piece[end:]
        if piece:
            yield Glue(piece)


def rows_in(data: bytes) -> list[tuple[int, bytes]]:
    """Where each row of a run begins, and its bytes."""
    found, start = [], 0
    for piece in _split(data):
        if piece.startswith(_ROW):
            found.append((start, piece[: _closing(piece)]))
        start += len(piece)
    return found


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The page in pieces, a new one at every row."""
    held = b""
    while chunk := stream.read(CHUNK):
        *whole, held = _split(held + chunk)
        yield from whole
    if held:
        yield held


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


# --- one row ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)  # one row is asked for what it says, its room and its places
def cells_of(data: bytes) -> Cells:
    """The pieces of a row."""
    found: dict[str, Span] = {}
    behind = 0
    for match in _CELL.finditer(data):
        if match.start() < behind:
            continue  # inside an answer
        behind = _closing(data, match.start())
        closing = data.rfind(b"</div", match.end(), behind)
        found.setdefault(_name(match[1]), Span(match.end(), closing if closing >= 0 else behind))
    body = found.pop("body", None)
    prompt, time, answer = _said(data, body) if body else (None, None, None)
    return Cells(prompt=prompt, time=time, answer=answer, **found)


def _name(classes: bytes) -> str:
    if classes.startswith(b"header"):
        return "header"
    if b"caption" in classes:
        return "caption"
    return "aside" if b"text-right" in classes else "body"


def _said(data: bytes, body: Span) -> tuple[Span, Span | None, Span | None]:
    """Prompt, time and answer. The time is the last line before the answer's first block that is nothing but a time: a prompt may
    have lines of its own. Without any, nothing tells the two apart."""
    block = _BLOCK.search(data, *body)
    limit = block.start() if block else body.end
    start, lines = body.start, []
    for match in _BREAK.finditer(data, body.start, limit):
        lines.append((Span(start, match.start()), match.end()))
        start = match.end()
    lines.append((Span(start, limit), limit))
    for number in range(len(lines) - 1, 0, -1):
        line, behind = lines[number]
        if line.end - line.start < _LINE and looks_like_time(_text(data, line)):
            return Span(body.start, lines[number - 1][0].end), line, Span(behind, body.end)
    return body, None, None


def row_of(data: bytes) -> dict[str, Json]:
    """A row as the JSON export would write it, as far as the page says it. What an erasure left of a prompt or an answer is null;
    "caption" and "aside" are HTML as it stands, "titleHtml" too if the title holds more than text. "undivided": prompt and answer
    are both in the title, for there is no time between them."""
    cells = cells_of(data)
    row: dict[str, Json] = {}
    if cells.header:
        row["header"] = _text(data, cells.header)
    if cells.time:
        row["time"] = _text(data, cells.time)
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
        caption = row["caption"] = _html(data, cells.caption)
        products, links = _listed(caption)
        if products is not None:
            row["products"] = list(products)
        row["details"] = [{"url": url} for url in links]
    return row


@lru_cache(maxsize=256)  # the rows of a conversation have one caption
def _listed(caption: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The products that a caption lists, None if it lists none, and its links."""
    found = _PRODUCTS.search(caption)
    lines = _BREAK.split(found[1].encode()) if found else []
    products = tuple(name for line in lines if (name := _words(line.decode())))
    return products if found else None, tuple(unescaped(url) for url in _LINK.findall(caption))


def _prompt(row: dict[str, Json], data: bytes, span: Span) -> None:
    html = _html(data, span)
    if not html.strip():
        if html.strip(" ") or not html:
            return
        row[PROMPT] = None
        return
    if UNDIVIDED in row:
        row[PROMPT] = plain_text(html)
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


def room_of(data: bytes) -> Room:
    """What the prompt and the answer take up."""
    cells = cells_of(data)
    prompt, answer = cells.prompt or Span(0, 0), cells.answer or Span(0, 0)
    return Room(prompt.end - prompt.start, answer.end - answer.start)


def _html(data: bytes, span: Span) -> str:
    return data[span.start : span.end].decode("utf-8", "replace")


def _text(data: bytes, span: Span) -> str:
    return _words(_html(data, span))


@lru_cache(maxsize=256)  # of headers, times and names of products
def _words(html: str) -> str:
    return " ".join(plain_text(html).split())
