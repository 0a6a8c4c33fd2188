"""Times that a question names relative to when it is asked, and months and days without a year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.recall.relative import MOST, told

START = datetime(1970, 1, 1, tzinfo=UTC)


def us(year: int, month: int, day: int) -> int:
    return (datetime(year, month, day, tzinfo=UTC) - START) // timedelta(microseconds=1)


NOW = us(2024, 5, 15)  # a Wednesday


def holds(question: str, day: tuple[int, int, int], years: tuple[int, ...] = ()) -> bool:
    """Is a day among the times a question names?"""
    at = us(*day) + 1
    return any(start <= at < end for start, end, _ in told(question, NOW, years))


@pytest.mark.parametrize(
    ("question", "inside", "outside"),
    [
        ("what did I eat yesterday", (2024, 5, 14), (2024, 5, 13)),
        ("qu'ai-je mangé hier", (2024, 5, 14), (2024, 5, 15)),
        ("was habe ich gestern gesagt", (2024, 5, 14), (2024, 5, 15)),
        ("昨日は何を食べましたか", (2024, 5, 14), (2024, 5, 15)),
        ("昨天我说了什么", (2024, 5, 14), (2024, 5, 15)),
        ("what did we plan last week", (2024, 5, 8), (2024, 5, 14)),
        ("qu'avons-nous prévu la semaine dernière", (2024, 5, 8), (2024, 5, 14)),
        ("was war letzte Woche", (2024, 5, 8), (2024, 5, 14)),
        ("what happened last month", (2024, 4, 30), (2024, 5, 1)),
        ("上个月我买了什么", (2024, 4, 2), (2024, 5, 2)),
        ("where was I last year", (2023, 7, 1), (2024, 1, 1)),
        ("three weeks ago I read a book, which one", (2024, 4, 24), (2024, 5, 14)),
        ("il y a trois semaines", (2024, 4, 24), (2024, 5, 14)),
        ("vor drei Wochen", (2024, 4, 24), (2024, 5, 14)),
        ("hace tres semanas", (2024, 4, 24), (2024, 5, 14)),
        ("what did I say last Monday", (2024, 5, 13), (2024, 5, 14)),
        ("last spring we hiked", (2024, 3, 20), (2024, 2, 1)),
        ("où étais-je l'hiver dernier", (2023, 12, 24), (2024, 4, 1)),
        ("what did I bake this winter", (2023, 12, 24), (2024, 4, 1)),
    ],
)
def test_relative(question: str, inside: tuple[int, int, int], outside: tuple[int, int, int]) -> None:
    assert holds(question, inside)
    assert not holds(question, outside)


def test_months_and_days_without_a_year_are_those_of_the_history() -> None:
    assert holds("what did I buy in March?", (2023, 3, 9), (2023, 2024))
    assert holds("what did I buy in March?", (2024, 3, 9), (2023, 2024))
    assert holds("who came on 3 March?", (2024, 3, 3), (2024,))
    assert not holds("in June", (2024, 6, 1), (2024,)), "it has not been yet"


@pytest.mark.parametrize(
    "question", ["you may march on", "they fall in love", "spring water", "what do I bake in winter", "", "a minute ago"]
)
def test_what_is_no_time_is_not_guessed(question: str) -> None:
    assert told(question, NOW, (2023, 2024)) == []


def test_nothing_relative_without_a_now() -> None:
    assert told("yesterday, last week, three years ago, last spring") == []


def test_a_day_tells_more_than_its_month_and_a_month_more_than_a_year() -> None:
    strengths = {question: max(s.strength for s in told(question)) for question in ("on 2024-05-03", "in May 2024", "in 2024")}
    assert strengths["on 2024-05-03"] > strengths["in May 2024"] > strengths["in 2024"]


@given(st.text(max_size=300), st.integers(0, 4_000_000_000_000_000))
def test_law_any_text_is_read_and_spans_are_bounded(question: str, now: int) -> None:
    spans = told(question, now, range(2020, 2026))
    assert len(spans) <= MOST
    assert all(start < end and 0 < strength <= 1 for start, end, strength in spans)
