"""What a conversation is about, as one row of small integers: of its turns' vectors, or of its words where there are none.

Two gists compare only if they are of the same kind. Their products are whole numbers below 2^24, so that float32 holds them
exactly: a similarity is the same number in whatever order and company it is computed.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from souviens.index.telling import stem
from souviens.records import ROLES

WORDS = 0  # in the place of an encoder's number: a gist made of words
DIMENSIONS = 256  # of a gist made of words
PERSON = 3.0  # what a turn of the person weighs against one of anybody else: what one asks says what it is about
_LONGEST = 4_095.0  # length of a gist at most: 4095² < 2^24
_USER = ROLES.index("user")


def compact(vector: NDArray[np.float64]) -> NDArray[np.int8]:
    """A vector (d,) as int8, its greatest part 127 unless it would be too long."""
    scale = min(127 / max(float(np.abs(vector).max(initial=0)), 1e-12), _LONGEST / max(float(np.linalg.norm(vector)), 1e-12))
    return np.rint(vector * scale * (1 - 1e-9)).astype(np.int8)


def of_vectors(roles: NDArray[np.uint8], ordinals: NDArray[np.int64], codes: NDArray[np.int8]) -> bytes:
    """The gist of a record's vectors: roles of its units, and of each vector (n, d) the unit it belongs to. b"" without any."""
    return compact(turns(roles, ordinals, codes).sum(0)).tobytes() if len(codes) else b""


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
    vector = np.zeros(DIMENSIONS)
    for form, count in forms:
        hash = zlib.crc32(stem(form).encode("utf-8", "replace"))
        vector[hash % DIMENSIONS] += (1 + math.log(count)) * (1 if hash & 1 << 16 else -1)
    return vector
