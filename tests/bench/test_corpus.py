"""The corpus: what is withheld as a whole was read all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.corpus import measure
from tests import golden


@pytest.mark.parametrize(("name", "case"), [("openwebui", "summer_2026"), ("cherry", "version_1")])
def test_a_source_whose_original_is_withheld_counts_as_read(name: str, case: str) -> None:
    path = next(path for path in golden.fixtures(name) if Path(path).stem == case)
    path = path / "data.json" if path.is_dir() else path
    row = measure(name, [path])[name]
    assert (row.files, row.unread, row.faults, row.lost) == (1, [], [], 0)
    assert row.read.conversations
    assert row.kept_out
    assert row.withheld
