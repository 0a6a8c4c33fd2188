"""The same questions before and after a move, on the small set, by words alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.continuity import BARS, LINES, Account, follow, memories
from bench.haystacks import SMALL, Set, load
from bench.vaults import built


@pytest.fixture(scope="module")
def accounts() -> dict[str, Account]:
    return follow(Set("small", SMALL), None)


@pytest.mark.parametrize("way", BARS)
def test_what_was_found_is_found_after_the_move(accounts: dict[str, Account], way: str) -> None:
    found = accounts[way].document()

    assert accounts[way].evidence > 20
    assert found["evidence_overlap"] >= BARS[way], accounts[way].missed
    assert abs(found["change"]) < 2


def test_a_pasted_memory_loses_most(accounts: dict[str, Account]) -> None:
    """If it did not, this would not measure what is lost today."""
    assert 0 < accounts["memory text"].document()["evidence_overlap"] < 90
    assert accounts["memory text"].document()["change"] < -10


def test_the_memories_are_the_persons_own_sentences_one_a_conversation(tmp_path: Path) -> None:
    haystack = next(load(SMALL))
    with built(haystack, tmp_path / "vault", None) as made:
        lines = memories(made.vault)

    said = {turn["tid"]: turn["text"] for turn in _turns()}
    assert 0 < len(lines) <= min(LINES, len(haystack.export))
    assert all(any(line in text for text in said.values()) for line in lines)


def _turns() -> list[dict[str, str]]:
    row = json.loads(SMALL.read_text(encoding="utf-8").partition("\n")[0])
    return [turn for session in row["sessions"] for turn in session["turns"] if turn["role"] == "user"]
