"""Copilot's CSV files: read as CSV, turned round and never sorted, joined by title only where rows stand together."""

from __future__ import annotations

from pathlib import Path

import pytest

from souviens import formats
from souviens.canon import utc
from souviens.delivery import open_delivery
from souviens.formats import copilot
from souviens.port.checking import rebuild
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.port.receipts import SourceReceipt
from souviens.records import Conversation, Reading, spoken
from souviens.vault import Vault
from tests.golden import FIXTURES, readings
from tests.port.given import write

DASHBOARD = FIXTURES / "copilot" / "dashboard"
HEADER = "Conversation,Time,Author,Message\r\n"


def read(path: Path) -> list[Reading]:
    with open_delivery(path) as delivery:
        return [reading for _, reading in readings(formats.reader("copilot"), delivery)]


def history(folder: Path, *rows: str, header: str = HEADER) -> list[Conversation]:
    path = write(folder / "history.csv", ("\ufeff" + header + "".join(f"{row}\r\n" for row in rows)).encode())
    return [found for reading in read(path) for found in reading.conversations]


def said(conversation: Conversation) -> list[tuple[str, str]]:
    return [(message.role, spoken(message)) for message in conversation.messages]


def test_an_answer_of_the_same_second_follows_its_question(tmp_path: Path) -> None:
    (found,) = history(
        tmp_path,
        "t,2026-01-02T10:00:00,AI,a2",
        "t,2026-01-02T10:00:00,Human,q2",
        "t,2026-01-01T10:00:00,AI,a1",
        "t,2026-01-01T10:00:00,Human,q1",
    )
    assert said(found) == [("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")]
    assert [m.parent for m in found.messages] == [None, *(m.id for m in found.messages[:-1])]


def test_rows_out_of_order_are_not_sorted(tmp_path: Path) -> None:
    rows = ["t,2026-01-05T10:00:00,AI,c", "t,2026-01-05T10:00:00,Human,b", "t,,AI,a"]
    (found,) = history(tmp_path, *rows)
    assert [text for _, text in said(found)] == ["a", "b", "c"]


def test_a_file_that_is_oldest_first_is_not_turned_round(tmp_path: Path) -> None:
    (found,) = history(tmp_path, "t,2026-01-01T10:00:00,Human,q", "t,2026-01-01T10:00:00,AI,a")
    assert said(found) == [("user", "q"), ("assistant", "a")]
    assert said(read(FIXTURES / "copilot" / "oldest_first.csv")[0].conversations[0])[0] == ("user", "what goes in?")


def test_lines_quotes_and_commas_inside_a_message_are_its_own(tmp_path: Path) -> None:
    (found,) = history(tmp_path, '"a ""title"", here",2026-01-01T10:00:00,AI,"one,\n\n```\ntwo\n```\n"')
    assert found.head.title == 'a "title", here'
    assert spoken(found.messages[0]) == "one,\n\n```\ntwo\n```\n"


def test_an_empty_question_keeps_its_place(tmp_path: Path) -> None:
    (found,) = history(tmp_path, "t,2026-01-01T10:00:00,AI,answer", 't,2026-01-01T10:00:00,Human,""')
    assert said(found) == [("user", ""), ("assistant", "answer")]


def test_chats_of_one_title_that_stand_apart_stay_two(tmp_path: Path) -> None:
    found = history(
        tmp_path, "Hello,2026-07-02T09:00:00,Human,b", "Other,2026-05-01T09:00:00,Human,x", "Hello,2026-03-01T09:00:00,Human,a"
    )
    assert [c.head.title for c in found] == ["Hello", "Other", "Hello"] and len({c.id for c in found}) == 3


def test_a_time_that_runs_the_wrong_way_begins_another_chat(tmp_path: Path) -> None:
    rows = [
        "Hello,2026-03-02T09:00:00,Human,b",
        "Hello,2026-03-01T09:00:00,Human,a",
        "Hello,2026-07-02T09:00:00,Human,d",
        "x,2026-01-01T00:00:00,AI,y",
    ]
    assert len(history(tmp_path, *rows)) == 3


def test_rows_joined_by_nothing_but_a_title_say_so(tmp_path: Path) -> None:
    (found,) = history(tmp_path, "Hello,2026-07-02T09:00:00,Human,b", "Hello,2026-03-01T09:00:00,Human,a")
    assert found.head.extra["joined"] == "rows of one title that stand together"


def test_naive_times_stay_naive_and_stated_zones_are_kept(tmp_path: Path) -> None:
    (naive,) = history(tmp_path, "t,2026-01-01T10:00:00,AI,a")
    assert naive.messages[0].time.zone == "none"
    chats = "CreatedAt,MessageContent,Author,ChatName\r\n"
    (stated,) = history(tmp_path, "1/31/2026 9:05:00 PM +02:00,x,user,t", header=chats)
    time = stated.messages[0].time
    assert (time.given, utc(time.us), time.zone) == ("1/31/2026 9:05:00 PM +02:00", "2026-01-31T19:05:00Z", "offset")


def test_the_second_layout_knows_the_person_from_copilot(tmp_path: Path) -> None:
    chats = "CreatedAt,MessageContent,Author,ChatName\r\n"
    (found,) = history(tmp_path, "1/1/2026 10:00:00 +00:00,q,user,t", "1/1/2026 10:00:01 +00:00,a,My Copilot,t", header=chats)
    assert said(found) == [("user", "q"), ("assistant", "a")]
    assert [m.author for m in found.messages] == [None, "My Copilot"]


def test_prompts_without_answers_are_conversations_of_their_own(tmp_path: Path) -> None:
    header = "Timestamp,ClientApp,Prompt\r\n"
    found = history(tmp_path, "2026-01-01T10:00:00Z,Paint,one", "2026-01-01T10:00:00Z,Paint,other", header=header)
    assert [said(c) for c in found] == [[("user", "one")], [("user", "other")]]
    assert len({c.id for c in found}) == 2


def test_an_empty_file_beside_others_is_no_fault(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, DASHBOARD)
    assert not receipt.refused
    assert give_back(vault, receipt.id, tmp_path / "back").identical


@pytest.mark.parametrize("text", ["a,b,c\n1,2,3\n", "Conversation\nTime\n", "Time,Author,Message\nx,y,z\n", ""])
def test_other_tables_are_refused(tmp_path: Path, text: str) -> None:
    with open_delivery(write(tmp_path / "x.csv", (text or "\n").encode())) as delivery:
        assert copilot.identify(delivery) is None


def test_a_later_export_of_a_chat_that_grew_adds_to_it(vault: Vault, tmp_path: Path) -> None:
    old = ["t,2026-01-01T10:00:00,AI,a1", "t,2026-01-01T10:00:00,Human,q1"]
    new = ["t,2026-01-02T10:00:00,AI,a2", "t,2026-01-02T10:00:00,Human,q2"]
    take_in(vault, write(tmp_path / "1.csv", (HEADER + "\r\n".join(old)).encode()))
    receipt = take_in(vault, write(tmp_path / "2.csv", (HEADER + "\r\n".join(new + old)).encode()))
    assert receipt.new.conversations == 0 and receipt.new.messages == 2


def test_erasing_blanks_the_row_and_moves_no_other(vault: Vault, tmp_path: Path) -> None:
    rows = ['t,2026-01-02T10:00:00,AI,"two\nlines"', "t,2026-01-02T10:00:00,Human,middle", "t,2026-01-01T10:00:00,Human,first"]
    receipt = take_in(vault, write(tmp_path / "1.csv", (HEADER + "\r\n".join(rows)).encode()))
    (whole,) = read(tmp_path / "1.csv")[0].conversations
    for gone in (whole.messages[0], whole.messages[2]):
        erase(vault, [gone.id])
    ((_, _, id),) = vault.store.live()
    left = vault.store.get("conversation", id)
    assert left is not None and isinstance(left[1], Conversation) and id == whole.id
    assert [(m.id, m.hash) for m in left[1].messages] == [(whole.messages[1].id, whole.messages[1].hash)]
    back = Path(give_back(vault, receipt.id, tmp_path / "back").path)
    data = back.read_bytes() if back.is_file() else next(back.rglob("*.csv")).read_bytes()
    assert b"two" not in data and b"first" not in data and b"middle" in data
    assert len(data) == len((HEADER + "\r\n".join(rows)).encode())


# --- what is told apart -----------------------------------------------------------------------------------------------

PROMPTS = "Timestamp,ClientApp,Prompt\r\n"
CHATS = "CreatedAt,MessageContent,Author,ChatName\r\n"


def taken(vault: Vault, path: Path, text: str) -> SourceReceipt:
    return take_in(vault, write(path, text.encode()))


def test_prompts_of_one_second_app_and_length_are_two(vault: Vault, tmp_path: Path) -> None:
    rows = [f"3/1/2025 10:00:00 AM,Copilot,{word}\r\n" for word in ("cats", "dogs", "cats")]
    receipt = taken(vault, tmp_path / "1.csv", PROMPTS + "".join(rows))
    assert (receipt.new.conversations, receipt.new.messages) == (2, 2)
    assert [(p.kind, p.where) for p in receipt.refused] == [("conversation", "[2]")]
    assert give_back(vault, receipt.id, tmp_path / "back").identical
    newer = "3/2/2025 10:00:00 AM,Copilot,cows\r\n"
    again = taken(vault, tmp_path / "2.csv", PROMPTS + newer + rows[1] + rows[0])
    assert (again.new.conversations, again.unchanged.conversations) == (1, 2)


def test_chats_of_one_title_and_second_are_two_by_their_first_words(tmp_path: Path) -> None:
    rows = [f"{title},2026-01-01T10:00:00,Human,{text}" for title, text in (("New", "cats"), ("Other", "x"), ("New", "dogs"))]
    assert len({found.id for found in history(tmp_path, *rows)}) == 3


def test_an_erased_oldest_row_leaves_the_id(vault: Vault, tmp_path: Path) -> None:
    text = HEADER + "t,2026-01-01T10:00:00,AI,a\r\nt,2026-01-01T10:00:00,Human,q\r\n"
    receipt = taken(vault, tmp_path / "1.csv", text)
    ((_, _, id),) = vault.store.live()
    (whole,) = read(tmp_path / "1.csv")[0].conversations
    erase(vault, [whole.messages[0].id])
    assert [id for _, _, id in vault.store.live()] == [id]
    newer = taken(vault, tmp_path / "2.csv", text.replace(HEADER, HEADER + "t,2026-01-02T10:00:00,AI,b\r\n"))
    assert (receipt.new.conversations, newer.new.conversations, newer.new.messages) == (1, 0, 1)


# --- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'Conversation, Time, Author, Message\r\n"T", "2025-03-01T10:00:01", "Human", "hi, there"\r\n',
        'Conversation;Time;Author;Message\r\nT;2025-03-01T10:00:01;Human;"hi, there"\r\n',
        "Conversation\tTime\tAuthor\tMessage\r\nT\t2025-03-01T10:00:01\tHuman\thi, there\r\n",
        'Message,Author,Time,Conversation\r\n"hi, there",Human,2025-03-01T10:00:01,T\r\n',
        'conversation,TIME,"author",message\r\nT,2025-03-01T10:00:01,Human,"hi, there"\r\n',
    ],
)
def test_columns_are_known_by_their_names(vault: Vault, tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "x.csv", text.encode())
    (found,) = read(path)[0].conversations
    assert (found.head.title, found.messages[0].role, spoken(found.messages[0])) == ("T", "user", "hi, there")
    assert utc(found.messages[0].time.us) == "2025-03-01T10:00:01Z"
    usual = history(tmp_path, 'T,2025-03-01T10:00:01,Human,"hi, there"')
    assert found.id == usual[0].id
    receipt = take_in(vault, path)
    rebuild(vault, records=True)
    assert not receipt.refused and give_back(vault, receipt.id, tmp_path / "back").identical
    assert [id for _, _, id in vault.store.live()] == [found.id]


def test_other_columns_beside_them_are_kept(tmp_path: Path) -> None:
    (found,) = history(tmp_path, "7,T,2025-03-01T10:00:01,Human,hi", header="Id,Conversation,Time,Author,Message\r\n")
    assert found.messages[0].extra == {"Id": "7"} and found.head.title == "T"


# --- authors ----------------------------------------------------------------------------------------------------------


def test_an_author_of_spaces_is_no_erasure(tmp_path: Path) -> None:
    (found,) = history(tmp_path, "T,2025-03-01T10:00:01,   ,text", "T,2025-03-01T10:00:01,Human,q")
    assert said(found) == [("user", "q"), ("", "text")]
    assert found.messages[1].extra == {"Author": "   "}


def test_a_name_is_no_role(tmp_path: Path) -> None:
    rows = ["3/1/2025 10:00:00 +00:00,hi,Jane Doe,C", "3/1/2025 10:00:01 +00:00,yo,Copilot,C"]
    (found,) = history(tmp_path, *rows, header=CHATS)
    assert [(m.role, m.author) for m in found.messages] == [("", "Jane Doe"), ("assistant", "Copilot")]
