"""A delivery: a provider's export as it lies on disk (a file, a folder, a zip, zips inside zips), read in a stream.

Nothing is ever extracted. Names are data: entries are recognised by what is inside them. The limits stop bombs; what
they stop is refused as a Problem and the rest is read.

An SQLite database that a running client still writes to is taken from a private copy of it and its log; see `rowstore`.

A zip inside is looked into only if it holds a .json, .jsonl or .zip member; any other (an office document, an attachment
that happens to be a zip) is an ordinary entry, byte for byte. What is looked into comes back member for member.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from souviens import _container, rowstore
from souviens._container import Bounded, Member, refusal
from souviens.errors import SourceError
from souviens.jsonspan import outline, sample, sampled
from souviens.records import Json, Problem

_MAGIC_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_HELD = 64 << 20  # bytes of nested zips held in memory: reading backwards in a compressed one starts it again from its first byte
_FARTHER = 4 << 20  # bytes that are sampled where the usual head ends before the first element does
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MAGICS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"%PDF-", "PDF"),
    (b"SQLite format 3\0", "SQLite"),
    (b"PK\x03\x04", "zip"),
)


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
    _seen: list[Peek] = field(default_factory=list, compare=False, repr=False)  # what `peek` saw, once it was asked

    def head(self, n: int = 65536) -> bytes:
        with self.open() as stream:
            return stream.read(n)


Look: TypeAlias = Literal["array", "object", "lines", "sqlite", "zip", "html", "text", "binary", "empty", "unreadable"]


@dataclass(frozen=True, slots=True)
class Peek:
    """What the beginning of a file shows, for telling what it is: bounded, whatever the file.

    look: "array" and "object" begin like JSON; "lines" is an object or array on each line. head: the first 64 KiB (of a file
    that could not be read, nothing). keys: of the object, or of an array's first object, all within 4 MiB. sample: the JSON
    pruned: strings cut to 400 characters, arrays to 4 elements, objects to 80 members; of "lines" a list, one element a line.
    tables: of "sqlite" the columns of each table, {} if it cannot be opened.
    """

    look: Look
    head: bytes = b""
    keys: tuple[str, ...] = ()
    sample: Json = None
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def has(self, *keys: str) -> bool:
        """Whether the object (or the array's first object) has all of these keys."""
        return set(self.keys).issuperset(keys)

    @property
    def first(self) -> dict[str, Json]:
        """The object itself, or the first object of the array or of the lines, pruned; {} if there is none."""
        items = self.sample if isinstance(self.sample, list) else [self.sample]
        return next((item for item in items if isinstance(item, dict)), {})


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

    def peek(self, entry: Entry) -> Peek:
        """The beginning of one of its files."""
        return peek(entry)

    def entry(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.name == name), None)

    def describe(self) -> str:
        """What was seen, in one line without content:
        "zip of 3 files: MyActivity.json (array of objects with header, title, time), …"."""
        shown = ", ".join(f"{entry.name} ({_describe(entry)})" for entry in self.entries[:5])
        count = f"{len(self.entries)} file{'' if len(self.entries) == 1 else 's'}"
        seen = f"{self.kind} of {count}{': ' if shown else ''}{shown}{', …' if len(self.entries) > 5 else ''}"
        if not self.problems:
            return seen
        first = self.problems[0]
        return (
            f"{seen}; {len(self.problems)} refused: {first.where or first.path}, {first.reason}{', …' * (len(self.problems) > 1)}"
        )


def peek(entry: Entry) -> Peek:
    """What the beginning of a file shows; looked at once, however many readers ask. Damage is no error here: it shows as
    "unreadable" or "binary"."""
    if not entry._seen:
        entry._seen.append(_peek(entry))
    return entry._seen[0]


def _peek(entry: Entry) -> Peek:
    try:
        head = entry.head()
    except SourceError:
        return Peek("unreadable")
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not body:
        return Peek("empty" if not head else "text", head)
    if body[:1] in (b"{", b"["):
        return _peek_json(entry, head, body)
    magic = next((name.lower() for magic, name in _MAGICS if head.startswith(magic)), "")
    if magic == "sqlite":
        return _peek_database(entry, head)
    if magic == "zip":
        return Peek("zip", head)
    if body[:14].lower().startswith((b"<!doctype html", b"<html")):
        return Peek("html", head)
    # A character cut by the end of the head is no sign of a binary file.
    text = head.decode("utf-8", "ignore")
    return Peek("binary" if magic or b"\0" in head or len(text.encode()) < len(head) - 3 else "text", head)


def _peek_database(entry: Entry, head: bytes) -> Peek:
    try:
        with entry.open() as stream:
            return Peek("sqlite", head, tables=rowstore.schema(stream, entry.name))
    except SourceError:
        return Peek("unreadable", head)


def _peek_json(entry: Entry, head: bytes, body: bytes) -> Peek:
    lines = [line for line in body.split(b"\n")[:8] if line.strip()]
    # The last line may be cut by the end of the head; one that stands alone is a document.
    whole = lines[:-1] if len(head) < entry.size else lines
    values = [sample(line) for line in whole]
    if len(lines) > 1 and whole and lines[1].lstrip()[:1] in (b"{", b"[") and lines[0].rstrip().endswith((b"}", b"]")):
        objects = [value for value in values if isinstance(value, (dict, list))]
        first = next((value for value in objects if isinstance(value, dict)), {})
        return Peek("lines", head, tuple(first), objects)
    try:
        kind, keys = _outline(entry)
    except SourceError:
        return Peek("unreadable", head)
    value, is_cut = sampled(head)
    if is_cut and len(head) < entry.size:  # what is told first may be long: a prompt of the system, a document
        with suppress(SourceError):
            value = sample(entry.head(_FARTHER))
    return Peek("array" if kind == "array" else "object", head, tuple(keys), value)


def _describe(entry: Entry) -> str:
    """The shape of one file: never a value out of it."""
    try:
        head = entry.head(4096)
        kind, keys = _outline(entry) if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{") else ("", [])
    except SourceError as error:
        return f"unreadable: {error.why}"
    if kind:
        if entry.size <= len(head) and b"".join(head.removeprefix(b"\xef\xbb\xbf").split()) == b"[]":
            return "an empty array: the provider put nothing in it"
        listed = ", ".join(keys[:8]) + (", …" if len(keys) > 8 else "")
        return f"{kind}{' of objects' if keys and kind == 'array' else ''}{f' with {listed}' if keys else ''}"
    if not head:
        return "empty"
    if head.startswith(_UTF_16) and b"\0" in head:
        return "text in UTF-16, which no reader takes: convert it with iconv -f UTF-16 -t UTF-8"
    for magic, name in _MAGICS:
        if head.startswith(magic):
            return f"{name}{_unreadable(entry)}" if name == "SQLite" else name
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "HTML"
    # A character cut by the end of the head is no sign of a binary file.
    text = head.decode("utf-8", "ignore")
    if b"\0" in head or len(text.encode()) < len(head) - 3:
        return "binary"
    names = _columns(text) if entry.name.lower().endswith((".csv", ".tsv")) else []
    return f"a table with {', '.join(names[:8])}{', …' * (len(names) > 8)}" if names else "text"


def _columns(text: str) -> list[str]:
    """The columns that the first line of a table names; none if it may be a row: there are figures in it, or sentences."""
    lines = text.removeprefix("\ufeff").splitlines()[:2]
    if not lines:
        return []
    between = max(",;\t", key=lines[0].count)
    names = [name.strip().strip('"').strip() for name in lines[0].split(between)]
    are_names = all(len(name) <= 30 and name.count(" ") < 4 and not any(map(str.isdigit, name)) for name in names)
    return names if len(names) > 1 and are_names and not any(mark in lines[0] for mark in ".!?") else []


def _unreadable(entry: Entry) -> str:
    """What is wrong with a database, as the end of a sentence; "" for a sound one."""
    try:
        with entry.open() as stream:
            rowstore.schema(stream, entry.name)
    except SourceError as error:
        return f", unreadable: {error.why}"
    return ""


def _outline(entry: Entry) -> tuple[str, list[str]]:
    with entry.open() as stream:
        return outline(stream)


# --- opening ----------------------------------------------------------------------------------------------------------


@contextmanager
def open_delivery(path: Path, limits: Limits = Limits()) -> Iterator[Delivery]:
    """Open a file, folder or zip. Raises SourceError if it is absent, unreadable or an empty or broken container."""
    with ExitStack() as opened:
        try:
            delivery = _folder(path, limits, opened) if path.is_dir() else _file(path, limits, opened)
        except FileNotFoundError:
            raise SourceError(f"{path}: there is no such file", next="give the path of an export (zip, folder or file)") from None
        except OSError as error:
            raise SourceError(f"{path}: cannot be read", error.strerror or str(error), "check its permissions") from error
        yield delivery


def _file(path: Path, limits: Limits, opened: ExitStack) -> Delivery:
    if not path.is_file() and path.exists():
        raise SourceError(f"{path}: not a regular file", next="give the path of an export (zip, folder or file)")
    given, path = path, _still(path, opened)
    size, digest = path.stat().st_size, _digest(path)
    if size == 0:
        raise SourceError(f"{path}: empty (0 bytes)", "the download did not arrive", "download the export again")
    with path.open("rb") as stream:
        is_zip = stream.read(4) in _MAGIC_ZIP
    delivery = Delivery(str(given), "zip" if is_zip else "file", (), sha256=digest, bytes=size)
    inventory = _Inventory(delivery, limits, opened)
    if is_zip:
        try:
            archive = opened.enter_context(zipfile.ZipFile(path))
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise SourceError(f"{path}: a zip that cannot be opened", f"{error}; it may be cut off", "download it again") from error
        delivery.directory = inventory.add_zip(archive, "", size, 0)
    else:
        inventory.add_file(given.name, path, size)
    delivery.entries = tuple(inventory.entries)
    if not delivery.entries and not delivery.problems:
        raise SourceError(f"{path}: an empty zip", "it holds no files", "download the export again")
    return delivery


def _still(path: Path, opened: ExitStack) -> Path:
    """The file itself, or the snapshot of a database whose client keeps a log beside it."""
    if not rowstore.has_log(path):
        return path
    with path.open("rb") as stream:
        if not stream.read(16).startswith(b"SQLite format 3"):
            return path
    return opened.enter_context(rowstore.snapshot(path))


def _folder(path: Path, limits: Limits, opened: ExitStack) -> Delivery:
    """Everything below a folder, sorted by name. Links are refused, not followed: they lead out of what was given."""
    delivery = Delivery(str(path), "folder", ())
    inventory = _Inventory(delivery, limits, opened)
    order: list[Json] = []
    lines = hashlib.sha256()
    refused: set[str] = set()  # what lies beside refused databases: it may hold what their reader would withhold
    for name, item in sorted((below.relative_to(path).as_posix(), below) for below in _below(path)):
        status = item.lstat()
        if stat.S_ISDIR(status.st_mode):
            order.append({"name": name + "/", "modified": status.st_mtime_ns})
        elif not stat.S_ISREG(status.st_mode):
            inventory.refuse(name, "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a regular file")
        elif name in refused:
            inventory.refuse(name, "the log of a database that cannot be read")
        else:
            try:
                still = _still(item, opened)
            except SourceError as error:  # a database with a log, of which no snapshot can be had: the others are no worse for it
                inventory.refuse(name, f"a database that cannot be read: {error.why}")
                refused.update(rowstore.beside(name))
                continue
            size = still.stat().st_size
            if (added := inventory.add_file(name, still, size)) is not None:
                order.append(added)
                lines.update(f"{name}\0{size}\0{_digest(still)}\n".encode())
                delivery.bytes += size
    delivery.directory = {"order": order}
    delivery.entries = tuple(inventory.entries)
    delivery.sha256 = lines.hexdigest()
    if not delivery.entries and not delivery.problems:
        raise SourceError(f"{path}: an empty folder", "there is no file below it", "give the folder the export was unpacked into")
    return delivery


def _below(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as found:
        for item in found:
            yield Path(item.path)
            if item.is_dir(follow_symlinks=False):
                yield from _below(Path(item.path))


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _Inventory:
    """Collects the entries of one delivery and keeps its limits over all its containers."""

    def __init__(self, delivery: Delivery, limits: Limits, opened: ExitStack) -> None:
        self.entries: list[Entry] = []
        self._delivery, self._limits, self._opened = delivery, limits, opened
        self._names: set[str] = set()
        self._count = self._total = self._held = 0

    def refuse(self, name: str, reason: str) -> None:
        shown = name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
        self._delivery.problems.append(Problem("source", self._delivery.path, shown, reason))

    def add_file(self, name: str, path: Path, size: int) -> Json | None:
        """A file on disk: its item in the order of the directory, None if refused."""
        member = Member(name, size, {"modified": path.lstat().st_mtime_ns}, lambda: path.open("rb"))
        return self._add(member, name, 0)

    def add_zip(self, archive: zipfile.ZipFile, prefix: str, length: int, depth: int) -> Json:
        """The members of a zip of `length` bytes, and its directory: {"comment", "order"}; see `_container`."""
        order: list[Json] = []
        for info in archive.infolist():
            name = info.orig_filename
            if self._count >= self._limits.entries:
                self.refuse(prefix + name, f"too many entries: the limit is {self._limits.entries:,}; this and all later ones")
                break
            if reason := refusal(name) or _container.zip_refusal(info, length, self._limits.ratio):
                self.refuse(prefix + name, reason)
            elif name.endswith("/"):
                self._count += 1
                order.append({"name": name, **_container.describe_info(info)})
            elif (added := self._add(_container.zip_member(archive, info), prefix + name, depth)) is not None:
                order.append(added)
        return {"comment": _container.pack(archive.comment), "order": order}

    def _add(self, member: Member, name: str, depth: int) -> Json | None:
        """Enter one file, or the members of a zip that is looked into. The item of its container's order, None if refused."""
        limits = self._limits
        reason = refusal(member.name)
        if name in self._names:
            reason = "a second entry of this name: the first is kept"
        elif self._count >= limits.entries:
            reason = f"too many entries: the limit is {limits.entries:,}"
        elif member.size > limits.member:
            reason = f"too large: {member.size:,} bytes, the limit for one file is {limits.member:,}"
        elif self._total + member.size > limits.total:
            reason = f"too large: with it the delivery exceeds {limits.total:,} bytes"
        if reason:
            self.refuse(name, reason)
            return None
        self._names.add(name)
        self._count += 1
        self._total += member.size
        nested = self._nested(member, name, depth)
        if nested is not None:
            return {"name": member.name, **member.directory, "container": nested}
        where = f"{self._delivery.path}: {name}"
        self.entries.append(Entry(name, member.size, member.directory, lambda: Bounded.over(member, where)))
        return member.name

    def _nested(self, member: Member, name: str, depth: int) -> Json | None:
        """The directory of a zip that is looked into; None for everything else."""
        if self._delivery.kind == "file":
            return None
        try:
            with Bounded.over(member, name) as stream:
                if stream.read(4) not in _MAGIC_ZIP:
                    return None
            archive = self._open_nested(member, name)
        except (SourceError, *_container.ZIP_ERRORS):
            # Not a zip after all, or a damaged one: an ordinary entry, whose reading says what is wrong with it.
            return None
        if archive is None:
            return None
        if depth >= self._limits.depth:
            self.refuse(name, f"zips nested deeper than {self._limits.depth}: kept as a file, not looked into")
            return None
        return self.add_zip(archive, name + "!/", member.size, depth + 1)

    def _open_nested(self, member: Member, name: str) -> zipfile.ZipFile | None:
        """The zip, held open until the delivery closes; None if it is an attachment."""
        with ExitStack() as tentative:
            stream = tentative.enter_context(Bounded.over(member, name) if self._fits(member) else member.open())
            source = io.BytesIO(stream.read()) if self._fits(member) else stream
            archive = tentative.enter_context(zipfile.ZipFile(source))
            if not _container.holds_export(archive):
                return None
            self._held += member.size if self._fits(member) else 0
            self._opened.push(tentative.pop_all())
            return archive

    def _fits(self, member: Member) -> bool:
        return self._held + member.size <= _HELD


# --- writing ----------------------------------------------------------------------------------------------------------


def write_container(
    delivery_kind: str, directory: Json, members: Iterator[tuple[str, Json, Iterator[bytes]]], target: Path
) -> None:
    """Write a file, folder or zip again from (name, entry directory, bytes): the other half of `open_delivery`.

    Members come in the order of the delivery; those of nested zips are put back into theirs; one that is left out is left
    out of its container. Writes beside `target` and renames, so a half-written file never bears the name. Raises
    SourceError for a member that has no place in `directory`."""
    _container.write(delivery_kind, directory, members, target)
