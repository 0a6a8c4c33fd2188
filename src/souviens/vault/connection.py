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
NEEDED = 128 << 10  # bytes free without which SQLite cannot share a log between processes


def subkey(key: bytes, purpose: str) -> bytes:
    """A key of its own for each database, so that none can be swapped for another: HMAC-SHA256(data key, purpose)."""
    return hmac.new(key, b"souviens/1/" + purpose.encode(), hashlib.sha256).digest()


def connect(path: Path, key: bytes | None, *, create: bool = False, cache_mb: int = 64) -> apsw.Connection:
    """Open (or create) a database file. key: 32 bytes, or None for an unencrypted vault. cache_mb: page cache, decrypted.

    Raises WrongKey if the file does not open with this key, Damaged if its first page cannot be read, VaultError if the
    installed SQLite is older than 3.51.3.
    """
    version = tuple(int(n) for n in apsw.sqlite_lib_version().split("."))
    if version < _MINIMUM:
        raise VaultError(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt a database in WAL mode",
            "fixed in 3.51.3",
            "pip install -U apsw-sqlite3mc",
        )
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    try:
        connection = apsw.Connection(str(path), flags=flags)
    except apsw.CantOpenError as error:
        if _closed_to_us(path):
            raise _not_permitted(path, str(error)) from None
        raise VaultError(f"{path.name}: cannot be opened", str(error), "check the folder with: souviens where") from None
    connection.set_busy_timeout(BUSY_MS)
    if key is not None:
        connection.pragma("cipher", "chacha20")
        # "raw:" skips the cipher's own key derivation (0.1 ms instead of 25): our data key is already 32 random bytes.
        connection.pragma("key", f"raw:{key.hex()}")
    try:
        # PRAGMA key says ok to a wrong key: only a read tells.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except apsw.NotADBError:
        connection.close()
        raise WrongKey(
            f"{path.name}: does not open with this key", "wrong key, or the file's first page is damaged", "souviens verify"
        ) from None
    except apsw.CorruptError as error:
        connection.close()
        raise Damaged(f"{path.name}: damaged", str(error), "restore it from a copy, then: souviens verify") from None
    except (apsw.IOError, apsw.FullError, apsw.CantOpenError, apsw.ReadOnlyError) as error:
        connection.close()
        if _closed_to_us(path):
            raise _not_permitted(path, str(error)) from None
        if shutil.disk_usage(path.parent).free < NEEDED:
            raise OutOfSpace(
                f"{path.parent}: the disk is full", "even opening a vault takes some kilobytes", "free some space"
            ) from None
        raise VaultError(f"{path.name}: the disk reported an error", str(error), "souviens verify") from None
    if create:
        connection.pragma("page_size", 8192)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("secure_delete", 1)
    connection.pragma("foreign_keys", 1)
    connection.pragma("temp_store", 2)
    connection.pragma("cache_size", -cache_mb * 1024)
    connection.pragma("journal_size_limit", 64 << 20)
    return connection


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
    try:
        yield
    except apsw.FullError:
        raise OutOfSpace(
            f"{path.parent}: the disk is full", "nothing was half-written", "free some space and run the command again"
        ) from None
    except apsw.BusyError:
        raise VaultInUse(
            f"{path.parent}: another writer did not finish",
            f"it held {path.name} for {BUSY_MS // 1000} seconds",
            "wait until it has finished, then try again",
        ) from None
    except apsw.ReadOnlyError as error:
        raise _not_permitted(path, str(error)) from None
    except damaging as error:
        raise Damaged(f"{path.name}: damaged", str(error), mend) from None
    except apsw.IOError as error:
        raise VaultError(f"{path.name}: the disk reported an error", str(error), "souviens verify") from None


def checkpoint(connection: apsw.Connection) -> bool:
    """Move the write-ahead log into the file and empty it. False if a reader held it back: erased bytes may still lie there."""
    # It would wait for readers as long as for writers, 30 seconds; whoever wants to wait asks again.
    connection.set_busy_timeout(CHECKPOINT_MS)
    try:
        row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except apsw.BusyError:
        return False
    finally:
        connection.set_busy_timeout(BUSY_MS)
    return row is not None and row[0] == 0
