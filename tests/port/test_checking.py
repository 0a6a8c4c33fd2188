"""verify reports what is wrong and nothing else; rebuild gives the same answers, and mends what can be derived."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.erasure import HashEncoder
from bench.synthetic import Texts, conversation
from souviens import vault as vaults
from souviens.canon import make_id
from souviens.errors import SouviensError
from souviens.port import indexing
from souviens.port.checking import rebuild, verify
from souviens.port.intake import take_in
from souviens.port.lines import export_lines
from souviens.port.remembering import remember, review
from souviens.recall import ask
from souviens.records import Conversation
from souviens.vault import Vault, open_store, unlock
from souviens.vault.keys import Credential
from tests.port.given import AT, chat, claude_chat, records, remembered, said, turn, write, zipped

KEY = Credential("keyfile", b"for this test")
QUESTIONS = ("what did I say about the water?", "kiln clay", "where is the note about our house", "oars")


@pytest.fixture
def filled(vault: Vault, tmp_path: Path) -> Vault:
    fill(vault, tmp_path)
    return vault


def fill(vault: Vault, folder: Path) -> None:
    texts = Texts(3)
    context = {"content_type": "user_editable_context", "user_profile": "x ```Sails.```"}
    older = [
        chat(
            "c-kiln",
            turn("k1", None, "user", "older words about clay", update_time=1.0),
            turn("k0", "k1", "system", "", content=context),
        )
    ]
    newer = [
        chat("c-kiln", turn("k1", None, "user", "kiln and clay", update_time=2.0)),
        *(conversation(texts, n, 8) for n in range(12)),
    ]
    take_in(vault, write(folder / "old.json", older))
    take_in(vault, zipped(folder / "new.zip", {"conversations.json": newer, "file-AAAA1111.txt": b"bytes of a file"}))
    talk = claude_chat("t-1", said("m-1", "00000000-0000-4000-8000-000000000000", "human", "oars for the boat"))
    take_in(vault, zipped(folder / "claude.zip", {"conversations.json": [talk], "memories.json": remembered("Rows a boat.")}))
    review(vault, remember(vault, "I like tea.").id, "correct", "I like green tea.")
    indexing.embed(vault, HashEncoder())


def answers(vault: Vault) -> list[object]:
    with indexing.open_index(vault) as index:
        found = [ask(q, 10, store=vault.store, index=index, encoder=HashEncoder()).items for q in QUESTIONS]
    assert all(found)
    return [(item.id, item.kind, item.text, item.score, item.why) for items in found for item in items]


def test_a_whole_vault_has_no_problem_and_everything_was_looked_at(filled: Vault) -> None:
    verified = verify(filled)
    assert verified.problems == ()
    assert (verified.ok, verified.sources, verified.blobs) == (True, 3, 1)
    assert verified.slices == 16
    assert verified.records == len(filled.store.live())
    assert verified.audit == 5


def test_rebuild_gives_the_same_answers_and_changes_no_record(filled: Vault) -> None:
    before, told = answers(filled), records(filled)
    rebuilt = rebuild(filled, records=True)
    assert (rebuilt.records, rebuilt.indexed) == (0, len(told))
    assert answers(filled) == before
    assert records(filled) == told


def _flip(vault: Vault, table: str, where: str) -> None:
    data = bytearray(vault.store.db.execute(f"SELECT data FROM {table} WHERE {where}").get)
    data[len(data) // 2] ^= 1
    vault.store.db.execute(f"UPDATE {table} SET data = ? WHERE {where}", (bytes(data),))


def test_a_damaged_record_is_reported_and_made_again_from_its_slices(filled: Vault) -> None:
    before, told = answers(filled), records(filled)
    seqs = [seq for seq, kind, _ in filled.store.live() if kind == "conversation"]
    for seq in seqs[:3]:
        _flip(filled, "pack", f"seq = {seq}")
    assert len(verify(filled, records=False).problems) == 3
    assert rebuild(filled, records=True).records == 3
    assert records(filled) == told
    assert sorted(map(str, answers(filled))) == sorted(map(str, before)) or len(answers(filled)) == len(before)
    assert verify(filled).problems == ()


def test_a_damaged_statement_of_the_owner_is_not_thrown_away(filled: Vault) -> None:
    (seq,) = [seq for seq, kind, _ in filled.store.live() if kind == "memory" and filled.store.pack(seq).provider == "souviens"]
    _flip(filled, "pack", f"seq = {seq}")
    assert rebuild(filled, records=True).records == 0
    assert seq in {live.seq for live in filled.store.live()}
    assert not verify(filled).ok


def test_a_damaged_slice_is_reported_and_costs_no_record(filled: Vault) -> None:
    told = records(filled)
    _flip(filled, "slice", "number = 5")
    problems = verify(filled).problems
    assert any("slice" in problem for problem in problems)
    assert rebuild(filled, records=True).records == 0
    assert records(filled) == told


@pytest.mark.parametrize("table", ["slice", "chunk"])
def test_damaged_bytes_are_reported_with_their_file(filled: Vault, table: str) -> None:
    _flip(filled, table, "rowid = 1")
    assert any("its bytes" in problem or "cannot be unpacked" in problem for problem in verify(filled).problems)


def test_a_record_that_is_not_what_its_source_says_is_reported_and_mended(filled: Vault) -> None:
    told = records(filled)
    seq = next(seq for seq, kind, _ in filled.store.live() if kind == "conversation")
    record = filled.store.pack(seq)
    false = msgspec.structs.replace(record, head=msgspec.structs.replace(record.head, title="not this"))  # type: ignore[union-attr]
    with filled.store.transaction():
        filled.store.replace({seq: false})
    assert any("is not what reading its source gives" in problem for problem in verify(filled).problems)
    assert rebuild(filled, records=True).records == 1
    assert records(filled) == told


# --- the index --------------------------------------------------------------------------------------------------------


def _deleted(path: Path, other: Path) -> None:
    for file in path.parent.glob("index-*"):
        file.unlink()


def _truncated(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _emptied(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def _flipped(path: Path, other: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(5_000, len(data), 20_000):
        data[place] ^= 0x10
    path.write_bytes(bytes(data))


def _swapped(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


@pytest.mark.parametrize("harm", [_deleted, _truncated, _emptied, _flipped, _swapped])
@pytest.mark.parametrize("key", [None, os.urandom(32)], ids=["open", "encrypted"])
def test_a_harmed_index_is_mended_to_the_same_answers(
    tmp_path: Path, harm: Callable[[Path, Path], None], key: bytes | None
) -> None:
    ways = {"key": KEY} if key else {}
    with vaults.create(tmp_path / "other", ways, AT, os.urandom(32) if key else None) as other:
        take_in(other, write(tmp_path / "other.json", [chat("c-o", turn("o1", None, "user", "something else entirely"))]))
        indexing.open_index(other).close()
    with vaults.create(tmp_path / "vault", ways, AT, key) as made:
        fill(made, tmp_path)
        before = answers(made)
    (index,) = (tmp_path / "vault").glob("index-*.db")
    harm(index, next((tmp_path / "other").glob("index-*.db")))
    with unlock(tmp_path / "vault", [KEY] if key else []) as opened:
        verified = verify(opened)
        rebuild(opened, encoder=HashEncoder())
        assert answers(opened) == before
        assert verify(opened).problems == ()
        assert all("index" in problem for problem in verified.problems)


# --- flipped bits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, os.urandom(32)], ids=["open", "encrypted"])
def test_a_flipped_bit_is_reported_or_changed_nothing(tmp_path: Path, key: bytes | None) -> None:
    ways = {"key": KEY} if key else {}
    with vaults.create(tmp_path / "vault", ways, AT, key) as made:
        fill(made, tmp_path)
        made.store.purge()
        export_lines(made, tmp_path / "before.jsonl")
    truth = tmp_path / "vault" / "truth.db"
    whole, told = truth.read_bytes(), (tmp_path / "before.jsonl").read_bytes()
    reported = silent = 0
    steps = 40
    for n in range(steps):
        place = 700 + n * (len(whole) - 1_000) // steps
        truth.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << n % 8)]) + whole[place + 1 :])
        for suffix in ("-wal", "-shm"):
            truth.with_name(truth.name + suffix).unlink(missing_ok=True)
        try:
            with unlock(tmp_path / "vault", [KEY] if key else []) as opened:
                if not verify(opened).ok:
                    reported += 1
                    continue
                (tmp_path / "after.jsonl").unlink(missing_ok=True)
                export_lines(opened, tmp_path / "after.jsonl")
                silent += (tmp_path / "after.jsonl").read_bytes() != told
        except SouviensError:
            reported += 1
    assert reported > steps / 4
    # Without encryption nothing vouches for a few fields that no hash covers (a receipt's counts, the time of a tombstone).
    assert silent <= (0 if key else steps // 20)


def held(vault: Vault) -> list[int]:
    with indexing.open_index(vault) as index:
        return list(index.held())


def test_what_a_killed_intake_left_in_the_index_is_no_damage(filled: Vault) -> None:
    """A second process had begun to index it; nobody sees any of it, and nothing is left of it after a look."""
    before = set(held(filled))
    dead = open_store(filled.folder, filled.key)
    stage = dead.begin("2026-03-01T00:00:00Z")
    kept = next(record for live in dead.live() if isinstance(record := dead.pack(live.seq), Conversation))
    with dead.transaction():
        dead.put_packs(stage, [("conversation", msgspec.structs.replace(kept, id=make_id("c", "killed")), 0)])
    with indexing.open_index(filled) as index:
        assert index.sync(dead, stage).added == 1
    assert verify(filled).problems == (), "beside an intake that is under way"
    for lock in dead._locks.values():
        lock.release()  # as when its process dies
    dead.db.close()
    assert set(held(filled)) != before
    assert verify(filled).problems == ()
    assert set(held(filled)) == before
