"""What a question asks for: its kind, the words worth looking for, what it quotes, the times it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from souviens.index.common import common, language, plain
from souviens.index.words import Term, terms
from souviens.recall.anchors import Anchor, anchors
from souviens.recall.kinds import Kind, kind_of
from souviens.recall.stems import stems_of

# A letter or number, or any sign of the Indic scripts, whose vowels are marks.
_WORD = re.compile(r"(?:\w|[\u0900-\u0963\u0966-\u0dff])+")
_QUOTED = re.compile('(["\u201c\u201d\u201e\u00ab][^"\u201c\u201d\u201e\u00ab\u00bb]+["\u201c\u201d\u00bb])')
# Where a question that asks for several things at once falls apart.
_JOINT = re.compile(
    r"[,;:?!.]\s+|[?\u3001\uff0c\u3002\uff1b\uff1f\u060c\u061f]|\b(?:and|or|while|before|after|between|versus|than|et|ou|pendant|avant|après|und|oder"
    r"|während|vor|nach|als|y|mientras|antes|después|oppure|mentre|prima|dopo|и|или|до|после|और|या|أو|ثم)\b"
)
CLAUSES, CLAUSE = 4, 3  # clauses of one question at most, words of one at least
LONGEST = 4_000  # characters that are read: the index reads no more of a question


def words_of(text: str) -> list[str]:
    return _WORD.findall(plain(text))


class Question(NamedTuple):
    """text: as asked, up to LONGEST. sought: without the words that only hold it together. words: what is left, `plain`.
    quoted: what stands in quotation marks, `plain`. language: of `common`, None if it is not clear."""

    text: str
    sought: str
    words: frozenset[str]
    quoted: tuple[str, ...] = ()
    kind: Kind = "lookup"
    language: str | None = None

    @property
    def clauses(self) -> list[str]:
        """What a question asks for that asks for several things at once; none if it asks for one."""
        parts = [part.strip() for part in _JOINT.split(self.text)]
        parts = [part for part in parts if len(part.split()) >= CLAUSE or (len(part) >= 4 and not part.isascii())]
        return parts[:CLAUSES] if len(parts) > 1 else []

    @property
    def anchors(self) -> list[Anchor]:
        """The events it dates by; none of what asks for help, where "before buying one" is no date."""
        return anchors(self.text) if self.kind not in ("request", "implied", "summary") else []

    def names(self, author: str) -> bool:
        """Does it name somebody, by any of their names?"""
        return not self.words.isdisjoint(words_of(author))

    def terms(self, speakers: Iterable[str] = ()) -> list[Term]:
        """What to look for. A speaker's name is not: all their turns bear it; who spoke is a signal of its own. Unless nothing
        else is left, or it is quoted."""
        found = [term if term.quoted else term._replace(stems=stems_of(term.words, self.language)) for term in terms(self.sought)]
        named = {word for name in speakers for word in words_of(name)}
        left = [term for term in found if term.quoted or plain(term.words) not in named]
        return left or found


def read(question: str) -> Question:
    """Leave out what is common, but nothing that is quoted, and nothing at all if nothing else would be left."""
    text = question[:LONGEST]
    parts = _QUOTED.split(text)
    asked = words_of(" ".join(parts[::2]))
    dropped = common(asked)
    kind, spoken = kind_of(text), language(asked)
    if len(parts) == 1 and dropped.issuperset(asked):
        return Question(text, text, frozenset(asked), (), kind, spoken)
    quoted = tuple(" ".join(words_of(part)) for part in parts[1::2])
    parts[::2] = [_WORD.sub(lambda word: " " if plain(word[0]) in dropped else word[0], part) for part in parts[::2]]
    return Question(text, "".join(parts), frozenset(words_of(text)) - dropped, quoted, kind, spoken)
