"""Text to vectors: one small port, a model on this machine, or an endpoint the user names.

encoder = find(folder)                    # None: nothing installed, recall goes on with words alone
vectors = encoder.encode(texts)           # float32 (n, d), unit length
codes = quantise(vectors)                 # int8 (n, d), what the vault stores
signs = bits(codes)                       # uint8 (n, d / 8), what a search scans first
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from souviens.encode import manifest
from souviens.encode.endpoint import Endpoint, EndpointEncoder
from souviens.encode.local import LocalEncoder

__all__ = ["Encoder", "Endpoint", "bits", "find", "quantise", "scale"]

# Codes cover ±6 of the mean size of a component, 1/sqrt(d), and beyond it are cut: nothing of MiniLM reaches 6, and a vector
# and its codes have a cosine above .9998.
_SPAN = 6.0


class Encoder(Protocol):
    """What turns texts into vectors. A new one is a class with these three names."""

    @property
    def id(self) -> str:
        """Model, form and version, such as "minilm-l6-v2/int8/53aa51172d14". Vectors of two ids never mix."""

    @property
    def dimensions(self) -> int:
        """Components of a vector."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), dimensions), in the order of the texts. Raises EncoderError."""


def find(folder: Path, endpoint: Endpoint | None = None, *, soon: bool = False) -> Encoder | None:
    """The endpoint if one is given, else the encoder installed in `folder`, else None. Calls nobody.

    soon: it will be asked in any case, so an installed model begins to load beside what the caller does until then.
    Raises EncoderError if the folder's manifest is damaged, NotPermitted if the endpoint is not agreed to.
    """
    if endpoint is not None:
        return EndpointEncoder(endpoint)
    installed = manifest.read(folder)
    if installed is None:
        return None
    encoder = LocalEncoder(folder, installed)
    if soon:
        encoder.prepare()
    return encoder


def scale(dimensions: int) -> float:
    """Codes per unit: a component v is stored as round(v x scale). Two vectors' cosine is about (a · b) / scale², in int32."""
    return 127 * math.sqrt(dimensions) / _SPAN


def quantise(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Unit vectors (n, d) as int8 codes (n, d), with one fixed scale for all, so that codes compare across files."""
    codes = np.rint(vectors * np.float32(scale(vectors.shape[-1])))
    return np.asarray(np.clip(codes, -127, 127), dtype=np.int8)


def bits(codes: NDArray[np.int8]) -> NDArray[np.uint8]:
    """The signs of codes (n, d), eight to a byte, the first in the highest bit: uint8 (n, ceil(d / 8)); 1 = above zero."""
    return np.packbits(codes > 0, axis=-1)
