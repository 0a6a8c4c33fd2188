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


# One pass takes the words of a turn, and a table says which of ours are among them: a pattern for each trait took half of all
# indexing (measured). Scripts without spaces need patterns, and only texts in them pay for those. Text in ASCII alone, which is
# most of what is read, is divided without one.
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_MARKS = ("?", "\uff1f", "\u061f")
_CLOSING = "\"'\u201d\u2019)" + "".join(c for c in map(chr, range(0x3001)) if c.isspace())  # after a question mark at the end
_NUMBER, _DIGITS = re.compile(r"\d"), b"0123456789"
_NAME = re.compile(r" (?<=[a-zß-ÿа-я,;:] )[A-ZÀ-ÞА-Я][^\W\d_]")
_SELF_WORDS = """
    i i'm i've i'd i'll my mine je j mon ma mes moi ich mein meine meinen meiner mir mich yo mi mis io mio mia miei eu meu
    minha ik mijn jag jeg min mitt ja mam mój moja moje я мой моя мои мне меня мы أنا لدي عندي मैं मैंने मुझे मेरा मेरी मेरे
"""
_MOMENT_WORDS = """
    yesterday today tonight tomorrow ago last next recently hier aujourd'hui demain prochain prochaine dernier dernière
    semaine gestern heute morgen neulich letzte letzten letztes nächste nächsten nächstes woche ayer hoy mañana pasado
    pasada próximo próxima semana ieri oggi domani scorso scorsa prossimo prossima ontem hoje amanhã gisteren vandaag вчера
    сегодня завтра недавно прошлый прошлой прошлом следующий أمس اليوم غدا الماضي القادم कल आज पिछले अगले
"""
_PERIODS = ("week", "month", "year", "morning", "evening", "weekend", "summer", "winter", "spring", "autumn")
_LIKES_WORDS = """
    prefer like love hate enjoy favor favour avoid dislike rather favorite favourite préfère aime j'aime déteste évite
    j'évite mag bevorzuge liebe hasse lieber liebsten prefiero gusta encanta odio preferisco piace prefiro gosto hou liever
    предпочитаю люблю нравится أفضل أحب أكره
"""
_EAST = (
    (re.compile("[私僕俺]|わたし|ぼくは|我|나는|내가|저는|제가|ฉัน|ผม|मैं|मुझे|मेर"), SELF),
    (
        re.compile("昨日|今日|明日|先週|来週|先月|来月|去年|来年|昨天|今天|明天|上周|下周|上个月|下个月|어제|오늘|내일|지난|다음"),
        MOMENT,
    ),
    (re.compile("पसंद|好き|嫌い|好む|の方がいい|喜欢|喜歡|偏好|讨厌|좋아|싫어|선호"), LEANING),
)
_POLITE = ("please", "bitte", "s'il te plaît", "por favor")
_OPENINGS = r"""
    always|never|from now on|whenever i|when i ask|every time|each time i|make sure to always
    toujours|ne \w+ jamais|désormais|dorénavant|immer|niemals|ab jetzt|ab sofort|künftig|siempre|nunca
    a partir de ahora|de ahora en adelante|sempre|mai più|d'ora in poi|altijd|nooit|voortaan|всегда|никогда|отныне
    دائما|دائمًا|من الآن فصاعدا|हमेशा|कभी नहीं|अब से
"""
_RULES = [opening.strip() for line in _OPENINGS.split("\n") for opening in line.split("|") if opening.strip()]
_RULE = re.compile(
    rf"\W*(?:(?:{'|'.join(_POLITE)}) )?(?:(?:{'|'.join(_RULES)})\b|いつも|常に|必ず|今後は|总是|永远|今后|从现在起|항상|앞으로)",
    re.IGNORECASE,
)
_LEANING = re.compile(
    r"\b(?:i (?:usually |really |much |still |now )?(?:prefer|like|love|hate|enjoy|favou?r|avoid|dislike)|i'd rather|i don't like"
    r"|i want to avoid|my favou?rite|je préfère|j'aime|je déteste|j'évite|ich mag|ich bevorzuge|ich liebe|ich hasse|lieber"
    r"|am liebsten|prefiero|me gusta|me encanta|odio|preferisco|mi piace|prefiro|gosto|ik hou van|liever|предпочитаю|люблю|нравится"
    r"|أفضل|أحب|أكره)\b",
    re.IGNORECASE,
)


_THIS, _PERIOD, _LIKES = 256, 512, 1024  # of words that tell something only beside others
_WORDS = (
    (_SELF_WORDS.split(), SELF),
    (_MOMENT_WORDS.split(), MOMENT),
    (_LIKES_WORDS.split(), _LIKES),
    (_PERIODS, _PERIOD),
    (("this",), _THIS),
)
_TELLS: dict[str, int] = {}
for _words, _bit in _WORDS:
    _TELLS |= {word: _TELLS.get(word, 0) | _bit for word in _words}
_TELLING = frozenset(_TELLS)
# Of ASCII, letters in lower case and the apostrophe; a space for all else.
_PLAIN = bytes(ord(c.lower()) if c.isalpha() or c == "'" else 32 for c in map(chr, range(128))) + bytes(128)


def traits_of(text: str) -> int:
    """The traits of a turn of a person, as bits."""
    start = text[:LOOKED_AT]
    ascii = start.encode() if start.isascii() else b""
    words = _plain_words(ascii) if ascii else _WORD.findall(start.lower())
    tells = 0
    for word in _TELLING.intersection(words):
        tells |= _TELLS[word]
    found = tells & (SELF | MOMENT)
    if tells & _THIS and tells & _PERIOD:
        found |= MOMENT
    if tells & _LIKES and _LEANING.search(start.lower()):
        found |= LEANING
    if "?" in start or "\uff1f" in start or "\u061f" in start:
        found |= ASKS
    if len(ascii.translate(None, _DIGITS)) < len(ascii) if ascii else _NUMBER.search(start):
        found |= NUMBER
    if not ascii[2:].islower() and _NAME.search(start):
        found |= NAME
    if not ascii:
        for pattern, bit in _EAST:
            if not found & bit and pattern.search(start):
                found |= bit
    if _RULE.match(start):
        found |= RULE
    # The end of a long turn is looked at too: that is where its question stands.
    return found | QUESTION if text[-200:].rstrip(_CLOSING)[-1:] in _MARKS else found


def _plain_words(text: bytes) -> list[str]:
    """What `_WORD` finds in ASCII text in lower case; where there are apostrophes, also what those stand in."""
    words = text.translate(_PLAIN).decode().split()
    if b"'" in text:
        words += [inner for word in words if "'" in word for inner in _WORD.findall(word)]
    return words
