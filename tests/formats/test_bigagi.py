"""big-AGI: fragments as parts, keys withheld inside the file, folders as projects, messages of before there were fragments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souviens.canon import make_id
from souviens.delivery import open_delivery
from souviens.formats import bigagi
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import (
    Citation,
    Conversation,
    File,
    Json,
    Message,
    Opaque,
    Problem,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Topic,
)
from souviens.vault import Vault
from tests import golden

FIXTURES = Path(__file__).parent / "bigagi"
SECRET = b"sk-not-a-real"


def chats(path: Path) -> dict[str | None, Conversation]:
    with open_delivery(path) as delivery:
        found = [c for _, reading in golden.readings(golden.reader("bigagi"), delivery) for c in reading.conversations]
    return {conversation.provider_id: conversation for conversation in found}


def messages(path: Path, chat: str) -> dict[str | None, Message]:
    return {message.provider_id: message for message in chats(path)[chat].messages}


def written(path: Path, value: Json) -> Path:
    path.write_text(json.dumps(value))
    return path


def given_back(vault: Vault, source: str, folder: Path) -> bytes:
    give_back(vault, source, folder)
    (file,) = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else [folder]
    return file.read_bytes()


# --- what is said -----------------------------------------------------------------------------------------------------


def test_bigagi_a_fragment_is_a_part() -> None:
    said = messages(FIXTURES / "v1b.json", "c-lake")
    kinds = [type(part) for part in said["m-2"].parts]
    assert kinds == [Reasoning, ToolCall, ToolResult, ToolCall, ToolResult, Text, Citation, Citation]
    assert [type(part) for part in said["m-4"].parts] == [Opaque, Opaque, Opaque]


def test_bigagi_an_error_in_words_is_an_error() -> None:
    results = [part for part in messages(FIXTURES / "v1b.json", "c-lake")["m-2"].parts if isinstance(part, ToolResult)]
    assert [(result.text, result.error, result.call) for result in results] == [("12", False, "call-1"), ("", True, "call-2")]
    assert results[1].extra["part"]["error"] == "division by a lake"


def test_bigagi_a_document_is_a_file_and_its_words() -> None:
    said = messages(FIXTURES / "v1b.json", "c-lake")["m-1"]
    file, words = said.parts[1:3]
    assert isinstance(file, File) and isinstance(words, Text)
    assert (file.name, words.text, words.extra) == ("soundings.csv", "depth;12\nwidth;80", {"attachment": "soundings.csv"})


def test_bigagi_attachments_are_missing(vault: Vault) -> None:
    receipt = take_in(vault, FIXTURES / "v1b.json")
    assert (receipt.attachments.found, receipt.attachments.missing) == (0, 4)


def test_bigagi_a_notice_was_written_by_no_model() -> None:
    said = messages(FIXTURES / "v1b.json", "c-lake")
    assert [message.model for message in said.values()] == [None, None, "lake-model-3", None, None]
    assert messages(FIXTURES / "v1b.json", "c-tea")["t-2"].model == "old-model"


def test_bigagi_the_title_that_the_user_gave_comes_first() -> None:
    head = chats(FIXTURES / "v1b.json")["c-lake"].head
    assert (head.title, head.extra["autoTitle"]) == ("Mountain lake", "Lake depth question")
    assert chats(FIXTURES / "v1b.json")["c-tea"].head.title == "Tea"


def test_bigagi_messages_of_before_there_were_fragments() -> None:
    said = messages(FIXTURES / "v1a.json", "old-1")
    assert [[part.text for part in message.parts if isinstance(part, Text)] for message in said.values()] == [
        ["You are a gardener."],
        ["When do I plant beans?"],
        ["In May."],
        ["And why?"],
        [],
    ]
    assert (said["o3"].model, said["o4"].author, said["o2"].author) == ("gpt-ancient", "Marta", None)


# --- folders ----------------------------------------------------------------------------------------------------------


def test_bigagi_folders_are_projects_of_their_chats(vault: Vault) -> None:
    take_in(vault, FIXTURES / "v1b.json")
    topics = [found[1] for _, kind, id in vault.store.live() if kind == "topic" and (found := vault.store.get(kind, id))]
    assert {topic.name: topic.kind for topic in topics if isinstance(topic, Topic)} == {"Waters": "project", "Empty": "project"}
    read = chats(FIXTURES / "v1b.json")
    assert read["c-lake"].head.project == make_id("t", "bigagi", "fo-1")
    assert read["c-tea"].head.project is None


def test_bigagi_an_erased_folder_leaves_its_chats(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, FIXTURES / "v1b.json")
    erase(vault, [make_id("t", "bigagi", "fo-1")])
    back = given_back(vault, receipt.id, tmp_path / "back")
    assert b"Waters" not in back and b"Mountain lake" in back


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["v1b.json", "v1a.json"])
def test_bigagi_keys_are_withheld_inside_the_file(vault: Vault, tmp_path: Path, case: str) -> None:
    receipt = take_in(vault, FIXTURES / case)
    assert [withheld.where for withheld in receipt.withheld] == ["models"]
    back = given_back(vault, receipt.id, tmp_path / "back")
    assert SECRET not in back
    assert json.loads(back) == json.loads((FIXTURES / case).read_text()) | {"models": {}}


@pytest.mark.parametrize("case", ["damaged.json", "damaged_end.json", "damaged_open.json"])
def test_bigagi_keys_of_a_damaged_file_are_withheld(vault: Vault, tmp_path: Path, case: str) -> None:
    receipt = take_in(vault, FIXTURES / case)
    assert [withheld.where for withheld in receipt.withheld] == ["models"]
    back = given_back(vault, receipt.id, tmp_path / "back")
    assert b"sk-" not in back and b"not-a" not in back


@pytest.mark.parametrize("models", [[{"setup": {"oaiKey": "sk-not-a-real-key"}}], "sk-not-a-real-key"])
def test_bigagi_keys_are_withheld_whatever_holds_them(vault: Vault, tmp_path: Path, models: Json) -> None:
    whole = json.loads((FIXTURES / "v1b.json").read_text()) | {"models": models}
    receipt = take_in(vault, written(tmp_path / "x.json", whole))
    assert SECRET not in given_back(vault, receipt.id, tmp_path / "back")


def test_bigagi_no_models_are_no_secret(vault: Vault, tmp_path: Path) -> None:
    whole = json.loads((FIXTURES / "v1b.json").read_text()) | {"models": None}
    assert not take_in(vault, written(tmp_path / "x.json", whole)).withheld


# --- what it is -------------------------------------------------------------------------------------------------------


def shape(path: Path) -> str | None:
    with open_delivery(path) as delivery:
        return bigagi.identify(delivery)


def test_bigagi_a_chat_longer_than_a_look_is_known_by_its_fragments(tmp_path: Path) -> None:
    whole = json.loads((FIXTURES / "v1b.json").read_text())
    whole["conversations"][0]["messages"][1]["fragments"][0]["part"]["text"] = "deep " * 40_000
    assert shape(written(tmp_path / "all.json", whole)) == "v1b"
    assert shape(written(tmp_path / "one.json", whole["conversations"][0])) == "chat"


def test_bigagi_a_backup_without_chats_is_one(tmp_path: Path) -> None:
    empty = {"conversations": [], "models": {"sources": []}, "folders": {"folders": [], "enableFolders": False}}
    assert shape(written(tmp_path / "empty.json", empty)) == "v1b"


def test_bigagi_other_objects_are_not_its_exports(tmp_path: Path) -> None:
    spoken = [{"id": "m", "role": "user", "text": "Hello"}]
    for value in (
        {"conversations": [{"id": "c", "messages": spoken}]},
        {"conversations": []},
        {"id": "c", "messages": spoken},
        {"id": "c", "messages": [{"id": "m", "role": "user", "fragments": [{"type": "REQUEST", "content": "x"}]}]},
        {"systemPurposeId": "Generic", "id": "c"},
        [{"id": "c", "systemPurposeId": "Generic", "messages": spoken}],
    ):
        assert shape(written(tmp_path / "other.json", value)) is None, value


# --- damage -----------------------------------------------------------------------------------------------------------


def test_bigagi_a_damaged_chat_hides_no_other() -> None:
    with open_delivery(FIXTURES / "damaged.json") as delivery:
        problems = [p for _, reading in golden.readings(golden.reader("bigagi"), delivery) for p in reading.problems]
    assert [_where(problem) for problem in problems] == [
        "message conversations[0].messages[2]",
        "message conversations[0].messages[4]",
        "conversation conversations[1]",
        "conversation conversations[2]",
        "message conversations[3].messages",
        "conversation conversations[5]",
        "memory folders.folders[0]",
        "memory folders.folders[2]",
    ]


def _where(problem: Problem) -> str:
    return f"{problem.kind} {problem.where}"


def test_bigagi_personas_are_read(vault: Vault, tmp_path: Path) -> None:
    chat = {"id": "c", "systemPurposeId": "G", "messages": []}
    path = written(tmp_path / "x.json", {"conversations": [chat], "personas": [{"id": "p", "prompt": "BE A COACH"}, {}]})
    receipt = take_in(vault, path)
    (coach,) = [vault.store.get(kind, id) for _, kind, id in vault.store.live() if kind == "topic"]
    assert coach is not None and coach[1].instructions == "BE A COACH"
    assert [problem.where for problem in receipt.refused] == ["personas[1]"]
