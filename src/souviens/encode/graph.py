"""The model as an ONNX graph, written straight from its weights: no torch, and the package `onnx` only here.

    python -m souviens.encode.graph model.safetensors FOLDER

writes FOLDER/model.fp32.onnx and FOLDER/model.onnx (int8). `install` runs it as a process of its own: the conversion
needs 500 MB once, and `onnx` may be on that process's path only.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from souviens.encode.local import EXACT_MODEL, MODEL
from souviens.encode.plain import EPSILON, HEADS, LAYERS, WIDTH, Weights, read_weights

OPSET = 18


class _Graph:
    """Nodes and constants in the order they are added; every method returns the name of what it computed."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, operation: str, *inputs: str, **attributes: float | list[int]) -> str:
        output = f"{operation.lower()}_{len(self.nodes)}"
        node = helper.make_node(operation, inputs, [output])
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        self.nodes.append(node)
        return output

    def constant(self, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, dtype=np.int64))

    def number(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float32))

    def dense(self, x: str, *names: str) -> str:
        """x W + b; of several layers with one input, side by side in one product."""
        weight = np.concatenate([self.weights[f"{name}.weight"] for name in names]).T
        bias = np.concatenate([self.weights[f"{name}.bias"] for name in names])
        return self.node("Add", self.node("MatMul", x, self.constant(weight)), self.constant(bias))

    def normalised(self, x: str, name: str) -> str:
        scale, bias = self.constant(self.weights[f"{name}.weight"]), self.constant(self.weights[f"{name}.bias"])
        return self.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    def heads(self, x: str, order: list[int]) -> str:
        return self.node("Transpose", self.node("Reshape", x, self.integers(0, HEADS, WIDTH // HEADS)), perm=order)

    def attention(self, x: str, name: str) -> str:
        joined = self.dense(x, *(f"{name}.self.{part}" for part in ("query", "key", "value")))
        starts = [self.integers(part * WIDTH) for part in range(4)]
        axis = self.integers(1)
        query, key, value = (self.node("Slice", joined, starts[part], starts[part + 1], axis) for part in range(3))
        scores = self.node("MatMul", self.heads(query, [1, 0, 2]), self.heads(key, [1, 2, 0]))
        shares = self.node("Softmax", self.node("Mul", scores, self.number(1 / math.sqrt(WIDTH // HEADS))), axis=-1)
        attended = self.node("Transpose", self.node("MatMul", shares, self.heads(value, [1, 0, 2])), perm=[1, 0, 2])
        return self.dense(self.node("Reshape", attended, self.integers(0, WIDTH)), f"{name}.output.dense")

    def gelu(self, x: str) -> str:
        erf = self.node("Erf", self.node("Mul", x, self.number(math.sqrt(0.5))))
        half = self.node("Mul", x, self.number(0.5))
        return self.node("Mul", half, self.node("Add", erf, self.number(1.0)))


def build(weights: Weights) -> onnx.ModelProto:
    """The graph of one text: `ids` int64 (tokens,) -> `vector` float32 (WIDTH,), not yet of unit length.

    One text, not a batch: without padding there are no masks, and a dynamically quantised layer scales its input by the one
    text alone, so that a vector does not depend on its neighbours.
    """
    g = _Graph(weights)
    words, positions, kinds = (weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type"))
    places = g.node("Slice", g.constant(positions + kinds[0]), g.integers(0), g.node("Shape", "ids"), g.integers(0))
    x = g.node("Add", g.node("Gather", g.constant(words), "ids"), places)
    x = g.normalised(x, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        x = g.normalised(g.node("Add", x, g.attention(x, f"{name}.attention")), f"{name}.attention.output.LayerNorm")
        inner = g.gelu(g.dense(x, f"{name}.intermediate.dense"))
        x = g.normalised(g.node("Add", x, g.dense(inner, f"{name}.output.dense")), f"{name}.output.LayerNorm")
    g.nodes.append(helper.make_node("ReduceMean", [x, g.integers(0)], ["vector"], keepdims=0))
    graph = helper.make_graph(
        g.nodes,
        "all-MiniLM-L6-v2",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["tokens"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [WIDTH])],
        g.constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def convert(source: Path, folder: Path) -> None:
    """Write EXACT_MODEL and MODEL (int8) of the weights in `source` into `folder`."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    exact = folder / EXACT_MODEL
    onnx.save(build(read_weights(source)), exact)
    # reduce_range (7-bit weights) costs .0015 of cosine and buys one vector on every processor: with 8 bits, AVX2 without VNNI
    # saturates its 16-bit sums, and a vault carried to an older laptop would be searched with other vectors.
    quantize_dynamic(exact, folder / MODEL, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
