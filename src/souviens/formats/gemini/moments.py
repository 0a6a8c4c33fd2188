"""Times as Takeout's pages write them, in the language of the account: "May 19, 2026, 7:07:02 PM GMT-03:00", "10 de mai. de 2026,
03:46:09 BRT", "2026年5月19日 下午7:07:02 CST", "19. maj 2026 19.07.02 CEST", "19:07:02 19 thg 5, 2026 GMT+7".

A time is read only where it can be read in one way. Abbreviations that several zones share (CST, IST, BST) leave it a wall time. A
word beside the clock that is neither a half of the day nor a zone may be a half of the day in a language that is not known here:
then the time is unknown, unless its hour is one that a clock of twelve hours does not have.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from souviens.canon import Instant, rfc3339, unknown

# With colons, as most write it; with dots (Danish, Finnish, Indonesian); with letters (French in Canada).
_CLOCKS = (
    re.compile(r"(?<![\d:.])(\d{1,2}):(\d\d):(\d\d)(?![\d:])"),
    re.compile(r"(?<![\d:./])(\d{1,2})\.(\d\d)\.(\d\d)(?![\d:])(?!\.\d)"),
    re.compile(r"(?<![\d:.])(\d{1,2}) ?h ?(\d\d) ?min ?(\d\d) ?s(?!\w)"),
)
# Halves of the day, in the languages that have words for them beside "AM" and "PM". Of a Chinese day five parts are in one half.
_MORNING = """
am|a.m.|a. m.|오전|上午|午前|凌晨|清晨|早上|π.μ.|π. μ.|ص|صباحًا|صباحا|pg|e paradites|paradite|pd
|asubuhi|sa|öö|vm.|vm|fm|de.|пр.об.|f.h.|r.n.|дп|पूर्वाह्न|முற்பகல்|ಪೂರ್ವಾಹ್ನ|ਪੂ.ਦੁ.|ق.ظ.
|قبل‌ازظهر|قبل‌از‌ظهر|לפנה״צ|לפנה"צ|ก่อนเที่ยง|ກ່ອນທ່ຽງ|နံနက်|ጥዋት|පෙ.ව.|ү.ө.|to|dop.
|priešpiet|priekšp.|претпл.
"""
_EVENING = """
pm|p.m.|p. m.|오후|下午|午後|晚上|μ.μ.|μ. μ.|م|مساءً|مساء|ptg|e pasdites|mbasdite|md|mchana|ch|ös
|nm.|nm|em|du.|сл.об.|e.h.|i.n.|пп|अपराह्न|பிற்பகல்|ಅಪರಾಹ್ನ|ਬਾ.ਦੁ.|ب.ظ.|بعدازظهر|بعد‌ازظهر
|אחה״צ|אחה"צ|หลังเที่ยง|ຫຼັງທ່ຽງ|ညနေ|ከሰዓት|ප.ව.|ү.х.|tk|odp.|pop.|popiet|pēcp.|попл.
"""


def _plain(text: str) -> str:
    """A line in one way of writing: digits as in ASCII, no marks of direction, no space but one."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        text = "".join(_plain_character(one) for one in text)
    return " ".join(text.split())


def _plain_character(one: str) -> str:
    if one in _UNSEEN:
        return ""
    return str(unicodedata.decimal(one)) if one.isdecimal() else one


_UNSEEN = frozenset("\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_HALVES = {
    _plain(word).lower(): hours
    for hours, words in ((0, _MORNING), (12, _EVENING))
    for word in (one.strip() for one in words.split("|"))
}
_LONGEST_FIRST = "|".join(re.escape(word) for word in sorted(_HALVES, key=len, reverse=True))
_HALF = re.compile(rf"(?<![^\W\d_日])(?:{_LONGEST_FIRST})(?!\w)", re.IGNORECASE)
# Words before a clock, or behind it, that say nothing of which half of the day it is.
_BESIDE = frozenset(
    "a à alle an at às d de del e gada h jam kl klo las lúc m o om pukul s u uhr um v w в г ж о р у ч 日 日に 년 월 일".split()  # noqa: SIM905
)
_GREENWICH = r"(?:GMT|UTC|UT|Гринуич|Гринвич|غرينتش|گرینویچ|TU)"
_OFFSET = re.compile(rf"{_GREENWICH}? ?([+\-−‐–])(\d{{1,2}})(?::?(\d\d))?|([+\-−])(\d{{1,2}})(?::?(\d\d))? ?{_GREENWICH}")
_ZONES = {
    "z": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "cet": 1, "cest": 2, "mez": 1, "mesz": 2, "seč": 1, "selč": 2, "eet": 2,
    "eest": 3, "msk": 3, "trt": 3, "eat": 3, "brt": -3, "brst": -2, "edt": -4, "est": -5, "cdt": -5, "mdt": -6, "mst": -7,
    "pdt": -7, "pst": -8, "jst": 9, "kst": 9, "wib": 7, "wita": 8, "aest": 10, "aedt": 11, "hae": -4, "hne": -5, "idt": 3,
    "myt": 8, "hkt": 8, "sast": 2,
}  # fmt: skip
_WINTER = frozenset({1, 2, 3, 11, 12})  # when it is PST in America: in the Philippines it always is
_ENGLISH = re.compile(r"\b(?:jan|feb|mar|nov|dec)(?:\b|uary|ruary|ch|ember)", re.IGNORECASE)
# The beginnings of a month's name, where it is one month in every language ("lis" is not: November in Polish, October in Croatian).
_MONTHS = (
    "jan ene gen led sty янв ιαν jaan oca ian січ јан",
    "feb fév fev úno lut фев φεβ vee şub shk peb лют феб",
    "mar mär mrt bře мар már mac bere бер",
    "apr avr abr dub kwi апр ápr nis pri кві",
    "may mai maj mei mag kvě май мая μαΐ máj maí тра мај",
    "jun juin giu čvn cze июн ιουν juuni jún jūn iun haz qer hun чер јун",
    "jul juil lug čvc июл ιουλ juuli júl jūl iul tem korr hul јул",
    "aug août ago sie авг avg ağu agu ogo gush ágú",
    "sep set zář wrz сен sze eyl вер сеп",
    "oct okt out ott říj paź окт eki tet жов",
    "nov ноя νοε marra kas nën nob nóv нов",
    "dec dez déc dic des pro gru дек δεκ ara dhj dis dets гру дец",
)
_MONTH = {name: month for month, names in enumerate(_MONTHS, 1) for name in names.split()}
_YEAR = re.compile(r"(?<!\d)[12]\d{3}(?!\d)")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBERED_MONTH = re.compile(r"\b(?:thg|tháng) ?(\d{1,2})", re.IGNORECASE)
_RIGHT_TO_LEFT = re.compile("[\u0600-\u06ff]")
_FIRST, _LAST = 2000, 2100  # years: others are of another calendar
_LONGEST = 60  # characters


class _Line(NamedTuple):
    """A time in its pieces. before: words between the date and the clock, if the date is first. after: what is behind both."""

    clock: tuple[str, str, str]
    day: str
    before: str
    after: str


def looks_like_time(text: str) -> bool:
    """Whether a line is nothing but a date with a time of day, in whatever language."""
    return _parted(text) is not None


@lru_cache(maxsize=1024)  # of one line it is asked whether it is a time, and which
def _parted(given: str) -> _Line | None:
    if len(given) > _LONGEST:
        return None
    text = _plain(given)
    for pattern in _CLOCKS:
        for clock in pattern.finditer(text):
            before, after = text[: clock.start()], text[clock.end() :]
            hour, minute, second = clock.groups()
            if _YEAR.search(before):
                return _Line((hour, minute, second), before, _DIGITS.split(before)[-1], after)
            if (year := _YEAR.search(after)) and not before.strip():
                first = next((at.start() for at in _DATE.finditer(after, 0, year.end())), year.start())
                return _Line((hour, minute, second), after[first : year.end()], "", after[:first] + " " + after[year.end() :])
    return None


_DIGITS = re.compile(r"\d")
_DATE = re.compile(r"(?<![+\-−‐–:\d])\d")  # where a date begins behind a clock: at a digit that is not of a zone


@lru_cache(maxsize=1024)  # a prompt and its answer have one time
def moment(given: str) -> Instant:
    """A time as it stands on a page, or unknown with the reason."""
    if given.lstrip()[:1].isdigit() and (instant := rfc3339(given)).us is not None:
        return instant
    line = _parted(given)
    date = _date(line.day) if line else ""
    if line is None or not date:
        return unknown("not a date", given)
    hour, minute, second = line.clock
    half, zone, known = _around(line.before, line.after)
    if half is None and not known and not 13 <= int(hour) <= 23:
        return unknown("which half of the day is not known", given)
    if half is not None:
        if int(hour) > 12 and not half:
            return unknown("not a date", given)
        hour = f"{int(hour) % 12 + half:02}"
    if zone and _PACIFIC.search(line.after) and not (int(date[5:7]) in _WINTER and _ENGLISH.search(line.day)):
        zone = ""
    read = rfc3339(f"{date}T{hour:0>2}:{minute}:{second}{zone}")
    return unknown("not a date", given) if read.us is None else Instant(given=given, us=read.us, zone=read.zone)


_PACIFIC = re.compile(r"\bPST\b", re.IGNORECASE)


@lru_cache(maxsize=1024)  # of what an account writes before and behind all its times
def _around(before: str, after: str) -> tuple[int | None, str, bool]:
    """Hours to add for the half of the day, None if no word tells it; the zone; and whether each word around a clock is known."""
    halves = [match for text in (before, after) for match in _HALF.finditer(text)]
    if halves:
        rest = " ".join(_HALF.sub(" ", after).split())
        found = {_HALVES[match[0].lower()] for match in halves}
        return (found.pop() if len(found) == 1 else None), _zone(rest)[0], False
    zone, known = _zone(after)
    words = [word for word in _WORD.findall(before.lower()) if word not in _BESIDE and not _month(word)]
    return None, zone, known and not words


@lru_cache(maxsize=1024)  # there are many rows a day
def _date(text: str) -> str:
    """ISO date of the words beside the clock, "" if there is none or more than one way to read it."""
    numbers = re.findall(r"\d+", text)
    year = next((n for n in numbers if len(n) == 4), "")
    numbers = [n for n in numbers if n != year]
    if not year or len(numbers) > 2 or not _FIRST <= int(year) <= _LAST:
        return ""
    if numbered := _NUMBERED_MONTH.search(text):
        return f"{year}-{numbered[1]:0>2}-{numbers[0]:0>2}" if len(numbers) == 2 and numbered.start() else ""
    month = next((found for word in _WORD.findall(text.lower()) if (found := _month(word))), 0)
    if month:
        return f"{year}-{month:02}-{numbers[0]:0>2}" if len(numbers) == 1 else ""
    if len(numbers) != 2:
        return ""
    first, second = numbers
    if text.strip().startswith(year):
        return f"{year}-{first:0>2}-{second:0>2}"
    if "." in text or int(first) > 12 or _RIGHT_TO_LEFT.search(text):
        return f"{year}-{second:0>2}-{first:0>2}"
    return f"{year}-{first:0>2}-{second:0>2}" if int(second) > 12 else ""


def _month(word: str) -> int:
    return next((_MONTH[word[:length]] for length in (5, 4, 3) if word[:length] in _MONTH), 0)


def _zone(text: str) -> tuple[str, bool]:
    """The zone that a text names, "" if it is not known which, and whether it is nothing but a zone."""
    text = text.strip(" ,،.;")
    words = text.split()
    while words and words[0].strip(".,").lower() in _BESIDE:
        del words[0]
    text = " ".join(words)
    if not text or (text.startswith(("[", "(")) and text.endswith(("]", ")")) and len(words) > 0):
        inner = text[1:-1]
        return (_zone(inner)[0] if inner else ""), True
    if match := _OFFSET.fullmatch(text):
        sign, hours, minutes = match.groups()[:3] if match[1] else match.groups()[3:]
        return f"{'+' if sign == '+' else '-'}{hours:0>2}:{minutes or '00'}", True
    hours = _ZONES.get(text.lower())
    if hours is not None:
        return f"{'-' if hours < 0 else '+'}{abs(hours):02}:00", True
    return "", 3 <= len(text) <= 5 and text.isalpha() and text.isupper()  # two letters may be a half of the day
