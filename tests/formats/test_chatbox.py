"""Chatbox: forks and threads as a graph, titles out of a list, keys withheld inside the file, pictures of the ZIP."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.formats import chatbox
from souviens.formats._carving import members
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Conversation, Json, Message, Reading, Text, ToolResult, active_path, branch_points
from souviens.vault import Vault
from tests import golden

FIXTURES = Path(__file__).parent / "chatbox"


def readings(path: Path) -> list[tuple[str, Reading]]:
    with open_delivery(path) as delivery:
        return [(slice.where, reading) for slice, reading in golden.readings(golden.reader("chatbox"), delivery)]


def chat(path: Path, where: str) -> Conversation:
    return next(reading.conversations[0] for place, reading in readings(path) if place == where)


def said(messages: tuple[Message, ...]) -> list[str]:
    return [part.text for message in messages for part in message.parts if isinstance(part, Text)]


def stored(vault: Vault, provider_id: str) -> Conversation:
    for kind, id in [(kind, id) for _, kind, id in vault.store.live()]:
        found = vault.store.get(kind, id)
        if found is not None and isinstance(found[1], Conversation) and found[1].provider_id == provider_id:
            return found[1]
    raise AssertionError(f"{provider_id} is not in the vault")


def export(path: Path, **keys: Json) -> Path:
    path.write_text(json.dumps({"__exported_items": ["conversations"]} | keys))
    return path


# --- the graph --------------------------------------------------------------------------------------------------------


def test_chatbox_forks_are_siblings_of_what_is_shown() -> None:
    read = chat(FIXTURES / "export.json", "session:b7e1")
    names = {message.id: message.provider_id for message in read.messages}
    forks = {
        names.get(place or "", "start"): [names[child] for child in children]
        for place, children in branch_points(read.messages).items()
    }
    # An earlier thread is another beginning.
    assert forks == {"start": ["s0", "o1"], "sum": ["a1", "a2", "a3"], "u2": ["n1", "n2"], "o1": ["o2", "o2b"]}


def test_chatbox_the_shown_messages_are_the_active_path() -> None:
    read = chat(FIXTURES / "export.json", "session:b7e1")
    assert [message.provider_id for message in active_path(read)] == ["s0", "u1", "sum", "a2", "u3"]


def test_chatbox_earlier_threads_are_talks_of_their_own() -> None:
    read = chat(FIXTURES / "export.json", "session:b7e1")
    assert [message.provider_id for message in read.messages if message.parent is None] == ["s0", "o1"]


def test_chatbox_a_fork_of_a_message_that_is_gone_is_kept() -> None:
    (_, reading), *_ = readings(FIXTURES / "chat.json")
    assert "An orphan." in said(reading.conversations[0].messages)


def test_chatbox_a_fork_keeps_its_place_when_another_branch_is_shown(tmp_path: Path) -> None:
    def message(id: str) -> Json:
        return {"id": id, "role": "user", "contentParts": [{"type": "text", "text": id}]}

    def session(shown: str, kept: str, position: int) -> Json:
        lists = [{"id": "l0", "messages": []}, {"id": "l1", "messages": []}]
        lists[1 - position]["messages"] = [message(kept)]
        forks = {"p": {"position": position, "lists": lists, "createdAt": 1}}
        return {"id": "s", "name": "S", "messages": [message("p"), message(shown)], "messageForksHash": forks}

    for number, value in enumerate((session("a", "b", 0), session("b", "a", 1))):
        read = chat(export(tmp_path / f"{number}.json", **{"session:s": value}), "session:s")
        (children,) = branch_points(read.messages).values()
        names = {m.id: m.provider_id for m in read.messages}
        assert [names[child] for child in children] == ["a", "b"]


# --- what is said -----------------------------------------------------------------------------------------------------


def test_chatbox_a_title_that_only_the_list_has_reaches_the_chat(vault: Vault) -> None:
    take_in(vault, FIXTURES / "export.json")
    found = stored(vault, "b7e1")
    assert (found.head.title, found.head.created.us) == ("Meanders", 1_785_200_000_000_000)
    assert len(found.messages) == 14


def test_chatbox_an_entry_of_the_list_without_its_chat_is_a_conversation(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, export(tmp_path / "x.json", **{"chat-sessions-list": [{"id": "lone", "name": "Lone", "type": "chat"}]}))
    assert stored(vault, "lone").head.title == "Lone"


def test_chatbox_an_old_export_holds_all_chats_in_one_list() -> None:
    first, second = [reading.conversations[0] for _, reading in readings(FIXTURES / "legacy.json")]
    assert (first.head.title, second.head.title) == ("Untitled", "Twice")
    assert said(first.messages) == ["You are a helpful assistant.", "Is rain free?", "It is."]
    assert [message.author for message in first.messages] == [None, "Ada", None]


def test_chatbox_content_that_repeats_the_parts_is_said_once() -> None:
    assert said(readings(FIXTURES / "legacy.json")[1][1].conversations[0].messages) == ["Both"]


def test_chatbox_a_call_that_failed_says_so() -> None:
    answer = next(m for m in chat(FIXTURES / "export.json", "session:b7e1").messages if m.provider_id == "a2")
    results = [part for part in answer.parts if isinstance(part, ToolResult)]
    assert [(result.text, result.error, result.call) for result in results] == [
        ("erosion and deposition", False, "tc1"),
        ("", True, "tc2"),
    ]


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_chatbox_pictures_of_the_export_are_storage_keys_without_bytes(vault: Vault) -> None:
    receipt = take_in(vault, FIXTURES / "export.json")
    assert (receipt.attachments.found, receipt.attachments.missing) == (0, 2)


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_chatbox_pictures_of_the_backup_are_found_by_their_storage_keys(vault: Vault, tmp_path: Path, zipped: bool) -> None:
    path = FIXTURES / "backup"
    if zipped:
        path = tmp_path / "backup.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted((FIXTURES / "backup").rglob("*")):
                archive.write(file, file.relative_to(FIXTURES / "backup").as_posix())
    receipt = take_in(vault, path)
    assert (receipt.attachments.found, receipt.attachments.missing) == (1, 1)
    assert [withheld.path for withheld in receipt.withheld] == ["settings.json"]
    assert stored(vault, "q9").head.created.us


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["export.json", "legacy.json"])
def test_chatbox_keys_are_withheld_inside_the_file(vault: Vault, tmp_path: Path, case: str) -> None:
    receipt = take_in(vault, FIXTURES / case)
    places = {withheld.where for withheld in receipt.withheld}
    assert places == ({"settings"} if case == "export.json" else {"settings", "configs"})
    give_back(vault, receipt.id, tmp_path / "back")
    (back,) = [path for path in (tmp_path / "back").rglob("*") if path.is_file()] or [tmp_path / "back"]
    assert b"not-a-real" not in back.read_bytes()
    whole = json.loads((FIXTURES / case).read_text())
    assert json.loads(back.read_text()) == whole | {key: {} for key in places}


def test_chatbox_keys_are_kept_if_asked_for(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, FIXTURES / "export.json", with_accounts=True)
    assert not receipt.withheld
    assert give_back(vault, receipt.id, tmp_path / "back").identical


def test_chatbox_copilots_come_back(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, FIXTURES / "export.json")
    give_back(vault, receipt.id, tmp_path / "back")
    (back,) = [path for path in (tmp_path / "back").rglob("*") if path.is_file()] or [tmp_path / "back"]
    assert json.loads(back.read_text())["myCopilots"][0]["prompt"] == "You know rivers."


def test_chatbox_copilots_are_read(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, export(tmp_path / "x.json", myCopilots=[{"id": "c", "name": "Coach", "prompt": "BE A COACH"}, {}]))
    (coach,) = [vault.store.get(kind, id) for _, kind, id in vault.store.live() if kind == "topic"]
    assert coach is not None and coach[1].instructions == "BE A COACH"
    assert [problem.where for problem in receipt.refused] == ["myCopilots[1]"]


def test_chatbox_an_erased_chat_leaves_no_title_in_the_list(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, FIXTURES / "export.json")
    erase(vault, [stored(vault, "b7e1").id])
    give_back(vault, receipt.id, tmp_path / "back")
    (back,) = [path for path in (tmp_path / "back").rglob("*") if path.is_file()] or [tmp_path / "back"]
    text = back.read_text()
    assert "Meanders" not in text and "meander" not in text and "Nothing yet" in text


# --- damage -----------------------------------------------------------------------------------------------------------


def test_chatbox_a_damaged_chat_hides_no_other() -> None:
    problems = [problem.where for _, reading in readings(FIXTURES / "damaged.json") for problem in reading.problems]
    assert problems == [
        "chat-sessions-list[1]",
        "chat-sessions-list[2]",
        "session:d1.messages[1]",
        "session:d1.messages[5]",
        "session:d1.threads[1].messages",
        "session:d3",
        "session:d6",
        "session:d2",
    ]


def test_chatbox_a_chat_out_of_a_backup_is_read_alone(vault: Vault) -> None:
    receipt = take_in(vault, FIXTURES / "backup" / "sessions" / "q9" / "session.json")
    assert (receipt.shape, receipt.new.messages, receipt.attachments.missing) == ("chat", 2, 2)


def test_chatbox_other_objects_are_not_its_exports(tmp_path: Path) -> None:
    for value in (
        {"settings": {}},
        {"session": {"id": "x"}},
        {"id": "x", "name": "y", "messages": [{"role": "user", "content": "z"}]},
    ):
        path = tmp_path / "other.json"
        path.write_text(json.dumps(value))
        with open_delivery(path) as delivery:
            assert chatbox.identify(delivery) is None


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b'{"a": 1, "b":[1,{"x":"}"}], "c" : "z"}', [("a", b"1"), ("b", b'[1,{"x":"}"}]'), ("c", b'"z"')]),
        (b'\xef\xbb\xbf {"a":{"y": [1} , "b":nope, "c":{"k":"v', [("a", b'{"y": [1}'), ("b", b"nope"), ("c", b'{"k":"v')]),
        (b'{"\\u00e4\\"": 1, "\xff": 2}', [('ä"', b"1"), ("\ufffd", b"2")]),
        (b'{"a":', [("a", b"")]),
        (b'{"a"', []),
        (b"[1]", []),
        (b"", []),
    ],
)
def test_members_of_an_object_are_found_whatever_is_in_them(data: bytes, want: list[tuple[str, bytes]]) -> None:
    assert [(key, data[start:end]) for key, start, end in members(data)] == want
