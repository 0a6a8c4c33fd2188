"""Mem0: what is its own. What holds for every format is in test_every.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.errors import NotRecognised
from souviens.formats import mem0
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Json, Memory
from souviens.vault import Vault
from tests import golden
from tests.port.given import write

HERE = Path(__file__).parent / "mem0"


def memories(path: Path) -> list[Memory]:
    with open_delivery(path) as delivery:
        return [memory for _, reading in golden.readings(mem0, delivery) for memory in reading.memories]


def shape(tmp_path: Path, value: Json) -> str | None:
    with open_delivery(write(tmp_path / "given.json", value)) as delivery:
        return mem0.identify(delivery)


def test_mem0_memories_under_any_of_its_keys_and_bare(tmp_path: Path) -> None:
    items = json.loads((HERE / "platform.json").read_text())
    read = [memory.id for memory in memories(HERE / "platform.json")]
    for key in ("results", "memories", "items"):
        path = write(tmp_path / f"{key}.json", {"count": 2, "next": None, key: items})
        assert [memory.id for memory in memories(path)] == read
    single = write(tmp_path / "one.json", items[0])
    assert [memory.id for memory in memories(single)] == read[:1]


def test_mem0_relations_of_the_graph_are_memories_beside_the_others() -> None:
    found = memories(HERE / "get_all.json")
    assert [memory.text for memory in found if memory.kind == "relationship"] == ["ines keeps beehives", "ines lives_in porto"]
    assert sum(memory.kind == "fact" for memory in found) == 4


def test_mem0_times_keep_offset_fraction_and_what_is_none() -> None:
    first, day, odd, number = memories(HERE / "get_all.json")[:4]
    assert first.created.us == 1772378130123456
    assert first.created.given == "2026-03-01T08:15:30.123456-07:00"
    assert (day.created.zone, day.updated and day.updated.us) == ("day", None)
    assert (odd.created.us, odd.created.given) == (None, "next week")
    assert number.updated is not None
    assert number.updated.zone == "none"


def test_mem0_history_is_events_and_a_deleted_memory_is_not_remembered_again() -> None:
    found = memories(HERE / "history.json")
    assert {memory.kind for memory in found} == {"event"}
    assert [memory.text for memory in found] == ["The hall lamp is green.", "The hall lamp is orange.", "The hall lamp is orange."]
    assert [memory.valid_to and memory.valid_to.given for memory in found] == [None, None, "2026-03-05T07:00:00Z"]
    assert found[1].extra["old_memory"] == "The hall lamp is green."


def test_mem0_a_deletion_without_a_time_ended_at_an_unknown_one(tmp_path: Path) -> None:
    row = {"id": "h", "memory_id": "m", "old_memory": "A fig tree.", "new_memory": None, "event": "DELETE", "is_deleted": 1}
    (memory,) = memories(write(tmp_path / "history.json", [row]))
    assert memory.valid_to is not None
    assert memory.valid_to.us is None


def test_mem0_rows_of_history_beside_the_memories_they_tell_of(vault: Vault, tmp_path: Path) -> None:
    for name in ("platform.json", "history.json"):
        write(tmp_path / "both" / name, (HERE / name).read_bytes())
    receipt = take_in(vault, tmp_path / "both")
    assert (receipt.shape, receipt.new.memories) == ("memories", 5)


@pytest.mark.parametrize(
    "value",
    [
        {"results": []},
        {"results": [{"id": 1, "memory": "16 GB"}]},
        {"memories": [{"id": "1", "content": "of another store", "user_id": "x"}]},
        [{"id": 1, "name": "a computer", "memory": {"size": 16}, "created_at": ""}],
        {"history": [{"id": 1, "event": "login", "memory_id": 3}]},
    ],
)
def test_mem0_the_word_memory_alone_is_not_enough(tmp_path: Path, value: Json) -> None:
    assert shape(tmp_path, value) is None


def test_mem0_a_new_export_changes_a_memory_and_does_not_double_it(vault: Vault, tmp_path: Path) -> None:
    row = {"id": "m", "memory": "Owns one cello.", "user_id": "u", "created_at": "2026-01-01", "updated_at": "2026-01-01T00:00:00Z"}
    take_in(vault, write(tmp_path / "old.json", [row]))
    newer = {**row, "memory": "Owns two cellos.", "updated_at": "2026-02-01T00:00:00Z"}
    receipt = take_in(vault, write(tmp_path / "new.json", {"results": [newer]}))
    assert (receipt.new.memories, receipt.changed.memories) == (0, 1)
    ((seq, _, _),) = list(vault.store.live())
    memory = vault.store.pack(seq)
    assert isinstance(memory, Memory)
    assert (memory.text, memory.older) == ("Owns two cellos.", ("Owns one cello.",))


def test_mem0_an_erased_memory_leaves_the_file(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, HERE / "get_all.json")
    gone = memories(HERE / "get_all.json")[0]
    erase(vault, [gone.id])
    give_back(vault, receipt.id, tmp_path / "back.json")
    text = (tmp_path / "back.json").read_text()
    assert "beehives on the roof" not in text
    assert len(json.loads(text)["results"]) == 4


def test_mem0_an_empty_answer_is_no_success(vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(NotRecognised):
        take_in(vault, write(tmp_path / "empty.json", {"results": []}))


def test_mem0_two_memories_of_one_id_are_both_told(vault: Vault, tmp_path: Path) -> None:
    one, two = (
        {"id": "1", "memory": f"likes {drink}", "user_id": f"who likes {drink}", "metadata": {"cup": drink}}
        for drink in ("tea", "coffee")
    )
    take_in(vault, write(tmp_path / "a.json", {"results": [one, two], "notes": [{"text": "hello"}]}))
    (record,) = (vault.store.pack(number) for number, _, _ in vault.store.live())
    assert isinstance(record, Memory)
    assert [(m.text, m.extra["user_id"], m.extra["metadata"]) for m in (record, *record.versions)] == [
        (item["memory"], item["user_id"], item["metadata"]) for item in (two, one)
    ]
