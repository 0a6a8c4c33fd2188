"""docs/LEADERBOARD.md: what recall reached at which commit. A row a commit and encoder, a column a set.

record(commit(dirty=False), document)        # document: as `bench.recall` writes it

A cell is "message rec@10 / NDCG@10 · conversation any@5 / rec@10 · milliseconds a query, the median". What is measured again
replaces what the row had, other sets stay; "-" stands for what was not measured.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "docs" / "LEADERBOARD.md"
NOTHING = "-"
_FIXED = ("date", "commit", "encoder")
_HEAD = """# Leaderboard

What recall reached, commit by commit, the newest first. Written by `python -m bench.recall --data … --leaderboard`.
A cell: message rec@10 / NDCG@10 · conversation any@5 / rec@10 · milliseconds a query, the median on the machine of that day. LoCoMo
without its adversarial questions. A `+` after a commit: files were changed. What was tried is in [LOG.md](LOG.md).

"""


class Row(NamedTuple):
    """cells: set -> what stands in its column."""

    date: str
    commit: str
    encoder: str
    cells: dict[str, str]


def commit(dirty: bool) -> str:
    """The short name of the commit that is checked out, with "+" if files are changed. Raises SystemExit unless that is allowed."""
    name = _git("rev-parse", "--short", "HEAD")
    own = PAPER.relative_to(ROOT).as_posix()
    changed = [line for line in _git("status", "--porcelain", "--untracked-files=all").splitlines() if not line.endswith(own)]
    if changed and not dirty:
        raise SystemExit("files are changed, so no commit stands for what is measured: commit them, or --dirty")
    return name + ("+" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.rstrip()


def record(commit: str, document: dict[str, Any], paper: Path = PAPER) -> None:
    """Put a measurement into its row, or into a new one at the top."""
    rows = read(paper.read_text(encoding="utf-8")) if paper.exists() else []
    encoder = document["encoder"] or "words alone"
    cells = {name: cell(found) for name, found in document["sets"].items()}
    before = next((row for row in rows if (row.commit, row.encoder) == (commit, encoder)), None)
    made = Row(f"{datetime.now(UTC):%Y-%m-%d}", commit, encoder, {**(before.cells if before else {}), **cells})
    rows = [made if row is before else row for row in rows] if before else [made, *rows]
    paper.write_text(written(rows), encoding="utf-8")


def cell(found: dict[str, Any]) -> str:
    """One set of a document."""
    message, conversation = found["overall"]["message"], found["overall"]["conversation"]
    shown = (
        _pair(message, "rec@10", "ndcg@10"),
        _pair(conversation, "any@5", "rec@10"),
        f"{found['speed']['query_ms_p50']:.0f}",
    )
    return " · ".join(shown)


def _pair(scores: dict[str, float], first: str, second: str) -> str:
    return f"{scores[first]:.1f} / {scores[second]:.1f}" if scores else NOTHING


def read(text: str) -> list[Row]:
    """The rows of the paper. Raises ValueError if its table is not as `written` makes it."""
    lines = [_columns(line) for line in text.splitlines() if line.startswith("|")]
    if not lines:
        return []
    names = lines[0][len(_FIXED) :]
    if tuple(lines[0][: len(_FIXED)]) != _FIXED or any(len(line) != len(lines[0]) for line in lines):
        raise ValueError("docs/LEADERBOARD.md: not the table that bench.leaderboard writes")
    return [
        Row(*line[:3], {name: value for name, value in zip(names, line[3:], strict=True) if value != NOTHING}) for line in lines[2:]
    ]


def _columns(line: str) -> list[str]:
    return [part.strip() for part in line.strip().strip("|").split("|")]


def written(rows: list[Row]) -> str:
    """The paper with these rows; sets in the order in which rows name them first."""
    names = list(dict.fromkeys(name for row in rows for name in row.cells))
    table = [(*_FIXED, *names), ("---",) * (len(_FIXED) + len(names))]
    table += [(row.date, row.commit, row.encoder, *(row.cells.get(name, NOTHING) for name in names)) for row in rows]
    return _HEAD + "\n".join(map(_row, table)) + "\n"


def _row(parts: Iterable[str]) -> str:
    return f"| {' | '.join(parts)} |"
