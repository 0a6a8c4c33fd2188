"""llm's database: what is its own. What holds for every format is in test_every.py."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.formats import llm
from souviens.port.erasing import erase
from souviens.port.intake import take_in
from souviens.records import Conversation, File, Message, Reasoning, Text, ToolCall, ToolResult, active_path, spoken
from souviens.vault import Vault
from tests import golden
from tests.port.given import assert_sums

CASES = {case.stem: case for case in golden.fixtures("llm")}
OLD, NEW, FORK = "01jz000000000000000000000a", "01k2000000000000000000000a", "01k2000000000000000000000f"


def conversations(path: Path) -> dict[str | None, Conversation]:
    with open_delivery(path) as delivery:
        return {c.provider_id: c for _, reading in golden.readings(llm, delivery) for c in reading.conversations}


def said(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(m.role, spoken(m)) for m in messages]


def stored(vault: Vault) -> bytes:
    return b"".join(vault.store.slice(id)[0] for id in vault.store.slices())


# --- two models of the same data --------------------------------------------------------------------------------------


def test_llm_a_conversation_in_both_models_is_read_once() -> None:
    """The history that 0.32 wrote anew when the conversation went on is what the responses say already."""
    before, after = conversations(CASES["responses"])[OLD], conversations(CASES["threads"])[OLD]
    assert after.messages[: len(before.messages)] == before.messages
    assert said(after.messages[len(before.messages) :]) == [("user", "And tomorrow?"), ("assistant", "Calm.")]
    assert after.messages[len(before.messages)].parent == before.messages[-1].id
    assert after.head.tip == after.messages[-1].id


def test_llm_an_older_database_and_the_same_later_become_one(vault: Vault) -> None:
    take_in(vault, CASES["responses"])
    receipt = take_in(vault, CASES["threads"])
    assert_sums(receipt)
    (chat,) = [record for _, record in map(vault.store.get, ["conversation"], [conversations(CASES["threads"])[OLD].id])]
    assert isinstance(chat, Conversation)
    assert len(chat.messages) == 12
    assert chat.older == ()


def test_llm_a_response_that_has_a_turn_of_its_id_is_that_turn(tmp_path: Path) -> None:
    path = golden.copied(CASES["threads"], tmp_path / "db")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(
            "INSERT INTO responses (id, model, prompt, response, conversation_id)"
            " SELECT id, model, 'Read this: …', 'weather', thread_id FROM turns WHERE id = '01k2000000000000000000000b'"
        )
        database.commit()
    assert conversations(path)[NEW].messages == conversations(CASES["threads"])[NEW].messages


# --- responses --------------------------------------------------------------------------------------------------------


def test_llm_a_response_is_what_the_system_said_what_was_asked_and_the_answer() -> None:
    chat = conversations(CASES["responses"])[OLD]
    assert said(chat.messages)[:3] == [
        ("system", "Be terse."),
        ("user", "What is the lamp called?\nlamp.png"),
        ("assistant", "A bird, for a lamp.\nAmber Kestrel"),
    ]
    answer = chat.messages[2]
    assert (answer.provider_id, answer.model, answer.parts[0]) == (
        "01jz000000000000000000000b",
        "parrot-1",
        Reasoning("A bird, for a lamp."),
    )
    assert str(answer.extra["options_json"]["temperature"]) == "0.20"


def test_llm_fragments_are_in_the_messages_they_were_part_of() -> None:
    chat = conversations(CASES["responses"])[OLD]
    fragment, words = chat.messages[4].parts
    assert isinstance(fragment, Text)
    assert fragment.text.startswith("The quay is forty metres long.")
    assert (fragment.extra["source"], fragment.extra["aliases"]) == ("quay.txt", ["quay"])
    assert words == Text("How long is the quay?")
    assert said(chat.messages)[3] == ("system", "Be kind.")


def test_llm_tools_are_called_in_one_response_and_answer_in_the_next() -> None:
    _, _, _, _, _, _, _, asked, answered, _ = conversations(CASES["responses"])[OLD].messages
    (call,) = asked.parts
    assert isinstance(call, ToolCall)
    assert (call.name, call.call, str(call.arguments["hours"])) == ("weather", "call_1", "3.0")
    first, file, second = answered.parts
    assert isinstance(first, ToolResult)
    assert isinstance(second, ToolResult)
    assert isinstance(file, File)
    assert (answered.role, first.text, first.error, second.error) == ("tool", "wind 9", False, True)


def test_llm_attachments_by_content_path_and_address() -> None:
    chat = conversations(CASES["responses"])[OLD]
    kinds = {a.pointer: (a.name, a.media_type, a.missing) for a in chat.attachments}
    assert kinds["5a5a0001"] == ("", "text/plain", "its bytes stand in the conversation's own file")
    assert kinds["5a5a0002"] == ("lamp.png", "image/png", "it is only named, by its path or its address")
    assert [part.pointer for part in chat.messages[1].parts if isinstance(part, File)] == ["5a5a0001", "5a5a0002"]


def test_llm_responses_without_a_conversation_are_not_lost() -> None:
    found = conversations(CASES["responses"])
    assert said(found["01jz000000000000000000001a"].messages)[0] == ("user", "Alone")
    assert said(found["01jz000000000000000000001b"].messages)[1] == ("assistant", "Понял.")


# --- threads ----------------------------------------------------------------------------------------------------------


def test_llm_a_history_sent_again_with_another_question_is_a_branch() -> None:
    chat = conversations(CASES["threads"])[NEW]
    assert said(active_path(chat)) == [("system", "You keep the quay."), ("user", "Forget the paper."), ("assistant", "Forgotten.")]
    assert [spoken(m) for m in chat.messages if m.parent == chat.messages[0].id][1:] == ["Forget the paper."]


def test_llm_a_fork_has_the_history_it_shares_with_its_time_and_model() -> None:
    fork, origin = conversations(CASES["threads"])[FORK], conversations(CASES["threads"])[NEW]
    shared = [[(m.provider_id, spoken(m), m.time, m.model) for m in chat.messages[:3]] for chat in (fork, origin)]
    assert shared[0] == shared[1]
    assert fork.messages[2].model == "parrot-3"
    assert fork.messages[0].time.given == "2026-08-11T09:00:00+00:00"
    assert [m.model for m in fork.messages[3:]] == [None, "parrot-4", "parrot-4"]
    assert fork.head.extra["thread"]["forked_from"] == NEW


def test_llm_a_message_of_no_thread_is_not_lost_and_has_no_time() -> None:
    chat = conversations(CASES["threads"])["b2:50"]
    assert said(chat.messages) == [("user", "In no thread at all"), ("assistant", "Nor this.")]
    assert {m.time.us for m in chat.messages} == {None}


def test_llm_a_turn_whose_messages_are_gone_is_kept() -> None:
    assert [turn["id"] for turn in conversations(CASES["threads"])[NEW].head.extra["turns"]] == ["01k2000000000000000000000g"]


# --- erasing ----------------------------------------------------------------------------------------------------------


def test_llm_what_was_sent_says_an_erased_message_again_and_goes(vault: Vault) -> None:
    take_in(vault, CASES["responses"])
    assert stored(vault).count(b"What is the lamp called?") == 3  # the title, the message, and what was sent
    erase(vault, [conversations(CASES["responses"])[OLD].messages[1].id])
    assert b"What is the lamp called?" not in stored(vault)
    assert b"Amber Kestrel" in stored(vault)


@pytest.mark.parametrize("table", ["threads", "turns", "messages", "parts"])
def test_llm_without_a_table_of_threads_the_responses_are_read(tmp_path: Path, table: str) -> None:
    path = golden.copied(CASES["threads"], tmp_path / "db")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"DROP TABLE {table}")
    with open_delivery(path) as delivery:
        assert llm.identify(delivery) == "responses"
    assert said(conversations(path)[OLD].messages[:1]) == [("system", "Be terse.")]


def test_llm_rows_that_no_conversation_has_are_not_lost(tmp_path: Path) -> None:
    path = golden.copied(CASES["threads"], tmp_path / "llm")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE plugin (words TEXT)")
        database.executemany("INSERT INTO plugin VALUES (?)", [["one"], ["two"]])
        database.execute("INSERT INTO fragments (id, hash, content) VALUES (977, 'h977', 'NEVER USED')")
        database.commit()
    with open_delivery(path) as delivery:
        topics = {topic.name: topic for _, reading in golden.readings(llm, delivery) for topic in reading.topics}
    assert topics.keys() == {"fragments", "plugin"}
    assert [document.text for document in topics["fragments"].documents] == ["NEVER USED"]
    assert [document.extra for document in topics["plugin"].documents] == [{"words": "one"}, {"words": "two"}]
    assert len({document.name for document in topics["plugin"].documents}) == 2
