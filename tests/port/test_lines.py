"""The whole vault as lines and back: equal after the round trip, a merge into what is there, and wholly or not at all."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest

from souviens.errors import SourceError, UsageError
from souviens.port.checking import verify
from souviens.port.erasing import erase, undo
from souviens.port.giving import give_back
from souviens.port.lines import export_lines, import_lines
from souviens.port.remembering import remember, review
from souviens.vault import Vault
from tests.golden import fixtures
from tests.port.given import chat, new_vault, remembered, state, take, turn, write, zipped

CASES = [path for path in fixtures() if path.name != "empty"]


@pytest.fixture
def full(vault: Vault, tmp_path: Path) -> Vault:
    """Something of everything: sources of both providers, attachments, statements, verdicts, holes of every kind."""
    take(vault, *(path for path in CASES if path.name in ("full", "parts", "slim", "damaged.json")))
    memory = remember(vault, "Takes tea without sugar.")
    review(vault, memory.id, "correct", "Takes tea with honey.")
    mine = write(
        tmp_path / "mine.json",
        [
            chat("c-1", turn("a", None, "user", "one"), turn("b", "a", "assistant", "two")),
            chat("c-2", turn("a", None, "user", "x")),
        ],
    )
    take(vault, mine)
    ids = {
        record.provider_id: record
        for seq, kind, _ in vault.store.live()
        if kind == "conversation"
        for record in [vault.store.pack(seq)]
    }
    erase(vault, [ids["c-2"].id, next(m.id for m in ids["c-1"].messages if m.provider_id == "b")])
    return vault


def exported(vault: Vault, path: Path) -> Path:
    export_lines(vault, path)
    return path


def test_everything_is_equal_after_the_round_trip(full: Vault, tmp_path: Path) -> None:
    lines = exported(full, tmp_path / "all.jsonl")
    with new_vault(tmp_path / "other") as other:
        done = import_lines(other, lines)
        assert (done.sources, done.changed, done.erased) == (len(full.store.sources()), 0, 0)
        assert state(other) == state(full)
        assert other.store.sources() == full.store.sources()
        assert verify(other).problems == ()
        again = exported(other, tmp_path / "again.jsonl")
        assert sorted(again.read_bytes().splitlines()[1:-1]) == sorted(lines.read_bytes().splitlines()[1:-1])
        for header in other.store.sources():
            mine, theirs = (give_back(v, header.id, tmp_path / f"{n}-{header.id}") for n, v in enumerate((full, other)))
            assert mine.members == theirs.members


def test_importing_twice_changes_nothing(full: Vault, tmp_path: Path) -> None:
    lines = exported(full, tmp_path / "all.jsonl")
    before = state(full)
    for _ in range(2):
        done = import_lines(full, lines)
        assert (done.sources, done.records, done.changed, done.erased) == (0, 0, 0, 0)
        assert state(full) == before


def test_lines_merge_into_a_vault_that_holds_something_else(full: Vault, tmp_path: Path) -> None:
    lines = exported(full, tmp_path / "all.jsonl")
    with new_vault(tmp_path / "other") as other:
        take(other, *CASES[-2:])
        mine = set(state(other)["records"])
        import_lines(other, lines)
        assert set(state(other)["records"]) == mine | set(state(full)["records"])
        assert verify(other).problems == ()


def test_every_line_is_json_with_one_key_and_a_reader_needs_no_more(full: Vault, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in exported(full, tmp_path / "all.jsonl").read_bytes().splitlines()]
    assert all(len(line) == 1 for line in lines)
    kinds = [next(iter(line)) for line in lines]
    assert (kinds[0], kinds[-1]) == ("souviens", "end")
    assert lines[-1]["end"]["lines"] == len(lines) - 2


def test_nothing_is_overwritten_and_a_failure_leaves_no_file(full: Vault, tmp_path: Path) -> None:
    write(tmp_path / "there.jsonl", b"mine")
    with pytest.raises(UsageError, match="already there"):
        export_lines(full, tmp_path / "there.jsonl")
    full.store.db.execute("UPDATE pack SET data = x'00' WHERE seq = (SELECT max(seq) FROM pack)")
    with pytest.raises(Exception, match="cannot be unpacked"):
        export_lines(full, tmp_path / "new.jsonl")
    assert {path.name for path in tmp_path.glob("*.jsonl*")} == {"there.jsonl"}


# --- damage -----------------------------------------------------------------------------------------------------------


def refused_wholly(vault: Vault, path: Path) -> SourceError:
    before = state(vault)
    with pytest.raises(SourceError) as error:
        import_lines(vault, path)
    assert state(vault) == before
    assert not list(vault.folder.glob("stage-*"))
    assert verify(vault).problems == ()
    return error.value


def test_a_damaged_line_is_named_and_nothing_is_imported(full: Vault, tmp_path: Path) -> None:
    lines = exported(full, tmp_path / "all.jsonl").read_bytes().splitlines(keepends=True)
    kinds = {next(iter(json.loads(line))): n for n, line in enumerate(lines)}
    with new_vault(tmp_path / "other") as other:
        for kind, n in kinds.items():
            for number, damaged in enumerate((b"{\n", b'{"nonsense": {}}\n', b'{"%s": 7}\n' % kind.encode())):
                path = write(tmp_path / f"{kind}-{number}.jsonl", b"".join([*lines[:n], damaged, *lines[n + 1 :]]))
                error = refused_wholly(other, path)
                assert f"line {n + 1} is damaged" in error.what or kind == "souviens"


def test_a_file_cut_off_anywhere_is_refused(full: Vault, tmp_path: Path) -> None:
    whole = exported(full, tmp_path / "all.jsonl").read_bytes()
    ends = [n + 1 for n, byte in enumerate(whole) if byte == 10][:-1]
    chosen = random.Random(7)
    with new_vault(tmp_path / "other") as other:
        for end in [0, 1, *chosen.sample(ends, 6), *(chosen.randrange(len(whole)) for _ in range(6)), ends[-1]]:
            refused_wholly(other, write(tmp_path / "cut.jsonl", whole[:end]))


def test_a_flipped_byte_anywhere_is_refused(full: Vault, tmp_path: Path) -> None:
    whole = exported(full, tmp_path / "all.jsonl").read_bytes()
    begin = whole.index(b"\n") + 1  # the first line names the vault alone, and its name is nowhere used
    chosen = random.Random(8)
    with new_vault(tmp_path / "other") as other:
        for place in [chosen.randrange(begin, len(whole) - 1) for _ in range(20)]:
            flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
            refused_wholly(other, write(tmp_path / "flip.jsonl", flipped))


def test_an_attachment_that_is_not_what_its_name_says_is_refused(full: Vault, tmp_path: Path) -> None:
    lines = exported(full, tmp_path / "all.jsonl").read_bytes().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if line.startswith(b'{"chunk"'))
    chunk = json.loads(lines[place])["chunk"]
    lines[place] = json.dumps({"chunk": chunk | {"data": "AAAA"}}).encode() + b"\n"
    digest = hashlib.sha256(b"".join(lines[1:-1])).hexdigest()
    lines[-1] = json.dumps({"end": {"lines": len(lines) - 2, "sha256": digest}}).encode() + b"\n"
    with new_vault(tmp_path / "other") as other:
        assert chunk["blob"][:12] in refused_wholly(other, write(tmp_path / "1.jsonl", b"".join(lines))).why


def test_lines_that_are_missing_or_out_of_place_are_noticed(full: Vault, tmp_path: Path) -> None:
    lines = exported(full, tmp_path / "all.jsonl").read_bytes().splitlines(keepends=True)
    with new_vault(tmp_path / "other") as other:
        refused_wholly(other, write(tmp_path / "1.jsonl", b"".join(lines[:20] + lines[21:])))
        refused_wholly(other, write(tmp_path / "2.jsonl", b"".join([*lines, lines[5]])))
        refused_wholly(other, write(tmp_path / "3.jsonl", b"".join(lines[1:])))
        refused_wholly(other, tmp_path / "nowhere.jsonl")


# --- undo -------------------------------------------------------------------------------------------------------------


def test_undo_of_an_add_an_import_a_statement_and_a_judgement_restores_the_state(full: Vault, tmp_path: Path) -> None:
    with new_vault(tmp_path / "other") as other:
        take(
            other,
            zipped(tmp_path / "o.zip", {"conversations.json": [chat("c-9", turn("a", None, "user", "nine"))], "note.txt": b"n"}),
        )
        lines = exported(other, tmp_path / "other.jsonl")
    memories = write(tmp_path / "memories.json", remembered("Grows figs."))
    shared = write(
        tmp_path / "more.json", [chat("c-1", turn("c", None, "user", "three")), chat("c-8", turn("a", None, "user", "eight"))]
    )
    stated = remember(full, "Sails.")
    steps = [
        ("add", lambda: take(full, shared)),
        ("add", lambda: take(full, memories)),
        ("import", lambda: import_lines(full, lines)),
        ("remember", lambda: remember(full, "Lives by the sea.")),
        ("review", lambda: review(full, stated.id, "reject")),
    ]
    states = []
    for _, step in steps:
        states.append(state(full))
        step()
        assert state(full) != states[-1]
    for (verb, _), before in zip(reversed(steps), reversed(states), strict=True):
        assert undo(full).verb == verb
        assert state(full) == before
        assert verify(full).problems == ()


def test_undo_of_an_import_takes_back_what_persons_stated_there(vault: Vault, tmp_path: Path) -> None:
    with new_vault(tmp_path / "other") as other:
        remember(other, "Sails on Sundays.")
        lines = exported(other, tmp_path / "other.jsonl")
    before = state(vault)
    import_lines(vault, lines)
    undo(vault)
    assert state(vault) == before
