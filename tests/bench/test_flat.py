"""The baseline is what it says: BM25 over stems, explicit dates, and weights that do not move."""

from __future__ import annotations

from datetime import UTC, datetime
from math import log

import pytest

from bench.flat import MODEL, PEOPLE, Date, Words, dates, terms


def test_it_is_frozen() -> None:
    """What structure is measured against. Whoever changes it says so in docs/LOG.md and measures everything again."""
    assert PEOPLE == (0.7, 0.3, 0.0, 0.3, 1.5, 1.5, 1.0, 1.0, 1.0, 1.0, 0.4, 0.0)
    assert MODEL == (0.5, 0.5, 0.6, 0.1, 1.0, 1.0, 1.6, 2.0, 1.1, 0.2, 0.0, 0.2)


def test_terms_are_stems_without_common_words() -> None:
    assert terms("When did the PAINTERS start painting?") == ["painter", "start", "paint"]
    assert terms("京都の旅館") == ["京都", "都の", "の旅", "旅館"]


def test_bm25_by_hand() -> None:
    found = Words([["a", "b"], ["a", "a", "c", "d"], []])

    scores = found.scores(["a", "d", "nowhere"])

    rarity_a, rarity_d = log(1 + 0.5 / 2.5), log(1 + 1.5 / 1.5)  # of two texts: the empty one is none
    norm = [1.2 * (0.25 + 0.75 * 2 / 3), 1.2 * (0.25 + 0.75 * 4 / 3)]
    assert scores[0] == pytest.approx(rarity_a * 2.2 / (1 + norm[0]))
    assert scores[1] == pytest.approx(rarity_a * 2 * 2.2 / (2 + norm[1]) + rarity_d * 2.2 / (1 + norm[1]))
    assert scores[2] == 0


def test_dates_are_those_that_are_named() -> None:
    assert dates("What happened on 7 May 2023, and on June 3rd?") == [Date(2023, 5, 7), Date(None, 6, 3)]
    assert dates("in august, and since 2023-10-02") == [Date(2023, 10, 2), Date(None, 8, None)]
    assert dates("May I march with you last week?") == []
    assert Date(None, 8, None).holds(datetime(2022, 8, 30, tzinfo=UTC))
    assert not Date(2023, 8, None).holds(datetime(2022, 8, 30, tzinfo=UTC))
    assert not Date(2023, 8, None).holds(None)
