"""The one way a database of the vault is opened: encrypted, durable, erasing, and refused if the library is unfit.

Both truth and index come through here, so that no connection can forget `secure_delete` (it is per connection: a second one
without it leaves erased bytes in the file, measured) or run on a SQLite with the WAL-reset bug (before 3.51.3).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw

from souviens.errors import Damaged, NotPermitted, OutOfSpace, VaultError, VaultInUse, WrongKey

_MINIMUM = (3, 51, 3)
BUSY_MS = 30_000
CHECKPOINT_MS = 100
LEFT = 256 << 10  # bytes that an intake leaves free on the disk, beside the room for its logs
_IO = (apsw.IOError, apsw.CantOpenError)
_READING = frozenset({apsw.SQLITE_IOERR_READ, apsw.SQLITE_IOERR_SHORT_READ, apsw.SQLITE_IOERR_CORRUPTFS, apsw.SQLITE_IOERR_DATA})
NEEDED = 128 << 10  # bytes free without which SQLite cannot share a log between processes


def subkey(key: bytes, purpose: str) -> bytes:
    """A key of its own for each database, so that none can be swapped for another: HMAC-SHA256(data key, purpose)."""
    return hmac.new(key, b"souviens/1/" + purpose.encode(), hashlib.sha256).digest()


def connect(path: Path, key: bytes | None, *, create: bool = False, cache_mb: int = 64) -> apsw.Connection:
    """Open (or create) a database file. key: 32 bytes, or None for an unencrypted vault. cache_mb: page cache, decrypted.

    On a disk so full that no log can be shared, the file is ours alone until it is closed: it can be read even then. Raises
    WrongKey if the file does not open with this key, Damaged if its first page cannot be read, VaultError if the installed
    SQLite is older than 3.51.3, and what `failures` does.
    """
    version = tuple(int(n) for n in apsw.sqlite_lib_version().split("."))
    if version < _MINIMUM:
        raise VaultError(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt a database in WAL mode",
            "fixed in 3.51.3",
            "pip install -U apsw-sqlite3mc",
        )
    try:
        return _open(path, key, create, cache_mb)
    except OutOfSpace:
        if create:
            raise
        # What takes room is the memory that the log's readers share. Who has the file for himself keeps that on his heap.
        return _open(path, key, create, cache_mb, alone=True)


def _open(path: Path, key: bytes | None, create: bool, cache_mb: int, *, alone: bool = False) -> apsw.Connection:
    """As `connect`. alone: nobody else can open the file until it is closed, and a disk without any room will do."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    try:
        connection = apsw.Connection(str(path), flags=flags)
    except apsw.CantOpenError as error:
        if _closed_to_us(path):
            raise _not_permitted(path, str(error)) from None
        raise VaultError(f"{path.name}: cannot be opened", str(error), "check the folder with: souviens where") from None
    try:
        with _opening(path):
            connection.set_busy_timeout(BUSY_MS)
            if key is not None:
                connection.pragma("cipher", "chacha20")
                # "raw:" skips the cipher's own key derivation (0.1 ms instead of 25): our data key is already 32 random bytes.
                connection.pragma("key", f"raw:{key.hex()}")
            if alone:
                connection.pragma("locking_mode", "exclusive")
            # PRAGMA key says ok to a wrong key: only a read tells.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            if create:
                connection.pragma("page_size", 8192)
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", "full")
            connection.pragma("secure_delete", 1)
            connection.pragma("foreign_keys", 1)
            connection.pragma("temp_store", 2)
            connection.pragma("cache_size", -cache_mb * 1024)
            connection.pragma("journal_size_limit", 64 << 20)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _opening(path: Path) -> Iterator[None]:
    """What goes wrong before a database is open, in our words."""
    try:
        with failures(path, "restore it from a copy, then: souviens verify"):
            try:
                yield
            except apsw.NotADBError:
                raise WrongKey(
                    f"{path.name}: does not open with this key", "wrong key, or the file's first page is damaged", "souviens verify"
                ) from None
    except OutOfSpace as error:
        raise OutOfSpace(error.what, "even opening a vault takes some kilobytes", "free some space") from None


def _closed_to_us(path: Path) -> bool:
    """May this user not read and write here? SQLite writes beside a database even to read it."""
    return not os.access(path.parent, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.R_OK | os.W_OK))


def _not_permitted(path: Path, why: str) -> NotPermitted:
    return NotPermitted(f"{path}: this user may not read and write it", why, "check who owns the folder: souviens where")


@contextlib.contextmanager
def failures(path: Path, mend: str, *, damage: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """What SQLite says goes wrong with a database that is open, in our words. The one place where it is turned into them.

    mend: the command that helps with damage. damage: further errors that, in the caller's place, mean it. Raises OutOfSpace,
    VaultInUse, NotPermitted, Damaged, VaultError.
    """
    damaging: tuple[type[Exception], ...] = (apsw.CorruptError, apsw.NotADBError, *damage)
    failing: tuple[type[Exception], ...] = (*damaging, *_IO)
    try:
        yield
    except apsw.FullError:
        raise _out_of_space(path) from None
    except apsw.BusyError:
        raise VaultInUse(
            f"{path.parent}: another writer did not finish",
            f"it held {path.name} for {BUSY_MS // 1000} seconds",
            "wait until it has finished, then try again",
        ) from None
    except apsw.ReadOnlyError as error:
        raise _not_permitted(path, str(error)) from None
    except failing as error:
        # The memory of a log that cannot grow is an I/O error: SQLite says "full" only of writes to files.
        if isinstance(error, _IO) and getattr(error, "extendedresult", 0) not in _READING and room(path) < NEEDED:
            raise _out_of_space(path) from None
        if isinstance(error, damaging):
            raise Damaged(f"{path.name}: damaged", str(error), mend) from None
        if _closed_to_us(path):
            raise _not_permitted(path, str(error)) from None
        raise VaultError(f"{path.name}: the disk reported an error", str(error), "souviens verify") from None


def _out_of_space(path: Path) -> OutOfSpace:
    return OutOfSpace(f"{path.parent}: the disk is full", "nothing was half-written", "free some space and run the command again")


def room(path: Path) -> int:
    """Bytes free on the disk of a file."""
    return shutil.disk_usage(path.parent).free


def leave_room(path: Path, bytes: int) -> None:
    """Raise OutOfSpace if to write so many bytes would fill the disk of a file: to let go of what was written takes space as well.

    What stands in the logs of its folder has yet to find a place in the files.
    """
    logs = 0
    for log in path.parent.glob("*-wal"):
        with contextlib.suppress(FileNotFoundError):
            logs += log.stat().st_size
    free = room(path)
    if free < LEFT + bytes + logs:
        raise OutOfSpace(
            f"{path.parent}: too little space is left on the disk",
            f"{free >> 20} MB, and what was begun has to be finished or taken back in it; nothing was kept",
            "free some space and run the command again",
        )


def checkpoint(connection: apsw.Connection) -> bool:
    """Move the write-ahead log into the file and empty it. False if a reader or a full disk held it back: erased bytes may still
    lie there."""
    # It would wait for readers as long as for writers, 30 seconds; whoever wants to wait asks again.
    connection.set_busy_timeout(CHECKPOINT_MS)
    try:
        row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except (apsw.BusyError, apsw.FullError):
        return False
    finally:
        connection.set_busy_timeout(BUSY_MS)
    return row is not None and row[0] == 0
