"""kill -9, a full disk: what was acknowledged is there, and nothing is there by half."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from bench import erasure, kills
from bench.synthetic import Texts, conversation
from souviens.canon import make_id
from souviens.errors import OutOfSpace, VaultError
from souviens.index import contents, embedded
from souviens.port import erasing, indexing
from souviens.port.checking import rebuild, verify
from souviens.port.erasing import erase, finish_pending
from souviens.port.intake import take_in
from souviens.port.mapping import Map
from souviens.recall import ask
from souviens.vault import Vault, connection, letting_go, unlock
from tests.port.given import chat, new_vault, records, turn, write


def _unharmed(outcome: kills.Outcome) -> bool:
    assert (outcome.lost, outcome.partial, outcome.other) == ([], [], [])
    assert outcome.slowest_open < 2
    return outcome.acknowledged > outcome.kills // 2


@pytest.mark.slow
def test_twenty_five_kills() -> None:
    assert _unharmed(kills.run(25, seed=2))


@pytest.mark.torture
def test_five_hundred_kills() -> None:
    assert _unharmed(kills.run(500, seed=3))


# --- a full disk ------------------------------------------------------------------------------------------------------

WORD = "wzkxqvbnmtrplkjh"
SIZE = 12 << 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault of some 1 MB with an index and vectors, and an export of the same size that it does not have yet."""
    folder = tmp_path_factory.mktemp("made")
    texts = Texts(11)
    first = [chat("c-a", turn("a1", None, "user", f"the {WORD} stands"), turn("a2", "a1", "assistant", texts.text(4000)))]
    write(folder / "more.json", [conversation(texts, n, 10) for n in range(100, 140)])
    with new_vault(folder / "vault") as vault:
        take_in(vault, write(folder / "first.json", [*first, *(conversation(texts, n, 10) for n in range(40))]))
        indexing.embed(vault, erasure.HashEncoder())
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of `SIZE`."""
    if os.geteuid() != 0 or not Path("/proc/mounts").exists():
        pytest.skip("a file system of limited size needs root on Linux")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)]
    if subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_vault_on_a_disk_without_any_space_can_be_read_and_not_written(small: Path, made: Path) -> None:
    shutil.copytree(made / "vault", small / "vault")
    _fill_up(small, 0)
    with unlock(made / "vault", []) as vault:
        before = records(vault)
    with unlock(small / "vault", []) as vault:
        assert records(vault) == before
        assert verify(vault).problems == ()
        assert _found(vault)
        with pytest.raises(OutOfSpace):
            take_in(vault, made / "more.json")
    with unlock(small / "vault", []) as vault:
        indexing.drop(vault)
        _fill_up(small, 0)
        assert _found(vault)


def _found(vault: Vault) -> bool:
    """Can the word that is planted be found?"""
    with indexing.open_index(vault) as index:
        index.sync(vault.store)
        return len(index.words(WORD, 10).units) > 0


def _fill_up(disk: Path, left: int) -> Path:
    """A file that leaves so many bytes free."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    free = os.statvfs(disk)
    ballast.write_bytes(b"\1" * max(0, free.f_bavail * free.f_frsize - left))
    return ballast


def _add(vault: Vault, made: Path) -> None:
    take_in(vault, made / "more.json")


def _rebuild(vault: Vault, made: Path) -> None:
    rebuild(vault, records=True)


@pytest.mark.parametrize("act", [_add, _rebuild])
def test_on_a_full_disk_all_is_as_before_or_done_and_it_works_again(
    small: Path, made: Path, act: Callable[[Vault, Path], None]
) -> None:
    with unlock(made / "vault", []) as vault:
        before = records(vault)
    refused = 0
    for left in range(0, 1_600_000, 200_000):
        shutil.rmtree(small / "vault", ignore_errors=True)
        shutil.copytree(made / "vault", small / "vault")
        ballast = _fill_up(small, left)
        try:
            with unlock(small / "vault", []) as vault:
                act(vault, made)
        except (OutOfSpace, VaultError):
            refused += 1
            ballast.unlink()
            with unlock(small / "vault", []) as vault:
                assert records(vault) == before
        ballast.unlink(missing_ok=True)
        with unlock(small / "vault", []) as vault:
            act(vault, made)
            rebuild(vault)
            assert verify(vault).problems == ()
            assert len(records(vault)) == len(before) + (40 if act is _add else 0)
    assert refused


def test_what_is_erased_on_a_full_disk_is_gone_or_promised(small: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "PATIENCE", 0.1)
    id = make_id("c", "chatgpt", "c-a")
    for left in range(150_000, 1_200_000, 150_000):
        shutil.rmtree(small / "vault", ignore_errors=True)
        shutil.copytree(made / "vault", small / "vault")
        ballast = _fill_up(small, left)
        with unlock(small / "vault", []) as vault:
            pending = erase(vault, [id]).pending
            assert id not in {live.id for live in vault.store.live()}
            ballast.unlink()
            assert bool(vault.store.pending_journal()) == pending
            finish_pending(vault)
            indexing.catch_up(vault)
            assert verify(vault).problems == ()
        assert erasure.search(small / "vault", {WORD: "here"}, {}, {}) == []


# --- a disk that only says it is full, so that it can be tried everywhere ---------------------------------------------


@pytest.fixture
def vault(tmp_path: Path, made: Path) -> Iterator[Vault]:
    """A copy of the vault that was made."""
    shutil.copytree(made / "vault", tmp_path / "vault")
    with unlock(tmp_path / "vault", []) as opened:
        yield opened


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of some 20 MB: more than one batch, and indexed beside the intake."""
    texts = Texts(12)
    return write(tmp_path_factory.mktemp("large") / "large.json", [conversation(texts, n, 40) for n in range(200, 540)])


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _index_cannot_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on SQLite says "full" of every index file that would need one page more."""

    def cramped(path: Path, key: bytes | None, *, create: bool = False, cache_mb: int = 64) -> apsw.Connection:
        db = connection.connect(path, key, create=create, cache_mb=cache_mb)
        if path.suffix == ".db":
            db.pragma("max_page_count", 1)  # no less than there are
        return db

    monkeypatch.setattr(contents, "connect", cramped)


def test_an_intake_for_which_there_is_no_room_gives_back_what_it_took(
    vault: Vault, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, size = records(vault), _bytes(vault.folder)
    most = 0

    def room(path: Path) -> int:
        nonlocal most
        most = max(most, _bytes(path.parent))
        return max(0, size + (10 << 20) - _bytes(path.parent))

    with monkeypatch.context() as patch:
        for module in (connection, letting_go):
            patch.setattr(module, "room", room)
        with pytest.raises(OutOfSpace, match="too little space"):
            take_in(vault, large)
        assert most > size + (2 << 20)
        assert _bytes(vault.folder) < size + 300_000
        assert (records(vault), vault.store.busy()) == (before, False)
        assert _found(vault)
        assert verify(vault).problems == ()
    assert take_in(vault, large).indexed
    assert verify(vault).problems == ()


def test_on_a_full_disk_the_index_answers_from_what_it_has_and_says_what_it_lacks(
    vault: Vault, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _index_cannot_grow(patch)
        assert not take_in(vault, made / "more.json").indexed
        with indexing.open_index(vault) as index:
            answer = ask(WORD, 5, store=vault.store, index=index, encoder=None)
            assert answer.items
            assert index.behind == 40
            assert "40 records" in indexing.lag(index)
            Map(vault.store, index)
        with pytest.raises(OutOfSpace):
            indexing.catch_up(vault)
        assert verify(vault).problems == ("index: 40 records are not indexed yet: the disk is full",)
    with indexing.open_index(vault) as index:
        index.sync(vault.store)
        assert indexing.lag(index) == ""
    assert verify(vault).problems == ()


def test_without_an_index_and_room_for_one_a_small_vault_is_indexed_in_memory(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexing.drop(vault)
    with monkeypatch.context() as patch:
        _index_cannot_grow(patch)
        assert _found(vault)
        patch.setattr(embedded, "IN_MEMORY", 0)
        with pytest.raises(OutOfSpace, match="the disk is full") as raised:
            indexing.open_index(vault)
        assert "no index" in raised.value.why
        assert not list(vault.folder.glob("index-*"))
    assert _found(vault)
    assert [file.name for file in vault.folder.glob("index-*.db")] == ["index-1.db"]


def test_an_index_that_a_full_disk_keeps_from_being_opened_is_not_made_again(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object, create: bool = False, **options: object) -> apsw.Connection:
        if create:
            return connection.connect(path, None, create=True)
        raise OutOfSpace("full")

    with monkeypatch.context() as patch:
        patch.setattr(contents, "connect", full)
        with pytest.raises(OutOfSpace):
            indexing.open_index(vault)
    assert [file.name for file in vault.folder.glob("index-*.db")] == ["index-1.db"]


def test_an_index_that_could_not_be_made_again_leaves_nothing(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OutOfSpace("full")

    with monkeypatch.context() as patch:
        patch.setattr(embedded, "_sync", full)
        with indexing.open_index(vault) as index, pytest.raises(OutOfSpace):
            index.rebuild(vault.store)
    assert not list(vault.folder.glob("*.new.db*"))
    assert _found(vault)


def test_an_erasure_that_a_full_disk_cuts_short_is_promised_and_said_so(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    id = make_id("c", "chatgpt", "c-a")

    def full(vault: Vault) -> None:
        raise OutOfSpace("full")

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "_carry_out", full)
        erased = erase(vault, [id])
    assert (erased.ids, erased.conversations, erased.pending) == ((id,), 1, True)
    assert vault.store.pending_journal()
    assert not finish_pending(vault).pending
    assert verify(vault).problems == ()
    assert erasure.search(vault.folder, {WORD: "here"}, {}, {}) == []


@pytest.mark.torture
def test_a_large_intake_on_a_small_disk_leaves_all_as_it_was_and_everything_works(small: Path, made: Path, large: Path) -> None:
    id = make_id("c", "chatgpt", "c-a")
    for left in (11 << 20, 8 << 20, 5 << 20, 2 << 20, 1 << 20, 300_000, 0):
        shutil.rmtree(small / "vault", ignore_errors=True)
        shutil.copytree(made / "vault", small / "vault")
        size, ballast = _bytes(small / "vault"), _fill_up(small, left)
        with unlock(small / "vault", []) as vault:
            before = records(vault)
            with pytest.raises(OutOfSpace):
                take_in(vault, large)
        assert _bytes(small / "vault") < size + 300_000
        with unlock(small / "vault", []) as vault:
            assert records(vault) == before
            assert _found(vault)
            assert verify(vault).problems == ()
            pending = erase(vault, [id]).pending
            assert bool(vault.store.pending_journal()) == pending
            assert not _found(vault)
        ballast.unlink()
        with unlock(small / "vault", []) as vault:
            finish_pending(vault)
            take_in(vault, made / "more.json")
            assert verify(vault).problems == ()
        assert erasure.search(small / "vault", {WORD: "here"}, {}, {}) == []
