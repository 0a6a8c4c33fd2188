"""Cutting JSON with byte spans: every byte of a member is either a slice (one element) or the glue between slices.

`json.JSONDecoder.raw_decode` over a moving window: exact numbers, duplicate keys seen, spans known (docs/decisions/0002
says why not ijson, orjson or msgspec here). Damage refuses the smallest unit: an element that cannot be decoded is still
cut (by counting brackets outside strings), so that its bytes are kept, its reading is refused, and the next element is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from souviens.records import Json


@dataclass(frozen=True, slots=True)
class Glue:
    """Bytes between slices: brackets, commas, white space, and whatever of the document is not an element."""

    data: bytes


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


def decode(data: bytes) -> tuple[Json, Flaws]:
    """One JSON value from bytes, strictly observed. Numbers with a fraction or exponent, and integers over 18 digits, are
    `decimal.Decimal` (exact); other integers int. Raises ValueError with the byte offset if it is not JSON, and also for
    nesting deeper than the decoder can follow."""
    raise NotImplementedError


def load(slice: Slice) -> Slice:
    """The slice with `value`, `flaws` and `damage` filled from `data`: what rebuild does with stored bytes."""
    raise NotImplementedError


def cut_elements(stream: BinaryIO, *, path: str, kind: str, keys: tuple[str, ...] = (), limit: int = 1 << 30) -> Iterator[Glue | Slice]:
    """Cut the array found under `keys` (() = the document itself is the array) into its elements; all else is glue.

    If the document (or what stands under `keys`) is an object instead of an array, that object is the one slice, with
    where "". `limit`: bytes of the largest element that will be decoded; a larger one is cut but damaged ("too large").
    Memory is bounded by the largest element, not by the file. The concatenation of all pieces is the stream, byte for byte.
    """
    raise NotImplementedError


def whole(stream: BinaryIO, *, path: str, kind: str) -> Iterator[Glue | Slice]:
    """The whole document as one slice (BOM and surrounding white space are glue)."""
    raise NotImplementedError


def first_value(stream: BinaryIO, *, keys: tuple[str, ...] = (), limit: int = 64 << 20) -> Json:
    """The first element of the array under `keys` (or the object itself) for recognising a shape; None if there is none or it
    cannot be decoded within `limit` bytes."""
    raise NotImplementedError


def locate(data: bytes, where: tuple[str | int, ...]) -> tuple[int, int] | None:
    """Byte span (start, end) of the value at a path of keys and indexes inside one JSON value; None if it is not there.
    For a duplicated key the last one. Erasure blanks this span."""
    raise NotImplementedError
