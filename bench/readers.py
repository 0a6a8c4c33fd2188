"""How fast the readers of big exports are, and in how much memory: cut and read on one core, and into a vault.

    python -m bench.readers [--megabytes 200] [FORMAT …]

Every measurement in a process of its own, with the readers loaded. Read: `cut` and `read` over the whole file, processor time of
one core, and the peak of the resident memory. Taken in: to words that can be searched, by the clock, with the process that indexes;
and the processor time of both, which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from bench import shapes, synthetic
from souviens import formats, vault
from souviens.delivery import open_delivery
from souviens.jsonspan import Slice
from souviens.port.intake import take_in
from souviens.vault.keys import Credential

READ_BAR, INTAKE_BAR = 40.0, 15.0  # MB/s


def _read(path: Path, pipe: Connection) -> None:
    formats.readers()
    started = time.process_time()
    size = messages = 0
    with open_delivery(path) as delivery:
        opened = time.process_time()
        format = formats.identify(delivery).reader
        plan, aside = format.plan(delivery), format.sidecars(delivery)
        for entry in delivery.entries:
            if plan.get(entry.name) not in formats.CUT:
                continue
            for piece in format.cut(entry):
                size += len(piece.data)
                if isinstance(piece, Slice):
                    messages += sum(len(c.messages) for c in format.read(piece, aside).conversations)
    seconds = time.process_time() - opened
    assert size == path.stat().st_size, "bytes are missing"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send((format.NAME, size / 1e6 / seconds, messages, memory / 1e3, opened - started))


def _take(path: Path, pipe: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder:
        key = {"key": Credential("keyfile", b"a key for this measurement only")}
        with vault.create(Path(folder) / "vault", key, "2026-01-01T00:00:00Z", os.urandom(32)) as made:
            formats.readers()
            started, before = time.monotonic(), os.times()
            receipt = take_in(made, path)
            speed, after = path.stat().st_size / 1e6 / (time.monotonic() - started), os.times()
            ours = after.user + after.system - before.user - before.system
            indexing = after.children_user + after.children_system - before.children_user - before.children_system
            pipe.send((speed, receipt.new.messages, ours, indexing))


def _apart(measure: Callable[[Path, Connection], None], path: Path) -> tuple[object, ...]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=measure, args=(path, theirs))
    process.start()
    theirs.close()
    found: tuple[object, ...] = ours.recv()
    process.join()
    return found


def _write(name: str, path: Path, megabytes: float) -> int:
    if name == "chatgpt":
        return synthetic.write(path, megabytes)
    return shapes.write(shapes.SHAPES[name], path, megabytes)


def main() -> None:
    known = ["chatgpt", *shapes.SHAPES]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("formats", nargs="*", choices=[*known, []], default=[])
    parser.add_argument("--megabytes", type=float, default=200)
    parser.add_argument("--read-only", action="store_true", help="do not take them in")
    arguments = parser.parse_args()
    short = []
    for name in arguments.formats or known:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export"
            wrote = _write(name, path, arguments.megabytes)
            found, speed, messages, memory, _ = _apart(_read, path)
            assert found == name.partition("-")[0], f"it was read as {found}"
            assert isinstance(messages, int) and messages >= wrote, f"{messages} of {wrote} messages"
            line = (
                f"readers: {name:13} {path.stat().st_size / 1e6:.0f} MB, cut and read {speed:.0f} MB/s a core, peak {memory:.0f} MB"
            )
            slow = not isinstance(speed, float) or speed < READ_BAR
            if not arguments.read_only:
                taken, new, ours, indexing = _apart(_take, path)
                assert new == messages, f"{new} of {messages} messages were stored"
                line += f"; into the vault {taken:.1f} MB/s ({ours:.1f} s of processor time, {indexing:.1f} s more to index)"
                slow = slow or not isinstance(taken, float) or taken < INTAKE_BAR
            print(line, flush=True)
            short += [name] * slow
    if short:
        sys.exit(f"below {READ_BAR:.0f} or {INTAKE_BAR:.0f} MB/s: {', '.join(short)}")


if __name__ == "__main__":
    main()
