"""What each part of recall is worth: variants of the table of weights with parts of it left out.

They follow `souviens.recall.weights.Weights`: a field that is new there is a signal of its own here, left out on its own, until it
is named in a group below. A field that is gone from there fails `tests/bench` as long as a group still names it.
"""

from __future__ import annotations

from typing import NamedTuple

from souviens.recall.weights import WEIGHTS, Weights

ARMS = ("words", "vectors")
SCALES = ("floor", "least")  # how an arm's scores are read: no signals
# Signals of more than one field. The rest are named as their field.
GROUPS: dict[str, tuple[str, ...]] = {"neighbours": ("near", "further")}
# What is above a message and what is across: each of these on its own over words and vectors. By the beginning of a field's name.
HIERARCHY = ("subject", "title", "exchange", "episode", "topic", "conversation", "project", "area")
LINKS = ("link", "reference", "mention", "follow", "hop")


class Variant(NamedTuple):
    """weights: for `ask`. encoder: do vectors take part?"""

    weights: Weights
    encoder: bool = True


FULL = {"full": Variant(WEIGHTS)}


def signals(weights: Weights = WEIGHTS) -> dict[str, tuple[str, ...]]:
    """Each structural signal and its fields of the table."""
    grouped = {field for fields in GROUPS.values() for field in fields}
    alone = {field: (field,) for field in weights._fields if field not in (*ARMS, *SCALES) and field not in grouped}
    return GROUPS | alone


def without(weights: Weights, fields: tuple[str, ...]) -> Weights:
    """The table with some fields at what changes nothing: 1 for a factor, which is 1 or more, 0 for a share, which is less."""
    return weights._replace(**{field: 1.0 if getattr(weights, field) >= 1 else 0.0 for field in fields})


def variants(weights: Weights = WEIGHTS) -> dict[str, Variant]:
    """Every variant by its name, the full one first."""
    every = signals(weights)
    bare = without(weights, tuple(field for fields in every.values() for field in fields))
    found = {
        "full": Variant(weights),
        "words only": Variant(bare, encoder=False),
        "vectors only": Variant(bare._replace(words=0.0)),
        "words + vectors": Variant(bare),
    }
    for name, beginnings in (("hierarchy", HIERARCHY), ("links", LINKS)):
        fields = tuple(field for field in weights._fields if field.startswith(beginnings))
        if fields:
            found[f"{name} alone"] = Variant(bare._replace(**{field: getattr(weights, field) for field in fields}))
            found[f"without {name}"] = Variant(without(weights, fields))
    found |= {f"without {name}": Variant(without(weights, fields)) for name, fields in every.items()}
    found["without vectors"] = Variant(weights, encoder=False)
    found["without words"] = Variant(weights._replace(words=0.0))
    return found
