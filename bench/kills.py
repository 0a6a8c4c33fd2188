"""kill -9 at random moments of intake, recall, erase and rebuild; then: is everything acknowledged there, and nothing by half?

A child process works on a vault and says on a pipe what it has *finished*; the parent kills it at a random moment, opens the
vault as the next user would, and holds it against what was acknowledged.

    python -m bench.kills --kills 500
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.synthetic import Texts, conversation
from souviens import recall, vault
from souviens.port import checking, erasing, indexing
from souviens.port.intake import take_in
from souviens.vault.keys import Credential

CONVERSATIONS = 12  # in each small export
_KEY = Credential("keyfile", b"a key for this test only")


def make_exports(folder: Path, count: int) -> list[Path]:
    """`count` small exports that share no conversation."""
    texts = Texts(seed=5)
    paths = []
    for n in range(count):
        path = folder / f"export-{n}.json"
        path.write_text(json.dumps([conversation(texts, n * CONVERSATIONS + i, messages=8) for i in range(CONVERSATIONS)]))
        paths.append(path)
    return paths


def work(folder: Path, exports: list[Path], seed: int) -> None:
    """The child: one operation after the other until it is killed; a line for each that is done."""
    rng = random.Random(seed)
    with vault.unlock(folder, [_KEY]) as opened:
        erasing.finish_pending(opened)
        _acknowledge("open", "")
        while True:
            verb = rng.choice(["add", "add", "recall", "erase", "rebuild", "records"])
            if verb == "add":
                path = rng.choice(exports)
                receipt = take_in(opened, path)
                _acknowledge("add", receipt.id)
            elif verb == "recall":
                with indexing.open_index(opened) as index:
                    recall.ask("what did I say about the water?", 5, store=opened.store, index=index, encoder=None)
                _acknowledge("recall", "")
            elif verb == "erase":
                live = [id for _, kind, id in opened.store.live() if kind == "conversation"]
                if live:
                    id = rng.choice(live)
                    erasing.erase(opened, [id])
                    _acknowledge("erase", id)
            else:
                checking.rebuild(opened, records=verb == "records")
                _acknowledge("rebuild", "")


def _acknowledge(verb: str, id: str) -> None:
    os.write(1, f"{verb} {id}\n".encode())


@dataclass
class Outcome:
    """What a run found. lost: acknowledged and not there. partial: a source of which only some is there. other: any fault else."""

    kills: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    slowest_open: float = 0.0


def check(folder: Path, added: set[str], erased: set[str], outcome: Outcome) -> None:
    """Open the vault as the next user would and hold it against what was acknowledged."""
    started = time.monotonic()
    with vault.unlock(folder, [_KEY]) as opened:
        store = opened.store
        store.sweep_stages()
        erasing.finish_pending(opened)
        outcome.slowest_open = max(outcome.slowest_open, time.monotonic() - started)
        present = {header.id for header in store.sources()}
        outcome.lost += [f"source {id}" for id in added - present]
        live = {id for _, kind, id in store.live() if kind == "conversation"}
        outcome.other += [f"erased and there again: {id}" for id in erased & live]
        stones = store.tombstones()
        for header in store.sources():
            told = {id for kind, id in store.origins(header.id) if kind == "conversation"}
            whole = sum(
                id in live or stones[("conversation", id)].erased for id in told if id in live or ("conversation", id) in stones
            )
            # Conversations erased before this source came in are holes of it and not among what it told.
            if len(told) != whole or header.read.conversations != len(told):
                outcome.partial.append(f"{header.id}: {whole} of {header.read.conversations}")
        indexing.catch_up(opened)  # as the next recall does: an index that is behind is no fault
        verified = checking.verify(opened)
        outcome.other += verified.problems


def run(kills: int, seed: int = 1) -> Outcome:
    """`kills` rounds in one vault; a new vault every 50, so that there is always something left to do."""
    outcome, rng = Outcome(), random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        exports = make_exports(Path(scratch), 6)
        for n in range(kills):
            folder = Path(scratch) / f"vault-{n // 50}"
            if n % 50 == 0:
                vault.create(folder, {"key": _KEY}, "2026-01-01T00:00:00Z", os.urandom(32)).close()
                added: set[str] = set()
                erased: set[str] = set()
                shutil.rmtree(Path(scratch) / f"vault-{n // 50 - 1}", ignore_errors=True)
            child = subprocess.Popen(
                [sys.executable, "-m", "bench.kills", "--child", str(folder), "--seed", str(seed * 10_000 + n), *map(str, exports)],
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parents[1],
            )
            assert child.stdout is not None
            # Starting Python takes as long as the work: a moment is drawn from the time after that, but for one in eight.
            if rng.random() > 0.125:
                child.stdout.readline()
            time.sleep(rng.random() * 1.2)
            child.send_signal(signal.SIGKILL)
            said, _ = child.communicate()
            outcome.kills += 1
            for line in said.decode().splitlines():
                verb, _, id = line.partition(" ")
                outcome.acknowledged += verb != "open"
                if verb == "add":
                    added.add(id)
                elif verb == "erase":
                    erased.add(id)
            check(folder, added, erased, outcome)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path)
    parser.add_argument("exports", nargs="*", type=Path)
    arguments = parser.parse_args()
    if arguments.child:
        work(arguments.child, arguments.exports, arguments.seed)
        return
    outcome = run(arguments.kills, arguments.seed)
    print(
        f"kill -9: {outcome.kills} kills, {outcome.acknowledged} operations acknowledged, {len(outcome.lost)} lost, "
        f"{len(outcome.partial)} partial, {len(outcome.other)} other faults, slowest opening {outcome.slowest_open:.2f} s"
    )
    for fault in (outcome.lost + outcome.partial + outcome.other)[:20]:
        print(f"  {fault}")
    sys.exit(bool(outcome.lost or outcome.partial or outcome.other))


if __name__ == "__main__":
    main()
