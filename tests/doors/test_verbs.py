"""Every verb on a real vault: what it answers, what it leaves behind, how it ends."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from souviens.doors.cli import progress
from souviens.formats import readers, writers
from tests.doors.conftest import PROGRAM, Desk
from tests.doors.exports import CANARY, chatgpt_conversation, conversations, write_chatgpt

Ids = Callable[[str], str]


# --- init and key -----------------------------------------------------------------------------------------------------


def test_init_makes_a_vault_and_shows_the_recovery_code_once(empty: Desk) -> None:
    said = empty("init", "--json")
    document = said.document

    assert set(document) == {"vault", "id", "encrypted", "keys", "recovery_code"}
    assert document["keys"] == ["keyfile", "recovery"]
    assert empty.key.stat().st_mode & 0o077 == 0
    opened = empty.on_terminal("list", "--recovery", answers=[("Recovery code:", document["recovery_code"])])
    assert opened.code == 0


def test_init_asks_for_a_passphrase_twice(empty: Desk) -> None:
    answers = [("Passphrase for the new vault:", "open sesame"), ("Repeat for confirmation:", "open sesame")]
    said = empty.on_terminal("init", answers=answers, SOUVIENS_KEY_FILE=None)

    assert said.code == 0
    assert "open sesame" not in said.out
    empty("list", SOUVIENS_PASSPHRASE="open sesame", SOUVIENS_KEY_FILE=None)


def test_a_vault_without_encryption_says_so_and_asks_for_nothing(empty: Desk) -> None:
    said = empty("init", "--no-encryption", SOUVIENS_KEY_FILE=None)

    assert "not encrypted" in said.out
    assert empty("list", SOUVIENS_KEY_FILE=None).code == 0
    assert "not encrypted" in empty("key", "list", SOUVIENS_KEY_FILE=None).out
    assert empty("doctor", ok=1, SOUVIENS_KEY_FILE=None).out.count("PROBLEM") == 1
    empty("init", "--no-encryption", ok=2)


def test_keys_come_change_and_go(desk: Desk) -> None:
    new = desk.home / "second key"
    desk("key", "add", "--key-file", new, "--name", "usb")
    desk("key", "add", "--passphrase", SOUVIENS_NEW_PASSPHRASE="first words")
    assert "already" in desk("key", "add", "--passphrase", ok=2, SOUVIENS_NEW_PASSPHRASE="x").err

    assert [key["name"] for key in desk("key", "list", "--json").document["keys"]] == ["keyfile", "usb", "passphrase"]
    desk("list", SOUVIENS_KEY_FILE=str(new))
    desk("list", SOUVIENS_PASSPHRASE="first words")

    desk("key", "change", SOUVIENS_NEW_PASSPHRASE="second words")
    desk("list", SOUVIENS_PASSPHRASE="second words")
    desk("list", SOUVIENS_PASSPHRASE="first words", ok=12)

    first, second = (desk("key", "recovery", "--json").document["recovery_code"] for _ in range(2))
    assert desk.on_terminal("key", "list", answers=[]).code == 0
    assert desk.on_terminal("list", "--recovery", answers=[("Recovery code:", first)]).code == 12
    assert desk.on_terminal("list", "--recovery", answers=[("Recovery code:", second)]).code == 0

    desk("key", "remove", "keyfile", SOUVIENS_PASSPHRASE="second words")
    desk("list", ok=12)
    desk("list", SOUVIENS_KEY_FILE=str(new))


# --- add, import, list, show ------------------------------------------------------------------------------------------


def test_add_answers_with_a_receipt_whose_numbers_add_up(empty: Desk, exports: Path) -> None:
    empty("init", "--no-recovery")
    (receipt,) = empty("add", exports / "chatgpt.zip", "--json").document["sources"]

    for kind, read in receipt["read"].items():
        assert read == sum(receipt[part][kind] for part in ("new", "changed", "unchanged")), kind
    counted = {"conversations": 3, "messages": 11 + 1, "branch_points": 1, "attachments": 0, "memories": 0, "topics": 1}
    assert receipt["read"] == counted
    assert [w["path"] for w in receipt["withheld"]] == ["user.json"]
    assert receipt["sha256"] == hashlib.sha256((exports / "chatgpt.zip").read_bytes()).hexdigest()


def test_a_receipt_for_people(empty: Desk, exports: Path) -> None:
    empty("init", "--no-recovery")
    first, again = (empty("add", exports / "chatgpt.zip").out for _ in range(2))

    assert "user.json" in first
    assert [line.split() for line in first.splitlines() if "conversations" in line] == [["conversations", "3", "3", "0", "0", "0"]]
    assert "taken in before" in again
    assert [line.split() for line in again.splitlines() if "messages" in line] == [["messages", "12", "0", "0", "12", "0"]]
    assert CANARY not in first


def test_a_newer_export_adds_what_is_new(desk: Desk, tmp_path: Path) -> None:
    newer = [*conversations(), chatgpt_conversation("55555555", "Knots", ["Which knot?", "A bowline."])]
    (receipt,) = desk("add", write_chatgpt(tmp_path / "newer.zip", newer), "--json").document["sources"]

    assert receipt["new"]["conversations"] == 1
    assert receipt["unchanged"]["conversations"] == 3


def test_progress_is_a_bar_on_a_terminal_and_a_line_now_and_then_elsewhere(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = write_chatgpt(tmp_path / "more.zip", [chatgpt_conversation("9", "More", ["a", "b"])])
    shown = desk.on_terminal("add", more, answers=[], TERM="xterm")
    assert shown.code == 0
    assert "100%" in shown.out or "more.zip" in shown.out

    told: list[str] = []
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with progress.lines(told.append) as report:
        report("export.zip", 1, 4)
        report("export.zip", 0, 0)
    assert told == ["export.zip: 25 %", "export.zip: 0 %"]


def test_what_is_refused_makes_the_exit_code_3_and_the_rest_comes_in(empty: Desk, tmp_path: Path, exports: Path) -> None:
    empty("init", "--no-recovery")
    damaged = [*conversations(), "this is no conversation"]
    (receipt,) = empty("add", write_chatgpt(tmp_path / "d.zip", damaged), "--json", ok=3).document["sources"]

    assert receipt["new"]["conversations"] == 3
    assert [problem["kind"] for problem in receipt["refused"]] == ["conversation"]
    assert set(receipt["refused"][0]) == {"kind", "path", "where", "reason"}

    (tmp_path / "notes.txt").write_text("nothing of ours")
    both = empty("add", tmp_path / "notes.txt", exports / "claude.zip", "--json", ok=3)
    assert [source["format"] for source in both.document["sources"]] == ["claude"]
    assert [set(failed) for failed in both.document["failed"]] == [{"path", "what", "why", "next"}]
    empty("add", tmp_path / "notes.txt", ok=1)


def test_a_plain_export_can_be_imported_into_another_vault(filled: Desk, empty: Desk, tmp_path: Path) -> None:
    lines = tmp_path / "all.jsonl"
    counts = filled("export", "-o", lines, "--json").document["lines"]
    empty("init", "--no-recovery")
    done = empty("import", lines, "--json").document

    assert counts["conversation"] == 4
    assert set(done) == {"path", "lines", "sources", "records", "changed", "erased"}
    assert done["lines"] == sum(counts.values())
    assert empty("list", "--json").document == filled("list", "--json").document
    assert empty("import", lines, "--json").document["records"] == 0
    assert empty("verify", "--json").document["ok"]
    assert "already there" in filled("export", "-o", lines, ok=2).err


def test_list_is_a_tree_by_provider_and_project(filled: Desk) -> None:
    lines = filled("list").out.splitlines()

    assert lines[0] == "4 conversations"
    assert lines.index("  chatgpt  3 conversations") < lines.index("  claude  1 conversation")
    assert any(line.startswith("      c-") and "Montréal" in line for line in lines), "one level deeper, under its project"


def test_list_filters(filled: Desk, ids: Ids) -> None:
    assert set(filled("list", "--memories", "--sources", "--json").document) == {"memories", "sources"}
    claude = filled("list", "--provider", "claude", "--json").document
    assert {name: len(rows) for name, rows in claude.items()} == {"conversations": 1, "memories": 1, "topics": 0, "sources": 1}
    of_project = filled("list", "--project", ids("project")[:9], "--conversations", "--json").document["conversations"]
    assert [row["title"] for row in of_project] == ["Café à Montréal ☕ 京都"]


def test_an_empty_list_says_what_to_do(empty: Desk) -> None:
    empty("init", "--no-recovery")

    assert "souviens add" in empty("list").err


@pytest.mark.parametrize("words", ["Sourdough", "**Home**", "project", "chatgpt"])
def test_show_takes_the_beginning_of_an_id_of_every_noun(filled: Desk, ids: Ids, words: str) -> None:
    whole = ids(words)

    assert filled("show", whole[:12], "--json").document == filled("show", whole, "--json").document
    assert filled("show", whole[:12]).out


def test_show_keeps_to_what_was_on_the_screen_unless_asked(filled: Desk, ids: Ids) -> None:
    shown = filled("show", ids("Sourdough"))
    every = filled("show", ids("Sourdough"), "--all")

    assert "twelve hours" in shown.out
    assert "a whole day" not in shown.out
    assert "--all" in shown.out
    assert "a whole day" in every.out


def test_show_a_source_names_its_files_and_what_was_left_out(filled: Desk, ids: Ids) -> None:
    said = filled("show", ids("chatgpt")).out

    assert "conversations.json" in said
    assert "accounts, logins or keys" in said


def test_a_reader_that_goes_away_is_no_fault(filled: Desk) -> None:
    command = [*PROGRAM, "list", "--json"]
    running = subprocess.Popen(command, env=filled.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    err = running.stderr.read()
    running.wait(timeout=30)

    assert err == b""


def test_show_a_message(filled: Desk, ids: Ids) -> None:
    message = filled("show", ids("Sailing"), "--json").document["messages"][-1]
    alone = filled("show", message["id"][:14], "--json").document

    assert alone["conversation"] == ids("Sailing")
    assert {key: alone[key] for key in message} == message


# --- recall, context, remember, review --------------------------------------------------------------------------------


def test_recall_quotes_with_place_date_and_reasons(filled: Desk) -> None:
    said = filled("recall", "how", "long", "with", "rye", "-k", "2")
    found = filled("recall", "how long with rye", "-k", "2", "--json").document

    assert found["query"] == "how long with rye"
    assert len(found["items"]) == 2
    assert all(abs(sum(item["why"].values()) - 1) < 0.01 for item in found["items"])
    assert "Sourdough in a cold kitchen  2025-10-09" in said.out
    assert re.search(r"score \d\.\d\d: \w+ \d+%, ", said.out)


def test_recall_shows_messages_windows_or_conversations(filled: Desk) -> None:
    kinds = {}
    for unit in ("message", "window", "conversation"):
        items = filled("recall", "how long with rye", "--unit", unit, "--json").document["items"]
        kinds[unit] = {item["kind"] for item in items if item["conversation"]}
        assert all(item["message"] for item in items if item["kind"] in ("message", "window"))
        if unit == "conversation":
            assert len({item["conversation"] for item in items}) == len(items)
    assert kinds == {unit: {unit} for unit in kinds}


def test_recall_of_nothing_says_so(filled: Desk) -> None:
    said = filled("recall", "xylophone")

    assert "no results" in said.out
    assert "nothing was found" in said.err


def test_context_keeps_its_budget(filled: Desk) -> None:
    made = filled("context", "how long does dough rise", "--budget", "120", "--json").document

    assert 0 < made["tokens"] <= 120
    assert made["evidence"]
    assert filled("context", "how long does dough rise", "--budget", "120").out.strip() == made["text"].strip()


def test_remember_review_and_undo(desk: Desk) -> None:
    kept = desk("remember", "I", "bake", "with", "rye.", "--kind", "preference", "--json").document
    assert (kept["type"], kept["text"], kept["status"], kept["kind"]) == ("memory", "I bake with rye.", "confirmed", "preference")
    assert desk("context", "bread", "--json").document["standing"][0]["text"] == "I bake with rye."

    (proposed,) = desk("review", "--json").document["memories"]
    assert (
        desk("review", proposed["id"][:9], "--correct", "Grows figs indoors.", "--json").document["text"] == "Grows figs indoors."
    )
    assert desk("review", "--json").document["memories"] == []
    undone = desk("undo", "--json").document
    assert (undone["verb"], undone["what"]) == ("review", proposed["id"])
    assert [row["status"] for row in desk("review", "--json").document["memories"]] == ["proposed"]
    assert desk("review", proposed["id"], "--reject", "--json").document["status"] == "rejected"

    assert proposed["id"][:10] in desk("list", "--memories").out


# --- move and export --------------------------------------------------------------------------------------------------


def test_move_without_a_target_names_them(filled: Desk) -> None:
    assert "markdown" in filled("move", ok=2).err


def test_a_dry_run_of_a_move_writes_nothing_and_says_the_same(filled: Desk, tmp_path: Path, ids: Ids) -> None:
    only = ids("Sourdough")[:10]
    dry = filled("move", only, "--to", "markdown", "-o", tmp_path / "out", "--dry-run", "--json").document
    assert not (tmp_path / "out").exists()
    wet = filled("move", only, "--to", "markdown", "-o", tmp_path / "out", "--json").document

    assert set(wet) == {"target", "written", "carried", "lost"}
    assert dry | {"written": wet["written"]} == wet
    assert dry["written"] == []
    assert all(Path(path).is_file() for path in wet["written"])
    assert "already there" in filled("move", only, "--to", "markdown", "-o", tmp_path / "out", ok=2).err
    assert "Would carry to markdown:" in filled("move", "--to", "markdown", "--dry-run").out


def test_move_by_provider_and_date(filled: Desk) -> None:
    def titles(*conditions: str) -> int:
        carried = filled("move", "--to", "markdown", "--dry-run", "--json", *conditions).document["carried"]
        return sum(n for kind, n in carried.items() if kind.startswith("conversation"))

    assert titles("--provider", "claude") == 1
    assert titles("--since", "2025-10-10", "--until", "2025-10-11") == 1
    assert titles("--provider", "claude", "--provider", "chatgpt") == titles()


def test_move_by_what_recall_finds_and_by_topic(filled: Desk) -> None:
    def carried(*conditions: str) -> dict[str, int]:
        found: dict[str, int] = filled("move", "--to", "markdown", "--dry-run", "--json", *conditions).document["carried"]
        return found

    assert carried("--query", "sourdough with rye", "-k", "1")["conversation"] == 1
    topics = [row for row in filled("list", "--json").document["topics"] if row["conversations"]]
    assert carried("--topic", topics[0]["id"])["conversation"] == topics[0]["conversations"]
    assert (
        "nothing to move" in filled("move", "--to", "markdown", "--dry-run", "--query", "xylographic quagga", "-k", "1", ok=1).err
    )


def test_what_can_be_read_and_written_comes_from_the_code(filled: Desk) -> None:
    reads = {row["name"] for row in filled("formats", "--json").document["formats"]}
    writes = {row["name"] for row in filled("targets", "--json").document["targets"]}

    assert reads == {name.replace("_", "-") for name in readers()}
    assert writes == set(writers())
    assert "markdown" in filled("targets").out
    assert "chatgpt" in filled("formats").out


@pytest.mark.parametrize("name", sorted({name.replace("_", "-") for name in [*readers(), *writers()]}))
def test_every_format_has_a_guide(filled: Desk, name: str) -> None:
    document = filled("guide", name, "--json").document

    assert document["get"] or not document["reads"], "how to get an export is not said"
    assert document["bring"] or not document["writes"], "how to bring it in is not said"
    assert filled("guide", name).out


def test_a_guide_for_nobody_names_the_nearest(filled: Desk) -> None:
    assert "did you mean chatgpt?" in filled("guide", "chatgtp", ok=2).err
    assert "there are:" in filled("guide", ok=2).err


def test_an_original_comes_back_byte_for_byte(empty: Desk, exports: Path, tmp_path: Path) -> None:
    empty("init", "--no-recovery")
    (receipt,) = empty("add", "--with-accounts", exports / "chatgpt.zip", "--json").document["sources"]
    back = empty("export", receipt["id"][:10], "--original", "-o", tmp_path / "back.zip", "--json").document

    assert back["identical"] is True
    assert back["container_identical"] is True
    assert (tmp_path / "back.zip").read_bytes() == (exports / "chatgpt.zip").read_bytes()
    assert back["sha256"] == receipt["sha256"]


def test_what_was_withheld_makes_an_original_not_identical_and_is_named(filled: Desk, ids: Ids, tmp_path: Path) -> None:
    said = filled("export", ids("chatgpt"), "--original", "-o", tmp_path / "back.zip")

    assert "1 of 1 file identical" in said.out
    assert "Not given back as they came" in said.out
    assert "user.json: accounts, logins or keys" in said.out


# --- verify, rebuild, erase, undo -------------------------------------------------------------------------------------


def test_verify_and_rebuild(desk: Desk) -> None:
    before = desk("recall", "rye", "--json").document
    verified = desk("verify", "--json").document
    assert verified["ok"]
    assert verified["problems"] == []

    rebuilt = desk("rebuild", "--records", "--json").document
    assert set(rebuilt) == {"records", "indexed", "waiting", "seconds"}
    assert rebuilt["records"] == 0
    for index in desk.vault.glob("index-*"):
        index.unlink()
    after = desk("recall", "rye", "--json").document
    assert before["items"] == after["items"]


def test_verify_finds_damage_and_exits_1(desk: Desk) -> None:
    truth = desk.vault / "truth.db"
    data = bytearray(truth.read_bytes())
    data[len(data) // 2] ^= 1
    truth.write_bytes(data)

    said = desk("verify", ok=1)
    assert CANARY not in said.out + said.err


def test_erase_shows_what_will_go_and_asks(desk: Desk, ids: Ids) -> None:
    asked = desk.on_terminal("erase", ids("Sailing"), answers=[("for good?", "n")])
    assert asked.code == 130
    assert "Sailing on the Saint Lawrence" in asked.out
    assert "3 messages" in asked.out
    desk("show", ids("Sailing"))

    agreed = desk.on_terminal("erase", ids("Sailing"), answers=[("for good?", "y")])
    assert agreed.code == 0
    desk("show", ids("Sailing"), ok=1)


def test_what_was_erased_is_gone_and_does_not_come_back_by_itself(desk: Desk, ids: Ids, exports: Path, tmp_path: Path) -> None:
    erased = desk("erase", ids("Sailing")[:10], "--yes", "--json").document
    assert (erased["conversations"], erased["pending"]) == (1, False)
    assert desk("recall", CANARY, "--json").document["items"] == []
    desk("export", "-o", tmp_path / "all.jsonl")
    assert CANARY not in (tmp_path / "all.jsonl").read_text()
    assert "erasure" in desk("undo", ok=2).err

    newer = write_chatgpt(tmp_path / "newer.zip", [*conversations(), chatgpt_conversation("6", "More", ["a", "b"])])
    desk("add", newer)
    desk("show", ids("Sailing"), ok=1)
    desk("add", newer, "--bring-back")
    desk("show", ids("Sailing"))


def test_undo_takes_back_an_export(desk: Desk, tmp_path: Path) -> None:
    before = desk("list", "--json").document
    desk("add", write_chatgpt(tmp_path / "more.zip", [chatgpt_conversation("7", "More", ["a", "b"])]))
    desk("undo")

    assert desk("list", "--json").document == before


# --- set up -----------------------------------------------------------------------------------------------------------


def test_where_names_every_path(filled: Desk) -> None:
    paths = filled("where", "--json").document

    assert paths["vault"] == str(filled.vault)
    assert paths["key_file"] == str(filled.key)
    assert str(filled.vault) in filled("where").out


def test_doctor(desk: Desk) -> None:
    healthy = desk("doctor", "--json").document
    assert healthy["ok"]
    assert len(healthy["checks"]) >= 10
    assert all(set(check) == {"name", "state", "detail", "fix"} for check in healthy["checks"])

    desk.vault.chmod(0o755)
    sick = desk("doctor", ok=1)
    assert "chmod 700" in sick.out
    assert [c["name"] for c in desk("doctor", "--json", ok=1).document["checks"] if c["state"] == "problem"] == ["privacy"]


def test_doctor_without_a_vault_and_with_a_wrong_key(empty: Desk, desk: Desk, tmp_path: Path) -> None:
    assert "souviens init" in empty("doctor", ok=1).out
    assert "key" in [
        c["name"] for c in desk("doctor", "--json", ok=1, SOUVIENS_KEY_FILE=None).document["checks"] if c["state"] == "problem"
    ]


def test_encoder_status_without_one(filled: Desk) -> None:
    said = filled("encoder", "status", "--json").document

    assert said == {
        "encoder": None,
        "endpoint": None,
        "folder": said["folder"],
        "works": False,
        "why": "",
        "done": None,
        "waiting": None,
    }
    assert "souviens encoder install" in filled("encoder", "status").out


def test_an_installed_encoder_is_used(desk: Desk, encoder_folder: Path) -> None:
    installed = desk.home / "XDG_DATA_HOME" / "souviens"
    installed.mkdir(parents=True)
    (installed / "encoder").symlink_to(encoder_folder)

    status = desk("encoder", "status", "--json").document
    assert status["works"]
    assert status["done"] == 0
    assert status["waiting"] > 0
    locked = desk("encoder", "status", "--json", SOUVIENS_KEY_FILE=None).document
    assert (locked["works"], locked["waiting"]) == (True, None), "a vault that is locked is no obstacle"
    done = desk("encoder", "run", "--json").document
    assert desk("encoder", "status", "--json").document["done"] == done["done"] == status["waiting"]
    assert "waiting: 0" in desk("encoder", "status").out
    assert done["done"] > 0
    assert done["waiting"] == 0
    found = desk("recall", "baking bread in winter", "--json").document
    assert found["encoder"]
    assert "Sourdough in a cold kitchen" in found["items"][0]["path"], "no word of the question stands in it"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(filled: Desk, shell: str) -> None:
    said = filled("completion", shell)

    assert "_SOUVIENS_COMPLETE" in said.out
    assert "souviens completion" in said.err
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=said.out, text=True, check=True)
        words = filled(_SOUVIENS_COMPLETE="bash_complete", COMP_WORDS="souviens re", COMP_CWORD="1").out
        assert {line.split(",")[1] for line in words.split()} == {"recall", "remember", "review", "rebuild"}


# --- quiet ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("rec", ["recall"]), ("move --to op", ["openai", "openwebui"]), ("guide cl", ["claude"]), ("list --provider gr", ["grok"])],
)
def test_what_is_completed(filled: Desk, typed: str, offered: list[str]) -> None:
    words = ["souviens", *typed.split()]
    asked = {"_SOUVIENS_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    assert [line.partition(",")[2] for line in filled(**asked).out.split()] == offered


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="to root nothing is forbidden")
def test_an_export_that_may_not_be_read_does_not_hold_up_the_others(empty: Desk, exports: Path, tmp_path: Path) -> None:
    empty("init", "--no-recovery")
    closed = tmp_path / "closed.zip"
    closed.write_bytes((exports / "claude.zip").read_bytes())
    closed.chmod(0)
    said = empty("add", closed, exports / "chatgpt.zip", "--json", ok=3).document
    assert [f["path"] for f in said["failed"]] == [str(closed)]
    assert len(said["sources"]) == 1


def test_quiet_leaves_the_data_and_nothing_else(desk: Desk, exports: Path) -> None:
    said = desk("-q", "export", "-o", desk.home / "all.jsonl")

    assert said.err == ""
    assert said.out


def test_json_is_one_document_on_one_line_in_a_pipe(filled: Desk) -> None:
    assert len(filled("list", "--json").out.splitlines()) == 1
    assert json.loads(filled.on_terminal("list", "--json", answers=[]).out.replace("\r\n", "\n"))


# --- map --------------------------------------------------------------------------------------------------------------


def test_map_draws_a_tree_that_fits_its_terminal(filled: Desk) -> None:
    drawn = filled("map", "--depth", "3").out
    assert drawn.splitlines()[0].startswith("4 conversations, 14 messages, 4 on their own")
    assert "├─ (Café Montréal" in drawn
    assert "│  └─ Café à Montréal ☕ 京都" in drawn
    assert all(len(line) <= 110 for line in drawn.splitlines())
    assert "Café à Montréal" not in filled("map").out  # conversations only where a depth is asked for


def test_show_reads_a_topic_along_time(filled: Desk) -> None:
    (topic,) = filled("list", "--topics", "--json").document["topics"]
    shown = filled("show", topic["id"][:12]).out
    assert "1 conversation  3 messages  2025-10-11 to 2025-10-11" in shown
    assert "“Où boire un café près du canal ?”" in shown
    assert "2025-10-11  chatgpt  Café à Montréal ☕ 京都" in shown
    assert "nothing in the vault has the id" in filled("show", "t-0000", ok=1).err
