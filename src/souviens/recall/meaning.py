"""What vectors say of a question: the units nearest to it. Nothing, with the reason, where there is no encoder or it fails."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from souviens.encode import Encoder
from souviens.errors import EncoderError
from souviens.index.layout import Allowed
from souviens.index.port import NOTHING, Found, Index
from souviens.recall.question import Question
from souviens.recall.weights import BY_VECTORS


class Meaning(NamedTuple):
    """What vectors say. found: the units nearest to the question. vectors: of the question and of what it asks for one by one,
    (1 + clauses, d). events: of those it dates by, (anchors, d). encoder: id of the one that made them, None if there was none.
    note: on what is missing.
    """

    found: Found
    vectors: NDArray[np.float32]
    events: NDArray[np.float32]
    encoder: str | None
    note: str


def encoded(asked: Question, encoder: Encoder | None) -> NDArray[np.float32] | str:
    """Vectors of a question, its clauses and the events it dates by, or what is missing."""
    if encoder is None:
        return "words only: no encoder is installed (souviens encoder install)"
    if not asked.text.strip():
        return ""
    try:
        return encoder.encode([asked.text, *asked.clauses, *(anchor.event for anchor in asked.anchors)])
    except EncoderError as error:
        return f"words only: {error.what}"


def mean(
    asked: Question, vectors: NDArray[np.float32] | str, index: Index, encoder: Encoder | None, allowed: Allowed | None
) -> Meaning:
    """vectors: as `encoded` gave them."""
    if isinstance(vectors, str) or encoder is None:
        nothing = np.zeros((0, 0), np.float32)
        return Meaning(NOTHING, nothing, nothing, None, str(vectors))
    found = index.nearest(encoder.id, vectors[0], BY_VECTORS, allowed)
    waiting = index.pending(encoder.id).waiting
    note = f"{waiting} texts wait for their vectors (souviens encoder run)" if waiting else ""
    asks = 1 + len(asked.clauses)
    return Meaning(found, vectors[:asks], vectors[asks:], encoder.id if len(found.units) else None, note)
