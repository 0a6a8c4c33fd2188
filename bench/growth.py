"""What a vault of any size is made of, for `bench.speed`: synthetic conversations, their vectors, and more of both later."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import synthetic
from souviens import vault
from souviens.encode import Encoder
from souviens.errors import NoVault
from souviens.port import indexing
from souviens.port.intake import take_in
from souviens.vault import Vault, keys

WORDS = (15, 60)  # of a person's turn and a model's: embedding 100,000 longer ones would take this machine an hour
BYTES = 796  # of source a message of these lengths takes
SUBJECTS = 500  # directions around which drawn vectors lie, as those of texts lie around subjects


class Drawn:
    """An encoder's vectors, made up: a million texts take hours to encode, and how long a search takes does not depend on what
    the vectors say. It has the id of the real encoder, which encodes the questions."""

    def __init__(self, encoder: Encoder) -> None:
        self.id, self.dimensions = encoder.id, encoder.dimensions
        self._rng = np.random.default_rng(0)
        self._subjects = self._rng.normal(size=(SUBJECTS, self.dimensions))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = 0.6 * self._subjects[self._rng.integers(SUBJECTS)] + self._rng.normal(size=(len(texts), self.dimensions))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def prepared(folder: Path, key_file: Path, messages: int, encoder: Encoder) -> Vault:
    """A vault of so many synthetic messages with vectors, made if it is not there."""
    try:
        made = vault.unlock(folder, [keys.read_key_file(key_file)])
    except (NoVault, keys.WrongKey):
        made = empty(folder, key_file)
        grow(made, messages)
    indexing.embed(made, encoder)
    return made


def empty(folder: Path, key_file: Path) -> Vault:
    return vault.create(folder, {"key": keys.new_key_file(key_file)}, "2026-01-01T00:00:00Z", os.urandom(32))


def grow(made: Vault, messages: int, *, first: int = 0) -> float:
    """Take in an export of so many messages, numbered from conversation `first` on; the seconds until words find them."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "conversations.json"
        synthetic.write(source, messages * BYTES / 1e6, seed=1 + first, words=WORDS, first=first)
        started = time.perf_counter()
        take_in(made, source)
        return time.perf_counter() - started


def embed(made: Vault, encoder: Encoder) -> float:
    """The seconds to give vectors to what has none."""
    started = time.perf_counter()
    indexing.embed(made, encoder)
    return time.perf_counter() - started
