"""The program before any verb: help, exit codes, errors, consoles, keys, speed."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from souviens import errors
from souviens.doors import cli
from souviens.doors.cli import words
from souviens.doors.cli.invocation import Family, Verb
from souviens.doors.cli.program import VERBS, root, run
from souviens.vault import create, keys
from tests.doors.conftest import PROGRAM, Desk
from tests.doors.exports import CANARY, chatgpt_conversation, write_chatgpt

ALL_VERBS = [verb for section in VERBS.values() for verb in section]
FAMILIES = {"key": ("list", "add", "remove", "change", "recovery"), "encoder": ("install", "status", "run", "use", "remove")}


def verb_of(name: str) -> click.Command:
    found = root.get_command(click.Context(root), name)
    assert found is not None
    return found


# --- help -------------------------------------------------------------------------------------------------------------


def test_the_verbs_are_these() -> None:
    named = (
        "init formats guide add list map show recall context remember review targets move export import verify rebuild erase undo"
    )

    assert set(ALL_VERBS) == {*named.split(), "key", "encoder", "mcp", "where", "doctor", "completion"}


@pytest.mark.parametrize("name", ALL_VERBS)
def test_the_list_of_verbs_says_what_their_own_help_says(name: str) -> None:
    summary = next(section[name] for section in VERBS.values() if name in section)
    verb = verb_of(name)

    assert (verb.help or "").split("\n\n")[0] == summary
    assert isinstance(verb, Verb | Family)


@pytest.mark.parametrize(("family", "verbs"), FAMILIES.items())
def test_families(family: str, verbs: tuple[str, ...]) -> None:
    verb = verb_of(family)

    assert isinstance(verb, Family)
    assert tuple(verb.commands) == verbs
    assert all(each.help for each in verb.commands.values())


@pytest.mark.parametrize("name", ALL_VERBS)
def test_every_verb_has_help_and_knows_the_shared_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "--json" in capsys.readouterr().out or name in FAMILIES


def test_help_imports_no_verb_and_nothing_heavy() -> None:
    check = (
        "import sys; from souviens.doors.cli.program import run; run(['--help']); "
        "print([m for m in sys.modules if m.split('.')[0] in ('rich', 'numpy', 'onnxruntime', 'mcp', 'apsw', 'nacl', 'httpx')])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def fastest(desk: Desk, *arguments: str) -> float:
    """Seconds of the processor, which other programs do not disturb: of a program that waits for nobody the same as on a clock."""
    seconds = []
    for _ in range(3):
        before = os.times()
        desk(*arguments)
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(seconds)


def test_help_is_there_at_once(filled: Desk) -> None:
    assert fastest(filled, "--help") < 0.25


def test_a_cold_recall_is_quick(filled: Desk) -> None:
    assert fastest(filled, "recall", "rye") < 0.7


def test_version(empty: Desk) -> None:
    assert re.fullmatch(r"souviens \d+\.\d+.*\n", empty("--version").out)


# --- wrong use --------------------------------------------------------------------------------------------------------


def test_without_a_verb_the_help_is_shown_and_the_exit_code_is_2(empty: Desk) -> None:
    said = empty(ok=2)

    assert said.out == ""
    assert "recall" in said.err


@pytest.mark.parametrize(
    ("typed", "meant"), [("recal", "recall"), ("lst", "list"), ("exprot", "export"), ("verfy", "verify"), ("doktor", "doctor")]
)
def test_a_typo_is_answered_with_the_nearest_verb(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([typed, "--vault", "x"]) == 2
    assert f"did you mean {meant}" in capsys.readouterr().err


def test_a_typo_in_a_family_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["key", "recvery"]) == 2
    assert "did you mean recovery" in capsys.readouterr().err


WIDTH = 120  # columns of a terminal
WRONG = {
    "no such verb": (["frobnicate"], 2),
    "no such option": (["list", "--frob"], 2),
    "no argument": (["show"], 2),
    "not a number": (["recall", "x", "-k", "many"], 2),
    "no vault": (["--vault", "nowhere", "list"], 10),
    "no such file": (["add", "nothing.zip"], 1),
    "no export": (["add", "key"], 1),
    "nothing to remember": (["remember", ""], 2),
    "no key": (["--key-file", "nowhere", "list"], 12),
    "no such id": (["show", "c-0000"], 1),
    "not an id": (["show", "whatever"], 2),
    "no such message": (["show", "m-0000"], 1),
    "another noun": (["export", "c-0", "--original", "-o", "x"], 2),
    "several fit": (["show", "c-"], 2),
    "no target": (["move"], 2),
    "not a target": (["move", "--to", "betamax", "-o", "x"], 2),
    "no folder": (["move", "--to", "markdown"], 2),
    "not a date": (["move", "--to", "markdown", "--dry-run", "--since", "yesterday"], 2),
    "nothing fits": (["move", "--to", "markdown", "--dry-run", "--provider", "nobody"], 1),
    "no project": (["list", "--project", "nope"], 1),
    "no output": (["export"], 2),
    "an original of nothing": (["export", "--original", "-o", "x"], 2),
    "no verdict": (["review", "y-1"], 2),
    "two verdicts": (["review", "y-1", "--confirm", "--reject"], 2),
    "no terminal to ask on": (["erase", "c-"], 2),
    "not lines": (["import", "key"], 1),
    "no encoder": (["encoder", "run"], 1),
    "no encoder to remove": (["encoder", "remove"], 1),
    "a remote encoder": (["encoder", "use", "http://192.0.2.1/v1"], 4),
    "no such kind": (["remember", "x", "--kind", "rumour"], 2),
    "no such key": (["key", "remove", "nope"], 1),
    "the last key": (["key", "remove", "keyfile"], 2),
    "a vault already": (["init"], 2),
    "no such shell": (["completion", "tcsh"], 2),
}


@pytest.fixture
def at_the_desk(filled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same place and environment, in this process."""
    monkeypatch.chdir(filled.home)
    for name, value in filled.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("at_the_desk")
@pytest.mark.parametrize("case", WRONG)
def test_an_error_says_what_why_and_the_next_command_in_three_lines(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, code = WRONG[case]

    assert run(arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert 1 < len(lines) <= 4, said.err
    assert sum(-(-len(line) // WIDTH) for line in lines) <= 4, f"as a terminal breaks them: {said.err}"
    assert lines[0].startswith("souviens: ")
    assert CANARY not in said.err
    for verb in re.findall(r"souviens (?:--vault \w+ )?([a-z]+)", "\n".join(lines[1:])):
        assert verb in ALL_VERBS, said.err

    assert run(["--json", *arguments]) == code
    answered = capsys.readouterr()
    assert answered.out == ""
    error = json.loads(answered.err.splitlines()[-1])["error"]
    assert set(error) == {"what", "why", "next", "exit"}
    assert error["exit"] == code
    assert lines[0] == f"souviens: {error['what']}"
    assert error["next"]


def test_json_may_stand_after_the_verb(filled: Desk) -> None:
    assert filled("show", "c-0000", "--json", ok=1).error["exit"] == 1
    assert filled("list", "--json").document == filled("--json", "list").document


def test_every_exit_code_of_the_tree_is_documented_in_help(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    told = " ".join(capsys.readouterr().out.split())

    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.SouviensError)]
    for code in {0, 3, 130, *(kind.exit_code for kind in kinds)}:
        assert re.search(rf"\b{code} [a-z]", told), code


def test_every_next_command_in_the_source_names_a_verb_that_exists() -> None:
    source = Path(cli.__file__).parents[2]
    wrong = []
    for path in source.rglob("*.py"):
        for text in (n.value for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Constant)):
            if isinstance(text, str) and "\n" not in text:
                named = re.findall(r"(?:^|next: |: |or |with |then |first |\(|`)souviens ([a-z]+)\b", text)
                wrong += [f"{path.name}: {verb}" for verb in named if verb not in (*ALL_VERBS, "is", "reads", "can", "key")]

    assert not wrong


# --- faults of ours ---------------------------------------------------------------------------------------------------


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(importlib.import_module("souviens.doors.cli.where").verb, "callback", fail)


@pytest.mark.usefixtures("faulty")
def test_a_fault_of_ours_is_three_lines_without_content(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["where"]) == 1
    said = capsys.readouterr()

    assert said.out == ""
    assert len(said.err.splitlines()) <= 4
    assert "unexpected KeyError at test_program.py" in said.err
    assert CANARY not in said.err


@pytest.mark.usefixtures("faulty")
def test_v_shows_the_traceback_and_vv_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    run(["where", "-v"])
    once = capsys.readouterr().err
    run(["where", "-vv"])
    twice = capsys.readouterr().err

    assert "in fail" in once
    assert CANARY not in once
    assert CANARY in twice


@pytest.mark.skipif(os.name == "nt", reason="signals of this kind are POSIX")
def test_ctrl_c_is_130(filled: Desk) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = subprocess.Popen([*PROGRAM, "mcp"], env=filled.environment, **pipes)  # type: ignore[call-overload]  # the one verb that waits
    time.sleep(2)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)

    assert running.returncode == 130, err
    assert out == b""


# --- consoles ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a place without room")
def test_a_full_disk_says_so(desk: Desk) -> None:
    """It was "a file: No space left on device", with the advice to look at the path."""
    with Path("/dev/full").open("wb") as full:
        command = [*PROGRAM, "formats"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=desk.environment, timeout=60, check=False)
    assert done.returncode != 0
    assert done.stderr.decode().splitlines()[:2] == [
        "souviens: what was to be written: the disk is full",
        "next: free some space and run the command again",
    ]


def test_a_closed_output_is_no_crash(desk: Desk) -> None:
    command = [sys.executable, "-c", "import os, sys; os.close(1); os.execv(sys.executable, sys.argv[1:])", *PROGRAM, "formats"]
    done = subprocess.run(command, stderr=subprocess.PIPE, env=desk.environment, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_has_seen_enough_is_no_error(desk: Desk) -> None:
    """`souviens formats | head -1` ended in 1."""
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [*PROGRAM, "formats"], stdout=writes, stderr=subprocess.PIPE, env=desk.environment, timeout=60, check=False
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_project_that_nobody_has_is_named(filled: Desk) -> None:
    done = filled("move", "--to", "markdown", "--dry-run", "--project", "Lanterns", ok=1)
    assert "Lanterns" in done.err


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "cp932"])
@pytest.mark.parametrize("arguments", [["list"], ["show", "c-b"], ["recall", "café", "京都"], ["show", "c-zz"]], ids=str)
def test_no_console_can_make_it_crash(filled: Desk, encoding: str, arguments: list[str]) -> None:
    said = filled(*arguments, ok=None, PYTHONIOENCODING=encoding)

    assert said.code in (0, 2)
    assert "Traceback" not in said.err
    assert "unexpected" not in said.err


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_json_is_the_same_on_every_console(filled: Desk, encoding: str) -> None:
    titles = [c["title"] for c in filled("list", "--json", PYTHONIOENCODING=encoding).document["conversations"]]

    assert "Café à Montréal ☕ 京都" in titles


def test_words_typed_in_a_c_locale_arrive(filled: Desk) -> None:
    said = filled("recall", "café", "--json", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")

    assert any("café" in item["text"] for item in said.document["items"])


def test_colour_only_on_a_terminal_and_never_against_the_wish(filled: Desk) -> None:
    assert "\x1b[" not in filled("list").out
    assert "\x1b[1m" in filled.on_terminal("list", answers=[]).out
    assert "\x1b[" not in filled.on_terminal("list", answers=[], NO_COLOR="1").out
    assert "\x1b[" not in filled.on_terminal("list", "--no-color", answers=[]).out


def test_escape_sequences_in_a_message_never_reach_the_terminal(empty: Desk, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07 \x1b[2J \u202egnp"
    chat = chatgpt_conversation("e", evil, [evil, evil])
    empty("init", "--no-recovery")
    empty("add", write_chatgpt(tmp_path / "evil.zip", [chat]))
    (row,) = empty("list", "--json").document["conversations"]

    for arguments in (["list"], ["show", row["id"]], ["recall", "owned"], ["context", "owned"]):
        said = empty(*arguments).out
        assert "owned" in said
        assert not set(said) & {"\x1b", "\x07", "\u202e"}, arguments
    assert row["title"] == evil


@pytest.mark.parametrize(("text", "columns"), [("plain", 5), ("e\u0301te\u0301", 3), ("京都", 4), ("☕", 2), ("", 0)])
def test_width(text: str, columns: int) -> None:
    assert words.width(text) == columns
    assert words.width(words.shortened(text * 40, 30)) <= 30


@pytest.mark.parametrize(
    ("number", "noun", "told"),
    [(1, "message", "1 message"), (2345, "message", "2,345 messages"), (0, "memory", "no memories"), (2, "entry", "2 entries")],
)
def test_count(number: int, noun: str, told: str) -> None:
    assert words.count(number, noun) == told


# --- keys -------------------------------------------------------------------------------------------------------------

CHEAP = {"memory": keys.FLOOR_MEMORY, "passes": keys.FLOOR_PASSES}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, str]:
    """A vault that opens by passphrase, key file and recovery code; and that code."""
    desk = Desk(tmp_path_factory.mktemp("locked"))
    code, recovery = keys.new_recovery_code()
    ways = {"passphrase": keys.passphrase("open sesame"), "keyfile": keys.new_key_file(desk.key), "recovery": recovery}
    create(desk.vault, ways, "2026-03-01T00:00:00Z", os.urandom(32), **CHEAP).close()
    return desk, code


def test_a_passphrase_in_the_environment_wins_over_a_key_file(locked: tuple[Desk, str]) -> None:
    desk, _ = locked

    desk("list")
    desk("list", SOUVIENS_PASSPHRASE="open sesame", SOUVIENS_KEY_FILE=None)
    assert "passphrase" in desk("list", SOUVIENS_PASSPHRASE="wrong", ok=12).err


def test_an_option_wins_over_the_environment(locked: tuple[Desk, str], filled: Desk) -> None:
    desk, _ = locked

    assert filled("list", "--json", "--vault", desk.vault, "--key-file", desk.key).document["conversations"] == []
    assert filled("--vault", desk.vault, "--key-file", desk.key, "list", "--json").document["conversations"] == []


def test_without_a_terminal_nobody_is_asked(locked: tuple[Desk, str]) -> None:
    desk, _ = locked
    said = desk("list", SOUVIENS_KEY_FILE=None, ok=12)

    assert "SOUVIENS_PASSPHRASE" in said.err


def test_on_a_terminal_the_passphrase_is_asked_for_and_not_shown(locked: tuple[Desk, str]) -> None:
    desk, _ = locked
    said = desk.on_terminal("list", answers=[("Passphrase:", "open sesame")], SOUVIENS_KEY_FILE=None)

    assert said.code == 0
    assert "no conversations" in said.out
    assert "open sesame" not in said.out


def test_the_recovery_code_opens_it_even_if_mistyped_a_little(locked: tuple[Desk, str]) -> None:
    desk, code = locked
    typed = code.lower().replace("-", " ").replace("0", "o")

    assert desk.on_terminal("list", "--recovery", answers=[("Recovery code:", typed)]).code == 0
    assert desk.on_terminal("list", "--recovery", answers=[("Recovery code:", "0" * 32)]).code == 12


def test_a_prompt_can_be_cancelled(locked: tuple[Desk, str]) -> None:
    desk, _ = locked

    assert desk.on_terminal("list", answers=[("Passphrase:", "\x03")], SOUVIENS_KEY_FILE=None).code == 130
