"""The port: find, quantise, bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from souviens.encode import Endpoint, bits, find, quantise, scale
from souviens.encode.manifest import FILE
from souviens.errors import EncoderError


def unit_vectors(seed: int, n: int, d: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), d=st.sampled_from([384, 768, 1024]))
@settings(max_examples=40, deadline=None)
def test_codes_keep_every_cosine(seed: int, n: int, d: int) -> None:
    vectors = unit_vectors(seed, n, d)
    codes = quantise(vectors)
    assert codes.dtype == np.int8
    assert codes.shape == vectors.shape
    wide = codes.astype(np.int32)
    assert np.abs((wide @ wide.T) / scale(d) ** 2 - vectors @ vectors.T).max() < 0.01


def test_an_extreme_vector_is_cut_not_wrapped() -> None:
    vector = np.zeros((1, 384), dtype=np.float32)
    vector[0, 0], vector[0, 1] = -1, 1
    assert quantise(vector)[0, :3].tolist() == [-127, 127, 0]


def test_bits_are_signs_highest_bit_first() -> None:
    codes = np.array([[1, -1, 0, 5, -127, 127, -3, 2, -1, 1]], dtype=np.int8)
    assert bits(codes).tolist() == [[0b10010101, 0b01000000]]


def test_nothing_installed_is_none(tmp_path: Path) -> None:
    assert find(tmp_path / "absent") is None
    assert find(tmp_path) is None


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"name": 3}')
    with pytest.raises(EncoderError, match=FILE) as raised:
        find(tmp_path)
    assert raised.value.next == "souviens encoder install"


def test_an_endpoint_comes_before_the_folder(encoder_folder: Path) -> None:
    encoder = find(encoder_folder, Endpoint("http://localhost:1/v1", "words"))
    assert encoder is not None
    assert encoder.id == "endpoint/words@localhost"
