"""Every figure the README quotes, one after the other: `make bench`.

python -m bench --encoder FOLDER [--quick]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size: to see that all of it runs")
    arguments = parser.parse_args()
    size, kills, messages = ("100", "25", "10000") if arguments.quick else ("1000", "500", "100000")
    runs = (
        ["bench.accounting"],
        ["bench.corpus", "tests/formats"],
        ["bench.readers", "--megabytes", "10" if arguments.quick else "100"],
        ["bench.intake", "--megabytes", size],
        ["bench.speed", "--encoder", str(arguments.encoder), "--messages", messages],
        ["bench.recall", "--encoder", str(arguments.encoder), "--flat"],
        ["bench.continuity", "--encoder", str(arguments.encoder)],
        ["bench.erasure"],
        ["bench.kills", "--kills", kills],
    )
    # Each in a process of its own: the memory of one must not be counted for the next.
    failed = [run[0] for run in runs if subprocess.run([sys.executable, "-m", *run], check=False).returncode]
    if failed:
        sys.exit(f"not met or not run: {', '.join(failed)}")


if __name__ == "__main__":
    main()
