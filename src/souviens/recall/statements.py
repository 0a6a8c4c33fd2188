"""Two statements of one person about one thing: does the later one replace the earlier, or do they contradict each other?

A text is taken apart into claims, a sentence each: the words that carry it, the amounts and days in it, whether it denies or says
that something changed, or only wishes and asks. Two claims are compared by the words they share, each weighed by how rare it is
among the texts that were looked at. Precision goes before completeness: what cannot be said in one sentence is not said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, TypeAlias

from souviens.index.common import common, plain
from souviens.index.words import split
from souviens.recall.changes import bare, language, sign
from souviens.recall.mentions import key_of, mentions

Weight: TypeAlias = Callable[[str], float]  # of a stem, 0 (everybody says it) to 1
TOLD, TOLD_BY_SIGN = 0.9, 1.5  # weight of the words beside both values, of things that are counted; of money and percentages
STEM = 6  # letters that stand for all forms of a word: "completed" and "completing" are one; crude, and needs no language
LONG = 45  # words of a sentence whose pieces are still taken together
NEAR = 6  # words around a value that may say what it is the value of
MOST = 24  # claims of one text
# Of the weight of the words, how much has to be shared: of what is denied; of two sentences with values, one with a sign of change.
SHARED_POLARITY, SHARED_WITHOUT_VERB, SHARED_SIGNED = 0.6, 0.7, 0.25
_SENTENCE = re.compile(r"(?<=[.!?。！？।؟])\s+|(?<=[。！？।])|\n+|;\s")
_PIECE = re.compile(r",\s|，|、|\s[-–—]\s|\bbut\b|\bso\b(?= )|\bmais\b|\bpero\b|\baber\b")
_WORD = re.compile(r"\w+")
_SYMBOL = re.compile(r"[$€£¥₹%]")
_QUESTION = ("?", "？", "؟")
_ALTERNATIVE = re.compile(r"\b(?:or|ou|o|oder|या|او)\b|أو")
_ENDING = re.compile(r"(?:ings?|edly|ed|es|s|ly|ions?|e|ment[os]?)$")
# Words that carry nothing here, among them those of change itself: "reduced" is not what was reduced.
_CARRYING_NOTHING = """
    before ever yet actually really already like trying try help sure just get make need want kinda also way after more keep
    going maintain include including adjust adjusted due since now recently next use using used reduced reduce increased
    increase improved improve improvement extended extend updated update changed change switched moved new current currently
    per day total around
"""
_DULL = frozenset(_CARRYING_NOTHING.split())
_KANA = re.compile("^[\u3040-\u309f]+$")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


class Value(NamedTuple):
    """sort: amount or date. unit: what two values must have in common to be compared. number: to compare. words: as it stands.
    near: stems beside it. changed: words beside it that say that it changed, "" if none do. turn: 1 it grew, -1 it fell."""

    sort: Literal["amount", "date"]
    unit: str
    number: str
    words: str
    near: frozenset[str]
    changed: str
    turn: int = 0


class Denial(NamedTuple):
    """What a sentence says is not so. stems: of what is denied. ended: the words that say that it was so before, "" if none do."""

    stems: tuple[str, ...]
    ended: str


class Claim(NamedTuple):
    """One sentence. stems: of the words that carry it, in order. affirmed: stems of what it states, without denying, wishing or
    asking. moved: the words that say that a date was moved, "" if none do. asks: it ends as a question.
    """

    text: str
    stems: tuple[str, ...]
    denials: tuple[Denial, ...]
    affirmed: tuple[frozenset[str], ...]
    values: tuple[Value, ...]
    moved: str
    asks: bool


class Finding(NamedTuple):
    """type: what the later is to the earlier. strength: 0 to 1. about: what both speak of. old, new: what each says of it."""

    type: Literal["supersedes", "contradicts"]
    strength: float
    about: str
    old: str
    new: str
    sign: str


def stem(word: str) -> str:
    """A word as all its forms are compared: an English or Romance ending off, and no more than STEM letters."""
    return (_ENDING.sub("", word) if len(word) > 5 else word.removesuffix("s") if len(word) > 3 else word)[:STEM]


def stems(text: str) -> list[str]:
    """The words that carry a text as stems, in order; what holds a sentence together left out."""
    words = _WORD.findall(plain(split(text)))
    dull = common(words) | _DULL
    return [
        stem(w) for w in words if w not in dull and (len(w) > 2 or not w.isascii()) and not w.isdecimal() and not _KANA.match(w)
    ]


def claims(text: str, us: int | None) -> list[Claim]:
    """The claims of a text said at `us`, at most MOST. Code is left out."""
    sentences = (s.strip() for s in _SENTENCE.split(_CODE.sub(" ", text)[:8000]))
    tongue = language(bare(text[:2000]))
    return [_claim(s, us, tongue) for s in sentences if len(s) > 5][:MOST]


def _claim(sentence: str, us: int | None, tongue: str) -> Claim:
    denials: list[Denial] = []
    affirmed: list[frozenset[str]] = []
    for piece in filter(None, map(str.strip, _PIECE.split(sentence))):
        words = bare(piece)
        asked, ended = sign("open", words, tongue), sign("ended", words, tongue)
        found = ended or sign("denied", words, tongue)
        if found:
            denials.append(Denial(_denied(words[found.end() :], words[: found.start()]), ended[0] if ended else ""))
        elif not piece.endswith(_QUESTION):
            stated = words[: asked.start()] if asked else words
            affirmed += [frozenset(stems(stated))] if sign("done", stated, tongue) else []
    said = tuple(denial for denial in denials if denial.stems)
    carrying = tuple(stems(sentence))
    # What is said in two pieces is one statement, unless the sentence goes on for ever.
    together = (frozenset().union(*affirmed),) if affirmed and len(carrying) <= LONG else tuple(affirmed)
    moved = sign("deferred", bare(sentence), tongue)
    return Claim(
        sentence,
        carrying,
        said,
        together,
        tuple(_values(sentence, us, tongue)),
        moved[0] if moved else "",
        sentence.endswith(_QUESTION),
    )


def _denied(after: str, before: str) -> tuple[str, ...]:
    """What is denied: up to an "or", if that is enough. Where the denial stands last, as in Japanese, what is before it."""
    first = stems(_ALTERNATIVE.split(after)[0])
    found = first if len(first) > 1 else stems(after)
    return tuple(found if len(found) > 1 else stems(before + " " + after))


def _values(sentence: str, us: int | None, tongue: str) -> Iterator[Value]:
    for mention in mentions(sentence, us):
        if mention.sort not in ("amount", "date"):
            continue
        end = mention.start + len(mention.text)
        before, after = stems(sentence[: mention.start]), stems(sentence[end:])
        if mention.sort == "date":
            # A day stands behind what it is the day of, and only words for moving move it: "now" says nothing of a date.
            found = sign("moved", bare(sentence[max(0, mention.start - 60) : end + 20]), tongue)
            yield Value("date", "day", mention.key, mention.text, frozenset(before[-5:]), found[0] if found else "")
            continue
        number, unit = re.search(r"\d[\d.,]*", mention.text), _unit(mention.text)
        if number and unit:
            around = bare(sentence[max(0, mention.start - 70) : end + 40])
            found = sign("changed", around, tongue)
            turn = int(bool(sign("more", around, tongue))) - int(bool(sign("less", around, tongue)))
            near = frozenset((*before[-NEAR:], *stems(mention.text[number.end() :]), *after[:NEAR])) - {unit}
            yield Value(
                "amount", unit, number[0].rstrip(".,").replace(",", ""), mention.text, near, found[0] if found else "", turn
            )


def _unit(text: str) -> str:
    """A sign, else the last noun's stem: "8 conditional problems" counts problems."""
    symbol = _SYMBOL.search(text)
    if symbol:
        return symbol[0]
    words = [w for w in _WORD.findall(key_of(text)) if not w[0].isdecimal()]
    return stem(words[0]) if words else ""


# --- comparing --------------------------------------------------------------------------------------------------------


def compare(earlier: list[Claim], later: list[Claim], weight: Weight) -> Finding | None:
    """The strongest thing that two texts of one person say about each other, None if nothing can be told in a sentence."""
    said = {(v.unit, v.number) for claim in earlier for v in claim.values}
    found = [
        finding
        for a in earlier
        for b in later
        for finding in (*_polarity(a, b, weight), *_other_values(a, b, said, weight), *_moved(a, b))
    ]
    return max(found, key=lambda f: f.strength, default=None)


def _polarity(a: Claim, b: Claim, weight: Weight) -> Iterator[Finding]:
    """One denies what the other states."""
    for denying, stating in ((a, b), (b, a)):
        for denial in denying.denials:
            about = list(dict.fromkeys(denial.stems))
            for affirmed in stating.affirmed:
                shared = [s for s in about if s in affirmed]
                part = sum(map(weight, shared)) / sum(map(weight, about))
                verb = about[0] in shared
                # The first word is what was never done. Where another verb is used, more of the rest has to be the same.
                if len(shared) > 2:
                    part = max(part, len(shared) / len(about))
                elif len(shared) < 2 or not verb:
                    continue
                if part >= (SHARED_POLARITY if verb else SHARED_WITHOUT_VERB):
                    ended = denial.ended if denying is b else ""
                    yield Finding(
                        "supersedes" if ended else "contradicts", min(1.0, part), _told(shared, b.text), a.text, b.text, ended
                    )


def _other_values(a: Claim, b: Claim, said: set[tuple[str, str]], weight: Weight) -> Iterator[Finding]:
    """Both give a value of one kind for one thing, and the later's is new. said: values of the earlier text, (unit, number)."""
    shared = set(a.stems) & set(b.stems)
    least = min(sum(map(weight, set(a.stems))), sum(map(weight, set(b.stems))))
    part = sum(map(weight, shared)) / least if least else 0.0
    for x in a.values:
        for y in b.values:
            beside = x.near & y.near
            if (x.sort, x.unit) != (y.sort, y.unit) or (y.unit, y.number) in said or _turned(x, y):
                continue
            # What both say, "reduced by", is no sign that the one came after the other.
            signed = y.changed if y.changed != x.changed else ""
            strength = 0.35 * min(1.0, 2 * part) + 0.35 * min(1.0, len(beside) / 3) + 0.3
            # Without a sign of change, two values are mostly values of two things (of 12 such pairs 2 were right: docs/LOG.md).
            enough = len(beside) > 1 and sum(map(weight, beside)) >= (TOLD_BY_SIGN if _SYMBOL.match(y.unit) else TOLD)
            if signed and part >= SHARED_SIGNED and enough:
                about = _told([s for s in b.stems if s in beside], b.text)
                yield Finding("supersedes", strength, about, x.words, y.words, signed)


def _turned(x: Value, y: Value) -> bool:
    """Does the later value go the other way than its own words say?"""
    try:
        return y.turn * (float(y.number) - float(x.number)) < 0
    except ValueError:
        return False


def _moved(a: Claim, b: Claim) -> Iterator[Finding]:
    """The earlier gives a day for a thing, the later says that it was moved and not yet to when."""
    if not b.moved or any(value.sort == "date" for value in b.values):
        return
    for value in a.values:
        beside = value.near & set(b.stems)
        if value.sort == "date" and len(beside) >= 3:
            yield Finding("supersedes", 0.5, _told([s for s in b.stems if s in beside], b.text), value.words, b.moved, b.moved)


def _told(shared: list[str], text: str) -> str:
    """The shared words as the text writes them."""
    wanted = set(shared)
    words = [w for w in _WORD.findall(split(text)) if stem(plain(w)) in wanted]
    return " ".join(dict.fromkeys(words))
