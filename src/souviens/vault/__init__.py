"""The vault: truth on the user's own disk.

A folder with VAULT.json (keys), README.txt (how to read this without us), truth.db and the index beside it. `create` and
`unlock` give a `Vault`: the folder, its data key, and doors to its store. The vault knows bytes, packs and hashes; it knows
no provider format and no index.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from souviens.errors import Damaged, UsageError, VaultError, WrongKey
from souviens.vault import keys, schema
from souviens.vault.connection import checkpoint, connect, subkey
from souviens.vault.embedded import FILE, EmbeddedStore
from souviens.vault.keys import Credential, Header
from souviens.vault.readme import README

__all__ = ["Vault", "create", "open_store", "unlock"]


class Vault:
    """An unlocked vault. key: the 32-byte data key, None if it is not encrypted. store: truth, for this thread."""

    def __init__(self, folder: Path, header: Header, key: bytes | None) -> None:
        self.folder, self.header, self.key = folder, header, key
        self.store = open_store(folder, key)

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(folder: Path, key: bytes | None) -> EmbeddedStore:
    """Truth of an unlocked vault, for one more thread or process."""
    return EmbeddedStore(folder, key)


def create(folder: Path, credentials: dict[str, Credential], at: str, data_key: bytes | None, *, id: str = "", **kdf: int) -> Vault:
    """Make a vault. credentials: name -> way in, at least one if `data_key` is given; None makes an *unencrypted* vault.

    at: RFC 3339 UTC. id: from `keys.new_id`, if something had to know it before. kdf: memory, passes of Argon2id.
    Raises UsageError if something is there already.
    """
    if (folder / keys.HEADER).exists():
        raise UsageError(
            f"there is a vault in {folder} already", "it is left as it is", "use it, or give another folder with --vault DIR"
        )
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "a vault wants a folder of its own", "give another folder with --vault DIR")
    if data_key is not None and not credentials:
        raise UsageError("a vault needs at least one way in", next="give a passphrase or a key file")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    wraps = tuple(keys.wrap(data_key, credential, name, **kdf) for name, credential in credentials.items()) if data_key else ()
    header = keys.new_header("none" if data_key is None else "chacha20", at, data_key, wraps, id)
    keys.replace_file(folder / "README.txt", README.encode())
    EmbeddedStore(folder, data_key, create=True).close()
    # The header comes last: a folder without it is not a vault, so a crash before this line leaves nothing half-made.
    keys.write_header(folder, header)
    return Vault(folder, header, data_key)


def unlock(folder: Path, offered: list[Credential]) -> Vault:
    """Open a vault. Raises NoVault, WrongKey, Damaged, NewerFormat; migrates an older truth.db, keeping a copy."""
    header = keys.read_header(folder)
    key = keys.unlock(header, offered)
    try:
        migrate(folder, key)
        return Vault(folder, header, key)
    except WrongKey:
        # VAULT.json has said that the key is right.
        raise Damaged(
            f"{folder / FILE}: its first page cannot be read",
            "the key is right, so the file is damaged, or another vault's",
            "restore it from a copy, then: souviens verify",
        ) from None


def migrate(folder: Path, key: bytes | None) -> Path | None:
    """Take an older truth.db to the present format. The copy that was kept, or None if nothing was to be done.

    The work is done on the copy's twin and renamed over: a crash leaves the old vault, whole.
    """
    path = folder / FILE
    if not path.exists():
        return None
    db = connect(path, None if key is None else subkey(key, FILE))
    try:
        version = schema.format_of(db)
        if version == schema.VERSION:
            return None
        if not checkpoint(db):
            raise VaultError(
                f"{folder}: is in use",
                "an older format cannot be brought up to date while it is read",
                "close other programs and try again",
            )
    finally:
        db.close()
    kept, next = folder / f"truth-format-{version}.db", folder / "truth.next.db"
    shutil.copyfile(path, kept)
    shutil.copyfile(path, next)
    with contextlib.closing(connect(next, None if key is None else subkey(key, FILE))) as db:
        schema.migrate(db)
        checkpoint(db)
    next.replace(path)
    for suffix in ("-wal", "-shm"):
        (folder / f"truth.next.db{suffix}").unlink(missing_ok=True)
    return kept
