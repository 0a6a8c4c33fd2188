"""Open WebUI: the export of its chats, webui.db, and the way back into it. The traps have their names from reports and its code."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from souviens.canon import Instant, make_id
from souviens.delivery import open_delivery
from souviens.formats import Chosen, Place, openwebui
from souviens.formats._writing import dumped, fenced
from souviens.jsonspan import Slice, decode
from souviens.port.erasing import erase
from souviens.port.intake import take_in
from souviens.records import (
    Citation,
    Conversation,
    File,
    Json,
    Message,
    Part,
    Reading,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    active_path,
    branch_points,
    spoken,
)
from souviens.vault import Vault
from tests import golden
from tests.formats.test_writers import SEA, TALK
from tests.strategies import chosen as chosen_records

FOLDER = golden.FIXTURES / "openwebui"
generated = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def case(name: str) -> Path:
    return next(path for path in golden.fixtures("openwebui") if path.stem == name)


def readings(path: Path) -> list[tuple[Slice, Reading]]:
    with open_delivery(path) as delivery:
        return list(golden.readings(openwebui, delivery))  # type: ignore[arg-type]


def chats(name: str) -> dict[str, Conversation]:
    return {c.head.title: c for _, reading in readings(case(name)) for c in reading.conversations}


def messages(conversation: Conversation) -> dict[str, Message]:
    return {message.provider_id or "": message for message in conversation.messages}


def read(value: Json) -> Conversation:
    (conversation,) = openwebui.read(Slice("chat", "x.json", "[0]", json.dumps(value).encode()), {}).conversations
    return conversation


def tree(*items: dict[str, Json], **chat: Json) -> Json:
    return {"id": "c", "user_id": "u", "chat": {"history": {"messages": {item["id"]: item for item in items}}, **chat}}


# --- the graph ----------------------------------------------------------------------------------------------------------


def test_answers_of_several_models_are_branches() -> None:
    chat = chats("export")["Resin bees"]
    nodes = messages(chat)
    assert branch_points(chat.messages) == {nodes["a1"].id: (nodes["a2"].id, nodes["a3"].id)}
    assert [nodes[id].model for id in ("a2", "a3")] == ["llama-4-scout", "qwq-32b"]
    assert [m.provider_id for m in active_path(chat)] == ["a1", "a3", "a4", "a5"]


def test_the_path_that_is_listed_beside_the_tree_is_read_once() -> None:
    chat = chats("export")["Resin bees"]
    assert [m.provider_id for m in chat.messages] == ["a1", "a2", "a3", "a4", "a5"]
    # The list holds an older state of one of them.
    assert messages(chat)["a3"].extra["chat.messages"] == {"content": "Both, as", "done": False}


def test_old_chats_have_a_list_alone() -> None:
    linked, oldest = chats("export")["Linked list"], chats("export")["Oldest"]
    assert [m.parent for m in linked.messages] == [None, linked.messages[0].id]
    assert "graph" not in linked.head.extra
    assert [m.parent for m in oldest.messages] == [None, oldest.messages[0].id, oldest.messages[1].id]
    assert oldest.head.extra["graph"] == "file order"
    assert (oldest.head.created.us, oldest.messages[0].time.unknown) == (1_699_000_000_000_000, "absent")


def test_a_message_without_parent_hangs_from_the_one_that_lists_it() -> None:
    nodes = messages(chats("alone")["Herons"])
    assert nodes["p3"].parent == nodes["p1"].id
    given = read(tree({"id": "a", "childrenIds": ["b"], "role": "user"}, {"id": "b", "parentId": None, "role": "user"}))
    assert messages(given)["b"].parent is None  # its own word goes before


def test_a_chat_that_cannot_be_read_is_no_empty_chat() -> None:
    for broken in (
        {"chat": "{not json"},
        {"chat": {"history": [1], "messages": {"a": 1}}},
        {"chat": {"history": {"messages": [{}]}}},
    ):
        reading = openwebui.read(Slice("chat", "x", "[0]", json.dumps({"id": "c", "user_id": "u", **broken}).encode()), {})
        assert not reading.conversations
        assert [problem.kind for problem in reading.problems] == ["conversation"]


def test_a_flaw_in_a_copy_refuses_that_message_only() -> None:
    value = tree({"id": "a", "role": "user", "content": "x"}, {"id": "b", "parentId": "a", "role": "user", "content": "y"})
    value["chat"]["messages"] = [{"id": "b", "usage": "@"}]
    slice = Slice("chat", "x", "[0]", json.dumps(value).replace('"@"', "NaN").encode())
    reading = openwebui.read(slice, {})
    assert [m.provider_id for m in reading.conversations[0].messages] == ["a"]
    assert [problem.where for problem in reading.problems] == ["[0].chat.history.messages.b"]


def test_numbers_for_ids_are_the_strings_they_stand_for() -> None:
    first = {"id": 1, "parentId": None, "childrenIds": [2], "role": "user", "content": "q"}
    second = {"id": 2, "parentId": 1, "childrenIds": [], "role": "assistant", "content": "a"}
    value = {"id": 7, "chat": {"history": {"messages": {"1": first, "2": second}, "currentId": 2}}}
    chat = read(value)
    assert (chat.provider_id, [m.provider_id for m in chat.messages]) == ("7", ["1", "2"])
    assert [m.parent for m in chat.messages] == [None, chat.messages[0].id]
    assert chat.head.tip == chat.messages[1].id


def test_an_id_that_is_not_the_key_and_a_parent_that_is_gone_stay() -> None:
    value = tree({"id": "a", "parentId": "gone", "role": "user", "content": "x"})
    value["chat"]["history"]["messages"]["a"]["id"] = "other"
    found = read(value)
    (message,) = found.messages
    assert (message.provider_id, message.extra) == ("a", {"id": "other"})
    assert found.head.extra["absent_parents"] == {message.id: "gone"}


# --- what is said -------------------------------------------------------------------------------------------------------


def test_content_that_repeats_output_is_read_once() -> None:
    answer = messages(chats("export")["Sum"])["b2"]
    assert [part for part in answer.parts if isinstance(part, Text)] == [
        Text("Sum is 12.", extra={"id": "ms_1", "status": "completed"})
    ]
    assert [part.text for part in answer.parts if isinstance(part, Reasoning)] == ["Add them up carefully."]
    assert "<details" in answer.extra["content"]
    assert "<details" not in spoken(answer)
    calls = [(part.name, part.call) for part in answer.parts if isinstance(part, ToolCall)]
    results = [(part.text, part.call, part.error) for part in answer.parts if isinstance(part, ToolResult)]
    assert calls == [("add", "call_1"), ("add", "call_2"), ("code_interpreter", None)]
    assert results == [("12", "call_1", False), ("two numbers needed", "call_2", True)]


def test_items_without_words_do_not_hide_the_answer() -> None:
    item = {"type": "reasoning", "id": "r", "content": [{"type": "output_text", "text": "hm"}], "summary": None}
    said = {"id": "a", "role": "assistant", "content": '<details type="reasoning">\n> hm\n</details>\nYes.', "output": [item]}
    (message,) = read(tree(said)).messages
    assert [type(part) for part in message.parts] == [Reasoning, Text]
    assert message.parts[1] == Text("Yes.")


@pytest.mark.parametrize("kind", ["output_text", "reasoning_text"])
def test_thoughts_of_the_client_and_of_the_responses_api_have_their_words(kind: str) -> None:
    item = {"type": "reasoning", "id": "r", "content": [{"type": kind, "text": "hm"}], "summary": []}
    said = {"id": "a", "role": "assistant", "content": "Yes.", "output": [item]}
    (message,) = read(tree(said)).messages
    assert isinstance(message.parts[0], Reasoning) and message.parts[0].text == "hm"


def test_reasoning_and_tools_shown_in_older_content_are_parts() -> None:
    answer = messages(chats("export")["Resin bees"])["a3"]
    thought, call, result, words = answer.parts
    assert thought == Reasoning('Resin, so not mason bees.\nCheck "Anthidium" too.')
    assert call == ToolCall("lookup", '{"genus": "Heriades"}', "call_b7")
    assert result == ToolResult("3 species\nin Europe", "lookup", "call_b7")
    assert isinstance(words, Text) and words.text.startswith("Both") and "My own fold" in words.text
    assert answer.extra["content"].startswith("<details")  # the exact string stays


@pytest.mark.parametrize(
    "content", ["<details>", "</details>a<details", '<details type="reasoning">open', "a < b > c\n", "\n x \n"]
)
def test_content_that_is_no_block_stays_as_it_is(content: str) -> None:
    (message,) = read(tree({"id": "a", "role": "user", "content": content})).messages
    assert message.parts == (Text(content),)


def test_a_block_that_a_person_pasted_is_their_words() -> None:
    content = '<details type="reasoning" done="true">\n<summary>Thought</summary>\n> hm\n</details>\nwhat is that?'
    (message,) = read(tree({"id": "a", "role": "user", "content": content})).messages
    assert (message.parts, message.extra) == ((Text(content),), {})


def test_a_block_inside_a_block_is_its_text() -> None:
    content = '<details type="reasoning">\n<summary>s</summary>\n> a\n<details>\n> b\n</details>\n</details>\nc'
    (message,) = read(tree({"id": "a", "role": "assistant", "content": content})).messages
    assert message.parts == (Reasoning("a\n<details>\nb\n</details>"), Text("c"))


def test_sources_are_citations_one_for_each_document() -> None:
    answer = messages(chats("export")["Resin bees"])["a2"]
    cited = [(part.uri, part.title, part.text) for part in answer.parts if isinstance(part, Citation)]
    assert cited == [
        ("", "bees.txt", "Heriades like pine wood"),
        ("", "bees.txt", "They close the nest with resin"),
        ("https://bees.example/heriades", "web search", "Resin bees"),
    ]


def test_files_are_found_in_the_uploads_of_the_data_folder() -> None:
    (chat,) = chats("uploaded").values()
    (attachment,) = chat.attachments
    assert attachment.member == f"uploads/{attachment.pointer}_bees.txt"
    (shown,) = (
        part for part in chats("export")["Resin bees"].messages[0].parts if isinstance(part, File) and part.media == "image"
    )
    assert shown.pointer.startswith("inline:") and shown.extra["url"].startswith("data:")


def test_times_are_seconds_and_a_chats_own_is_milliseconds() -> None:
    chat = chats("alone")["Herons"]
    assert (chat.head.created.us, chat.messages[0].time.us) == (1_733_000_000_456_000, 1_733_000_000_000_000)
    assert [m.time.unknown for m in chat.messages[1:]] == ["absent", "null"]


def test_a_folder_is_lost_by_its_own_import_but_not_here() -> None:
    """The export has only its id (open-webui #12326), the database its name: it is one topic."""
    exported = [topic for _, reading in readings(case("export")) for topic in reading.topics]
    assert [(topic.name, topic.provider_id) for topic in exported] == [("", "f0000000-0000-4000-8000-000000000001")]
    stored = readings(case("summer_2026"))
    topics = {topic.id: topic for _, reading in stored for topic in reading.topics if topic.name}
    (chat,) = (c for _, reading in stored for c in reading.conversations if c.head.title == "The list" and c.head.project)
    kitchen = topics[chat.head.project or ""]
    assert (kitchen.name, topics[kitchen.parent or ""].instructions) == ("Kitchen", "Answer in one line.")


# --- what it is ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        [{"id": "q", "user_id": "u", "chat": {"history": {"messages": {"a": {"id": "a", "fid": "a", "content_list": []}}}}}],
        {"success": True, "data": [{"id": "q", "chat": {"history": {"messages": {}}}}]},
        {"version": 4, "history": [{"messages": []}], "folders": [], "prompts": []},
        {"title": "t", "messages": [{"role": "user", "content": "x"}]},
        [{"chat": {"messages": []}}],
        [{"id": "c", "mapping": {}}],
    ],
    ids=["qwen", "qwen export", "chatbot ui", "any list", "no row", "chatgpt"],
)
def test_it_claims_nothing_of_others(value: Json, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with open_delivery(path) as delivery:
        assert openwebui.identify(delivery) is None


@pytest.mark.parametrize("odd", [None, {}, {"title": "x"}, {"history": {"messages": []}}, 5], ids=str)
def test_one_odd_chat_at_the_beginning_does_not_refuse_the_others(odd: Json, tmp_path: Path) -> None:
    good = {**tree({"id": "a", "role": "user", "content": "GOOD"}), "archived": False}
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{**good, "id": "c0", "chat": odd}, good]), encoding="utf-8")
    with open_delivery(path) as delivery:
        assert openwebui.identify(delivery) == "chats"
    assert [spoken(m) for _, reading in readings(path) for c in reading.conversations for m in c.messages] == ["GOOD"]


# --- the database -------------------------------------------------------------------------------------------------------


def test_memories_of_the_database_are_memories() -> None:
    found = [memory for _, reading in readings(case("summer_2026")) for memory in reading.memories]
    assert [(m.kind, m.text, m.authority) for m in found] == [
        ("fact", "Has an apple tree", "imported"),
        ("profile", "Prefers short answers", "imported"),
    ]


def test_times_of_notes_and_channels_are_nanoseconds() -> None:
    stored = [reading for _, reading in readings(case("summer_2026"))]
    (note,) = (topic for reading in stored for topic in reading.topics if topic.name == "Pruning" and not topic.summary)
    (channel,) = (c for reading in stored for c in reading.conversations if c.head.title == "family")
    assert (note.created.us, channel.head.created.us) == (1_779_000_000_000_000, 1_779_000_000_000_000)
    assert [m.time.us for m in channel.messages][2:] == [1_779_000_010_000_000, 1_779_000_020_123_456]


def test_a_post_follows_the_post_before_it_and_not_an_answer_in_a_thread() -> None:
    (channel,) = (c for _, reading in readings(case("summer_2026")) for c in reading.conversations if c.head.title == "family")
    nodes = messages(channel)
    parents = {m.provider_id: m.parent for m in channel.messages}
    assert parents == {"ch-1": None, "ch-2": nodes["ch-1"].id, "ch-3": nodes["ch-1"].id, "ch-4": nodes["ch-2"].id}


def test_a_post_keeps_the_id_of_one_that_is_gone() -> None:
    post = {"id": "p", "parent_id": "gone", "content": "x"}
    slice = Slice("channel", "x", ".channel[0]", json.dumps({"id": "c", "name": "n", "message": [post]}).encode())
    (channel,) = openwebui.read(slice, {}).conversations
    assert channel.messages[0].extra == {"parent_id": "gone"}


def test_messages_that_only_the_table_has_are_read() -> None:
    """Since 2026 the client prefers `chat_message`, and the tree in `chat` can lag behind."""
    chat, rows = chats("summer_2026")["The list"], chats("summer_2026")["Rows alone"]
    shared = [c for _, reading in readings(case("summer_2026")) for c in reading.conversations if c.head.title == "The list"]
    chat = max(shared, key=lambda c: len(c.messages))
    assert [m.provider_id for m in chat.messages] == ["q1", "q2", "q3", "q4"]
    assert [m.parent for m in chat.messages] == [None, *(m.id for m in chat.messages[:3])]
    assert messages(chat)["q2"].extra["chat_message"]["usage"] == {"input_tokens": 12, "output_tokens": 2}
    assert [spoken(m) for m in rows.messages] == ["Only here", "And here"]


def test_a_column_of_json_keeps_its_numbers() -> None:
    (slice, _), *_ = readings(case("spring_2024"))
    assert b'"eval_duration": 12345678901' in slice.data
    assert decode(slice.data)[0]["chat"]["models"] == ["llama3:8b"]


# Tables whose rows are neither read nor logins and keys alone.
UNREAD = {"spring_2024": [], "summer_2026": [".automation", ".tool"]}


def test_prompts_models_skills_and_files_of_nothing_are_topics() -> None:
    topics = {topic.name: topic for _, reading in readings(case("summer_2026")) for topic in reading.topics if not topic.parent}
    assert topics["Coach"].instructions == "You are a patient coach."
    said = [document.text for topic in topics.values() for document in topic.documents]
    assert {"Which tea goes with {{food}}?", "Cut above a bud.", "Of nothing at all."} <= set(said)
    assert "Of a chat that is gone." in str(topics["feedback"].documents)


def test_messages_whose_chat_is_gone_are_a_chat() -> None:
    found = {c.provider_id: c for _, reading in readings(case("summer_2026")) for c in reading.conversations}
    assert [spoken(m) for m in found["0b000000-0000-4000-8000-000000000009"].messages] == ["My chat is gone"]


def test_an_erased_answer_takes_along_what_was_thought_of_it() -> None:
    for slice, reading in readings(case("summer_2026")):
        for chat in reading.conversations:
            if chat.head.title == "The list" and len(chat.messages) > 1:
                assert "It was pears." in str(chat.head.extra["feedback"])
                nodes = messages(chat)
                assert Place(("feedback", 0)) in openwebui.traces(slice, {nodes["q2"].id})
                assert Place(("feedback", 0, "snapshot")) in openwebui.traces(slice, {nodes["q3"].id})
                return
    raise AssertionError("no such chat")


@pytest.mark.parametrize("name", ["spring_2024", "summer_2026"])
def test_logins_and_keys_reach_neither_slices_nor_the_vault(vault: Vault, name: str) -> None:
    path = case(name)
    secret = b"OFNOBODY"
    assert secret in path.read_bytes()
    assert all(secret not in slice.data and b"mira@" not in slice.data for slice, _ in readings(path))
    receipt = take_in(vault, path)
    assert {withheld.path for withheld in receipt.withheld} == {path.name}
    assert [withheld.where for withheld in receipt.withheld] == ["", *UNREAD[name]]
    assert receipt.read.conversations and receipt.read.memories


def test_a_row_that_tells_a_memory_goes_with_it(vault: Vault) -> None:
    take_in(vault, case("summer_2026"))
    memory = next(vault.store.get(kind, id) for _, kind, id in vault.store.live() if kind == "memory")
    assert memory is not None
    erase(vault, [memory[1].id])
    assert all(kind != "memory" or id != memory[1].id for _, kind, id in vault.store.live())


def test_an_erased_message_takes_its_copies_and_its_file_along() -> None:
    for slice, reading in readings(case("summer_2026")):
        for chat in reading.conversations:
            if chat.head.title == "The list" and len(chat.messages) > 1:
                assert set(openwebui.traces(slice, {messages(chat)["q1"].id})) == {
                    Place(("chat_message", 0)),
                    Place(("chat_file", 0)),
                    Place(("file", 0)),
                    Place(("feedback", 0, "snapshot")),
                }
                return
    raise AssertionError("no such chat")


def test_a_file_that_only_a_message_names_goes_with_it() -> None:
    asked = {"id": "a", "role": "user", "content": "x", "files": [{"type": "file", "url": "/api/v1/files/f1"}]}
    value = {**tree(asked, {"id": "b", "parentId": "a", "role": "user", "content": "y"}), "file": [{"id": "f1"}, {"id": "f2"}]}
    slice = Slice("chat", "x", "[0]", json.dumps(value).encode())
    (chat,) = openwebui.read(slice, {}).conversations
    assert openwebui.traces(slice, {messages(chat)["a"].id}) == [Place(("file", 0))]
    assert openwebui.traces(slice, {messages(chat)["b"].id}) == []


def test_a_title_that_is_the_words_of_an_erased_message_goes_too() -> None:
    """Where no model makes titles, a chat is called by its first message."""
    value = {**tree({"id": "a", "role": "user", "content": "How do I prune?\n"}), "title": "How do I prune?"}
    value["chat"]["title"] = "Pruning"
    slice = Slice("chat", "x", "[0]", json.dumps(value).encode())
    (chat,) = openwebui.read(slice, {}).conversations
    assert openwebui.traces(slice, {chat.messages[0].id}) == [Place(("title",))]


# --- the way back -------------------------------------------------------------------------------------------------------


def written(chosen: Chosen) -> list[Conversation]:
    rows = json.loads(openwebui.write(chosen).files["openwebui-chats.json"], parse_float=str)
    return [read(row) for row in rows]


def as_said(part: Part) -> Json:
    """What of a part our writer has a place for in an answer."""
    match part:
        case Text():
            return "text", fenced(part.text, part.language) if part.language else part.text
        case Reasoning():
            return "reasoning", part.text, part.summary
        case ToolCall():
            return "call", part.name, part.arguments if isinstance(part.arguments, str) else dumped(part.arguments)
        case ToolResult():
            return "result", part.text, part.name or None, part.error
        case _:
            return None


def in_items(parts: list[Part]) -> list[Json]:
    """Parts that are items; links and parts of unknown kind are written as words."""
    return [said if (said := as_said(part)) is not None else "words" for part in parts if not isinstance(part, (File, Citation))]


@generated
@given(chosen_records())
def test_what_is_written_is_read_again(chosen: Chosen) -> None:
    for before, after in zip(chosen.conversations, written(chosen), strict=True):
        assert (after.head.title, after.head.updated.us) == (before.head.title, whole_seconds(before.head.updated))
        ours = {m.provider_id or m.id: m for m in before.messages}
        for message in after.messages:
            mark = message.extra.get("souviens")
            # An answer that several of our messages make up names them.
            names = mark["messages"] if isinstance(mark, dict) else []
            if names and len(ours) == len(before.messages):
                said_again([ours[name] for name in names], message)


def said_again(ours: list[Message], message: Message) -> None:
    parts = [part for one in ours for part in one.parts]
    assert message.role == ("user" if ours[0].role == "user" else "assistant")
    if message.role == "assistant":
        for one, other in zip(in_items(parts), in_items(list(message.parts)), strict=True):
            assert one in (other, "words")
        assert message.model == next((one.model for one in ours if one.model), None)
    cited = [part.text for part in parts if isinstance(part, Citation)]
    assert [part.text for part in message.parts if isinstance(part, Citation)] == cited
    known = [whole_seconds(one.time) for one in ours if one.time.us is not None]
    assert message.time.us == (known[0] if known else None)


def whole_seconds(time: Instant) -> int | None:
    return None if time.us is None else time.us // 1_000_000 * 1_000_000


def test_the_tide_comes_back() -> None:
    (after,) = written(Chosen((TALK,), topics=(SEA,)))
    ask, answer, again = after.messages
    assert (after.id == make_id("c", "openwebui", TALK.provider_id or ""), after.head.tip) == (True, answer.id)
    assert branch_points(after.messages) == {ask.id: (answer.id, again.id)}
    assert [type(part) for part in answer.parts] == [Reasoning, ToolCall, ToolResult, Text, Citation]
    assert (answer.model, again.model, again.time.us) == ("gpt-5", "gpt-4o", None)
    assert answer.parts[4] == Citation("https://tides.example/x", "Tides", "2 m")


def test_who_spoke_comes_back() -> None:
    """Open WebUI shows no name, but stores ours: without it a vault would not know whose words a question asks for."""
    named = tuple(replace(message, author="Ann") if message.role == "user" else message for message in TALK.messages)

    (after,) = written(Chosen((replace(TALK, messages=named),), topics=(SEA,)))

    assert {message.role: message.author for message in after.messages} == {"user": "Ann", "assistant": None}


# Run by the client's own Python. It needs `pip install --no-deps open-webui` and what its models import: sqlalchemy, aiosqlite,
# pydantic, fastapi, alembic, authlib, python-socketio, pillow and some more, no torch.
CLIENT = """
import asyncio, json, os, sys
folder = sys.argv[2]
os.environ.update(DATA_DIR=folder, DATABASE_URL=f"sqlite:///{folder}/webui.db", ENABLE_DB_MIGRATIONS="false", FROM_INIT_PY="true",
                  VECTOR_DB="none", WEBUI_SECRET_KEY="x")
from open_webui.internal.db import Base, engine, get_async_db_context
from open_webui.models import auths, files, folders, memories, tags
from open_webui.models.chats import ChatImportForm, Chats
from open_webui.models.users import User

async def main():
    Base.metadata.create_all(engine)
    async with get_async_db_context() as session:
        person = {"id": "u", "email": "u@example.org", "name": "U", "role": "admin", "profile_image_url": ""}
        session.add(User(**person, last_active_at=1, updated_at=1, created_at=1))
        await session.commit()
    rows = json.load(open(sys.argv[1], encoding="utf-8"))
    keys = ("chat", "meta", "folder_id", "created_at", "updated_at")
    chats = await Chats.import_chats("u", [ChatImportForm(**{key: row[key] for key in keys}, pinned=False) for row in rows])
    found = [await Chats.get_messages_map_by_chat_id(chat.id) for chat in chats]
    print("FOUND " + json.dumps([[chat.title, chat.current_message_id, found[n]] for n, chat in enumerate(chats)]))

asyncio.run(main())
"""


@pytest.mark.skipif(importlib.util.find_spec("open_webui") is None, reason="the package open-webui is not installed")
def test_its_own_import_finds_every_message(tmp_path: Path) -> None:
    data = openwebui.write(Chosen((TALK,), topics=(SEA,))).files["openwebui-chats.json"]
    (tmp_path / "chats.json").write_bytes(data)
    command = [sys.executable, "-c", CLIENT, str(tmp_path / "chats.json"), str(tmp_path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    ((title, current, found),) = json.loads(output.rpartition("FOUND ")[2])
    tree = json.loads(data)[0]["chat"]["history"]
    assert (title, current, found.keys()) == (TALK.head.title, tree["currentId"], tree["messages"].keys())
    for id, message in tree["messages"].items():
        kept = {key: found[id].get(key) for key in ("parentId", "childrenIds", "role", "content", "output", "model", "timestamp")}
        assert kept == {key: message.get(key) for key in kept}
    (again,) = (c for _, reading in readings(tmp_path / "webui.db") for c in reading.conversations)
    assert [[type(part) for part in m.parts] for m in again.messages] == [
        [type(part) for part in m.parts] for m in written(Chosen((TALK,), topics=(SEA,)))[0].messages
    ]
