"""The parts of `delivery` that know zips from within: one member read under guard, its directory record, and writing it all again.

A container's directory is {"comment": base64 (zips), "order": [item, …]}; an item is a file's name (its record stands with the
Entry), or an object with "name": a folder (name ends in "/") or, with "container", a zip that was looked into.
"""

from __future__ import annotations

import base64
import io
import lzma
import os
import re
import secrets
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from souviens.errors import SourceError
from souviens.records import Json

ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, struct.error, OSError)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_ENCRYPTED, _STRONG, _UTF8_NAME = 0x1, 0x40, 0x800
_RATIO_FROM = 1 << 20
_ZIP64_FIELD = 1
_DRIVE = re.compile(r"[A-Za-z]:")
_EXPORT_SUFFIXES = (".json", ".jsonl", ".zip")


@dataclass(frozen=True, slots=True)
class Member:
    """A file as its container offers it: name in it, declared size, directory record, and an unguarded stream."""

    name: str
    size: int
    directory: Json
    open: Callable[[], BinaryIO]


class Bounded(io.RawIOBase):
    """A stream that must deliver exactly the declared bytes; every failure below it is a SourceError that names the member."""

    def __init__(self, source: BinaryIO, size: int, where: str) -> None:
        self._source, self._left, self._where = source, size, where

    @classmethod
    def over(cls, member: Member, where: str) -> BinaryIO:
        try:
            source = member.open()
        except ZIP_ERRORS as error:
            raise _unreadable(where, error) from error
        return io.BufferedReader(cls(source, member.size, where), 1 << 16)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._source.read(len(buffer))
        except ZIP_ERRORS as error:
            raise _unreadable(self._where, error) from error
        self._left -= len(data)
        if self._left < 0 or (not data and self._left):
            more = "more" if self._left < 0 else "fewer"
            raise SourceError(f"{self._where}: damaged", f"{more} bytes than its container declares", "download the export again")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._source.close()
        super().close()


def _unreadable(where: str, error: BaseException) -> SourceError:
    return SourceError(f"{where}: cannot be read", str(error) or type(error).__name__, "download the export again")


# --- what is refused --------------------------------------------------------------------------------------------------


def refusal(name: str) -> str:
    """Why a name must not be taken in ("" if it may): anything that could mean a place outside its container on any system."""
    if "\0" in name:
        return "a NUL byte in its name"
    if "\\" in name:
        return "a backslash in its name"
    if name.startswith("/") or _DRIVE.match(name):
        return "an absolute name"
    parts = name.removesuffix("/").split("/")
    if ".." in parts:
        return "its name leads out of the container"
    if "" in parts or "." in parts:
        return "an empty or '.' step in its name"
    return "" if name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name) else "its name is not valid Unicode"


def zip_refusal(info: zipfile.ZipInfo, length: int, ratio: int) -> str:
    """Why a member of a zip of `length` bytes must not be read ("" if it may)."""
    if info.flag_bits & (_ENCRYPTED | _STRONG):
        return "encrypted"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symbolic link"
    if info.compress_type not in _METHODS:
        return f"compression method {info.compress_type} is not supported"
    # A header may claim more compressed bytes than there are, to look harmless.
    compressed = min(info.compress_size, max(length - info.header_offset, 0))
    if info.file_size > _RATIO_FROM and info.file_size > ratio * compressed:
        return f"it would grow more than {ratio} times: the mark of a zip bomb"
    return ""


def holds_export(archive: zipfile.ZipFile) -> bool:
    """Whether a nested zip is looked into: it holds JSON or a further zip. All others are attachments."""
    return any(info.orig_filename.lower().endswith(_EXPORT_SUFFIXES) for info in archive.infolist())


# --- the directory of a zip -------------------------------------------------------------------------------------------


def pack(data: bytes) -> str:
    return base64.b64encode(data).decode()


def zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    record = describe_info(info)
    return Member(info.orig_filename, info.file_size, record, lambda: cast(BinaryIO, archive.open(info)))


def describe_info(info: zipfile.ZipInfo) -> dict[str, Json]:
    """One central directory record, JSON-able: all that is not the bytes or derived from them."""
    return {
        "date_time": list(info.date_time),
        "compress_type": info.compress_type,
        "external_attr": info.external_attr,
        "internal_attr": info.internal_attr,
        "create_system": info.create_system,
        "create_version": info.create_version,
        "extract_version": info.extract_version,
        "utf8_name": bool(info.flag_bits & _UTF8_NAME),
        "size": info.file_size,
        "extra": pack(_without_zip64(info.extra)),
        "comment": pack(info.comment),
    }


def _without_zip64(extra: bytes) -> bytes:
    """Extra fields without the one for sizes over 4 GiB, which the writer makes itself."""
    kept, pos = b"", 0
    while pos + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, pos)
        kept += b"" if kind == _ZIP64_FIELD else extra[pos : pos + 4 + length]
        pos += 4 + length
    return kept + extra[pos:]


def _info(name: str, record: dict[str, Json]) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.date_time = tuple(record["date_time"])  # set afterwards: the constructor refuses dates that real zips have (month 0)
    info.compress_type = record["compress_type"]
    info.internal_attr = record["internal_attr"]
    info.create_system = record["create_system"]
    info.create_version = record["create_version"]
    info.extract_version = record["extract_version"]
    info.extra = base64.b64decode(record["extra"])
    info.comment = base64.b64decode(record["comment"])
    info.file_size = record["size"]
    return info


# --- writing ----------------------------------------------------------------------------------------------------------


class _Members:
    """The given members, one of which can be looked at before it is taken."""

    def __init__(self, members: Iterator[tuple[str, Json, Iterator[bytes]]]) -> None:
        self._rest = members
        self.next = next(members, None)

    def take(self, name: str) -> tuple[Json, Iterator[bytes]] | None:
        """The next member if it is this one. A name in the order without a member was withheld or refused."""
        if self.next is None or self.next[0] != name:
            return None
        _, record, pieces = self.next
        return record, pieces

    def advance(self) -> None:
        self.next = next(self._rest, None)


def write(kind: str, directory: Json, members: Iterator[tuple[str, Json, Iterator[bytes]]], target: Path) -> None:
    """See `delivery.write_container`."""
    given = _Members(members)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        if kind == "folder":
            _write_folder(directory, given, beside)
        elif kind == "zip":
            with beside.open("xb") as file:
                _write_zip(file, directory, "", given)
        elif given.next is not None:
            _, record, pieces = given.next
            _write_file(beside, record, pieces)
            given.advance()
        if given.next is not None:
            raise SourceError(f"{target}: not written", f"{given.next[0]!r} has no place in the container's directory")
        beside.replace(target)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside)
        else:
            beside.unlink(missing_ok=True)


def _write_file(path: Path, record: Json, pieces: Iterator[bytes]) -> None:
    with path.open("xb") as file:
        file.writelines(pieces)
    os.utime(path, ns=(record["modified"], record["modified"]))


def _write_folder(directory: Json, given: _Members, folder: Path) -> None:
    folder.mkdir()
    folders: list[tuple[Path, int]] = []
    for item in directory["order"]:
        name = item if isinstance(item, str) else item["name"]
        if reason := refusal(name):
            raise SourceError(f"{folder.name}: {name!r} not written", reason)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(item, str):
            if (member := given.take(name)) is not None:
                _write_file(path, *member)
                given.advance()
        elif "container" in item:
            with path.open("xb") as file:
                _write_zip(file, item["container"], name + "!/", given)
            os.utime(path, ns=(item["modified"], item["modified"]))
        else:
            path.mkdir(exist_ok=True)
            folders.append((path, item["modified"]))
    for path, modified in reversed(folders):  # last: writing into a folder changes its time
        os.utime(path, ns=(modified, modified))


def _write_zip(file: BinaryIO, directory: Json, prefix: str, given: _Members) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = base64.b64decode(directory["comment"])
        for item in directory["order"]:
            if isinstance(item, str):
                if (member := given.take(prefix + item)) is not None:
                    record, pieces = member
                    info = _info(item, record)
                    with archive.open(info, "w") as stream:
                        stream.writelines(pieces)
                    info.external_attr = record["external_attr"]  # only now: opening replaces 0 by a default
                    given.advance()
                continue
            info = _info(item["name"], item)
            with archive.open(info, "w") as stream:
                if "container" in item:
                    _write_zip(cast(BinaryIO, stream), item["container"], f"{prefix}{item['name']}!/", given)
            info.external_attr = item["external_attr"]
