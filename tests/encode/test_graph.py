"""The two implementations of the model, numpy and ONNX, against each other on random weights: no download needed."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from souviens.encode.graph import build, convert
from souviens.encode.local import LocalEncoder, onnx_forward
from souviens.encode.manifest import Manifest
from souviens.encode.plain import LAYERS, WIDTH, Weights, forward, read_weights, unit

WORDS, INNER, PLACES = 50, 1536, 16


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A safetensors file of the model's shape, but for a small vocabulary, with a header of odd length."""
    random = np.random.default_rng(5)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, WIDTH),
        "embeddings.position_embeddings.weight": (PLACES, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    dense = {f"attention.self.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")}
    dense |= {"attention.output.dense": (WIDTH, WIDTH), "intermediate.dense": (INNER, WIDTH), "output.dense": (WIDTH, INNER)}
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        for name, shape in dense.items():
            shapes |= {f"{prefix}{name}.weight": shape, f"{prefix}{name}.bias": shape[:1]}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{prefix}{name}.weight": (WIDTH,), f"{prefix}{name}.bias": (WIDTH,)}
    header: dict[str, object] = {"__metadata__": {"format": "pt"}, "ids": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}
    body = bytearray(8)
    for name, shape in shapes.items():
        values = random.normal(scale=0.08, size=shape).astype("<f4") + np.float32("LayerNorm.weight" in name)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(body), len(body) + values.nbytes]}
        body += values.tobytes()
    head = json.dumps(header).encode()
    head += b" " * (1 - len(head) % 2)
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + body)
    return path


@pytest.fixture(scope="module")
def weights(weights_file: Path) -> Weights:
    return read_weights(weights_file)


def test_the_header_is_read(weights: Weights) -> None:
    assert "ids" not in weights
    assert weights["embeddings.word_embeddings.weight"].shape == (WORDS, WIDTH)
    assert abs(weights["encoder.layer.5.output.LayerNorm.weight"].mean() - 1) < 0.05


@pytest.mark.parametrize("length", [2, 3, PLACES])
def test_onnx_and_numpy_agree(weights: Weights, weights_file: Path, tmp_path: Path, length: int) -> None:
    model = build(weights)
    onnx.checker.check_model(model)
    onnx.save(model, tmp_path / "model.onnx")
    ids = np.random.default_rng(length).integers(0, WORDS, length).tolist()
    difference = unit(onnx_forward(tmp_path / "model.onnx")(ids)) - forward(weights, ids)
    assert np.abs(difference).max() < 1e-5


def test_order_of_the_words_matters(weights: Weights) -> None:
    assert forward(weights, [1, 2, 3, 4]) @ forward(weights, [4, 3, 2, 1]) < 0.999


def test_int8_is_near_and_a_quarter_of_the_size(weights: Weights, weights_file: Path, tmp_path: Path) -> None:
    convert(weights_file, tmp_path)
    exact, small = tmp_path / "model.fp32.onnx", tmp_path / "model.onnx"
    assert small.stat().st_size < 0.27 * exact.stat().st_size
    ids = [1, 7, 30, 22, 49, 3, 3, 18, 40, 2]
    assert unit(onnx_forward(small)(ids)) @ forward(weights, ids) > 0.95


def test_where_onnxruntime_is_absent_the_weights_themselves_are_used(weights: Weights, weights_file: Path, tmp_path: Path) -> None:
    shutil.copy(weights_file, tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(["[UNK]", "[CLS]", "[SEP]", *(chr(ord("a") + n) for n in range(26))]))
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    manifest = Manifest("random", "random/fp32/0", WIDTH, 256, files, "here", 1.0, "none")
    vectors = LocalEncoder(tmp_path, manifest).encode(["b a d", "c"])
    assert np.allclose(vectors, [forward(weights, [1, 4, 3, 6, 2]), forward(weights, [1, 5, 2])], atol=1e-6)
