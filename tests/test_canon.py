"""The canonical forms: what is hashed and compared is written in one way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.canon import Occurrences, canonical, epoch, make_id, rfc3339, tagged_hash, utc

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner),
    max_leaves=20,
)


@given(JSON)
def test_canonical_json_is_json_with_sorted_keys_and_reads_back_the_same(value: object) -> None:
    data = canonical(value)
    assert json.loads(data) == value
    assert json.dumps(json.loads(data), sort_keys=True) == json.dumps(json.loads(data))


@given(JSON)
def test_the_hash_says_its_form_and_depends_on_nothing_but_the_value(value: object) -> None:
    again = json.loads(json.dumps(value))
    assert tagged_hash(value) == tagged_hash(again)
    assert tagged_hash(value).startswith("s1:")


def test_a_number_keeps_the_literal_of_its_source() -> None:
    assert canonical({"a": Decimal("1.10"), "b": Decimal("1706000000.123456")}) == b'{"a":1.10,"b":1706000000.123456}'


def test_ids_do_not_run_together() -> None:
    assert make_id("c", "ab", "c") != make_id("c", "a", "bc")
    assert len(make_id("m", "x")) == 34


def test_equal_things_get_ids_by_their_occurrence_not_their_place() -> None:
    first, second = Occurrences(), Occurrences()
    ids = [first.make_id("m", "hello"), first.make_id("m", "hello")]
    second.make_id("m", "something inserted before")
    assert [second.make_id("m", "hello"), second.make_id("m", "hello")] == ids
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("value", "us", "reason"),
    [
        (Decimal("1706000000.123456"), 1_706_000_000_123_456, None),
        (1706000000, 1_706_000_000_000_000, None),
        ("1706000000.5", 1_706_000_000_500_000, None),
        (0, None, "zero"),
        (None, None, "null"),
        (True, None, "not a number"),
        (Decimal("1e400"), None, "out of range"),
        (10**30, None, "out of range"),
        ("soon", None, "not a date"),
        ([], None, "not a number"),
    ],
)
def test_an_epoch_is_a_time_or_unknown_with_a_reason(value: object, us: int | None, reason: str | None) -> None:
    instant = epoch(value)
    assert (instant.us, instant.unknown) == (us, reason)
    assert instant.given == (None if value is None else str(value))


@pytest.mark.parametrize(
    ("text", "expected", "zone"),
    [
        ("2025-03-01T12:00:00Z", "2025-03-01T12:00:00Z", "offset"),
        ("2025-03-01T12:00:00.123456789+08:00", "2025-03-01T04:00:00.123456Z", "offset"),
        ("2025-03-01 12:00", "2025-03-01T12:00:00Z", "none"),
        ("2025-03-01", "2025-03-01T00:00:00Z", "day"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "offset"),
        ("2025-02-30", None, ""),
        ("yesterday", None, ""),
        ("", None, ""),
    ],
)
def test_a_date_keeps_what_was_given_and_its_zone(text: str, expected: str | None, zone: str) -> None:
    instant = rfc3339(text)
    assert (utc(instant.us), instant.zone, instant.given) == (expected, zone, text)
    assert (instant.unknown is None) == (expected is not None)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)), st.integers(-14 * 60, 14 * 60))
def test_every_written_time_is_read_back(moment: datetime, offset: int) -> None:
    sign = "-" if offset < 0 else "+"
    text = f"{moment.isoformat(timespec='microseconds')}{sign}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    us = rfc3339(text).us
    expected = moment.replace(tzinfo=UTC) - timedelta(minutes=offset)
    assert us == (expected - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert rfc3339(utc(us)).us == us
