"""The embedded store against the contract, and what is its own: damage, dead writers, a full disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from souviens import vault
from souviens.errors import Damaged, NotPermitted, OutOfSpace, VaultError, WrongKey
from souviens.vault import audit, connection, letting_go
from souviens.vault.connection import failures
from souviens.vault.embedded import FLAWS, EmbeddedStore
from souviens.vault.keys import Credential
from souviens.vault.store import Journal, Member, Segment
from tests.vault.contract import AT, StoreContract, conversation, header, store_all


@pytest.fixture(params=["encrypted", "open"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], EmbeddedStore]]:
    key = os.urandom(32) if request.param == "encrypted" else None
    made: list[EmbeddedStore] = []

    def make() -> EmbeddedStore:
        made.append(EmbeddedStore(tmp_path, key, create=not made))
        return made[-1]

    yield make
    for store in made:
        store.close()


class TestEmbeddedStore(StoreContract):
    pass


def test_a_flipped_bit_is_never_read_as_truth(tmp_path: Path) -> None:
    key = os.urandom(32)
    store = EmbeddedStore(tmp_path, key, create=True)
    for n in range(30):
        store_all(store, conversation(f"c-{n}", "some words that are longer " * 40))
    store.purge()
    store.close()
    whole = (tmp_path / "truth.db").read_bytes()
    noticed = 0
    for place in range(9000, len(whole), len(whole) // 60):
        (tmp_path / "truth.db").write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            store = EmbeddedStore(tmp_path, key)
            for live in store.live():
                assert store.pack(live.seq) == conversation(live.id, "some words that are longer " * 40)
            store.close()
        except Damaged:
            noticed += 1
    assert noticed >= 10  # the rest lies in pages that nothing reads


def test_a_flipped_bit_in_an_unencrypted_pack_is_noticed_by_its_digest(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, None, create=True)
    (seq,) = store_all(store, conversation("c-1", "hello"))
    data = bytearray(store.db.execute("SELECT data FROM pack").get)
    data[-3] ^= 1
    store.db.execute("UPDATE pack SET data = ?", (bytes(data),))
    with pytest.raises(Damaged):
        store.pack(seq)
    stage = store.begin(AT)
    with store.transaction():
        store.put_packs(stage, [("conversation", conversation("c-2", "x"), 0)])
    store.db.execute("UPDATE pack SET data = ? WHERE stage = ?", (bytes(data), stage))
    assert len(store.tally(stage).damaged) == 1


def test_the_stage_of_a_dead_writer_is_swept_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    EmbeddedStore(tmp_path, None, create=True).close()
    script = (
        "import sys, time; from pathlib import Path; from souviens.vault.embedded import EmbeddedStore\n"
        "from tests.vault.contract import *\n"
        "s = EmbeddedStore(Path(sys.argv[1]), None); stage = s.begin(AT)\n"
        "with s.transaction():\n"
        "    s.put_source(stage, header('s-1'))\n"
        "    s.put_packs(stage, [('conversation', conversation('c-1', 'x'), 0)])\n"
        "print('staged', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert child.stdout is not None
    assert child.stdout.readline() == b"staged\n"
    store = EmbeddedStore(tmp_path, None)
    assert store.busy()
    assert store.sweep_stages() == 0
    child.kill()
    child.wait()
    assert not store.busy()
    assert store.live() == []
    assert store.sources() == []
    assert not list(tmp_path.glob("stage-*.lock"))


def test_many_readers_and_writers_at_once(tmp_path: Path) -> None:
    EmbeddedStore(tmp_path, None, create=True).close()
    errors: list[Exception] = []
    waits: list[float] = []
    done = threading.Event()

    def write(n: int) -> None:
        store = EmbeddedStore(tmp_path, None)
        try:
            for i in range(15):
                started = time.monotonic()
                store_all(store, conversation(f"c-{n}-{i}", "x" * 200))
                waits.append(time.monotonic() - started)
        except Exception as error:  # noqa: BLE001  # whatever it is, the test wants to see it
            errors.append(error)
        store.close()

    def read() -> None:
        store = EmbeddedStore(tmp_path, None)
        try:
            while not done.is_set():
                for live in store.live():
                    assert store.pack(live.seq).id == live.id
        except Exception as error:  # noqa: BLE001  # whatever it is, the test wants to see it
            errors.append(error)
        store.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert errors == []
    store = EmbeddedStore(tmp_path, None)
    assert len(store.live()) == 60
    store.close()


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/proc/mounts").exists(), reason="a file system of limited size needs root on Linux"
)
def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        store = EmbeddedStore(small, None, create=True)
        kept = 0
        with pytest.raises(OutOfSpace):
            for n in range(1000):
                store_all(store, conversation(f"c-{n}", os.urandom(20_000).hex()))
                kept = n + 1
        store.close()
        store = EmbeddedStore(small, None)
        assert len(store.live()) == kept > 5
        for live in store.live():
            store.pack(live.seq)
        store.close()
    finally:
        subprocess.run(["umount", str(small)], check=True)


class _Full(apsw.Connection):
    """A connection on a disk without any room: no log can be made, no memory be shared with its other readers."""

    def pragma(self, name: str, value: Any = None, **options: Any) -> Any:
        if name == "journal_mode":
            raise apsw.FullError("database or disk is full")
        return super().pragma(name, value, **options) if value is not None else super().pragma(name, **options)


class _Unshared(apsw.Connection):
    alone = False

    def pragma(self, name: str, value: Any = None, **options: Any) -> Any:
        self.alone |= (name, value) == ("locking_mode", "exclusive")
        return super().pragma(name, value, **options) if value is not None else super().pragma(name, **options)

    def execute(self, *arguments: Any, **options: Any) -> apsw.Cursor:
        if not self.alone:
            error = apsw.IOError("disk I/O error")
            error.__dict__["extendedresult"] = apsw.SQLITE_IOERR_SHMSIZE
            raise error
        return super().execute(*arguments, **options)


def test_whatever_a_full_disk_says_of_opening_a_vault_is_said_in_our_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    EmbeddedStore(tmp_path, None, create=True).close()
    monkeypatch.setattr(apsw, "Connection", _Full)
    with pytest.raises(OutOfSpace, match="the disk is full"):
        EmbeddedStore(tmp_path, None)
    with pytest.raises(OutOfSpace, match="the disk is full"):
        connection.connect(tmp_path / "other.db", None, create=True)


def test_a_disk_that_can_share_no_log_can_still_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = EmbeddedStore(tmp_path, None, create=True)
    store_all(store, conversation("c-1", "hello"))
    store.close()
    monkeypatch.setattr(apsw, "Connection", _Unshared)
    monkeypatch.setattr(connection, "room", lambda path: 0)
    store = EmbeddedStore(tmp_path, None)
    assert [live.id for live in store.live()] == ["c-1"]
    store.close()
    monkeypatch.setattr(connection, "room", lambda path: 1 << 30)
    with pytest.raises(VaultError, match="the disk reported an error"):
        EmbeddedStore(tmp_path, None)


def test_a_log_that_a_full_disk_keeps_from_being_emptied_is_not_emptied(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, None, create=True)

    class Log:
        def set_busy_timeout(self, milliseconds: int) -> None: ...

        def execute(self, sql: str) -> None:
            raise apsw.FullError("database or disk is full")

    assert connection.checkpoint(store.db)
    assert not connection.checkpoint(cast(apsw.Connection, Log()))
    store.close()


# --- a stage on a full disk ---


def _staged(store: EmbeddedStore, megabytes: int) -> int:
    """A stage with conversations and slices of so many bytes that do not compress."""
    stage = store.begin(AT)
    with store.transaction():
        source = store.put_source(stage, header("s-1"))
        member = store.put_member(source, 0, Member("a.json", "cut", 0, ""))
    for n in range(megabytes * 20):
        data = os.urandom(25_000)
        hash = hashlib.sha256(data).hexdigest()
        with store.transaction():
            store.put_slices([(hash, data)])
            store.put_segments(member, n, [Segment(hash, "", "", None, None)])
            store.put_packs(stage, [("conversation", conversation(f"c-{n}", os.urandom(12_000).hex()), 0)])
    return stage


def _written(store: EmbeddedStore, act: Callable[[], object]) -> int:
    """Bytes an act appends to the log."""
    store.db.wal_autocheckpoint(0)
    store.purge()
    act()
    return store.path.with_name("truth.db-wal").stat().st_size


def test_a_stage_is_discarded_in_a_fraction_of_its_space_where_there_is_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EmbeddedStore(tmp_path, None, create=True)
    store_all(store, conversation("c-kept", "hello"))
    store.purge()
    size = store.path.stat().st_size
    stage = _staged(store, 4)
    monkeypatch.setattr(letting_go, "room", lambda path: 32 << 20)
    ended: list[str] = []
    end = store._end_stage

    def full_at_first(stage: int, packs: str) -> None:
        ended.append(packs)
        if len(ended) == 1:
            raise OutOfSpace("full")
        end(stage, packs)

    monkeypatch.setattr(store, "_end_stage", full_at_first)
    assert _written(store, lambda: store.discard(stage)) < 500_000
    assert not store.others_stage()
    assert store.superseded() == []  # nothing waits for the index
    assert store.db.pragma("secure_delete") == 1
    store.compact()
    assert store.purge()
    assert store.path.stat().st_size <= size + 3 * 8192
    assert [live.id for live in store.live()] == ["c-kept"]
    assert store.flaws() == []
    store.close()


def test_a_dead_stage_that_cannot_be_discarded_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = EmbeddedStore(tmp_path, None, create=True)
    stage = _staged(store, 1)
    store._locks.pop(stage).release()

    def full(stage: int) -> None:
        raise OutOfSpace("full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "discard", full)
        for _ in range(2):
            with pytest.raises(OutOfSpace):
                store.busy()
    assert store.sweep_stages() == 1
    assert not store.busy()
    assert store.slices() == []
    store.close()


def test_a_file_that_cannot_be_written_anew_is_refused_before_it_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = EmbeddedStore(tmp_path, None, create=True)
    store_all(store, conversation("c-1", os.urandom(500_000).hex()))
    store.purge()
    monkeypatch.setattr(letting_go, "room", lambda path: 100_000)
    with pytest.raises(OutOfSpace, match="too full"):
        store.compact()
    store.close()


def test_the_audit_chain_notices_every_change_and_survives_a_forgotten_salt(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, None, create=True)
    for n in range(6):
        with store.transaction():
            store.write_journal(Journal("add", AT, f"s-{n}", {"new": n}, {"source": f"s-{n}"}))
    with store.transaction():
        audit.forget_salts(store.db, "s-3")
    assert store.audit() == (6, [])
    rows = store.db.execute("SELECT number, entry, hash FROM audit").fetchall()
    for change in (
        "UPDATE audit SET entry = CAST(replace(CAST(entry AS TEXT), 's-2', 's-9') AS BLOB) WHERE number = 3",
        "DELETE FROM audit WHERE number = 2",
        "UPDATE audit SET number = 99 WHERE number = 1",
    ):
        store.db.execute(change)
        assert store.audit()[1]
        store.db.execute("DELETE FROM audit")
        store.db.executemany("INSERT INTO audit VALUES (?, ?, ?)", rows)
    store.close()


def test_a_first_page_that_cannot_be_read_is_damage_and_no_wrong_key(tmp_path: Path) -> None:
    """VAULT.json has said that the key is right: whoever is told "wrong key" then looks in the wrong place."""
    credential = Credential("keyfile", b"a key for this test only")
    data_key = os.urandom(32)
    vault.create(tmp_path / "v", {"keyfile": credential}, "2026-03-01T00:00:00Z", data_key).close()
    path = tmp_path / "v" / "truth.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
    with pytest.raises(Damaged, match=r"truth\.db.*first page"):
        vault.unlock(tmp_path / "v", [credential])
    with pytest.raises(WrongKey):
        vault.unlock(tmp_path / "v", [Credential("keyfile", b"another")])


def test_what_is_wrong_with_the_file_itself_is_told_in_a_few_lines(tmp_path: Path) -> None:
    key = os.urandom(32)
    store = EmbeddedStore(tmp_path, key, create=True)
    for n in range(200):
        store_all(store, conversation(f"c-{n}", os.urandom(2_000).hex()))
    store.purge()
    store.close()
    whole = bytearray((tmp_path / "truth.db").read_bytes())
    for place in range(20 * 8192 + 100, len(whole), 8192):
        whole[place] ^= 1
    (tmp_path / "truth.db").write_bytes(whole)
    store = EmbeddedStore(tmp_path, key)
    told = store.flaws()
    store.close()
    assert 2 <= len(told) <= FLAWS + 1
    assert all(line.startswith("truth.db: ") and len(line) < 200 for line in told)


def test_a_file_that_cannot_be_written_is_not_permitted(tmp_path: Path) -> None:
    """The errors of SQLite become ours in one place; here the one for a database opened read-only."""
    db = apsw.Connection(str(tmp_path / "x.db"))
    db.execute("CREATE TABLE t(x)")
    db.close()
    db = apsw.Connection(str(tmp_path / "x.db"), flags=apsw.SQLITE_OPEN_READONLY)
    with pytest.raises(NotPermitted, match=r"x\.db"), failures(tmp_path / "x.db", "souviens verify"):
        db.execute("INSERT INTO t VALUES (1)")
    db.close()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_another_user_is_told_that_the_vault_is_not_theirs() -> None:
    # To root nothing is forbidden: then a user of another name has to try.
    other = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable] if os.geteuid() == 0 else [sys.executable]
    look = [*other, "-B", "-c", "import souviens.vault"]
    if shutil.which(other[0]) is None or subprocess.run(look, capture_output=True, check=False).returncode:
        pytest.skip("no other user can run this Python")
    credential = Credential("keyfile", b"a key for this test only")
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "vault"
        vault.create(folder, {"keyfile": credential}, AT, os.urandom(32)).close()
        for path, mode in ((folder / "truth.db", 0o444), (folder / "VAULT.json", 0o444), (folder, 0o555), (Path(home), 0o755)):
            path.chmod(mode)
        code = (
            "import sys\nfrom pathlib import Path\nfrom souviens import errors, vault\nfrom souviens.vault.keys import Credential\n"
            f"try: vault.unlock(Path({str(folder)!r}), [Credential('keyfile', b'a key for this test only')])\n"
            "except errors.NotPermitted as error: sys.exit(error.exit_code)\n"
        )
        done = subprocess.run([*other, "-B", "-c", code], capture_output=True, text=True, check=False, timeout=60)
        folder.chmod(0o700)
    assert done.returncode == 4, done.stderr
