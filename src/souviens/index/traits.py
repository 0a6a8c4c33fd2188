"""What kind of turn a person's turn is, as far as its words tell: a byte a unit, so that recall need not read a thousand records.

Only turns of persons have traits: what a model writes has nearly all of them, so they would tell nothing. Only the beginning of
a turn is looked at. The words are those of the languages most histories are in; a turn in another one has fewer traits, never a
wrong one. What each is worth is in `recall.weights`, measured.
"""

from __future__ import annotations

import re
from typing import Final

LOOKED_AT = 2_000  # characters of a turn

ASKS: Final = 1
"""A question mark stands in it: what follows may be the answer."""
QUESTION: Final = 2
"""It ends with one: it wants something, and rarely says anything."""
NUMBER: Final = 4
"""A digit."""
NAME: Final = 8
"""A capital inside a sentence, in scripts that have them."""
SELF: Final = 16
"""The person speaks of themselves."""
MOMENT: Final = 32
"""A word of time that is relative to when it was said: yesterday, next week."""
RULE: Final = 64
"""A standing instruction: always, never, from now on, at its beginning."""
LEANING: Final = 128
"""A preference."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_ENDS = re.compile(r"[?\uff1f\u061f][\"'\u201d\u2019)\s]*$")
_ASKS = re.compile(r"[?\uff1f\u061f]")
_NUMBER = re.compile(r"\d")
_NAME = re.compile(r"[^\W\d_A-ZÀ-ÞА-Я][,;:]? [A-ZÀ-ÞА-Я][^\W\d_]")
_SELF = _any(
    r"\b(?:i|i'm|i've|i'd|i'll|my|mine|je|j|mon|ma|mes|moi|ich|mein|meine|meinen|meiner|mir|mich|yo|mi|mis|io|mio|mia|miei|eu|meu"
    r"|minha"
    r"|ik|mijn|jag|jeg|min|mitt|ja|mam|mój|moja|moje|я|мой|моя|мои|мне|меня|мы|أنا|لدي|عندي|मैं|मैंने|मुझे|मेरा|मेरी|मेरे)\b",
    "[私僕俺]|わたし|ぼくは|我|나는|내가|저는|제가|ฉัน|ผม",
)
_MOMENT = _any(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|recently|this (?:week|month|year|morning|evening|weekend|summer|winter)"
    r"|hier|aujourd'hui|demain|prochaine?|dernière?|semaine|gestern|heute|morgen|neulich|letzten?|letztes|nächsten?|nächstes|woche"
    r"|ayer|hoy|mañana|pasad[oa]|próxim[oa]|semana|ieri|oggi|domani|scors[oa]|prossim[oa]|ontem|hoje|amanhã|gisteren|vandaag"
    r"|вчера|сегодня|завтра|недавно|прошл\w+|следующ\w+|أمس|اليوم|غدا|الماضي|القادم|कल|आज|पिछले|अगले)\b",
    "昨日|今日|明日|先週|来週|先月|来月|去年|来年|昨天|今天|明天|上周|下周|上个月|下个月|어제|오늘|내일|지난|다음",
)
_RULE = re.compile(
    r"\W*(?:please |bitte |s'il te plaît |por favor )?(?:(?:always|never|from now on|whenever i|when i ask|every time|each time i"
    r"|make sure to always|toujours|ne \w+ jamais|désormais|dorénavant|immer|niemals|ab jetzt|ab sofort|künftig|siempre|nunca"
    r"|a partir de ahora|de ahora en adelante|sempre|mai più|d'ora in poi|altijd|nooit|voortaan|всегда|никогда|отныне"
    r"|دائما|دائمًا|من الآن فصاعدا|हमेशा|कभी नहीं|अब से)\b|いつも|常に|必ず|今後は|总是|永远|今后|从现在起|항상|앞으로)",
    re.IGNORECASE,
)
_LEANING = _any(
    r"\b(?:i (?:usually |really |much |still |now )?(?:prefer|like|love|hate|enjoy|favou?r|avoid|dislike)|i'd rather|i don't like"
    r"|i want to avoid|my favou?rite|je préfère|j'aime|je déteste|j'évite|ich mag|ich bevorzuge|ich liebe|ich hasse|lieber"
    r"|am liebsten|prefiero"
    r"|me gusta|me encanta|odio|preferisco|mi piace|prefiro|gosto|ik hou van|liever|предпочитаю|люблю|нравится|أفضل|أحب|أكره)\b",
    "पसंद|好き|嫌い|好む|の方がいい|喜欢|喜歡|偏好|讨厌|좋아|싫어|선호",
)
_PATTERNS = (
    (_ASKS, ASKS),
    (_NUMBER, NUMBER),
    (_NAME, NAME),
    (_SELF, SELF),
    (_MOMENT, MOMENT),
    (_LEANING, LEANING),
)


def traits_of(text: str) -> int:
    """The traits of a turn of a person, as bits."""
    start = text[:LOOKED_AT]
    found = sum(bit for pattern, bit in _PATTERNS if pattern.search(start))
    if _RULE.match(start):
        found |= RULE
    # The end of a long turn is looked at too: that is where its question stands.
    return found | QUESTION if _ENDS.search(text[-200:]) else found
