"""What a person's turn is, as far as its words tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.index.text import run_of
from souviens.index.traits import ASKS, LEANING, MOMENT, NAME, NUMBER, QUESTION, RULE, SELF, traits_of
from tests.index.contract import conversation


@pytest.mark.parametrize(
    ("text", "traits"),
    [
        ("the sea", 0),
        ("I saw Ines at the market with 3 boxes yesterday.", SELF | NAME | NUMBER | MOMENT),
        ("Always give sizes in centimetres.", RULE),
        ("Réponds toujours en français", 0),  # a rule is told by how it begins
        ("Toujours en grammes, merci.", RULE),
        ("Ab jetzt nur noch Gramm.", RULE | NAME),
        ("いつも短く答えて", RULE),
        ("I prefer stoneware.", SELF | LEANING),
        ("Ich mag lieber Steinzeug.", SELF | LEANING | NAME),
        ("我喜欢乌龙茶", SELF | LEANING),
        ("Is it glazed?", ASKS | QUESTION),
        ("釉薬は何ですか\uff1f", ASKS | QUESTION),
        ("Is it? No.", ASKS),
    ],
)
def test_traits(text: str, traits: int) -> None:
    assert traits_of(text) == traits


@given(st.text())
def test_law_a_byte(text: str) -> None:
    assert 0 <= traits_of(text) < 256


_WORDS = (
    "I",
    "I'm",
    "x'i'm",
    "rock'n'roll",
    "my",
    "yesterday",
    "this",
    "week",
    "like",
    "prefer",
    "always",
    "Always'x",
    "d'ora in poi",
)
_PIECES = st.sampled_from((*_WORDS, "from now on", "Ines", "3", "_", "'", "?", "?)", ")", "é"))
_GAPS = st.sampled_from(["", " ", " ", " ", "'", "_", ", ", "\n", "\x1c"])


@given(st.lists(st.tuples(_PIECES, _GAPS), max_size=8).map(lambda pairs: "".join(map("".join, pairs))))
def test_law_plain_text_is_read_like_any_other(text: str) -> None:
    """Text in ASCII is divided in another way: a sign before it that is no word sends it the common one."""
    assert traits_of(text) == traits_of(f"\N{MIDDLE DOT} {text}")


def test_only_persons_have_traits() -> None:
    run = run_of(conversation("c", "I saw 3 boats?", "I saw 3 boats?"))
    assert [unit.traits != 0 for unit in run.units] == [False, True, False]


@pytest.mark.parametrize("text", ["a " * 200_000, "?" * 100_000, "Always " * 50_000, "A. B " * 50_000])
def test_long_turns_are_read_by_their_beginning(text: str) -> None:
    """None of the patterns runs over all of it: this would take minutes."""
    for _ in range(20):
        traits_of(text)
