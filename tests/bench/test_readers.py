"""The bench of the readers runs: its figures are of the day, that it measures at all is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_small_file_is_read_and_taken_in() -> None:
    command = [sys.executable, "-m", "bench.readers", "gemini", "--megabytes", "0.2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("readers: gemini"), done.stderr
    assert "into the vault" in done.stdout
