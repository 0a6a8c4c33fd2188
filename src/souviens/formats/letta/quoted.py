"""A JSON document inside of a JSON string: what it says, and where each byte of it stands in the string."""

from __future__ import annotations

import json
import re
from bisect import bisect_right

_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"(?:" + _HIGH + _LOW + rb"|\\u[0-9a-fA-F]{4}|\\.)+", re.DOTALL)
_LITERAL = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_ESCAPES = re.compile(_HIGH + _LOW + rb"|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)


class Quoted:
    """What a piece of a string literal says, as bytes (`data`). start: where the piece begins in its file."""

    def __init__(self, start: int, literal: bytes) -> None:
        said = bytearray()
        self._inner, self._outer = [0], [start]  # after each escape: how far we are in what is said, and in the file
        end = 0
        for run in _ESCAPE.finditer(literal):
            said += literal[end : run.start()]
            for escape in _ESCAPES.finditer(literal, run.start(), run.end()):
                # Beside an escape everything is as long as it is written, so that these two places are enough.
                self._mark(len(said), start + escape.start())
                said += _said(escape[0])
                self._mark(len(said), start + escape.end())
            end = run.end()
        said += literal[end:]
        self.data = bytes(said)

    def _mark(self, inner: int, outer: int) -> None:
        if self._inner[-1] == inner:
            self._outer[-1] = outer
        else:
            self._inner.append(inner)
            self._outer.append(outer)

    def at(self, place: int) -> int:
        """Where in the file the byte at this place of `data` stands."""
        before = bisect_right(self._inner, place) - 1
        return self._outer[before] + place - self._inner[before]


def unquoted(data: bytes) -> Quoted | None:
    """The document in a file that is one string literal, or the beginning of one; None if it is no such file."""
    start = len(data) - len(data.removeprefix(b"\xef\xbb\xbf").lstrip())
    if data[start : start + 1] != b'"':
        return None
    match = _LITERAL.match(data, start + 1)
    inside = Quoted(start + 1, match[0] if match else b"")
    return inside if inside.data.lstrip()[:1] == b"{" else None


def _said(escape: bytes) -> bytes:
    try:
        return str(json.loads(b'"' + escape + b'"')).encode("utf-8", "surrogatepass")
    except ValueError:
        return escape
