"""What tells what a text is about: in any script, by words that a person would choose."""

from __future__ import annotations

import numpy as np
import pytest

from souviens.index import digest, episodes
from souviens.index.digest import Sentence
from souviens.index.layout import UNKNOWN
from souviens.index.naming import Names
from souviens.index.telling import telling, words_of
from souviens.index.text import run_of
from souviens.records import ROLES
from tests.index.contract import Letters, conversation

# Three conversations each on a subject, in four languages, as people ask. The first words must be among the name's.
TOPICS = {
    "French": (
        [
            "Comment fermenter le levain de seigle ?",
            "Mon levain ne lève pas",
            "Levain trop acide, que faire",
        ],
        "levain",
    ),
    "Japanese": (
        ["陶芸教室で釉薬の塗り方を習いました", "釉薬がひび割れました。陶芸の窯の温度は?", "陶芸の釉薬のレシピを教えてください"],
        "釉薬",
    ),
    "Arabic": (
        ["كيف أزرع شجرة الزيتون في الحديقة", "متى أسقي الزيتون في الصيف", "شجرة الزيتون لا تثمر، ما السبب"],
        "الزيتون",
    ),
    "Hindi": (
        ["मुझे सितार सीखना है, कहाँ से शुरू करूँ", "सितार के तार कैसे बदलें", "सितार का अभ्यास रोज़ कितना करें"],
        "सितार",
    ),
    "Chinese": (["我想在阳台种番茄，番茄需要多少阳光", "番茄的叶子发黄怎么办", "番茄什么时候施肥"], "番茄"),
    "Russian": (
        ["Как настроить скрипку без камертона", "Скрипку нужно хранить в футляре?", "Струны для скрипки"],
        "скрипк",
    ),
}


@pytest.mark.parametrize("language", TOPICS)
def test_a_topic_is_named_by_what_it_is_about_in_any_script(language: str) -> None:
    told = {}
    for n, (texts, _) in enumerate(TOPICS.values()):
        told |= {10 * n + i: telling([words_of(text)]).best for i, text in enumerate(texts)}
    place = list(TOPICS).index(language)
    name = Names(told).name([10 * place + i for i in range(3)])
    assert TOPICS[language][1] in name.casefold(), name
    assert 1 <= len(name.split()) <= 5


def test_words_that_hold_every_dialogue_together_name_nothing() -> None:
    texts = ("Please help me, what would be the best way to do this?", "Merci, c'est bien", "ありがとうございます")
    found = telling([words_of(text) for text in texts])
    assert found.best == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("京都の二週間", ["京都", "二週間"]),
        ("データベースの設計", ["データベース", "設計"]),
        ("l'été à Québec", ["été", "Québec"]),
        ("\ud800 \x00 naïve", ["naïve"]),
        ("हिन्दी", ["हिन्दी"]),
    ],
)
def test_words_of(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_pair_of_words_stands_for_both() -> None:
    told = {n: telling([["gas", "kiln"], ["the", "gas", "kiln", "again"]]).best for n in range(3)}
    told |= {n: telling([["something", "flour", "bread"]]).best for n in range(3, 9)}
    assert Names(told).name([0, 1, 2]) == "gas kiln"


# --- episodes ---------------------------------------------------------------------------------------------------------


def numbers(*texts: str) -> tuple[list[int], list[int]]:
    """Where episodes begin in a conversation of these turns, by words and by vectors."""
    run = run_of(conversation("c-1", *texts))
    roles = np.array([unit.role for unit in run.units], np.uint8)
    times = np.array([UNKNOWN if unit.time is None else unit.time for unit in run.units], np.int64)
    vectors = np.rint(Letters().encode(list(texts)) * 300).clip(-127, 127).astype(np.int8)
    ordinals = np.arange(1, len(texts) + 1)
    openings = [words_of(unit.text) for unit in run.units[1::2]]
    starts = episodes.exchanges(roles)
    found = episodes.by_words(roles, times, starts, openings), episodes.by_vectors(roles, times, ordinals, vectors)
    return found[0].tolist(), found[1].tolist()


def test_an_episode_begins_where_the_subject_changes() -> None:
    kiln = ("kiln glaze firing cone", "kiln glaze cone firing", "firing kiln cone glaze", "glaze kiln firing cone")
    bread = ("bread flour rye dough", "dough rye flour bread", "flour dough bread rye", "rye bread dough flour")
    assert numbers(*kiln, *kiln, *bread, *bread) == ([9], [9])
    assert numbers(*kiln, *kiln) == ([], [])


def test_an_episode_begins_after_a_pause() -> None:
    hour = 3_600_000_000
    roles = np.array([16, 0, 1, 0, 1, 1], np.uint8)
    times = np.array([0, 0, hour, 9 * hour, 9 * hour, 30 * hour], np.int64)
    starts = episodes.exchanges(roles)
    assert episodes.by_time(roles, times, starts).tolist() == [3]  # a late answer begins nothing: it belongs to what was asked
    assert episodes.by_time(roles, np.full(6, UNKNOWN), starts).tolist() == []


def test_an_exchange_is_a_persons_turn_and_what_answers_it() -> None:
    user, model, tool = (ROLES.index(role) for role in ("user", "assistant", "tool"))
    assert episodes.exchanges(np.array([16, model, user, model, tool, model, user], np.uint8)).tolist() == [1, 2, 6]
    assert episodes.exchanges(np.array([16, model, model], np.uint8)).tolist() == [1, 2]
    assert episodes.exchanges(np.array([16], np.uint8)).tolist() == []


# --- extracts ---------------------------------------------------------------------------------------------------------


def test_an_extract_is_of_what_the_topic_is_about_without_repeating_itself() -> None:
    said = [
        "The gas kiln needs forty kilos of propane a week.",
        "The gas kiln needs forty kilos of propane every week.",
        "My sister called this morning about the train.",
        "An electric kiln would need a new circuit in the hangar.",
        "Insurance for the kiln is cheaper if it is electric.",
    ]
    sentences = [Sentence(text, "c-1", f"m-{n}", "user", n) for n, text in enumerate(said)]
    weights = {"kiln": 3.0, "electric": 2.0, "gas": 2.0, "propane": 1.0, "circuit": 1.0, "insurance": 1.0}
    for encode in (None, lambda texts: Letters().encode(texts).astype(np.float64)):
        chosen = digest.extract(sentences, weights, encode, most=3)
        assert [s.us for s in chosen] == sorted(s.us or 0 for s in chosen)
        assert "m-2" not in {s.message for s in chosen}
        assert len({"m-0", "m-1"} & {s.message for s in chosen}) == 1


def test_nothing_comes_of_nothing() -> None:
    assert digest.extract([], {}) == []
    assert Names({}).name([1]) == ""
