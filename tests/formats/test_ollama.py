"""Ollama's database: what is its own. What holds for every format is in test_every.py."""

from __future__ import annotations

import contextlib
import sqlite3
import zipfile
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.errors import SourceError
from souviens.formats import ollama
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Conversation, File, Reasoning, ToolCall, ToolResult, spoken
from souviens.vault import Vault
from tests import golden
from tests.port.given import assert_sums

CASES = {case.stem: case for case in golden.fixtures("ollama")}


def conversations(path: Path) -> dict[str, Conversation]:
    """By the provider's id, or the title of those that have none."""
    with open_delivery(path) as delivery:
        return {c.provider_id or c.head.title: c for _, reading in golden.readings(ollama, delivery) for c in reading.conversations}


def changed(case: str, folder: Path, script: str) -> Path:
    """A fixture's database after what a script does to it."""
    path = golden.copied(CASES[case], folder / "app")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(script)
    return path


def test_ollama_thinking_is_reasoning_and_a_tool_result_an_answer() -> None:
    asked, thought, answered, said = conversations(CASES["current"])["0198f0aa-0000-7000-8000-000000000001"].messages
    assert [part for part in thought.parts if isinstance(part, Reasoning)] == [Reasoning("I should look it up.")]
    assert [part.name for part in thought.parts if isinstance(part, ToolCall)] == ["web_search", "clock"]
    (result,) = answered.parts
    assert isinstance(result, ToolResult)
    assert (answered.role, result.text) == ("tool", "Swifts are gone by early August.")
    assert "swifts.example" in result.extra["tool_result"]
    assert (said.model, spoken(asked)[:26]) == ("gpt-oss:20b", "When do the swifts leave? ")


def test_ollama_is_linear_without_parents() -> None:
    for conversation in conversations(CASES["current"]).values():
        assert [m.parent for m in conversation.messages] == [None, *(m.id for m in conversation.messages)][
            : len(conversation.messages)
        ]


def test_ollama_attachments_keep_their_bytes_in_the_slice() -> None:
    (asked, *_) = conversations(CASES["current"])["0198f0aa-0000-7000-8000-000000000001"].messages
    files = [part for part in asked.parts if isinstance(part, File)]
    assert [(file.name, file.media, file.extra) for file in files] == [
        ("sightings.txt", "file", {"data": {"$blob": "MyBvdmVyIHRoZSBxdWFyeQ=="}}),
        ("roof.png", "image", {"data": {"$blob": "iVBORw0KGgoA/w=="}}),
    ]


def test_ollama_naive_times_stay_naive_and_offsets_are_kept() -> None:
    found = conversations(CASES["current"])
    assert found["0198f0aa-0000-7000-8000-000000000002"].head.created.zone == "none"
    asked = found["0198f0aa-0000-7000-8000-000000000001"].messages[0]
    assert (asked.time.given, asked.time.us) == ("2026-07-30 06:12:09.200000001-05:00", 1785409929200000)


def test_ollama_messages_of_a_chat_that_is_gone_are_not_lost() -> None:
    assert [spoken(m) for m in conversations(CASES["current"])["0198f0aa-0000-7000-8000-000000000009"].messages] == [
        "My chat is gone, I am left."
    ]
    assert [spoken(m) for m in conversations(CASES["damaged"])["No id"].messages] == ["Of no chat at all"]


def test_ollama_a_message_that_was_written_anew_is_the_same(vault: Vault, tmp_path: Path) -> None:
    """The app writes all messages of a chat again with each that is sent, under new numbers."""
    take_in(vault, CASES["current"])
    chat = "0198f0aa-0000-7000-8000-000000000001"
    path = changed(
        "current",
        tmp_path,
        f"""UPDATE messages SET id = id + 100 WHERE chat_id = '{chat}'; UPDATE tool_calls SET message_id = message_id + 100;
        UPDATE attachments SET message_id = message_id + 100; UPDATE tool_calls SET id = id + 9; UPDATE attachments SET id = id + 9;
        INSERT INTO messages (chat_id, role, content, created_at)
        VALUES ('{chat}', 'user', 'Thanks.', '2026-07-30 06:20:00-05:00')""",
    )
    receipt = take_in(vault, path)
    assert (receipt.new.messages, receipt.changed.messages) == (1, 0)
    assert_sums(receipt)


def test_ollama_a_database_that_says_whose_it_is_stays_out(vault: Vault, tmp_path: Path) -> None:
    path = changed(
        "current",
        tmp_path,
        "INSERT INTO users VALUES ('Ines Prado', 'ines@lamp.example', 'pro', '2026-01-01 00:00:00');"
        "UPDATE settings SET device_id = '0198f0aa-dddd-7000-8000-00000000000d'",
    )
    receipt = take_in(vault, path)
    assert [withheld.path for withheld in receipt.withheld] == [path.name]
    assert receipt.new.conversations == 4
    stored = b"".join(vault.store.slice(id)[0] for id in vault.store.slices())
    assert b"ines@lamp.example" not in stored
    assert list(vault.store.blobs()) == []


NEW = """CREATE TABLE branches (id, chat, words); INSERT INTO branches VALUES (1, 'c1', 'WORDS OF A NEW TABLE');
INSERT INTO tool_calls (message_id, type, function_name, function_arguments)
VALUES (9977, 'function', 'f', 'CALL OF A MESSAGE THAT IS GONE');"""


@pytest.mark.parametrize("private", [False, True])
def test_ollama_a_table_that_nobody_knows_is_read_or_named(vault: Vault, tmp_path: Path, private: bool) -> None:
    whose = "UPDATE settings SET device_id = '0198f0aa-dddd-7000-8000-00000000000d';"
    path = changed("current", tmp_path, NEW + (whose if private else ""))
    receipt = take_in(vault, path)
    stored = b"".join(vault.store.slice(id)[0] for id in vault.store.slices())
    assert b"CALL OF A MESSAGE THAT IS GONE" in stored
    assert (b"WORDS OF A NEW TABLE" in stored) is not private
    assert [withheld.where for withheld in receipt.withheld] == (["", ".branches"] if private else [])


def test_ollama_of_a_running_app_what_is_only_in_its_log(vault: Vault, tmp_path: Path) -> None:
    path = golden.copied(CASES["first"], tmp_path / "app")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as app:
        app.execute("PRAGMA journal_mode=WAL")
        app.execute(
            "INSERT INTO messages (chat_id, role, content, created_at)"
            " VALUES ('chat-a', 'user', 'And wheat?', '2025-07-31 10:01:00')"
        )
        receipt = take_in(vault, path.parent)
        assert receipt.new.messages == 3
        with open_delivery(path.parent) as delivery:
            assert ollama.plan(delivery) == {"first.db": "rows", "first.db-wal": "repeat", "first.db-shm": "repeat"}


def test_ollama_an_unreadable_database_with_a_log_is_refused_alone(vault: Vault, tmp_path: Path) -> None:
    folder = golden.copied(CASES["first"], tmp_path / "app").parent
    (folder / "broken.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    (folder / "broken.db-wal").write_bytes(b"what was said last")
    receipt = take_in(vault, folder)
    assert {problem.where: problem.kind for problem in receipt.refused} == {"broken.db": "source", "broken.db-wal": "source"}
    assert receipt.new.messages == 2
    members = give_back(vault, receipt.id, tmp_path / "back").members
    assert [(member.name, member.identical) for member in members] == [("first.db", True)]


def test_ollama_a_log_in_a_zip_is_not_passed_over(vault: Vault, tmp_path: Path) -> None:
    path = golden.copied(CASES["first"], tmp_path / "app")
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.write(path, "Ollama/db.sqlite")
        archive.writestr("Ollama/db.sqlite-wal", b"what was said last")
    with pytest.raises(SourceError, match="its log lies beside it"):
        take_in(vault, tmp_path / "app.zip")


def test_ollama_a_title_cut_from_an_erased_message_goes_with_it(vault: Vault) -> None:
    take_in(vault, CASES["current"])
    asked = conversations(CASES["current"])["0198f0aa-0000-7000-8000-000000000001"].messages[0]
    erase(vault, [asked.id])
    stored = b"".join(vault.store.slice(id)[0] for id in vault.store.slices())
    assert b"When do the swifts leave" not in stored
    assert b"By the first week of August." in stored


def test_ollama_other_databases_of_chats_are_not_its(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript("CREATE TABLE chats (id, title, created_at); CREATE TABLE messages (id, chat_id, role, content)")
    with open_delivery(path) as delivery:
        assert ollama.identify(delivery) is None
