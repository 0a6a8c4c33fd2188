"""What kind of turn a person's turn is, as far as its words tell: a byte a unit, so that recall need not read a thousand records.

Only turns of persons have traits: what a model writes has nearly all of them, so they would tell nothing. Only the beginning of
a turn is looked at. The words are those of the languages most histories are in; a turn in another one has fewer traits, never a
wrong one. What each is worth is in `recall.weights`, measured.
"""

from __future__ import annotations

import re
from typing import Final

LOOKED_AT = 1_000  # characters of a turn

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


# One pass takes the words of a turn, and sets say which of ours are among them: a pattern for each trait took half of all
# indexing (measured). Scripts without spaces need patterns, and only texts in them pay for those.
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_MARKS = ("?", "\uff1f", "\u061f")
_ENDS = re.compile(r"[?\uff1f\u061f][\"'\u201d\u2019)\s]*$")
_NUMBER = re.compile(r"\d")
_NAME = re.compile(r" (?<=[a-zß-ÿа-я,;:] )[A-ZÀ-ÞА-Я][^\W\d_]")
_SELF_WORDS = """
    i i'm i've i'd i'll my mine je j mon ma mes moi ich mein meine meinen meiner mir mich yo mi mis io mio mia miei eu meu
    minha ik mijn jag jeg min mitt ja mam mój moja moje я мой моя мои мне меня мы أنا لدي عندي मैं मैंने मुझे मेरा मेरी मेरे
"""
_SELF = frozenset(_SELF_WORDS.split())
_MOMENT_WORDS = """
    yesterday today tonight tomorrow ago last next recently hier aujourd'hui demain prochain prochaine dernier dernière
    semaine gestern heute morgen neulich letzte letzten letztes nächste nächsten nächstes woche ayer hoy mañana pasado
    pasada próximo próxima semana ieri oggi domani scorso scorsa prossimo prossima ontem hoje amanhã gisteren vandaag вчера
    сегодня завтра недавно прошлый прошлой прошлом следующий أمس اليوم غدا الماضي القادم कल आज पिछले अगले
"""
_MOMENT = frozenset(_MOMENT_WORDS.split())
_PERIODS = frozenset(("week", "month", "year", "morning", "evening", "weekend", "summer", "winter", "spring", "autumn"))
_LIKES_WORDS = """
    prefer like love hate enjoy favor favour avoid dislike rather favorite favourite préfère aime j'aime déteste évite
    j'évite mag bevorzuge liebe hasse lieber liebsten prefiero gusta encanta odio preferisco piace prefiro gosto hou liever
    предпочитаю люблю нравится أفضل أحب أكره
"""
_LIKES = frozenset(_LIKES_WORDS.split())
_EAST = (
    (re.compile("[私僕俺]|わたし|ぼくは|我|나는|내가|저는|제가|ฉัน|ผม|मैं|मुझे|मेर"), SELF),
    (
        re.compile("昨日|今日|明日|先週|来週|先月|来月|去年|来年|昨天|今天|明天|上周|下周|上个月|下个月|어제|오늘|내일|지난|다음"),
        MOMENT,
    ),
    (re.compile("पसंद|好き|嫌い|好む|の方がいい|喜欢|喜歡|偏好|讨厌|좋아|싫어|선호"), LEANING),
)
_RULE = re.compile(
    r"\W*(?:please |bitte |s'il te plaît |por favor )?(?:(?:always|never|from now on|whenever i|when i ask|every time|each time i"
    r"|make sure to always|toujours|ne \w+ jamais|désormais|dorénavant|immer|niemals|ab jetzt|ab sofort|künftig|siempre|nunca"
    r"|a partir de ahora|de ahora en adelante|sempre|mai più|d'ora in poi|altijd|nooit|voortaan|всегда|никогда|отныне"
    r"|دائما|دائمًا|من الآن فصاعدا|हमेशा|कभी नहीं|अब से)\b|いつも|常に|必ず|今後は|总是|永远|今后|从现在起|항상|앞으로)",
    re.IGNORECASE,
)
_LEANING = re.compile(
    r"\b(?:i (?:usually |really |much |still |now )?(?:prefer|like|love|hate|enjoy|favou?r|avoid|dislike)|i'd rather|i don't like"
    r"|i want to avoid|my favou?rite|je préfère|j'aime|je déteste|j'évite|ich mag|ich bevorzuge|ich liebe|ich hasse|lieber"
    r"|am liebsten|prefiero|me gusta|me encanta|odio|preferisco|mi piace|prefiro|gosto|ik hou van|liever|предпочитаю|люблю|нравится"
    r"|أفضل|أحب|أكره)\b",
    re.IGNORECASE,
)


def traits_of(text: str) -> int:
    """The traits of a turn of a person, as bits."""
    start = text[:LOOKED_AT]
    lower = start.lower()
    words = set(_WORD.findall(lower))
    found = ASKS if any(mark in start for mark in _MARKS) else 0
    if _NUMBER.search(start):
        found |= NUMBER
    if _NAME.search(start):
        found |= NAME
    if not _SELF.isdisjoint(words):
        found |= SELF
    if not _MOMENT.isdisjoint(words) or ("this" in words and not _PERIODS.isdisjoint(words)):
        found |= MOMENT
    if not _LIKES.isdisjoint(words) and _LEANING.search(lower):
        found |= LEANING
    if not start.isascii():
        for pattern, bit in _EAST:
            if not found & bit and pattern.search(start):
                found |= bit
    if _RULE.match(start):
        found |= RULE
    # The end of a long turn is looked at too: that is where its question stands.
    return found | QUESTION if _ENDS.search(text[-200:]) else found
