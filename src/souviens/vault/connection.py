"""The one way a database of the vault is opened: encrypted, durable, erasing, and refused if the library is unfit.

Both truth and index come through here, so that no connection can forget `secure_delete` (it is per connection: a second one
without it leaves erased bytes in the file, measured) or run on a SQLite with the WAL-reset bug (before 3.51.3).
"""

from __future__ import annotations

import hashlib
import hmac
import shutil
from pathlib import Path

import apsw

from souviens.errors import Damaged, OutOfSpace, VaultError, WrongKey

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
    except (apsw.IOError, apsw.FullError, apsw.CantOpenError) as error:
        connection.close()
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
