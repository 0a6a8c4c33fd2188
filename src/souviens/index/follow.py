"""Indexing beside an intake, in a process of its own: the intake writes a stage, the follower indexes it as it grows.

Tokenising is most of an intake's work, and Python runs one thread at a time: a second process takes it to the other core.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from souviens.errors import SouviensError
from souviens.index import open_index
from souviens.index.port import Synced
from souviens.vault import open_store

# Seconds between two looks at the stage. More looks make smaller transactions and more merging of them; what is left to do at
# the end is at most what was staged in this time.
POLL = 0.25
PATIENCE = 10.0  # seconds a stopped follower has to finish its transaction


class Follower:
    """A process that keeps the index in step with a stage. It ends with `finish` or `stop`, or when this process dies."""

    def __init__(self, folder: Path, key: bytes | None, stage: int) -> None:
        # spawn: a fork would share SQLite's locks with its parent. The key goes through a pipe, never a command line.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=follow, args=(folder, key, stage, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def finish(self) -> Synced:
        """Wait until all that is staged is indexed; what was done. If the process died: nothing, and `sync` does the rest."""
        synced = Synced()
        with contextlib.suppress(EOFError, OSError):
            self._pipe.send_bytes(b"finish")
            synced = msgspec.json.decode(self._pipe.recv_bytes(), type=Synced)
        self.stop()
        return synced

    def stop(self) -> None:
        """End it. What it indexed stays, unseen, until a `sync` shows it or takes it out."""
        self._pipe.close()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def follow(folder: Path, key: bytes | None, stage: int, pipe: Connection) -> None:
    """Index a stage until told to finish or until the other end of the pipe is closed; then say what was done."""
    gc.disable()  # a process of its own, and one that makes no cycles
    synced = Synced()
    with (
        contextlib.suppress(EOFError, OSError, SouviensError),
        contextlib.closing(open_store(folder, key)) as store,
        open_index(folder, key) as index,
    ):
        told = False
        while not told:
            # Asked before the last look, so that nothing staged before `finish` is missed.
            told = pipe.poll(POLL) and bool(pipe.recv_bytes())
            synced = synced.plus(index.sync(store, stage))
        pipe.send_bytes(msgspec.json.encode(synced))
