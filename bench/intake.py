"""Intake of a synthetic ChatGPT export: how fast its words can be found, in how much memory, and how large the vault gets.

python -m bench.intake --megabytes 1000
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import multiprocessing
import multiprocessing.connection
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench import synthetic
from souviens import vault
from souviens.port import indexing
from souviens.port.intake import take_in
from souviens.vault.embedded import EmbeddedStore
from souviens.vault.keys import Credential

KEY = Credential("keyfile", b"a key for this measurement only")
AT = "2026-01-01T00:00:00Z"


class Memory:
    """The peak of the resident memory of this process and all its children together, looked at every 50 ms, in bytes.

    Who the children are is looked up every second: that walks through all processes of the machine, and at every look it was
    6 % of the processor time that is measured here.
    """

    LOOK, FAMILY = 0.05, 20  # seconds between two looks; looks between two lists of the children

    def __init__(self) -> None:
        self.peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        family: list[psutil.Process] = []
        for look in itertools.count():
            if self._done.wait(self.LOOK):
                return
            if look % self.FAMILY == 0:
                family = [me, *me.children(recursive=True)]
            total = 0
            for process in family:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue  # it ended between the list and the look
            self.peak = max(self.peak, total)


class Holding:
    """How long a writer held the vault's lock, transaction by transaction, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        plain = EmbeddedStore.transaction

        @contextlib.contextmanager
        def timed(store: EmbeddedStore) -> Iterator[None]:
            with plain(store):
                started = time.monotonic()
                yield
            self.seconds.append(time.monotonic() - started)

        EmbeddedStore.transaction = timed  # type: ignore[method-assign]  # in this measuring process only
        try:
            yield
        finally:
            EmbeddedStore.transaction = plain  # type: ignore[method-assign]

    def quantile(self, share: float) -> float:
        return sorted(self.seconds)[min(int(share * len(self.seconds)), len(self.seconds) - 1)]


def _measured(source: Path, folder: Path, pipe: multiprocessing.connection.Connection) -> None:
    """In a process of its own, so that the generator's memory is not counted."""
    holding = Holding()
    started = time.monotonic()
    with Memory() as memory, holding.watched(), vault.create(folder, {"key": KEY}, AT, os.urandom(32)) as made:
        receipt = take_in(made, source)
        with indexing.open_index(made) as index:
            index.sync(made.store)
            found = len(index.words("water and the mother of all", 10).units)
    seconds = time.monotonic() - started
    size = sum(file.stat().st_size for file in folder.iterdir())
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = {"cpu": sum(each.ru_utime + each.ru_stime for each in usage)}
    lock = {"p99": holding.quantile(0.99), "max": max(holding.seconds)}
    pipe.send(
        {"seconds": seconds, "rss": memory.peak, "vault": size, "messages": receipt.new.messages, "found": found, **cpu, **lock}
    )


def measure(megabytes: float, keep: Path | None = None) -> dict[str, float]:
    """Seconds to words that can be searched, peak memory, vault over source, messages."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "conversations.json"
        wrote = synthetic.write(source, megabytes)
        size = source.stat().st_size
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_measured, args=(source, keep or Path(scratch) / "vault", theirs))
        process.start()
        found = ours.recv()
        process.join()
    assert found["found"] == 10, "the words cannot be found"
    assert found["messages"] >= wrote, "messages are missing"
    return {
        "megabytes": size / 1e6,
        "messages": found["messages"],
        "seconds": found["seconds"],
        "cpu_seconds": found["cpu"],
        "megabytes_per_second": size / 1e6 / found["seconds"],
        "peak_rss_megabytes": found["rss"] / 1e6,
        "vault_over_source": found["vault"] / size,
        "lock_p99_ms": 1000 * found["p99"],
        "lock_max_ms": 1000 * found["max"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--keep", type=Path, help="leave the vault here")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.megabytes, arguments.keep)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(
        f"intake: {figures['megabytes']:.0f} MB, {figures['messages']:.0f} nodes, "
        f"searchable by words in {figures['seconds']:.1f} s ({figures['megabytes_per_second']:.1f} MB/s, "
        f"{figures['cpu_seconds']:.0f} s of processor time), "
        f"peak memory of all processes {figures['peak_rss_megabytes']:.0f} MB, "
        f"vault {figures['vault_over_source']:.2f} x the source; "
        f"the writer held its lock for {figures['lock_p99_ms']:.0f} ms (p99), {figures['lock_max_ms']:.0f} ms at most"
    )


if __name__ == "__main__":
    main()
