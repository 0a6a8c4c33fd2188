"""What a topic is called: words that are frequent in its conversations and rare in all others (class-based tf-idf)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from souviens.index.telling import Word, folded, stem

WORDS = 4  # in a name, at most; a pair of words counts as two
PAIR = 1.4  # a pair says more than a word: it is what people would call it
ENOUGH = 0.4  # of the best word's score, for another to stand beside it


class Names:
    """Names for groups of conversations, against the background of all of them."""

    def __init__(self, told: Mapping[int, Sequence[Word]]) -> None:
        """told: of each conversation, by any number, its telling words."""
        self._told = told
        self._held = Counter(form for words in told.values() for form in {folded(word.text) for word in words})

    def weights(self, group: Sequence[int]) -> dict[str, float]:
        """How much each folded word or pair tells of a group."""
        weights: dict[str, float] = {}
        held: Counter[str] = Counter()
        for number in group:
            for word in self._told.get(number, ()):
                form = folded(word.text)
                held[form] += 1
                weights[form] = weights.get(form, 0.0) + 1 + math.log(word.times)
        everywhere = len(self._told) + 1
        return {
            form: weight * math.sqrt(held[form] / len(group)) * math.log(1 + everywhere / (1 + self._held[form] - held[form]))
            for form, weight in weights.items()
        }

    def name(self, group: Sequence[int]) -> str:
        """A few telling words, the most telling first; "" if there is none."""
        spelled: dict[str, Counter[str]] = {}
        for number in group:
            for word in self._told.get(number, ()):
                spelled.setdefault(folded(word.text), Counter())[word.text] += word.times
        weights = {form: weight * (PAIR if " " in form else 1) for form, weight in self.weights(group).items()}
        chosen: list[str] = []
        stems: set[str] = set()
        left = WORDS
        best = max(weights.values(), default=0.0)
        for form in sorted(weights, key=lambda form: (-weights[form], form)):
            parts = {stem(part) for part in form.split()}
            if weights[form] < ENOUGH * best or not left:
                break
            if len(parts) <= left and not any(_same(part, other) for part in parts for other in stems):
                chosen.append(max(spelled[form].items(), key=lambda pair: (pair[1], pair[0]))[0])
                stems |= parts
                left -= len(parts)
        return ", ".join(chosen)


def _same(one: str, other: str) -> bool:
    """Is one word part of the other, as 窯 of 窯場, or "glaze" of "glazes"?"""
    return one in other or other in one
