"""Cutting files that `jsonspan.cut_elements` does not: members of an object, lines, whole texts, and secrets out of any of them;
and what a slice's kind keeps of it from the day it was cut.

Whatever the bytes, the pieces are the file, byte for byte.

A conversation that nothing names is known by what it says: anything less takes two for one. An erasure takes away what it says, but
leaves a slice's kind as it is. So the kind bears the mark: "thread #" and the hash of what was said when the file was cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import msgspec

from souviens.canon import canonical, sha256
from souviens.delivery import Entry
from souviens.errors import SourceError
from souviens.formats._dialogue import Undecodable
from souviens.jsonspan import Flaws, Glue, Slice, cut_elements, decode, load, locate
from souviens.records import Json, Problem, Reading

LARGEST = 1 << 30  # bytes of a file that is carved: it is held in memory


class Kind(NamedTuple):
    """What a slice's kind says: "thread #0f2c… again: aside".

    base: the format's word for it. mark: what names its conversation, where nothing else does. again: one before it in the file has
    the same mark. aside: what else a format has to remember to read it.
    """

    base: str
    mark: str = ""
    again: bool = False
    aside: str = ""

    @classmethod
    def of(cls, slice: Slice) -> Kind:
        return _kind(slice.kind)

    def __str__(self) -> str:
        mark, again, aside = f" #{self.mark}" * bool(self.mark), " again" * self.again, f": {self.aside}" * bool(self.aside)
        return f"{self.base}{mark}{again}{aside}"


@lru_cache(maxsize=1024)
def _kind(text: str) -> Kind:
    before, _, aside = text.partition(": ")
    rest = before.removesuffix(" again")
    base, _, mark = rest.partition(" #")
    return Kind(base, mark, rest != before, aside)


class Kinds(frozenset[str]):
    """Kinds of slices, whatever more they say of one."""

    __slots__ = ()

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, str) and super().__contains__(_kind(kind).base)


def marked(pieces: Iterable[Glue | Slice], mark: Callable[[Slice], str]) -> Iterator[Glue | Slice]:
    """The pieces of a file, each slice with its mark in its kind. mark: of a slice; "" for one that something else names."""
    seen: set[str] = set()
    for piece in pieces:
        if isinstance(piece, Slice) and not piece.damage and (own := mark(piece)):
            piece = replace(piece, kind=str(Kind.of(piece)._replace(mark=own, again=own in seen)))
            seen.add(own)
        yield piece


def mark_of(value: Json, slice: Slice) -> str:
    """The mark of a conversation that is known by all of this value, which its slice says."""
    try:
        return sha256(canonical(value))[:32]
    except RecursionError:
        return sha256(slice.data)[:32]


def told_again(slice: Slice, reading: Reading, reason: str) -> Reading:
    """A reading, with a problem if one before it in the file bears the same mark: both are one conversation. A number would not
    make them two: in a vault slices of the same bytes are one slice, and what it tells is told by its bytes."""
    if not Kind.of(slice).again:
        return reading
    return msgspec.structs.replace(reading, problems=(*reading.problems, Problem("conversation", slice.path, slice.where, reason)))


AGAIN = "it says the same as one before it in this file, word for word: kept once"


class Mark(NamedTuple):
    """A run of bytes that is more than glue: a slice of this kind, or a secret to be withheld."""

    start: int
    end: int
    where: str
    kind: str = ""
    secret: str = ""


def contents(entry: Entry) -> bytes:
    """The bytes of a file that is carved. Raises SourceError if there are too many of them."""
    if entry.size > LARGEST:
        raise SourceError(f"{entry.name}: too large", f"{entry.size:,} bytes, the limit is {LARGEST:,}")
    with entry.open() as stream:
        return stream.read()


def carve(data: bytes, path: str, marks: Iterable[Mark], *, plain: bool = False) -> Iterator[Glue | Slice]:
    """A file's bytes as slices, secrets and glue. marks: in any order; one that overlaps an earlier one is glue.
    plain: its slices are not JSON (see `formats.Reader.PLAIN`), and are not decoded."""
    end = 0
    for mark in sorted(marks):
        if mark.start < end or mark.end <= mark.start:
            continue
        if end < mark.start:
            yield Glue(data[end : mark.start])
        piece = data[mark.start : mark.end]
        if mark.secret:
            yield Glue(piece, mark.secret, mark.where)
        else:
            slice = Slice(mark.kind, path, mark.where, piece)
            yield slice if plain else load(slice)
        end = mark.end
    if end < len(data):
        yield Glue(data[end:])


def secret_at(data: bytes, path: tuple[str | int, ...], secret: str, *, offset: int = 0) -> Mark | None:
    """The inside of the string, object or array at a JSON path, as a secret; None if it is something else or not there."""
    span = locate(data, path)
    if span is None or span[1] - span[0] < 3 or data[span[0] : span[0] + 1] not in (b'"', b"{", b"["):
        return None
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    return Mark(offset + span[0] + 1, offset + span[1] - 1, where, secret=secret)


def beginnings(data: bytes, *keys: str) -> str:
    """Where the elements of the array under `keys` begin, in words. An erasure leaves it as it is."""
    here, found = 0, []
    for piece in cut_elements(BytesIO(data), path="", kind="", keys=keys):
        if isinstance(piece, Slice):
            found.append(here)
        here += len(piece.data)
    return " ".join(map(str, [*found, here]))


def whole_text(entry: Entry, kind: str) -> Iterator[Glue | Slice]:
    """The whole file as one slice that is not JSON; a byte order mark is glue."""
    data = contents(entry)
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    return carve(data, entry.name, [Mark(start, len(data), "", kind)] if len(data) > start else (), plain=True)


def cut_values(entry: Entry, kind: str) -> Iterator[Glue | Slice]:
    """Each JSON value of a file, one behind the other, as one slice; white space and commas are glue. What cannot be decoded is
    one slice with all that follows it."""
    data = contents(entry)
    text = data.decode("latin-1")  # a character a byte
    marks: list[Mark] = []
    here = _LEAD.match(text)
    while here is not None and here.end() < len(text):
        start = here.end()
        try:
            end = _scan(text, start)[1]
        except (ValueError, RecursionError):
            end = len(text.rstrip())
        marks.append(Mark(start, end, f"[{len(marks)}]" if marks else "", kind))
        here = _COMMA.match(text, end)
    return carve(data, entry.name, marks)


def runs(data: bytes, breaks: Callable[[bytes, int], bool]) -> Iterator[tuple[int, int, int]]:
    """(start, end, number of the first line) of runs of whole lines. breaks(line, number): whether a new run begins with it."""
    start, first, here = 0, 0, 0
    for number, line in enumerate(data.splitlines(keepends=True)):
        if number and breaks(line, number):
            yield start, here, first
            start, first = here, number
        here += len(line)
    if here > start:
        yield start, here, first


def cut_lines(entry: Entry, kind: str) -> Iterator[Glue | Slice]:
    """Each line that is not blank as one slice of JSON; a byte order mark is glue. where: ":" and its number, from 1."""
    data = contents(entry)
    marks = []
    for start, end, number in runs(data, lambda line, number: True):
        start += 3 if number == 0 and data.startswith(b"\xef\xbb\xbf") else 0
        if line := data[start:end].rstrip():
            marks.append(Mark(start, start + len(line), f":{number + 1}", kind))
    return carve(data, entry.name, marks)


def members(data: bytes) -> Generator[tuple[str, int, int], None, int]:
    """(key, start, end) of each member of the object that a file is: where its value stands. Damage in a value hides no other; one
    that is cut off goes to the end. Returns where the object ends: what follows it is not looked at."""
    text = data.decode("latin-1")  # a character a byte
    here = _GAP.match(text, 3 if data.startswith(b"\xef\xbb\xbf") else 0)
    while here is not None and (key := _KEY.match(text, here.end())) is not None:
        try:
            end = _scan(text, key.end())[1]
        except (ValueError, RecursionError):
            rest = cut_elements(BytesIO(b"[" + data[key.end() :]), path="", kind="")
            end = key.end() + next((len(piece.data) for piece in rest if isinstance(piece, Slice)), 0)
        yield str(json.loads(key[1].encode("latin-1").decode("utf-8", "replace"))), key.end(), end
        here = _COMMA.match(text, end)
    return here.end() + 1 if here is not None and text[here.end() : here.end() + 1] == "}" else len(data)


_scan = json.JSONDecoder().raw_decode
_LEAD = re.compile(r"(?:\xef\xbb\xbf)?[ \t\r\n]*")
_GAP, _COMMA = re.compile(r"[ \t\r\n]*\{[ \t\r\n]*"), re.compile(r"[ \t\r\n,]*")
_KEY = re.compile(r'("(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")[ \t\r\n]*:[ \t\r\n]*')


def json_lines(slice: Slice, key: str) -> tuple[Slice, list[tuple[int, int]]]:
    """A slice of JSON lines as one of the object {key: [a value a line]}, and where in it each line stands.

    Every line counts, so that a hole moves no other: a blank one is null, one that is no JSON is `Undecodable`.
    """
    values: list[Json] = []
    spans: list[tuple[int, int]] = []
    flaws, here = Flaws(), 0
    for line in slice.data.removesuffix(b"\n").split(b"\n"):
        spans.append((here, here + len(line)))
        here += len(line) + 1
        value, found = _line(line)
        prefix = f"{key}[{len(values)}]"
        flaws.duplicates += found.duplicates
        flaws.surrogates += [(_below(prefix, path), escape) for path, escape in found.surrogates]
        flaws.unreal += [_below(prefix, path) for path in found.unreal]
        flaws.bad_utf8 += [_below(prefix, path) for path in found.bad_utf8]
        values.append(value)
    return Slice(slice.kind, slice.path, slice.where, slice.data, {key: values}, flaws), spans


def _line(text: bytes) -> tuple[Json, Flaws]:
    if not text.strip():
        return None, Flaws()
    try:
        return decode(text)
    except ValueError:
        return Undecodable(text.decode("utf-8", "replace")), Flaws()


def _below(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if path and not path.startswith("[") else prefix + path
