"""Holes: bytes taken out of a slice so that the rest stays provable, and stays JSON of the same length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from typing import NamedTuple

from souviens.formats import Bytes, Place, Reader
from souviens.jsonspan import Slice, load, locate
from souviens.records import Conversation, Memory, Reading, Topic


class Span(NamedTuple):
    """Bytes of a slice, from start to end. inside: a piece of a string, whose quotes stay, or of a text that is not JSON."""

    start: int
    end: int
    inside: bool = False


WITHHELD = "withheld"  # kind of a segment whose bytes were never taken in


def fill(length: int, *, plain: bool = False) -> bytes:
    """What stands in a hole of `length` bytes when the original is given back: a JSON value of that length, `null` if it fits; in
    a plain text, and inside a JSON value, spaces."""
    if plain:
        return b" " * length
    return (b"null" if length >= 4 else b'""' if length >= 2 else b"0"[:length]).ljust(length)


def records_of(reading: Reading) -> list[Conversation | Memory | Topic]:
    return [*reading.conversations, *reading.memories, *reading.topics]


def told(reading: Reading) -> set[str]:
    """The ids of everything a slice tells of, messages too."""
    return {record.id for record in records_of(reading)} | {m.id for c in reading.conversations for m in c.messages}


def spans_of(format: Reader, slice: Slice, reading: Reading, ids: Set[str]) -> list[Span]:
    """What is to be blanked in a slice so that nothing of `ids` is left: in order, none inside another.

    The slice of an erased conversation goes whole.
    """
    if any(conversation.id in ids for conversation in reading.conversations):
        return [Span(0, len(slice.data))]
    at = format.locations(slice)
    found = [at[id] for id in ids if id in at]
    places = [*(place if isinstance(place, Bytes) else Place(place) for place in found), *format.traces(slice, ids)]
    return _outermost(span for place in places if (span := _span(slice.data, place)) is not None)


def is_whole(slice: Slice, spans: list[Span]) -> bool:
    """Is nothing left of the slice once these spans are blanked?"""
    return spans == [Span(0, len(slice.data))]


def blanked(slice: Slice, spans: Iterable[Span]) -> Slice:
    """The slice with those spans blanked, decoded anew: reading it gives what is left, by the same reader as ever."""
    return load(Slice(slice.kind, slice.path, slice.where, blank(slice.data, spans)))


def blank(data: bytes, spans: Iterable[Span]) -> bytes:
    out = bytearray(data)
    for start, end, inside in spans:
        out[start:end] = b" " * (end - start) if inside else fill(end - start)
    return bytes(out)


def span_at(data: bytes, path: tuple[str | int, ...]) -> Span | None:
    """The value at a path of one JSON document."""
    span = locate(data, path)
    return None if span is None else Span(*span)


def _span(data: bytes, place: Place | Bytes) -> Span | None:
    if isinstance(place, Bytes):
        return Span(place.start, place.end, inside=True)
    if not place.path:
        return Span(0, len(data))
    span = span_at(data, place.path)
    return span if span is None or place.end is None else _inside(data, span, place.start, place.end)


# One character of a string as JSON writes it. A pair of surrogates is one; bytes that are not UTF-8 count singly.
_CHARACTER = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*|[\x80-\xbf]",
    re.DOTALL,
)


def _inside(data: bytes, string: Span, start: int, end: int) -> Span:
    """Where the characters from `start` to `end` of a string literal stand, as bytes."""
    places = [string.start + 1 + match.start() for match in _CHARACTER.finditer(data[string.start + 1 : string.end - 1])]
    places += [string.end - 1] * (end + 1)
    return Span(places[start], places[end], inside=True)


def _outermost(spans: Iterable[Span]) -> list[Span]:
    """The spans that lie in no other. Those of JSON values lie apart or one inside the other; of those of a plain text that
    overlap one is made."""
    out: list[Span] = []
    for span in sorted(set(spans), key=lambda s: (s.start, -s.end)):
        if not out or span.start >= out[-1].end:
            out.append(span)
        elif span.end > out[-1].end:
            out[-1] = out[-1]._replace(end=span.end)
    return out
