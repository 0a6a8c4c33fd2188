"""Part of jsonspan: the beginning of a JSON document as a small value, for telling what a file is.

A sample says what keys there are and of what kind their values are. It is bounded whatever the file: of a string the first
characters, of an array the first elements, of an object the first members, to a depth; and what the bytes at hand end in the
middle of is left out. Bad JSON gives the part before the fault.
"""

from __future__ import annotations

import json

from souviens._jsonflaws import cleaned, step_over
from souviens.records import Json

_STRING, _ELEMENTS, _MEMBERS, _DEPTH = 400, 4, 80, 9
_SPACE = " \t\n\r"
_scan = json.JSONDecoder().raw_decode


class _Ended(Exception):
    """The bytes at hand end here."""


def sample(head: bytes) -> Json:
    """The document that begins with `head`, pruned; None if it does not begin like an array or an object."""
    return sampled(head)[0]


def sampled(head: bytes) -> tuple[Json, bool]:
    """The sample, and whether `head` ends before the first element of the array, or before the object does."""
    text = cleaned(head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape"))
    reader = _Reader(text)
    value = reader.value(0) if reader.peek() in ("{", "[") else None
    return value, reader.ended and not (isinstance(value, list) and len(value) > 1)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._pos = text, 0
        self.ended = False

    def peek(self) -> str:
        text, pos = self._text, self._pos
        while pos < len(text) and text[pos] in _SPACE:
            pos += 1
        self._pos = pos
        return text[pos : pos + 1]

    def value(self, depth: int) -> Json:
        """The value at this place. A container that the text ends in holds what came before; a scalar raises _Ended."""
        here = self.peek()
        if here == "{":
            return self._container(depth, {})
        if here == "[":
            return self._container(depth, [])
        scalar = self._scalar()
        return scalar[:_STRING] if isinstance(scalar, str) else scalar

    def _container(self, depth: int, found: dict[str, Json] | list[Json]) -> Json:
        self._pos += 1
        most = _MEMBERS if isinstance(found, dict) else _ELEMENTS
        try:
            while (here := self.peek()) not in ("]", "}"):
                if not here or (depth == 0 and len(found) == most):
                    self.ended = self.ended or not here
                    break
                if here == ",":
                    self._pos += 1
                    continue
                key = self._key() if isinstance(found, dict) else ""
                value = self.value(depth + 1) if depth < _DEPTH else self._skipped()
                if len(found) < most and isinstance(found, dict):
                    found[key] = value
                elif len(found) < most and isinstance(found, list):
                    found.append(value)
        except (_Ended, RecursionError):
            self._pos, self.ended = len(self._text), True
        self._pos += 1
        return found

    def _key(self) -> str:
        key = self._scalar()
        if not isinstance(key, str) or self.peek() != ":":
            raise _Ended
        self._pos += 1
        return key

    def _scalar(self) -> Json:
        try:
            value, end = _scan(self._text, self._pos)
        except (ValueError, IndexError):
            raise _Ended from None
        if end >= len(self._text) and self._text[self._pos] != '"':
            raise _Ended  # a number or a word that may go on
        self._pos = end
        return value

    def _skipped(self) -> Json:
        if self.peek() not in ("{", "["):
            return self._scalar()
        empty: Json = {} if self.peek() == "{" else []
        try:
            _, self._pos = step_over(self._text, self._pos)
        except (ValueError, IndexError):
            raise _Ended from None
        return empty
