"""The program as a person runs it: a process of its own, an empty home, and a vault made from small exports."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.doors.exports import write_chatgpt, write_claude

PROGRAM = [sys.executable, "-m", "souviens"]


@dataclass
class Said:
    """What a call answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error document on the last line of stderr."""
        assert self.out == ""
        error: dict[str, Any] = json.loads(self.err.splitlines()[-1])["error"]
        return error


@dataclass
class Desk:
    """A home, a vault in it, and the key file that opens it."""

    home: Path

    @property
    def vault(self) -> Path:
        return self.home / "vault"

    @property
    def key(self) -> Path:
        return self.home / "key"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")}
        places = {name: str(self.home / name) for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        vault = {"SOUVIENS_VAULT": str(self.vault), "SOUVIENS_KEY_FILE": str(self.key)}
        return kept | places | vault | {"HOME": str(self.home), "PYTHONIOENCODING": "utf-8"}

    def __call__(self, *arguments: object, ok: int | None = 0, **environment: str | None) -> Said:
        """Run the program. ok: the exit code expected. environment: changes to it, None takes a variable away."""
        changed = {k: v for k, v in (self.environment | environment).items() if v is not None}
        command = [*PROGRAM, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, env=changed, stdin=subprocess.DEVNULL, timeout=60, check=False)
        encoding = changed["PYTHONIOENCODING"].split(":")[0]
        said = Said(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))
        assert ok is None or said.code == ok, said
        return said

    def on_terminal(self, *arguments: object, answers: list[tuple[str, str]], **environment: str | None) -> Said:
        """Run the program on a terminal of its own. answers: (what it must ask, what is typed then). Everything is in `out`."""
        changed = {k: v for k, v in (self.environment | {"TERM": "dumb"} | environment).items() if v is not None}
        child, terminal = pty.fork()
        if child == 0:
            os.execve(sys.executable, [*PROGRAM, *map(str, arguments)], changed)
        shown, until = "", time.monotonic() + 30
        waiting = list(answers)
        while time.monotonic() < until:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                shown += os.read(terminal, 4096).decode()
            except OSError:  # the way Linux says that the other end has closed
                break
            if waiting and waiting[0][0] in shown.rpartition("\x00")[2]:
                _, typed = waiting.pop(0)
                shown += "\x00"
                os.write(terminal, typed.encode() + b"\n")
        os.close(terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert not waiting, f"never asked for {waiting}: {shown!r}"
        return Said(code, shown.replace("\x00", ""), "")


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with chatgpt.zip and claude.zip."""
    folder = tmp_path_factory.mktemp("exports")
    write_chatgpt(folder / "chatgpt.zip")
    write_claude(folder / "claude.zip")
    return folder


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, exports: Path) -> Desk:
    """A vault with both exports in it, for tests that only read."""
    desk = Desk(tmp_path_factory.mktemp("home"))
    desk("init", "--no-recovery")
    desk("add", exports / "chatgpt.zip", exports / "claude.zip")
    return desk


@pytest.fixture
def desk(filled: Desk, tmp_path: Path) -> Desk:
    """A copy of that vault, for tests that write."""
    own = Desk(tmp_path / "home")
    own.home.mkdir()
    shutil.copytree(filled.vault, own.vault)
    shutil.copy(filled.key, own.key)
    return own


@pytest.fixture
def empty(tmp_path: Path) -> Desk:
    """A home without a vault."""
    return Desk(tmp_path)


@pytest.fixture(scope="session")
def ids(filled: Desk) -> Callable[[str], str]:
    """A whole id by the words its row begins with."""
    listed = filled("list", "--json").document

    def find(words: str) -> str:
        rows = [row for section in listed.values() for row in section]
        named = [r["id"] for r in rows if any(str(r.get(key, "")).startswith(words) for key in ("title", "text", "format", "kind"))]
        assert len(named) == 1, (words, named)
        return str(named[0])

    return find
