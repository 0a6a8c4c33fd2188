"""What of a delivery is not read is named on the receipt: nobody has to notice by themselves that something is missing."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from souviens.errors import NotRecognised
from souviens.jsonspan import UNCLOSED
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.port.unread import ABSENT, DAMAGED
from souviens.vault import Vault
from tests.port.given import chat, claude_chat, said, turn, write, zipped

ROOT = "00000000-0000-4000-8000-000000000000"
ONE, TWO = chat("c-1", turn("a", None, "user", "one")), chat("c-2", turn("b", None, "user", "two"))
CLAUDE = claude_chat("f-1", said("m-1", ROOT, "human", "three"))


def refused(vault: Vault, path: Path) -> list[tuple[str, str, str]]:
    receipt = take_in(vault, path)
    again = take_in(vault, path)
    assert again.known
    assert again.refused == receipt.refused
    return [(problem.path, problem.where, problem.reason) for problem in receipt.refused]


@pytest.mark.parametrize(
    ("text", "read", "where"),
    [
        (f"[{json.dumps(ONE)}", 1, ""),
        (f"[{json.dumps(ONE)}, {json.dumps(TWO)},\n ", 2, ""),
        (f'{{"conversations": [{json.dumps(ONE)}', 1, "conversations"),
        (f'{{"conversations": [{json.dumps(ONE)}], "more": [1, 2', 1, ""),
    ],
)
def test_a_file_that_ends_between_elements(vault: Vault, tmp_path: Path, text: str, read: int, where: str) -> None:
    file = tmp_path / "conversations.json"
    file.write_text(text)
    assert refused(vault, file) == [("conversations.json", where, UNCLOSED)]
    (source,) = vault.store.sources()
    assert source.read.conversations == read
    assert give_back(vault, source.id, tmp_path / "back").identical


def test_one_word_is_enough_for_a_file_that_ends_inside_an_element(vault: Vault, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_text(f'{{"conversations": [{json.dumps(ONE)}, {json.dumps(TWO)[:-20]}')
    ((_, where, reason),) = refused(vault, file)
    assert where == "conversations[1]"
    assert "inside this element" in reason


def test_a_shard_that_the_manifest_lists_and_the_export_lacks(vault: Vault, tmp_path: Path) -> None:
    logical = {"conversations.json": {"files": ["conversations-000.json", "conversations-001.json"]}}
    export = zipped(
        tmp_path / "x.zip",
        {"conversations-000.json": [ONE], "export_manifest.json": {"logical_files": logical}},
    )
    assert refused(vault, export) == [("conversations-001.json", "", ABSENT)]


def test_another_providers_file_beside_an_export_is_named(vault: Vault, tmp_path: Path) -> None:
    user = {"id": "user-1", "email": "a@example.org", "chatgpt_plus_user": True}
    export = zipped(tmp_path / "x.zip", {"conversations.json": [ONE], "user.json": user, "saved.json": [CLAUDE]})
    ((path, _, reason),) = refused(vault, export)
    assert path == "saved.json"
    assert "Claude" in reason
    assert vault.store.sources()[0].format == "chatgpt"


def test_of_two_exports_in_one_folder_the_receipt_names_the_other(vault: Vault, tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.json", [ONE, TWO])
    write(tmp_path / "in" / "b.json", [CLAUDE])
    ((path, _, reason),) = refused(vault, tmp_path / "in")
    assert path == "b.json"
    assert "by itself" in reason
    assert refused(vault, tmp_path / "in" / "b.json") == []
    assert {source.format for source in vault.store.sources()} == {"chatgpt", "claude"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("more.json", json.dumps([TWO]).encode("utf-16")),
        ("more.json", b"\0\0\0" + json.dumps([TWO]).encode()),
        ("more.jsonl", b"x" + json.dumps(TWO).encode()),
    ],
)
def test_data_that_cannot_be_read_is_named(vault: Vault, tmp_path: Path, name: str, data: bytes) -> None:
    write(tmp_path / "in" / "conversations.json", [ONE])
    (tmp_path / "in" / name).write_bytes(data)
    assert refused(vault, tmp_path / "in") == [(name, "", DAMAGED)]


def test_a_database_that_is_cut_off_is_named(vault: Vault, tmp_path: Path) -> None:
    write(tmp_path / "in" / "conversations.json", [ONE])
    file = tmp_path / "in" / "more.db"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE said (words TEXT)")
        database.executemany("INSERT INTO said VALUES (?)", [("x" * 1000,)] * 100)
        database.commit()
    file.write_bytes(file.read_bytes()[:20_000])
    assert refused(vault, tmp_path / "in") == [("more.db", "", DAMAGED)]
    with pytest.raises(NotRecognised) as error:
        take_in(vault, file)
    assert "cut off" in error.value.why


def test_what_is_told_first_may_be_long(vault: Vault, tmp_path: Path) -> None:
    """Recognition samples the beginning of a file, however long the first string in it is."""
    value = {"name": "long", "createdAt": 1_760_000_000_000, "systemPrompt": "x" * 200_000, "messages": []}
    value["messages"] = [{"versions": [{"type": "singleStep", "role": "user", "content": [{"type": "text", "text": "hi"}]}]}]
    receipt = take_in(vault, write(tmp_path / "1.conversation.json", value))
    assert (receipt.format, receipt.read.messages) == ("lmstudio", 1)
