"""Dates that questions name, in the ways people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.recall.when import MOST, spans


def read(question: str) -> list[tuple[str, int]]:
    """(first day, number of days) of each span."""
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return [((start + timedelta(microseconds=a)).date().isoformat(), (b - a) // 86_400_000_000) for a, b in spans(question)]


@pytest.mark.parametrize(
    "question",
    [
        "on 2024-05-03",
        "on May 3, 2024",
        "on May 3rd 2024",
        "on 3 May 2024",
        "on the 3rd of May, 2024",
        "le 3 mai 2024",
        "el 3 de mayo de 2024",
        "em 3 de maio de 2024",
        "am 3. Mai 2024",
        "am 03.05.2024",
        "il 3 maggio 2024",
        "op 3 mei 2024",
        "2024年5月3日に",
        "2024년 5월 3일에",
    ],
)
def test_a_day(question: str) -> None:
    assert read(question) == [("2024-05-03", 1)]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("in February 2024", [("2024-02-01", 29)]),
        ("en août 2023", [("2023-08-01", 31)]),
        ("le 1er août 2023", [("2023-08-01", 1)]),
        ("im März 2022", [("2022-03-01", 31)]),
        ("2023年2月", [("2023-02-01", 28)]),
        ("in 2024", [("2024-01-01", 366)]),
        ("between 2021-03 and March 2022", [("2021-03-01", 31), ("2022-03-01", 31)]),
    ],
)
def test_months_and_years(question: str, expected: list[tuple[str, int]]) -> None:
    assert read(question) == expected


@pytest.mark.parametrize("question", ["", "in May", "yesterday", "31 February 2024", "2024-13-01", "room 20240", "½ 19"])
def test_what_is_no_date_is_not_guessed(question: str) -> None:
    assert read(question) == []


@given(st.text(max_size=300))
def test_law_any_text_is_read(question: str) -> None:
    assert all(start < end for start, end in spans(question))


def test_bounded() -> None:
    assert len(spans("1999-01-01 " * 1_000)) == MOST
