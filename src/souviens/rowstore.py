"""SQLite databases of other programs, read without disturbing them: a private snapshot, and rows as JSON with their types.

A database that a client has open is never opened here, not even for reading: a reader's lock can keep a writer waiting, and a
reader of a write-ahead log writes to its index. The file and its log are copied as bytes, and the copy is opened.

Row stores cannot be cut: the rows of a conversation lie scattered over pages. A slice of theirs is the rows of one conversation,
written as JSON by `document`, in which every value comes back with its type: integers and text as they are, reals by their
shortest exact form, what JSON cannot write as an object of one member: {"$blob": base64}, {"$text": base64} for text that is not
UTF-8, {"$real": "inf"} for an infinite number. A column holds no objects, so that nothing else can look like these.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from souviens.errors import SourceError
from souviens.records import Json

Row: TypeAlias = dict[str, Json]
Tables: TypeAlias = dict[str, tuple[str, ...]]
_LOGS = ("-wal", "-journal")
_BESIDE = (*_LOGS, "-shm")
_TRIES = 20
_TICK = 50_000_000  # nanoseconds: the clock of files is finer than this wherever databases are written
_CHUNK = 1 << 20
_ROW_NUMBERS = ("rowid", "_rowid_", "oid")  # the names of a row's number, unless a column bears them


# --- a live database --------------------------------------------------------------------------------------------------


def has_log(path: Path) -> bool:
    """Whether a database has a log beside it that holds something: its own file alone is not what the client sees."""
    return any(_size(path.with_name(path.name + log)) for log in _LOGS)


def beside(name: str) -> tuple[str, ...]:
    """The files that SQLite keeps beside a database of this name. What is in them is in the snapshot, or is an index of it."""
    return tuple(name + suffix for suffix in _BESIDE)


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
            before, now = _state(path), time.time_ns()
            # A write in the same tick of the clock as the one before would change no time.
            if any(0 <= now - written < _TICK for _, written in before):
                time.sleep(_TICK / 1e9)
                continue
            shutil.copyfile(path, copy)
            for suffix in _LOGS:
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


# --- a database as bytes ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(stream: BinaryIO, name: str) -> Iterator[sqlite3.Connection]:
    """A database out of a stream of its bytes. Raises SourceError if it is none, and for what cannot be read of it later on.

    Its bytes lie in a file of a private folder meanwhile: a database can be larger than memory.
    """
    with tempfile.TemporaryDirectory(prefix="souviens-") as folder:
        path = Path(folder) / "copy.db"
        with path.open("wb") as file:
            while chunk := stream.read(_CHUNK):
                file.write(chunk)
        if _is_cut_off(path):
            raise SourceError(f"{name}: a database that cannot be read", "it is cut off", "make a new copy of it")
        try:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
                database.text_factory = _text
                database.row_factory = _row
                database.execute("PRAGMA trusted_schema=OFF")
                yield database
        except (sqlite3.Error, UnicodeError) as error:  # UnicodeError: the name of a column in a damaged schema
            raise SourceError(f"{name}: a database that cannot be read", str(error), "make a new copy of it") from error


def _is_cut_off(path: Path) -> bool:
    """Whether a file is shorter than its header says. SQLite does not see it in the last page, and reads zeros there."""
    with path.open("rb") as file:
        head = file.read(100)
    size, count = int.from_bytes(head[16:18]), int.from_bytes(head[28:32])
    is_counted = head[24:28] == head[92:96]  # else some older program wrote to it and did not keep count
    return is_counted and path.stat().st_size < (65536 if size == 1 else size) * count


def _text(data: bytes) -> Json:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"$text": base64.b64encode(data).decode()}


def _row(cursor: sqlite3.Cursor, values: tuple[Json, ...]) -> Row:
    return {column[0]: _value(value) for column, value in zip(cursor.description, values, strict=True)}


def _value(value: Json) -> Json:
    if isinstance(value, bytes):
        return {"$blob": base64.b64encode(value).decode()}
    return {"$real": str(value)} if isinstance(value, float) and math.isinf(value) else value


def schema(stream: BinaryIO, name: str) -> Tables:
    """The tables of a database out of a stream of its bytes, for telling what it is. Raises SourceError if it cannot be read."""
    with opened(stream, name) as database:
        return tables(database)


def tables(database: sqlite3.Connection) -> Tables:
    """The tables of a database that hold rows of their own, each with its columns, by name. Raises sqlite3.Error."""
    listed = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    names = [row["name"] for row in listed if _is_table(row["name"], row["sql"])]
    found = {name: database.execute(f"PRAGMA table_info({quoted(name)})").fetchall() for name in names}
    return {name: tuple(row["name"] for row in found[name] if isinstance(row["name"], str)) for name in names}


def _is_table(name: Json, sql: Json) -> bool:
    """Whether a table has rows of its own: those of a virtual one are what some code makes of others."""
    if not isinstance(name, str) or not isinstance(sql, str) or name.startswith("sqlite_") or "\0" in name:
        return False
    return sql.split(maxsplit=2)[1:2] != ["VIRTUAL"]


def indexed(database: sqlite3.Connection, table: str, column: str) -> None:
    """Make it quick to find the rows of a table by a column. Only our copy changes; what cannot be indexed is just slow."""
    with contextlib.suppress(sqlite3.DatabaseError):
        name = quoted(f"souviens {table} {column}")
        database.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {quoted(table)} ({quoted(column)})")


def rows(
    database: sqlite3.Connection, table: str, where: str = "", values: Iterable[Json] = (), *, order: str | None = None
) -> Iterator[Row]:
    """Rows of a table in the order they were put in. where: an SQL condition with ? for `values`. order: what `order_of` said of
    this table, if it was asked before. Raises sqlite3.Error."""
    condition = f" WHERE {where}" if where else ""
    order = order_of(database, table) if order is None else order
    yield from database.execute(f"SELECT * FROM {quoted(table)}{condition}{order}", [_given(value) for value in values])


def order_of(database: sqlite3.Connection, table: str) -> str:
    """The words of SQL by which rows of a table come in the order they were put in; of one without row numbers, of its key."""
    columns = {str(row["name"]).lower() for row in database.execute(f"PRAGMA table_info({quoted(table)})")}
    number = next((name for name in _ROW_NUMBERS if name not in columns), "")
    try:
        database.execute(f"SELECT {number or 1} FROM {quoted(table)} LIMIT 0")
    except sqlite3.OperationalError as error:
        if f"no such column: {number}" not in str(error):
            raise
        return ""
    return f" ORDER BY {number}" if number else ""


def _given(value: Json) -> Json:
    """A value of a row as the database takes it. No condition finds text that is not UTF-8: it is compared as a blob."""
    if isinstance(value, dict):
        ((kind, written),) = value.items()
        return float(written) if kind == "$real" else base64.b64decode(written)
    return value


def quoted(name: str) -> str:
    """A name as SQL writes it. In a condition, one that no column bears would be read as a string: see what `tables` says."""
    return '"' + name.replace('"', '""') + '"'


def document(value: Json) -> bytes:
    """Rows as the bytes of a slice: the same for the same rows. Bytes in them are JSON already, and stand there as they are."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"{" + b",".join(document(key) + b":" + document(member) for key, member in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(document, value)) + b"]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
