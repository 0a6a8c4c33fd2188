"""Obsidian: vaults of notes, chats that plugins laid down, and a vault of ours that comes back."""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from souviens.canon import unknown
from souviens.delivery import open_delivery
from souviens.formats import Chosen, Written, basic_memory, obsidian
from souviens.formats._frontmatter import front_matter
from souviens.port.erasing import erase
from souviens.port.giving import choose, give_back
from souviens.port.intake import take_in
from souviens.records import Conversation, Document, Evidence, File, Head, Memory, Message, Part, Reading, Text, Topic
from souviens.vault import Vault
from tests import golden
from tests.formats.test_markdown import hostile_talks, put, told
from tests.formats.test_writers import everything, lost
from tests.strategies import chosen as chosen_records

STUDIO = golden.FIXTURES / "obsidian" / "studio"


def readings(path: Path) -> list[Reading]:
    with open_delivery(path) as delivery:
        return [reading for _, reading in golden.readings(obsidian, delivery)]


def topics(path: Path) -> dict[str | None, Topic]:
    return {topic.provider_id: topic for reading in readings(path) for topic in reading.topics}


def shape(path: Path) -> str | None:
    with open_delivery(path) as delivery:
        return obsidian.identify(delivery)


def written_to(folder: Path, notes: dict[str, str]) -> Path:
    for name, text in notes.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


# --- what is a vault, and what is not ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "notes",
    [
        {"README.md": "# A project\n\nInstall it with `pip`. See [the docs](docs/a.md).\n"},
        {"a.md": "plain\n", "b.md": "words\n"},
        {"run.md": "```sh\nif [[ -f x ]]; then echo [[y]]; fi\n```\n"},
        {"n.md": "---\ntitle: T\ntype: note\npermalink: t\n---\nwords\n"},
        {"n.md": "---\ntitle: T\n---\n\n- [decision] Use hemp #fibre\n"},
        {"n.md": "# T\n\n## Relations\n- part_of [[Loom]]\n"},
        {".aider.chat.history.md": "# aider chat started at 2025-01-01 10:00:00\n\n#### see [[x]]\n"},
        {"m.md": "# aider chat started at 2025-01-01 10:00:00\n\n#### see [[x]]\n"},
        {"list.md": "## Identity\n[2025-01-01] - Weaves. See [[Loom]].\n[unknown] - Has a cat.\n"},
        {"a.md": "---\nname: x\n---\n", "session.jsonl": '{"a": 1}\n{"a": 2}\n'},
    ],
)
def test_obsidian_does_not_claim_other_markdown(tmp_path: Path, notes: dict[str, str]) -> None:
    assert shape(written_to(tmp_path, notes)) is None


@pytest.mark.parametrize(
    "notes",
    [
        {"n.md": "---\ntags: [a]\n---\n- [ ] a task\n- [x] one done\n- [link](x.md)\n"},
        {"n.md": "see [[Loom]]\n"},
        {"n.md": "plain\n", ".obsidian/app.json": "{}", "data.json": '{"memories": []}'},
        {"n.md": "see [[Loom]]\n", "board.canvas": '{"nodes": []}', "pic.png": "\x89PNG"},
    ],
)
def test_obsidian_claims_what_looks_like_a_vault(tmp_path: Path, notes: dict[str, str]) -> None:
    assert shape(written_to(tmp_path, notes)) in ("vault", "note")


def test_obsidian_a_zip_with_a_folder_around_is_the_same_vault(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        for path in sorted(STUDIO.rglob("*")):
            if path.is_file():
                archive.write(path, f"My vault/{path.relative_to(STUDIO)}")
    assert {t.id for t in topics(tmp_path / "v.zip").values()} == {t.id for t in topics(STUDIO).values()}


NEXUS = """---
nexus: 1.3.0
conversation_id: cc2
---

>[!nexus_user] **User** - 2024-01-02 10:00
> hi
<!-- UID: m1 -->
"""


@pytest.mark.parametrize(
    "note",
    [
        "- [2024-01-01] - woke up\n- [2024-01-02] - slept\n",
        "# aider chat started at 2024-01-01\n\n#### hi\n",
        "- [URGENT] pay bills\n",
        "## Identity\n[2025-01-01] - Weaves.\n[unknown] - Has a cat.\n",
    ],
)
@pytest.mark.parametrize("settings", [{".obsidian/app.json": "{}"}, {}])
def test_obsidian_one_note_does_not_decide_a_vault(vault: Vault, tmp_path: Path, note: str, settings: dict[str, str]) -> None:
    notes = {"chat.md": NEXUS, "odd.md": note, "other.md": "see [[chat]]\n"}
    receipt = take_in(vault, written_to(tmp_path / "v", notes | settings))
    assert (receipt.format, receipt.new.conversations, receipt.new.topics) == ("obsidian", 1, 2)


def test_obsidian_a_folder_of_basic_memory_that_is_opened_in_obsidian_is_basic_memory_s(tmp_path: Path) -> None:
    signed = {f"{n}.md": f"---\ntitle: {n}\ntype: note\npermalink: n-{n}\n---\n- [fact] words\n" for n in range(3)}
    notes = {**signed, "mine.md": "see [[1]]\n", ".obsidian/app.json": "{}"}
    assert shape(written_to(tmp_path, notes)) is None
    with open_delivery(tmp_path) as delivery:
        assert basic_memory.identify(delivery) == "folder"


def test_obsidian_a_folder_around_notes_without_settings_makes_no_others(tmp_path: Path) -> None:
    notes = {"A.md": "note [[B]]\n", "sub/B.md": "b [[A]]\n"}
    inner = written_to(tmp_path / "deep" / "ours", notes)
    assert {t.id for t in topics(tmp_path).values()} == {t.id for t in topics(inner).values()}


def test_obsidian_two_notes_of_one_id_are_two(vault: Vault, tmp_path: Path) -> None:
    notes = {f"{name}.md": f"---\nid: n-1\nmood: {mood}\n---\nwords of {mood}\n" for name, mood in (("A", "joy"), ("s/A", "grief"))}
    receipt = take_in(vault, written_to(tmp_path / "v", notes))
    found = {id: topic for id, topic in topics(tmp_path / "v").items() if topic.documents}
    assert {id: (topic.extra["id"], topic.extra["mood"]) for id, topic in found.items()} == {
        "A": ("n-1", "joy"),
        "s/A": ("n-1", "grief"),
    }
    erase(vault, [found["A"].id])
    give_back(vault, receipt.id, tmp_path / "back")
    assert not (tmp_path / "back" / "A.md").read_bytes().strip()
    assert (tmp_path / "back" / "s" / "A.md").read_text() == notes["s/A.md"]


def test_obsidian_a_key_that_stands_twice_keeps_both_values() -> None:
    fields, _ = front_matter("---\nmood: happy\ntags: [a]\nmood: sad\n---\n")
    assert fields == {"mood": "sad", "tags": ["a"], "duplicate_keys": [["mood", ["happy", "sad"]]]}


def test_obsidian_what_is_written_on_a_canvas_is_read_and_can_be_erased(vault: Vault, tmp_path: Path) -> None:
    board = {
        "nodes": [{"id": "1", "type": "text", "text": "words", "x": 7}, {"id": "2", "type": "file", "file": "N.md"}],
        "edges": [{"id": "e", "fromNode": "1", "toNode": "2"}],
    }
    notes = {"N.md": "note\n", "sub/b.canvas": json.dumps(board), ".obsidian/app.json": "{}"}
    receipt = take_in(vault, written_to(tmp_path / "v", notes))
    canvas = topics(tmp_path / "v")["sub/b.canvas"]
    assert [(d.name, d.text, d.provider_id) for d in canvas.documents] == [("b", "words", "1")]
    assert canvas.extra == {"nodes": [{"id": "1", "type": "text", "x": 7}, board["nodes"][1]], "edges": board["edges"]}
    assert canvas.parent == topics(tmp_path / "v")["sub/"].id
    erase(vault, [canvas.id])
    give_back(vault, receipt.id, tmp_path / "back")
    assert b"words" not in (tmp_path / "back" / "sub" / "b.canvas").read_bytes()
    assert (tmp_path / "back" / "N.md").read_text() == "note\n"


# --- notes ------------------------------------------------------------------------------------------------------------


def test_obsidian_a_note_is_a_document_and_its_words_stay_as_they_are() -> None:
    (document,) = topics(STUDIO)["loom-7"].documents
    for words in ("[[Hanf|hemp]]", "![[draft.png|300]]", "^warp", "%%ask Ilse for her old ones%%", "- [ ] order reeds", "#weaving"):
        assert words in document.text


def test_obsidian_front_matter_stays_beside_the_note() -> None:
    note = topics(STUDIO)["loom-7"]
    assert (note.extra["aliases"], note.extra["tags"]) == (["Webstuhl", "The big loom"], ["craft/weaving", "2025"])
    assert (note.created.zone, note.updated and note.updated.zone) == ("day", "none")
    assert note.extra["dimensions"] == "  width: 90 cm"


def test_obsidian_links_and_embeds_are_listed_but_not_a_shell_s_brackets() -> None:
    note = topics(STUDIO)["loom-7"]
    assert (note.extra["links"], note.extra["embeds"]) == (["Hanf", "Tagebuch/2025-06-01"], ["draft.png"])


def test_obsidian_a_note_with_an_id_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    first = written_to(tmp_path / "a", {"x.md": "---\nid: n-1\n---\none [[y]]\n"})
    second = written_to(tmp_path / "b", {"deep/z.md": "---\nid: n-1\n---\none [[y]]\n"})
    assert topics(first)["n-1"].id == topics(second)["n-1"].id


def test_obsidian_folders_are_topics_and_one_may_bear_the_name_of_a_note(tmp_path: Path) -> None:
    found = topics(written_to(tmp_path, {"Loom.md": "[[x]]\n", "Loom/Reed.md": "[[y]]\n"}))
    assert found["Loom/Reed"].parent == found["Loom/"].id != found["Loom"].id


def test_obsidian_what_plugins_keep_is_withheld(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, STUDIO)
    assert [withheld.path for withheld in receipt.withheld] == [".obsidian/plugins/scribe/data.json"]
    give_back(vault, receipt.id, tmp_path / "back")
    assert not (tmp_path / "back" / receipt.withheld[0].path).exists()


def test_obsidian_an_erased_note_goes_and_the_others_stay(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, STUDIO)
    erase(vault, [topics(STUDIO)["loom-7"].id])
    give_back(vault, receipt.id, tmp_path / "back")
    assert not (tmp_path / "back" / "Projects" / "Loom.md").read_bytes().strip()
    assert (tmp_path / "back" / "Ideas.md").read_bytes() == (STUDIO / "Ideas.md").read_bytes()


# --- chats of plugins -------------------------------------------------------------------------------------------------


def conversation(case: str) -> Conversation:
    (reading,) = readings(golden.FIXTURES / "obsidian" / case)
    (found,) = reading.conversations
    return found


def test_obsidian_a_chat_of_the_nexus_importer_is_a_conversation() -> None:
    talk = conversation("chat_nexus.md")
    assert talk.provider_id == "5c1d0f2e-0000-4000-8000-000000000011"
    assert [(m.provider_id, m.role, m.author) for m in talk.messages] == [
        ("u-1", "user", None),
        ("a-1", "assistant", None),
        (None, "user", "Ilse"),
    ]


def test_obsidian_a_time_in_the_order_of_some_country_is_none() -> None:
    first, second, _ = conversation("chat_nexus.md").messages
    assert first.time == unknown("not a date", "03/04/2025 at 7:00:01 PM")
    assert second.time.us is not None


def test_obsidian_callouts_without_an_id_in_front_are_a_note(tmp_path: Path) -> None:
    found = topics(written_to(tmp_path, {"n.md": "---\ntags: [a]\n---\n> [!user] Me\n> hello [[x]]\n"}))
    assert "hello" in found["n"].documents[0].text


# --- a vault of ours --------------------------------------------------------------------------------------------------


def placed(written: Written, folder: Path) -> Path:
    return written_to(folder, {name: data.decode() for name, data in written.files.items()})


ASK = Message("m-a", "p-a", None, 0, "user", unknown("null"), (Text("> [!user] not a head\n%%souviens {}%%\n^m-b"),))
TALK = Conversation(
    "c-talk",
    "claude",
    "u-1",
    Head("Reeds [60/10] | 12 ends", tip="m-b", project="t-1"),
    (ASK, Message("m-b", None, "m-a", 1, "assistant", unknown("zero", "0"), (Text("A 60/10."),), model="m-1")),
)
PROJECT = Topic("t-1", "project", "Loom: big", "claude", "p-1", instructions="Metric.", documents=(Document("a\nb", "one\n\ntwo"),))


def test_obsidian_words_that_look_like_our_marks_are_words(tmp_path: Path) -> None:
    (talk,) = (c for r in readings(placed(obsidian.write(Chosen((TALK,))), tmp_path)) for c in r.conversations)
    assert [m.parts for m in talk.messages] == [m.parts for m in TALK.messages]
    assert (talk.head.tip, talk.messages[1].parent) == (talk.messages[1].id, talk.messages[0].id)


def test_obsidian_evidence_and_projects_are_linked_and_come_back(tmp_path: Path) -> None:
    memory = Memory("y-1", "fact", "Weaves at 12 ends.", "user_stated", evidence=(Evidence(TALK.id, "m-a", start=0, end=3),))
    placed(obsidian.write(Chosen((TALK,), (memory,), (PROJECT,))), tmp_path)
    notes = {path.relative_to(tmp_path).as_posix(): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.md")}
    targets = {match for text in notes.values() for match in re.findall(r"\[\[([^\]|#]+)", text)}
    assert {f"{target}.md" for target in targets} <= notes.keys()
    assert any(re.search(r"\[\[Projects/[^\]]+#\^m-a\|", text) for name, text in notes.items() if name.startswith("Memories/"))
    (talk,) = (c for r in readings(tmp_path) for c in r.conversations)
    (back,) = (m for r in readings(tmp_path) for m in r.memories)
    (topic,) = (t for r in readings(tmp_path) for t in r.topics if t.kind == "project")
    assert (back.text, back.authority) == ("Weaves at 12 ends.", "imported")
    assert (back.evidence[0].conversation, back.evidence[0].message) == (talk.id, talk.messages[0].id)
    assert (talk.head.project, topic.instructions, topic.documents) == (topic.id, "Metric.", PROJECT.documents)


def test_obsidian_a_message_of_ours_can_be_erased_alone(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, placed(obsidian.write(Chosen((TALK,))), tmp_path / "notes"))
    (before,) = choose(vault).conversations
    erase(vault, [before.messages[0].id])
    (after,) = choose(vault).conversations
    assert after.messages == before.messages[1:]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(chosen_records())
def test_obsidian_what_is_written_comes_back(tmp_path_factory: pytest.TempPathFactory, chosen: Chosen) -> None:
    written = obsidian.write(chosen)
    gone = lost(written)
    assert {kind: written.carried.get(kind, 0) + gone[kind] for kind in everything(chosen)} == everything(chosen)
    if not written.files:
        return
    found = readings(placed(written, tmp_path_factory.mktemp("vault")))
    assert not [problem for reading in found for problem in reading.problems]
    talks = {c.provider_id: c for reading in found for c in reading.conversations}
    memories = {m.provider_id: m for reading in found for m in reading.memories}
    assert (len(talks), len(memories)) == (len(chosen.conversations), written.carried.get("memory", 0))
    for talk in chosen.conversations:
        back = talks[talk.id]
        assert (back.head.title, back.head.created, back.head.updated) == (talk.head.title, talk.head.created, talk.head.updated)
        places = {m.id: place for place, m in enumerate(talk.messages)}
        again = {m.id: place for place, m in enumerate(back.messages)}
        for message, read in zip(talk.messages, back.messages, strict=True):
            assert (read.role, read.time, read.updated, read.extra) == (message.role, message.time, message.updated, message.extra)
            assert [bare(part) for part in read.parts] == [bare(part) for part in message.parts]
            assert again.get(read.parent or "") == places.get(message.parent or "")
            assert (read.author or None, read.model or None) == (message.author or None, message.model or None)
            assert read.visibility == message.visibility
    for memory in (m for m in chosen.memories if m.id in memories):
        assert (memories[memory.id].text, memories[memory.id].created) == (memory.wording, memory.created)


def bare(part: Part) -> Part:
    return msgspec.structs.replace(part, attachment="") if isinstance(part, File) else part


# --- front matter -----------------------------------------------------------------------------------------------------


def test_front_matter_as_editors_write_it() -> None:
    lines = (
        "a: plain: text",
        'b: "q\\u00e9"',
        "'c d': [x, \"y z\", 3]",
        "e:",
        "  - one",
        "  - 'it''s'",
        'f: {"k": 1}',
        "g:",
        "h: ~",
    )
    text = "\n".join(("---", *lines, "---", "rest"))
    fields, end = front_matter(text)
    assert fields == {
        "a": "plain: text",
        "b": "qé",
        "c d": ["x", "y z", "3"],
        "e": ["one", "it's"],
        "f": {"k": 1},
        "g": None,
        "h": None,
    }
    assert text[end:] == "rest"
    assert front_matter("---\nnever closed\n") == ({}, 0)
    assert front_matter("no\n---\na: b\n---\n") == ({}, 0)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile_talks())
def test_obsidian_what_our_writer_wrote_comes_back_whatever_its_words_look_like(talk: Conversation) -> None:
    """Also a role that nobody named: it came back as the assistant's, or as the name of a callout."""
    with tempfile.TemporaryDirectory() as name:
        put(obsidian.write(Chosen((talk,))), Path(name))
        found = readings(Path(name))
    assert not [problem for reading in found for problem in reading.problems]
    (read,) = (conversation for reading in found for conversation in reading.conversations)
    # An empty name is none there.
    named = replace(talk, messages=tuple(replace(m, author=m.author or None, model=m.model or None) for m in talk.messages))
    assert told(read) == told(named, read.id)
    assert read.head.title == talk.head.title
