"""What is indexed of a record, and what the encoder is given of it."""

from __future__ import annotations

import zlib

import msgspec

from souviens.canon import Instant
from souviens.index.schema import VERSION
from souviens.index.text import HEADER, OTHER, PIECES, TAIL, pieces, run_of
from souviens.index.words import split
from souviens.records import Conversation, File, Head, Memory, Reasoning, Text, ToolCall, Verdict
from tests.index.contract import message


def talk(*messages: tuple[str, str, str | None]) -> Conversation:
    made = tuple(message(f"m-{n}", text, role, author=author) for n, (role, text, author) in enumerate(messages))
    return Conversation("c-1", "chatgpt", None, Head(title="A title", created=Instant(us=7)), made)


def test_a_unit_for_the_title_and_one_for_each_message() -> None:
    run = run_of(talk(("user", "Hello", "Ada"), ("assistant", "", None), ("narrator", "Meanwhile", None)))
    assert [unit.text for unit in run.units] == ["A title", "Ada: Hello", "", "Meanwhile"]
    assert [unit.role for unit in run.units] == [HEADER, 0, 1, OTHER]
    assert (run.created, run.updated) == (7, 7)


def test_every_spoken_part_is_indexed() -> None:
    parts = (Text("words"), Reasoning("thought"), ToolCall("search", "query"), File("a-1", "file", name="plan.pdf"))
    run = run_of(Conversation("c-1", "x", None, Head(), (msgspec.structs.replace(message("m", ""), parts=parts),)))
    assert {"words", "thought", "query", "plan.pdf"} <= set(run.units[1].text.split())


def test_a_corrected_memory_is_indexed_as_corrected() -> None:
    memory = Memory("y-1", "fact", "likes tea", "imported", verdicts=(Verdict("correct", Instant(us=1), "likes coffee"),))
    assert [unit.text for unit in run_of(memory).units] == ["likes coffee"]


def test_the_encoder_sees_the_speaker_and_the_tail_of_the_turn_before() -> None:
    run = run_of(talk(("user", "Where to?", "Ada"), ("assistant", "x" * 300 + "north", None), ("user", "Why?", None)))
    texts = dict(pieces(run))
    assert texts[0] == "A title"
    assert texts[1] == "Ada: Where to?"
    assert texts[2] == "Ada: Where to?\nassistant: " + "x" * 300 + "north"
    assert texts[3] == ("x" * 300 + "north")[-TAIL:] + "\nuser: Why?"


def test_a_long_message_is_a_few_pieces_with_its_beginning_and_its_end() -> None:
    words = [f"word{n}" for n in range(3_000)]
    found = [text for ordinal, text in pieces(run_of(talk(("user", " ".join(words), None)))) if ordinal == 1]
    assert len(found) == PIECES
    assert found[0].startswith("user: word0 ")
    assert found[-1].endswith("word2999")
    assert all(piece.split()[-1] in words for piece in found)


def test_text_without_spaces_is_cut_too() -> None:
    assert len(list(pieces(run_of(talk(("user", "字" * 10_000, None)))))) == 1 + PIECES


def test_whoever_changes_what_is_indexed_raises_the_version() -> None:
    """Else an index made before is asked to delete words it never held; it would notice, and be remade, one vault at a time."""
    parts = (
        Text("Le café"),
        Reasoning("why"),
        ToolCall("search", "東京"),
        ToolCall("run", {"a": 1}),
        File("a-1", "file", name="plan.pdf"),
    )
    run = run_of(
        Conversation("c-1", "x", None, Head(title="T"), (msgspec.structs.replace(message("m", ""), parts=parts, author="Ada"),))
    )
    digest = zlib.crc32("|".join(split(unit.text) for unit in run.units).encode())
    assert (VERSION, digest) == ("3", 3621408748)
