"""Mutated exports against every reader, through a whole vault: `python -m tests.fuzz --minutes 5`.

Our fixtures are mutated as JSON values and as bytes, and each is taken in by a process of its own: nothing may crash, hang
for 10 s or take 512 MiB, the sums of the receipt must hold, the vault must verify, and what came must come back byte for byte.
What fails is kept in tests/corpus and tried first the next time.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from souviens.delivery import open_delivery
from souviens.errors import SouviensError
from souviens.port.checking import verify
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from tests.golden import copied, fixtures
from tests.lossless import paths, replaced
from tests.port.given import assert_sums, new_vault

CORPUS = Path(__file__).parent / "corpus"
HANG = 10.0  # seconds
MEMORY = 512  # MiB
GOOD = ("taken in", "refused in part", "refused")
_ODD: list[Any] = [None, True, 0, -1, 1e308, 10**30, "", "\ud800", "\0", "x" * 70_000, [], {}, [[]], {"": None}, ["text", None]]
_BYTES = [
    b"\xff",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"NaN",
    b"-Infinity",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"null",
    b'"',
    b"}",
    b"]",
    b",",
    b"\0",
    b"1e999",
    b"PK\x03\x04",
]


# --- mutations --------------------------------------------------------------------------------------------------------


def mutated_value(chance: random.Random, value: Any) -> Any:
    """A JSON document with another value somewhere, something left out, or something moved to where it does not belong."""
    places = list(paths(value))[1:]
    if not places:
        return chance.choice(_ODD)
    place = chance.choice(places)
    kind = chance.randrange(4)
    if kind == 0:
        return replaced(value, place, chance.choice(_ODD))
    if kind == 1:
        return replaced(value, place, at(value, chance.choice(places)))
    if kind == 2:
        deep = at(value, place)
        for _ in range(chance.choice([3, 200, 1500])):
            deep = [deep] if chance.random() < 0.5 else {"a": deep}
        return replaced(value, place, deep)
    *above, last = place
    container = at(value, tuple(above))
    left = (
        {k: v for k, v in container.items() if k != last}
        if isinstance(container, dict)
        else [v for n, v in enumerate(container) if n != last]
    )
    return replaced(value, tuple(above), left)


def at(value: Any, place: tuple[str | int, ...]) -> Any:
    for step in place:
        value = value[step]
    return value


def mutated_bytes(chance: random.Random, data: bytes) -> bytes:
    """Bytes flipped, cut out, cut off, doubled, or put in."""
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    end = min(end, start + chance.choice([1, 4, 40, 4000]))
    changes: list[Callable[[], bytes]] = [
        lambda: data[:start] + bytes([chance.randrange(256)]) + data[start + 1 :],
        lambda: data[:start] + data[end:],
        lambda: data[:start],
        lambda: data[:end] + data[start:],
        lambda: data[:start] + chance.choice(_BYTES) + data[start:],
        lambda: data[:start] + chance.choice(_BYTES) + data[end:],
    ]
    return chance.choice(changes)()


def mutate(chance: random.Random, path: Path) -> None:
    """Change one file in place, one to four times."""
    data = path.read_bytes()
    with contextlib.suppress(ValueError, RecursionError):  # what is no JSON, or no longer writable as such, is changed as bytes
        if chance.random() < 0.6:
            value = json.loads(data)
            for _ in range(chance.randint(1, 3)):
                value = mutated_value(chance, value)
            data = json.dumps(value).encode()
            if chance.random() < 0.7:
                path.write_bytes(data)
                return
    for _ in range(chance.randint(1, 4)):
        data = mutated_bytes(chance, data)
    path.write_bytes(data)


def inputs(chance: random.Random, folder: Path) -> Iterator[Path]:
    """The kept failures first, then mutated fixtures without end. Each is in `folder`, and may be changed or removed."""
    for kept in sorted(CORPUS.glob("*/*")):
        yield copied(kept, folder)
    cases = fixtures()
    while True:
        path = copied(chance.choice(cases), folder)
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        mutate(chance, chance.choice(files))
        yield path


# --- trying -----------------------------------------------------------------------------------------------------------


def attempt(path: Path) -> str:
    """Take one input in, on a vault of its own; how it ended. What is not in GOOD is a fault."""
    with tempfile.TemporaryDirectory() as name, new_vault(Path(name) / "vault") as vault:
        try:
            receipt = take_in(vault, path, with_accounts=True)
        except SouviensError:
            return "refused" if not vault.store.sources() and not vault.store.live() else "refused, and something stayed"
        assert_sums(receipt)
        if problems := verify(vault).problems:
            return f"does not verify: {problems[0]}"
        back = give_back(vault, receipt.id, Path(name) / "back")
        if not any(p.kind == "source" for p in receipt.refused):
            with open_delivery(path) as given, open_delivery(Path(back.path)) as returned:
                same = given.sha256 == returned.sha256 if given.kind != "zip" else back.identical
            if not same or not back.identical:
                return "did not come back as it was"
        return "refused in part" if receipt.refused else "taken in"


def work(pipe: Connection) -> None:
    """Try what comes through the pipe: (how it ended, MiB of memory used at most so far)."""
    while True:
        path = pipe.recv()
        try:
            ended = attempt(path)
        except Exception:  # noqa: BLE001  # whatever it is, it is what the fuzzer looks for
            ended = "crash: " + traceback.format_exc(limit=-4)
        pipe.send((ended, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)))


class Worker:
    """A process that tries inputs; a new one after each that hung or took too much."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def attempt(self, path: Path) -> str:
        self._pipe.send(path)
        # The first answer waits for the imports as well.
        ended, mebibytes = self._pipe.recv() if self._pipe.poll(HANG) else (f"hang: over {HANG:.0f} s", 0)
        if mebibytes > MEMORY:
            ended = f"memory: {mebibytes} MiB"
        if ended.startswith(("hang", "memory")):
            self.stop()
            self._start()
        return str(ended)


def keep(path: Path, ended: str) -> Path:
    """Put an input into the corpus, named by what it is."""
    parts = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in parts)).hexdigest()[:12]
    target = CORPUS / f"{ended.partition(':')[0].replace(' ', '-')}-{digest}"
    target.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if path.is_dir() else shutil.copyfile)(
        path, target / path.name, **({"dirs_exist_ok": True} if path.is_dir() else {})
    )
    return target


def run(minutes: float, seed: int) -> Counter[str]:
    """Try inputs for so long; how many ended how."""
    ended: Counter[str] = Counter()
    shown, until = time.monotonic(), time.monotonic() + 60 * minutes
    worker = Worker()
    with tempfile.TemporaryDirectory() as folder:
        for path in inputs(random.Random(seed), Path(folder) / "input"):
            how = worker.attempt(path)
            ended[how.partition(":")[0]] += 1
            if how not in GOOD:
                print(f"{how}\n  kept in {keep(path, how)}", flush=True)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(_said(ended), flush=True)
            if time.monotonic() > until:
                break
    worker.stop()
    return ended


def _said(ended: Counter[str]) -> str:
    return f"{ended.total():,} inputs: " + ", ".join(f"{n:,} {how}" for how, n in ended.most_common())


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    asked.add_argument("--minutes", type=float, default=5.0)
    asked.add_argument("--seed", type=int, default=None, help="try the same inputs again")
    given = asked.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    ended = run(given.minutes, seed)
    print(_said(ended))
    return int(any(how not in GOOD for how in ended))


if __name__ == "__main__":
    sys.exit(main())
