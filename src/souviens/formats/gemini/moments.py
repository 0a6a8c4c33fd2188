"""Times as Takeout's pages write them, in the language of the account: "May 19, 2026, 7:07:02 PM GMT-03:00", "10 de mai. de 2026,
03:46:09 BRT", "2026年6月19日 12:23:08 CST", "04.05.2026, 06:07:08 MESZ".

A time is read only where it can be read in one way. Abbreviations that several zones share (CST, IST, BST) leave it a wall time.
"""

from __future__ import annotations

import re
from functools import lru_cache

from souviens.canon import Instant, rfc3339, unknown

_CLOCK = re.compile(r"\b(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)\b\s*(?P<after>.*)", re.DOTALL)
_DIGIT = re.compile(r"\d")
_HALVES = {
    "am": 0,
    "a.m.": 0,
    "a. m.": 0,
    "오전": 0,
    "上午": 0,
    "午前": 0,
    "pm": 12,
    "p.m.": 12,
    "p. m.": 12,
    "오후": 12,
    "下午": 12,
    "午後": 12,
}
_HALF = re.compile("|".join(re.escape(word) for word in sorted(_HALVES, key=len, reverse=True)), re.IGNORECASE)
_OFFSET = re.compile(r"(?:GMT|UTC)?\s*([+\-−])(\d{1,2})(?::?(\d\d))?")
_ZONES = {
    "z": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "cet": 1, "cest": 2, "mez": 1, "mesz": 2, "seč": 1, "selč": 2, "eet": 2,
    "eest": 3, "msk": 3, "brt": -3, "brst": -2, "edt": -4, "est": -5, "cdt": -5, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8,
    "jst": 9, "kst": 9, "aest": 10, "aedt": 11,
}  # fmt: skip
# The beginnings of a month's name, where it is one month in every language ("lis" is not: November in Polish, October in Croatian).
_MONTHS = (
    "jan ene gen led sty янв ιαν", "feb fév fev úno lut фев φεβ", "mar mär mrt bře мар", "apr avr abr dub kwi апр",
    "may mai maj mei mag kvě май мая μαΐ", "jun juin giu čvn cze июн ιουν", "jul juil lug čvc июл ιουλ",
    "aug août ago sie авг", "sep set zář wrz сен", "oct okt out ott říj paź окт", "nov ноя νοε",
    "dec dez déc dic des pro gru дек δεκ",
)  # fmt: skip
_MONTH = {name: month for month, names in enumerate(_MONTHS, 1) for name in names.split()}
_YEAR = re.compile(r"\b[12]\d{3}\b|[12]\d{3}年")
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST = 60  # characters


def looks_like_time(text: str) -> bool:
    """Whether a line is nothing but a date with a time of day, in whatever language."""
    clock = _clock(text)
    return clock is not None and _has_year(text[: clock.start()])


@lru_cache(maxsize=1024)  # of one line it is asked whether it is a time, and which
def _clock(text: str) -> re.Match[str] | None:
    return _CLOCK.search(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=1024)
def _has_year(day: str) -> bool:
    return _YEAR.search(day) is not None


@lru_cache(maxsize=1024)  # a prompt and its answer have one time
def moment(given: str) -> Instant:
    """A time as it stands on a page, or unknown with the reason."""
    if given.lstrip()[:1].isdigit() and (instant := rfc3339(given)).us is not None:
        return instant
    text = " ".join(given.split())
    clock = _clock(text)
    day = text[: clock.start()] if clock else ""
    date = _date(day)
    if clock is None or not date:
        return unknown("not a date", given)
    hour, minute, second, after = clock.groups()
    half, zone = _around(day, after)
    if half is not None:
        hour = f"{int(hour) % 12 + half:02}"
    read = rfc3339(f"{date}T{hour:0>2}:{minute}:{second}{zone}")
    return unknown("not a date", given) if read.us is None else Instant(given=given, us=read.us, zone=read.zone)


@lru_cache(maxsize=1024)  # of a day, and what an account writes behind all its times
def _around(day: str, after: str) -> tuple[int | None, str]:
    """Hours to add for the half of the day, None if the clock has 24, and the zone, of the words around a clock."""
    before = _DIGIT.split(day.split()[-1])[-1] if day.strip() else ""
    half = _HALF.match(after) or _HALF.search(before)
    if half:
        return _HALVES[half[0].lower()], _zone(_HALF.sub("", after, count=1).strip())
    return None, _zone(after.strip())


@lru_cache(maxsize=1024)  # there are many rows a day
def _date(text: str) -> str:
    """ISO date of the words before the clock, "" if there is none or more than one way to read it."""
    numbers = re.findall(r"\d+", text)
    year = next((n for n in numbers if len(n) == 4), "")
    numbers = [n for n in numbers if n != year]
    if not year or len(numbers) > 2:
        return ""
    month = next((found for word in _WORD.findall(text.lower()) if (found := _month(word))), 0)
    if month:
        return f"{year}-{month:02}-{numbers[0]:0>2}" if len(numbers) == 1 else ""
    if len(numbers) != 2:
        return ""
    first, second = numbers
    if text.strip().startswith(year):
        return f"{year}-{first:0>2}-{second:0>2}"
    if "." in text or int(first) > 12:
        return f"{year}-{second:0>2}-{first:0>2}"
    return f"{year}-{first:0>2}-{second:0>2}" if int(second) > 12 else ""


def _month(word: str) -> int:
    return next((_MONTH[word[:length]] for length in (4, 3) if word[:length] in _MONTH), 0)


def _zone(text: str) -> str:
    if match := _OFFSET.fullmatch(text):
        return f"{'+' if match[1] == '+' else '-'}{match[2]:0>2}:{match[3] or '00'}"
    hours = _ZONES.get(text.lower())
    return "" if hours is None else f"{'-' if hours < 0 else '+'}{abs(hours):02}:00"
