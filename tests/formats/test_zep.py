"""Zep and Graphiti: what is their own. What holds for every format is in test_every.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souviens.canon import Instant
from souviens.delivery import open_delivery
from souviens.formats import zep
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Conversation, Json, Memory, Topic
from souviens.vault import Vault
from tests import golden
from tests.port.given import write

HERE = Path(__file__).parent / "zep"


def records(path: Path) -> list[Conversation | Memory | Topic]:
    with open_delivery(path) as delivery:
        return [r for _, x in golden.readings(zep, delivery) for r in (*x.conversations, *x.memories, *x.topics)]


def memories(path: Path) -> list[Memory]:
    return [record for record in records(path) if isinstance(record, Memory)]


def given(instant: Instant | None) -> str | None:
    return instant.given if instant is not None else None


def test_zep_validity_and_the_graphs_own_clock_are_not_confused() -> None:
    plants, waters = memories(HERE / "graph.json")[:2]
    assert given(plants.valid_from) == "2026-03-01T00:00:00Z"
    assert given(plants.valid_to) == "2026-09-01T00:00:00.5+02:00"
    assert given(plants.created) == "2026-02-11T09:00:07Z"
    assert plants.extra["expired_at"] == "2026-10-02T11:11:11Z"
    assert plants.extra["reference_time"] == "2026-02-10T18:30:00Z"
    # The graph let go of it, but nobody said until when it held.
    assert (waters.valid_from, waters.valid_to) == (None, None)
    assert waters.extra["expired_at"] == "2026-10-03T00:00:00Z"


def test_zep_a_validity_that_is_no_time_is_kept_as_given() -> None:
    known_to = memories(HERE / "graph.json")[2]
    assert known_to.valid_from == Instant(given="some spring", unknown="not a date")


def test_zep_a_fact_rests_on_the_episodes_it_was_drawn_from() -> None:
    found = records(HERE / "graph.json")
    episode = next(record for record in found if isinstance(record, Conversation))
    (evidence,) = memories(HERE / "graph.json")[0].evidence
    assert evidence.conversation == episode.id
    assert evidence.message == episode.messages[0].id


def test_zep_an_episode_is_dated_by_when_it_was_said() -> None:
    talk, spade, undated = [record for record in records(HERE / "graph.json") if isinstance(record, Conversation)]
    assert (talk.head.title, given(talk.messages[0].time)) == ("Garden talk", "2026-02-10T18:30:00Z")
    assert talk.messages[0].extra["created_at"] == "2026-02-11T09:00:05.123456Z"
    assert (spade.messages[0].role, spade.messages[0].author) == ("tool", "Jonas")
    assert given(spade.messages[0].time) == "2026-02-12T09:00:00Z"
    assert undated.messages[0].time.us is None


def test_zep_nodes_are_topics_and_a_fact_belongs_to_the_one_it_starts_from() -> None:
    found = records(HERE / "graph.json")
    mira = next(record for record in found if isinstance(record, Topic) and record.name == "Mira")
    assert mira.summary == "Plants trees along the south wall."
    assert memories(HERE / "graph.json")[0].topic == mira.id


def test_zep_a_link_without_a_fact_is_told_by_its_ends() -> None:
    link = memories(HERE / "graph.json")[-1]
    assert link.kind == "relationship"
    assert link.text == "e0000000-0000-4000-8000-000000000001 n0000000-0000-4000-8000-00000000000a"


def test_zep_camel_case_of_the_javascript_sdk_says_the_same() -> None:
    bicycle, tram = memories(HERE / "cloud_edges.json")
    assert (given(bicycle.valid_from), given(bicycle.valid_to)) == ("2026-01-01T00:00:00Z", "2026-03-31T00:00:00Z")
    assert given(bicycle.created) == "2026-04-01T06:00:00Z"
    assert bicycle.topic == tram.topic
    assert tram.provider_id == "9a000000-0000-4000-8000-000000000002"


@pytest.mark.parametrize("names", [("episodes", "entities", "facts"), ("episodic_nodes", "entity_nodes", "entity_edges")])
def test_zep_the_lists_under_other_names(tmp_path: Path, names: tuple[str, str, str]) -> None:
    whole = json.loads((HERE / "graph.json").read_text())
    del whole["episodic_edges"], whole["communities"]
    plain = {record.id for record in records(write(tmp_path / "a.json", whole))}
    other = {new: whole[old] for new, old in zip(names, ("episodes", "nodes", "edges"), strict=True)}
    assert {record.id for record in records(write(tmp_path / "b.json", other))} == plain


@pytest.mark.parametrize(
    "value",
    [
        {"nodes": [{"id": "1", "label": "a node of any graph"}], "edges": [{"source": "1", "target": "2"}]},
        [{"uuid": "1", "name": "a chat", "summary": "", "chat_messages": []}],
        {"episodes": [{"title": "a podcast", "content": "…"}]},
        {"edges": [], "nodes": []},
    ],
)
def test_zep_other_graphs_are_not_claimed(tmp_path: Path, value: Json) -> None:
    with open_delivery(write(tmp_path / "given.json", value)) as delivery:
        assert zep.identify(delivery) is None


def test_zep_an_erased_episode_leaves_its_facts(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, HERE / "graph.json")
    episode = next(record for record in records(HERE / "graph.json") if isinstance(record, Conversation))
    erase(vault, [episode.messages[0].id])
    give_back(vault, receipt.id, tmp_path / "back.json")
    back = json.loads((tmp_path / "back.json").read_text())
    assert back["episodes"][0] is None
    assert len(back["edges"]) == 3


def test_zep_what_held_twice_is_two_facts_and_what_stands_beside_the_lists_is_told(vault: Vault, tmp_path: Path) -> None:
    lived: Json = {"fact": "A lives in Rome", "source_node_uuid": "a", "target_node_uuid": "r", "valid_at": "2020-01-01T00:00:00Z"}
    again = {**lived, "valid_at": "2023-01-01T00:00:00Z", "invalid_at": None}
    told = {"uuid": "d", "fact": "x", "source_node_uuid": "a", "target_node_uuid": "b"}
    edges = [told, {**lived, "invalid_at": "2021-01-01T00:00:00Z"}, again]
    dump = {"edges": edges, "sessions": [{"session_id": "s", "messages": [{"role": "user", "content": "hello"}]}]}
    receipt = take_in(vault, write(tmp_path / "dump.json", dump))
    assert (receipt.new.memories, receipt.unknown_fields) == (3, {"sessions": 1})
    assert {given(m.valid_to) for m in memories(tmp_path / "dump.json") if m.text != "x"} == {None, "2021-01-01T00:00:00Z"}
