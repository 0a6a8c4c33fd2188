"""Every weight of recall in one table, with its reason, and what each kind of question changes in it.

A candidate's score is a sum: each signal is between 0 and 1, and its weight is what it can add at most. So a weight says what a
signal is worth beside the others, no signal can hide what another found, and the parts of a sum are the reasons of an answer.
The weights were fitted on whole conversations other than those they are measured on, then rounded (docs/LOG.md, 2026-11-28).
"""

from __future__ import annotations

from typing import NamedTuple

from souviens.recall.kinds import Kind


class Weights(NamedTuple):
    words: float = 2.0
    """BM25 of the turn's own words over the best. Names, numbers and rare words decide most questions."""
    around: float = 3.4
    """The same of the turn and the two before and after it together, each word of the question counted once: an answer stands
    beside its question, and a dialogue shares out the words of a matter among its turns."""
    vectors: float = 1.5
    """Cosine above `FLOOR`, as it is and not over the best: what is far in meaning stays far, even if nothing is nearer."""
    near: float = 0.1
    """The same of the better neighbour."""
    conversation: float = 2.0
    """The best cosine in the turn's conversation, less what the best of so many turns has by chance (`CHANCE`)."""
    clause: float = 3.1
    """The same as `vectors` of the nearest clause of the question: "the budget, the dates and who comes" is three questions."""
    person: float = 1.1
    """Said by the person and not by the model: evidence is what one said oneself. Bounded, since answers are asked for too."""
    model: float = 0.0
    """Said by the model: for questions that ask for it."""
    opening: float = 1.0
    """The person's first turn of a conversation states what it is about."""
    answer: float = 0.65
    """A person's turn after another person's question."""
    number: float = 0.7
    """A person's turn with a digit in it: specific."""
    name: float = 0.4
    """With a name in it: specific."""
    self: float = 0.85
    """A person's turn about themselves."""
    moment: float = 0.55
    """A turn that tells its time (yesterday, next week) tells of an event."""
    rule: float = 3.2
    """A standing instruction holds for questions it shares no word with."""
    leaning: float = 0.15
    """So does a preference, less so."""
    date: float = 4.5
    """A turn of the day, month or year that the question names; less of the month around a day."""
    speaker: float = 1.7
    """Said by the one person the question names; half of it for those whose name is not known or not asked for. Bounded, since the
    question may name the wrong one."""
    recent: float = 0.0
    """Said late in the history and not early: for what may have changed. Bounded, so that the older is shown too."""
    project: float = 1.5
    """In the project the question is asked from. Bounded: what was said elsewhere may answer it better."""
    confirmed: float = 2.0
    """A memory the person has stated or confirmed."""
    quoted: float = 3.0
    """The quoted words stand in it as they were asked for: the index finds their stems only."""
    title: float = 0.5
    """Factor of a conversation found by its title alone, none of its turns: worth showing, after turns that answer."""


WEIGHTS = Weights()

# What each kind of question changes in it. A lookup and a list are asked with the table as it is.
_QUIET = {"rule": 0.0, "leaning": 0.0}  # standing instructions and preferences answer other questions than this
_CHANGES: dict[Kind, dict[str, float]] = {
    "lookup": {},
    "list": {},
    # What holds now was said last; what held before stays among the rest.
    "changed": {"recent": 0.2},
    # Events are told by the person, in turns that name things, and the words of the question are about all of them alike.
    "order": _QUIET
    | {"words": 1.8, "around": 0.7, "vectors": 0.0, "near": 1.2, "conversation": 0.0, "clause": 2.3, "person": 2.6, "opening": 0.2}
    | {"number": 0.5, "name": 1.0, "self": 0.65, "moment": 0.0},
    # What a dialogue came to stands in the replies.
    "summary": _QUIET
    | {"words": 0.9, "around": 1.75, "vectors": 0.6, "near": 0.7, "conversation": 0.5, "clause": 1.6, "person": 0.0, "model": 1.35}
    | {"opening": 0.35, "number": 0.4, "self": 0.0, "moment": 0.0},
    # What the model said, and what it answered.
    "reply": _QUIET
    | {"words": 1.7, "around": 3.0, "near": 1.8, "vectors": 2.0, "conversation": 1.3, "clause": 1.9, "person": 0.0, "model": 0.6}
    | {"opening": 0.5, "number": 0.6, "name": 0.3, "self": 0.0, "moment": 0.75},
    # Help asked for: what the person laid down for such a case counts most.
    "request": {"words": 1.5, "around": 2.0, "vectors": 5.6, "near": 0.7, "conversation": 0.55, "clause": 1.7, "person": 1.8}
    | {"opening": 1.2, "number": 0.0, "name": 0.0, "moment": 0.0, "rule": 4.3, "leaning": 3.4},
    # Nothing is asked: what the person told earlier that this goes back to shares no words with it. The conversation tells.
    "implied": _QUIET
    | {"words": 0.0, "around": 0.0, "vectors": 0.1, "near": 0.0, "conversation": 18.0, "clause": 0.0, "opening": 0.0, "answer": 0.0}
    | {"number": 0.0, "name": 0.0, "self": 0.0, "moment": 0.0},
}
TABLE: dict[Kind, Weights] = {kind: WEIGHTS._replace(**changes) for kind, changes in _CHANGES.items()}
FLOOR, RANGE = 0.1, 0.7  # cosines: what two unrelated turns have in common under MiniLM, and from there to as near as turns come
CHANCE = 0.09  # cosine a conversation's best turn gains by chance for each e-fold of its turns (measured: docs/LOG.md)
# Below so much evidence (`Board.evidence`) it is likely that nothing answers: of questions that are answered 3 of 100 are below, of
# questions about another history 60 to 90 (docs/LOG.md). By words alone both are less sure.
LIKELY, LIKELY_BY_WORDS = 1.2, 0.34
ENOUGH = 0.5  # of a question's words in one place, for words to count in full: one of three is no match, however rare it is
BY_WORDS, BY_VECTORS = 500, 400  # units taken as candidates: more words or fewer vectors cost recall or time (docs/LOG.md)
SIDE = 0.1  # how much lying on the right side of an event counts of what a named day does: half of the history may lie there
CLOSER = 80  # of the best candidates, whose nearness to the question and each of its clauses is computed exactly
RULES = 200  # standing instructions that are candidates whatever is asked, the newest
LOOKED_AT = 64  # of the best candidates, whose records are read for what the index does not know: what was confirmed or quoted
