"""The default path of everything a person does, with sockets forbidden: nothing of it needs the network, and nothing tries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.port.given import chat, claude_chat, image, remembered, said, turn, write, zipped

# Raises inside the program, and says so to the test: a caught refusal counts as an attempt as well.
_GUARD = """
import os, runpy, sys
forbidden = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.sendto", "socket.bind"}
def guard(event, args):
    if event in forbidden:
        with open(os.environ["ATTEMPTS"], "a") as file:
            file.write(f"{event} {args[1:]!r}\\n")
        raise PermissionError(f"no network in this test: {event}")
sys.addaudithook(guard)
"""
_PROGRAM = _GUARD + 'sys.argv[0] = "souviens"\nrunpy.run_module("souviens", run_name="__main__")\n'
ROOT = "00000000-0000-4000-8000-000000000000"


class Machine:
    """One person's machine without a network: a vault, a way to run the program, and a list of what tried to get out."""

    def __init__(self, folder: Path, prefix: list[str]) -> None:
        self.folder, self.prefix = folder, prefix
        self.attempts = folder / "attempts"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SOUVIENS")} | {
            "ATTEMPTS": str(self.attempts),
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "SOUVIENS_VAULT": str(folder / "vault"),
            "SOUVIENS_KEY_FILE": str(folder / "key"),
        }

    def run(self, code: str, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [*self.prefix, sys.executable, "-c", code, *words]
        return subprocess.run(command, env=self.environment, input=given, capture_output=True, text=True, check=False, timeout=60)

    def souviens(self, *words: str, ends: int = 0) -> Any:
        done = self.run(_PROGRAM, *words, "--json")
        assert done.returncode == ends, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None


def _unshare() -> list[str]:
    """A way to run a program in a network of its own that leads nowhere; none where that is not allowed."""
    found = shutil.which("unshare")
    command = [found, "--map-root-user", "--net"] if found else []
    return command if command and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0 else []


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Sockets are forbidden, and where the system allows it, there is no network behind them either."""
    machine = Machine(tmp_path, _unshare())
    yield machine
    assert not machine.attempts.exists(), machine.attempts.read_text()


def exports(folder: Path) -> list[Path]:
    talk = chat("c-1", turn("a", None, "user", "Which clay for a teapot?"), image("i", "a", "file-Aa1"), title="Clay")
    figs = claude_chat("f-1", said("u1", ROOT, "human", "When do I repot a fig tree?"), said("u2", "u1", "assistant", "In spring."))
    return [
        zipped(folder / "chatgpt.zip", {"conversations.json": [talk], "file-Aa1.png": b"\x89PNG", "chat.html": b"<html></html>"}),
        zipped(folder / "claude.zip", {"conversations.json": [figs], "memories.json": remembered("Grows figs.")}),
        write(folder / "slim.json", [chat("c-2", turn("b", None, "user", "A glaze of ash?"), slim=True)]),
    ]


def test_nothing_a_person_does_by_default_touches_the_network(machine: Machine, tmp_path: Path) -> None:
    run = machine.souviens
    run("init", "--no-recovery")
    added = run("add", *map(str, exports(tmp_path)))
    assert len(added["sources"]) == 3
    listed = run("list")
    found = run("recall", "which clay did I choose")
    assert "clay" in json.dumps(found).lower()
    run("context", "which clay")
    run("remember", "Takes tea without sugar.")
    source, conversation = added["sources"][0]["id"], listed["conversations"][0]["id"]
    run("show", conversation)
    run("export", "-o", str(tmp_path / "all.jsonl"))
    run("export", source, "--original", "-o", str(tmp_path / "back.zip"))
    run("move", "--to", "markdown", "-o", str(tmp_path / "moved"))
    run("import", str(tmp_path / "all.jsonl"))
    run("undo")
    run("erase", conversation, "--yes")
    run("rebuild")
    assert run("verify")["ok"]
    run("doctor")
    run("where")


def test_the_guard_sees_an_attempt(tmp_path: Path) -> None:
    """The test above would fail if anything tried: here something does."""
    machine = Machine(tmp_path, [])
    done = machine.run(_GUARD + "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError: pass\n")
    assert done.returncode == 0, done.stderr
    assert machine.attempts.read_text().startswith("socket.")
