"""The map and the thread of a topic, over real records; the map of the examples as it was read by eye."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from souviens.canon import Instant
from souviens.encode import find
from souviens.errors import NotFound, UsageError
from souviens.grants import Scope
from souviens.index import forest
from souviens.port import indexing, intake
from souviens.port.mapping import Map
from souviens.port.viewing import Document
from souviens.records import Conversation, Topic
from souviens.vault import Vault
from tests.index.contract import conversation, erase, put

EXAMPLES = Path(__file__).parents[2] / "examples"
DAY = 86_400_000_000


def talk(id: str, day: int, *texts: str, **more: object) -> Conversation:
    return conversation(id, *texts, created=Instant(us=day * DAY, zone="epoch"), **more)  # type: ignore[arg-type]


POTTERY = (
    talk("c-1", 1, "Which gas kiln fires porcelain?", "A small one.", title="Gas kiln", project="t-9"),
    talk("c-2", 2, "The gas kiln fires porcelain too cold", "Turn it up.", title="Cold kiln", provider="claude"),
    talk("c-3", 9, "My gas kiln: porcelain cracks", "Slower.", title="Cracks"),
    talk("c-4", 4, "Rye bread without sugar", "Yes.", title="Bread"),
)
PROJECT = Topic("t-9", "project", "Workshop", provider="chatgpt")


@pytest.fixture
def filled(vault: Vault) -> Iterator[tuple[Vault, list[int]]]:
    yield vault, put(vault.store, *POTTERY, PROJECT)


def drawn(parts: list[Document], indent: str = "") -> Iterator[str]:
    for part in parts:
        yield f"{indent}{part['kind']} {part['name'] or '(' + part['telling'] + ')'}: {part['conversations']}"
        yield from drawn(part["parts"], indent + "  ")


def test_projects_stand_above_topics_that_grew(filled: tuple[Vault, list[int]]) -> None:
    with indexing.open_index(filled[0]) as index:
        tree = Map(filled[0].store, index).tree(3)
    lines = list(drawn(tree["parts"]))
    assert lines[0] == "project Workshop: 1"
    assert lines[2:3] == ["    conversation Gas kiln: 1"]
    assert "  conversation Cold kiln: 1" in lines
    assert lines[-1] == "conversation Bread: 1"
    assert (tree["conversations"], tree["messages"], tree["topics"], tree["single"]) == (4, 8, 1, 1)
    assert (tree["first"], tree["last"]) == ("1970-01-01T00:00:00Z", "1970-01-10T00:00:00Z")


def test_a_topic_is_read_along_time_across_providers(filled: tuple[Vault, list[int]]) -> None:
    with indexing.open_index(filled[0]) as index:
        shown = Map(filled[0].store, index).show(forest.topic_id("c-1")[:12])
    assert [(told["id"], told["provider"], told["continues"]) for told in shown["thread"]] == [
        ("c-1", "chatgpt", None),
        ("c-2", "claude", "c-1"),
        ("c-3", "chatgpt", "c-1"),
    ]
    assert shown["automatic"]
    assert "kiln" in shown["name"]
    assert {cited["message"] for cited in shown["extract"]} <= {m.id for c in POTTERY for m in c.messages}
    assert shown["thread"][0]["episodes"] == [
        {
            "message": "c-1-0",
            "time": "1970-01-01T00:00:00Z",
            "role": "user",
            "text": "Which gas kiln fires porcelain?",
            "messages": 2,
        }
    ]


def test_what_was_once_a_topics_id_leads_to_where_its_conversation_is_now(filled: tuple[Vault, list[int]]) -> None:
    vault, seqs = filled
    with indexing.open_index(vault) as index:
        made = Map(vault.store, index)
        assert made.find(forest.topic_id("c-3")) == ("topic", forest.topic_id("c-1"))
        assert made.find("t-9") == ("imported", "t-9")
        with pytest.raises(NotFound):
            made.find("t-ffff")
        with pytest.raises(UsageError):
            made.find("t-")
        erase(vault.store, seqs[0])
        made = Map(vault.store, index)
        with pytest.raises(NotFound):
            made.find(forest.topic_id("c-1"))
        assert made.find(forest.topic_id("c-2")) == ("topic", forest.topic_id("c-2"))
        assert made.find(forest.topic_id("c-4")) == ("topic", forest.topic_id("c-4"))  # alone, and still to be read


def test_a_scope_sees_its_own_part(filled: tuple[Vault, list[int]]) -> None:
    vault, _ = filled
    with indexing.open_index(vault) as index:
        made = Map(vault.store, index, Scope(providers=("claude",)))
        tree, shown = made.tree(2), made.show(forest.topic_id("c-2"))
    assert (tree["conversations"], tree["topics"], tree["parts"][0]["providers"]) == (1, 0, ["claude"])
    assert [told["id"] for told in shown["thread"]] == ["c-2"]
    assert shown["thread"][0]["continues"] is None
    assert {cited["conversation"] for cited in shown["extract"]} == {"c-2"}


def test_an_empty_vault_has_an_empty_map(vault: Vault) -> None:
    with indexing.open_index(vault) as index:
        assert Map(vault.store, index).tree()["parts"] == []


GOLDEN = """\
project (Firing, cone, Grosse, gas): 10
  topic Firing, schedule, cone, cold: 3
    conversation First bisque schedule: 1
    conversation Half a cone cold at the bottom: 1
    conversation Firing 9, notes: 1
  topic gas, insurer: 3
    conversation Small gas kiln, first plan: 1
    conversation Propane rules in Sutton, and the insurer: 1
    conversation Gas or electric, honestly: 1
  topic circuit, hangar, Marmotte, AWG: 1
    conversation 40 A circuit in the hangar: 1
  conversation Brick count for 12 cubic feet: 1
  conversation Element calculation: 1
  conversation Controller: PID or kiln sitter: 1
project Argile & Virgule, papeterie: 1
  conversation Étiquettes pour le lancement: 1
project How to use Claude: 0
project la Grosse: 0
project Slack Water (Les Heures salines): 0
topic Heures salines, title, boat: 5
  conversation Étale, jusant, flot: 1
  conversation Glossary and first page of Les Heures salines: 1
  conversation The English title: 1
  conversation Slack Water or The Wrack Line: 1
  conversation Chapter nine: the boat: 1
topic hausse, Avis, demain, Drolet: 3
  conversation Levain qui ne lève pas: 1
  conversation Avis de hausse de loyer: 1
  conversation Cession de bail: 1
topic Budget: 2
  conversation Budget 2026: 1
  conversation Budget after the move: 1
topic coffee, Ferritin, iron, B12: 2
  conversation Ferritin 11: 1
  conversation No more coffee: 1
topic CSV, Inventory script, SQLite: 2
  conversation Inventory script: 1
  conversation stock.py to SQLite: 1
topic Keramikhof, Bewerbung: 2
  conversation Bewerbung Keramikhof: 1
  conversation Lüdersitz hat zugesagt: 1
topic Romane, garage, capybara, bol: 2
  conversation Chasse au trésor pour Romane: 1
  conversation Poème pour Romane, 7 ans: 1
topic table, mugs, bowls: 2
  conversation Pricing the mugs: 1
  conversation Marché des Ruelles, the count: 1
topic electric kiln, Review, plan: 1
  conversation Review of the electric kiln plan: 1
topic flat Rosemont, brick m²: 1
  conversation The flat in Rosemont: 1
topic Slow cool, Brume, satin: 1
  conversation Slow cool for Brume 4: 1
"""


def test_the_map_of_the_examples_is_as_it_was_read_by_eye(vault: Vault, encoder_folder: Path) -> None:
    for export in ("chatgpt", "claude"):
        intake.take_in(vault, EXAMPLES / export)
    indexing.embed(vault, find(encoder_folder))
    with indexing.open_index(vault) as index:
        tree = Map(vault.store, index).tree(3)
    assert "\n".join(drawn([part for part in tree["parts"] if part["kind"] != "conversation"])) == GOLDEN.strip()
