"""A vault for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from souviens.vault import Vault
from tests.port.given import new_vault


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with new_vault(tmp_path / "vault") as made:
        yield made
