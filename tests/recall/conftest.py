"""A vault with a little life in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from souviens.index import open_index
from souviens.index.embedded import EmbeddedIndex
from souviens.recall import Recall, ask
from souviens.vault import Vault, create
from souviens.vault.store import Packed
from tests.index.contract import AT, put

Asked = Callable[..., Recall]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with create(tmp_path / "vault", {}, AT, None) as made:
        yield made


@pytest.fixture
def index(vault: Vault) -> Iterator[EmbeddedIndex]:
    with open_index(vault.folder, vault.key) as opened:
        yield opened


@pytest.fixture
def recall(vault: Vault, index: EmbeddedIndex) -> Asked:
    """Put records into the vault, if any, and ask."""

    def asked(question: str, *records: Packed, k: int = 10, encoder: object = None, **more: object) -> Recall:
        if records:
            put(vault.store, *records)
        return ask(question, k, store=vault.store, index=index, encoder=encoder, **more)  # type: ignore[arg-type]

    return asked
