"""One way to write each thing that is hashed or compared: canonical JSON, tagged hashes, ids and instants.

This is a contract (FORMAT.md, "Canonical form"): two programs that follow it give the same ids and hashes.

* canonical JSON: UTF-8, no white space, object keys sorted by code point, strings with the shortest escapes (only ``"``,
  ``\\`` and C0 controls), numbers as the source wrote them where we know the literal, else the shortest that reads back the same;
* a hash is ``tag:hex`` where the tag names canonical form and digest (``s1`` = this form, SHA-256), so that a later form
  can never be mistaken for this one;
* an id is a letter for the noun, ``-``, and 128 bits of SHA-256 in hex over the noun and its identifying values.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import msgspec

HASH_TAG = "s1"
_TAGGED = f"{HASH_TAG}:"
_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = Decimal(1_000_000)
# Years 1 to 9999, the range of RFC 3339; anything outside is a damaged number, not a time.
_FIRST, _LAST = -62_135_596_800 * 1_000_000, 253_402_300_799 * 1_000_000

canonical: Callable[[Any], bytes] = _encoder.encode


def sha256(data: bytes | memoryview) -> str:
    """Hex SHA-256 of raw bytes (64 characters); used for slices, blobs and members, which are never re-canonicalised."""
    return hashlib.sha256(data).hexdigest()


def tagged_hash(value: object) -> str:
    """``s1:`` and the SHA-256 of the canonical JSON of `value`: the integrity of a record."""
    return _TAGGED + hashlib.sha256(canonical(value)).hexdigest()


def make_id(letter: str, *identity: str) -> str:
    """An id of one noun from its identifying values, e.g. ``make_id("c", "chatgpt", "6733…")``.

    Letters: c conversation, m message, a attachment, y memory, t topic, s source. Values are joined by U+001F, which no
    provider id contains, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256("\x1f".join((letter, *identity)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{letter}-{digest[:32]}"


class Occurrences:
    """Ids for things whose provider gives none: content + how often it occurred before, never the position.

    Counted within (parent id, hash of the previous message), as the merge laws demand: an insertion elsewhere in the file
    leaves every other id alone.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], int] = {}

    def make_id(self, letter: str, *identity: str) -> str:
        count = self._seen.get(identity, 0)
        self._seen[identity] = count + 1
        return make_id(letter, *identity, str(count))


# --- instants ---------------------------------------------------------------------------------------------------------


class Instant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A time as its source gave it, beside UTC; or unknown, with the reason. Never invented.

    given: the exact string (or number literal) that stood in the source.
    us: microseconds since 1970-01-01T00:00:00Z, None when unknown.
    zone: what the source said of its zone: `epoch` (a number counts from UTC), `offset` (stated), `none` (a wall time read
    as UTC), `day` (a date without a time).
    unknown: the reason there is no time, e.g. "null", "zero", "not a date".
    """

    given: str | None = None
    us: int | None = None
    zone: str = ""
    unknown: str | None = None


# The default of every time. One object: a record is written without the fields that hold their default, and msgspec tells a
# default by identity, so that a second instant that says the same would be written and hashed otherwise.
ABSENT = Instant(unknown="absent")


def unknown(reason: str, given: str | None = None) -> Instant:
    """No time, with the reason. `given` keeps what stood there, if anything did."""
    return ABSENT if reason == "absent" and given is None else Instant(given=given, unknown=reason)


def epoch(value: object, *, unit: int = 1) -> Instant:
    """An epoch number (or a string holding one) as an Instant. `unit`: 1 for seconds, 1000 for milliseconds.

    Zero and null are what exporters write for "no time": they become unknown, never 1970.
    """
    if value is None:
        return unknown("null")
    given = str(value)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, float, str)):
        return unknown("not a number", given)
    try:
        number = value if isinstance(value, Decimal) else Decimal(given)
    except InvalidOperation:
        return rfc3339(value) if isinstance(value, str) else unknown("not a number", given)
    if not number.is_finite():
        return unknown("not a finite number", given)
    if number == 0:
        return unknown("zero", given)
    if abs(number.adjusted()) > 20:
        return unknown("out of range", given)
    us = int(number * _MICROSECONDS / unit)
    if not _FIRST <= us <= _LAST:
        return unknown("out of range", given)
    return Instant(given=given, us=us, zone="epoch")


_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d{2}:?\d{2})?)?")


@lru_cache(maxsize=4096)  # an export speaks of few days and says thousands of times when on them
def _day(date: str) -> int:
    """The beginning of a day in UTC, in microseconds. Raises ValueError for a day that is none."""
    return (datetime(int(date[:4]), int(date[5:7]), int(date[8:]), tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def _clock(hour: str, minute: str, second: str, zone: str) -> int:
    """Microseconds of a wall time after the beginning of its day in UTC. Raises ValueError for a time that is none."""
    hours, minutes, seconds = int(hour), int(minute), int(second)
    # A leap second (:60) is the following second: no clock in this field counts them.
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError("not a time of day")
    if zone and zone not in "Zz":
        away, and_minutes = int(zone[1:3]), int(zone[-2:])
        if away > 23 or and_minutes > 59:
            raise ValueError("not a zone")
        sign = -1 if zone[0] == "-" else 1
        hours, minutes = hours - sign * away, minutes - sign * and_minutes
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000


def rfc3339(value: object) -> Instant:
    """An ISO 8601 / RFC 3339 string as an Instant. Without a zone the wall time is kept and read as UTC, and `zone` says so."""
    if value is None:
        return unknown("null")
    if not isinstance(value, str):
        return unknown("not a string", str(value))
    match = _RFC3339.fullmatch(value.strip())
    if match is None:
        return unknown("not a date" if value.strip() else "empty", value)
    date, hour, minute, second, fraction, zone = match.groups()
    try:
        us = _day(date)
        if hour is not None:
            us += _clock(hour, minute, second or "00", zone or "")
        if fraction:
            us += int(fraction[:6].ljust(6, "0"))
    except ValueError:
        return unknown("not a date", value)
    if not _FIRST <= us <= _LAST + 999_999:
        return unknown("not a date", value)
    return Instant(given=value, us=us, zone="day" if hour is None else "offset" if zone else "none")


def utc(us: int | None) -> str | None:
    """Microseconds since 1970 as RFC 3339 in UTC, with a fraction only if there is one."""
    if us is None:
        return None
    moment = _EPOCH + timedelta(microseconds=us)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") if moment.year > 999 else moment.isoformat()[:19]
    return f"{text}.{moment.microsecond:06d}Z" if moment.microsecond else f"{text}Z"
