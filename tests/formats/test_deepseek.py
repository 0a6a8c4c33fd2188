"""DeepSeek's data export in both generations, and the session of its web API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from souviens import formats
from souviens.delivery import open_delivery
from souviens.formats import deepseek
from souviens.jsonspan import Slice
from souviens.port.holes import blanked, spans_of
from souviens.records import Conversation, Message, Opaque, Reading, Reasoning, Text, branch_points
from tests import golden

HERE = Path(__file__).parent / "deepseek"
WHEN = "2026-02-01T10:00:00.000+08:00"


def written(folder: Path, value: Any) -> Path:
    path = folder / "conversations.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def readings(path: Path) -> list[tuple[Slice, Reading]]:
    with open_delivery(path) as delivery:
        assert formats.identify(delivery)[0] is deepseek
        return list(golden.readings(deepseek, delivery))


def conversations(path: Path) -> list[Conversation]:
    return [conversation for _, reading in readings(path) for conversation in reading.conversations]


def named(conversation: Conversation) -> dict[str, Message]:
    return {message.provider_id or "": message for message in conversation.messages}


def node(id: Any, parent: Any, children: list[Any], **message: Any) -> dict[str, Any]:
    said = {"files": [], "model": "deepseek-chat", "inserted_at": WHEN, **message} if message else None
    return {"id": id, "parent": parent, "children": children, "message": said}


def said(kind: str, text: str) -> list[dict[str, str]]:
    return [{"type": kind, "content": text}]


def chat(id: Any, mapping: Any, **head: Any) -> dict[str, Any]:
    return {"id": id, "title": "Tea", "inserted_at": WHEN, "updated_at": WHEN, "mapping": mapping, **head}


ROOT = node("root", None, ["1"])
ASKED = node("1", "root", ["2"], fragments=said("REQUEST", "How hot?"))
ANSWERED = node("2", "1", [], fragments=said("RESPONSE", "Eighty."))
TEA = chat("a", {"root": ROOT, "1": ASKED, "2": ANSWERED})
OLD = node("2", "1", [], content="Eighty.", reasoning_content="Green tea.")


# --- what it is -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [chat("e", {"root": node("root", None, [])}), chat("e", {}), chat("b", {"root": ROOT, "1": ASKED, "2": OLD}), None, {}],
    ids=["only a root", "empty", "older message", "null", "nothing"],
)
def test_deepseek_what_stands_first_does_not_decide_alone(tmp_path: Path, first: Any) -> None:
    found = conversations(written(tmp_path, [first, TEA]))
    assert [message.parts for message in found[-1].messages[1:]] == [(Text("How hot?"),), (Text("Eighty."),)]


def test_deepseek_chats_that_say_nothing_may_stand_first(tmp_path: Path) -> None:
    odd = [{"id": f"e{n}", "title": "t", "mapping": None} for n in range(50)]
    assert len(conversations(written(tmp_path, [*odd, TEA]))) == 51


def test_deepseek_a_chat_of_chatgpt_is_not_taken_for_one(tmp_path: Path) -> None:
    message = {"id": "m", "author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}}
    value = [{"title": "t", "create_time": 1.5, "mapping": {"m": {"id": "m", "parent": None, "children": [], "message": message}}}]
    with open_delivery(written(tmp_path, value)) as delivery:
        assert deepseek.identify(delivery) is None


# --- the older generation ---------------------------------------------------------------------------------------------


def test_deepseek_the_older_generation_has_content_and_thoughts(tmp_path: Path) -> None:
    asked = node("1", "root", ["2"], content="How hot?", reasoning_content=None)
    messages = named(conversations(written(tmp_path, [chat("b", {"root": ROOT, "1": asked, "2": OLD})]))[0])
    assert messages["1"].parts == (Text("How hot?"),)
    assert messages["2"].parts == (Reasoning("Green tea."), Text("Eighty."))
    assert (messages["1"].role, messages["2"].role) == ("", "assistant")  # it does not say who asks


# --- ids and the graph ------------------------------------------------------------------------------------------------


def test_deepseek_an_id_that_is_not_the_key_is_kept(tmp_path: Path) -> None:
    mapping = {"root": ROOT, "1": {**ASKED, "id": "other"}, "2": ANSWERED}
    asked = named(conversations(written(tmp_path, [chat("a", mapping)]))[0])["1"]
    assert asked.extra["id"] == "other"


def test_deepseek_the_id_of_an_absent_parent_is_kept(tmp_path: Path) -> None:
    found = conversations(written(tmp_path, [chat("a", {"root": ROOT, "1": ASKED, "2": {**ANSWERED, "parent": "gone"}})]))[0]
    assert found.head.extra["absent_parents"] == {named(found)["2"].id: "gone"}


@pytest.mark.parametrize("number", [7, 12345678901234567890])
def test_deepseek_numbers_are_ids(tmp_path: Path, number: int) -> None:
    mapping = {
        "root": node("root", None, [1]),
        "1": node(1, "root", [2, 3], fragments=said("REQUEST", "q")),
        "2": node(2, 1, [], fragments=said("RESPONSE", "a")),
        "3": node(3, 1, [], fragments=said("RESPONSE", "b")),
    }
    found = conversations(written(tmp_path, [chat(number, mapping, current_node=3)]))[0]
    messages = named(found)
    assert found.provider_id == str(number)
    assert found.head.tip == messages["3"].id
    assert branch_points(found.messages) == {messages["1"].id: (messages["2"].id, messages["3"].id)}
    assert messages["1"].extra == {}


def test_deepseek_a_mapping_may_be_a_list(tmp_path: Path) -> None:
    (slice, reading), *_ = readings(written(tmp_path, [chat("a", [ROOT, ASKED, ANSWERED])]))
    messages = named(reading.conversations[0])
    assert [messages[id].parent for id in ("1", "2")] == [messages["root"].id, messages["1"].id]
    left = deepseek.read(blanked(slice, spans_of(deepseek, slice, reading, {messages["2"].id})), {}).conversations[0]
    assert left.messages == (messages["root"], messages["1"])


def test_deepseek_a_mapping_that_is_neither_is_refused_by_name(tmp_path: Path) -> None:
    _, reading = readings(written(tmp_path, [TEA, chat("b", "none")]))[1]
    assert [(p.kind, p.where, p.reason) for p in reading.problems] == [("message", "[1].mapping", "not an object but a string")]


def test_deepseek_fragments_that_are_no_list_are_a_part(tmp_path: Path) -> None:
    asked = node("1", "root", [], fragments={"type": "REQUEST", "content": "How hot?"})
    odd = node("2", "1", [], fragments="words")
    messages = named(conversations(written(tmp_path, [chat("a", {"root": ROOT, "1": asked, "2": odd})]))[0])
    assert messages["1"].parts == (Text("How hot?"),)
    assert messages["2"].parts == (Opaque("fragment", "words"),)


def test_deepseek_two_chats_without_id_and_time_are_two(tmp_path: Path) -> None:
    bare = [{"title": "New chat", "mapping": {"root": ROOT, "1": ASKED, key: {**ANSWERED, "id": key}}} for key in ("2", "22")]
    assert len({found.id for found in conversations(written(tmp_path, bare))}) == 2


def test_deepseek_a_session_is_known_by_a_number_too(tmp_path: Path) -> None:
    messages = {"7": {"message_id": 1, "parent_id": None, "role": "USER", "content": "Rye?"}}
    value = {"code": 0, "data": {"biz_data": {"chat_session": {"id": 99, "title": "Bread"}, "chat_messages": messages}}}
    found = conversations(written(tmp_path, value))[0]
    assert (found.provider_id, found.messages[0].provider_id, found.messages[0].parts) == ("99", "1", (Text("Rye?"),))
