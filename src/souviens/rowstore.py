"""SQLite databases of other programs, read without disturbing them: a private snapshot, and rows as JSON with their types.

A database that a client has open is never opened here, not even for reading: a reader's lock can keep a writer waiting, and a
reader of a write-ahead log writes to its index. The file and its log are copied as bytes, and the copy is opened.

Row stores cannot be cut: the rows of a conversation lie scattered over pages. A slice of theirs is the rows of one conversation,
written as JSON by `document`, in which every value comes back with its type: integers and text as they are, reals by their
shortest exact form, blobs as {"$blob": base64}, text that is not UTF-8 as {"$text": base64}.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from souviens.errors import SourceError
from souviens.records import Json

Row: TypeAlias = dict[str, Json]
_LOGS = ("-wal", "-journal")
_TRIES = 5
_CHUNK = 1 << 20


def has_log(path: Path) -> bool:
    """Whether a database has a log beside it that holds something: its own file alone is not what the client sees."""
    return any(_size(path.with_name(path.name + log)) for log in _LOGS)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[Path]:
    """A copy of a database with its log played in, in a private folder that is deleted afterwards.

    The copy is taken again if the client wrote meanwhile. Raises SourceError if it never holds still or cannot be opened.
    """
    with tempfile.TemporaryDirectory(prefix="souviens-") as folder:
        copy = Path(folder) / "snapshot.db"
        for _ in range(_TRIES):
            before = _state(path)
            for suffix in ("", *_LOGS):
                source, target = path.with_name(path.name + suffix), copy.with_name(copy.name + suffix)
                target.unlink(missing_ok=True)
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(source, target)
            if _state(path) == before:
                break
        else:
            raise SourceError(f"{path}: is being written to", "no still moment was found", "close the program that uses it")
        _settle(copy, path)
        yield copy


def _state(path: Path) -> list[tuple[int, int]]:
    found = []
    for suffix in ("", *_LOGS):
        with contextlib.suppress(FileNotFoundError):
            status = path.with_name(path.name + suffix).stat()
            found.append((status.st_size, status.st_mtime_ns))
    return found


def _settle(copy: Path, path: Path) -> None:
    """Play the log into the copy."""
    database = sqlite3.connect(copy)
    try:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        database.execute("PRAGMA journal_mode=DELETE").fetchall()
    except sqlite3.Error as error:
        raise SourceError(f"{path}: a database that cannot be read", str(error), "close the program that uses it") from error
    finally:
        database.close()


@contextlib.contextmanager
def opened(stream: BinaryIO, name: str) -> Iterator[sqlite3.Connection]:
    """A database out of a stream of its bytes, read-only. Raises SourceError if it is none.

    Its bytes lie in a file of a private folder meanwhile: a database can be larger than memory.
    """
    with tempfile.TemporaryDirectory(prefix="souviens-") as folder:
        path = Path(folder) / "copy.db"
        with path.open("wb") as file:
            while chunk := stream.read(_CHUNK):
                file.write(chunk)
        # A copy out of a container has no log beside it, which its header may still promise.
        database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True, isolation_level=None)
        try:
            database.text_factory = _text
            database.row_factory = _row
            database.execute("PRAGMA trusted_schema=OFF")
            yield database
        except sqlite3.Error as error:
            raise SourceError(f"{name}: a database that cannot be read", str(error), "make a new copy of it") from error
        finally:
            database.close()
            path.unlink()


def _text(data: bytes) -> Json:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"$text": base64.b64encode(data).decode()}


def _row(cursor: sqlite3.Cursor, values: tuple[Json, ...]) -> Row:
    row: Row = {}
    for column, value in zip(cursor.description, values, strict=True):
        row[column[0]] = {"$blob": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
    return row


def tables(database: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """The tables of a database that hold rows of their own, each with its columns, by name. Raises sqlite3.Error."""
    names = [
        row["name"]
        for row in database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if isinstance(row["name"], str) and not row["name"].startswith("sqlite_") and isinstance(row["sql"], str)
    ]
    return {name: tuple(row["name"] for row in database.execute(f"PRAGMA table_info({quoted(name)})")) for name in names}


def rows(database: sqlite3.Connection, table: str, where: str = "", values: Iterable[Json] = ()) -> Iterator[Row]:
    """Rows of a table in the order they were put in. where: an SQL condition with ? for `values`. Raises sqlite3.Error."""
    condition = f" WHERE {where}" if where else ""
    try:
        yield from database.execute(f"SELECT * FROM {quoted(table)}{condition} ORDER BY rowid", tuple(values))
    except sqlite3.OperationalError as error:
        if "rowid" not in str(error):
            raise
        yield from database.execute(f"SELECT * FROM {quoted(table)}{condition}", tuple(values))


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def document(value: Json) -> bytes:
    """Rows as the bytes of a slice: the same for the same rows."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=True).encode("utf-8", "surrogatepass")
