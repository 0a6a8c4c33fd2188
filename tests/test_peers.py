"""The bench of peers without a peer: its conversation with a small real script, and the encoder it serves."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bench.haystacks import SMALL, Set, load
from bench.peers.__main__ import shortened, table
from bench.peers.endpoint import served
from bench.peers.environments import INSIDE, NotRun, known, prepared
from bench.peers.rows import rows, turns
from bench.peers.talk import Peer
from souviens import encode
from souviens.encode import Endpoint, EndpointEncoder

# Counts the words that a piece shares with the question. Prints to its output on purpose: that must not be taken for an answer.
COUNTER = """
import pathlib, re, wire
print("a library greets")
class Counter:
    package = "numpy"
    settings = [{"name": name, "store": "one", "about": "words shared"} for name in ("count", "backwards")]
    def open(self, store, folder):
        self.folder, self.pieces = pathlib.Path(folder), []
    def add(self, turns):
        self.pieces += [(turn["id"], self.words(text)) for turn in turns for text in wire.documents(turn)]
        (self.folder / "store").write_text(repr(self.pieces))
    def ask(self, setting, question, depth):
        print("a library chats")
        asked = self.words(question)
        ranked = sorted(self.pieces, key=lambda piece: len(asked & piece[1]), reverse=setting == "count")
        return [turn for turn, _ in ranked[:depth]]
    def words(self, text):
        return set(re.findall(r"\\w+", text.lower()))
    def shut(self):
        pass
"""
SERVED = COUNTER + "wire.serve(Counter())\n"


@contextmanager
def running(text: str, folder: Path, address: str = "") -> Iterator[Peer]:
    script = folder / "with_counter.py"
    script.write_text(text, encoding="utf-8")
    with Peer(Path(sys.executable), script, folder / "home", address) as peer:
        yield peer


def test_a_set_goes_through_a_peer(tmp_path: Path) -> None:
    with running(SERVED, tmp_path) as peer:
        found = rows(peer, Set("small", SMALL), tmp_path / "stores")

        assert peer.version == np.__version__
        assert peer.refused() == []
    count, backwards = found["count"], found["backwards"]
    assert count["n"] == 39
    assert count["overall"]["message"]["any@10"] >= 70
    assert count["overall"]["conversation"]["any@10"] >= 70
    assert backwards["overall"]["message"]["mrr"] < count["overall"]["message"]["mrr"] / 2
    assert count["speed"]["bytes"] == backwards["speed"]["bytes"] > 1000, "one store for both settings"
    assert not any((tmp_path / "stores").iterdir()), "stores are removed"
    assert "39 questions, message" in table("small, 39 questions", found, "message")


def test_a_peer_that_fails_says_why_and_gets_no_row(tmp_path: Path) -> None:
    broken = SERVED.replace('print("a library chats")', 'raise ValueError("no such thing")')

    with running(broken, tmp_path) as peer, pytest.raises(NotRun, match="'ask': ValueError: no such thing"):
        rows(peer, Set("small", SMALL), tmp_path / "stores")


def test_a_peer_that_does_not_start_says_its_last_word(tmp_path: Path) -> None:
    with (
        pytest.raises(NotRun, match=r"ended at 'hello'.*not_installed_anywhere"),
        running("import not_installed_anywhere", tmp_path),
    ):
        pass


def test_a_peer_reaches_loopback_and_nothing_else(tmp_path: Path) -> None:
    tries = """
        import socket, urllib.request
        for address in ("192.0.2.1", "telemetry.example"):
            try:
                socket.create_connection((address, 443), 1)
            except OSError:
                pass
        wire.embed(["loopback is open"])
    """
    with (
        served(Numbered()) as address,
        running(SERVED.replace('        print("a library chats")', tries), tmp_path, address) as peer,
    ):
        (tmp_path / "stores").mkdir()
        peer.open("one", tmp_path / "stores" / "1")
        peer.add([{"id": "a", "session": "s", "date": "", "role": "user", "name": "", "text": "clay"}])

        assert peer.ask("count", "clay", 3)[0] == ["a"]
        assert peer.refused() == ["192.0.2.1", "telemetry.example"]


def test_a_long_turn_is_stored_in_pieces_with_the_name_before_each(tmp_path: Path) -> None:
    said = SERVED.replace("return [turn for turn, _ in ranked[:depth]]", "return wire.documents({'name': 'Ann', 'text': question})")
    text = "The clay was too wet to throw. " * 100
    with running(said, tmp_path) as peer:
        peer.open("one", tmp_path / "store")
        found, _ = peer.ask("count", text, 3)

    assert all(piece.startswith("Ann: The clay") and len(piece) <= 805 for piece in found)
    with running(
        said.replace("return wire.documents", "return ['|'.join(wire.documents").replace("question})", "question}))]"), tmp_path
    ) as p:
        p.open("one", tmp_path / "again")
        joined = p.ask("count", text, 3)[0][0]
    assert " ".join(piece.removeprefix("Ann: ") for piece in joined.split("|")) == text.strip(), "nothing is lost between them"


class Numbered:
    """An encoder that is quick: a vector tells the length of its text."""

    id, dimensions = "numbered", 2

    def encode(self, texts: list[str]) -> np.ndarray:
        angles = np.array([len(text) for text in texts], dtype=np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_the_served_encoder_gives_the_vectors_of_the_one_behind_it(encoder_folder: Path) -> None:
    encoder = encode.find(encoder_folder)
    assert encoder is not None
    texts = ["Which clay?", "Une théière", "", "粘土"]
    with served(encoder) as address:
        found = EndpointEncoder(Endpoint(address, "all-MiniLM-L6-v2")).encode([text or " " for text in texts])
        one = json.dumps({"model": "all-MiniLM-L6-v2", "input": texts[0]}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{address}/embeddings", one)) as answer:
            alone = json.load(answer)["data"]

    assert np.allclose(found, encoder.encode([text or " " for text in texts]), atol=1e-6)
    assert np.allclose(alone[0]["embedding"], found[0], atol=1e-6)


def test_turns_of_a_haystack_are_told_in_order_with_names_and_dates() -> None:
    haystack = next(iter(load(SMALL)))
    told = list(turns(haystack))

    assert [turn["id"] for turn in told] == [id for conversation in haystack.export for id in conversation["mapping"]]
    assert {turn["session"] for turn in told} == {conversation["conversation_id"] for conversation in haystack.export}
    assert all(turn["text"] and turn["role"] in ("user", "assistant") for turn in told)


def test_a_set_can_be_shortened_by_questions(tmp_path: Path) -> None:
    whole, short = list(load(SMALL)), list(load(shortened(SMALL, 2, tmp_path)))

    assert [haystack.questions for haystack in short] == [haystack.questions[:2] for haystack in whole]
    assert [haystack.export for haystack in short] == [haystack.export for haystack in whole]


def test_every_script_has_its_requirements_with_lower_bounds() -> None:
    assert known() == ["chroma", "mem0", "mempalace", "txtai"]
    for name in known():
        lines = (INSIDE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        wanted = [line for line in lines if not line.startswith("#")]
        assert wanted, name
        assert all(">=" in line for line in wanted), name


def test_what_cannot_be_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A requirement that is no name: pip refuses it without asking anybody."""
    (tmp_path / "wrong.txt").write_text("not a requirement\n", encoding="utf-8")
    monkeypatch.setattr("bench.peers.environments.INSIDE", tmp_path)

    with pytest.raises(NotRun, match=r"cannot be installed: .*not a requirement"):
        prepared("wrong", tmp_path / "work")
