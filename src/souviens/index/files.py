"""Which file is the index: `index-N.db` in the vault's folder, the highest N. A rebuild writes N + 1 under another name first."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from souviens.vault.connection import subkey

LOCK = "index.lock"
_NAME = re.compile(r"index-(\d+)(\.new)?\.db")


def path(folder: Path, number: int) -> Path:
    return folder / f"index-{number}.db"


def unfinished(folder: Path, number: int) -> Path:
    """Where an index is written until it is whole."""
    return folder / f"index-{number}.new.db"


def key_for(key: bytes | None, number: int) -> bytes | None:
    return None if key is None else subkey(key, f"index-{number}")


def numbers(folder: Path) -> list[int]:
    """The whole indexes here, the newest last."""
    found = (_NAME.fullmatch(entry.name) for entry in folder.iterdir())
    return sorted(int(match[1]) for match in found if match and not match[2])


def truth(folder: Path) -> int:
    """Bytes of what is to be indexed, with its log."""
    return sum(file.stat().st_size for file in (folder / "truth.db", folder / "truth.db-wal") if file.exists())


def discard(file: Path) -> None:
    """Delete a database with its log. Where another process has it open and the system minds, it stays until a later call."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(PermissionError):
            file.with_name(file.name + suffix).unlink(missing_ok=True)


def discard_others(folder: Path, number: int) -> None:
    """Delete every index but one, finished or not. Only under the lock: another process may be writing one."""
    for entry in list(folder.iterdir()):
        match = _NAME.fullmatch(entry.name.removesuffix("-wal").removesuffix("-shm"))
        if match and (int(match[1]) != number or match[2]):
            discard(folder / match[0])
