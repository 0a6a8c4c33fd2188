"""AnythingLLM: rows of a workspace as one conversation, answers out of the database, CSV, and shapes that others write too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.formats import anythingllm
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Citation, Conversation, File, Json, Message, Opaque, Reading, Text, active_path
from souviens.vault import Vault
from tests import golden

FIXTURES = Path(__file__).parent / "anythingllm"


def readings(path: Path) -> list[Reading]:
    with open_delivery(path) as delivery:
        return [reading for _, reading in golden.readings(golden.reader("anythingllm"), delivery)]


def said(messages: tuple[Message, ...]) -> list[str]:
    return [part.text for message in messages for part in message.parts if isinstance(part, Text)]


def stored(vault: Vault, *sources: Path) -> list[Conversation]:
    """The conversations that a vault has after these sources were taken in, by their titles."""
    for source in sources:
        take_in(vault, source)
    found = [vault.store.get(kind, id) for _, kind, id in vault.store.live()]
    talks = [record for entry in found if entry is not None and isinstance(record := entry[1], Conversation)]
    return sorted(talks, key=lambda talk: (talk.head.title, len(talk.messages)))


def shape(path: Path, text: str) -> str | None:
    path.write_text(text)
    with open_delivery(path) as delivery:
        return anythingllm.identify(delivery)


# --- conversations ----------------------------------------------------------------------------------------------------


def test_anythingllm_rows_of_a_workspace_and_a_user_are_one_conversation(vault: Vault) -> None:
    talks = stored(vault, FIXTURES / "chats.json")
    assert [(talk.head.title, len(talk.messages)) for talk in talks] == [
        ("Garden", 4),
        ("Garden", 5),
        ("Kitchen", 2),
        ("unknown workspace", 2),
    ]
    garden = talks[1]
    assert garden.head.extra["joined"] == "rows of one workspace and user"
    assert said(active_path(garden)) == [
        "What grows in shade?",
        "Moss does.",
        "Und welche Farbe hat Moos? \U0001f331",
        "Grün.",
        "Is anybody there?",
    ]


def test_anythingllm_a_row_that_names_a_thread_is_of_that_thread(vault: Vault) -> None:
    thread = stored(vault, FIXTURES / "chats.json")[0]
    assert thread.head.extra["thread"] == "Ferns" and "joined" not in thread.head.extra
    assert said(active_path(thread)) == ["Now in a thread", "Said apart.", "And more of it", "Yes."]


def test_anythingllm_a_file_that_is_newest_first_is_turned_round(vault: Vault) -> None:
    (talk,) = stored(vault, FIXTURES / "rows_of_2023.csv")
    assert said(active_path(talk)) == ["Is it a harbour?", "It is.", "How deep is it?", "Nine metres."]


def test_anythingllm_two_exports_are_one_conversation(vault: Vault) -> None:
    garden = next(talk for talk in stored(vault, FIXTURES / "chats.json", FIXTURES / "rows.csv") if len(talk.messages) == 7)
    assert "Wie hoch wächst Farn?" in said(garden.messages) and "What grows in shade?" in said(garden.messages)


def test_anythingllm_what_stands_for_nobody_is_no_author(vault: Vault) -> None:
    talks = stored(vault, FIXTURES / "chats.json", FIXTURES / "rows.csv")
    authors = {(talk.head.extra["username"], message.author) for talk in talks for message in talk.messages}
    assert authors == {("ada", "ada"), ("ada", None), ("bo", "bo"), ("bo", None), ("API", None), ("unknown user", None)}


# --- answers ----------------------------------------------------------------------------------------------------------


def answers() -> list[Message]:
    return [m for reading in readings(FIXTURES / "chats.json") for m in reading.conversations[0].messages if m.role == "assistant"]


def test_anythingllm_an_answer_may_be_json_in_a_string() -> None:
    found = next(message for message in answers() if message.extra["id"] == 3)
    assert [type(part) for part in found.parts] == [Text, Citation, Opaque]
    cited = found.parts[1]
    assert isinstance(cited, Citation) and (cited.title, cited.text) == ("moss.txt", "Moss is green.")
    assert json.loads(found.extra["response"])["metrics"] == {"total_tokens": 12}


def test_anythingllm_an_answer_may_be_an_object() -> None:
    found = next(message for message in answers() if message.extra["id"] == 6)
    assert said((found,)) == ["Said apart."]
    assert found.extra["response"] == {"type": "query", "mood": "calm"}


def test_anythingllm_a_rating_is_the_answers() -> None:
    assert [message.extra["rating"] for message in answers()] == ["GOOD", "--", "BAD", "--", "--", "--"]


def test_anythingllm_a_picture_is_the_questions() -> None:
    (asked, _) = readings(FIXTURES / "chats.json")[2].conversations[0].messages
    picture = asked.parts[1]
    assert isinstance(picture, File) and (asked.role, picture.media) == ("user", "image")


# --- CSV --------------------------------------------------------------------------------------------------------------


def test_anythingllm_quotation_marks_and_commas_in_csv() -> None:
    asked = readings(FIXTURES / "rows.csv")[0].conversations[0].messages[0]
    assert said((asked,)) == ['Salt, or "salt"?']


@pytest.mark.parametrize("case", ["rows.csv", "rows_of_2023.csv"])
def test_anythingllm_times_as_javascript_prints_them(case: str) -> None:
    times = [message.time for reading in readings(FIXTURES / case) for message in reading.conversations[0].messages]
    want = (1_772_359_200_000_000, 1_772_359_500_000_000) if case == "rows.csv" else (1_699_090_200_000_000, 1_699_090_140_000_000)
    assert [time.us for time in times[::2][:2]] == list(want)
    assert all(time.zone == "offset" and time.given and "GMT" in time.given for time in times)


def test_anythingllm_an_erased_answer_leaves_the_row(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, FIXTURES / "rows.csv")
    (garden,) = [talk for talk in stored(vault) if talk.head.title == "Garden"]
    erase(vault, [garden.messages[1].id])
    give_back(vault, receipt.id, tmp_path / "back")
    (back,) = [path for path in (tmp_path / "back").rglob("*") if path.is_file()] or [tmp_path / "back"]
    text = back.read_text(encoding="utf-8")
    assert "zwei Metern" not in text and "GOOD" not in text
    assert "Wie hoch wächst Farn?" in text and len(text.splitlines()) == 4


def test_anythingllm_a_damaged_row_hides_no_other() -> None:
    found = readings(FIXTURES / "damaged_rows.csv")
    assert [problem.reason for reading in found for problem in reading.problems] == [
        "has 3 of 7 columns",
        "text that is not UTF-8",
        "cut off: a quotation mark is not closed",
    ]
    assert said(found[0].conversations[0].messages) == ["Kept.", "Too."]


# --- workspaces and Alpaca rows ---------------------------------------------------------------------------------------


def test_anythingllm_a_line_is_a_workspace() -> None:
    first, second = [reading.conversations[0] for reading in readings(FIXTURES / "workspaces.jsonl")]
    assert [message.role for message in first.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert said(second.messages) == ["Du kochst.", "Salz?", "Ja."]


def test_anythingllm_a_second_line_behind_a_long_first_is_read(tmp_path: Path) -> None:
    lines = (FIXTURES / "workspaces.jsonl").read_text().split("\n")
    path = tmp_path / "long.jsonl"
    path.write_text("\n".join([lines[0].replace("A fern.", "A fern. " * 20_000), lines[1]]))
    assert len(readings(path)) == 2


def test_anythingllm_an_alpaca_row_is_a_conversation_by_itself() -> None:
    talks = [reading.conversations[0] for reading in readings(FIXTURES / "alpaca.json")]
    assert [[message.role for message in talk.messages] for talk in talks] == [
        ["system", "user", "assistant"],
        ["system", "user", "assistant"],
        ["system", "user"],
    ]


# --- what it is -------------------------------------------------------------------------------------------------------

DEFAULT = "Given the following conversation, relevant context, and so on."


def talk(system: Json, asked: Json, answered: Json) -> Json:
    roles = zip(("system", "user", "assistant"), (system, asked, answered), strict=True)
    return {"messages": [{"role": role, "content": content} for role, content in roles]}


def example(instruction: str, input: str) -> Json:
    return {"instruction": instruction, "input": input, "output": "Yes."}


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (talk(DEFAULT, "Why?", "So."), "jsonl"),
        (talk("Be kind.", "Why?", "So."), None),
        (talk("Be kind.", [{"type": "text", "text": "Why?"}], "So."), None),
        (talk("Be kind.", "Why?", "So.") | {"tools": []}, None),
        ([example("Be kind.", "Why?"), example("Be kind.", "How?")], "alpaca"),
        ([example(DEFAULT, "Why?")], "alpaca"),
        ([example("Name a fruit.", ""), example("Name a fruit.", "")], None),
        ([example("Name a fruit.", "Green"), example("Name a tree.", "Tall")], None),
        ([{"role": "user", "content": "Why?"}], None),
        ([{"id": 1, "prompt": "Why?", "response": "So."}], None),
        ([{"id": 1, "prompt": "Why?", "sent_at": "x", "workspace": "W"}], "json"),
    ],
)
def test_anythingllm_shapes_of_datasets_are_its_own_only_with_a_sign(tmp_path: Path, value: Json, want: str | None) -> None:
    assert shape(tmp_path / "x.json", json.dumps(value)) == want


def test_anythingllm_other_tables_are_not_its_exports(tmp_path: Path) -> None:
    assert shape(tmp_path / "x.csv", "id,workspace,prompt,response,sent_at,username\n1,a,b,c,d,e\n") == "csv"
    assert shape(tmp_path / "y.csv", "id,prompt,response,sent_at\n1,a,b,c\n") is None


# --- what is told apart -----------------------------------------------------------------------------------------------


def test_anythingllm_workspaces_and_examples_of_one_layout_are_two(vault: Vault, tmp_path: Path) -> None:
    def line(asked: str, answer: str) -> str:
        said = (("system", "Be kind."), ("user", asked), ("assistant", answer))
        return json.dumps({"messages": [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in said]})

    lines = [line("cats", "purr"), line("dogs", "woof")]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert len(stored(vault, tmp_path / "a.jsonl")) == 2
    (tmp_path / "b.jsonl").write_text("\n".join(lines[::-1]))
    assert take_in(vault, tmp_path / "b.jsonl").new.conversations == 0
    rows = [{"instruction": "Be kind.", "input": asked, "output": "So."} for asked in ("cats", "dogs", "cats")]
    (tmp_path / "c.json").write_text(json.dumps(rows))
    receipt = take_in(vault, tmp_path / "c.json")
    assert receipt.new.conversations == 2
    assert [p.where for p in receipt.refused] == ["[2]"]


def test_anythingllm_rows_without_ids_of_one_second_are_two(vault: Vault, tmp_path: Path) -> None:
    rows = [{"id": None, "workspace": "w", "prompt": p, "response": "So.", "sent_at": 1735689600000} for p in ("cats", "dogs")]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (talk,) = stored(vault, tmp_path / "a.json")
    assert [len(talk.messages), len(talk.older)] == [4, 0]
    erase(vault, [talk.messages[0].id])
    ((_, _, id),) = vault.store.live()
    left = vault.store.get("conversation", id)
    assert left is not None and isinstance(left[1], Conversation)
    assert {m.id for m in left[1].messages} == {m.id for m in talk.messages[1:]}
