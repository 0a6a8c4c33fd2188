"""The paper of figures by commit is read as it is written."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench import leaderboard


def _document(**sets: float) -> dict[str, Any]:
    levels = {
        name: {"message": {"rec@10": value, "ndcg@10": value - 10}, "conversation": {"any@5": value + 1, "rec@10": value + 2}}
        for name, value in sets.items()
    }
    return {
        "encoder": "minilm/int8/1",
        "sets": {name: {"overall": level, "speed": {"query_ms_p50": 7.4}} for name, level in levels.items()},
    }


def test_a_measurement_makes_a_row_and_the_same_one_again_changes_nothing(tmp_path: Path) -> None:
    paper = tmp_path / "LEADERBOARD.md"

    leaderboard.record("abc1234", _document(locomo=70.0, beam=50.0), paper)
    once = paper.read_bytes()
    leaderboard.record("abc1234", _document(locomo=70.0, beam=50.0), paper)

    assert paper.read_bytes() == once
    (row,) = leaderboard.read(once.decode())
    assert row.cells == {"locomo": "70.0 / 60.0 · 71.0 / 72.0 · 7", "beam": "50.0 / 40.0 · 51.0 / 52.0 · 7"}
    assert leaderboard.written([row]) == once.decode()


def test_a_commit_keeps_what_was_not_measured_again_and_new_ones_stand_on_top(tmp_path: Path) -> None:
    paper = tmp_path / "LEADERBOARD.md"

    leaderboard.record("old", _document(locomo=60.0), paper)
    leaderboard.record("new", _document(locomo=70.0, beam=50.0), paper)
    leaderboard.record("old", _document(beam=40.0), paper)

    new, old = leaderboard.read(paper.read_text(encoding="utf-8"))
    assert (new.commit, old.commit) == ("new", "old")
    assert old.cells["locomo"].startswith("60.0")
    assert old.cells["beam"].startswith("40.0")


def test_a_level_that_was_not_scored_is_a_dash() -> None:
    found = _document(lme=90.0)["sets"]["lme"]
    found["overall"]["message"] = {}

    assert leaderboard.cell(found) == "- · 91.0 / 92.0 · 7"


def test_changed_files_are_refused_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaderboard, "ROOT", tmp_path)
    monkeypatch.setattr(leaderboard, "PAPER", tmp_path / "docs" / "LEADERBOARD.md")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "one"], check=True)
    (tmp_path / "docs").mkdir()
    clean = leaderboard.commit(dirty=False)

    (tmp_path / "docs" / "LEADERBOARD.md").write_text("ours", encoding="utf-8")
    assert leaderboard.commit(dirty=False) == clean
    (tmp_path / "code.py").write_text("x", encoding="utf-8")
    with pytest.raises(SystemExit, match="files are changed"):
        leaderboard.commit(dirty=False)
    assert leaderboard.commit(dirty=True) == clean + "+"


def test_the_paper_that_is_there_is_as_it_is_written() -> None:
    text = leaderboard.PAPER.read_text(encoding="utf-8")

    assert leaderboard.written(leaderboard.read(text)) == text
