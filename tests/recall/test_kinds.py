"""What kind of question it is, in the languages most asked in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.recall.kinds import Kind, kind_of
from souviens.recall.weights import TABLE, WEIGHTS, Weights


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When did I buy the kiln?", "lookup"),
        ("kiln price", "lookup"),
        ("Où ai-je rangé l'échelle ?", "lookup"),
        ("How many glazes have I tried?", "list"),
        ("Quels livres m'a-t-on offerts ?", "list"),
        ("Wie viele Tassen habe ich verkauft?", "list"),
        ("我去过哪些城市？", "list"),
        ("In which order did I try the glazes?", "order"),
        ("Dans quel ordre ai-je visité ces villes ?", "order"),
        ("In welcher Reihenfolge habe ich sie gelesen?", "order"),
        ("どんな順番で話しましたか", "order"),
        ("Can you summarise how the workshop came about?", "summary"),
        ("Fass mir bitte das Gartenprojekt zusammen?", "summary"),
        ("Haz un resumen de mi proyecto", "summary"),
        ("请总结一下我的花园计划", "summary"),
        ("What did you recommend against slugs?", "reply"),
        ("Was hast du mir gegen Schnecken empfohlen?", "reply"),
        ("¿Qué me recomendaste contra los caracoles?", "reply"),
        ("How would you suggest I set this up?", "request"),
        ("Can you help me plan the week?", "request"),
        ("Peux-tu m'aider à préparer la semaine ?", "request"),
        ("Kannst du mir einen Plan machen?", "request"),
        ("Have I ever been to Lisbon?", "changed"),
        ("Do I still take the bus?", "changed"),
        ("Habe ich je in Lissabon gewohnt?", "changed"),
        ("Ai-je déjà vécu à Lisbonne ?", "changed"),
        ("I could not face the stairs again today, so I took the lift.", "implied"),
        ("Je n'ai pas pu prendre l'ascenseur aujourd'hui, alors je suis rentré.", "implied"),
        ("It is funny, I used to love this road—who would have thought so?", "implied"),
    ],
)
def test_kinds(question: str, kind: Kind) -> None:
    assert kind_of(question) == kind


def test_key_words_tell_nothing() -> None:
    assert kind_of("greenhouse budget polycarbonate hail wax opener price") == "lookup"


@pytest.mark.parametrize("question", ["My dentist called. What am I allergic to?", "I moved last week. When did I order the van?"])
def test_a_question_after_a_statement_is_not_implied_when_it_ends_the_text(question: str) -> None:
    assert kind_of(question) != "summary"


@given(st.text(max_size=400))
def test_law_any_text_has_a_kind_with_a_table(text: str) -> None:
    assert isinstance(TABLE[kind_of(text)], Weights)


def test_every_kind_is_in_the_table_and_no_weight_is_below_nothing() -> None:
    assert set(TABLE) == set(Kind.__args__)  # type: ignore[attr-defined]
    assert all(weight >= 0 for table in TABLE.values() for weight in table)
    assert TABLE["lookup"] == WEIGHTS
