"""SillyTavern: headers, swipes as siblings, times in every spelling, branches as files, and an erasure inside a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souviens.canon import utc
from souviens.delivery import open_delivery
from souviens.formats import sillytavern
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Conversation, File, Json, Message, Reading, Reasoning, Text, ToolCall, active_path, branch_points
from souviens.vault import Vault
from tests import golden

FIXTURES = Path(__file__).parent / "sillytavern"
ONE = "chats/heron/heron - one.jsonl"
BRANCH = "chats/heron/Branch #1 - heron - one.jsonl"
GROUP = "group chats/2026-08-02@11h00m00s.jsonl"
HEADER = {"user_name": "Ada", "character_name": "Heron", "create_date": "2026-08-01@10h00m00s", "chat_metadata": {}}


def readings(path: Path) -> dict[str, Reading]:
    with open_delivery(path) as delivery:
        assert sillytavern.identify(delivery) == "chats"
        return {slice.path: reading for slice, reading in golden.readings(golden.reader("sillytavern"), delivery)}


def talk(name: str) -> Conversation:
    return readings(FIXTURES / "data")[name].conversations[0]


def texts(messages: tuple[Message, ...]) -> list[str]:
    return [part.text for message in messages for part in message.parts if isinstance(part, Text)]


def line(text: str, date: Json = "August 1, 2026 10:00am", **fields: Json) -> Json:
    return {"name": "Heron", "is_user": False, "is_system": False, "send_date": date, "mes": text, "extra": {}} | fields


def read_of(tmp_path: Path, *lines: Json, name: str = "chat.jsonl") -> Conversation:
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(each) for each in lines))
    (reading,) = readings(path).values()
    assert not reading.problems
    return reading.conversations[0]


# --- what it is -------------------------------------------------------------------------------------------------------


def test_sillytavern_the_first_line_is_a_header_and_no_message() -> None:
    read = talk(ONE)
    assert texts(read.messages[:1]) == ["Good morning, {{user}}."]
    assert read.head.created.us == 1_785_578_400_000_000 and read.head.created.zone == "none"
    assert read.head.extra["chat_metadata"]["note_prompt"] == "Be slow."


def test_sillytavern_a_group_s_chat_may_begin_without_a_header() -> None:
    read = talk(GROUP)
    assert [message.author for message in read.messages] == ["Heron", "Otter", "Narrator"]
    assert read.head.title == "2026-08-02@11h00m00s"


def test_sillytavern_a_chat_of_one_line_is_one(tmp_path: Path) -> None:
    assert texts(read_of(tmp_path, line("alone")).messages) == ["alone"]
    assert read_of(tmp_path, HEADER).messages == ()


def test_sillytavern_other_lines_are_not_its_chats(tmp_path: Path) -> None:
    for value in ({"name": "x", "mes": 1}, {"role": "user", "content": "x"}, {"user_name": "x", "character_name": "y"}):
        path = tmp_path / "other.jsonl"
        path.write_text(f"{json.dumps(value)}\n{json.dumps(value)}\n")
        with open_delivery(path) as delivery:
            assert sillytavern.identify(delivery) is None


# --- swipes -----------------------------------------------------------------------------------------------------------


def test_sillytavern_swipes_are_siblings_and_the_chosen_one_goes_on() -> None:
    read = talk(ONE)
    assert [(place is None, len(swipes)) for place, swipes in branch_points(read.messages).items()] == [(True, 2), (False, 3)]
    assert texts(active_path(read)) == [
        "*looks up* You again.",
        "Where are the fish?",
        "Below the bridge.",
        "The author steps aside.",
        "A line kept from the model.",
    ]
    assert [message.parent for message in read.messages[:2]] == [None, None]


def test_sillytavern_a_swipe_has_its_own_time_model_and_thoughts() -> None:
    swipes = [m for m in talk(ONE).messages if texts((m,)) and texts((m,))[0] in ("Below the bridge.", "In the reeds.")]
    assert [(m.model, m.time.given) for m in swipes] == [
        ("owl-13b", "August 1, 2026 10:02am"),
        ("kite-7b", "August 1, 2026 10:03am"),
    ]
    assert [part.text for m in swipes for part in m.parts if isinstance(part, Reasoning)] == ["He wants fish.", "Reeds hide fish."]


def test_sillytavern_a_message_keeps_its_id_when_another_swipe_is_chosen(tmp_path: Path) -> None:
    infos = [{"send_date": "August 1, 2026 10:00am"}, {"send_date": "August 1, 2026 10:05am"}]
    alone = read_of(tmp_path, HEADER, line("a"))
    both = {"swipes": ["a", "b"], "swipe_info": infos}
    first = read_of(tmp_path, HEADER, line("a", swipe_id=0, **both))
    second = read_of(tmp_path, HEADER, line("b", "August 1, 2026 10:05am", swipe_id=1, **both))
    assert [m.id for m in alone.messages] == [first.messages[0].id]
    assert [m.id for m in first.messages] == [m.id for m in second.messages]
    assert (texts(active_path(first)), texts(active_path(second))) == (["a"], ["b"])


@pytest.mark.parametrize("words", ["Below the bridge.", "In the reeds."])
def test_sillytavern_of_a_line_one_swipe_can_be_erased(vault: Vault, tmp_path: Path, words: str) -> None:
    receipt = take_in(vault, FIXTURES / "data" / ONE)
    gone = next(message.id for message in talk(ONE).messages if words in texts((message,)))
    erase(vault, [gone])
    give_back(vault, receipt.id, tmp_path / "back")
    (back,) = [path for path in (tmp_path / "back").rglob("*") if path.is_file()] or [tmp_path / "back"]
    text = back.read_text()
    left = {"Below the bridge.", "In the reeds.", "Gone. 魚はいない。"} - {words}
    assert words not in text and all(other in text for other in left)
    assert ("He wants fish." in text, "Reeds hide fish." in text) == (words != "Below the bridge.", words != "In the reeds.")
    assert "The fish are below the bridge." not in text or words != "Below the bridge."
    assert [json.loads(each) for each in text.splitlines()]


# --- who and when -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "iso", "zone"),
    [
        ("August 1, 2026 10:00am", "2026-08-01T10:00:00Z", "none"),
        ("August 1, 2026 12:05am", "2026-08-01T00:05:00Z", "none"),
        ("Aug 1, 2026 12:05 PM", "2026-08-01T12:05:00Z", "none"),
        ("2026-08-01@10h00m00s", "2026-08-01T10:00:00Z", "none"),
        ("2026-8-1 @9h 5m 7s 42ms", "2026-08-01T09:05:07.042000Z", "none"),
        ("2026-08-01T10:00:00.000Z", "2026-08-01T10:00:00Z", "offset"),
        (1_785_578_400_000, "2026-08-01T10:00:00Z", "epoch"),
        ("1785578400000", "2026-08-01T10:00:00Z", "epoch"),
        ("1785578400", "2026-08-01T10:00:00Z", "epoch"),
    ],
)
def test_sillytavern_times_are_read_in_every_spelling(tmp_path: Path, given: Json, iso: str, zone: str) -> None:
    (message,) = read_of(tmp_path, HEADER, line("x", given)).messages
    assert (utc(message.time.us), message.time.zone, message.time.given) == (iso, zone, str(given))


@pytest.mark.parametrize(
    "given", ["some day", "Smarch 1, 2026 10:00am", "2026-13-01@10h00m00s", "February 30, 2026 1:00am", "", None]
)
def test_sillytavern_a_time_that_is_none_is_unknown(tmp_path: Path, given: Json) -> None:
    (message,) = read_of(tmp_path, HEADER, line("x", given)).messages
    assert message.time.us is None and message.time.unknown


def test_sillytavern_names_are_authors() -> None:
    assert {message.author for message in talk(ONE).messages} == {"Heron", "Ada", "Note"}


def test_sillytavern_is_system_marks_asides_but_not_what_a_model_wrote() -> None:
    roles = {texts((message,))[0]: message.role for message in talk(ONE).messages if texts((message,))}
    assert roles["The author steps aside."] == "system"
    assert roles["A line kept from the model."] == "assistant"
    assert roles["Where are the fish?"] == "user"


def test_sillytavern_tools_are_calls_with_results() -> None:
    calls = [part for message in talk(BRANCH).messages for part in message.parts if isinstance(part, ToolCall)]
    assert [(call.name, call.call) for call in calls] == [("RollTheDice", "call_7"), ("Look", "call_8")]


# --- files beside -----------------------------------------------------------------------------------------------------


def test_sillytavern_branches_are_conversations_that_name_their_main_chat() -> None:
    main, branch = talk(ONE), talk(BRANCH)
    assert main.id != branch.id
    assert branch.head.extra["chat_metadata"] == {"main_chat": main.head.title}


def test_sillytavern_pictures_are_found_in_the_user_s_folder(vault: Vault) -> None:
    receipt = take_in(vault, FIXTURES / "data")
    assert (receipt.attachments.found, receipt.attachments.missing) == (2, 4)
    files = [part for message in talk(BRANCH).messages for part in message.parts if isinstance(part, File)]
    assert [file.media for file in files] == ["image", "file", "file", "image", "audio"]


def test_sillytavern_cards_come_back_and_keys_are_withheld(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, FIXTURES / "data")
    assert sorted(withheld.path for withheld in receipt.withheld) == ["secrets.json", "settings.json"]
    give_back(vault, receipt.id, tmp_path / "back")
    assert (tmp_path / "back" / "characters" / "heron.png").read_bytes() == (FIXTURES / "data/characters/heron.png").read_bytes()
    assert not any(b"not-a-real" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_sillytavern_a_damaged_line_costs_one_message() -> None:
    (reading,) = readings(FIXTURES / "damaged.jsonl").values()
    assert [problem.where for problem in reading.problems] == ["lines[4]", "lines[5]", "lines[8]", "lines[10]"]
    assert len(reading.conversations[0].messages) == 8


def test_sillytavern_a_name_in_two_folders_is_two_chats_and_the_header_s_word_goes_first(tmp_path: Path) -> None:
    unnamed = {"user_name": "unused", "character_name": "unused"}
    chats = {
        "Alice/chat.jsonl": [line("hello from alice")],
        "Bob/chat.jsonl": [line("hello from bob")],
        "Cleo/chat.jsonl": [{**unnamed, "chat_metadata": {"integrity": "1f"}}, line("hello from cleo")],
        "Dora/chat.jsonl": [{**unnamed, "chat_metadata": {"integrity": "2f"}}, line("hello from dora")],
        "Heron/chat.jsonl": [HEADER, line("hello from heron")],
    }
    for name, lines in chats.items():
        (tmp_path / "chats" / name).parent.mkdir(parents=True)
        (tmp_path / "chats" / name).write_text("\n".join(map(json.dumps, lines)))
    found = {path: reading.conversations[0].id for path, reading in readings(tmp_path).items()}
    assert len(set(found.values())) == len(chats)
    alone = read_of(tmp_path / "chats" / "Heron", *chats["Heron/chat.jsonl"])
    assert alone.id == found["chats/Heron/chat.jsonl"]


@pytest.mark.parametrize("text", ["{0}\n\n{1}\n\n{2}\n", "{0}\n{1}\n{2}\n\n\n", "\n\r\n{0}\n{1}\n  \n{2}"])
def test_sillytavern_blank_lines_are_no_messages(tmp_path: Path, text: str) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text(text.format(*map(json.dumps, (HEADER, line("hi"), line("yo", is_user=True)))), newline="")
    (reading,) = readings(path).values()
    (read,) = reading.conversations
    first, second = read.messages
    assert (texts(read.messages), first.parent, second.parent, read.head.tip) == (["hi", "yo"], None, first.id, second.id)
    assert not reading.unknown and not reading.problems


def test_sillytavern_an_erasure_between_blank_lines_takes_the_right_line(vault: Vault, tmp_path: Path) -> None:
    lines = [json.dumps(each) for each in (HEADER, line("one"), line("two"), line("three"))]
    (tmp_path / "chat.jsonl").write_text("\n\n".join(lines))
    receipt = take_in(vault, tmp_path / "chat.jsonl")
    (reading,) = readings(tmp_path / "chat.jsonl").values()
    erase(vault, [reading.conversations[0].messages[1].id])
    give_back(vault, receipt.id, tmp_path / "back.jsonl")
    assert (tmp_path / "back.jsonl").read_text().split("\n") == "\n\n".join([*lines[:2], " " * len(lines[2]), lines[3]]).split("\n")
