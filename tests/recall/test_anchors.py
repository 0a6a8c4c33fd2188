"""Events that a question dates by: read from its words, and looked up in the history."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.recall.anchors import MOST, anchors
from souviens.records import Conversation, Head
from tests.index.contract import message
from tests.recall.conftest import Asked

DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("question", "side", "event"),
    [
        ("What did I eat before the move?", "before", "the move"),
        ("Where have I worked since the operation?", "after", "the operation"),
        ("Qu'est-ce que je buvais avant le déménagement ?", "before", "le déménagement"),
        ("Wo wohnte ich vor dem Umzug?", "before", "Umzug"),
        ("¿Qué comía antes de la mudanza?", "before", "la mudanza"),
        ("что я пил до переезда?", "before", "переезда"),
        ("引っ越しの前に何を飲んでいましたか", "before", "引っ越し"),
        ("搬家之后我喝什么茶？", "after", "搬家"),
        ("이사 전에 무엇을 마셨나요?", "before", "이사"),
    ],
)
def test_reads_the_event_and_the_side(question: str, side: str, event: str) -> None:
    (found,) = anchors(question)
    assert found.side == side
    assert event in found.event


@pytest.mark.parametrize(
    "question",
    [
        "What did I say before May 2024?",
        "What did I say after 3 pm?",
        "What did I eat before that?",
        "Nach Berlin fuhr ich mit wem?",
        "彼の名前は何ですか",
        "What did I say about the kiln?",
        "How many days did I wait before the move?",
        "Combien de jours avant le départ ai-je réservé ?",
    ],
)
def test_a_date_or_nothing_is_no_event(question: str) -> None:
    assert anchors(question) == []


@given(st.text(max_size=300))
def test_any_text_is_a_question(question: str) -> None:
    assert len(anchors(question)) <= MOST


def test_what_was_said_before_an_event_counts_more(recall: Asked) -> None:
    turns = ("I drink barley tea.", "The move to Lyon is done, boxes everywhere.", "I drink rooibos tea.")
    told = [
        Conversation(f"c{n}", "chatgpt", None, Head(), (message(f"m{n}", text, us=(1 + 40 * n) * DAY),))
        for n, text in enumerate(turns)
    ]
    before = recall("which tea did I drink before the move to Lyon?", *told)
    after = recall("which tea did I drink after the move to Lyon?")
    assert [item.id for item in before.items if item.id != "m1"] == ["m0", "m2"]
    assert [item.id for item in after.items if item.id != "m1"] == ["m2", "m0"]
    assert "date" in next(item for item in before.items if item.id == "m0").why


def test_an_event_that_is_not_in_the_history_dates_nothing(recall: Asked) -> None:
    told = Conversation("c", "chatgpt", None, Head(), (message("m", "I drink barley tea.", us=DAY),))
    assert "date" not in recall("which tea did I drink before the regatta?", told).items[0].why
