"""llama.cpp's page: JSON and lines, the root without a message, names that are a message's words, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings

from souviens.delivery import open_delivery
from souviens.formats import Bytes, Chosen, Place, Reader, llamacpp
from souviens.jsonspan import Slice
from souviens.port.holes import blanked, spans_of
from souviens.records import (
    Conversation,
    File,
    Head,
    Json,
    Message,
    Reading,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    active_path,
    branch_points,
    spoken,
)
from tests import golden
from tests.formats.test_writers import SEA, TALK, lost, said
from tests.strategies import chosen as chosen_records

READER = cast(Reader, llamacpp)
generated = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def readings(path: Path) -> list[tuple[Slice, Reading]]:
    with open_delivery(path) as delivery:
        return list(golden.readings(READER, delivery))


def case(name: str) -> list[tuple[Slice, Reading]]:
    return readings(golden.FIXTURES / "llamacpp" / name)


def chats(name: str) -> dict[str, Conversation]:
    return {c.head.title: c for _, reading in case(name) for c in reading.conversations}


def messages(conversation: Conversation) -> dict[str, Message]:
    return {message.provider_id or "": message for message in conversation.messages}


def read(value: Json) -> Conversation:
    (conversation,) = llamacpp.read(Slice("conversation", "x.json", "[0]", json.dumps(value).encode()), {}).conversations
    return conversation


def test_one_odd_conversation_at_the_beginning_does_not_refuse_the_others(tmp_path: Path) -> None:
    conv = {"id": "c", "name": "n", "lastModified": 1, "currNode": "a"}
    said = [{"id": "a", "convId": "c", "type": "text", "role": "user", "content": "w", "parent": None, "timestamp": 1}]
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"conv": {**conv, "id": "b"}, "messages": None}, {"conv": conv, "messages": said}]))
    (refused, read) = (reading for _, reading in readings(path))
    assert [problem.where for problem in refused.problems] == ["[0]"]
    assert [spoken(m) for m in read.conversations[0].messages] == ["w"]


def test_a_blank_line_before_the_first_session_is_no_conversation(tmp_path: Path) -> None:
    data = (golden.FIXTURES / "llamacpp" / "sessions.jsonl").read_bytes()
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    plain = readings(path)
    path.write_bytes(b"\n \n" + data)
    blank = readings(path)
    assert [reading for _, reading in blank] == [reading for _, reading in plain]
    assert [slice.where for slice, _ in blank][:1] == [":3"]


# --- the graph ----------------------------------------------------------------------------------------------------------


def test_the_root_is_a_node_without_a_message() -> None:
    moth = chats("export.json")["Which moth is this?"]
    root = moth.messages[0]
    assert (root.visibility, root.parts, root.parent) == ("placeholder", (), None)
    assert [m.provider_id for m in active_path(moth)] == ["r0", "s1", "q1", "a2", "t1", "a3", "q2"]
    nodes = messages(moth)
    assert branch_points(moth.messages) == {nodes["q1"].id: (nodes["a1"].id, nodes["a2"].id)}


def test_the_first_page_had_numbers_for_ids_and_minus_one_for_no_parent() -> None:
    old = chats("export.json")["Old page"]
    assert [m.parent for m in old.messages] == [None, old.messages[0].id, old.messages[1].id]
    assert (old.head.tip, old.messages[2].time.unknown) == (old.messages[2].id, "zero")


def test_without_parents_the_chain_is_the_file() -> None:
    tea = chats("one.json")["Tea"]
    assert (tea.messages[1].parent, tea.head.tip, tea.head.extra["graph"]) == (tea.messages[0].id, None, "file order")


def test_lines_are_cut_at_a_sessions_own_line_only() -> None:
    """A message may speak of sessions, and quote one."""
    found = case("sessions.jsonl")
    assert [slice.where for slice, _ in found] == [":1", ":6"]
    assert [len(c.messages) for _, reading in found for c in reading.conversations] == [4, 4]
    assert [c for _, r in case("archive.zip") for c in r.conversations] == [c for _, r in found for c in r.conversations]


def test_lines_and_json_say_the_same() -> None:
    (slice, reading), *_ = case("sessions.jsonl")
    header, *lines = [json.loads(line) for line in slice.data.decode().splitlines()]
    del header["type"], header["harness"]
    rows = [line["message"] for line in lines]
    for row in rows:
        row["toolCalls"] = json.dumps(row["toolCalls"]) if "toolCalls" in row else ""
    again = read({"conv": header, "messages": rows})
    (before,) = reading.conversations
    assert (again.id, again.head.tip) == (before.id, before.head.tip)
    assert [(m.id, m.parent, m.parts, m.time) for m in again.messages] == [
        (m.id, m.parent, m.parts, m.time) for m in before.messages
    ]


def test_what_holds_no_conversation_is_no_empty_one() -> None:
    for value in ({"conv": {"id": "a"}, "messages": {"x": 1}}, {"conv": None, "messages": []}):
        reading = llamacpp.read(Slice("conversation", "x", "[0]", json.dumps(value).encode()), {})
        assert not reading.conversations and [problem.kind for problem in reading.problems] == ["conversation"]


def test_a_broken_line_refuses_one_message() -> None:
    ((_, reading),) = case("damaged_lines.jsonl")
    assert [(problem.kind, problem.reason) for problem in reading.problems] == [
        ("message", "not JSON"),
        ("message", "not an object but an array"),
        ("message", "not an object but a number"),
    ]


# --- what is said -------------------------------------------------------------------------------------------------------


def test_tool_calls_are_a_string_in_json_and_a_list_in_lines() -> None:
    in_json = messages(chats("export.json")["Which moth is this?"])
    assert [part for part in in_json["a2"].parts if isinstance(part, ToolCall)] == [ToolCall("lookup", '{"span": 9}', "call_1")]
    assert in_json["t1"].parts == (ToolResult("Privet hawk moth", call="call_1"),)
    in_lines = messages(chats("sessions.jsonl")["Tides"])
    assert [part for part in in_lines["c2"].parts if isinstance(part, ToolCall)] == [ToolCall("tide", "{}", "k1")]


@pytest.mark.parametrize("fields", [{"thinking": "hm"}, {"reasoningContent": "hm"}, {"thinking": "hm", "reasoningContent": "hm"}])
def test_thoughts_of_both_names_are_read_once(fields: dict[str, str]) -> None:
    row = {"id": "a", "role": "assistant", "content": "x", "parent": None, **fields}
    (message,) = read({"conv": {"id": "c"}, "messages": [row]}).messages
    assert message.parts == (Reasoning("hm"), Text("x"))
    assert not message.extra


def test_attachments_keep_their_bytes_and_texts() -> None:
    asked = messages(chats("export.json")["Which moth is this?"])["q1"]
    held = {part.name: part for part in asked.parts if isinstance(part, File)}
    assert [(name, part.media) for name, part in held.items()] == [
        *(("notes.txt", "file"), ("moth.png", "image"), ("guide.pdf", "file"), ("hum.wav", "audio"), ("pasted", "file")),
    ]
    assert held["notes.txt"].extra["content"] == "seen at the lamp"
    assert held["guide.pdf"].extra["base64Data"] == "JVBERi0="
    assert all(part.pointer.startswith("inline:") for part in held.values())


# --- erasing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "title", "id"), [("export.json", "Which moth is this?", "q1"), ("sessions.jsonl", "Birds at the feeder", "e1")]
)
def test_a_name_that_is_the_words_of_an_erased_message_goes_too(name: str, title: str, id: str) -> None:
    slice, reading = next((s, r) for s, r in case(name) for c in r.conversations if c.head.title == title)
    gone = messages(reading.conversations[0])[id].id
    holed = blanked(slice, spans_of(READER, slice, reading, {gone}))
    assert title.encode() not in holed.data
    (after,) = llamacpp.read(holed, {}).conversations
    assert after.head.title.strip() == ""
    assert [m.id for m in after.messages] == [m.id for m in reading.conversations[0].messages if m.id != gone]


def test_a_name_of_its_own_stays() -> None:
    slice, reading = case("sessions.jsonl")[0]
    (tides,) = reading.conversations
    assert llamacpp.traces(slice, {tides.messages[1].id}) == []
    slice, reading = case("sessions.jsonl")[1]
    birds = messages(reading.conversations[0])
    assert llamacpp.traces(slice, {birds["e2"].id}) == []
    assert [type(place) for place in llamacpp.traces(slice, {birds["e1"].id})] == [Bytes]
    slice, reading = case("export.json")[0]
    assert llamacpp.traces(slice, {messages(reading.conversations[0])["q1"].id}) == [Place(("conv", "name"))]


# --- the way back -------------------------------------------------------------------------------------------------------


def values(chosen: Chosen) -> list[Json]:
    return list(json.loads(llamacpp.write(chosen).files["llamacpp-conversations.json"]))


@generated
@given(chosen_records())
def test_the_tree_is_as_the_page_keeps_it(chosen: Chosen) -> None:
    if not chosen.conversations:
        assert llamacpp.write(chosen).files == {}
        return
    found = values(chosen)
    every = [message["id"] for value in found for message in value["messages"]]
    assert len(set(every)) == len(every), "the page keeps messages by id, over all conversations"
    assert len({value["conv"]["id"] for value in found}) == len(found)
    for value in found:
        by_id = {message["id"]: message for message in value["messages"]}
        assert [m["type"] for m in value["messages"] if m["parent"] is None] == ["root"]
        assert value["conv"]["currNode"] in by_id
        for message in value["messages"]:
            assert message["convId"] == value["conv"]["id"] and isinstance(message["timestamp"], int)
            assert all(by_id[child]["parent"] == message["id"] for child in message["children"])
            assert message["parent"] is None or message["id"] in by_id[message["parent"]]["children"]
            assert message["role"] in ("user", "assistant", "system", "tool")
            assert isinstance(message["content"], str) and isinstance(json.loads(message["toolCalls"] or "[]"), list)


def test_the_tide_comes_back() -> None:
    written = llamacpp.write(Chosen((TALK,), topics=(SEA,)))
    (value,) = json.loads(written.files["llamacpp-conversations.json"])
    after = read(value)
    root, ask, thought, call, ran, answer, again = after.messages
    assert (after.provider_id, after.head.title, after.head.updated.us) == (TALK.provider_id, TALK.head.title, TALK.head.updated.us)
    assert (root.visibility, after.head.tip) == ("placeholder", answer.id)
    assert branch_points(after.messages) == {ask.id: (thought.id, again.id)}
    assert [part for part in thought.parts if isinstance(part, Reasoning)] == [Reasoning("Computing\n\nI should compute.")]
    (made,) = (part for part in call.parts if isinstance(part, ToolCall))
    assert (made.name, made.arguments) == ("python", '{"code":"print(1 > 0)"}')
    assert ran.parts == (ToolResult("True\n```", call=made.call),)
    assert spoken(answer).startswith("Two metres.") and (answer.model, again.model) == ("gpt-5", "gpt-4o")
    assert (ask.time.us, call.time.us) == (1_700_000_001_500_000, None)
    gone = lost(written)
    assert (gone["message"], gone["message_split"], gone["attachment_bytes"], gone["topic"], gone["beginning"]) == (2, 0, 1, 1, 0)


def test_a_message_in_another_order_is_divided_and_keeps_it() -> None:
    parts = (Text("look"), ToolCall("a", {}, "1"), ToolResult("one", None, "1"), Reasoning("so"), Reasoning("then"), Text("done"))
    talk = Conversation(
        "c-1",
        "x",
        None,
        Head("t"),
        (said("m-1", None, "assistant", *parts, model="m"), said("m-2", "m-1", "user", Text("thanks"))),
    )
    written = llamacpp.write(Chosen((talk,)))
    (value,) = json.loads(written.files["llamacpp-conversations.json"])
    after = read(value)
    assert [(m.role, [type(part).__name__ for part in m.parts]) for m in after.messages[1:]] == [
        ("assistant", ["Text", "ToolCall"]),
        ("tool", ["ToolResult"]),
        ("assistant", ["Reasoning", "Text"]),
        ("user", ["Text"]),
    ]
    assert [m.parent for m in after.messages[1:]] == [m.id for m in after.messages[:-1]]
    assert (lost(written)["message_split"], lost(written)["reasoning"], written.carried["message"]) == (2, 1, 2)


def test_system_messages_are_carried_and_several_beginnings_get_one_root() -> None:
    talk = Conversation(
        "c-1", "x", None, Head("t"), (said("m-1", None, "system", Text("Be brief.")), said("m-2", None, "user", Text("a"), order=1))
    )
    written = llamacpp.write(Chosen((talk,)))
    (value,) = json.loads(written.files["llamacpp-conversations.json"])
    assert [(m["role"], m["type"]) for m in value["messages"]] == [("system", "root"), ("system", "system"), ("user", "text")]
    assert (written.carried["message"], lost(written)["beginning"]) == (2, 1)


def test_a_thought_without_words_is_not_carried() -> None:
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, "assistant", Reasoning(""), Text("Two metres.")),))
    written = llamacpp.write(Chosen((talk,)))
    assert (written.carried.get("reasoning", 0), lost(written)["reasoning"]) == (0, 1)
