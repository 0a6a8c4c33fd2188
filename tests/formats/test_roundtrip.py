"""The law across providers, for every writer there is: vault -> writer -> our reader -> vault.

By kind, chosen = carried + lost with reasons; and where one of our readers takes the files in, it finds what is said to be carried.
A part of a kind that a target has no form for may be shown as words (a link, a source, an unknown part); it is found as text then,
and texts of one message may have become one text. Which words they are is compared along the active path.
Some losses say how the found may differ from the carried, and by how much at most:

* `message_boundary`, `message_split`: messages that were merged, and how many more there are since some were divided;
* `memory_split`: how many more memories there are since some were divided;
* `part_kind`: words that are there as a part of another kind (a tool's words as its result);
* `beginning`: roots that got a root in common;
* `unknown_time`: where a target must have a time, the time that stands in for it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from souviens import formats
from souviens.canon import canonical
from souviens.delivery import open_delivery
from souviens.formats import Chosen, Reader, Writer, Written
from souviens.formats._writing import KINDS, fenced, forest, present
from souviens.merge import Packed, arranged, merged_records
from souviens.port.giving import choose
from souviens.port.intake import take_in
from souviens.records import (
    Citation,
    Conversation,
    File,
    Json,
    Message,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Uri,
    active_path,
)
from tests import golden
from tests.formats.test_writers import SEA, TALK, lost
from tests.port.given import new_vault
from tests.strategies import chosen as chosen_records

WRITERS = formats.writers()
each_writer = pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
generated = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

FIRM = ("reasoning", "tool_call", "tool_result", "attachment")
SHOWN = ("link", "citation", "opaque")  # parts that may be found as words
# What a message has once, so that each of the messages it was divided into has it.
ONCE = ("model", "edit_time")
# No reader gives these back: fields of another provider, and versions that are not current.
NOT_READ = {"extra_field", "older_version", "citation_span"}
SAID_ELSEWHERE = {*KINDS.values(), *ONCE, *NOT_READ, "message", "time", "unknown_time", "author", "branch_point"}


# --- every writer ---------------------------------------------------------------------------------------------------------


@each_writer
@generated
@given(chosen_records())
def test_in_the_records_is_carried_plus_lost(writer: Writer, chosen: Chosen) -> None:
    written = writer.write(chosen)
    gone = lost(written)
    assert {kind: written.carried.get(kind, 0) + gone[kind] for kind in present(chosen)} == dict(present(chosen))
    assert all(loss.count > 0 and loss.reason for loss in written.lost)
    assert all(count > 0 for count in written.carried.values())


@each_writer
@settings(generated, max_examples=15)
@given(chosen_records())
def test_the_same_choice_gives_the_same_files(writer: Writer, chosen: Chosen) -> None:
    assert writer.write(chosen) == writer.write(chosen)


# --- writers whose files we read ------------------------------------------------------------------------------------------


LISTS = {"openai", "anthropic", "hf", "sharegpt"}  # one reader reads what these four write


def own_reader(writer: Writer, folder: Path) -> Reader | None:
    """The reader of that name (or of lists of messages) if it claims the files; no two readers may, whoever they are."""
    with open_delivery(folder) as delivery:
        claims = [reader for reader in formats.readers().values() if reader.identify(delivery) is not None]
    assert len(claims) <= 1, [reader.NAME for reader in claims]
    names = ("messages",) if writer.NAME in LISTS else (writer.NAME,)
    return next((reader for reader in claims if reader.NAME in names), None)


def put(written: Written, folder: Path) -> None:
    for path, data in written.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def read_back(writer: Writer, written: Written) -> Chosen | None:
    """What our reader makes of the files; None if there is none for them."""
    if not written.files:
        return None
    with tempfile.TemporaryDirectory() as name:
        put(written, folder := Path(name))
        if (reader := own_reader(writer, folder)) is None:
            return None
        with open_delivery(folder) as delivery:
            readings = [reading for _, reading in golden.readings(reader, delivery)]
    assert not [problem for reading in readings for problem in reading.problems]
    if writer.NAME in LISTS and len({c.id for r in readings for c in r.conversations}) < written.carried["conversation"]:
        return None  # two lists of the same lengths are one
    return Chosen(
        _merged(conversation for reading in readings for conversation in reading.conversations),
        _merged(memory for reading in readings for memory in reading.memories),
        _merged(topic for reading in readings for topic in reading.topics),
    )


def _merged(records: Iterable[Packed]) -> tuple[Json, ...]:
    """As the vault keeps them: what several files say of one record is one record."""
    found: dict[str, Packed] = {}
    for record in records:
        if isinstance(record, Conversation):
            record = replace(record, messages=arranged(record.messages))
        found[record.id] = merged_records(found[record.id], record) if record.id in found else record
    return tuple(found.values())


def telling(chosen: Chosen) -> Chosen:
    """The choice without what says nothing and need not be found: empty texts and names, conversations without a message. Every
    node is a message here: a node without one is the root that a target wants, and no message there. Who thinks or calls a tool
    is an assistant: targets differ in what they make of a person who does."""
    return replace(chosen, conversations=tuple(_telling(c) for c in chosen.conversations if c.messages))


def _telling(conversation: Conversation) -> Conversation:
    messages = tuple(
        replace(
            message,
            model=message.model or None,
            author=message.author or None,
            role="assistant"
            if any(isinstance(part, (Reasoning, ToolCall, ToolResult)) for part in message.parts)
            else message.role,
            visibility="visible" if message.visibility == "placeholder" else message.visibility,
            parts=tuple(
                replace(part, pointer=part.attachment) if isinstance(part, File) else part
                for part in message.parts
                if not isinstance(part, (Text, Reasoning)) or part.text.strip()
            ),
        )
        for message in conversation.messages
    )
    # Where files bear no ids, two conversations are told apart by what they say; and one pointer is one file.
    attachments = tuple(replace(attachment, pointer=attachment.id) for attachment in conversation.attachments)
    head = replace(conversation.head, title=f"Talk {conversation.id}")
    return replace(conversation, messages=messages, attachments=attachments, head=head)


def spoken(chosen: Chosen) -> Chosen:
    """What was found, without nodes that hold no message."""
    return replace(
        chosen,
        conversations=tuple(
            replace(c, messages=tuple(m for m in c.messages if m.visibility != "placeholder")) for c in chosen.conversations
        ),
    )


def joinable(chosen: Chosen) -> int:
    """How many texts fewer there are if those of each message are one."""
    kinds = (Text, Uri, Citation, Opaque)
    counts = [sum(isinstance(part, kinds) for part in m.parts) for c in chosen.conversations for m in c.messages]
    return sum(count - 1 for count in counts if count)


def differences(chosen: Chosen, written: Written, back: Chosen) -> list[str]:
    """Where what was found on reading back is not what the writer said."""
    carried, gone, found = Counter(written.carried), lost(written), present(spoken(back))
    split, merged, swapped = gone["message_split"], gone["message_boundary"], gone["part_kind"]
    as_words = sum(max(0, carried[kind] - found[kind]) for kind in SHOWN)
    found["branch_point"] = present(back)["branch_point"]
    wrong: list[str] = []

    def expect(kind: str, least: int, most: int) -> None:
        if not least <= found[kind] <= most:
            wrong.append(f"{kind}: {found[kind]} found, {carried[kind]} carried")

    messages = carried["message"] - merged + split
    expect("message", messages, messages)
    for kind in FIRM:
        expect(kind, carried[kind], carried[kind] + swapped)
    expect("text", carried["text"] - swapped - merged - joinable(chosen), carried["text"] + as_words)
    for kind in SHOWN:
        expect(kind, 0, carried[kind])
    for kind in ONCE:
        expect(kind, carried[kind] - merged, carried[kind] + split)
    expect("author", carried["author"] - merged, carried["author"] + split + found["tool_result"])  # a tool's name is its author
    expect("time", carried["time"], carried["time"] + split + gone["unknown_time"])
    # What hung from a message that is not there may be at the beginning, beside what was there before.
    expect("branch_point", carried["branch_point"], carried["branch_point"] + gone["beginning"] + gone["parent_link"])
    for kind in found.keys() - SAID_ELSEWHERE:
        expect(kind, carried[kind], carried[kind] + gone[f"{kind}_split"])
    return wrong


@each_writer
@generated
@given(chosen_records())
def test_what_is_carried_is_found_on_reading_back(writer: Writer, chosen: Chosen) -> None:
    chosen = telling(chosen)
    written = writer.write(chosen)
    if (back := read_back(writer, written)) is not None:
        assert not differences(chosen, written, back)


# --- in order along the active path ---------------------------------------------------------------------------------------


def calls(messages: Iterable[Message]) -> list[str]:
    return [part.name for part in _parts(messages, ToolCall)]


def arguments(messages: Iterable[Message]) -> list[Json]:
    """Those that are objects, be it as the string of one; each target has its own way to take others."""
    return [value for part in _parts(messages, ToolCall) if isinstance(value := _plain(part.arguments), dict) and value]


def results(messages: Iterable[Message]) -> list[str]:
    return [part.text for part in _parts(messages, ToolResult)]


def _parts(messages: Iterable[Message], kind: type[Part]) -> list[Json]:
    return [part for message in messages for part in message.parts if isinstance(part, kind)]


def _plain(value: Json) -> Json:
    try:
        return msgspec.json.decode(value if isinstance(value, str) else canonical(value))
    except msgspec.DecodeError:
        return value


def within(few: list[Json], many: list[Json]) -> bool:
    """Whether the one list is the other, or it with gaps."""
    rest = iter(many)
    return all(any(word == other for other in rest) for word in few)


def words(messages: Iterable[Message], found: str = "") -> list[str]:
    """What is said, without white space. Code as it was found: with its fence or without."""
    said = []
    for part in _parts(messages, Text):
        code = _dense(fenced(part.text, part.language)) if part.language else _dense(part.text)
        said.append(code if code in found or not found else _dense(part.text))
    return [text for text in said if text]


def _dense(text: str) -> str:
    return "".join(text.split())


def in_order(said: list[str], found: str) -> bool:
    here = 0
    for text in said:
        here = found.find(text, here) + len(text)
        if here < len(text):
            return False
    return True


# --- what is told, and the kind of loss that would explain a gap
TOLD: tuple[tuple[str, Callable[[Iterable[Message]], list[Json]]], ...] = (
    ("tool_call", calls),
    ("tool_result", results),
)


@each_writer
@generated
@given(chosen_records())
def test_words_are_in_order_along_the_active_path(writer: Writer, chosen: Chosen) -> None:
    conversations = telling(chosen).conversations[:1]
    if not conversations:
        return
    (conversation,) = conversations
    trees = forest(conversation.messages, lambda message: True)
    # The last leaf: where a target has no place for the active one, that is what it shows.
    conversation = replace(conversation, head=replace(conversation.head, tip=trees.order[-1].id))
    path = trees.path(conversation)
    # Of several beginnings (links in a circle have none) a target may show any, and a tip that a target leaves out is no path to
    # compare. Every target keeps what is shown of the two who speak.
    if (
        sum(above is None for above in trees.above.values()) > 1
        or trees.loose
        or path[-1].visibility != "visible"
        or path[-1].role not in ("user", "assistant")
    ):
        return
    written = writer.write(Chosen((conversation,)))
    back = read_back(writer, written)
    if back is not None and back.conversations:
        (found,) = back.conversations
        compare(path, active_path(found), written)


def compare(path: Sequence[Message], back: Sequence[Message], written: Written) -> None:
    """The words of the path there was and of the one that was found; what is lost may be missing, and nothing is added."""
    gone, carried = lost(written), written.carried
    for kind, told in TOLD:
        said, found = told(path), told(back)
        if gone["tool_name"] and told is calls:
            continue
        assert gone["part_kind"] or within(found, said), kind
        assert gone[kind] or gone["message"] or within(said, found), kind
    if not (gone["reasoning"] or gone["message"]):  # a summary may stand before a thought
        assert in_order(
            [_dense(part.text) for part in _parts(path, Reasoning)], _dense("".join(p.text for p in _parts(back, Reasoning)))
        )
    if not (gone["tool_call"] or gone["message"]):
        assert within(arguments(path), arguments(back))
    found_words = "".join(words(back))
    said_words = words(path, found_words)
    if not (gone["text"] or gone["message"] or gone["part_kind"]):
        assert in_order(said_words, found_words)
        if not any(carried.get(kind) for kind in SHOWN):
            assert "".join(said_words) == found_words


# --- real conversations, from vault to vault ------------------------------------------------------------------------------

FIXTURES = [golden.FIXTURES / "chatgpt" / "full", golden.FIXTURES / "claude" / "parts"]


def unplaced(chosen: Chosen) -> Chosen:
    """Without the nodes that hold no message; what hung from them hangs from nothing."""
    return spoken(chosen)


@each_writer
@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_from_a_vault_to_a_vault(writer: Writer, fixture: Path, tmp_path: Path) -> None:
    with new_vault(tmp_path / "one") as vault:
        take_in(vault, fixture)
        chosen = unplaced(choose(vault))
    written = writer.write(chosen)
    put(written, folder := tmp_path / "out")
    if not written.files or own_reader(writer, folder) is None:
        return
    with new_vault(tmp_path / "two") as vault:
        receipt = take_in(vault, folder)
        assert not receipt.refused
        back = choose(vault)
    assert not differences(chosen, written, back)


@each_writer
def test_a_talk_is_the_same_talk(writer: Writer) -> None:
    """Thoughts, a call, its result, two answers: what every target has a place for that can be read."""
    written = writer.write(Chosen((TALK,), topics=(SEA,)))
    back = read_back(writer, written)
    if back is None or not back.conversations:
        return
    (conversation,) = back.conversations
    gone = {loss.kind for loss in written.lost}
    assert "title" in gone or conversation.head.title == TALK.head.title
    path, found = forest(TALK.messages, lambda message: True).path(TALK), active_path(conversation)
    compare(path, found, written)
    there = [message for message in conversation.messages if message.visibility == "visible"]
    unlike = {"role", "message_boundary", "message_split", *(["message"] if writer.NAME in LISTS else [])}
    if not gone & unlike:
        assert [m.role for m in found if m.visibility == "visible"] == [m.role for m in path if m.visibility == "visible"]
    if not gone & {"time", "time_fraction"}:
        assert {m.time.us for m in there} >= {m.time.us for m in TALK.messages if m.time.us is not None}
    if "model" not in gone:
        assert {message.model for message in there} >= {"gpt-5", "gpt-4o"}
