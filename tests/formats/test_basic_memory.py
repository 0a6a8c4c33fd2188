"""basic-memory: what is its own. What holds for every format is in test_every.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from souviens.canon import sha256
from souviens.delivery import open_delivery
from souviens.formats import basic_memory
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Memory, Topic
from souviens.vault import Vault
from tests import golden
from tests.port.given import write, zipped

HERE = Path(__file__).parent / "basic_memory"


def read(path: Path) -> tuple[list[Memory], dict[str, Topic]]:
    with open_delivery(path) as delivery:
        found = [reading for _, reading in golden.readings(basic_memory, delivery)]
    topics = {topic.name: topic for reading in found for topic in reading.topics}
    return [memory for reading in found for memory in reading.memories], topics


def shape(path: Path) -> str | None:
    with open_delivery(path) as delivery:
        return basic_memory.identify(delivery)


def observed(tmp_path: Path, *lines: str) -> list[Memory]:
    return read(write(tmp_path / "note.md", "\n".join(("- [fact] the first one", *lines)).encode()))[0][1:]


# --- observations -----------------------------------------------------------------------------------------------------


def test_basic_memory_an_observation_is_a_memory_of_its_note() -> None:
    memories, topics = read(HERE / "project")
    first = memories[0]
    assert (first.kind, first.text) == ("preference", "Two spoons of cardamom in the pot #spice #morning")
    assert first.extra == {"category": "preference", "tags": ["spice", "morning"], "context": "said on the pier"}
    assert first.topic == topics["Coffee at the harbour"].id


def test_basic_memory_an_observation_rests_on_its_place_in_the_note() -> None:
    memories, _ = read(HERE / "project")
    text = (HERE / "project" / "coffee.md").read_text(encoding="utf-8")
    for memory in memories[:6]:
        (evidence,) = memory.evidence
        quoted = text[evidence.start : evidence.end]
        assert memory.text in quoted
        assert evidence.quote_hash == sha256(quoted.encode())


def test_basic_memory_unicode_and_tags_that_hang_together() -> None:
    memories, _ = read(HERE / "project")
    assert [memory.extra["tags"] for memory in memories if memory.text.startswith("コーヒー")] == [["朝", "習慣"]]


def test_basic_memory_the_same_words_in_two_notes_are_two_memories(vault: Vault, tmp_path: Path) -> None:
    for name in ("ada", "ben"):
        write(tmp_path / "team" / f"{name}.md", b"- [role] developer\n")
    assert take_in(vault, tmp_path / "team").new.memories == 2


@pytest.mark.parametrize(
    "line",
    [
        "- [ ] a task",
        "- [x] done",
        "- [X] done",
        "- [-] dropped",
        "- [>] later",
        "- [00:00:11] spoken",
        "- [1:02:03.500 - 1:02:04] spoken",
        "- [words](https://example.org)",
        "- [[A note]]",
        "> - [info] a quotation",
        "words with [a bracket] in them",
        "```\n- [code] in a fence\n```",
    ],
)
def test_basic_memory_what_only_looks_like_an_observation(tmp_path: Path, line: str) -> None:
    assert observed(tmp_path, line) == []


# --- relations and the rest -------------------------------------------------------------------------------------------


def test_basic_memory_relations_stand_beside_the_note() -> None:
    _, topics = read(HERE / "project")
    relations = topics["Coffee at the harbour"].extra["relations"]
    assert {"type": "served_at", "target": "Harbour Stall"} in relations
    assert {"type": "grown in", "target": "Huila", "context": "since 2020"} in relations
    # Words before a link are no relation, but the link is one.
    assert {"type": "links_to", "target": "Rain"} in relations


def test_basic_memory_every_word_of_a_note_is_kept() -> None:
    _, topics = read(HERE / "project")
    texts = [document.text for topic in topics.values() for document in topic.documents]
    for path in sorted((HERE / "project").rglob("*.md")):
        assert path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode() in texts


def test_basic_memory_a_note_is_named_and_dated_by_its_front_matter_else_by_its_file() -> None:
    _, topics = read(HERE / "project")
    coffee = topics["Coffee at the harbour"]
    assert coffee.provider_id == "drinks/coffee"
    assert coffee.updated is not None
    assert coffee.updated.given == "2026-02-04T08:30:00.5+01:00"
    assert topics["Ines"].created.us is None


def test_basic_memory_a_permalink_outlives_a_move(tmp_path: Path) -> None:
    data = (HERE / "project" / "coffee.md").read_bytes()
    _, moved = read(write(tmp_path / "elsewhere" / "kaffee.md", data))
    _, topics = read(HERE / "project")
    assert moved["Coffee at the harbour"].id == topics["Coffee at the harbour"].id


def test_basic_memory_no_front_matter_and_inline_observations() -> None:
    memories, topics = read(HERE / "inline.md")
    assert [memory.text for memory in memories] == ["Paint the door blue"] * 2
    assert topics["inline"].extra["relations"] == [{"type": "requires", "target": "Blue paint"}]


# --- whose note it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "- [idea] words\n",
        "# A note\n\ntext\n  - [name] まつもと\n",
        "## Relations\n- part_of [[Other]]\n",
        "---\ntype: note\npermalink: a/b\n---\nNothing but words.\n",
    ],
)
def test_basic_memory_claims_its_own_syntax(tmp_path: Path, text: str) -> None:
    assert shape(write(tmp_path / "note.md", text.encode())) == "note"


@pytest.mark.parametrize(
    "text",
    [
        "# A note\n\nSee [[Other]].\n- see [[Other]]\n",
        "- [ ] task\n- [x] done\n- [/] half\n",
        "- [09:30] tape\n- [2026-01-01] a day\n- [12] a number\n",
        "- [Jan 2026] - a memory with its date\n- [unknown] - another\n",
        "- [link](https://example.org) and words\n",
        "---\ntags: [a]\npermalink: a/b\n---\nAn Obsidian note to be published.\n",
        "```\n- [code] words\n```\n",
        "Just words.\n",
    ],
)
def test_basic_memory_leaves_other_markdown_to_others(tmp_path: Path, text: str) -> None:
    assert shape(write(tmp_path / "note.md", text.encode())) is None


def test_basic_memory_most_notes_make_the_folder_its_own(tmp_path: Path) -> None:
    root = tmp_path / "vault"
    write(root / "a.md", b"Only [[links]].\n")
    assert shape(root) is None
    write(root / "deep" / "b.md", b"- [fact] an observation\n")
    assert shape(root) is None  # one of two, and the other is linked as a vault's notes are
    write(root / "deep" / "c.md", b"- [fact] another\n")
    assert shape(root) == "folder"
    assert shape(zipped(tmp_path / "vault.zip", {"a.md": b"- [fact] one\n", "b.md": b"words"})) == "folder"


# --- through a vault --------------------------------------------------------------------------------------------------


def test_basic_memory_an_erased_observation_leaves_its_line_blank(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, HERE / "project")
    memory = read(HERE / "project")[0][3]
    erase(vault, [memory.id])
    give_back(vault, receipt.id, tmp_path / "back")
    text = (tmp_path / "back" / "coffee.md").read_bytes()
    assert memory.text.encode() not in text
    assert len(text) == len((HERE / "project" / "coffee.md").read_bytes())
    left, topics = read(tmp_path / "back")
    assert [m.text for m in left] == [m.text for m in read(HERE / "project")[0] if m.id != memory.id]
    assert memory.text not in topics["Coffee at the harbour"].documents[0].text


def test_basic_memory_keys_of_plugins_are_withheld(vault: Vault) -> None:
    receipt = take_in(vault, HERE / "project")
    assert [item.path for item in receipt.withheld] == [".obsidian/plugins/sync/data.json"]


def test_basic_memory_a_folder_around_the_notes_makes_no_others(vault: Vault, tmp_path: Path) -> None:
    notes = {"a.md": "---\ntitle: A\ntype: note\npermalink: a\n---\n- [fact] x\n", "s/b.md": "- [fact] y\n"}
    for name, text in notes.items():
        (tmp_path / "around" / "ours" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "around" / "ours" / name).write_text(text)
    first = take_in(vault, tmp_path / "around" / "ours")
    again = take_in(vault, tmp_path / "around")
    assert (first.new.topics, first.new.memories) == (again.unchanged.topics, again.unchanged.memories) == (2, 2)
    give_back(vault, again.id, tmp_path / "first")
    (memory,) = (m for number, _, _ in vault.store.live() if isinstance(m := vault.store.pack(number), Memory) and m.text == "y")
    erase(vault, [memory.id])
    give_back(vault, again.id, tmp_path / "back")
    assert b"y" not in (tmp_path / "back" / "ours" / "s" / "b.md").read_bytes()
