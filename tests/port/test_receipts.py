"""Receipts are computed from what was stored: their sums hold for every export, and damage between the two shows in them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from souviens.errors import NotRecognised, SourceError
from souviens.port.checking import rebuild, verify
from souviens.port.intake import take_in
from souviens.records import Counts
from souviens.vault import Vault
from souviens.vault.embedded import EmbeddedStore
from souviens.vault.store import Tally
from tests.golden import fixtures
from tests.lossless import paths, replaced
from tests.port.given import (
    SHARED,
    assert_sums,
    chat,
    claude_chat,
    image,
    new_vault,
    records,
    refused,
    remembered,
    said,
    state,
    take,
    turn,
    write,
    zipped,
)

ROOT = "00000000-0000-4000-8000-000000000000"
WRONG = st.sampled_from([None, 7, -1, "", "word", [], {}, [None], {"a": 1}, True, "\ud800"])


def shared_files() -> list[Path]:
    found = [path for provider in ("chatgpt", "claude") for path in sorted((SHARED / provider).glob("*"))]
    return found or [Path("none")]


# --- sums -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", fixtures(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_sums_hold_for_every_fixture(vault: Vault, case: Path) -> None:
    if case.name == "empty":
        with pytest.raises(NotRecognised):
            take_in(vault, case)
        return
    first, again = take(vault, case, case)
    assert again.unchanged == first.new.plus(first.changed).plus(first.unchanged)
    assert again.known
    assert again.refused == first.refused
    assert again.new == again.changed == Counts()


@pytest.mark.skipif(not SHARED.exists(), reason="the real-shaped exports of others are not beside the repository")
@pytest.mark.parametrize("path", shared_files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_sums_hold_for_every_real_shaped_export(vault: Vault, path: Path) -> None:
    try:
        (receipt,) = take(vault, path)
    except SourceError as error:
        assert error.why  # said aloud, and nothing stored
        assert vault.store.sources() == []
    else:
        assert receipt.read != Counts() or receipt.refused or vault.store.live()


def _values() -> list[tuple[str, object]]:
    cases = [path for path in fixtures() if path.suffix == ".json"]
    return [(path.name, json.loads(path.read_bytes())) for path in cases if path.stem in ("graph", "native", "linear", "snapshot")]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_sums_hold_whatever_stands_in_the_place_of_whatever(data: st.DataObject) -> None:
    name, value = data.draw(st.sampled_from(_values()))
    for _ in range(data.draw(st.integers(1, 3))):
        value = replaced(value, data.draw(st.sampled_from(list(paths(value))[1:])), data.draw(WRONG))
    with tempfile.TemporaryDirectory() as folder, new_vault(Path(folder) / "vault") as vault:
        path = write(Path(folder) / name, value)
        try:
            take(vault, path)
        except SourceError:  # the damage made it nobody's export: refused aloud
            assert vault.store.live() == []


def test_a_receipt_counts_what_is_new_changed_and_unchanged(vault: Vault, tmp_path: Path) -> None:
    question, answer = turn("q", None, "user", "Tea?"), turn("a", "q", "assistant", "Green.")
    other = turn("b", "q", "assistant", "Oolong.")
    first = write(tmp_path / "1.json", [chat("c-1", question, answer), chat("c-2", question)])
    edited = turn("a", "q", "assistant", "Green, steeped twice.", update_time=1_760_000_050.0)
    second = write(tmp_path / "2.json", [chat("c-1", question, edited, other), chat("c-2", question), chat("c-3", question)])
    before, after = take(vault, first, second)
    assert before.new == before.read == Counts(conversations=2, messages=5)
    assert after.new == Counts(conversations=1, messages=3, branch_points=1)
    assert after.changed == Counts(conversations=1, messages=1)
    assert after.unchanged == Counts(conversations=1, messages=4)


def test_a_thinner_fork_is_no_changed_fork(vault: Vault, tmp_path: Path) -> None:
    question, one, two, three = (turn(id, parent, "user", id) for id, parent in (("q", None), ("1", "q"), ("2", "q"), ("3", "q")))
    take(vault, write(tmp_path / "full.json", [chat("c", question, one, two, three)]))
    (thin,) = take(vault, write(tmp_path / "thin.json", [chat("c", question, one, two)]))
    assert (thin.changed.branch_points, thin.unchanged.branch_points) == (0, 1)


# --- computed from what was stored ------------------------------------------------------------------------------------


def _damaging(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """Damage the database between the last write of a stage and the moment it is read back."""
    tally = EmbeddedStore.tally

    def damaged(self: EmbeddedStore, stage: int) -> Tally:
        self.db.execute(statement)
        return tally(self, stage)

    monkeypatch.setattr(EmbeddedStore, "tally", damaged)


_FLIP = (
    "UPDATE pack SET data = CAST(substr(data, 1, 20) || x'00FF' || substr(data, 23) AS BLOB)"
    " WHERE kind = '{0}' AND id IN (SELECT max(id) FROM pack WHERE kind = '{0}')"
)


def test_damage_between_staging_and_receipt_is_found_in_the_receipt(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = [turn("a", None, "user", "one"), turn("b", "a", "assistant", "two")]
    path = zipped(tmp_path / "x.zip", {"conversations.json": [chat("c-1", *turns), chat("c-2", *turns, image("i", "b", "file-Q"))]})
    _damaging(monkeypatch, _FLIP.format("conversation"))
    receipt = take_in(vault, path)
    monkeypatch.undo()
    assert_sums(receipt)
    (left,) = [vault.store.pack(seq) for seq, _, _ in vault.store.live()]
    lost = 4 if len(left.messages) == 3 else 3  # roots count: they are nodes, too
    assert refused(receipt)["conversation"] == 1
    assert refused(receipt)["message"] == lost
    assert receipt.new == Counts(conversations=1, messages=7 - lost, attachments=1 if lost == 3 else 0)
    assert receipt.read == Counts(conversations=2, messages=7, attachments=1)
    assert all(problem.where and "rebuild" in problem.reason for problem in receipt.refused)
    # The bytes of its slice are there: what the receipt says to do next brings it back.
    rebuild(vault, records=True)
    assert verify(vault).problems == ()
    assert len(vault.store.live()) == 2


def test_damage_to_a_changed_record_leaves_the_one_before(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take(vault, write(tmp_path / "1.json", [chat("c", turn("a", None, "user", "one"))]))
    before = records(vault)
    _damaging(monkeypatch, _FLIP.format("conversation") + " AND stage = (SELECT max(id) FROM stage)")
    receipt = take_in(vault, write(tmp_path / "2.json", [chat("c", turn("a", None, "user", "one"), turn("b", "a", "user", "two"))]))
    assert_sums(receipt)
    assert receipt.changed == receipt.new == receipt.unchanged == Counts()
    assert refused(receipt) == {"conversation": 1, "message": 3}
    assert records(vault) == before


def test_a_damaged_memory_is_refused_as_a_memory(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _damaging(monkeypatch, _FLIP.format("memory"))
    receipt = take_in(vault, write(tmp_path / "memories.json", remembered("Lives by the sea and keeps bees.")))
    assert_sums(receipt)
    assert (receipt.new, refused(receipt)) == (Counts(), {"memory": 1})


def test_a_pack_that_vanishes_stops_the_intake(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(vault)
    _damaging(monkeypatch, "DELETE FROM pack WHERE seq = (SELECT max(seq) FROM pack)")
    with pytest.raises(Exception, match="were written"):
        take_in(vault, write(tmp_path / "1.json", [chat("c", turn("a", None, "user", "one"))]))
    assert state(vault) == before


# --- never a silent zero ----------------------------------------------------------------------------------------------


def test_an_export_whose_every_conversation_is_refused_is_kept_and_says_so(vault: Vault, tmp_path: Path) -> None:
    good = chat("c", turn("a", None, "user", "one"))
    path = zipped(tmp_path / "x.zip", {"conversations.json": [good | {"update_time": float("nan")}] * 2})
    (receipt,) = take(vault, path)
    assert refused(receipt) == {"conversation": 2}
    assert receipt.read == Counts(conversations=2)
    assert vault.store.live() == []
    (header,) = vault.store.sources()
    (number, _), *_ = vault.store.numbered_members(header.id)
    kept = [segment.slice for segment in vault.store.segments(number) if segment.slice]
    assert len(kept) == 2  # a better reader can read them later
    assert b"NaN" in vault.store.slice(kept[0])[0]


def test_an_export_of_nothing_but_projects_is_no_empty_one(vault: Vault, tmp_path: Path) -> None:
    project = {
        "uuid": "b0000000-0000-4000-8000-0000000000aa",
        "name": "Garden",
        "description": "",
        "prompt_template": "",
        "docs": [],
    }
    path = write(
        tmp_path / "projects.json", [project | {"created_at": "2026-01-01T00:00:00Z", "creator": {"uuid": "x", "full_name": "y"}}]
    )
    take(vault, path)
    assert [kind for _, kind, _ in vault.store.live()] == ["topic"]


def test_an_export_of_nothing_but_an_account_is_refused_aloud(vault: Vault, tmp_path: Path) -> None:
    account = {"uuid": "ac000000-0000-4000-8000-0000000000aa", "full_name": "Some One", "email_address": "someone@example.org"}
    with pytest.raises(NotRecognised):
        take_in(vault, write(tmp_path / "users.json", [account]))
    assert vault.store.sources() == []


def test_the_place_of_a_problem_names_the_file_and_what_stands_there(vault: Vault, tmp_path: Path) -> None:
    fine = chat("c", turn("a", None, "user", "one"))
    inner = zipped(tmp_path / "inner.zip", {"conversations.json": [fine, 7]}).read_bytes()
    (receipt,) = take(vault, zipped(tmp_path / "outer.zip", {"batch.zip": inner, "../up.json": [1]}))
    assert {(p.kind, p.path, p.where) for p in receipt.refused} == {
        ("conversation", "batch.zip!/conversations.json", "[1]"),
        ("source", str(tmp_path / "outer.zip"), "../up.json"),
    }


def test_the_program_ends_with_3_when_something_was_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", [chat("c", turn("a", None, "user", "one")), 7])
    folder = tmp_path / "v"
    new_vault(folder).close()
    command = [sys.executable, "-m", "souviens", "add", "--vault", str(folder), "--no-encode", "--json", str(path)]
    partly = subprocess.run(command, capture_output=True, text=True, check=False)
    assert partly.returncode == 3, partly.stderr
    assert len(json.loads(partly.stdout)["sources"][0]["refused"]) == 1


NEXT = {"v": 9, "chats": [{"key": "k1", "beats": [{"who": {"role": "human"}, "body": "hi"}]}]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chats_v9.json", NEXT),
        ("chats_v9.json", [{"id": 1, "turns": [{"a": "hi"}, {"b": "hello"}]}]),
        ("chats_v9.jsonl", b'{"speaker": "user", "text": "hi"}\n{"speaker": "ai", "text": "hello"}\n'),
        ("chats_v9.csv", b"time,Role,Content\n1,user,hi\n"),
    ],
)
def test_a_file_of_conversations_that_nobody_reads_is_named(vault: Vault, tmp_path: Path, name: str, value: Any) -> None:
    """A provider's next generation beside the one we know: it was kept without a word."""
    write(tmp_path / "x" / "conversations.json", [claude_chat("c1", said("m1", None, "human", "one"))])
    write(tmp_path / "x" / name, value)
    receipt = take_in(vault, tmp_path / "x")
    assert [(problem.kind, problem.path) for problem in receipt.refused] == [("source", name)]
    assert receipt.new.conversations == receipt.read.conversations == 1
    assert take_in(vault, tmp_path / "x").refused == receipt.refused
    assert verify(vault).ok


def test_what_lies_beside_conversations_and_holds_none_is_not_named(vault: Vault, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    write(folder / "conversations.json", [chat("c", turn("a", None, "user", "one", metadata={"attachments": [{"id": "file-1"}]}))])
    write(folder / "file-1-notes.json", NEXT)
    write(folder / "model_comparisons.json", [{"input": {"messages": [{"role": "user", "content": "one"}]}}])
    write(folder / "user_settings.json", {"settings": {"theme": "dark", "role": "user"}})
    write(folder / "ads.json", [{"id": 1, "title": "a talk", "value": 3}])
    write(folder / "data.csv", b"time,value\n1,2\n")
    write(folder / "README.md", b"# user\n\nassistant: hello\n")
    receipt = take_in(vault, folder)
    assert receipt.refused == ()
    assert receipt.attachments.found == 1


# --- progress, attachments, long texts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", [path for path in fixtures() if path.name in ("full", "parts", "nested.zip")], ids=lambda p: p.name
)
def test_progress_only_grows_and_ends_at_the_end(vault: Vault, case: Path) -> None:
    told: list[tuple[int, int]] = []
    take_in(vault, case, progress=lambda what, done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1] == told[0][1]


def test_attachments_are_found_or_missing_and_bytes_that_come_later_are_found(vault: Vault, tmp_path: Path) -> None:
    talk = [chat("c", image("i", None, "file-Aa1"), image("j", "i", "file-Bb2"))]
    bare = zipped(tmp_path / "bare.zip", {"conversations.json": talk, "file-Aa1-x.png": b"\x89PNG"})
    full = zipped(tmp_path / "full.zip", {"conversations.json": talk, "file-Aa1-x.png": b"\x89PNG", "file-Bb2-y.png": b"\x89PNGb"})
    none = zipped(tmp_path / "none.zip", {"conversations.json": talk, "note.txt": b"x"})
    first, second, third = take(vault, bare, full, none)
    assert [(r.attachments.found, r.attachments.missing) for r in (first, second, third)] == [(1, 1), (2, 0), (0, 2)]
    assert first.new.attachments == 2
    assert (second.changed.attachments, second.unchanged.attachments) == (1, 1)  # missing -> found
    assert (third.changed.attachments, third.unchanged.attachments) == (0, 2)  # never the reverse
    (seq,) = [seq for seq, _, _ in vault.store.live()]
    held = vault.store.pack(seq).attachments
    assert all(a.blob and not a.missing for a in held)
    assert sorted(b"".join(vault.store.blob(a.blob)) for a in held) == [b"\x89PNG", b"\x89PNGb"]


def test_a_text_over_a_megabyte_is_kept_whole_and_the_receipt_says_it_is_indexed_in_part(vault: Vault, tmp_path: Path) -> None:
    long = "a slow word " * 100_000
    short, cut = take(
        vault,
        write(tmp_path / "short.json", [chat("s", turn("a", None, "user", "brief"))]),
        write(tmp_path / "long.json", [claude_chat("c" * 8, said("m" * 8, ROOT, "human", long))]),
    )
    assert (short.cut_texts, cut.cut_texts) == (0, 1)
    assert cut.indexed
    (text,) = [
        part.text
        for seq, _, _ in vault.store.live()
        for m in vault.store.pack(seq).messages
        for part in m.parts
        if len(part.text) > 9
    ]
    assert text == long
