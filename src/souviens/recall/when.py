"""Dates that a question names: days, months and years as spans of time. Explicit ones only; nothing is guessed.

What is relative to when it is asked, and months without a year, are `relative`'s.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

from souviens.index.common import plain

MOST = 16  # dates of one question
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan janvier januar januari enero gennaio janeiro",
            "february feb fevrier februar februari febrero febbraio fevereiro",
            "march mar mars marz maart marzo marco",
            "april apr avril abril aprile",
            "may mai mei mayo maggio maio",
            "june jun juin juni junio giugno junho",
            "july jul juillet juli julio luglio julho",
            "august aug aout augustus agosto",
            "september sep sept septembre septiembre settembre setembro",
            "october oct okt octobre oktober octubre ottobre outubro",
            "november nov novembre noviembre novembro",
            "december dec dez decembre dezember diciembre dicembre dezembro",
        ),
        1,
    )
    for name in names.split()
}
NAMES = "|".join(sorted(MONTHS, key=len, reverse=True))
_ISO = re.compile(r"\b((?:19|20)\d\d)-(\d\d)(?:-(\d\d))?\b")
_DOTTED = re.compile(r"\b(\d{1,2})\.\s?(\d{1,2})\.\s?((?:19|20)\d\d)\b")  # with strokes, who knows what comes first
_EAST_ASIAN = re.compile(r"((?:19|20)\d\d)\s*[年년](?:\s*(\d{1,2})\s*[月월](?:\s*(\d{1,2})\s*[日일])?)?")
_DAY_FIRST = re.compile(rf"\b(?:(\d{{1,2}})(?:er|st|nd|rd|th)?\.?\s+(?:of\s+|de\s+)?)?({NAMES})\.?,?\s+(?:de\s+)?((?:19|20)\d\d)\b")
_MONTH_FIRST = re.compile(rf"\b({NAMES})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+((?:19|20)\d\d)\b")
_YEAR = re.compile(r"\b((?:19|20)\d\d)\b")
# The more exact first: what one has read is not read again by a coarser one.
_PATTERNS = ((_ISO, "ymd"), (_EAST_ASIAN, "ymd"), (_DOTTED, "dmy"), (_MONTH_FIRST, "mdy"), (_DAY_FIRST, "dmy"), (_YEAR, "y"))


def span(year: int, month: int | None = None, day: int | None = None) -> tuple[int, int] | None:
    """Microseconds from the start to the end (excluded); None for a date that is none."""
    try:
        start = datetime(year, month or 1, day or 1, tzinfo=UTC)
    except ValueError:
        return None
    days = 1 if day else calendar.monthrange(year, month)[1] if month else 366 if calendar.isleap(year) else 365
    begin = (start - EPOCH).days
    return begin * 86_400_000_000, (begin + days) * 86_400_000_000


def spans(question: str) -> list[tuple[int, int]]:
    """The spans of time a question names, at most MOST: (start, end) in microseconds UTC, end excluded."""
    text, found = plain(question), []
    for pattern, order in _PATTERNS:
        for match in pattern.finditer(text):
            given = dict(zip(order, match.groups(), strict=True))
            month = given.get("m")
            number = None if month is None else MONTHS[month] if month in MONTHS else int(month)
            day = given.get("d")
            dated = span(int(given["y"] or 0), number, int(day) if day else None)
            if dated is not None:
                found.append(dated)
        text = pattern.sub(" ", text)
    return found[:MOST]
