"""An environment for each peer, outside the project's: their dependencies are many, and would pin ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

INSIDE = Path(__file__).with_name("inside")


class NotRun(Exception):
    """A peer that could not be installed or did not run, and what it said."""


def known() -> list[str]:
    """The peers that there are scripts for."""
    return sorted(path.stem.removeprefix("with_") for path in INSIDE.glob("with_*.py"))


def prepared(name: str, work: Path) -> Path:
    """The Python of work/<name>/environment, made and filled if it is not there or its requirements have changed.

    Raises NotRun with the last lines of what pip said. pip reads the caller's variables: PIP_CONSTRAINT may name a build of
    torch without CUDA, which saves txtai several gigabytes.
    """
    wanted = (INSIDE / f"{name}.txt").read_text(encoding="utf-8")
    folder = work / name / "environment"
    python, mark = folder / "bin" / "python", folder / "installed"
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "-r", str(INSIDE / f"{name}.txt")],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise NotRun(f"cannot be installed: {' / '.join(said[-3:])}")
    mark.write_text(wanted, encoding="utf-8")
    return python
