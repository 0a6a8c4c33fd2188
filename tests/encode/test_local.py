"""The installed model, as anyone would use it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from souviens.encode import Encoder, find
from souviens.encode.install import QUANTISED, golden
from souviens.encode.local import LocalEncoder
from souviens.encode.manifest import read
from souviens.errors import EncoderError


@pytest.fixture(scope="module")
def encoder(encoder_folder: Path) -> Encoder:
    found = find(encoder_folder)
    assert found is not None
    return found


def test_vectors_are_those_of_the_published_model(encoder: Encoder) -> None:
    reference = golden()
    vectors = encoder.encode(reference.texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(reference.texts), encoder.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert ((vectors * reference.matrix()).sum(axis=1) > QUANTISED).all()


def test_a_vector_depends_on_its_text_alone(encoder: Encoder, encoder_folder: Path) -> None:
    texts = [*golden().texts, "", "x", "word " * 400]
    together = encoder.encode(texts)
    assert np.array_equal(together, np.concatenate([encoder.encode([text]) for text in texts]))
    assert np.array_equal(together, encoder.encode(texts[::-1])[::-1])
    installed = read(encoder_folder)
    assert installed is not None
    assert np.array_equal(together, LocalEncoder(encoder_folder, installed, threads=1).encode(texts))


def test_meaning_is_near_and_chance_is_far(encoder: Encoder) -> None:
    question, answer, other = encoder.encode(
        ["Which nuts must I not eat?", "I am allergic to walnuts and hazelnuts.", "The train to the coast leaves at nine."]
    )
    assert question @ answer > 0.4 > 0.2 > question @ other


def test_no_texts_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimensions)


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_damaged_file_is_refused(encoder_folder: Path, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "encoder"
    shutil.copytree(encoder_folder, copy)
    vocabulary = copy / "vocab.txt"
    if damage == "altered":
        vocabulary.write_bytes(vocabulary.read_bytes().replace(b"\nthe\n", b"\nthy\n"))
    else:
        vocabulary.unlink()
    encoder = find(copy)
    assert encoder is not None
    with pytest.raises(EncoderError, match=r"vocab\.txt") as raised:
        encoder.encode(["anything"])
    assert raised.value.next == "souviens encoder install"
