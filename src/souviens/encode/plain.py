"""The model in numpy: the fallback where onnxruntime has no wheel, and the independent reference its conversion is checked by.

One text at a time, without padding or masks, so that a vector depends on its text alone. A tenth of the speed of `local`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = dict[str, Floats]
LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12  # of the layer normalisation, as the model was trained


class _Tensor(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def read_weights(path: Path) -> Weights:
    """The float tensors of a safetensors file: 8 bytes of header length, a JSON header, then the buffers."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = msgspec.json.decode(file.read(size), type=dict[str, msgspec.Raw])
    # Read, not mapped: a map would start where the header ends, on any odd byte, and numpy is slow on unaligned floats.
    body = np.fromfile(path, dtype=np.uint8, offset=8 + size)
    tensors = {name: msgspec.json.decode(raw, type=_Tensor) for name, raw in header.items() if name != "__metadata__"}
    return {
        name: body[slice(*tensor.data_offsets)].view(np.float32).reshape(tensor.shape)
        for name, tensor in tensors.items()
        if tensor.dtype == "F32"
    }


def forward(weights: Weights, ids: Sequence[int]) -> Floats:
    """The unit vector of one text: token ids (n,) -> (WIDTH,)."""
    n = len(ids)
    embeddings = "embeddings.{}_embeddings.weight".format
    x = weights[embeddings("word")][list(ids)] + weights[embeddings("position")][:n] + weights[embeddings("token_type")][0]
    x = _normalised(weights, "embeddings.LayerNorm", x)
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        parts = (_dense(weights, f"{name}attention.self.{part}", x) for part in ("query", "key", "value"))
        query, key, value = (part.reshape(n, HEADS, -1).swapaxes(0, 1) for part in parts)
        attended = _softmax(query @ key.swapaxes(1, 2) / math.sqrt(WIDTH // HEADS)) @ value
        mixed = _dense(weights, f"{name}attention.output.dense", attended.swapaxes(0, 1).reshape(n, WIDTH))
        x = _normalised(weights, f"{name}attention.output.LayerNorm", x + mixed)
        inner = _gelu(_dense(weights, f"{name}intermediate.dense", x))
        x = _normalised(weights, f"{name}output.LayerNorm", x + _dense(weights, f"{name}output.dense", inner))
    return unit(x.mean(axis=0))


def unit(vectors: Floats) -> Floats:
    """Vectors (..., d) brought to length one; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, np.float32(1e-12)), dtype=np.float32)


def _dense(weights: Weights, name: str, x: Floats) -> Floats:
    product: Floats = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return product


def _normalised(weights: Weights, name: str, x: Floats) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
    normalised: Floats = centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return normalised


def _softmax(x: Floats) -> Floats:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _gelu(x: Floats) -> Floats:
    """x Φ(x). numpy has no erf: Abramowitz and Stegun 7.1.26, off by at most 1.5e-7, which is single precision."""
    z = np.abs(x) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * np.float32(1.061405429)))))
    erf = np.sign(x) * (1 - series * np.exp(-z * z))
    bent: Floats = np.float32(0.5) * x * (1 + erf)
    return bent
