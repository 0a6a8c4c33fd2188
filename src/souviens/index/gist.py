"""What a conversation is about, as one row of small integers: of its turns' vectors, or of its words where there are none.

Two gists compare only if they are of the same kind. Their products are whole numbers below 2^24, so that float32 holds them
exactly: a similarity is the same number in whatever order and company it is computed.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from souviens.index.telling import stem
from souviens.records import ROLES

WORDS = 0  # in the place of an encoder's number: a gist made of words
DIMENSIONS = 256  # of a gist made of words
PERSON = 3.0  # what a turn of the person weighs against one of anybody else: what one asks says what it is about
SAID = 0.5  # share of the words in a gist that has vectors, too (docs/LOG.md)
_LONGEST = 4_095.0  # length of a gist at most: 4095² < 2^24
_USER = ROLES.index("user")


def compact(vector: NDArray[np.float64]) -> NDArray[np.int8]:
    """A vector (d,) as int8, its greatest part 127 unless it would be too long."""
    scale = min(127 / max(float(np.abs(vector).max(initial=0)), 1e-12), _LONGEST / max(float(np.linalg.norm(vector)), 1e-12))
    return np.rint(vector * scale * (1 - 1e-9)).astype(np.int8)


def of_vectors(roles: NDArray[np.uint8], ordinals: NDArray[np.int64], codes: NDArray[np.int8], words: bytes) -> bytes:
    """The gist of a record's vectors and words. roles: of its units; ordinals: the unit of each vector (n, d); words: of_words.

    Vectors alone take all that is written in a language the encoder does not know for one subject; shared words tell it apart.
    """
    meant = turns(roles, ordinals, codes).sum(0)
    said = np.frombuffer(words or bytes(DIMENSIONS), np.int8).astype(np.float64)
    return compact(np.concatenate((_unit(meant) * math.sqrt(1 - SAID), _unit(said) * math.sqrt(SAID)))).tobytes()


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def turns(roles: NDArray[np.uint8], ordinals: NDArray[np.int64], codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """Unit vectors (n, d), each times what it weighs: a turn weighs the same however many pieces it has."""
    units = codes.astype(np.float64) / np.maximum(np.linalg.norm(codes.astype(np.float64), axis=1, keepdims=True), 1e-9)
    _, place, pieces = np.unique(ordinals, return_inverse=True, return_counts=True)
    weights = np.where(roles[ordinals] == _USER, PERSON, 1.0) / pieces[place]
    weighed: NDArray[np.float64] = units * weights[:, None]
    return weighed


def of_words(forms: Mapping[str, int]) -> bytes:
    """The gist of folded words with their counts. b"" without any."""
    vector = sketch(forms.items())
    return compact(vector).tobytes() if vector.any() else b""


def sketch(forms: Iterable[tuple[str, int]]) -> NDArray[np.float64]:
    """Words thrown into DIMENSIONS places with a sign each (d,): two texts are alike as far as they share words."""
    places = [(_place(form), 1 + math.log(count)) for form, count in forms]
    vector = np.zeros(2 * DIMENSIONS)
    if places:
        np.add.at(vector, [place for place, _ in places], [weight for _, weight in places])
    return vector[:DIMENSIONS] - vector[DIMENSIONS:]


@lru_cache(1 << 16)
def _place(form: str) -> int:
    """Where a word counts: below DIMENSIONS for, above it against."""
    hash = zlib.crc32(stem(form).encode("utf-8", "replace"))
    return hash % DIMENSIONS + (0 if hash & 1 << 16 else DIMENSIONS)
