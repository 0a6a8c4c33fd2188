"""The Qwen Chat export: Open WebUI's tree in a wrapper, with the words in phases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from souviens.delivery import open_delivery
from souviens.formats import qwen
from souviens.jsonspan import Slice
from souviens.port.checking import verify
from souviens.port.giving import give_back
from souviens.port.holes import blanked, spans_of
from souviens.port.intake import take_in
from souviens.records import (
    Conversation,
    File,
    Message,
    Opaque,
    Reading,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    active_path,
    branch_points,
)
from souviens.vault import Vault
from tests import golden

HERE = Path(__file__).parent / "qwen"
EXPORT = HERE / "export.json"
AT = "81000000-0000-4000-8000-00000000000"


def readings(path: Path) -> list[tuple[Slice, Reading]]:
    with open_delivery(path) as delivery:
        return list(golden.readings(qwen, delivery))


def conversations(path: Path) -> list[Conversation]:
    return [c for _, reading in readings(path) for c in reading.conversations]


def named(conversation: Conversation) -> dict[str, Message]:
    return {message.provider_id or "": message for message in conversation.messages}


def written(folder: Path, value: Any) -> Path:
    path = folder / "chats.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def answer(folder: Path, **fields: Any) -> Message:
    message = {"id": "m", "parentId": None, "role": "assistant", "content": "", **fields}
    chat = {"id": "c", "chat": {"history": {"messages": {"m": message}}}}
    return conversations(written(folder, {"success": True, "data": [chat]}))[0].messages[0]


OPENWEBUI = {
    "id": "c",
    "title": "t",
    "chat": {"history": {"messages": {"m": {"id": "m", "parentId": None, "role": "user", "content": "Hi"}}, "currentId": "m"}},
}
STRANGERS: dict[str, Any] = {
    "openwebui": [OPENWEBUI],
    "one of openwebui": OPENWEBUI,
    "another API": {"success": True, "request_id": "r", "data": [{"id": 1, "name": "x"}]},
    "nothing": {"success": True, "request_id": "r", "data": []},
    "deepseek": {"code": 0, "data": {"biz_data": {"chat_session": {}, "chat_messages": []}}},
}


@pytest.mark.parametrize("name", STRANGERS)
def test_qwen_what_only_looks_like_it_is_refused(tmp_path: Path, name: str) -> None:
    with open_delivery(written(tmp_path, STRANGERS[name])) as delivery:
        assert qwen.identify(delivery) is None


def test_qwen_the_wrapper_makes_an_open_webui_chat_a_qwen_chat(tmp_path: Path) -> None:
    assert len(conversations(written(tmp_path, {"success": True, "request_id": "r", "data": [OPENWEBUI]}))) == 1


def test_qwen_the_answer_is_read_from_its_phase() -> None:
    answers = named(conversations(EXPORT)[0])
    assert [part.text for part in answers[f"{AT}2"].parts if isinstance(part, Text)] == ["两三天一次。"]
    assert [part.text for part in answers[f"{AT}3"].parts if isinstance(part, Text)] == ["土干了再浇[[1]]，", "夏天每天看。"]


def test_qwen_thoughts_are_reasoning() -> None:
    answers = named(conversations(EXPORT)[0])
    thoughts = {id: [(p.text, p.summary) for p in m.parts if isinstance(p, Reasoning)] for id, m in answers.items()}
    assert thoughts[f"{AT}2"] == [("盆土要干一点。", "")]
    assert thoughts[f"{AT}3"] == [("水不要多。", "看水"), ("土要透气。", "看土")]
    assert thoughts[f"{AT}5"] == [("Winter ist dunkel.", "")]


def test_qwen_an_answer_without_phases_is_its_content() -> None:
    assert named(conversations(EXPORT)[0])[f"{AT}5"].parts[-1] == Text("Einmal pro Woche.")


def test_qwen_content_that_repeats_the_answer_is_not_said_twice(tmp_path: Path) -> None:
    phases = [{"phase": "answer", "content": "Heron"}]
    assert answer(tmp_path, content="Heron", content_list=phases).parts == (Text("Heron"),)
    assert answer(tmp_path, content="Kestrel", content_list=phases).parts == (Text("Heron"), Text("Kestrel"))
    parts = [*phases, {"phase": "answer", "content": "s"}]
    assert answer(tmp_path, content="Herons", content_list=parts).parts == (Text("Heron"), Text("s"))


def test_qwen_a_search_is_a_call_and_its_result() -> None:
    parts = named(conversations(EXPORT)[0])[f"{AT}3"].parts
    call = next(part for part in parts if isinstance(part, ToolCall))
    shown, result = (part for part in parts if isinstance(part, ToolResult))
    assert (call.name, call.arguments, call.call) == ("web_search", '{"queries": ["mint watering"]}', "round_0_call_1")
    assert result.call == call.call
    assert result.extra["extra"]["tool_observation"] == "[1] Minze"
    assert shown.extra["extra"]["web_search_info"][0]["url"] == "https://garten.example/minze"


def test_qwen_an_unknown_phase_is_kept_and_counted() -> None:
    _, reading = readings(EXPORT)[0]
    assert reading.unknown["chat.history.messages.content_list.phase=aroma"] == 1
    kinds = [part.kind for part in named(reading.conversations[0])[f"{AT}3"].parts if isinstance(part, Opaque)]
    assert kinds == ["null", "aroma"]


def test_qwen_answers_written_again_are_siblings_and_the_tip_is_the_shown_one() -> None:
    chat = conversations(EXPORT)[0]
    by_id = named(chat)
    assert branch_points(chat.messages) == {by_id[f"{AT}1"].id: (by_id[f"{AT}2"].id, by_id[f"{AT}3"].id)}
    assert [message.provider_id for message in active_path(chat)] == [f"{AT}{n}" for n in (1, 3, 4, 5)]


def test_qwen_the_tip_may_stand_beside_the_chat() -> None:
    chat = conversations(HERE / "bare.json")[0]
    assert chat.head.tip == named(chat)["b2"].id


def test_qwen_the_shown_path_is_not_kept_twice_but_what_it_says_otherwise_is() -> None:
    chat = conversations(EXPORT)[0]
    assert chat.head.extra["chat"]["messages"] == [{"id": f"{AT}3", "childrenIds": []}]
    assert len(chat.messages) == 5


def test_qwen_an_erased_message_goes_from_the_shown_path_too() -> None:
    slice, reading = readings(EXPORT)[0]
    question = named(reading.conversations[0])[f"{AT}1"]
    spans = spans_of(qwen, slice, reading, {question.id})
    assert len(spans) == 2
    left = blanked(slice, spans)
    assert "怎么给薄荷浇水".encode() not in left.data
    assert [m.provider_id for m in qwen.read(left, {}).conversations[0].messages] == [f"{AT}{n}" for n in (2, 3, 4, 5)]


def test_qwen_times_are_seconds_and_zero_is_none() -> None:
    first, empty = (chat.head for chat in conversations(EXPORT))
    assert (first.created.us, first.created.zone) == (1771454860_000_000, "epoch")
    assert (empty.created.unknown, empty.updated.unknown) == ("null", "zero")
    assert conversations(HERE / "bare.json")[1].messages[1].time.us == 1774512058_123_000


def test_qwen_uploads_are_attachments_without_bytes() -> None:
    chat = conversations(EXPORT)[0]
    file = next(part for part in named(chat)[f"{AT}1"].parts if isinstance(part, File))
    assert (file.media, file.pointer, file.name) == ("image", "f-1", "薄荷.png")
    assert [(a.media_type, a.size, bool(a.missing)) for a in chat.attachments] == [("image/png", 2048, True)]


def test_qwen_a_project_is_a_topic() -> None:
    _, reading = readings(EXPORT)[0]
    assert [(topic.id, topic.provider_id) for topic in reading.topics] == [(reading.conversations[0].head.project, "pr-1")]


# --- containers, ids and what stands beside the chats -----------------------------------------------------------------


def said(id: Any, parent: Any, children: list[Any], content: str) -> dict[str, Any]:
    return {"id": id, "parentId": parent, "childrenIds": children, "role": "user", "content": content}


def export(folder: Path, chat: Any, **beside: Any) -> Path:
    return written(folder, {"success": True, "request_id": "r", "data": [{"id": "c", "title": "t", "chat": chat}], **beside})


def test_qwen_a_tree_may_be_a_list(tmp_path: Path) -> None:
    tree = [said("1", None, ["2"], "q"), said("2", "1", [], "a")]
    slice, reading = readings(export(tmp_path, {"history": {"messages": tree}, "messages": tree}))[0]
    first, second = reading.conversations[0].messages
    assert (first.parent, second.parent) == (None, first.id)
    left = qwen.read(blanked(slice, spans_of(qwen, slice, reading, {second.id})), {}).conversations[0]
    assert left.messages == (first,)


def test_qwen_a_message_that_only_the_list_has_is_read(tmp_path: Path) -> None:
    first, alone = said("1", None, [], "q"), said("9", "1", [], "only here")
    slice, reading = readings(export(tmp_path, {"history": {"messages": {"1": first}}, "messages": [first, alone]}))[0]
    messages = named(reading.conversations[0])
    assert messages["9"].parts == (Text("only here"),)
    assert messages["9"].parent == messages["1"].id
    for id, other in (("1", "9"), ("9", "1")):
        left = qwen.read(blanked(slice, spans_of(qwen, slice, reading, {messages[id].id})), {}).conversations[0]
        assert left.messages == (messages[other],)


def test_qwen_of_a_message_that_the_tree_has_empty_the_list_has_the_words(tmp_path: Path) -> None:
    chat = {"history": {"messages": {"1": None}}, "messages": [said("1", None, [], "q")]}
    (message,) = conversations(export(tmp_path, chat))[0].messages
    assert (message.provider_id, message.parts) == ("1", (Text("q"),))


@pytest.mark.parametrize(
    ("chat", "where"),
    [
        ("none", "data[1].chat"),
        (["x"], "data[1].chat"),
        ({"history": 5}, "data[1].chat.history"),
        ({"history": {"messages": "none"}}, "data[1].chat.history.messages"),
        ({"messages": 5}, "data[1].chat.messages"),
    ],
)
def test_qwen_what_is_no_container_is_refused_by_name(tmp_path: Path, chat: Any, where: str) -> None:
    whole = {"id": "a", "title": "t", "chat": {"history": {"messages": {"1": said("1", None, [], "q")}}}}
    value = {"success": True, "data": [whole, {"id": "b", "title": "odd", "chat": chat}]}
    _, reading = readings(written(tmp_path, value))[1]
    assert [(problem.kind, problem.where) for problem in reading.problems] == [("message", where)]
    assert reading.conversations[0].head.title == "odd"


def test_qwen_numbers_are_ids(tmp_path: Path) -> None:
    tree = {"1": said(1, None, [2, 3], "q"), "2": said(2, 1, [], "a"), "3": said(3, 1, [], "b")}
    chat = {"id": 77, "chat": {"history": {"messages": tree, "currentId": 3}, "messages": [tree["1"], tree["3"]]}}
    found = conversations(written(tmp_path, {"success": True, "data": [chat]}))[0]
    messages = named(found)
    assert (found.provider_id, found.head.tip) == ("77", messages["3"].id)
    assert branch_points(found.messages) == {messages["1"].id: (messages["2"].id, messages["3"].id)}
    assert messages["1"].extra == {}


def test_qwen_an_id_that_is_not_the_key_is_kept(tmp_path: Path) -> None:
    message = conversations(export(tmp_path, {"history": {"messages": {"k": said("other", None, [], "q")}}}))[0].messages[0]
    assert (message.provider_id, message.extra["id"]) == ("k", "other")


def test_qwen_chats_that_say_nothing_may_stand_first(tmp_path: Path) -> None:
    odd = [{"id": f"e{n}", "title": "t", "chat": None} for n in range(50)]
    found = conversations(written(tmp_path, {"success": True, "data": [*odd, OPENWEBUI]}))
    assert [len(chat.messages) for chat in found[49:]] == [0, 1]


def test_qwen_chats_may_be_lines(tmp_path: Path) -> None:
    chat = {"id": "a", "chat": {"history": {"messages": {"1": {**said("1", None, [], "q"), "content_list": []}}}}}
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(json.dumps({**chat, "id": id}) for id in "ab"), encoding="utf-8")
    assert [chat.provider_id for chat in conversations(path)] == ["a", "b"]


def test_qwen_what_stands_beside_the_chats_is_named_and_the_account_withheld(vault: Vault, tmp_path: Path) -> None:
    chat = {"history": {"messages": {"1": said("1", None, [], "q")}}}
    beside = {
        "memories": [{"content": "likes tea", "data": ["x"]}],
        "instructions": "always French",
        "version": 3,
        "user": {"email": "me@mail.example"},
    }
    path = export(tmp_path, chat, **beside)
    receipt = take_in(vault, path)
    assert receipt.unknown_fields == {"instructions": 1, "memories": 1, "version": 1}
    assert [(left.where, left.reason) for left in receipt.withheld] == [("user", "the account; keep it with --with-accounts")]
    assert receipt.read.messages == 1
    assert not give_back(vault, receipt.id, tmp_path / "back.json").identical
    back = (tmp_path / "back.json").read_text(encoding="utf-8")
    assert "always French" in back and "likes tea" in back and "me@mail" not in back
    assert verify(vault).ok
    again = take_in(vault, path, with_accounts=True)
    assert again.unchanged == receipt.read
    assert again.unknown_fields == receipt.unknown_fields
    assert give_back(vault, receipt.id, tmp_path / "whole.json").identical
