"""A delivery: a provider's export as it lies on disk (a file, a folder, a zip, zips inside zips), read in a stream.

Nothing is ever extracted. Names are data: entries are recognised by what is inside them. The limits stop bombs; what
they stop is refused as a Problem and the rest is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from souviens.records import Json, Problem


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps against bombs. Sizes in bytes; ratio = uncompressed / compressed for a member over 1 MiB; depth = zips in zips."""

    entries: int = 200_000
    member: int = 64 << 30
    total: int = 256 << 30
    ratio: int = 200
    depth: int = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a delivery. name: its path with "/", a nested zip's members as "inner.zip!/name". size: uncompressed bytes.
    directory: what is needed to write the container's directory again (order, times, methods, flags, attributes), JSON-able;
    for a folder: {"modified": ...}. open: a fresh binary stream over the bytes (size-checked: raises on a lying header)."""

    name: str
    size: int
    directory: Json
    open: Callable[[], BinaryIO]

    def head(self, n: int = 65536) -> bytes:
        with self.open() as stream:
            return stream.read(n)


@dataclass(slots=True)
class Delivery:
    """path: as given. kind: "file", "folder", "zip" or "stored" (one that is read back out of a vault).
    entries: in the container's order; folders sorted by name. problems: what the limits or the container refused.
    sha256: of the file as received; of a folder, over its sorted "name\\0size\\0sha256" lines. bytes: its size."""

    path: str
    kind: str
    entries: tuple[Entry, ...]
    problems: list[Problem] = field(default_factory=list)
    sha256: str = ""
    bytes: int = 0
    directory: Json = None

    def entry(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.name == name), None)

    def describe(self) -> str:
        """What was seen, in one line without content: "zip of 3 files: MyActivity.json (array of objects with header, title, time), …"."""
        raise NotImplementedError


@contextmanager
def open_delivery(path: Path, limits: Limits = Limits()) -> Iterator[Delivery]:
    """Open a file, folder or zip. Raises SourceError if it is absent, unreadable or an empty or broken container."""
    raise NotImplementedError
    yield


def write_container(delivery_kind: str, directory: Json, members: Iterator[tuple[str, Json, Iterator[bytes]]], target: Path) -> None:
    """Write a file, folder or zip again from (name, entry directory, bytes): the other half of `open_delivery`. Members of nested
    zips are given consecutively and put back into theirs. Writes beside `target` and renames, so a half-written file never bears the name."""
    raise NotImplementedError
