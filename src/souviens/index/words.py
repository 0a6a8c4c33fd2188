"""Text to words: the same for what is indexed and for what is asked.

SQLite's tokeniser divides at everything that is not a letter, number or mark. Scripts written without spaces are divided
beforehand at Unicode word boundaries; so any engine with a plain tokeniser gives the same answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from apsw import unicode

# Without Mn and Mc, unicode61 takes the vowel signs of Hindi or Thai for spaces and indexes single consonants (measured).
# Porter's stems are English; they leave most other words alone, and shorten the rest alike in texts and questions. `Term.stem`
# does for other languages what they do for English.
TOKENIZER = ("porter", "unicode61", "remove_diacritics", "2", "categories", "L* N* Co Mn Mc")
_TOKEN = frozenset(("Mn", "Mc", "Co"))
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"  # Thai, Lao, Myanmar, Khmer, Tai
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf"  # kana, CJK
    "\uf900-\ufaff\uff66-\uff9f\U0001aff0-\U0001b16f\U00020000-\U0003ffff]+"
)
# Vowel points that most people leave out: Arabic, Hebrew.
_POINTS = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670]+")
_QUOTED = re.compile('["\u201c\u201d\u201e\u00ab]([^"\u201c\u201d\u201e\u00ab\u00bb]+)["\u201c\u201d\u00bb]')
MAX_QUERY, MAX_TERMS = 4_000, 64  # characters; different words of a question that count


def split(text: str) -> str:
    """Text with spaces between the words of scripts that have none, and without Arabic and Hebrew vowel points."""
    if text.isascii():
        return text
    return _SPACELESS.sub(lambda run: f" {' '.join(unicode.word_iter(run[0]))} ", _POINTS.sub("", text))


class Term(NamedTuple):
    """words: what must stand side by side, divided by spaces. quoted: asked for as it stands, so never left out.
    stems: beginnings of words that count as this one too."""

    words: str
    quoted: bool = False
    stems: tuple[str, ...] = ()

    @property
    def expression(self) -> str:
        """In the full-text query language. Nothing in it is syntax: it holds letters, numbers, marks and spaces."""
        return " OR ".join((f'"{self.words}"', *(f'"{stem}" *' for stem in self.stems)))


def terms(query: str) -> list[Term]:
    """The terms of a question, each once, in its order; whatever it holds besides words is not looked at."""
    query = query[:MAX_QUERY]
    found = [Term(_tokens(split(phrase[1])), quoted=True) for phrase in _QUOTED.finditer(query)]
    found += [Term(words) for chunk in _chunks(_QUOTED.sub(" ", query)) for words in chunk]
    unique = {term.words.casefold(): term for term in reversed(found) if term.words}
    return list(reversed(unique.values()))[:MAX_TERMS]


def _chunks(text: str) -> Iterator[list[str]]:
    """The words of a question. Of scripts without spaces, pairs of neighbours: a sentence as one phrase would find nothing."""
    start = 0
    for run in _SPACELESS.finditer(text):
        yield _tokens(split(text[start : run.start()])).split()
        words = _tokens(" ".join(unicode.word_iter(run[0]))).split()
        yield [f"{a} {b}" for a, b in pairwise(words)] or words
        start = run.end()
    yield _tokens(split(text[start:])).split()


def _tokens(text: str) -> str:
    """Text with everything that is not part of a word (punctuation, symbols, controls, lone surrogates) made a space."""
    return " ".join("".join(c if _is_token(c) else " " for c in text).split())


def _is_token(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LN" or category in _TOKEN
