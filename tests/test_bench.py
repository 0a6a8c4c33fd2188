"""What measures has to be right itself: the metrics of recall, and that the small set goes through the product."""

from __future__ import annotations

import pytest

from bench.haystacks import SMALL, moment
from bench.recall import measure, report
from bench.scores import METRICS, mean, score
from souviens.recall.weights import WEIGHTS


def test_the_metrics_of_a_ranking() -> None:
    found = score(["x", "a", "y", "b", *"cdefgh", "z"], frozenset({"a", "b", "z"}))

    assert found["any@1"] == 0
    assert found["any@5"] == 1
    assert found["all@10"] == 0
    assert found["rec@10"] == pytest.approx(2 / 3)
    assert found["mrr"] == 0.5
    assert found["ndcg@10"] == pytest.approx((1 / 1.584963 + 1 / 2.321928) / (1 + 1 / 1.584963 + 0.5), abs=1e-6)
    assert set(found) == set(METRICS)


def test_a_perfect_ranking_has_full_marks_and_an_empty_one_none() -> None:
    assert set(mean([score(["a", "b"], frozenset("ab"))]).values()) == {100.0}
    assert set(mean([score([], frozenset("ab"))]).values()) == {0.0}


@pytest.mark.parametrize("date", ["1:56 pm on 8 May, 2023", "March-15-2024", "2023/05/20 (Sat) 02:21", "2026-02-03"])
def test_dates_of_the_sets_are_read(date: str) -> None:
    assert moment(date) is not None


def test_a_date_that_is_none_is_none() -> None:
    assert moment("some day") is None


def test_the_small_set_is_found_by_words_alone() -> None:
    """Every script, and every kind of question that words can answer."""
    answers, cost = measure(SMALL, None, {"full": (WEIGHTS, True)}, None)
    found = report(answers["full"], cost)

    assert found["n"] == 15
    assert found["overall"]["message"]["any@10"] >= 86  # all but two, which ask in other words
    for language in ("French", "Spanish", "German", "Japanese", "Chinese", "Arabic", "Hindi"):
        assert found["types"][language]["message"]["any@5"] == 100, language
