"""The times a question speaks of: the dates it names (`when`), months and days without a year, and what is relative to now.

Only what the words say. People are fuzzy, so "three months ago" is a month around that day; a season is the northern one, as most
of those who write "last spring" mean it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from souviens.index.common import plain
from souviens.recall.when import EPOCH, MONTHS, MOST, NAMES, span, spans

AROUND, MONTH, YEAR = 0.6, 0.7, 0.2  # strengths: what lies around a day that was named, a month, a year


class Span(NamedTuple):
    """From start to end (excluded), microseconds UTC. strength: how much it tells, 0 to 1: a day more than a year."""

    start: int
    end: int
    strength: float


_LAST = r"(?:last|past|previous|derniere?|letzte[nrsm]?|vorige[nrsm]?|pasad[oa]|scors[oa]|passad[oa]|прошл\w+)"
_THIS = r"(?:this|cette|ce|diese[nrsm]?|esta|este|quest[oa]|deze|dit)"
_UNITS = {
    "day": r"days?|jours?|tage?n?|dias?|giorn[oi]|dag(?:en)?|дн(?:я|ей)|день",
    "week": r"weeks?|semaines?|wochen?|semanas?|settiman[ae]|we(?:ek|ken)|недел\w+",
    "month": r"months?|mois|monate?n?|mes(?:es)?|mes[ei]|maand(?:en)?|месяц\w*",
    "year": r"years?|ans?|annees?|jahre?n?|anos?|ann[oi]|jaar|jaren|год\w*|лет",
}
_LENGTH = {"day": 1, "week": 7, "month": 30, "year": 365}
_EASTERN = {"week": "先週|上周|上星期|지난주", "month": "先月|上个月|지난달", "year": "去年|작년"}
_COUNTED = (
    "one a an un une ein eine einem einer uno una um uma een один",
    "two deux zwei dos due dois twee два",
    "three trois drei tres tre drie три",
    "four quatre vier cuatro quattro quatro четыре",
    "five cinq funf cinco cinque vijf пять",
    "six sechs seis sei zes шесть",
)
_NUMBERS = {word: n for n, words in enumerate(_COUNTED, 1) for word in words.split()}
_MANY = rf"(\d{{1,3}}|{'|'.join(_NUMBERS)}|couple of|few|several)"
_FEW = 3  # what "a few" counts as
_AGO = {
    unit: re.compile(
        rf"\b{_MANY}\s+(?:{words})\s+(?:ago|back|earlier|geleden|fa|atras|назад)\b|\b(?:il y a|vor|hace"
        rf"|ha)\s+{_MANY}\s+(?:{words})\b"
    )
    for unit, words in _UNITS.items()
}
_LASTS = {
    unit: re.compile(rf"\b(?:{_LAST}\s+(?:{words})|(?:{words})\s+{_LAST})\b|{_EASTERN.get(unit, '(?!)')}")
    for unit, words in _UNITS.items()
    if unit != "day"
}
_THESE = {unit: re.compile(rf"\b{_THIS}\s+(?:{words})\b") for unit, words in _UNITS.items() if unit != "day"}
_DAYS = (
    (re.compile(r"\b(?:yesterday|hier|gestern|ayer|ieri|ontem|gisteren|вчера)\b|昨日|昨天|어제|أمس"), 1),
    (re.compile(r"\b(?:today|aujourd'hui|heute|hoy|oggi|hoje|vandaag|сегодня)\b|今日|今天|오늘|اليوم"), 0),
)
_WEEKDAYS = [
    re.compile(rf"\b{_LAST}\s+(?:{names})\b|\bon (?:{names})\b")
    for names in (
        "monday|lundi|montag|lunes|lunedi",
        "tuesday|mardi|dienstag|martes|martedi",
        "wednesday|mercredi|mittwoch|miercoles|mercoledi",
        "thursday|jeudi|donnerstag|jueves|giovedi",
        "friday|vendredi|freitag|viernes|venerdi",
        "saturday|samedi|samstag|sabado|sabato",
        "sunday|dimanche|sonntag|domingo|domenica",
    )
]
# "In winter" is any winter; "this winter" and "last winter" are one.
_IN = r"(?:in the|during the|over the|this|that|cet|cette|dies(?:en|em|es)|est[ae]|quest[oa]|deze)\s+"
_SEASONS = {
    month: re.compile(rf"\b(?:{_LAST}\s+|{_IN})(?:{names})\b|\b(?:{names})\s+{_LAST}\b")
    for month, names in {
        3: r"spring|printemps|fruhling|fruhjahr|primavera|lente|весн\w+",
        6: r"summer|ete|sommer|verano|estate|verao|zomer|лет\w+",
        9: r"autumn|fall|automne|herbst|otono|autunno|outono|herfst|осен\w+",
        12: r"winter|hiver|invierno|inverno|зим\w+",
    }.items()
}
_NO_YEAR = r"(?!\.?,?\s+(?:de\s+)?(?:19|20)\d\d)"
# "may" and "march" are words of their own: as months without a year they stand after a preposition or beside a day.
_BARE_MONTH = re.compile(
    r"\b(?:in|of|during|since|until|by|last|early|late|mid|en|au mois de?|im|ende|anfang|desde|a|em|di|в)[\s-]+"
    rf"({NAMES})\b{_NO_YEAR}"
)
_DAY_OF_MONTH = re.compile(
    rf"\b(?:({NAMES})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?|(\d{{1,2}})(?:\.|er|st|nd|rd|th)?\s+(?:of |de )?({NAMES}))\b{_NO_YEAR}(?!\d)"
)


def told(question: str, now: int | None = None, years: Iterable[int] = ()) -> list[Span]:
    """The spans of time a question speaks of, at most `MOST`.

    now: when it is asked, microseconds UTC; without it nothing relative is read. years: of the history that is asked, for months
    and days without a year: each such year's is meant, but none after `now`.
    """
    text = plain(question)
    found = [*_explicit(question), *_yearless(text, sorted(set(years)), now)]
    if now is not None:
        moment = EPOCH + timedelta(microseconds=now)
        found += (Span(_us(start), _us(end), strength) for start, end, strength in _relative(text, moment))
    return found[:MOST]


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _explicit(question: str) -> Iterator[Span]:
    for start, end in spans(question):
        day, days = EPOCH + timedelta(microseconds=start), timedelta(microseconds=end - start).days
        yield Span(start, end, 1.0 if days == 1 else MONTH if days < 32 else YEAR)
        month = span(day.year, day.month)
        if days == 1 and month is not None:
            yield Span(*month, AROUND)


def _yearless(text: str, years: list[int], now: int | None) -> Iterator[Span]:
    """Months and days named without a year, in each year of the history."""
    days = [(MONTHS[m[1] or m[4]], int(m[2] or m[3])) for m in _DAY_OF_MONTH.finditer(text)]
    months = [MONTHS[m[1]] for m in _BARE_MONTH.finditer(text)]
    meant: dict[tuple[int, int | None], float] = {(month, None): MONTH for month in months}
    meant |= {(month, None): AROUND for month, _ in days}
    meant |= dict.fromkeys(days, 1.0)
    for year in years:
        for (month, day), strength in meant.items():
            dated = span(year, month, day)
            if dated is not None and (now is None or dated[0] <= now):
                yield Span(*dated, strength)


def _relative(text: str, now: datetime) -> Iterator[tuple[datetime, datetime, float]]:
    """(start, end, strength) of what is said relative to now."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for pattern, days in _DAYS:
        if pattern.search(text):
            yield today - timedelta(days), today - timedelta(days - 1), 1.0
    for unit, pattern in _AGO.items():
        for match in pattern.finditer(text):
            yield from _ago(today, match[1] or match[2], _LENGTH[unit])
    for patterns, step in ((_LASTS, -1), (_THESE, 0)):
        for unit, pattern in patterns.items():
            if pattern.search(text):
                yield *_period(today, unit, step), YEAR if unit == "year" else MONTH
    for number, pattern in enumerate(_WEEKDAYS):
        if pattern.search(text):
            day = today - timedelta((today.weekday() - number - 1) % 7 + 1)
            yield day, day + timedelta(1), 1.0
    for month, pattern in _SEASONS.items():
        if pattern.search(text):
            start = datetime(today.year - (today.month < month), month, 1, tzinfo=UTC)
            yield start, (start + timedelta(95)).replace(day=1), AROUND


def _ago(today: datetime, many: str, length: int) -> Iterator[tuple[datetime, datetime, float]]:
    """So many days, weeks, … of `length` days before today; the further back, the vaguer. Nothing beyond a century."""
    count = int(many) if many.isdigit() else _NUMBERS.get(many, _FEW)
    if count * length < 36_500:
        middle, slack = today - timedelta(count * length), timedelta(length * max(0.5, 0.15 * count) if length > 1 else 0)
        yield middle - slack, middle + slack + timedelta(1), MONTH if length > 1 else 1.0


def _period(today: datetime, unit: str, step: int) -> tuple[datetime, datetime]:
    """The week, month or year of today (step 0) or the one before it (-1)."""
    if unit == "week":
        start = today - timedelta(today.weekday() - 7 * step)
        return start, start + timedelta(7)
    if unit == "year":
        return datetime(today.year + step, 1, 1, tzinfo=UTC), datetime(today.year + step + 1, 1, 1, tzinfo=UTC)
    first = today.replace(day=1)
    start = first if step == 0 else (first - timedelta(1)).replace(day=1)
    return start, (start + timedelta(32)).replace(day=1)
