"""The Le Chat export: an array of messages in no order, versions beside each other, uploads in a folder of their chat."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from souviens.delivery import open_delivery
from souviens.formats import mistral
from souviens.port.erasing import erase
from souviens.port.intake import take_in
from souviens.records import Citation, Conversation, Message, Opaque, Reasoning, Text, ToolCall, ToolResult, active_path
from souviens.vault import Vault
from tests import golden

HERE = Path(__file__).parent / "mistral"
EXPORT = HERE / "export"
CHAT = EXPORT / "chat-71000000-0000-4000-8000-000000000001.json"


def conversations(path: Path) -> list[Conversation]:
    with open_delivery(path) as delivery:
        return [c for _, reading in golden.readings(mistral, delivery) for c in reading.conversations]


def written(folder: Path, value: Any, name: str = "chat.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def one(folder: Path, **fields: Any) -> Message:
    message = {"id": "m", "chatId": "c", "version": 0, "role": "assistant", "content": "", "createdAt": "2026-01-01T00:00:00Z"}
    return conversations(written(folder, [{**message, "contentChunks": None, **fields}]))[0].messages[0]


def parents(conversation: Conversation) -> dict[str | None, str | None]:
    ids = {message.id: message.provider_id for message in conversation.messages}
    return {message.provider_id: ids.get(message.parent or "") for message in conversation.messages}


STRANGERS: dict[str, Any] = {
    "some chatbot": [{"id": "a", "chatId": "c", "role": "user", "content": "Hi", "createdAt": "2026-01-01T00:00:00Z"}],
    "openai": [{"role": "user", "content": "Hi"}],
    "an object": {"chatId": "c", "role": "user", "contentChunks": None, "createdAt": "2026-01-01T00:00:00Z"},
    "nothing": [],
}


@pytest.mark.parametrize("name", STRANGERS)
def test_mistral_other_arrays_of_messages_are_refused(tmp_path: Path, name: str) -> None:
    with open_delivery(written(tmp_path, STRANGERS[name])) as delivery:
        assert mistral.identify(delivery) is None


def test_mistral_a_chat_that_says_less_than_those_beside_it_is_read(tmp_path: Path) -> None:
    """It was kept as a file nobody looks into, and the receipt did not say so. What was uploaded to a chat stays a file."""
    message = {"id": "m", "chatId": "c", "version": 0, "role": "user", "content": "a", "createdAt": "2026-01-01T00:00:00Z"}
    slim = [{"id": "n", "chatId": "d", "role": "user", "content": "b", "createdAt": "2026-01-01T00:00:00Z"}]
    (tmp_path / "chat-c-files").mkdir()
    written(tmp_path, [message], "chat-c.json")
    written(tmp_path, slim, "chat-d.json")
    written(tmp_path / "chat-c-files", slim, "upload.json")
    assert sorted(c.provider_id or "" for c in conversations(tmp_path)) == ["c", "d"]


def test_mistral_a_zip_a_folder_and_a_file_read_the_same(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for path in sorted(EXPORT.rglob("*")):
            archive.write(path, path.relative_to(EXPORT).as_posix())
    assert conversations(tmp_path / "export.zip") == conversations(EXPORT)
    assert conversations(CHAT)[0].messages == conversations(EXPORT)[0].messages


def test_mistral_a_chat_has_no_title_and_none_is_made_up() -> None:
    head = conversations(CHAT)[0].head
    assert (head.title, head.created.us, head.updated.us) == ("", None, None)
    assert conversations(CHAT)[0].provider_id == "71000000-0000-4000-8000-000000000001"


def test_mistral_random_order_makes_no_difference(tmp_path: Path) -> None:
    messages = json.loads(CHAT.read_text(encoding="utf-8"))
    want = conversations(CHAT)[0]
    for seed in range(20):
        random.Random(seed).shuffle(messages)
        shuffled = conversations(written(tmp_path, messages))[0]
        assert (shuffled.id, shuffled.messages) == (want.id, want.messages)
    times = [message.time.us for message in want.messages if message.time.us is not None]
    assert times == sorted(times)
    assert want.head.extra["graph"] == "order of time"


def test_mistral_a_question_comes_before_an_answer_of_the_same_moment() -> None:
    first, second, *_ = conversations(CHAT)[0].messages
    assert first.time == second.time
    assert (first.role, second.role, second.parent) == ("user", "assistant", first.id)


def test_mistral_versions_are_siblings_and_what_answers_them_follows_them() -> None:
    chat = conversations(CHAT)[0]
    at = "72000000-0000-4000-8000-00000000000"
    assert parents(chat) == {
        f"{at}1": None,
        f"{at}2": f"{at}1",
        f"{at}3": f"{at}2",
        f"{at}4": f"{at}3",
        f"{at}3:1": f"{at}2",
        f"{at}4:1": f"{at}3:1",
        f"{at}6": f"{at}4:1",
        f"{at}5": f"{at}6",
    }
    assert [m.provider_id for m in active_path(chat)] == [f"{at}{n}" for n in ("1", "2", "3:1", "4:1", "6", "5")]
    assert {m.provider_id: m.order for m in chat.messages}[f"{at}3:1"] == 1


def test_mistral_an_answer_written_again_hangs_below_the_same_question(tmp_path: Path) -> None:
    base = {"chatId": "c", "content": "", "contentChunks": None}
    question = {**base, "id": "q", "version": 0, "role": "user", "createdAt": "2026-01-01T00:00:00Z"}
    answers = [
        {**base, "id": "a", "version": n, "role": "assistant", "createdAt": f"2026-01-01T00:00:0{n + 1}Z"} for n in (0, 1, 2)
    ]
    chat = conversations(written(tmp_path, [*answers, question]))[0]
    assert parents(chat) == {"q": None, "a": "q", "a:1": "q", "a:2": "q"}


def test_mistral_content_that_chunks_repeat_is_said_once(tmp_path: Path) -> None:
    message = one(tmp_path, content="Hello", contentChunks=[{"type": "text", "text": "Hello"}])
    assert message.parts == (Text("Hello"),)
    assert "content" not in message.extra


def test_mistral_content_that_says_more_than_its_chunks_is_kept(tmp_path: Path) -> None:
    message = one(tmp_path, content="Hello [1]", contentChunks=[{"type": "text", "text": "Hello"}])
    assert message.parts == (Text("Hello"),)
    assert message.extra["content"] == "Hello [1]"


def test_mistral_content_is_read_where_chunks_hold_no_words(tmp_path: Path) -> None:
    message = one(tmp_path, content="Hello", contentChunks=[{"type": "custom_element", "a": 1}])
    assert message.parts == (Opaque("custom_element", {"type": "custom_element", "a": 1}), Text("Hello"))


def test_mistral_sources_that_only_tool_results_name_are_kept() -> None:
    answer = next(m for m in conversations(CHAT)[0].messages if (m.provider_id or "").endswith("4"))
    call, result, text, reference, _ = answer.parts
    assert isinstance(call, ToolCall)
    assert (call.name, call.call, call.arguments) == ("web_search", "call-1", '{"query":"heures marée Cancale"}')
    assert isinstance(result, ToolResult)
    assert result.extra["publicResult"]["results"][0]["url"] == "https://mer.example/cancale"
    assert isinstance(text, Text)
    assert reference == Citation(extra={"referenceIds": [1, 2]})


def test_mistral_a_tool_that_failed_says_so(tmp_path: Path) -> None:
    call = {"type": "tool_call", "name": "open_url", "success": False, "publicResult": "no such page"}
    assert one(tmp_path, contentChunks=[call]).parts[1] == ToolResult("no such page", "open_url", None, True)


def test_mistral_thoughts_are_reasoning(tmp_path: Path) -> None:
    listed = one(tmp_path, contentChunks=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}])
    assert listed.parts == (Reasoning("hm"),)
    bare = one(tmp_path, contentChunks=[{"type": "thinking", "thinking": "hm"}]).parts[0]
    assert isinstance(bare, Reasoning)
    assert bare.text == "hm"


def test_mistral_uploads_are_joined_and_the_missing_named(vault: Vault) -> None:
    receipt = take_in(vault, EXPORT)
    assert (receipt.attachments.found, receipt.attachments.missing) == (2, 3)
    attachments = {a.name: a for a in conversations(EXPORT)[0].attachments}
    assert attachments["carte.png"].member == "chat-71000000-0000-4000-8000-000000000001-files/carte.png"
    assert attachments["notes perdues.txt"].missing


def test_mistral_uploads_of_the_same_name_stay_with_their_chat(tmp_path: Path) -> None:
    for chat in ("a", "b"):
        file = {"type": "text", "name": "list.txt"}
        written(
            tmp_path,
            [{"id": chat, "chatId": chat, "role": "user", "contentChunks": None, "createdAt": None, "files": [file]}],
            f"{chat}.json",
        )
        (tmp_path / f"chat-{chat}-files").mkdir()
        (tmp_path / f"chat-{chat}-files" / "list.txt").write_text(chat)
    members = [c.attachments[0].member for c in conversations(tmp_path)]
    assert members == ["chat-a-files/list.txt", "chat-b-files/list.txt"]


# --- order, ids, what else lies in a file -----------------------------------------------------------------------------


def said(*times: str | None) -> list[dict[str, Any]]:
    """q1 a1 q2 a2 …, at these times."""
    roles = ("user", "assistant")
    base = {"version": 0, "chatId": "c", "contentChunks": None}
    return [{**base, "id": f"{n}", "role": roles[n % 2], "content": f"{n}", "createdAt": time} for n, time in enumerate(times)]


@pytest.mark.parametrize(
    ("times", "order"),
    [
        ((None,) * 4, "file order"),
        (("2026-01-01T00:00:00Z",) * 4, "order of time, then of the file"),
        (("2026-01-01T00:00:00Z",) * 2 + ("2026-01-01T00:00:09Z",) * 2, "order of time"),
        (("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", None, None), "order of time, then of the file"),
    ],
)
def test_mistral_where_times_do_not_tell_the_file_does(tmp_path: Path, times: tuple[str | None, ...], order: str) -> None:
    (found,) = conversations(written(tmp_path, said(*times)))
    assert [m.provider_id for m in found.messages] == ["0", "1", "2", "3"]
    assert [m.parent for m in found.messages] == [None, *(m.id for m in found.messages[:-1])]
    assert found.head.extra["graph"] == order


def test_mistral_what_else_a_thought_says_is_kept(tmp_path: Path) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": False, "signature": "S"}
    empty = {"type": "thinking", "thinking": [], "closed": True}
    first, second = one(tmp_path, contentChunks=[thought, empty]).parts
    assert first == Reasoning("hm", extra={"closed": False, "signature": "S"})
    assert second == Opaque("thinking", {"closed": True})


def test_mistral_chunks_that_are_no_array_are_kept_and_told(tmp_path: Path) -> None:
    assert one(tmp_path, contentChunks={"a": {"text": "lost?"}}).parts == (Opaque("contentChunks", {"a": {"text": "lost?"}}),)


def test_mistral_numbers_are_ids_as_well(tmp_path: Path) -> None:
    strings, numbers = said(None, None), [{**m, "id": int(m["id"]), "chatId": 5} for m in said(None, None)]
    (found,) = conversations(written(tmp_path, numbers))
    assert (found.provider_id, [m.provider_id for m in found.messages]) == ("5", ["0", "1"])
    (told,) = conversations(written(tmp_path, [{**m, "chatId": "5"} for m in strings]))
    assert [m.id for m in found.messages] == [m.id for m in told.messages]


@pytest.mark.parametrize("between", ["", "\n", ",\n"])
def test_mistral_chats_one_behind_the_other_are_each_read(tmp_path: Path, between: str) -> None:
    chats = [json.dumps([{**m, "chatId": chat} for m in said(None, None)]) for chat in ("a", "b")]
    path = tmp_path / "chats.jsonl"
    path.write_text(between.join(chats))
    assert [c.provider_id for c in conversations(path)] == ["a", "b"]


def test_mistral_what_cannot_be_decoded_does_not_hide_what_stands_before_it(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "chats.json"
    path.write_text(json.dumps(said(None, None)) + '[{"chatId": "b"')
    receipt = take_in(vault, path)
    assert receipt.new.messages == 2
    assert [(p.kind, p.where) for p in receipt.refused] == [("conversation", "[1]")]


def test_mistral_a_chat_behind_odd_elements_is_seen(tmp_path: Path) -> None:
    assert len(conversations(written(tmp_path, [None] * 6 + said(None)))) == 1


def test_mistral_a_file_of_two_chats_says_so(vault: Vault, tmp_path: Path) -> None:
    one, other = said(None, None)
    receipt = take_in(vault, written(tmp_path, [one, {**other, "chatId": "d"}]))
    assert [p.reason for p in receipt.refused] == ["it holds messages of 2 chats, which are read as one"]


def test_mistral_a_chat_whose_messages_are_all_erased_is_the_same_chat(vault: Vault, tmp_path: Path) -> None:
    path = written(tmp_path, said(None, None))
    take_in(vault, path)
    (before,) = conversations(path)
    erase(vault, [m.id for m in before.messages])
    assert [id for _, _, id in vault.store.live()] == [before.id]
