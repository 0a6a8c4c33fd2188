"""LibreChat: a chat in every shape of its export, erased inside a tree, and the way back through its import."""

from __future__ import annotations

import json
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings

from souviens.canon import epoch
from souviens.delivery import open_delivery
from souviens.formats import Chosen, Place, Reader, librechat
from souviens.formats.librechat.read import NO_PARENT
from souviens.jsonspan import Slice
from souviens.port.holes import blanked, spans_of
from souviens.records import (
    Conversation,
    Head,
    Json,
    Message,
    Opaque,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    branch_points,
    spoken,
)
from tests import golden
from tests.formats.test_writers import SEA, TALK, lost, said
from tests.strategies import chosen as chosen_records

READER = cast(Reader, librechat)
generated = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def slices(name: str) -> list[Slice]:
    with open_delivery(golden.FIXTURES / "librechat" / f"{name}.json") as delivery:
        return [slice for slice, _ in golden.readings(READER, delivery)]


def read(value: Json) -> Conversation:
    (conversation,) = librechat.read(Slice("conversation", "x.json", "", json.dumps(value).encode()), {}).conversations
    return conversation


def chat(name: str) -> Conversation:
    (slice,) = slices(name)
    (conversation,) = librechat.read(slice, {}).conversations
    return conversation


def by_words(conversation: Conversation) -> dict[str, Message]:
    return {spoken(message): message for message in conversation.messages}


def test_numbers_for_ids_are_the_strings_they_stand_for() -> None:
    said = [{"messageId": 1, "parentMessageId": NO_PARENT, "text": "q"}, {"messageId": 2, "parentMessageId": 1, "text": "a"}]
    first, second = read({"conversationId": 9, "messages": said}).messages
    assert (first.provider_id, first.parent) == ("1", None)
    assert (second.provider_id, second.parent) == ("2", first.id)


def test_a_parent_that_is_gone_keeps_its_id() -> None:
    found = read({"conversationId": "c", "messages": [{"messageId": "b", "parentMessageId": "gone", "text": "x"}]})
    assert found.head.extra["absent_parents"] == {found.messages[0].id: "gone"}


# --- the three shapes ---------------------------------------------------------------------------------------------------


def test_regenerated_answers_and_edited_questions_are_branches() -> None:
    fjords = chat("branches")
    first, answer, again, lake, _ = fjords.messages
    # An edited question is a second beginning.
    assert branch_points(fjords.messages) == {None: (first.id, lake.id), first.id: (answer.id, again.id)}
    assert [m.model for m in (answer, again)] == ["claude-sonnet-4", "claude-opus-4"]
    assert fjords.head.model == "claude-sonnet-4"


def test_in_a_tree_a_message_hangs_from_what_it_lies_in() -> None:
    found = by_words(chat("tree"))
    parents = {words: next((w for w, m in found.items() if m.id == message.parent), None) for words, message in found.items()}
    assert parents == {
        "Name a cheese": None,
        "Brie": "Name a cheese",
        "Another": "Brie",
        "Comté": "Another",
        "Gouda": "Name a cheese",
        "Name a bread": None,
    }


def test_the_same_chat_in_two_shapes_is_the_same() -> None:
    (slice,) = slices("tree")
    flat: list[Json] = []
    waiting = list(reversed(json.loads(slice.data)["messagesTree"]))
    while waiting:
        message = waiting.pop()
        waiting += reversed(message.pop("children"))
        flat.append(message)
    value = {**json.loads(slice.data), "recursive": False, "messages": flat}
    del value["messagesTree"]
    assert read(value).messages == chat("tree").messages


def test_one_message_instead_of_a_list_is_read() -> None:
    message = {"messageId": "a", "parentMessageId": NO_PARENT, "isCreatedByUser": True, "sender": "User", "text": "alone"}
    assert [spoken(m) for m in read({"conversationId": "c", "messages": message}).messages] == ["alone"]


def test_without_any_parent_the_chain_is_the_file() -> None:
    rows = [{"messageId": id, "isCreatedByUser": id == "a", "text": id} for id in ("a", "b")]
    first, second = read({"conversationId": "c", "messages": rows}).messages
    assert (first.parent, second.parent) == (None, first.id)


@pytest.mark.parametrize("words", ["Name a cheese", "Brie", "Another", "Comté", "Name a bread"])
def test_erasing_a_message_of_a_tree_leaves_what_lies_in_it(words: str) -> None:
    (slice,) = slices("tree")
    reading = librechat.read(slice, {})
    before = by_words(reading.conversations[0])
    holed = blanked(slice, spans_of(READER, slice, reading, {before[words].id}))
    assert words.encode() not in holed.data
    after = by_words(librechat.read(holed, {}).conversations[0])
    assert after == {said: message for said, message in before.items() if said != words}


def test_only_a_message_with_others_inside_is_blanked_field_by_field() -> None:
    (slice,) = slices("tree")
    found = by_words(chat("tree"))
    outer, leaf = found["Brie"].id, found["Comté"].id
    assert librechat.locations(slice)[leaf] == ("messagesTree", 0, "children", 0, "children", 0, "children", 0)
    assert librechat.locations(slice)[outer] == ("messagesTree", 0, "children", 0, "createdAt")
    places = librechat.traces(slice, {outer, leaf})
    assert Place(("messagesTree", 0, "children", 0, "text")) in places
    assert all("children" not in place.path[-1:] for place in places)


# --- what is said -------------------------------------------------------------------------------------------------------


def test_content_is_taken_apart_and_results_leave_their_calls() -> None:
    answer = chat("branches").messages[1]
    assert [type(part).__name__ for part in answer.parts[:8]] == [
        *("Opaque", "Reasoning", "Text", "ToolCall", "ToolResult", "ToolCall", "ToolCall", "ToolResult"),
    ]
    assert [part.text for part in answer.parts if isinstance(part, Reasoning)] == ["Sognefjord is the deepest."]
    calls = [(part.name, part.call) for part in answer.parts if isinstance(part, ToolCall)]
    assert calls == [("depth_lookup", "call_1"), ("convert", "call_2"), ("code_interpreter", "call_3")]
    assert [part.text for part in answer.parts if isinstance(part, ToolResult)] == ["1303 m", "4274.9"]
    assert [part.text for part in answer.parts if isinstance(part, Text)] == ["Let me look.", "1303 metres."]


def test_text_that_repeats_content_is_read_once() -> None:
    parts = [{"type": "think", "think": "hm"}, {"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    for text in ("", "one\ntwo", "onetwo", "one two"):
        message = {"messageId": "a", "isCreatedByUser": False, "sender": "AI", "text": text, "content": parts}
        (found,) = read({"conversationId": "c", "messages": [message]}).messages
        assert [part.text for part in found.parts if isinstance(part, Text)] == ["one", "two"]
        assert "text" not in found.extra


def test_a_label_is_an_author_and_user_is_none() -> None:
    assert [m.author for m in chat("branches").messages] == [None, "Claude", "Opus", None, "Claude"]
    assert [m.author for m in chat("linear").messages] == [None, "GPT-4"]


# --- the way back -------------------------------------------------------------------------------------------------------


def files(chosen: Chosen) -> list[Json]:
    return [json.loads(data) for data in librechat.write(chosen).files.values()]


def flattened(tree: list[Json], parent: str = NO_PARENT) -> list[Json]:
    """A tree as its import makes a list of it: what has neither text nor content is left out with all that is below it."""
    rows: list[Json] = []
    for message in tree:
        if message.get("text") or message.get("content"):
            rows.append({**message, "parentMessageId": parent})
            rows += flattened(message.get("children") or [], message["messageId"])
    return rows


def imported(value: Json) -> dict[str, dict[str, Json]]:
    """What its import makes of a file, told again: new ids in the order of the file, first messages first; a parent must have come
    before; nothing is older than its parent."""
    assert value["conversationId"] and value["messages"] is not None
    listed = flattened(value["messages"]) if value["recursive"] else value["messages"]
    rows = sorted(listed, key=lambda row: row["parentMessageId"] != NO_PARENT)
    found: dict[str, dict[str, Json]] = {}
    for row in rows:
        parent = row["parentMessageId"]
        assert parent == NO_PARENT or parent in found, "a parent that comes after its child is lost"
        time = row.get("createdAt", "9999")
        found[row["messageId"]] = {**row, "createdAt": max(time, found[parent]["createdAt"] if parent in found else "")}
    return found


@generated
@given(chosen_records())
def test_its_import_finds_every_message_below_its_parent(chosen: Chosen) -> None:
    written = librechat.write(chosen)
    assert len(written.files) == len(chosen.conversations)
    found = [imported(json.loads(data)) for data in written.files.values()]
    count = sum(len(row["souviens"]["messages"]) if "souviens" in row else 1 for rows in found for row in rows.values())
    assert count == written.carried.get("message", 0)


def test_what_a_tree_would_lose_is_written_as_a_list() -> None:
    def spoken_chat(texts: list[str]) -> Json:
        messages = tuple(
            Message(f"m-{n}", None, f"m-{n - 1}" if n else None, 0, "user", TALK.head.created, (Text(text),) if text else ())
            for n, text in enumerate(texts)
        )
        return files(Chosen((Conversation("c-1", "chatgpt", None, Head(), messages),)))[0]

    assert spoken_chat(["a", "b"])["recursive"]
    assert not spoken_chat(["a", "", "c"])["recursive"]
    deep = spoken_chat([str(n) for n in range(300)])
    assert not deep["recursive"]
    assert len(imported(deep)) == 300


def test_the_tide_comes_back() -> None:
    written = librechat.write(Chosen((TALK,), topics=(SEA,)))
    ((name, data),) = written.files.items()
    assert name == "2023-11-14 Tides why , and when.json"
    after = read(json.loads(data))
    ask, answer, again = after.messages
    assert (after.provider_id, after.head.title) == (TALK.provider_id, TALK.head.title)
    assert branch_points(after.messages) == {ask.id: (answer.id, again.id)}
    assert [type(part) for part in answer.parts] == [Reasoning, ToolCall, ToolResult, Text, Text]
    assert (answer.model, again.model) == ("gpt-5", "gpt-4o")
    assert (ask.time.us, again.time.us) == (1_700_000_001_500_000, None)
    gone = lost(written)
    assert (gone["message"], gone["message_boundary"], gone["attachment_bytes"], gone["topic"]) == (2, 3, 1, 1)
    assert "time_fraction" not in gone


@pytest.mark.parametrize(("tip", "gone"), [("m-2", 1), ("m-3", 0), ("m-1", 1), (None, 0)])
def test_the_branch_last_shown_is_named_as_lost_where_another_is_opened(tip: str | None, gone: int) -> None:
    """A LibreChat file says nothing of it: of siblings the newest is shown. A source that does not say it either loses nothing."""
    messages = (
        said("m-1", None, "user", Text("a"), time=epoch(1)),
        said("m-2", "m-1", "assistant", Text("b"), time=epoch(2)),
        said("m-3", "m-1", "assistant", Text("c"), time=epoch(3), order=1),
    )
    written = librechat.write(Chosen((Conversation("c-1", "chatgpt", None, Head("t", tip=tip), messages),)))
    assert lost(written)["active_branch"] == gone


def test_an_unknown_time_never_pushes_known_ones_to_the_day_of_the_import() -> None:
    talk = Conversation(
        "c-1",
        "x",
        None,
        Head("t"),
        (
            said("m-1", None, "user", Text("a"), time=TALK.messages[2].time),
            said("m-2", "m-1", "assistant", Text("b")),
            said("m-3", "m-2", "user", Text("c"), time=TALK.messages[6].time),
        ),
    )
    (value,) = files(Chosen((talk,)))
    assert [row["createdAt"] for row in imported(value).values()] == [
        *("2023-11-14T22:13:21.500Z", "2023-11-14T22:13:21.500Z", "2023-11-14T22:13:25.000Z"),
    ]
    assert [m.time.us is None for m in read(value).messages] == [False, True, False]
    undated = librechat.write(Chosen((Conversation("c-1", "x", None, Head("t"), (said("m-1", None, "user", Text("a")),)),)))
    assert lost(undated)["unknown_time"] == 3
    assert "createdAt" not in json.loads(next(iter(undated.files.values())))["messages"][0]


def test_results_stand_in_their_calls_and_a_stray_one_asks_for_nothing() -> None:
    parts = (ToolCall("a", {"n": 1}, "1"), ToolCall("b", "raw", "2"), ToolResult("two", None, "2"), ToolResult("one", None, "1"))
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, "assistant", *parts, ToolResult("stray", "c", "9")),))
    (value,) = files(Chosen((talk,)))
    calls = [item["tool_call"] for item in value["messages"][0]["content"]]
    assert [(call["id"], call["name"], call.get("args"), call["output"]) for call in calls] == [
        ("1", "a", '{"n":1}', "one"),
        ("2", "b", "raw", "two"),
        ("9", "c", None, "stray"),
    ]
    (message,) = read(value).messages
    assert [(type(part).__name__, part.call) for part in message.parts if not isinstance(part, (Text, Opaque))] == [
        *(("ToolCall", "1"), ("ToolResult", "1"), ("ToolCall", "2"), ("ToolResult", "2"), ("ToolResult", "9")),
    ]


def test_a_long_chat_nests_no_deeper_than_parsers_go() -> None:
    chain = tuple(said(f"m-{n}", f"m-{n - 1}" if n else None, "user", Text(str(n))) for n in range(3_000))
    (value,) = files(Chosen((Conversation("c-1", "x", None, Head("t"), chain),)))
    assert [spoken(m) for m in read(value).messages] == [str(n) for n in range(3_000)]


def test_a_tree_too_deep_to_decode_is_refused_and_said() -> None:
    inner = '{"messageId": "m", "isCreatedByUser": true, "sender": "User", "text": "x", "children": [%s]}'
    text = ""
    for _ in range(600):
        text = inner % text
    value = f'{{"conversationId": "c", "recursive": true, "messagesTree": [{text}]}}'
    reading = librechat.read(Slice("conversation", "x.json", "", value.encode()), {})
    assert not reading.conversations
    assert [problem.kind for problem in reading.problems] == ["conversation"]
    assert "deeply" in reading.problems[0].reason
