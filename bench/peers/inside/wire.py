"""A peer's end of the conversation with the bench, and what the peers share. Runs in their environments: standard library only.

A script makes an object with `package`, `settings`, `open`, `add`, `ask` and `shut` (see `Memory`) and hands it to `serve`. Times
are taken here, the same for all. Whatever the peer prints goes to its errors.
"""

from __future__ import annotations

import http.client
import importlib.metadata
import ipaddress
import json
import os
import sys
import time
import traceback
from typing import Any, Protocol
from urllib.parse import urlsplit

ENCODER = os.environ.get("PEER_ENCODER", "")
MODEL, DIMENSIONS = "all-MiniLM-L6-v2", 384
PIECE = 800  # characters, about 200 tokens: more than 256 tokens the model does not see
_BATCH = 64
_refused: dict[str, None] = {}
_answers = sys.stdout


class Memory(Protocol):
    package: str  # the distribution whose version is reported
    settings: list[dict[str, str]]  # {name, store, about}, as the bench's Setting

    def open(self, store: str, folder: str) -> None:
        """An empty store."""

    def add(self, turns: list[dict[str, Any]]) -> None:
        """Takes turns in. When it returns they can be found, and are on the disk as far as the peer writes at once."""

    def ask(self, setting: str, question: str, depth: int) -> list[str]:
        """Ids of turns, the best first; one may come twice."""

    def shut(self) -> None:
        """Writes and closes the store."""


def documents(turn: dict[str, Any]) -> list[str]:
    """What a turn is stored as: its text in pieces the encoder sees whole, each after the speaker's name if it has one."""
    before = f"{turn['name']}: " if turn["name"] else ""
    return [before + piece for piece in _pieces(turn["text"], PIECE)]


def embed(texts: list[str]) -> list[list[float]]:
    """Vectors of unit length from the bench's encoder, for peers that take a function."""
    rows: list[list[float]] = []
    for start in range(0, len(texts), _BATCH):
        body = json.dumps({"model": MODEL, "input": list(texts[start : start + _BATCH])})
        _encoder().request("POST", f"{urlsplit(ENCODER).path}/embeddings", body, {"Content-Type": "application/json"})
        rows += [row["embedding"] for row in json.loads(_encoder().getresponse().read())["data"]]
    return rows


_connection: http.client.HTTPConnection | None = None


def _encoder() -> http.client.HTTPConnection:
    global _connection
    if _connection is None:
        _connection = http.client.HTTPConnection(urlsplit(ENCODER).netloc)
    return _connection


def _pieces(text: str, size: int) -> list[str]:
    found = []
    text = text.strip()
    while len(text) > size:
        end = max(text.rfind("\n", size // 2, size), text.rfind(". ", size // 2, size) + 1)
        end = end if end > size // 2 else text.rfind(" ", size // 2, size)
        end = end if end > 0 else size
        found.append(text[:end].strip())
        text = text[end:].strip()
    return [piece for piece in [*found, text] if piece]


def _loopback(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuses every address beside loopback, and remembers it."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto"):
        host = arguments[1][0] if isinstance(arguments[1], tuple) else None
    else:
        return
    if not _loopback(host):
        _refused[str(host)] = None
        raise PermissionError(f"no network in this bench: {host}")


def _answer(memory: Memory, message: dict[str, Any]) -> dict[str, Any]:
    do = message["do"]
    started = time.perf_counter()
    if do == "hello":
        return {"version": importlib.metadata.version(memory.package), "settings": memory.settings}
    if do == "open":
        memory.open(message["store"], message["folder"])
    elif do == "add":
        memory.add(message["turns"])
    elif do == "ask":
        found = memory.ask(message["setting"], message["question"], message["depth"])
        return {"seconds": time.perf_counter() - started, "turns": list(dict.fromkeys(found))}
    elif do == "shut":
        memory.shut()
    elif do == "refused":
        return {"refused": list(_refused)}
    return {"seconds": time.perf_counter() - started}


def begin() -> None:
    """Before the script: closes the network beside loopback, and keeps what libraries print apart from the answers."""
    global _answers
    _answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.addaudithook(_guard)


def serve(memory: Memory) -> None:
    """Answers line by line until the input ends. An error is an answer: {"error": what}."""
    for line in sys.stdin:
        try:
            answer = _answer(memory, json.loads(line))
        except Exception as error:  # noqa: BLE001  # whatever it is, the table has to say it
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        _answers.write(json.dumps(answer) + "\n")
        _answers.flush()
