"""What each part of recall is worth: variants of the table of weights with parts of it left out.

They follow `souviens.recall.weights.Weights`: a field that is new there is left out on its own here, and belongs to no group until
it is named in one. A field that is gone from there fails `tests/bench` as long as a group still names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from souviens.recall.kinds import Kind
from souviens.recall.weights import TABLE, WEIGHTS, Weights

ARMS = ("words", "vectors")
FACTORS = ("title",)  # 1 changes nothing; of everything else, which is added, 0
# What stands above a message, what lies beside it, what it is itself, and what the question says: each alone and left out.
GROUPS: dict[str, tuple[str, ...]] = {
    "hierarchy": ("conversation", "opening", "around", "title"),
    "links": ("near", "answer"),
    "traits": ("person", "model", "number", "name", "self", "moment", "rule", "leaning"),
    "question": ("clause", "date", "speaker", "quoted"),
}


class Variant(NamedTuple):
    """weights: for `ask`. encoder: do vectors take part?"""

    weights: Mapping[Kind, Weights]
    encoder: bool = True


FULL = {"full": Variant(TABLE)}


def without(fields: Iterable[str], weights: Mapping[Kind, Weights] = TABLE) -> dict[Kind, Weights]:
    """The table with some fields at what changes nothing."""
    nothing = {field: 1.0 if field in FACTORS else 0.0 for field in fields}
    return {kind: row._replace(**nothing) for kind, row in weights.items()}


def only(fields: Iterable[str]) -> dict[Kind, Weights]:
    """The table with nothing but some fields."""
    kept = set(fields)
    return without(field for field in Weights._fields if field not in kept)


def variants() -> dict[str, Variant]:
    """Every variant by its name, the full one first."""
    found = {
        **FULL,
        "words only": Variant(only(("words",)), encoder=False),
        "vectors only": Variant(only(("vectors",))),
        "words + vectors": Variant(only(ARMS)),
        "every question a lookup": Variant(dict.fromkeys(TABLE, WEIGHTS)),
    }
    for name, fields in GROUPS.items():
        found[f"{name} alone"] = Variant(only((*ARMS, *fields)))
        found[f"without {name}"] = Variant(without(fields))
    found |= {f"without {field}": Variant(without((field,))) for field in Weights._fields}
    found["without an encoder"] = Variant(TABLE, encoder=False)
    return found
