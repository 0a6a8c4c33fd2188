"""Cutting JSON with byte spans: every byte of a member is either a slice (one element) or the glue between slices.

`json.JSONDecoder.raw_decode` over a moving window: exact numbers, duplicate keys seen, spans known (docs/decisions/0002
says why not ijson, orjson or msgspec here). Damage refuses the smallest unit: an element that cannot be decoded is still
cut (by matching brackets outside strings), so that its bytes are kept, its reading is refused, and the next element is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import BinaryIO, NamedTuple, TypeAlias

from souviens._jsonflaws import cleaned, find_flaws, has_lone_surrogate, step_over
from souviens._jsonsample import sample, sampled
from souviens._jsonwindow import BARE_STOPS, SPACE, ValueEnd, Window
from souviens.records import Json

CUT_OFF = "cut off: the file ends inside this element"
UNCLOSED = "cut off: the file ends before its list does; what followed is missing"
__all__ = [
    "CUT_OFF",
    "Flaws",
    "Glue",
    "Route",
    "Secret",
    "Slice",
    "cut_elements",
    "cut_members",
    "decode",
    "first_value",
    "load",
    "locate",
    "locate_members",
    "outline",
    "sample",
    "sampled",
    "whole",
]
_WINDOW = 1 << 20
# After a damaged element this many are cut by brackets before they are decoded: an error of the decoder costs a scan of the
# whole window (it counts lines), which a file of small damaged elements would pay each time.
_CAUTION = 64


@dataclass(frozen=True, slots=True)
class Glue:
    """Bytes between slices: brackets, commas, white space, and whatever of the document is not an element.

    secret: what these bytes are if they are to stay out of the vault unless asked for ("API keys"); where: the place. Spaces
    stand in their place then, so they must be the inside of a string, an object or an array, or lines of text.
    damage: what is wrong with the document at this place, no element of it (`UNCLOSED`); such glue has no bytes.
    """

    data: bytes
    secret: str = ""
    where: str = ""
    damage: str = ""


@dataclass(slots=True)
class Slice:
    """One element of a member, usually one conversation.

    kind: what the format calls it ("conversation", "project", "memories", …). path: the entry's name. where: the place in it
    ("[12]"). data: its exact bytes. value: decoded once by the cutter (see `decode`), or None after transport: use `load()`.
    flaws: what the strict decoder saw, see `Flaws`. damage: the reason when the bytes are not decodable JSON, else "".
    """

    kind: str
    path: str
    where: str
    data: bytes
    value: Json = None
    flaws: Flaws | None = None
    damage: str = ""


@dataclass(slots=True)
class Flaws:
    """What strict reading found in one element. Empty for nearly all.

    duplicates: key -> every value it had, in order (the value tree holds the last). Names the key only.
    surrogates: (JSON path, escape) of each lone surrogate; the value tree holds U+FFFD there.
    unreal: JSON paths of NaN, Infinity, -Infinity; the value tree holds None there.
    bad_utf8: JSON paths of strings that were not valid UTF-8; the value tree holds U+FFFD there.
    """

    duplicates: list[tuple[str, list[Json]]] = field(default_factory=list)
    surrogates: list[tuple[str, str]] = field(default_factory=list)
    unreal: list[str] = field(default_factory=list)
    bad_utf8: list[str] = field(default_factory=list)


_FLAWLESS = Flaws()  # of nearly all elements; one for all, for it takes longer to make than the slice, and nobody adds to it


# --- decoding one value -----------------------------------------------------------------------------------------------


class _Decoder:
    """The standard decoder with exact numbers, which notes duplicate keys and unreal numbers as it goes."""

    def __init__(self) -> None:
        self.duplicates: list[tuple[str, list[Json]]] = []
        self.unreal = False
        self.scan = json.JSONDecoder(
            parse_float=Decimal, parse_int=_integer, parse_constant=self._constant, object_pairs_hook=self._objects()
        ).raw_decode

    def _objects(self) -> Callable[[list[tuple[str, Json]]], dict[str, Json]]:
        # A closure: it is called for every object of an export, and a method costs a seventh more of all decoding (measured).
        duplicates = self.duplicates

        def made(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
            members = dict(pairs)
            if len(members) == len(pairs):
                return members
            values: dict[str, list[Json]] = {}
            for key, value in pairs:
                values.setdefault(key, []).append(value)
            duplicates.extend((key, every) for key, every in values.items() if len(every) > 1)
            return members

        return made

    def _constant(self, name: str) -> None:
        self.unreal = True


def _integer(literal: str) -> int | Decimal:
    return int(literal) if len(literal) < 19 or (len(literal) == 19 and literal[0] == "-") else Decimal(literal)


def decode(data: bytes) -> tuple[Json, Flaws]:
    """One JSON value from bytes, strictly observed. Numbers with a fraction or exponent, and integers over 18 digits, are
    `decimal.Decimal` (exact); other integers int. Raises ValueError with the byte offset if it is not JSON, and also for
    nesting deeper than the decoder can follow."""
    original = data.decode("utf-8", "surrogateescape")
    text = cleaned(original)
    start = len(text) - len(text.lstrip(SPACE))
    decoder = _Decoder()
    try:
        value, end = decoder.scan(text, start)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at byte {_bytes(original[: error.pos])}: {error.msg}") from None
    except RecursionError:
        raise ValueError(f"not decodable at byte {_bytes(original[:start])}: nested too deeply") from None
    except ArithmeticError:
        raise ValueError(f"not decodable at byte {_bytes(original[:start])}: a number's exponent is out of range") from None
    if text[end:].strip(SPACE):
        raise ValueError(f"not JSON at byte {_bytes(original[:end])}: something follows the value")
    flaws = Flaws(duplicates=decoder.duplicates)
    if decoder.unreal or text != original:
        flaws.surrogates, flaws.unreal, flaws.bad_utf8 = find_flaws(original, text, start)
    return value, flaws


def load(slice: Slice) -> Slice:
    """The slice with `value`, `flaws` and `damage` filled from `data`: what rebuild does with stored bytes."""
    value, flaws, damage = _read(slice.data)
    return Slice(slice.kind, slice.path, slice.where, slice.data, value, flaws, damage)


def _read(data: bytes) -> tuple[Json, Flaws | None, str]:
    try:
        value, flaws = decode(data)
    except ValueError as error:
        return None, None, str(error)
    return value, flaws, ""


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


# --- cutting ----------------------------------------------------------------------------------------------------------


class Secret(NamedTuple):
    """Instead of a kind: the value under this key is to stay out of the vault unless asked for. what: what it is ("API keys")."""

    what: str


# What to do with the value under a key: cut its elements as slices of this kind, withhold it, or look into it by its own keys.
Route: TypeAlias = "str | Secret | Mapping[str, Route]"


def cut_elements(
    stream: BinaryIO, *, path: str, kind: str, keys: tuple[str, ...] = (), limit: int = 1 << 30, window: int = _WINDOW
) -> Iterator[Glue | Slice]:
    """Cut the array found under `keys` (() = the document itself is the array) into its elements; all else is glue.

    If the document (or what stands under `keys`) is an object instead of an array, that object is a slice with where "",
    and what follows the document (JSON lines, files put one behind the other) is read as further elements, or by the same keys.
    `limit`: bytes of the largest element that will be decoded; a larger one is cut but damaged ("too large"). `window`: bytes
    read at a time. Memory is bounded by the largest element, not by the file. The concatenation of all
    pieces is the stream, byte for byte, whatever the bytes are; nothing is raised for bad content.
    """
    route: Route = kind
    for key in reversed(keys):
        route = {key: route}
    return _told_once(_pieces(Window(stream, window), path, route, limit))


def cut_members(
    stream: BinaryIO, *, path: str, kinds: Mapping[str, Route], limit: int = 1 << 30, window: int = _WINDOW
) -> Iterator[Glue | Slice]:
    """The elements of several arrays of one object, wherever they stand in it, in one pass; the rest as in `cut_elements`.
    A document that follows and has none of these keys is a slice of the first kind, so that a reader refuses it by name."""
    return _told_once(_pieces(Window(stream, window), path, kinds, limit))


def _told_once(pieces: Iterator[Glue | Slice]) -> Iterator[Glue | Slice]:
    """Where a file ends too early every bracket around that place stays open, and an element may be cut off: one word is enough."""
    told = False
    for piece in pieces:
        if isinstance(piece, Slice):
            told = piece.damage == CUT_OFF
        elif piece.damage:
            if told:
                continue
            told = True
        yield piece


def _pieces(view: Window, path: str, route: Route, limit: int, *, only_first: bool = False) -> Iterator[Glue | Slice]:
    if view.peek() == "\ufeff":
        yield Glue(view.take(view.pos + 1))
    yield from _space(view)
    if isinstance(route, Mapping):
        yield from _joined(_Members(view, path, limit).documents(route, only_first=only_first), view.size)
    elif isinstance(route, str):
        cutter = _Cutter(view, path, route, limit)
        if view.peek() == "{":
            yield cutter.element("", "}")
            yield from cutter.elements("", to_the_end=True, first=1)
        elif view.peek() == "[":
            yield Glue(view.take(view.pos + 1))
            yield from cutter.elements("", to_the_end=True, opened=True)
    while view.peek():
        yield Glue(view.take(len(view.text)))


def _joined(pieces: Iterator[Glue | Slice], size: int) -> Iterator[Glue | Slice]:
    """Neighbouring glue as one, up to about this many bytes."""
    held = bytearray()
    for piece in pieces:
        plain = isinstance(piece, Glue) and not piece.secret and not piece.damage
        held += piece.data if plain else b""
        if held and (not plain or len(held) >= size):
            yield Glue(bytes(held))
            held.clear()
        if not plain:
            yield piece
    if held:
        yield Glue(bytes(held))


class _Members:
    """Takes documents off a window by the keys of their members."""

    def __init__(self, view: Window, path: str, limit: int) -> None:
        self._view, self._path, self._limit = view, path, limit
        self._met = False  # whether the document at hand has one of the keys

    def documents(self, route: Mapping[str, Route], *, only_first: bool) -> Iterator[Glue | Slice]:
        view, number = self._view, 0
        while True:
            if between := view.take_between(commas=True):
                yield Glue(between)
            here = view.peek()
            if not here or (number and only_first):
                return
            if here == "]" and number:
                yield Glue(view.take(view.pos + 1))
                continue
            if number:
                yield from self._further(route, f"[{number}]")
            else:
                yield from self._members(route, ()) if here == "{" else map(Glue, _value_bytes(view))
            number += 1

    def _further(self, route: Mapping[str, Route], where: str) -> Iterator[Glue | Slice]:
        """A document that follows another; one that has none of the keys is a slice. Up to the first key it is held in memory."""
        cutter = _Cutter(self._view, self._path, _first_kind(route), self._limit)
        if self._view.peek() != "{":
            yield cutter.element(where, "]")
            return
        self._met, held = False, bytearray()
        for piece in self._members(route, (where,)):
            if not self._met:
                held += piece.data
                continue
            if held:
                yield Glue(bytes(held))
                held.clear()
            yield piece
        if held:
            yield cutter.cut_out(where, bytes(held))

    def _members(self, route: Mapping[str, Route], above: tuple[str, ...]) -> Iterator[Glue | Slice]:
        """The object at the window's position, up to its closing brace. What is no member does not hide those behind it."""
        view = self._view
        yield Glue(view.take(view.pos + 1))
        while True:
            if between := view.take_between(commas=True):
                yield Glue(between)
            here = view.peek()
            if here in ("", "}"):
                yield Glue(view.take(view.pos + 1)) if here else Glue(b"", "", ".".join(above), UNCLOSED)
                return
            name = b"".join(_value_bytes(view))
            yield Glue(name)
            if here != '"':
                continue
            yield from _space(view)
            if view.peek() != ":":
                continue
            yield Glue(view.take(view.pos + 1))
            yield from _space(view)
            key = str(_read(name)[0])
            yield from self._value(route.get(key), (*above, key))

    def _value(self, route: Route | None, keys: tuple[str, ...]) -> Iterator[Glue | Slice]:
        view, here = self._view, self._view.peek()
        if isinstance(route, Mapping) and here == "{":
            yield from self._members(route, keys)
        elif isinstance(route, Secret) and here in ("{", "[", '"'):
            self._met = True
            data = b"".join(_value_bytes(view))
            end = max(1, len(data) - data.endswith((b"}", b"]", b'"')))  # it has no closing one if the file is cut off in it
            yield from (Glue(data[:1]), Glue(data[1:end], route.what, ".".join(keys)))
            yield from [Glue(data[end:])] if data[end:] else []
        elif isinstance(route, str) and here in ("{", "["):
            self._met = True
            cutter = _Cutter(view, self._path, route, self._limit)
            if here == "{":
                yield cutter.element(".".join(keys) if keys[0].startswith("[") else "", "}")
                return
            yield Glue(view.take(view.pos + 1))
            yield from cutter.elements(".".join(keys), to_the_end=False, opened=True)
            yield from [Glue(view.take(view.pos + 1))] if view.peek() else []
        else:
            yield from map(Glue, _value_bytes(view))


def _first_kind(route: Route) -> str:
    while isinstance(route, Mapping):
        route = next(iter(route.values()))
    return route if isinstance(route, str) else ""


class _Cutter:
    """Takes elements off a window, one at a time."""

    def __init__(self, view: Window, path: str, kind: str, limit: int) -> None:
        self._view, self._path, self._kind, self._limit = view, path, kind, limit
        self._decoder = _Decoder()
        self._caution = 0

    def elements(self, prefix: str, *, to_the_end: bool, first: int = 0, opened: bool = False) -> Iterator[Glue | Slice]:
        """The elements of an array, up to its closing bracket. first: number of the first one. opened: its bracket was taken, so
        there must be another.

        A missing comma does not matter. `to_the_end`: what follows the array is read as further elements, so that neither
        a stray bracket nor rubbish at the end of a file hides anything.
        """
        view, index = self._view, first
        while True:
            if between := view.take_between(commas=True):
                yield Glue(between)
            here = view.peek()
            if not here and opened:
                yield Glue(b"", "", prefix, UNCLOSED)
            if not here or (here == "]" and not to_the_end):
                return
            if here == "]":
                opened = False
                yield Glue(view.take(view.pos + 1))
                continue
            yield self.element(f"{prefix}[{index}]", "]")
            index += 1

    def element(self, where: str, closer: str) -> Slice:
        """The element at the window's position: decoded where it stands if that works, else cut first and then decoded."""
        self._view.prepare()
        if self._caution or (slice := self._decoded(where)) is None:
            slice = self._cut(where, closer)
            self._caution = _CAUTION if slice.damage else max(0, self._caution - 1)
        return slice

    def _decoded(self, where: str) -> Slice | None:
        view, decoder = self._view, self._decoder
        start = view.pos
        try:
            value, end = decoder.scan(view.text, start)
        except (ValueError, RecursionError, ArithmeticError):
            self._decoder = _Decoder()
            return None
        # A number that reaches the window's edge may go on behind it.
        if view.text[start] not in '"[{' and view.text[end : end + 1] not in BARE_STOPS:
            return None
        data = view.take(end)
        if len(data) > self._limit:
            return self._too_large(where, data)
        if decoder.unreal or decoder.duplicates or _may_be_flawed(data):
            self._decoder = _Decoder()
            return load(Slice(self._kind, self._path, where, data))
        return Slice(self._kind, self._path, where, data, value, _FLAWLESS)

    def _cut(self, where: str, closer: str) -> Slice:
        view, ending, seen = self._view, ValueEnd(closer), 0
        while (end := ending.find(view.text, view.pos + seen)) < 0:
            seen = len(view.text) - view.pos
            if not view.grow():
                return Slice(self._kind, self._path, where, view.take(len(view.text)), damage=CUT_OFF)
        return self.cut_out(where, view.take(end))

    def cut_out(self, where: str, data: bytes) -> Slice:
        """An element that was taken off the window before."""
        return self._too_large(where, data) if len(data) > self._limit else load(Slice(self._kind, self._path, where, data))

    def _too_large(self, where: str, data: bytes) -> Slice:
        reason = f"too large: {len(data):,} bytes, the limit is {self._limit:,}"
        return Slice(self._kind, self._path, where, data, damage=reason)


def _may_be_flawed(data: bytes) -> bool:
    """Whether an element that decoded needs the slow look of `decode`: lone surrogates, or bytes that are not UTF-8."""
    if data.isascii():
        return has_lone_surrogate(data)
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return has_lone_surrogate(data)


def _space(view: Window) -> Iterator[Glue]:
    if space := view.take_between(commas=False):
        yield Glue(space)


def _value_bytes(view: Window) -> Iterator[bytes]:
    """One member's key or value, in pieces."""
    ending = ValueEnd("}")
    while view.peek():
        end = ending.find(view.text, view.pos)
        yield view.take(end if end >= 0 else len(view.text))
        if end >= 0:
            return


def whole(stream: BinaryIO, *, path: str, kind: str) -> Iterator[Glue | Slice]:
    """The whole document as one slice (BOM and surrounding white space are glue)."""
    data = stream.read()
    body = data.removeprefix(b"\xef\xbb\xbf").lstrip(SPACE.encode())
    if lead := data[: len(data) - len(body)]:
        yield Glue(lead)
    core = body.rstrip(SPACE.encode())
    if core:
        yield load(Slice(kind, path, "", core))
    if trail := body[len(core) :]:
        yield Glue(trail)


def first_value(stream: BinaryIO, *, keys: tuple[str, ...] = (), limit: int = 64 << 20) -> Json:
    """The first element of the array under `keys` (or the object itself) for recognising a shape; None if there is none or it
    cannot be decoded within `limit` bytes."""
    route: Route = ""
    for key in reversed(keys):
        route = {key: route}
    pieces = _pieces(Window(stream, 1 << 16, most=limit), "", route, limit, only_first=True)
    return next((piece.value for piece in pieces if isinstance(piece, Slice)), None)


def outline(stream: BinaryIO, *, most: int = 4 << 20) -> tuple[str, list[str]]:
    """("array", keys of its first object), ("object", its keys) or ("", []) from the first `most` bytes, decoding keys only."""
    view = Window(stream, 1 << 16, most=most)
    if view.peek() == "\ufeff":
        view.take(view.pos + 1)
    view.take_between(commas=False)
    kind = {"[": "array", "{": "object"}.get(view.peek(), "")
    if kind == "array":
        view.take(view.pos + 1)
        view.take_between(commas=False)
    return kind, _keys(view) if kind and view.peek() == "{" else []


def _keys(view: Window) -> list[str]:
    keys: list[str] = []
    view.take(view.pos + 1)
    while view.take_between(commas=True) is not None and view.peek() == '"':
        key = _read(b"".join(_value_bytes(view)))[0]
        view.take_between(commas=False)
        if key is None or view.peek() != ":":
            break
        keys.append(key)
        view.take(view.pos + 1)
        view.take_between(commas=False)
        for _ in _value_bytes(view):
            pass
    return keys


# --- finding a span ---------------------------------------------------------------------------------------------------

_AFTER = re.compile(r"[ \t\n\r,:]*")


def locate(data: bytes, where: tuple[str | int, ...]) -> tuple[int, int] | None:
    """Byte span (start, end) of the value at a path of keys and indexes inside one JSON value; None if it is not there.
    For a duplicated key the last one. Erasure blanks this span."""
    original = data.decode("utf-8", "surrogateescape")
    text = cleaned(original)
    try:
        start = _skip(text, 0)
        end = step_over(text, start)[1]
        for step in where:
            found = [span for place, *span in _members(text, start) if place == step and type(place) is type(step)]
            if not found:
                return None
            start, end = found[-1]
    except (ValueError, RecursionError):
        return None
    return _bytes(original[:start]), _bytes(original[:end])


def locate_members(data: bytes, *keys: str) -> dict[str, tuple[int, int]]:
    """Byte spans of the values of these members of one JSON object, in one walk over it; of a duplicated key the last one. Empty
    if it is no object or cannot be walked."""
    original = data.decode("utf-8", "surrogateescape")
    text = cleaned(original)
    start = _skip(text, 0)
    try:
        found = {place: span for place, *span in _members(text, start) if place in keys} if text[start : start + 1] == "{" else {}
    except (ValueError, RecursionError, IndexError):
        return {}
    plain = original.isascii()
    return {
        str(key): (first, end) if plain else (_bytes(original[:first]), _bytes(original[:end]))
        for key, (first, end) in found.items()
    }


def _skip(text: str, pos: int) -> int:
    match = _AFTER.match(text, pos)
    return match.end() if match else pos


def _members(text: str, pos: int) -> Iterator[tuple[str | int, int, int]]:
    """(key or index, start, end) of each member of the container at `pos`; nothing for a scalar."""
    opening = text[pos]
    if opening not in "[{":
        return
    pos, index = _skip(text, pos + 1), 0
    while text[pos] not in "]}":
        place: str | int = index
        if opening == "{":
            place, pos = step_over(text, pos)
            pos = _skip(text, pos)
        end = step_over(text, pos)[1]
        yield place, pos, end
        pos, index = _skip(text, end), index + 1
