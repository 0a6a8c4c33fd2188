"""A vault of each haystack, made by the product's own intake and kept or thrown away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.haystacks import Haystack
from souviens import vault
from souviens.encode import Encoder
from souviens.index.port import Index
from souviens.port import indexing
from souviens.port.intake import take_in
from souviens.records import Conversation
from souviens.vault import Vault

CREATED = "2026-01-01T00:00:00Z"


class Built(NamedTuple):
    """A vault with everything indexed. ids, sessions: of messages and conversations here, what the set calls them.

    seconds: to take it in, index and embed it, as long as it took when it was made. bytes: of all its files.
    """

    vault: Vault
    index: Index
    ids: dict[str, str]
    sessions: dict[str, str]
    seconds: float
    bytes: int


@contextmanager
def built(haystack: Haystack, folder: Path, encoder: Encoder | None) -> Iterator[Built]:
    """The vault of a haystack in `folder`, made if it is not there."""
    started = time.monotonic()
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = vault.unlock(folder, []) if (folder / "VAULT.json").exists() else vault.create(folder, {}, CREATED, None)
    with made:
        fresh = not made.store.sources()
        if fresh:
            source = folder.parent / f"{folder.name}.json"
            source.write_text(json.dumps(haystack.export), encoding="utf-8")
            take_in(made, source)
            source.unlink()
        indexing.embed(made, encoder)
        with indexing.open_index(made) as index:
            index.sync(made.store)
            seconds = _took(folder, time.monotonic() - started, fresh)
            yield Built(made, index, *named(made), seconds, size(folder))


def named(made: Vault) -> tuple[dict[str, str], dict[str, str]]:
    """(messages, conversations): what the provider calls each thing that is here."""
    ids, sessions = dict[str, str](), dict[str, str]()
    for seq, _, _ in made.store.live():
        record = made.store.pack(seq)
        if isinstance(record, Conversation):
            sessions[record.id] = record.provider_id or ""
            ids.update({message.id: message.provider_id or "" for message in record.messages})
    return ids, sessions


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _took(folder: Path, seconds: float, fresh: bool) -> float:
    """The seconds it took to make a vault, noted beside one that is kept: to open it again takes none of them."""
    note = folder.parent / f"{folder.name}.seconds"
    if fresh:
        note.write_text(f"{seconds:.2f}", encoding="utf-8")
    return float(note.read_text(encoding="utf-8")) if note.exists() else seconds


class Texts:
    """An encoder that keeps every vector: a text that came through a move unchanged is not encoded again. (An encoder gives the
    same text the same vector, alone or among others.)"""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._kept: dict[str, NDArray[np.float32]] = {}
        self.id, self.dimensions = encoder.id, encoder.dimensions

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if new:
            self._kept.update(zip(new, self._encoder.encode(new), strict=True))
        return np.array([self._kept[text] for text in texts], np.float32).reshape(len(texts), self.dimensions)
