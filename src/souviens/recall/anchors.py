"""Events that a question dates by: "before the move", "seit der Operation". `moments` looks up when they were."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from souviens.index.common import common, plain
from souviens.recall.when import NAMES

Side = Literal["before", "after"]
MOST = 2  # events of one question
# Of words that say where as well as when ("nach Berlin", "vor dem Haus"), only with what makes a time of them likely.
_BEFORE = (
    r"before|prior to|until|leading up to|avant(?: de| que)?|jusqu'[aà]|bevor|vor (?:de[mnr]|mein\w*|unser\w*)|antes de(?:l| que)?"
    r"|hasta|prima d(?:i|el|ella)|voordat|до|перед|قبل|से पहले"
)
_AFTER = (
    r"after|since|following|après(?: que)?|depuis(?: que)?|nachdem|nach (?:de[mnr]|mein\w*|unser\w*)|seit(?:dem)?"
    r"|después de(?:l| que)?|desde(?: que)?|dopo(?: che)?|da quando|depois d[aeo]|nadat|sinds|после|с тех пор как|بعد|منذ"
)
_SAID = re.compile(rf"\b(?:(?P<before>{_BEFORE})|(?P<after>{_AFTER}))\s+(?P<event>[^,;:?!.\u060c\u061f]{{3,80}})", re.IGNORECASE)
_EASTERN = re.compile(
    r"(?P<event>[^\s、。，？?！!]{2,30}?)(?:(?:する|した|の)(?P<ja>前|まえ|後|あと)|(?P<zh>之前|以前|之后|以后)|\s?(?P<ko>전에|후에))"
)
_EARLIER = frozenset(("前", "まえ", "之前", "以前", "전에"))
# A year, a month, a day or a clock is a date, which `relative` reads.
_DATE = re.compile(rf"\b(?:\d|{NAMES}\b|now\b|today\b|then\b|that\b|long\b)", re.IGNORECASE)
# "How many days before the move": the event is one end of what is asked for, not a date of it. Nor is it of a total.
_DURATION = re.compile(
    r"\b(?:in total|altogether|au total|insgesamt|en total|in tutto"
    r"|how (?:long|many (?:minutes|hours|days|weeks|months|years))|combien de (?:temps|jours|semaines|mois)"
    r"|wie ?(?:lange|viele (?:tage|wochen|monate|jahre))|cu[aá]nt[oa]s? (?:tiempo|d[ií]as|semanas|meses|a[nñ]os)"
    r"|quant[oi] (?:tempo|giorni|mesi|anni)"
    r"|сколько (?:времени|дней|недель|месяцев|лет))|何(?:日|週間|か月|年)|多(?:久|少天)|며칠|얼마나 오래",
    re.IGNORECASE,
)


class Anchor(NamedTuple):
    """side: of the event that what is asked for lies on. event: in the words of the question."""

    side: Side
    event: str


def anchors(question: str) -> list[Anchor]:
    """The events a question dates by, at most `MOST`; none that is a date or that no word tells of, nor one end of a duration."""
    if _DURATION.search(question):
        return []
    found = [
        Anchor("before" if match["before"] else "after", match["event"].strip())
        for match in _SAID.finditer(question)
        if not _DATE.match(plain(match["event"]))
    ]
    found += [
        Anchor("before" if (match["ja"] or match["zh"] or match["ko"]) in _EARLIER else "after", match["event"])
        for match in _EASTERN.finditer(question)
    ]
    return [anchor for anchor in found if _tells(anchor.event)][:MOST]


def _tells(event: str) -> bool:
    words = re.findall(r"\w+", plain(event))
    return bool(set(words) - common(words))
