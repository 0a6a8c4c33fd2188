"""Memories as text: what assistants answer to the prompts of Claude's and Gemini's imports, and ours, which come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from souviens.canon import rfc3339, unknown, utc
from souviens.delivery import open_delivery
from souviens.formats import Chosen, memory_text
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Memory, Reading
from souviens.vault import Vault
from tests import golden
from tests.strategies import chosen as chosen_records

CASES = golden.FIXTURES / "memory_text"


def readings(path: Path) -> list[Reading]:
    with open_delivery(path) as delivery:
        return [reading for _, reading in golden.readings(memory_text, delivery)]


def memories(path: Path) -> list[Memory]:
    return [memory for reading in readings(path) for memory in reading.memories]


def shape(path: Path) -> str | None:
    with open_delivery(path) as delivery:
        return memory_text.identify(delivery)


# --- what is a list of memories, and what is not ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "# Changes\n\n## [1.2.0] - 2025-01-01\n- Added a thing\n",
        "[2025-01-01] - started the pump\n[2025-01-02] - stopped the pump\n",
        "# Projects\n\n- a list\n- of things\n",
        "## Identity\n\nNothing dated here.\n",
        "# Notes\n" + "words and words\n" * 40 + "```\n[2025-01-01] - one line of a log\n```\n",
        "- [2025-01-01] a task of that day\n- [x] done\n",
        "* Evidence: User said so. Date: [2025-01-01].\n",
        '[{"date": "2025-01-01"}]',
        "",
    ],
)
def test_memory_text_does_not_claim_other_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.md").write_text(text)
    assert shape(tmp_path) is None


def test_memory_text_an_answer_without_headings_is_known_by_its_unknown_dates() -> None:
    assert shape(CASES / "older_prompt.txt") == "dated"


def test_memory_text_gemini_s_form_has_the_day_below_the_entry() -> None:
    assert shape(CASES / "gemini_prompt.md") == "evidence"


# --- reading ----------------------------------------------------------------------------------------------------------


def test_memory_text_headings_give_the_kind_however_they_are_set() -> None:
    assert [memory.kind for memory in memories(CASES / "claude_prompt.txt")] == [
        *("instruction", "instruction", "fact", "fact", "relationship", "fact", "project", "project"),
    ]
    assert [memory.kind for memory in memories(CASES / "gemini_prompt.md")] == ["fact", "fact", "preference", "project"]


def test_memory_text_a_date_that_is_not_known_stays_unknown() -> None:
    found = {memory.text: memory.created for memory in memories(CASES / "claude_prompt.txt")}
    assert found["Answer in short paragraphs."] == rfc3339("2025-03-01")
    assert found["Studied marine law."] == unknown("not a date", "2025-01")
    assert found["Never suggest ```rm -rf``` without asking."].us is None


def test_memory_text_evidence_and_whose_it_is_stay_beside_the_claim() -> None:
    first, second, *_ = memories(CASES / "gemini_prompt.md")
    assert first.extra["evidence"] == 'Evidence: User said "call me Jorun, not Jo".'
    assert first.created == rfc3339("2025-01-05")
    assert second.created == unknown("absent"), "“Not available” is no date"
    assert {memory.extra["from"] for memory in memories(CASES / "gemini_prompt.md")} == {"ChatGPT"}


def test_memory_text_what_an_assistant_claims_is_no_word_of_the_person() -> None:
    assert {(memory.authority, memory.status) for memory in memories(CASES / "claude_prompt.txt")} == {("imported", "proposed")}


def test_memory_text_an_entry_may_go_on_over_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "```\n## Identity\n[unknown] - Two boats:\n- Ask\n- Embla\n[unknown] - One cat.\n```\nThat is all.\n"
    )
    assert [memory.text for memory in memories(tmp_path)] == ["Two boats:\n- Ask\n- Embla", "One cat."]


def test_memory_text_every_claim_of_a_block_is_one_however_its_day_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "```\n[2024-05-06] - Likes tea\n[05/06/2023] - Has a dog\n[2023-01-02 10:00] - Lives in Rome\n"
        "[Jan 2022] - Works at a mill\n- Eats no meat\n```\n"
    )
    assert {memory.text: memory.created for memory in memories(tmp_path)} == {
        "Likes tea": rfc3339("2024-05-06"),
        "Has a dog": unknown("not a date", "05/06/2023"),
        "Lives in Rome": rfc3339("2023-01-02 10:00"),
        "Works at a mill": unknown("not a date", "Jan 2022"),
        "Eats no meat": unknown("absent"),
    }


def test_memory_text_one_sentence_of_two_days_keeps_both(vault: Vault, tmp_path: Path) -> None:
    days = ("2024-01-02", "2025-03-04")
    (tmp_path / "a.txt").write_text("```\n" + "".join(f"[{day}] - Ran a marathon\n" for day in days) + "```\n")
    take_in(vault, tmp_path / "a.txt")
    (record,) = (vault.store.pack(number) for number, _, _ in vault.store.live())
    assert isinstance(record, Memory)
    assert {version.extra["date"] for version in (record, *record.versions)} == set(days)


def test_memory_text_the_inside_of_a_block_is_a_list_if_it_is_given_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("[2024-01-02] - Likes tea\n[2024-01-03] - Likes rain\n")
    assert shape(tmp_path / "a.txt") == "dated"
    (tmp_path / "b.txt").write_text("[2024-01-02] - Likes tea\nand so on\n")
    assert shape(tmp_path / "b.txt") is None
    (tmp_path / "c.txt").write_text("a log\n")
    assert shape(tmp_path) is None, "between other files it may be any log"


def test_memory_text_bytes_that_are_no_text_refuse_one_entry(vault: Vault) -> None:
    receipt = take_in(vault, CASES / "damaged.txt")
    assert (receipt.new.memories, [problem.where for problem in receipt.refused]) == (2, [":5"])


def test_memory_text_an_erased_entry_goes_and_the_others_stay(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, CASES / "claude_prompt.txt")
    before = {memory.id: memory for memory in memories(CASES / "claude_prompt.txt")}
    gone = next(id for id, memory in before.items() if memory.kind == "project")  # it stands there twice
    erase(vault, [gone])
    give_back(vault, receipt.id, tmp_path / "back.txt")
    assert "Tide almanac" not in (tmp_path / "back.txt").read_text(encoding="utf-8")
    assert {memory.id: memory for memory in memories(tmp_path / "back.txt")} == {i: m for i, m in before.items() if i != gone}


# --- what we write comes back -----------------------------------------------------------------------------------------


def test_memory_text_a_folder_of_ours_is_read_once(vault: Vault, tmp_path: Path) -> None:
    spoken = (Memory("y-1", "preference", "Likes charts.", "user_stated", created=rfc3339("2025-01-02")),)
    for name, data in memory_text.write(Chosen(memories=spoken)).files.items():
        (tmp_path / "m").mkdir(exist_ok=True)
        (tmp_path / "m" / name).write_bytes(data)
    receipt = take_in(vault, tmp_path / "m")
    assert (receipt.new.memories, receipt.read.memories) == (1, 1)


@pytest.mark.parametrize("name", ["memories.txt", "gemini-memories.txt"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(chosen_records())
def test_memory_text_what_is_written_comes_back(tmp_path_factory: pytest.TempPathFactory, name: str, chosen: Chosen) -> None:
    written = memory_text.write(chosen)
    if not written.files:
        return
    path = tmp_path_factory.mktemp("text") / name
    path.write_bytes(written.files[name])
    assert shape(path) == ("dated" if name == "memories.txt" else "evidence")
    back = [(m.kind, m.text, _day_of(m)) for m in memories(path)]
    sent = [m for m in chosen.memories if m.status != "rejected" and m.sensitivity != 4 and m.wording.strip()]
    folded = {(m.kind, " ".join(m.wording.replace("\0", "\ufffd").split()), _day_of(m)) for m in sent}
    assert {found for found in back if found[0] != "profile"} <= folded
    # Of those that say the same, one is written.
    assert {found[:2] for found in folded if found[0] != "profile"} == {found[:2] for found in back if found[0] != "profile"}
    # A profile goes out paragraph by paragraph, and a long one sentence by sentence.
    assert {w for m in sent if m.kind == "profile" for w in m.wording.replace("\0", "\ufffd").split()} == {
        word for kind, text, _ in back if kind == "profile" for word in text.split()
    }


def _day_of(memory: Memory) -> str:
    return (utc(memory.created.us) or "unknown")[:10]
