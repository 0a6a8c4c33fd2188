"""The bench's end of the conversation with a peer's script: a JSON line out, a JSON line back (`inside/wire.py` is the other)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from bench.peers.environments import INSIDE, NotRun

_START = "import runpy, sys, wire; wire.begin(); runpy.run_path(sys.argv[1], run_name='__main__')"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


class Setting(NamedTuple):
    """One way to ask a peer. store: what has to be filled for it; settings of one store share it. about: for the reader."""

    name: str
    store: str
    about: str


class Peer:
    """A peer's script, running. Raises NotRun from every call if the script reports an error or ends."""

    def __init__(self, python: Path, script: Path, home: Path, encoder: str) -> None:
        """home: its HOME, and where `errors.txt` takes what it prints. encoder: the address of the embeddings."""
        home.mkdir(parents=True, exist_ok=True)
        self._errors = home / "errors.txt"
        kept = {name: value for name, value in os.environ.items() if name.lower() not in _PROXIES}
        environment = kept | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_DATA_HOME": str(home / "data"),
            "PYTHONPATH": str(INSIDE),
            "PEER_ENCODER": encoder,
            "NO_PROXY": "127.0.0.1",
        }
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [str(python), "-c", _START, str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=environment,
                cwd=home,
            )
        hello = self._say({"do": "hello"})
        self.version: str = hello["version"]
        self.settings = [Setting(**setting) for setting in hello["settings"]]

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the script: it leaves at the end of its input, or is killed."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def open(self, store: str, folder: Path) -> None:
        """An empty store in a folder, instead of the one before."""
        folder.mkdir(parents=True)
        self._say({"do": "open", "store": store, "folder": str(folder)})

    def add(self, turns: list[dict[str, Any]]) -> float:
        """Takes the turns of a haystack in: {id, session, date, role, name, text}. Seconds until they can be found."""
        return float(self._say({"do": "add", "turns": turns})["seconds"])

    def ask(self, setting: str, question: str, depth: int) -> tuple[list[str], float]:
        """(ids of turns, the best first, each once; seconds). depth: pieces of turns asked for."""
        answer = self._say({"do": "ask", "setting": setting, "question": question, "depth": depth})
        return answer["turns"], float(answer["seconds"])

    def refused(self) -> list[str]:
        """The addresses it tried to reach beside loopback, each once."""
        return list(self._say({"do": "refused"})["refused"])

    def shut(self) -> None:
        """Closes the store, so that all of it is on the disk."""
        self._say({"do": "shut"})

    def _say(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            said = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise NotRun(f"ended at {message['do']!r}: {said[-1] if said else 'it said nothing'}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise NotRun(f"failed at {message['do']!r}: {answer['error']}")
        return answer
