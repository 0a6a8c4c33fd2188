"""Markdown: a bundle that the projects of Claude and ChatGPT take. What else it has to be is in test_writers.py."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from souviens import formats
from souviens.canon import make_id, unknown
from souviens.delivery import open_delivery
from souviens.formats import Chosen, Written, markdown
from souviens.formats._frontmatter import front_matter
from souviens.jsonspan import Slice
from souviens.merge import arranged
from souviens.port.giving import choose
from souviens.port.holes import Span, blanked
from souviens.port.intake import take_in
from souviens.records import (
    Citation,
    Conversation,
    Document,
    Evidence,
    File,
    Head,
    Json,
    Memory,
    Message,
    Opaque,
    Part,
    Reading,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Topic,
    Uri,
)
from tests import golden
from tests.lossless import unaccounted
from tests.port.given import new_vault
from tests.strategies import chosen as chosen_records
from tests.strategies import json_values, maybe_names, names

LIMIT = 2_000_000  # bytes: 2 million tokens a text file at ChatGPT, 30 MB a file at Claude


def said(id: str, parent: str | None, words: str) -> Message:
    return Message(id, None, parent, 0, "user", unknown("null"), (Text(words),))


def test_markdown_no_file_is_larger_than_a_project_takes() -> None:
    words = [f"{'ж' * 300_000}\n{n}" for n in range(8)]
    talk = Conversation(
        "c-1", "x", None, Head("long"), tuple(said(f"m-{n}", f"m-{n - 1}" if n else None, w) for n, w in enumerate(words))
    )
    memory = Memory("y-1", "fact", "Said late.", "imported", evidence=(Evidence("c-1", "m-7"),))
    project = Topic("t-1", "project", "Big", documents=(Document("all", "line\n" * 900_000),))
    written = markdown.write(Chosen((talk,), (memory,), (project,)))
    assert all(len(data) <= LIMIT for data in written.files.values())
    parts = sorted(name for name in written.files if name.startswith("conversations/"))
    assert parts == [f"conversations/undated long{more}.md" for more in (" part 2", " part 3", "")]
    pages = {name: written.files[name].decode() for name in parts}
    assert {front_matter(page)[0]["part"] for page in pages.values()} == {"1 of 3", "2 of 3", "3 of 3"}
    assert sorted(re.findall(r'<a id="(m-\d)">', "".join(pages.values()))) == [f"m-{n}" for n in range(8)]
    assert all(any(w in page for page in pages.values()) for w in words)
    documents = "".join(data.decode() for name, data in written.files.items() if name.startswith("projects/"))
    assert documents.count("line\n") == 900_000
    (link,) = re.findall(r"\]\((conversations/.*)#m-7\)", written.files["memories.md"].decode())
    assert '<a id="m-7">' in written.files[link.replace("%20", " ")].decode()


def test_markdown_one_message_that_is_too_long_goes_on_in_the_next_file() -> None:
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-0", None, "a" * 5_000_000),))
    written = markdown.write(Chosen((talk,)))
    assert all(len(data) <= LIMIT for data in written.files.values())
    bodies = [data.decode() for name, data in written.files.items() if name.startswith("conversations/")]
    assert sum(len(run) for body in bodies for run in re.findall("a{1000,}", body)) == 5_000_000


def test_markdown_every_file_says_what_it_is() -> None:
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-0", None, "hello"),))
    written = markdown.write(Chosen((talk,), (Memory("y-1", "fact", "Likes tea.", "imported"),), (Topic("t-1", "project", "P"),)))
    ids = {name: front_matter(data.decode())[0]["id"] for name, data in written.files.items()}
    assert ids == {
        "conversations/undated t.md": "c-1",
        "projects/P/project.md": "t-1",
        "memories.md": "memories",
        "index.md": "index",
    }


@pytest.mark.parametrize("words", ["The tide is in.", "- [method] Pour slowly #coffee\n\n## Relations\n\n- part_of [[Coffee]]\n"])
def test_a_bundle_is_nobodys_notes(tmp_path: Path, words: str) -> None:
    """Once something said in it looked like an observation it was read as notes, and no conversation of it."""
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, words),))
    for path, data in markdown.write(Chosen((talk,))).files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    with open_delivery(tmp_path) as delivery:
        assert [name for name, reader in formats.readers().items() if reader.identify(delivery)] == ["markdown"]


# --- read back --------------------------------------------------------------------------------------------------------

HOSTILE = (
    "",
    " ",
    "   \n" + " " * 40,
    "\n\nbegins and ends with empty lines\n\n",
    '<a id="m-1"></a>\n\n## 1. User · time unknown\n\nNot a message.',
    "## 3. Assistant · gpt-5 · 2026-01-01T00:00:00Z",
    '<!-- souviens {"aside":true} -->\nwords',
    '\\<!-- souviens {"type":"text"} -->\n\\\\<a id="x">',
    '---\nbundle: "index"\n---\n',
    "# Other branches\n\n## Branch 1: from message 1",
    "```py\nopen",
    "~~~\n```\n",
    "````\n```\n````",
    "</details>\n\n</details>",
    "carriage\r\nreturn\rand\x0bothers\u2028\x85\x00",
    "-->\n--> {}",
    "- Evidence: [x](y)",
    "🎉 日本語 ﷺ",
)
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30), st.lists(st.sampled_from(HOSTILE), max_size=3).map("\n".join))
calls = st.one_of(st.none(), texts)
hostile_parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, texts),
    st.builds(Text, texts, st.sampled_from(["", "python", "odd `name`\n"])),
    st.builds(Reasoning, texts, texts),
    st.builds(ToolCall, texts, st.one_of(json_values, texts), calls),
    st.builds(ToolResult, texts, calls, calls, st.booleans()),
    st.builds(Uri, texts, texts, texts),
    st.builds(Citation, texts, texts, texts, st.sampled_from([None, 0, 3]), st.none()),
    st.builds(Opaque, texts, json_values),
)


@st.composite
def hostile_talks(draw: st.DrawFn) -> Conversation:
    messages = tuple(
        replace(
            said(f"m-{n}", f"m-{n - 1}" if n else None, ""),
            parts=tuple(draw(st.lists(hostile_parts, max_size=3))),
            role=draw(st.sampled_from(["user", "assistant", "a · b", "Odd", "", "time unknown"])),
            author=draw(st.one_of(maybe_names, st.sampled_from(["a · b", "hidden", "2026-01-01"]))),
            model=draw(st.one_of(maybe_names, st.sampled_from(["a · b", "gpt-5", "edited 2026-01-01"]))),
        )
        for n in range(draw(st.integers(0, 3)))
    )
    return Conversation("c-1", draw(names), draw(maybe_names), Head(draw(texts)), messages)


def put(written: Written, folder: Path) -> None:
    for path, data in written.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def readings(written: Written) -> list[tuple[Slice, Reading]]:
    if not written.files:
        return []
    with tempfile.TemporaryDirectory() as folder:
        put(written, Path(folder))
        with open_delivery(Path(folder)) as delivery:
            return list(golden.readings(formats.reader("markdown"), delivery))


def told(conversation: Conversation, id: str = "") -> dict[str, list[Json]]:
    """What a page has a place for, by message. id: of the conversation as it is read, to name its messages as they will be."""
    return {
        make_id("m", id, m.id) if id else m.id: [
            *(m.role, m.author, m.model, m.time.us, m.updated and (m.updated.us,), m.visibility),
            *(
                (p.media, p.pointer, p.name) if isinstance(p, File) else p if isinstance(p, Opaque) else replace(p, extra={})
                for p in m.parts
            ),
        ]
        for m in conversation.messages
    }


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile_talks())
def test_markdown_words_that_look_like_ours_come_back_as_they_are(talk: Conversation) -> None:
    ((_, reading),) = readings(markdown.write(Chosen((talk,))))
    assert not reading.problems
    (read,) = reading.conversations
    assert told(read) == told(talk, read.id)
    assert [m.parent for m in read.messages] == [make_id("m", read.id, m.parent) if m.parent else None for m in talk.messages]
    assert (read.head.title, read.head.created.us) == (talk.head.title, talk.head.created.us)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(chosen_records())
def test_markdown_what_it_has_a_place_for_comes_back(chosen: Chosen) -> None:
    """Whatever the graph: branches, orphans, links in a circle."""
    found = [reading for _, reading in readings(markdown.write(chosen))]
    assert not [problem for reading in found for problem in reading.problems]
    read = {c.provider_id: c for reading in found for c in reading.conversations}
    for conversation in chosen.conversations:
        back = read[conversation.id]
        kept = [m for m in conversation.messages if m.parts or m.visibility != "placeholder"]
        assert told(back) == told(replace(conversation, messages=tuple(kept)), back.id)
        parents, gone = {m.id: m.parent for m in back.messages}, {m.id for m in conversation.messages} - {m.id for m in kept}
        for message in kept:
            if message.parent not in gone:
                above = make_id("m", back.id, message.parent) if message.parent else None
                assert parents[make_id("m", back.id, message.id)] == above
        assert (back.head.title, back.head.model) == (conversation.head.title, conversation.head.model)
        assert back.head.tip == (make_id("m", back.id, t) if (t := conversation.head.tip) in {m.id for m in kept} and t else None)
    memories = {m.provider_id: m for reading in found for m in reading.memories}
    for memory in chosen.memories:
        if memory.id in memories:
            assert (memories[memory.id].text, memories[memory.id].created) == (memory.wording, memory.created)
    topics = {t.provider_id: t for reading in found for t in reading.topics}
    for topic in chosen.topics:
        there = topics[topic.id]
        assert (there.name, there.summary, there.instructions) == (topic.name, topic.summary, topic.instructions)
        assert [(d.name, d.text) for d in there.documents] == [(d.name, d.text) for d in topic.documents]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile_talks())
def test_markdown_a_message_goes_by_itself(talk: Conversation) -> None:
    ((slice, reading),) = readings(markdown.write(Chosen((talk,))))
    before = {m.id: m.hash for c in reading.conversations for m in c.messages}
    for id, place in markdown.locations(slice).items():
        assert isinstance(place, formats.Bytes)
        left = markdown.read(blanked(slice, [Span(place.start, place.end, inside=True)]), {})
        assert {m.id: m.hash for c in left.conversations for m in c.messages} == {k: v for k, v in before.items() if k != id}
    assert len(markdown.locations(slice)) == len(before)


def test_markdown_a_conversation_over_several_files_is_one(tmp_path: Path) -> None:
    words = [f"{'ж' * 300_000}\n{n}" for n in range(5)] + ["a" * 5_000_000, "last"]
    chain = tuple(said(f"m-{n}", f"m-{n - 1}" if n else None, w) for n, w in enumerate(words))
    other = replace(said("m-other", "m-5", "Another answer."), order=9)
    talk = Conversation("c-1", "x", None, Head("long", tip="m-6", project="t-1"), (*chain, other))
    big = Topic("t-1", "project", "Big", documents=(Document("all", "line\n" * 900_000),))
    written = markdown.write(Chosen((talk,), (), (big,)))
    assert all(len(data) <= LIMIT for data in written.files.values())
    gone = {loss.kind: loss.count for loss in written.lost}
    put(written, tmp_path / "out")
    with new_vault(tmp_path / "vault") as vault:
        receipt = take_in(vault, tmp_path / "out")
        assert not receipt.refused
        back = choose(vault)
    (read,), (topic,) = back.conversations, back.topics
    assert not read.older and not read.older_heads
    by_id = {m.id: m for m in read.messages}
    path = [by_id[read.head.tip or ""]]
    while path[0].parent:
        path.insert(0, by_id[path[0].parent])
    assert "".join(part.text for m in path for part in m.parts if isinstance(part, Text)) == "".join(words)
    assert len(path) == len(words) + gone["message_split"]
    assert by_id[make_id("m", read.id, "m-other")].parent == path[-2].id
    assert "".join(document.text for document in topic.documents) == "line\n" * 900_000
    assert len(topic.documents) == 1 + gone["document_split"]


def page(*lines: str) -> Slice:
    text = "\n".join(("---", "bundle: conversation", "id: c-1", "title: Tea", "---", "", *lines, ""))
    return Slice("conversation", "conversations/tea.md", "", text.encode())


def test_markdown_a_page_edited_by_hand_is_read_as_far_as_it_can_be() -> None:
    (read,) = markdown.read(
        page(
            "# Tea, and what came of it",
            "Mine: worth keeping.",
            '<a id="m-1"></a>',
            "## Me",
            "How long?",
            '<a id="m-2"></a>',
            "## 2. Assistant · one · two · three · 2026-01-01",
            "Two minutes.",
            "",
            "I added this.",
            '<!-- souviens {"type":"tool_call","name":"kettle","json":true} -->',
            "gone",
            '<!-- souviens {"type":"odd","x":1} -->',
            "<!-- souviens {no JSON} -->",
        ),
        {},
    ).conversations
    assert read.head.extra["between"] == ["# Tea, and what came of it", "Mine: worth keeping."]
    one, two = read.messages
    assert (one.role, one.parts, one.time.us, two.parent) == ("me", (Text("How long?"),), None, one.id)
    assert (two.role, two.extra["heading"], two.time.given) == ("assistant", "one · two · three", "2026-01-01")
    assert two.parts[0] == Text("Two minutes.\n\nI added this.")
    assert [type(part) for part in two.parts[1:]] == [ToolCall, Text]
    assert "no JSON" in str(two.parts[2])


def test_markdown_an_editor_that_changes_line_ends_changes_nothing_else() -> None:
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, "one\ntwo"), said("m-2", "m-1", "```\nopen")))
    ((slice, reading),) = readings(markdown.write(Chosen((talk,))))
    there = Slice(slice.kind, slice.path, slice.where, slice.data.replace(b"\n", b"\r\n"))
    (one,), (other,) = reading.conversations, markdown.read(there, {}).conversations
    assert other.messages == one.messages
    assert len(markdown.locations(there)) == 2


def test_markdown_what_is_no_page_is_refused_by_name(tmp_path: Path) -> None:
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, "hello"),))
    put(markdown.write(Chosen((talk,))), tmp_path / "out")
    (tmp_path / "out" / "mine.md").write_text("# My own notes\n", encoding="utf-8")
    (tmp_path / "out" / "memories.md").write_text("---\nbundle: memories\n---\n\nI like tea.\n", encoding="utf-8")
    with new_vault(tmp_path / "vault") as vault:
        receipt = take_in(vault, tmp_path / "out")
    assert {(problem.path, problem.reason) for problem in receipt.refused} == {
        ("mine.md", "no page of this bundle"),
        ("memories.md", "words that belong to no memory"),
    }
    assert receipt.new.messages == 1


def test_markdown_pages_within_an_obsidian_vault_are_notes_there(tmp_path: Path) -> None:
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, "hello"),))
    put(markdown.write(Chosen((talk,))), tmp_path / "out")
    (tmp_path / "out" / ".obsidian").mkdir()
    (tmp_path / "out" / ".obsidian" / "app.json").write_text("{}", encoding="utf-8")
    with open_delivery(tmp_path / "out") as delivery:
        assert [name for name, reader in formats.readers().items() if reader.identify(delivery)] == ["obsidian"]


def test_markdown_one_page_alone_is_read(tmp_path: Path) -> None:
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, "hello"),))
    (tmp_path / "page.md").write_bytes(markdown.write(Chosen((talk,))).files["conversations/undated t.md"])
    with new_vault(tmp_path / "vault") as vault:
        assert take_in(vault, tmp_path / "page.md").new.messages == 1


@pytest.mark.parametrize(
    "mark",
    (
        '{"parent":7}',
        '{"parent":["m-1"],"order":99999999999999999999999999}',
        '{"type":["text"],"evidence":5}',
        '{"type":"text","mood":"glad"}',
        '{"type":"opaque","kind":"x","mood":"glad"}',
        '{"type":"reasoning","short":true}\n\nwords\n\n<!-- souviens {"x":1} -->',
        '{"role":3,"author":{},"model":[]}',
    ),
)
def test_markdown_a_mark_that_makes_no_sense_is_kept(mark: str) -> None:
    told = mark if "\n" in mark else f"{mark} -->"
    slice = page('<a id="m-1"></a>', "## 999999999999999999999. User", f"<!-- souviens {told}", "", "words")
    reading = markdown.read(slice, {})
    assert not reading.problems
    assert not unaccounted(formats.reader("markdown"), slice, reading)
    assert len(reading.conversations[0].messages) == 1


def test_markdown_the_order_of_roots_is_kept_where_no_tip_is_named() -> None:
    orphan, first, last = said("m-1", "m-gone", "one"), said("m-2", None, "two"), said("m-3", None, "three")
    messages = tuple(replace(message, order=order) for order, message in enumerate((orphan, first, last)))
    ((_, reading),) = readings(markdown.write(Chosen((Conversation("c-1", "x", None, Head("t"), messages),))))
    (read,) = reading.conversations
    assert [m.provider_id for m in arranged(read.messages)] == ["m-1", "m-2", "m-3"]
