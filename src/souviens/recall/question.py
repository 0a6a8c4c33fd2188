"""What a question asks for: the words worth looking for."""

from __future__ import annotations

import re
from typing import NamedTuple

from souviens.index.common import common, plain

_WORD = re.compile(r"\w+")
_QUOTED = re.compile('(["\u201c\u201d\u201e\u00ab][^"\u201c\u201d\u201e\u00ab\u00bb]+["\u201c\u201d\u00bb])')
LONGEST = 4_000  # characters that are read: the index reads no more of a question


def words_of(text: str) -> list[str]:
    return _WORD.findall(plain(text))


class Question(NamedTuple):
    """text: as asked, up to LONGEST. sought: without the words that only hold it together. words: what is left, `plain`."""

    text: str
    sought: str
    words: frozenset[str]

    def names(self, author: str) -> bool:
        """Does it name somebody, by any of their names?"""
        return not self.words.isdisjoint(words_of(author))


def read(question: str) -> Question:
    """Leave out what is common, but nothing that is quoted, and nothing at all if nothing else would be left."""
    text = question[:LONGEST]
    parts = _QUOTED.split(text)
    asked = words_of(" ".join(parts[::2]))
    dropped = common(asked)
    if len(parts) == 1 and dropped.issuperset(asked):
        return Question(text, text, frozenset(asked))
    parts[::2] = [_WORD.sub(lambda word: " " if plain(word[0]) in dropped else word[0], part) for part in parts[::2]]
    return Question(text, "".join(parts), frozenset(words_of(text)) - dropped)
