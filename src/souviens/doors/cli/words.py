"""Text for people: counts, sizes, aligned tables, quotations that cannot do harm to a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import click

# A conversation may hold escape sequences that move the cursor, set the title or hide text: none reaches a terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Without control and direction characters; line ends and tabs stay."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def plain_argument(text: str) -> str:
    """Words from the command line as they were typed, whatever the locale: bytes that are no UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def count(number: int, noun: str) -> str:
    """ "1 message", "2,345 messages", "no memories"."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural}" if number else f"no {plural}"


def size(number: int) -> str:
    """Bytes, to three figures."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def date(moment: str | None) -> str:
    """The day of an RFC 3339 time."""
    return moment[:10] if moment else "no date"


def place(path: str, where: str, reason: str) -> str:
    """A place in a file, and what is the matter with it."""
    return f"{path}{where and ' '}{where}: {reason}"


def width(text: str) -> int:
    """Columns a text takes on a terminal: East Asian wide characters two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shortened(text: str, columns: int) -> str:
    """One line of at most `columns` columns, with "..." where something was left out."""
    line = " ".join(clean(text).split())
    if width(line) <= columns:
        return line
    kept, used = "", 0
    for character in line:
        used += width(character)
        if used > columns - 3:
            break
        kept += character
    return kept.rstrip() + "..."


def table(rows: Iterable[Sequence[str]], indent: int = 0, right: Sequence[int] = ()) -> Iterator[str]:
    """Rows with their columns aligned. right: columns set flush right."""
    listed = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*listed, strict=True)]
    for row in listed:
        cells = [
            " " * (wide - width(cell)) + cell if n in right else cell + " " * (wide - width(cell))
            for n, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        yield (" " * indent + "  ".join(cells)).rstrip()


def wrapped(text: str, first: str, columns: int = 110) -> Iterator[str]:
    """A text over several lines, the first after `first`, the others as far in. Nothing for an empty text."""
    import textwrap

    if text:
        yield from textwrap.wrap(clean(text), columns, initial_indent=first, subsequent_indent=" " * width(first))


def quotation(text: str, columns: int = 96, lines: int = 4, indent: str = "    ") -> Iterator[str]:
    """The beginning of a text, wrapped, with what is left out said."""
    import textwrap

    wrapped = [line for paragraph in clean(text).split("\n") for line in textwrap.wrap(paragraph, columns)]
    yield from (indent + line for line in wrapped[:lines])
    if len(wrapped) > lines:
        yield f"{indent}... ({count(len(wrapped) - lines, 'more line').replace('more lines', 'lines more')})"


def strong(text: str) -> str:
    return click.style(text, bold=True)


def faint(text: str) -> str:
    return click.style(text, dim=True)
