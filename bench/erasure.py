"""Erasure, held against the bytes: unique words are planted everywhere a word can lie, erased, and looked for in every file.

Five vaults, not encrypted so that their bytes can be searched, with vectors: erased at once; killed at every commit in turn and
finished at the next opening; erased beside an open reader; taken in again afterwards; merged with a vault that still has it all.
A word counts as found if it, its last 6 or its first 8 letters stand in any file, as they are or in anything that can be
decompressed, if a piece of what was stored compressed is still there, or a piece of one of its vectors.

    python -m bench.erasure
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import zstandard
from numpy.typing import NDArray

from bench.synthetic import Texts, conversation
from souviens import vault
from souviens.canon import make_id
from souviens.index.text import pieces, run_of
from souviens.port import erasing, indexing
from souviens.port.checking import verify
from souviens.port.intake import take_in
from souviens.port.lines import export_lines, import_lines
from souviens.port.remembering import remember, review
from souviens.records import Memory
from tests.port.given import chat, claude_chat, said, turn

CANARIES = 200
AT = "2026-01-01T00:00:00Z"
ACCOUNT = "ac000000-0000-4000-8000-0000000000aa"
_LETTERS = "bcdfghjklmnpqrstvwxz"  # no word of any language has sixteen of them in a row
_FRAME = b"\x28\xb5\x2f\xfd"


class HashEncoder:
    """Vectors by chance, the same for the same text: whether they are good does not matter here, only that they can be told."""

    id, dimensions = "bench/hash", 384

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [np.random.default_rng(int.from_bytes(sha256(t.encode()).digest()[:8], "big")).normal(size=384) for t in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], np.float32).reshape(len(texts), 384)


@dataclass
class Planted:
    """A vault's exports, the words in them by the place they stand in, and what is to be erased.

    again: exports that are given once more afterwards. ids: of what is erased; memories and sources are looked up.
    """

    exports: list[Path] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)  # word -> where
    ids: list[str] = field(default_factory=list)
    source: Path | None = None


class Planter:
    """Writes exports in which every canary stands in a place of its own, and in all the repetitions that real exports have."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng, self.planted = folder, random.Random(seed), Planted()
        self.side: dict[str, Any] = {"message_feedback.json": [], "model_comparisons.json": [], "shared_conversations.json": []}
        self.side["conversation_asset_file_names.json"] = {}
        self.files: dict[str, bytes] = {}
        self.texts = Texts(seed)

    def word(self, where: str) -> str:
        made = "".join(self.rng.choices(_LETTERS, k=16))
        self.planted.words[made] = where
        return made

    def plant(self, count: int) -> Planted:
        rounds = 0
        chats: list[dict[str, Any]] = []
        older: list[dict[str, Any]] = []
        talks: list[dict[str, Any]] = []
        projects: list[dict[str, Any]] = []
        designs: dict[str, Any] = {}
        memory_files: list[dict[str, Any]] = []
        project_memories: dict[str, str] = {}
        while len(self.planted.words) < count - 12:
            newer, before = self.erased_chat(rounds)
            chats += [newer, self.chat_with_erased_messages(rounds)]
            older.append(before)
            talks.append(self.talk_with_erased_messages(rounds))
            projects.append(self.project(rounds, talks))
            designs[f"design_chats/{rounds}.json"] = self.design(rounds)
            memory_files.append(
                {"path": f"/m/{self.word('memory file path')}.md", "content": self.word("memory file"), "created_at": AT}
            )
            project_memories[f"ab{rounds:06d}-0000-4000-8000-000000000000"] = f"Builds a {self.word('project memory')}."
            rounds += 1
        chats += [conversation(self.texts, n, messages=6) for n in range(20)]
        memories = {
            "conversations_memory": f"Lives in {self.word('memory prose')}.",
            "project_memories": project_memories,
            "memory_files": [*memory_files, {"path": "/kept.md", "content": "Keeps bees.", "created_at": AT}],
            "account_uuid": ACCOUNT,
        }
        before = {**memories, "conversations_memory": f"Lived in {self.word('memory prose, older')}."}
        self.write("old.zip", {"conversations.json": older})
        self.write("old-claude.zip", {"memories.json": [before], "conversations.json": talks[:1]})
        page = "".join(f"<p>{text}</p>" for text in _strings(chats))
        self.write(
            "new.zip",
            {"conversations.json": chats, "chat.html": f"<html>var jsonData = {page}".encode(), **self.side, **self.files},
        )
        self.write("claude.zip", {"conversations.json": talks, "projects.json": projects, "memories.json": [memories], **designs})
        self.planted.source = self.folder / "source.json"
        whole = chat(
            "50000000-aaaa", turn("s1", None, "user", f"Only here: {self.word('source')}"), title=self.word("source title")
        )
        self.planted.source.write_text(json.dumps([whole]))
        return self.planted

    def write(self, name: str, members: dict[str, Any]) -> None:
        with zipfile.ZipFile(self.folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, value in members.items():
                archive.writestr(member, value if isinstance(value, bytes) else json.dumps(value))
        self.planted.exports.append(self.folder / name)

    # --- ChatGPT ------------------------------------------------------------------------------------------------------

    def erased_chat(self, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """A conversation that is erased whole, and an older version of it that another export holds."""
        id = f"1{n:07d}-aaaa-4000-8000-000000000000"
        m = [f"1{n:07d}-{k:04d}-4000-8000-000000000000" for k in range(9)]
        file = f"file-A{n:07d}Qx"
        nodes = [
            turn(m[1], m[0], "user", f"My {self.word('message')} hurts."),
            turn(
                m[2],
                m[1],
                "assistant",
                "",
                content={"content_type": "thoughts", "thoughts": [{"summary": self.word("reasoning"), "content": "hm"}]},
            ),
            turn(
                m[3],
                m[2],
                "assistant",
                "",
                content={"content_type": "code", "language": "python", "text": f"print('{self.word('tool call')}')"},
                recipient="python",
            ),
            turn(
                m[4],
                m[3],
                "tool",
                "",
                content={"content_type": "execution_output", "text": self.word("tool result")},
                author={"role": "tool", "name": "python", "metadata": {}},
            ),
            turn(
                m[5],
                m[4],
                "user",
                "See this.",
                metadata={
                    "attachments": [
                        {"id": file, "name": f"{self.word('attachment name')}.txt", "size": 9, "mime_type": "text/plain"}
                    ]
                },
            ),
            turn(
                m[6],
                m[5],
                "assistant",
                "As in the source.",
                metadata={
                    "content_references": [{"type": "webpage", "title": self.word("citation"), "url": "https://example.org/a"}]
                },
            ),
        ]
        name = nodes[4]["message"]["metadata"]["attachments"][0]["name"]
        self.files[f"{file}-{name}"] = f"bytes of {self.word('attachment bytes')}".encode()
        self.side["conversation_asset_file_names.json"][f"{file}.dat"] = name
        title = f"About {self.word('title')}"
        self.side["message_feedback.json"].append(
            {"message_id": m[2], "conversation_id": id, "content": json.dumps({"text": self.word("feedback")})}
        )
        self.side["shared_conversations.json"].append({"id": f"share-{n}-xxxx", "conversation_id": id, "title": title})
        self.side["model_comparisons.json"].append(
            {"id": f"cmp-{n}-xxxx", "input": {"conversation_id": id, "prompt": self.word("comparison")}}
        )
        root = turn(m[0], None, "system", "")
        root["message"] = None
        newer = chat(id, root, *nodes, title=title, update_time=1_770_000_000.0)
        changed = turn(m[1], m[0], "user", f"My {self.word('older version')} hurts a little.", update_time=1_750_000_000.0)
        older = chat(id, root, changed, title=f"Of {self.word('older title')}", update_time=1_750_000_000.0)
        self.planted.ids.append(make_id("c", "chatgpt", id))
        return newer, older

    def chat_with_erased_messages(self, n: int) -> dict[str, Any]:
        """A conversation of which single messages are erased, with the places where ChatGPT repeats a message's words."""
        id = f"2{n:07d}-aaaa-4000-8000-000000000000"
        m = [f"2{n:07d}-{k:04d}-4000-8000-000000000000" for k in range(9)]
        quoted, code, link = self.word("single message"), self.word("code"), self.word("link")
        instructions, profile, entry = self.word("custom instructions"), self.word("profile"), self.word("memory entry")
        file = f"file-B{n:07d}Qx"
        context = {
            "content_type": "user_editable_context",
            "user_profile": f"The user said:\n```I am a {profile}.```",
            "user_instructions": f"Answer so:\n```Speak {instructions}.```",
        }
        plain = {"about_user_message": f"I am a {profile}.", "about_model_message": f"Speak {instructions}."}
        remembered = {
            "content_type": "model_editable_context",
            "model_set_context": f"1. [2024-05-01]. Grows {entry}.\n2. [2024-05-02]. Sails a boat.",
        }
        nodes = [
            turn(
                m[1],
                None,
                "system",
                "",
                content=context,
                metadata={"user_context_message_data": plain, "is_visually_hidden_from_conversation": True},
            ),
            turn(m[2], m[1], "assistant", "", content=remembered, recipient="all"),
            turn(m[3], m[2], "user", f"Remember the {quoted} and https://example.org/{link}/x"),
            turn(
                m[4],
                m[3],
                "assistant",
                "",
                content={"content_type": "code", "language": "python", "text": f"open('{code}')"},
                recipient="python",
            ),
            turn(
                m[5],
                m[4],
                "tool",
                "fine",
                author={"role": "tool", "name": "python", "metadata": {}},
                metadata={"aggregate_result": {"code": f"open('{code}')", "status": "success"}},
            ),
            turn(
                m[6],
                m[5],
                "user",
                "And this?",
                metadata={"targeted_reply": f"the {quoted} and", "targeted_reply_source_message_id": m[3]},
            ),
            turn(
                m[7],
                m[6],
                "user",
                "A file.",
                metadata={
                    "attachments": [
                        {"id": file, "name": f"{self.word('message attachment name')}.txt", "size": 9, "mime_type": "text/plain"}
                    ]
                },
            ),
        ]
        name = nodes[6]["message"]["metadata"]["attachments"][0]["name"]
        self.files[f"{file}-{name}"] = f"bytes of {self.word('message attachment bytes')}".encode()
        self.planted.ids += [make_id("m", make_id("c", "chatgpt", id), m[k]) for k in (3, 4, 7)]
        return chat(id, *nodes, title="Kept", slim=True, safe_urls=[f"https://example.org/{link}/x"])

    # --- Claude -------------------------------------------------------------------------------------------------------

    def talk_with_erased_messages(self, n: int) -> dict[str, Any]:
        id = f"3{n:07d}-0000-4000-8000-000000000000"
        m = [f"3{n:07d}-{k:04d}-4000-8000-000000000000" for k in range(5)]
        blocks = [
            {"type": "thinking", "thinking": f"Hm, {self.word('thinking')}."},
            {"type": "tool_use", "id": "t1", "name": "search", "input": {"query": self.word("tool input")}},
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": self.word("Claude tool result")}]},
        ]
        pasted = [
            {
                "file_name": f"{self.word('pasted file name')}.txt",
                "file_size": 3,
                "file_type": "txt",
                "extracted_content": self.word("pasted file"),
            }
        ]
        talk = claude_chat(
            id,
            said(m[1], "00000000-0000-4000-8000-000000000000", "human", f"Good day {self.word('Claude message')}"),
            said(m[2], m[1], "assistant", "Well.", content=blocks),
            said(m[3], m[2], "human", "See this.", attachments=pasted),
            said(m[4], m[3], "assistant", "I see."),
        )
        self.planted.ids += [make_id("m", make_id("c", "claude", id), m[k]) for k in (1, 2, 3)]
        return talk

    def project(self, n: int, talks: list[dict[str, Any]]) -> dict[str, Any]:
        id = f"4{n:07d}-0000-4000-8000-000000000000"
        name = self.word("project name")
        talks[-1]["project"] = {"uuid": id, "name": name}
        self.planted.ids.append(make_id("t", "claude", id))
        document = {
            "uuid": f"d{n}",
            "filename": f"{self.word('document name')}.md",
            "content": f"All about {self.word('document')}",
            "created_at": AT,
        }
        return {
            "uuid": id,
            "name": name,
            "description": self.word("project description"),
            "prompt_template": self.word("project instructions"),
            "docs": [document],
            "created_at": AT,
        }

    def design(self, n: int) -> dict[str, Any]:
        id = f"6{n:07d}-0000-4000-8000-000000000000"
        self.planted.ids.append(make_id("c", "claude", id))
        body = {"content": f"Draw a {self.word('design chat')}", "role": "user"}
        return {
            "uuid": id,
            "title": self.word("design title"),
            "project": {"uuid": f"dp{n}-0000", "name": self.word("design project")},
            "messages": [{"uuid": f"6{n}-m", "role": "user", "content": body}],
        }


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for held in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(held)


# --- a vault with it all ----------------------------------------------------------------------------------------------


def fill(folder: Path, planted: Planted, planter: Planter) -> tuple[list[str], list[str]]:
    """A vault that took everything in, with vectors. (ids to erase, sources among them)."""
    vault.create(folder, {}, AT, None).close()
    with vault.unlock(folder, []) as opened:
        for path in planted.exports:
            assert not take_in(opened, path).refused
        assert planted.source is not None
        source = take_in(opened, planted.source).id
        stated = remember(opened, f"My {planter.word('remembered')} is blue.")
        review(opened, stated.id, "correct", f"My {planter.word('corrected')} is green.")
        review(opened, stated.id, "correct", f"My {planter.word('corrected twice')} is red.")
        indexing.embed(opened, HashEncoder())
        memories = [
            m for seq, kind, _ in opened.store.live() if kind == "memory" and isinstance(m := opened.store.pack(seq), Memory)
        ]
        told = [m.id for m in memories if any(word in text for text in (m.text, *m.older, m.wording) for word in planted.words)]
        # A design chat's project is known from its conversation alone and goes with it.
        return [*planted.ids, *told, source], [source]


def probes(folder: Path, words: set[str]) -> tuple[dict[bytes, str], dict[bytes, str]]:
    """(pieces of vectors, pieces of compressed rows) that hold one of the words, each with what it is."""
    vectors: dict[bytes, str] = {}
    rows: dict[bytes, str] = {}
    with vault.unlock(folder, []) as opened, indexing.open_index(opened) as index:
        stored = {
            seq: (ordinals, signs, codes)
            for seq, ordinals, signs, codes in index._contents.db.execute(
                "SELECT seq, ordinals, bits, codes FROM signs JOIN codes USING (number)"
            )
        }
        for seq, _, _ in opened.store.live():
            if seq not in stored:
                continue
            ordinals, signs, codes = stored[seq]
            texts = [text for _, text in pieces(run_of(opened.store.pack(seq)))]
            assert len(texts) == len(ordinals) // 4
            for place, text in enumerate(texts):
                if hit := next((word for word in words if word in text), ""):
                    vectors[signs[place * 48 : place * 48 + 48]] = f"signs of {hit}"
                    for start in range(place * 384, place * 384 + 384, 96):
                        vectors[codes[start : start + 24]] = f"codes of {hit}"
        for table in ("slice", "pack", "chunk"):
            for (data,) in opened.store.db.execute(f"SELECT data FROM {table}"):
                plain = zstandard.ZstdDecompressor().decompress(data, max_output_size=1 << 30)
                if hit := next((word for word in words if word.encode() in plain), ""):
                    for start in range(20, len(data) - 24, 400):
                        rows[data[start : start + 24]] = f"{table} with {hit}"
    return vectors, rows


def search(folder: Path, words: dict[str, str], vectors: dict[bytes, str], rows: dict[bytes, str]) -> list[str]:
    """Every trace of the words in any file of a vault, in words."""
    hits: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            hits += [f"{path.name}: {found}" for found in _traces(data, words)]
            hits += [f"{path.name}: {what}" for piece, what in vectors.items() if piece in data]
            start = -1
            while (start := data.find(_FRAME, start + 1)) >= 0:
                hits += [f"{path.name} at {start}: {found}" for found in _traces(_unpacked(data[start:]), words)]
    db = apsw.Connection(str(folder / "truth.db"))
    held = b"".join(data for table in ("slice", "pack", "chunk") for (data,) in db.execute(f"SELECT data FROM {table}"))
    for table in ("slice", "pack", "chunk"):
        for (data,) in db.execute(f"SELECT data FROM {table}"):
            hits += [f"{table}: {found}" for found in _traces(_unpacked(data), words)]
    db.close()
    for path in folder.glob("truth.db*"):
        data = path.read_bytes()
        hits += [f"{path.name}: compressed {what}" for piece, what in rows.items() if piece in data and piece not in held]
    return hits


def _traces(data: bytes, words: dict[str, str]) -> list[str]:
    data = data.lower()
    return [f"{word} ({where})" for word, where in words.items() if word[-6:].encode() in data or word[:8].encode() in data]


def _unpacked(data: bytes) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    except zstandard.ZstdError:
        return b""


# --- the ways of erasing ----------------------------------------------------------------------------------------------


def at_once(folder: Path, ids: list[str], planted: Planted) -> None:
    with vault.unlock(folder, []) as opened:
        assert not erasing.erase(opened, ids).pending


def killed(folder: Path, ids: list[str], planted: Planted) -> None:
    """A process that dies at its first commit, then one that dies at its second, and so on until one ends by itself."""
    for commits in range(1, 10_000):
        arguments = [sys.executable, "-m", "bench.erasure", "--child", str(folder), "--commits", str(1 + commits**2 // 4)]
        if subprocess.run([*arguments, *ids], check=False).returncode == 0:
            return


def beside_a_reader(folder: Path, ids: list[str], planted: Planted) -> None:
    erasing.PATIENCE = 0.3
    readers = [apsw.Connection(str(path)) for path in (folder / "truth.db", *folder.glob("index-*.db"))]
    for reader in readers:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchall()
    with vault.unlock(folder, []) as opened:
        assert erasing.erase(opened, ids).pending
        for reader in readers:
            reader.close()
        assert not erasing.finish_pending(opened).pending
        assert not opened.store.pending_journal()


def taken_in_again(folder: Path, ids: list[str], planted: Planted) -> None:
    at_once(folder, ids, planted)
    with vault.unlock(folder, []) as opened:
        for path in planted.exports:
            with zipfile.ZipFile(path, "a") as archive:  # another file, so that it is a new source
                archive.comment = b"again"
            take_in(opened, path)
        assert verify(opened).ok


def merged(folder: Path, ids: list[str], planted: Planted) -> None:
    lines = folder.parent / f"{folder.name}.jsonl"
    with vault.unlock(folder, []) as opened:
        export_lines(opened, lines)
        assert not erasing.erase(opened, ids).pending
        import_lines(opened, lines)


WAYS = {
    "at once": at_once,
    "killed": killed,
    "beside a reader": beside_a_reader,
    "taken in again": taken_in_again,
    "merged": merged,
}


def child(folder: Path, commits: int, ids: list[str]) -> None:
    """Erase, and die at the commit of that number."""
    with vault.unlock(folder, []) as opened:
        left = [commits]

        def count() -> bool:
            left[0] -= 1
            if not left[0]:
                os._exit(9)
            return False

        opened.store.db.set_commit_hook(count)
        if not opened.store.pending_journal() and opened.store.tombstones().get(("conversation", ids[0])) is None:
            erasing.erase(opened, ids)
        else:
            erasing.finish_pending(opened)


def measure(scratch: Path, way: str, seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """One vault, one way: (how many words in which place, traces that are left)."""
    folder = scratch / f"exports-{seed}"
    folder.mkdir()
    planter = Planter(folder, seed)
    planted = planter.plant(count)
    at = scratch / f"vault-{seed}"
    ids, _ = fill(at, planted, planter)
    vectors, rows = probes(at, set(planted.words))
    before = {word for word, where in planted.words.items() if any(word in hit for hit in search(at, {word: where}, {}, {}))}
    assert before == set(planted.words), f"not found even before: {set(planted.words) - before}"
    assert len(vectors) > count
    WAYS[way](at, ids, planted)
    hits = search(at, planted.words, vectors, rows)
    with vault.unlock(at, []) as opened:
        checked = verify(opened)
    return Counter(planted.words.values()), hits + [f"verify: {problem}" for problem in checked.problems]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--canaries", type=int, default=CANARIES)
    parser.add_argument("--child", type=Path)
    parser.add_argument("--commits", type=int, default=0)
    parser.add_argument("ids", nargs="*")
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.commits, arguments.ids)
        return
    total, every = 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        for seed, way in enumerate(WAYS, 1):
            places, hits = measure(Path(scratch), way, seed, arguments.canaries)
            every += sum(places.values())
            print(f"  {way}: {sum(places.values())} canaries in {len(places)} kinds of places, {len(hits)} hits", flush=True)
            for hit in hits[:40]:
                print(f"    {hit}")
            total += len(hits)
    print(f"erasure: {every} canaries, {total} hits")
    sys.exit(bool(total))


if __name__ == "__main__":
    main()
