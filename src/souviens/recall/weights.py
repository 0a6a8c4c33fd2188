"""Every weight of recall in one table, with its reason. docs/LOG.md says what was tried and measured."""

from __future__ import annotations

from typing import NamedTuple


class Weights(NamedTuple):
    words: float = 0.55
    """BM25 over the best BM25. Names, numbers and rare words decide most questions."""
    vectors: float = 0.45
    """Cosine above `floor` over the best: finds what was said in other words."""
    floor: float = 0.1
    """What two unrelated turns have in common under MiniLM (the median cosine of a haystack is 0.05 to 0.12)."""
    least: float = 0.3
    """What the best cosine above `floor` counts as at least: when nothing is near in meaning, the nearest is no answer."""
    near: float = 0.4
    """Of the better neighbour's own score, one turn away: an answer stands beside its question."""
    further: float = 0.2
    """The same two turns away."""
    person: float = 1.6
    """The person's own turns over the model's: evidence is what one said oneself. Bounded, since answers are asked for too."""
    date: float = 1.5
    """A turn of the day, month or year that the question names."""
    subject: float = 0.5
    """Of the best turn in the same conversation: a turn in a dialogue about the subject beats one that mentions it in passing."""
    confirmed: float = 1.3
    """A memory the person has stated or confirmed."""
    speaker: float = 1.2
    """A turn by the one person the question names. Small, since the question may name the wrong one: at 1.5 such questions fall
    from 87 to 71 of 100 (recall at 10), at 1.2 to 84."""
    title: float = 0.5
    """A conversation found by its title alone, none of its turns: worth showing, after turns that answer."""


WEIGHTS = Weights()
BY_WORDS, BY_VECTORS = 500, 400  # units taken as candidates: more words or fewer vectors cost recall or time (docs/LOG.md)
LOOKED_AT = 64  # of the best candidates, whose records are read for what the index does not know: who spoke, what was confirmed
