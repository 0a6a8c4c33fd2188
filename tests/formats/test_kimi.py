"""Kimi's chats as its web API answers them: pages of messages, chats put together by tools, shared chats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from souviens.delivery import open_delivery
from souviens.formats import kimi
from souviens.jsonspan import Slice
from souviens.merge import arranged
from souviens.port.holes import blanked, spans_of
from souviens.records import Conversation, File, Message, Opaque, Reading, Reasoning, Text, ToolCall, ToolResult, branch_points
from tests import golden

HERE = Path(__file__).parent / "kimi"


def readings(path: Path) -> list[tuple[Slice, Reading]]:
    with open_delivery(path) as delivery:
        return list(golden.readings(kimi, delivery))


def conversations(path: Path) -> list[Conversation]:
    return [c for _, reading in readings(path) for c in reading.conversations]


def named(conversation: Conversation) -> dict[str, Message]:
    return {message.provider_id or "": message for message in conversation.messages}


def written(folder: Path, value: Any) -> Path:
    path = folder / "chat.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


STRANGERS: dict[str, Any] = {
    "a framework": {"messages": [{"role": "user", "blocks": [{"block_type": "text", "text": "Hi"}]}]},
    "openai": {"messages": [{"role": "user", "content": "Hi"}]},
    "slack": {"messages": [{"type": "message", "blocks": [{"type": "rich_text"}], "createTime": "x", "parentId": "y"}]},
    "an empty page": {"messages": []},
    "chats without messages": {"chats": [{"id": "a", "name": "b", "createTime": "2026-01-01T00:00:00Z"}]},
}


@pytest.mark.parametrize("name", STRANGERS)
def test_kimi_other_messages_are_refused(tmp_path: Path, name: str) -> None:
    with open_delivery(written(tmp_path, STRANGERS[name])) as delivery:
        assert kimi.identify(delivery) is None


def test_kimi_the_logs_of_its_command_line_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wire.jsonl"
    lines = [{"type": "metadata", "protocol_version": "1.4"}, {"type": "turn.prompt", "input": [{"type": "text", "text": "hi"}]}]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with open_delivery(path) as delivery:
        assert kimi.identify(delivery) is None


def test_kimi_a_page_begins_with_the_newest_and_is_put_in_order() -> None:
    page = conversations(HERE / "page.json")[0]
    assert [message.provider_id for message in page.messages] == ["p4", "p3", "p2", "p1"]
    assert [message.provider_id for message in arranged(page.messages)] == ["p1", "p2", "p3", "p4"]


def test_kimi_answers_written_again_are_siblings() -> None:
    for case, question, answers in (("page.json", "p1", ("p2", "p3")), ("share.json", "k1", ("k2", "k3"))):
        chat = conversations(HERE / case)[0]
        by_id = named(chat)
        points = branch_points(chat.messages)
        assert set(points[by_id[question].id]) == {by_id[id].id for id in answers}
        assert len(points) == 1


def test_kimi_a_root_has_no_parent_or_nil() -> None:
    assert named(conversations(HERE / "share.json")[0])["k0"].parent is None
    assert named(conversations(HERE / "page.json")[0])["p1"].parent is None


def test_kimi_without_any_parent_the_file_order_is_the_chain() -> None:
    chat = conversations(HERE / "chats.json")[1]
    assert [message.parent for message in chat.messages] == [None, chat.messages[0].id]
    assert chat.head.extra["graph"] == "file order"


def test_kimi_a_chat_is_known_by_its_id_wherever_that_stands(tmp_path: Path) -> None:
    message = {"id": "m", "role": "user", "status": "MESSAGE_STATUS_COMPLETED", "blocks": []}
    shapes = [
        {"share": {"chat": {"id": "c"}, "messages": [message]}},
        {"chat": {"id": "c"}, "messages": [message]},
        {"chatId": "c", "messages": [message]},
        {"messages": [{**message, "chatId": "c"}]},
    ]
    ids = {conversations(written(tmp_path, shape))[0].id for shape in shapes}
    assert len(ids) == 1


def test_kimi_a_page_without_a_chat_keeps_its_id_whatever_is_erased() -> None:
    slice, reading = readings(HERE / "page.json")[0]
    page = reading.conversations[0]
    assert page.provider_id is None
    for message in page.messages:
        left = kimi.read(blanked(slice, spans_of(kimi, slice, reading, {message.id})), {}).conversations[0]
        assert (left.id, len(left.messages)) == (page.id, 3)


def test_kimi_a_longer_page_is_the_same_chat(tmp_path: Path) -> None:
    page = json.loads((HERE / "page.json").read_text(encoding="utf-8"))
    later = {"id": "p5", "parentId": "p4", "role": "assistant", "blocks": [], "createTime": "2026-08-01T10:04:00Z"}
    longer = conversations(written(tmp_path, {"messages": [later, *page["messages"]]}))[0]
    assert longer.id == conversations(HERE / "page.json")[0].id


def test_kimi_blocks_are_read_in_both_writings() -> None:
    typed, keyed = named(conversations(HERE / "page.json")[0])["p2"], named(conversations(HERE / "share.json")[0])["k2"]
    assert [type(part) for part in typed.parts] == [Reasoning, Text, Opaque]
    assert typed.parts[:2] == (Reasoning("Kurz."), Text("Zwei Minuten."))
    assert [part.text for part in keyed.parts if isinstance(part, (Reasoning, Text))] == ["看颜色。", "看颜色和香味。"]


def test_kimi_a_search_is_a_call_and_its_result() -> None:
    parts = named(conversations(HERE / "share.json")[0])["k3"].parts
    call = next(part for part in parts if isinstance(part, ToolCall))
    result = next(part for part in parts if isinstance(part, ToolResult))
    assert (call.name, call.arguments, call.call) == ("web_search", '{"query":"saffron grades"}', "web_search:0")
    assert result.call == call.call
    assert result.extra["tool"]["contents"][0]["searchResult"]["url"] == "https://spice.example/saffron"


def test_kimi_progress_is_kept_and_unknown_blocks_are_counted() -> None:
    _, reading = readings(HERE / "share.json")[0]
    kinds = [part.kind for part in named(reading.conversations[0])["k3"].parts if isinstance(part, Opaque)]
    assert kinds == ["stage", "hologram", "multiStage"]
    assert reading.unknown == {"messages.blocks.hologram": 1, "share.messages.scent": 1, "chat.mood": 1, "share.views": 1}


def test_kimi_files_are_attachments_without_bytes() -> None:
    chat = conversations(HERE / "share.json")[0]
    file = next(part for part in named(chat)["k1"].parts if isinstance(part, File))
    assert (file.media, file.pointer, file.name) == ("image", "f-1", "样品.jpg")
    assert [(a.media_type, a.size, bool(a.missing)) for a in chat.attachments] == [("image/jpeg", 4096, True)]


def test_kimi_times_keep_their_nanoseconds_as_given() -> None:
    created = conversations(HERE / "share.json")[0].head.created
    assert (created.given, created.us) == ("2026-07-01T09:00:00.123456789Z", 1782896400_123456)


# --- ids, order, containers -------------------------------------------------------------------------------------------


def said(id: Any, parent: Any, text: str, **fields: Any) -> dict[str, Any]:
    status = "MESSAGE_STATUS_COMPLETED"
    return {"id": id, "parentId": parent, "role": "user", "status": status, "blocks": [{"text": {"content": text}}], **fields}


def test_kimi_numbers_are_ids(tmp_path: Path) -> None:
    page = [
        said(3, 1, "b", createTime="2026-01-01T00:00:03Z"),
        said(2, 1, "a", createTime="2026-01-01T00:00:02Z"),
        said(1, None, "q"),
    ]
    found = conversations(written(tmp_path, {"chatId": 7, "messages": page}))[0]
    messages = named(found)
    assert found.provider_id == "7"
    assert [message.provider_id for message in arranged(found.messages)] == ["1", "2", "3"]
    assert {id: set(answers) for id, answers in branch_points(found.messages).items()} == {
        messages["1"].id: {messages["2"].id, messages["3"].id}
    }


def test_kimi_siblings_without_times_keep_the_order_of_the_file(tmp_path: Path) -> None:
    page = [*(said(f"a{n}", "q", f"{n}") for n in range(1, 6)), said("q", "", "q")]
    found = conversations(written(tmp_path, {"messages": page}))[0]
    assert [message.provider_id for message in arranged(found.messages)] == ["q", "a1", "a2", "a3", "a4", "a5"]


def test_kimi_the_id_of_an_absent_parent_is_kept(tmp_path: Path) -> None:
    found = conversations(written(tmp_path, {"messages": [said("b", "a", "x")]}))[0]
    assert found.head.extra["absent_parents"] == {found.messages[0].id: "a"}


def test_kimi_messages_may_be_an_object_and_what_is_none_is_refused(tmp_path: Path) -> None:
    value = [{"messages": {"x": said("1", None, "q"), "y": said("2", "1", "a")}}, {"share": {"messages": "none"}}]
    (_, first), (_, second) = readings(written(tmp_path, value))
    assert [message.provider_id for message in first.conversations[0].messages] == ["1", "2"]
    assert [(problem.kind, problem.where) for problem in second.problems] == [("message", "[1].share.messages")]


def test_kimi_pages_may_be_lines(tmp_path: Path) -> None:
    pages = [{"chatId": id, "messages": [said("1", None, "q")]} for id in "ab"]
    assert [c.provider_id for c in conversations(written(tmp_path, "\n".join(map(json.dumps, pages))))] == ["a", "b"]


def test_kimi_pages_without_messages_may_stand_first(tmp_path: Path) -> None:
    pages = [*({"chatId": f"e{n}", "messages": []} for n in range(50)), {"chatId": "a", "messages": [said("1", None, "q")]}]
    assert len(conversations(written(tmp_path, pages))[50].messages) == 1


def test_kimi_an_id_that_is_none_is_kept(tmp_path: Path) -> None:
    message = conversations(written(tmp_path, {"messages": [said([1], None, "q")]}))[0].messages[0]
    assert message.extra["id"] == [1]
