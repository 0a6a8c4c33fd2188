"""The tokenizer: ids as the reference implementation gives them, and laws that hold for any text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.encode.local import read_vocabulary
from souviens.encode.wordpiece import MAX_TOKENS, WordPiece, words

SMALL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##believ", "##able", "##a", "believ", "a", ",", "b"]
UNKNOWN, FIRST, LAST = 1, 2, 3


@pytest.fixture(scope="module")
def published(encoder_folder: Path) -> WordPiece:
    return WordPiece(read_vocabulary(encoder_folder / "vocab.txt"))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Where are the keys?", [2073, 2024, 1996, 6309, 1029]),
        ("naïve CAFÉ, Ångström", [15743, 7668, 1010, 17076, 15687]),
        ("ΟΔΥΣΣΕΥΣ", [1169, 29722, 29735, 29733, 29733, 29723, 29735, 29733]),  # a last Σ stays σ
        ("東京の寿司", [1879, 1755, 1671, 100, 1791]),
        ("안녕하세요", [1463, 30006, 30021, 29992, 30010, 30025, 30005, 30006, 29997, 30009, 29999, 30013]),
        ("สวัสดี", [100]),
        ("a\u200bb\tc\u2028d", [11113, 1039, 1040]),
        ("don't — stop…", [2123, 1005, 1056, 1517, 2644, 1529]),
        ("x" * 101 + " y", [100, 1061]),
        ("İstanbul", [9960]),
        ("$5.00 + 3€", [1002, 1019, 1012, 4002, 1009, 1017, 30102]),
        ("", []),
    ],
)
def test_ids_are_those_of_the_reference(published: WordPiece, text: str, ids: list[int]) -> None:
    assert published.ids(text) == [101, *ids, 102]


def test_the_longest_piece_wins() -> None:
    tokens = WordPiece(SMALL)
    assert tokens.ids("Unbelievable, a") == [FIRST, 4, 5, 6, 10, 9, LAST]
    assert tokens.ids("believa") == [FIRST, 8, 7, LAST]


def test_a_word_that_cannot_be_covered_is_one_unknown_token() -> None:
    assert WordPiece(SMALL).ids("unbelievably b") == [FIRST, UNKNOWN, 11, LAST]


def test_a_long_text_is_cut_between_its_marks() -> None:
    assert WordPiece(SMALL).ids("a," * 1000) == [FIRST, *[9, 10] * (MAX_TOKENS // 2 - 1), LAST]


@given(st.text())
def test_any_text_has_ids(text: str) -> None:
    tokens = WordPiece(SMALL)
    ids = tokens.ids(text)
    assert ids[0] == FIRST
    assert ids[-1] == LAST
    assert len(ids) == min(len([number for word in words(text) for number in tokens.ids(word)[1:-1]]), MAX_TOKENS - 2) + 2
    assert ids == tokens.ids(text)  # the second time from its cache


@given(st.text())
def test_words_are_words_again(text: str) -> None:
    assert words(" ".join(words(text))) == words(text)


@given(st.text("abcdeéèñöüàçîôÉÈÑÖÜÀÇÎÔ ,.'"))
def test_accents_and_capitals_make_no_difference(text: str) -> None:
    assert words(text) == words(text.upper()) == words(text.translate(str.maketrans("éèñöüàçîô", "eenouacio")))
