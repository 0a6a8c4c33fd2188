"""Which words of a question are looked for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.recall.question import LONGEST, read


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("what do I drink instead of coffee?", "drink instead coffee"),
        ("What did I say about the war?", "war"),  # which is a common word in German
        ("Où est-ce que j'ai rangé l'échelle ?", "rangé échelle"),
        ("Wo habe ich die Leiter hingestellt?", "Leiter hingestellt"),
        ("что я говорил про собаку", "говорил собаку"),
        ("what do I do", "what do I do"),  # nothing else would be left
        ('who said "to be or not to be"', "to be or not to be"),
        ("Nerede kaldık", "kaldık"),
        ("Cén áit a bhfuil", "Cén áit bhfuil"),  # not in the table: a word or so may go, never most of them
        ("毎週何を習っていますか", "毎週何を習っていますか"),
    ],
)
def test_common_words_are_left_out_in_the_language_of_the_question(question: str, left: str) -> None:
    assert re.findall(r"\w+", read(question).sought) == left.split()


def test_names() -> None:
    question = read("What did Zoë tell the baker?")
    assert question.names("Zoe Martin")
    assert not question.names("The Miller")


@given(st.text())
def test_law_nothing_is_added_and_something_is_left(text: str) -> None:
    question = read(text)
    assert set(question.sought) <= {*text, " "}
    assert bool(question.sought.strip()) == bool(text[:LONGEST].strip())
