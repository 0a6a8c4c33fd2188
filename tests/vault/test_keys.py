"""Who can open a vault, and how clearly it says no."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from souviens import vault
from souviens.errors import Damaged, NewerFormat, NotFound, NoVault, UsageError, VaultError, WrongKey
from souviens.vault import keys

AT = "2026-01-01T00:00:00Z"
LIGHT = {"memory": keys.FLOOR_MEMORY}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vault.create(tmp_path / "v", {"main": keys.passphrase("correct horse")}, AT, os.urandom(32), **LIGHT).close()
    return tmp_path / "v"


def test_the_right_passphrase_opens_and_a_wrong_one_says_so_at_once(folder: Path) -> None:
    vault.unlock(folder, [keys.passphrase("correct horse")]).close()
    started = time.monotonic()
    with pytest.raises(WrongKey) as caught:
        vault.unlock(folder, [keys.passphrase("correct house")])
    assert time.monotonic() - started < 5
    assert caught.value.exit_code == 12
    assert "passphrase" in caught.value.why


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=64).filter(lambda b: b != b"file secret"))
def test_no_other_secret_opens(secret: bytes) -> None:
    key = os.urandom(32)
    header = keys.new_header("chacha20", AT, key, (keys.wrap(key, keys.Credential("keyfile", b"file secret"), "file"),))
    assert keys.unlock(header, [keys.Credential("keyfile", b"file secret")]) == key
    with pytest.raises(WrongKey):
        keys.unlock(header, [keys.Credential("keyfile", secret)])


def test_every_way_in_opens_the_same_vault(folder: Path, tmp_path: Path) -> None:
    header = keys.read_header(folder)
    key = keys.unlock(header, [keys.passphrase("correct horse")])
    assert key is not None
    file = keys.new_key_file(tmp_path / "key")
    assert oct((tmp_path / "key").stat().st_mode & 0o777) == "0o600"
    code, recovery = keys.new_recovery_code()
    for credential, name in ((file, "file"), (recovery, "paper")):
        header = keys.plus(header, keys.wrap(key, credential, name), key)
    keys.write_header(folder, header)
    for credential in (
        keys.read_key_file(tmp_path / "key"),
        keys.recovery(code.lower().replace("-", " ")),
        keys.passphrase("correct horse"),
    ):
        vault.unlock(folder, [credential]).close()
    header = keys.without(header, "main", key)
    keys.write_header(folder, header)
    with pytest.raises(WrongKey):
        vault.unlock(folder, [keys.passphrase("correct horse")])
    vault.unlock(folder, [file]).close()


def test_the_last_way_in_is_not_removed(folder: Path) -> None:
    header = keys.read_header(folder)
    key = keys.unlock(header, [keys.passphrase("correct horse")])
    assert key is not None
    with pytest.raises(UsageError, match="last key"):
        keys.without(header, "main", key)
    with pytest.raises(NotFound):
        keys.without(header, "other", key)


def test_a_weakened_or_altered_header_is_refused(folder: Path) -> None:
    header = keys.read_header(folder)
    offered = [keys.passphrase("correct horse")]
    weak = msgspec.structs.replace(header.wraps[0], memory=8 << 20)
    with pytest.raises(Damaged, match="unsafe"):
        keys.unlock(msgspec.structs.replace(header, wraps=(weak,)), offered)
    with pytest.raises(Damaged, match="altered"):
        keys.unlock(msgspec.structs.replace(header, created="2020-01-01T00:00:00Z"), offered)
    with pytest.raises(Damaged, match="altered"):
        keys.unlock(msgspec.structs.replace(header, wraps=(*header.wraps, header.wraps[0])), offered)


def test_nothing_secret_stands_in_the_header(folder: Path) -> None:
    key = keys.unlock(keys.read_header(folder), [keys.passphrase("correct horse")])
    assert key is not None
    for file in folder.iterdir():
        data = file.read_bytes()
        assert key not in data
        assert key.hex().encode() not in data
        assert b"correct horse" not in data


def test_there_is_no_vault_or_one_too_new(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(NoVault) as caught:
        vault.unlock(tmp_path / "nowhere", [])
    assert caught.value.exit_code == 10
    keys.write_header(folder, msgspec.structs.replace(keys.read_header(folder), format=99))
    with pytest.raises(NewerFormat):
        vault.unlock(folder, [keys.passphrase("correct horse")])
    (folder / keys.HEADER).write_text("{")
    with pytest.raises(Damaged):
        vault.unlock(folder, [])


def test_a_vault_is_not_made_over_something(folder: Path, tmp_path: Path) -> None:
    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    with pytest.raises(UsageError):
        vault.create(folder, {"x": keys.passphrase("y")}, AT, os.urandom(32), **LIGHT)
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        vault.create(tmp_path / "other", {"x": keys.passphrase("y")}, AT, os.urandom(32), **LIGHT)
    with pytest.raises(UsageError):
        vault.create(tmp_path / "none", {}, AT, os.urandom(32))
    with pytest.raises(UsageError):
        keys.new_key_file(tmp_path / "other" / "letter.txt")


def test_encryption_is_real(tmp_path: Path) -> None:
    for name, key in (("open", None), ("shut", os.urandom(32))):
        credentials = {} if key is None else {"k": keys.Credential("keyfile", b"k")}
        with vault.create(tmp_path / name, credentials, AT, key) as made, made.store.transaction():
            made.store.put_slices([(hashlib.sha256(b"canary" * 9).hexdigest(), b"canary" * 9)])
    assert (tmp_path / "open" / "truth.db").read_bytes()[:15] == b"SQLite format 3"
    data = b"".join(f.read_bytes() for f in (tmp_path / "shut").iterdir() if f.name.startswith("truth"))
    assert b"SQLite format 3" not in (tmp_path / "shut" / "truth.db").read_bytes()
    assert b"CREATE TABLE" not in data


def test_a_truth_of_an_older_format_is_brought_up_to_date_with_a_copy_kept(tmp_path: Path) -> None:
    from souviens.vault import schema
    from souviens.vault.connection import connect, subkey

    key = os.urandom(32)
    way = keys.Credential("keyfile", b"k")
    vault.create(tmp_path / "v", {"k": way}, AT, key).close()
    path = tmp_path / "v" / "truth.db"
    db = connect(path, subkey(key, "truth.db"))
    # Format 1 had no column for an erased message's conversation.
    db.execute("ALTER TABLE tombstone DROP COLUMN parent")
    db.execute("UPDATE meta SET value = 1 WHERE key = 'format'")
    db.execute(
        "INSERT INTO tombstone(kind, id, generation, erased, at) VALUES ('conversation', 'c-1', 1, 1, '2026-01-01T00:00:00Z')"
    )
    db.close()
    with vault.unlock(tmp_path / "v", [way]) as opened:
        assert opened.store.format == schema.VERSION
        assert opened.store.tombstones()["conversation", "c-1"].parent == ""
    kept = connect(tmp_path / "v" / "truth-format-1.db", subkey(key, "truth.db"))
    assert schema.format_of(kept) == 1
    kept.close()


@pytest.fixture
def keyring_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library `keyring` with a backend that needs no desktop."""
    keyring = pytest.importorskip("keyring")
    alt = pytest.importorskip("keyrings.alt.file")
    before = keyring.get_keyring()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    keyring.set_keyring(alt.PlaintextKeyring())
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("keyring_in_a_file")
def test_the_os_keyring_opens_the_vault_it_was_made_for(tmp_path: Path) -> None:
    id, data_key = keys.new_id(), os.urandom(32)
    assert keys.keyring_credential(id) is None
    secret = keys.keyring_credential(id, create=True)
    assert secret is not None
    vault.create(tmp_path / "v", {"keyring": secret}, AT, data_key, id=id).close()
    header = keys.read_header(tmp_path / "v")
    found = keys.keyring_credential(header.id)
    assert found is not None
    assert keys.unlock(header, [found]) == data_key
    assert keys.keyring_credential(keys.new_id()) is None


def test_a_keyring_that_cannot_be_used_is_said_before_anything_is_made() -> None:
    keyring = pytest.importorskip("keyring")
    from keyring.backends import fail

    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    try:
        assert keys.keyring_credential("any") is None
        with pytest.raises(VaultError, match="keyring cannot be used"):
            keys.keyring_credential("any", create=True)
    finally:
        keyring.set_keyring(before)
