"""What a text speaks of, as typed things: names, titles, products, files, addresses, identifiers, amounts, dates.

A thing has a **key**, under which it is the same with other capitals, accents, or a possessive. What is not attempted: whether a
name is a person's, a place's or a firm's; names in scripts without capitals, of which only what somebody marked is taken (quoted,
a hashtag, a run of katakana or of Latin letters, a number with its unit); a single German noun, since all of them have capitals;
pronouns and descriptions ("my boss"). An alias is one only where a text of this vault introduces it (`aliases`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from souviens.index.common import common, plain
from souviens.recall.when import spans

Sort: TypeAlias = Literal["address", "file", "identifier", "title", "product", "name", "tag", "term", "amount", "date"]
# How much it says that two texts share a thing of that kind, before its rarity: an address names one thing in the world, an amount
# none.
TELLING: dict[Sort, float] = {
    "address": 1.0,
    "file": 0.9,
    "title": 0.9,
    "product": 0.9,
    "tag": 0.8,
    "identifier": 0.8,
    "name": 0.8,
    "term": 0.7,
    "date": 0.4,
    "amount": 0.2,
}
LONGEST = 20_000  # characters of a text that are read
LONGEST_NAME = 6  # words


class Mention(NamedTuple):
    """sort: what it is. text: as it stands. key: the same for the same thing. start: where in the text."""

    sort: Sort
    text: str
    key: str
    start: int


_EDGE = ".,;:!?\"'()[]{}<>«»“”„‘’`*_~"
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"'`)\]}，。、）」]+", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.@])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63}){1,4}")
_DOMAIN = re.compile(
    r"(?<![\w@./-])(?:[a-z0-9-]{2,40}\.){1,3}(?:com|org|net|io|dev|app|edu|gov|ai|fr|de|es|jp|cn|in|uk|ca|ch|eu)\b(?!\()",
    re.IGNORECASE,
)
_SUFFIX = (
    "py|js|ts|tsx|jsx|md|txt|json|yaml|yml|toml|csv|tsv|xlsx?|docx?|pptx?|pdf|html?|css|scss|sql|db|sqlite|sh|bat|c|h"
    "|cpp|hpp|rs|go|java"
    "|kt|rb|php|ipynb|xml|ini|cfg|conf|log|env|png|jpe?g|gif|svg|webp|mp[34]|wav|mov|zip|tar|gz|tex|epub|parquet|lock"
)
_FILE = re.compile(
    rf"(?<![\w@])(?:[~.]{{0,2}}/)?(?:[\w.@-]+/){{0,12}}[\w@-][\w.@-]{{0,80}}\.(?:{_SUFFIX})\b(?!\.\w)(?!\()", re.IGNORECASE
)
_PATH = re.compile(r"(?<![\w:/<.])(?:~|\.{1,2})?/(?:[\w.@-]+/)+[\w.@-]+|\b[A-Z]:\\(?:[\w. -]+\\)*[\w.-]+")
_QUOTED = re.compile(
    r"“([^“”\n]{2,80})”|„([^“”„\n]{2,80})[“”]|«\s?([^«»\n]{2,80}?)\s?»|「([^「」\n]{1,60})」|『([^『』\n]{1,60})』"
    r"|《([^《》\n]{1,60})》"
    r"|(?<![\w\"])\"([^\"\n]{2,80})\"(?![\w\"])"
)
_VERSION = re.compile(
    r"(?<![A-Za-z0-9_])((?:[A-Z][A-Za-z0-9+#.]*[A-Za-z0-9+#])(?:\s(?:[A-Z][A-Za-z0-9+#]*))?)\s?(?:version\s"
    r"|v\.?\s?)?(\d{1,4}(?:\.\d{1,4}){1,3}(?:-?[a-z]{1,5}\d*)?)(?![\d%]|,\d)"
)
_NUMBERED = re.compile(
    r"(?<![A-Za-z0-9_])([A-Z][a-z]+[A-Z][A-Za-z0-9]*(?: \d{1,4})?|[a-z]?[A-Z][A-Za-z]*[A-Za-z][ -]\d{1,4}[A-Za-z]?"
    r"|[A-Z]+-?\d+[A-Z]*[A-Za-z0-9]*)"
    r"(?![.,]?[\dA-Za-z_]|%)"
)
_IDENTIFIER = re.compile(
    r"(?<![\w-])--?[a-z][a-z0-9]+(?:-[a-z0-9]+)*\b|\b[A-Za-z]\w*_\w+\b|\b(?:[a-z_]\w*\.)*[a-z_]\w*\(\)|\b[a-z]+[A-Z]\w*\b"
    r"|\b(?:0x[0-9a-fA-F]{4,}|E[A-Z]{3,}|[A-Z]{2,10}[-_]\d{2,}|[A-Z]\d{3,5})\b"
)
_TAG = re.compile(r"(?<![\w&/])#([^\W\d_][\w-]{1,50})")
_KATAKANA = re.compile("[\u30a1-\u30fa][\u30a1-\u30fa\u30fc]{2,}(?:・[\u30a1-\u30fa\u30fc]+)*")
_CAPITALISED = re.compile(r"(?<![\w'’-])[^\W\d_a-z][^\W\d_]*(?:['’-][^\W\d_]+)*\.?")
_JOINING = """
    of the de da do dos del della di du des la le les van von der den zu y e & al el bin ibn für
"""
_JOINS = frozenset(_JOINING.split())
_END = re.compile(r"[.!?:;•\n\r\t|>*#)\]\"“”«»—–-]\s*$|^\s*$")
_POSSESSIVE = re.compile(r"(?:['’]s|['’])$")
# A letter of a script that has capitals.
_CASED = re.compile("[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff]")
_GERMAN = re.compile(r"\b(?:und|ich|nicht|ist|mit|für|eine[mnrs]?|auch|wir|wird|habe)\b")
_LATIN = re.compile("(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+#.-]{2,}(?: [A-Z0-9][A-Za-z0-9+#.-]*)*")
_NUMBER = r"\d{1,3}(?:[,.\u00a0\u202f ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?"
_UNIT = (
    r"%|°\s?[CF]?|€|£|¥|₹|\$|USD|EUR|GBP|CHF|dollars?|euros?|pounds?|roubles?|yen|[kKMGT]i?B|[munµ]?s\b|ms\b|Hz|[kMG]Hz"
    r"|[kmcµ]?m\b|km/h|mph|k?g\b|mg\b"
    r"|ml\b|l\b|kWh?|W\b|V\b|px|fps|rpm|円|元|块|人民币|ユーロ|ドル|個|个|人|本|册|公斤|公里|时间|時間|小时|分钟|分|天"
    r"|日間|年間|か月|週間|रुपये|रुपए|किलो|घंटे|दिन|लोग"
    r"|दولار|دولار|يورو|ريال|درهم|كيلو|ساعات|ساعة|أيام|يوم"
)
_AMOUNT = re.compile(
    rf"(?<![A-Za-z0-9_.,/-])([$€£¥₹]\s?)?({_NUMBER})\s?(k\b|[Mm]illion|bn\b|万|億|亿)?\s?({_UNIT}"
    rf"|[^\W\d_]{{3,20}}(?:[ -][^\W\d_]{{3,20}})?)?(?![\d])"
)
_TODAY = "today tonight aujourd'hui hoy heute 今日 今天 اليوم आज"
_YESTERDAY = "yesterday hier ayer gestern 昨日 昨天 أمس"
_TOMORROW = "tomorrow demain mañana 明日 明天 غدا"
_DAY_WORDS = {word: away for away, words in ((0, _TODAY), (-1, _YESTERDAY), (1, _TOMORROW)) for word in words.split()}
_DAY_WORD = re.compile(
    "|".join(rf"\b{w}\b" if w.isascii() or "ñ" in w else w for w in sorted(_DAY_WORDS, key=len, reverse=True)), re.IGNORECASE
)
_AGO = re.compile(r"\b(\d{1,3}) (day|week)s? ago\b", re.IGNORECASE)
_DAYED = re.compile(
    r"\b([^\W\d_]{3,10})\.? (\d{1,2})(?:st|nd|rd|th)?\b(?!\s?(?:%|[^\W\d_]*\d))|\b(\d{1,2})(?:st|nd|rd|th|er)?\.? (?:de "
    r"|of )?([^\W\d_]{3,10})\b"
    r"|(?<!\d)(\d{1,2})月(\d{1,2})日"
)
_DATED = re.compile(  # where a date with its year stands; `when.spans` reads it
    r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}\.\s?\d{1,2}\.\s?\d{4}\b|\b[^\W\d_]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
    r"|\b\d{1,2}(?:st|nd|rd|th|er)?\.? (?:de |of )?[^\W\d_]{3,10},? (?:de )?\d{4}\b"
    r"|\d{4}\s*[年년]\s*\d{1,2}\s*[月월]\s*\d{1,2}\s*[日일]"
)
_ACCENTS = re.compile("[\u0300-\u036f]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000


def key_of(text: str) -> str:
    """Under which a thing is the same: no capitals, accents, possessive, or spaces and marks at its edges."""
    return " ".join(_POSSESSIVE.sub("", folded(text).strip(_EDGE + " ")).split())


def folded(text: str) -> str:
    """Without capitals and accents. (`common.plain` also takes what makes another sound of a kana, and Hindi's vowel signs.)"""
    text = text.casefold()
    return text if text.isascii() else unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def mentions(text: str, us: int | None = None, known: Collection[str] = ()) -> list[Mention]:
    """What a text speaks of, each thing once, in the order of the text.

    us: when it was said, which relative dates and days without a year need. known: keys of names that are names whatever they look
    like, such as authors and projects of the vault.
    """
    text = text[:LONGEST]
    taken = bytearray(len(text) + 1)
    found: list[Mention] = []
    dated = [(m.start, m.start + len(m.text), m) for m in dates(text, us)]
    for sort, start, end, words in _marked(text):
        if any(start < to and at < end for at, to, _ in dated) and sort in ("product", "identifier"):
            continue
        if not any(taken[start:end]):
            taken[start:end] = b"\x01" * (end - start)
            found.append(Mention(sort, words, key_of(words), start))
    for start, end, mention in dated:
        if not any(taken[start:end]):
            taken[start:end] = b"\x01" * (end - start)
            found.append(mention)
    # What is taken already ends a name as a line's end does.
    rest = "".join("\n" if used else c for c, used in zip(text, taken, strict=False))
    found += _amounts(rest)
    found += _names(text, rest, frozenset(known))
    return list({m.key: m for m in sorted(found, key=lambda m: (m.start, -len(m.key))) if m.key}.values())


def _marked(text: str) -> Iterator[tuple[Sort, int, int, str]]:
    """What its form gives away: (sort, start, end, words), the surer kinds first."""
    for match in _URL.finditer(text):
        yield "address", match.start(), match.end(), match[0].rstrip(".,;:!?*_")
    for sort, pattern in (("address", _MAIL), ("file", _FILE), ("file", _PATH), ("address", _DOMAIN)):
        yield from ((sort, m.start(), m.end(), m[0]) for m in pattern.finditer(text))  # type: ignore[misc]
    for match in _QUOTED.finditer(text):
        words = next(filter(None, match.groups())).strip()
        if _is_title(words):
            yield "title", match.start(), match.end(), words
    yield from (("tag", m.start(), m.end(), m[0]) for m in _TAG.finditer(text))
    for match in _VERSION.finditer(text):
        if plain(match[1]) not in common([plain(match[1])]):
            yield "product", match.start(), match.end(), f"{match[1]} {match[2]}"
    yield from (("product", m.start(), m.end(), m[0]) for m in _NUMBERED.finditer(text) if len(m[0]) > 2)
    yield from (("identifier", m.start(), m.end(), m[0]) for m in _IDENTIFIER.finditer(text) if len(m[0]) > 3)
    yield from (("name", m.start(), m.end(), m[0]) for m in _KATAKANA.finditer(text))
    for match in _LATIN.finditer(text):
        around = text[max(0, match.start() - 2) : match.start()] + text[match.end() : match.end() + 2]
        if any(c.isalpha() and not _CASED.match(c) for c in around):
            yield "name", match.start(), match.end(), match[0].rstrip(".-")


def _is_title(words: str) -> bool:
    """Short, and not a sentence that somebody spoke: those end with a mark or begin small and go on."""
    if words[-1] in ".!?,;:" or len(words.split()) > 9 or not any(map(str.isalpha, words)):
        return False
    return not _CASED.match(words) or words[0].isupper() or len(words.split()) <= 3


def _names(text: str, rest: str, known: frozenset[str]) -> Iterator[Mention]:
    """Runs of capitalised words, out of the beginning of a sentence; there, only what is capitalised elsewhere too or is known."""
    german = len(_GERMAN.findall(text)) >= 2
    runs = list(_runs(rest))
    # Capitalised where no sentence begins: the word has its capital of itself.
    inside = {word for run in runs for at, word in run if at != run[0][0] or not _begins(rest, at)}
    for run in runs:
        own = not _begins(rest, run[0][0])
        dull = common([plain(word) for _, word in run]) | _JOINS | _EXCLAIMED
        while run and (plain(_POSSESSIVE.sub("", run[0][1])) in dull or len(run[0][1]) < 2):
            run, own = run[1:], False
        while run and plain(run[-1][1]) in dull:
            run = run[:-1]
        if not run or len(run) > LONGEST_NAME:
            continue
        words = rest[run[0][0] : run[-1][0] + len(run[-1][1])]
        key = key_of(words)
        doubtful = len(run) == 1 and (german or not (own or run[0][1] in inside) or key in _NO_NAMES)
        if key in known or (len(key) > 1 and not doubtful):
            yield Mention("name", _POSSESSIVE.sub("", words.strip(_EDGE)), key, run[0][0])
    plainly = folded(rest) if known else ""
    for key in (key for key in known if key in plainly):
        if match := re.search(rf"(?<!\w){re.escape(key)}(?!\w)", plainly):
            yield Mention("name", rest[match.start() : match.end()], key, match.start())


def _begins(text: str, at: int) -> bool:
    """Does a sentence, a line or a list's item begin here?"""
    return bool(_END.search(text[max(0, at - 4) : at]))


def _runs(text: str) -> Iterator[list[tuple[int, str]]]:
    """Capitalised words that stand side by side, or with nothing but "of", "de", "van" between them: (start, word)."""
    run: list[tuple[int, str]] = []
    for match in _CAPITALISED.finditer(text):
        word = match[0] if match[0] in _ABBREVIATED else match[0].rstrip(".")
        if not word[0].isupper() or word.replace("’", "'") in _MYSELF:
            continue
        if run and not _joined(text[run[-1][0] + len(run[-1][1]) : match.start()]):
            yield run
            run = []
        run.append((match.start(), word))
    if run:
        yield run


def _joined(between: str) -> bool:
    """Does what stands between two capitalised words keep them together?"""
    words = between.split()
    return (
        "\n" not in between
        and len(between) <= 8
        and ((not words and len(between) <= 2) or (bool(words) and _JOINS.issuperset(words)))
    )


_MYSELF = frozenset(("I", "I'm", "I've", "I'll", "I'd"))
_ABBREVIATED = frozenset(("Dr.", "Mr.", "Ms.", "St.", "Mrs", "Jr."))
# Words with a capital that name nothing one would follow: days, months, languages' own "I", what models begin lists with.
_NAMELESS = """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december lundi mardi mercredi jeudi vendredi samedi dimanche ok okay yes no sure thanks thank hi hello
    hey please also step example note good great well ai api url id pdf faq usa uk us eu tv pm am english french german
    spanish japanese chinese arabic hindi internet wow yeah oh haha god christmas mom dad always however section part
    chapter phase week day wow hey yay woohoo bye cool awesome glad congrats absolutely definitely sounds
"""
_NO_NAMES = frozenset(_NAMELESS.split())
_EXCLAIMED = frozenset("hey hi hello wow yay oh thanks congrats woohoo bye dear ok okay yes no yeah haha".split())  # noqa: SIM905  # reads better


def _amounts(text: str) -> Iterator[Mention]:
    for match in _AMOUNT.finditer(text):
        currency, number, scale, unit = (group or "" for group in match.groups())
        head = unit.split()[0] if unit else ""
        if plain(head) in _JOINS or head in common([plain(head)]):
            head = unit = ""
        if currency or unit:
            words = f"{currency}{number}{scale}".strip() if currency else match[0].strip()
            last = words.rpartition(" ")[2]
            if words.count(" ") > 1 and plain(last) in common([plain(last)]):  # "8 cards with"
                words = words.rpartition(" ")[0]
            yield Mention("amount", words, key_of(words), match.start())


def dates(text: str, us: int | None) -> Iterator[Mention]:
    """The days a text names; key: as 2024-03-20. Without a year it is the nearest to `us`; relative ones count from it."""
    for match in _DATED.finditer(text):
        for start, end in spans(match[0])[:1]:
            if end - start == _DAY:
                yield Mention("date", match[0], _iso(start), match.start())
    if us is None:
        return
    bare = _DATED.sub(lambda match: " " * len(match[0]), text)
    for match in _DAYED.finditer(bare):
        month, day = (match[1], match[2]) if match[1] else (match[4], match[3]) if match[3] else (match[5], match[6])
        if (nearest := _nearest(month, int(day), us)) is not None:
            yield Mention("date", match[0].strip(), _iso(nearest), match.start())
    for match in _DAY_WORD.finditer(bare):
        yield Mention("date", match[0], _iso(us + _DAY_WORDS[match[0].lower()] * _DAY), match.start())
    for match in _AGO.finditer(bare):
        yield Mention("date", match[0], _iso(us - int(match[1]) * (7 if match[2].lower() == "week" else 1) * _DAY), match.start())


@lru_cache(maxsize=1024)
def _nearest(month: str, day: int, us: int) -> int | None:
    """The start of the day of that month that is nearest to a time; None if it is no month. The reading of months is `when`'s."""
    year = (_EPOCH + timedelta(microseconds=us)).year
    if not 1901 < year < 2098:
        return None
    written = "{}年{}月{}日" if month.isdecimal() else "{2} {1} {0}"
    days = [start for y in (year - 1, year, year + 1) for start, end in spans(written.format(y, month, day)) if end - start == _DAY]
    return min(days, key=lambda start: abs(start - us), default=None)


def _iso(us: int) -> str:
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%d")


# --- aliases ----------------------------------------------------------------------------------------------------------

_BRACKETED = re.compile(r"((?:[A-Z][\w'’-]+\s){1,6}|[A-Z][\w'’-]+\s)\(([A-Z][\w.'’-]{1,30})\)")
_CALLED = re.compile(
    r"([A-Z][\w'’-]+(?:\s[A-Z][\w'’-]+){0,3}),?\s(?:\(?(?:aka|a\.k\.a\.|also known as|alias|dit|dite|alias|genannt"
    r"|alias de|apodad[oa])\s)"
    r"[\"“«]?([A-Z][\w'’-]+(?:\s[A-Z][\w'’-]+){0,2})"
)


def aliases(texts: Iterable[str]) -> dict[str, frozenset[str]]:
    """Key -> the keys of other names of the same thing, where a text introduces them.

    "Robert (Bob)", "Application Tracking System (ATS)", "Bob, aka Robert"; a first name that is only ever one full name's; a
    product without its version.
    """
    pairs: set[tuple[str, str]] = set()
    full: dict[str, set[str]] = {}
    for text in texts:
        pairs |= {(key_of(a), key_of(b)) for a, b in introduced(text)}
        for mention in mentions(text):
            words = mention.key.split()
            if mention.sort == "product" and len(words) > 1 and words[-1][0].isdigit():
                pairs.add((mention.key, " ".join(words[:-1])))
            elif mention.sort == "name" and len(words) == 2:
                full.setdefault(words[0], set()).add(mention.key)
    pairs |= {(first, next(iter(names))) for first, names in full.items() if len(names) == 1}
    out: dict[str, set[str]] = {}
    for a, b in pairs:
        if a != b and a and b:
            out.setdefault(a, set()).add(b)
            out.setdefault(b, set()).add(a)
    return {key: frozenset(others) for key, others in out.items()}


def introduced(text: str) -> Iterator[tuple[str, str]]:
    """(name, other name) where a text says that both are one: by "aka", in brackets behind its long form, or as a short name."""
    for match in _CALLED.finditer(text):
        yield match[1], match[2]
    for match in _BRACKETED.finditer(text):
        long, short = match[1].split(), match[2]
        if short.isupper() and len(short) > 1:
            initials = [word[0].upper() for word in long]
            if len(long) >= len(short) and "".join(initials[-len(short) :]) == short:
                yield " ".join(long[-len(short) :]), short
        elif plain(long[-1])[:1] == plain(short)[:1] or len(long) == 1:
            yield " ".join(long), short


# --- for a second search ----------------------------------------------------------------------------------------------


def telling(
    texts: Sequence[str], question: str, most: int = 3, known: Collection[str] = (), rarity: Callable[[str], float] | None = None
) -> list[str]:
    """The few things that a first step's findings speak of and the question does not, worth a second search; best first.

    texts: best first. rarity: of a thing's words in the vault, 0 (everybody says it) to 1; without it all are as rare. It counts
    by its kind, its rarity, and the rank of each text that mentions it.
    """
    asked = frozenset(re.findall(r"\w+", plain(question)))
    scores: dict[str, float] = {}
    words: dict[str, str] = {}
    for rank, text in enumerate(texts):
        for mention in mentions(text, known=known):
            if mention.sort in ("amount", "date") or asked.intersection(re.findall(r"\w+", plain(mention.key))):
                continue
            scores[mention.key] = scores.get(mention.key, 0.0) + TELLING[mention.sort] / (1 + rank)
            words.setdefault(mention.key, mention.text)
    if rarity is not None:
        scores = {key: score * rarity(words[key]) for key, score in scores.items()}
    return [words[key] for key in sorted(scores, key=lambda key: (-scores[key], key))[:most] if scores[key] > 0]
