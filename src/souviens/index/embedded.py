"""The Index over one encrypted SQLite file beside truth, with the vectors' signs in memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from souviens.encode import Encoder
from souviens.errors import Damaged, NotFound, OutOfSpace, VaultError, VaultInUse
from souviens.index import files, postings, threads, vectors
from souviens.index.contents import IN_PLACE, Contents
from souviens.index.layout import Allowed, Integers, Layout
from souviens.index.port import NOTHING, Found, Pending, Postings, Progress, Synced
from souviens.index.telling import Word
from souviens.index.text import Run, run_of
from souviens.index.vectors import closeness
from souviens.index.words import Term, terms
from souviens.vault.connection import leave_room
from souviens.vault.store import Store

BATCH = 4 << 20  # characters of text in one transaction: some 200 ms
PATIENCE = 600.0  # seconds to wait for another process that rebuilds the index
ERASED = 50  # units erased in place in one transaction: some 250 ms
IN_MEMORY = 32 << 20  # bytes of truth that are indexed in memory where the disk has no room: some seconds
EMBEDDED = 128  # units whose vectors are written in one transaction


class EmbeddedIndex:
    """The index in `folder`, see `port.Index`. Raises Damaged from a question if the file was damaged since it was opened."""

    def __init__(self, folder: Path, key: bytes | None, *, lenient: bool = False) -> None:
        self.folder, self.key, self.lenient = folder, key, lenient
        self.behind = 0
        self._lock = FileLock(folder / files.LOCK)
        self._open()

    def close(self) -> None:
        self._contents.close()

    def __enter__(self) -> EmbeddedIndex:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # --- the file -----------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Open the newest index; if there is none, or it cannot be read, put an empty one above it. Raises OutOfSpace.

        A lenient one of a small vault is then made in memory, for as long as it is open.
        """
        while True:
            number = self._newest()
            try:
                if number:
                    return self._use(number, Contents(files.path(self.folder, number), files.key_for(self.key, number)))
            except (OutOfSpace, VaultInUse):
                raise  # it is as good as it was
            except VaultError:
                pass
            with self._locked():
                # Unless another process has put one there meanwhile.
                if self._newest() == number:
                    try:
                        self._write(number + 1).close()
                        self._name(number + 1)
                    except OutOfSpace:
                        if not self.lenient or files.truth(self.folder) > IN_MEMORY:
                            raise
                        return self._use(number, Contents(Path(":memory:"), None, create=True))

    def _newest(self) -> int:
        return max(files.numbers(self.folder), default=0)

    def _use(self, number: int, contents: Contents) -> None:
        self.number, self._contents = number, contents
        self._layout: Layout | None = None
        self._matrix: vectors.Matrix | None = None
        self._shown = self._embedded = -1
        self._counted, self._pending = ("", -1, -1), Pending(0, 0)
        self._matrix_of = ""

    def _follow_switch(self) -> None:
        """Another process may have rebuilt the index: go on with its file."""
        if self._newest() != self.number:
            self._contents.close()
            self._open()

    @contextlib.contextmanager
    def _locked(self, seconds: float = PATIENCE) -> Iterator[None]:
        """The lock of those who make or delete whole index files. Raises VaultInUse."""
        try:
            with self._lock.acquire(timeout=seconds):
                yield
        except Timeout:
            raise VaultInUse(f"{self.folder}: the index is being rebuilt", "by another process", "wait for it to end") from None

    def _write(self, number: int) -> Contents:
        """A new index under a name that says it is not finished. Under the lock, as `_name`. Raises OutOfSpace."""
        file = files.unfinished(self.folder, number)
        files.discard(file)
        try:
            return Contents(file, files.key_for(self.key, number), create=True)
        except OutOfSpace:
            files.discard(file)
            raise OutOfSpace(
                f"{self.folder}: the disk is full",
                "there is no index, and no room to make one from what the vault holds",
                "free some space and run the command again",
            ) from None

    def _name(self, number: int) -> None:
        """Give a finished, closed index its name."""
        files.unfinished(self.folder, number).replace(files.path(self.folder, number))

    def _inherit(self) -> None:
        """Take the vectors of an index that was of another version, as far as it can be read, and delete it: they are the one thing
        here that takes hours to make again."""
        if len(files.numbers(self.folder)) < 2:
            return
        with self._locked():
            for number in files.numbers(self.folder):
                if number < self.number:
                    with contextlib.suppress(VaultError):
                        old = Contents(files.path(self.folder, number), files.key_for(self.key, number), any_version=True)
                        with contextlib.closing(old):
                            self._contents.take_vectors(old)
            files.discard_others(self.folder, self.number)

    # --- following truth ----------------------------------------------------------------------------------------------

    def sync(self, store: Store, stage: int | None = None, progress: Progress | None = None) -> Synced:
        self._follow_switch()
        if stage is not None:
            leave_room(files.path(self.folder, self.number), BATCH)
            new = [live.seq for live in store.staged(stage, self._contents.last_staged(stage))]
            return _add(self._contents, store, new, stage, progress)
        self.behind = 0
        try:
            try:
                synced = _sync(self._contents, store, progress)
                self._inherit()
            except (NotFound, Damaged):
                # What was indexed cannot be derived again, or the file is damaged: in doubt, remake it.
                synced = self.rebuild(store, progress)
        except OutOfSpace:
            if not self.lenient:
                raise
            synced = Synced()
            shown = self._contents.counts().keys() - self._contents.staged().keys()
            self.behind = len({live.seq for live in store.live()} - shown)
        return synced

    def held(self) -> list[int]:
        return list(self._contents.counts())

    def purge(self) -> bool:
        try:
            with self._locked(seconds=0):
                self._follow_switch()
                files.discard_others(self.folder, self.number)
                return self._contents.purge() and len(files.numbers(self.folder)) == 1
        except VaultInUse:
            return False

    def rebuild(self, store: Store, progress: Progress | None = None) -> Synced:
        with self._locked():
            self._follow_switch()
            number = self.number + 1
            try:
                with contextlib.closing(self._write(number)) as contents:
                    synced = _sync(contents, store, progress)
                    contents.take_vectors(self._contents)
                    contents.purge()
            except OutOfSpace:
                files.discard(files.unfinished(self.folder, number))
                raise
            self._contents.close()
            self._name(number)
            files.discard_others(self.folder, number)
            self._open()
        return synced

    # --- answering ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def reading(self) -> Iterator[Layout]:
        if self._contents.is_reading:  # within another
            yield self._current()
            return
        self._follow_switch()
        with self._contents.reading():
            yield self._current()

    def layout(self) -> Layout:
        with self.reading() as layout:
            return layout

    def _current(self) -> Layout:
        """The layout of the state that is being read."""
        shown = self._contents.number("changes")
        if self._layout is None or shown != self._shown:
            self._layout, self._shown, self._matrix = self._contents.layout(), shown, None
        return self._layout

    def words(self, query: str, limit: int, allowed: Allowed | None = None) -> Found:
        with self.reading() as layout:
            found = self.postings(terms(query), allowed)
        scores = found.scores.sum(axis=0)
        best = np.lexsort((found.positions, -scores))[: max(0, limit)]
        return Found(layout.units[found.positions[best]], scores[best])

    def postings(self, terms: Sequence[Term], allowed: Allowed | None = None) -> Postings:
        with self.reading() as layout:
            return postings.read(self._contents, layout, terms, layout.allowed(allowed))

    def telling(self, seqs: Iterable[int]) -> dict[int, list[Word]]:
        with self.reading():
            return threads.told(self._contents.db, seqs)

    def gists(self, seqs: Iterable[int]) -> dict[int, tuple[int, NDArray[np.float64]]]:
        with self.reading():
            return threads.gists_of(self._contents.db, seqs)

    def nearest(self, encoder: str, vector: NDArray[np.float32], limit: int, allowed: Allowed | None = None) -> Found:
        with self.reading() as layout:
            known = self._contents.encoder(encoder)
            if known is None or limit < 1:
                return NOTHING
            matrix = self._current_matrix(encoder, *known, layout)
            positions, cosines = vectors.nearest(self._contents, matrix, layout, vector, limit, layout.allowed(allowed))
        return Found(layout.units[positions], cosines)

    def closeness(self, encoder: str, vectors: NDArray[np.float32], positions: Integers) -> NDArray[np.float32]:
        with self.reading() as layout:
            known = self._contents.encoder(encoder)
            if known is None:
                return np.zeros((len(vectors), len(positions)), np.float32)
            return closeness(self._contents, self._current_matrix(encoder, *known, layout), vectors, positions)

    def _current_matrix(self, id: str, number: int, dimensions: int, layout: Layout) -> vectors.Matrix:
        embedded = self._contents.number("embedded")
        if self._matrix is None or (embedded, id) != (self._embedded, self._matrix_of):
            self._matrix = vectors.load(self._contents, number, layout, dimensions)
            self._embedded, self._matrix_of = embedded, id
        return self._matrix

    # --- embedding ----------------------------------------------------------------------------------------------------

    def pending(self, encoder: str) -> Pending:
        with self.reading():
            # Counted over all spans: kept as long as nothing changes.
            state = (encoder, self._contents.number("changes"), self._contents.number("embedded"))
            if state != self._counted:
                known = self._contents.encoder(encoder)
                self._counted, self._pending = state, Pending(*self._contents.pending(known[0] if known else 0))
        return self._pending

    def tell(self, store: Store, units: int | None = None) -> None:
        try:
            self._tell(store, units)
            self._contents.weave()
        except OutOfSpace:  # topics as they were when there was room
            if not self.lenient:
                raise

    def _tell(self, store: Store, units: int | None = None) -> None:
        self._follow_switch()
        told = 0
        for group in _batches(_runs(store, self._contents.untold(), [])):
            self._contents.tell(group)
            told += sum(len(run.units) for _, run in group)
            if units is not None and told >= units:
                break

    def embed(
        self,
        store: Store,
        encoder: Encoder,
        seconds: float | None = None,
        units: int | None = None,
        progress: Progress | None = None,
    ) -> Pending:
        self._tell(store)
        number = self._contents.add_encoder(encoder.id, encoder.dimensions)
        until = None if seconds is None else time.monotonic() + seconds
        done, total = 0, self._contents.pending(number)[0]
        for group in _grouped(_runs(store, self._contents.waiting(number), []), lambda run: len(run.units), EMBEDDED):
            self._contents.put_vectors(number, vectors.embed(encoder, group))
            done += sum(len(run.units) for _, run in group)
            if progress is not None:
                progress(done, total)
            if (until is not None and time.monotonic() >= until) or (units is not None and done >= units):
                break
        pending = Pending(*self._contents.pending(number))
        if not pending.waiting:
            self._contents.drop_other_vectors(number)
        self._contents.weave()
        return pending


# --- the difference between truth and a file --------------------------------------------------------------------------


def _sync(contents: Contents, store: Store, progress: Progress | None) -> Synced:
    """Bring a file to what is live. Raises NotFound, Damaged if the words of a pack that must go cannot be derived again."""
    version = store.version()  # before looking: what is committed meanwhile is for the next sync
    if contents.seen() == version:
        return Synced()
    live = {pack.seq for pack in store.live()}
    held, staged = contents.counts(), contents.staged()
    # A pack of a stage that is still open is live for that stage only: it stays, unseen.
    open_ = {pack.seq for stage in set(staged.values()) for pack in store.live(stage)}
    gone = sorted(held.keys() - live - open_)
    in_place = sum(held[seq] for seq in gone) * IN_PLACE <= sum(held.values())
    runs = ((seq, run_of(store.pack(seq))) for seq in gone)
    groups = _grouped(runs, lambda run: len(run.units), ERASED) if in_place else _batches(runs)
    removed = sum(contents.remove(group, in_place=in_place) for group in groups)
    if shown := [seq for seq in staged if seq in live]:
        contents.show(shown)
    synced = _add(contents, store, sorted(live - held.keys()), None, progress)
    contents.mark_seen(version)
    synced = Synced(removed=removed).plus(synced)
    # Another process may have committed, synced and gone while this one added what was live before: it has to go again.
    return synced if store.version() == version else synced.plus(_sync(contents, store, progress))


def _add(contents: Contents, store: Store, seqs: list[int], stage: int | None, progress: Progress | None) -> Synced:
    unread: list[int] = []
    added = cut = done = 0
    for group in _batches(_runs(store, seqs, unread)):
        added += contents.add(group, stage)
        cut += sum(run.cut for _, run in group)
        done += len(group)
        if progress is not None:
            progress(done, len(seqs))
    return Synced(added=added, cut=cut, unread=tuple(unread))


def _runs(store: Store, seqs: Iterable[int], unread: list[int]) -> Iterator[tuple[int, Run]]:
    """The runs of packs; those that are damaged, or gone since they were listed, are noted in `unread`."""
    for seq in seqs:
        try:
            record = store.pack(seq)
        except (NotFound, Damaged):
            unread.append(seq)
            continue
        yield seq, run_of(record)


def _batches(runs: Iterable[tuple[int, Run]]) -> Iterator[list[tuple[int, Run]]]:
    return _grouped(runs, lambda run: sum(len(unit.text) for unit in run.units), BATCH)


def _grouped(runs: Iterable[tuple[int, Run]], size: Callable[[Run], int], full: int) -> Iterator[list[tuple[int, Run]]]:
    """Runs in groups of at least `full`, but for the last."""
    group: list[tuple[int, Run]] = []
    total = 0
    for seq, run in runs:
        group.append((seq, run))
        total += size(run)
        if total >= full:
            yield group
            group, total = [], 0
    if group:
        yield group
