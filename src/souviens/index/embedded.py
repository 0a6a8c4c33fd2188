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
from souviens.errors import Damaged, NotFound, VaultError, VaultInUse
from souviens.index import files, schema, threads, vectors
from souviens.index.contents import IN_PLACE, Contents
from souviens.index.layout import Allowed, Integers, Layout, Mask
from souviens.index.port import Hit, Pending, Postings, Progress, Synced
from souviens.index.telling import Word
from souviens.index.text import Run, run_of
from souviens.index.vectors import closeness
from souviens.index.words import Term, terms
from souviens.vault.store import Store

BATCH = 4 << 20  # characters of text in one transaction: some 200 ms
# What a question costs is the number of postings it reads, and its commonest words bring the most and tell the least: the rarest
# are kept as far as POSTINGS go (107,000 units, ten words: 169 ms with all, 10 to 20 with the rarest). Below SMALL units every
# word is cheap. FEWEST stay whatever they cost.
POSTINGS, SMALL, FEWEST = 6_000, 5_000, 2
COUNTED = 4_000  # beyond so many in the sample, how common a word is does not matter
ENOUGH = 2_000  # units that make a sample
PATIENCE = 600.0  # seconds to wait for another process that rebuilds the index
ERASED = 50  # units erased in place in one transaction: some 250 ms
EMBEDDED = 128  # units whose vectors are written in one transaction


class EmbeddedIndex:
    """The index in `folder`, see `port.Index`. Raises Damaged from a question if the file was damaged since it was opened."""

    def __init__(self, folder: Path, key: bytes | None) -> None:
        self.folder, self.key = folder, key
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
        """Open the newest index; if there is none, or it cannot be read, put an empty one in its place."""
        while True:
            number = self._newest()
            with contextlib.suppress(VaultError):
                if number:
                    return self._use(number, Contents(files.path(self.folder, number), files.key_for(self.key, number)))
            with self._locked():
                # Unless another process has put one there meanwhile.
                if self._newest() == number:
                    self._write(number + 1).close()
                    self._switch(number + 1)

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
        """A new index under a name that says it is not finished. Under the lock, as `_switch`."""
        file = files.unfinished(self.folder, number)
        files.discard(file)
        return Contents(file, files.key_for(self.key, number), create=True)

    def _switch(self, number: int) -> None:
        """Give a finished, closed index its name and delete all others."""
        files.unfinished(self.folder, number).replace(files.path(self.folder, number))
        files.discard_others(self.folder, number)

    # --- following truth ----------------------------------------------------------------------------------------------

    def sync(self, store: Store, stage: int | None = None, progress: Progress | None = None) -> Synced:
        self._follow_switch()
        if stage is not None:
            new = [live.seq for live in store.staged(stage, self._contents.last_staged(stage))]
            return _add(self._contents, store, new, stage, progress)
        try:
            synced = _sync(self._contents, store, progress)
            self._contents.weave()
        except (NotFound, Damaged):
            # What was indexed cannot be derived again, or the file is damaged: in doubt, remake it.
            synced = self.rebuild(store, progress)
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
            with contextlib.closing(self._write(number)) as contents:
                synced = _sync(contents, store, progress)
                contents.take_vectors(self._contents)
                contents.weave()
                contents.purge()
            self._contents.close()
            self._switch(number)
            self._open()
        return synced

    # --- answering ----------------------------------------------------------------------------------------------------

    def layout(self) -> Layout:
        self._follow_switch()
        with self._contents.reading():
            return self._current()

    def _current(self) -> Layout:
        """The layout of the state that is being read."""
        shown = self._contents.number("changes")
        if self._layout is None or shown != self._shown:
            self._layout, self._shown, self._matrix = self._contents.layout(), shown, None
        return self._layout

    def words(self, query: str, limit: int, allowed: Allowed | None = None) -> list[Hit]:
        found = self.postings(terms(query), allowed)
        scores = found.scores.sum(axis=0)
        best = np.lexsort((found.positions, -scores))[: max(0, limit)]
        units = self._current().units[found.positions[best]]
        return [Hit(int(unit), float(score)) for unit, score in zip(units, scores[best], strict=True)]

    def postings(self, terms: Sequence[Term], allowed: Allowed | None = None) -> Postings:
        self._follow_switch()
        with self._contents.reading():
            layout = self._current()
            visible = layout.allowed(allowed)
            kept = tuple(self._telling(list(terms), layout))
            rows = [self._held_by(term, layout, visible) for term in kept]
        positions = np.unique(np.concatenate([places for places, _ in rows])) if rows else np.empty(0, np.int64)
        scores = np.zeros((len(rows), len(positions)))
        for row, (places, values) in zip(scores, rows, strict=True):
            row[np.searchsorted(positions, places)] = values
        return Postings(kept, positions, scores, scores.max(axis=1, initial=0.0))

    def _held_by(self, term: Term, layout: Layout, visible: Mask) -> tuple[Integers, NDArray[np.float64]]:
        """(positions, BM25) of the units that hold a term; of a unit that holds several of its forms, the best.

        Every match comes out and is ranked later: the scope has to be applied before the best are taken, and equals put in an
        order that a rebuild keeps. As fast as SQLite's own ORDER BY rank (measured).
        """
        found = [self._contents.matches(expression) for expression in term.expressions]
        units, scores = (np.concatenate(column) for column in zip(*found, strict=True))
        positions = layout.positions(units)
        seen = positions >= 0
        seen[seen] = visible[layout.span[positions[seen]]]
        positions, scores = positions[seen], scores[seen]
        if len(found) == 1:
            return positions, scores
        unique, inverse = np.unique(positions, return_inverse=True)
        best = np.zeros(len(unique))
        np.maximum.at(best, inverse, scores)
        return unique, best

    def _telling(self, wanted: list[Term], layout: Layout) -> list[Term]:
        """The rarest terms, as many as `POSTINGS` allow; the `FEWEST` rarest and what was quoted always stay."""
        if layout.size < SMALL:
            return wanted
        sample = int(layout.counts[layout.firsts < schema.SAMPLE_END].sum())
        size, end = (sample, schema.SAMPLE_END) if sample >= ENOUGH else (layout.size, 1 << 62)
        left = int(POSTINGS * size / layout.size)  # postings of the sample
        kept: set[Term] = set()
        for count, _, term in sorted((self._count(term, end, max(left, COUNTED) + 1), n, term) for n, term in enumerate(wanted)):
            if term.quoted or len(kept) < FEWEST or count <= left:
                kept.add(term)
                left -= count
        return [term for term in wanted if term in kept]

    def _count(self, term: Term, end: int, most: int) -> int:
        """Units below `end` that hold a term, counted up to `most`."""
        rows = self._contents.db.execute(
            "SELECT 1 FROM words WHERE words MATCH ? AND rowid < ? LIMIT ?", (term.expression, end, most)
        )
        return len(rows.fetchall())

    def telling(self, seqs: Iterable[int]) -> dict[int, list[Word]]:
        self._follow_switch()
        with self._contents.reading():
            return threads.told(self._contents.db, seqs)

    def gists(self, seqs: Iterable[int]) -> dict[int, tuple[int, NDArray[np.float64]]]:
        self._follow_switch()
        with self._contents.reading():
            return threads.gists_of(self._contents.db, seqs)

    def nearest(self, encoder: str, vector: NDArray[np.float32], limit: int, allowed: Allowed | None = None) -> list[Hit]:
        self._follow_switch()
        with self._contents.reading():
            known = self._contents.encoder(encoder)
            if known is None or limit < 1:
                return []
            layout = self._current()
            matrix = self._current_matrix(encoder, *known, layout)
            found = vectors.nearest(self._contents, matrix, layout, vector, limit, layout.allowed(allowed))
        return [Hit(int(layout.units[position]), score) for position, score in found]

    def closeness(self, encoder: str, vectors: NDArray[np.float32], positions: Integers) -> NDArray[np.float32]:
        self._follow_switch()
        with self._contents.reading():
            known = self._contents.encoder(encoder)
            if known is None:
                return np.zeros((len(vectors), len(positions)), np.float32)
            matrix = self._current_matrix(encoder, *known, self._current())
            return closeness(self._contents, matrix, vectors, positions)

    def _current_matrix(self, id: str, number: int, dimensions: int, layout: Layout) -> vectors.Matrix:
        embedded = self._contents.number("embedded")
        if self._matrix is None or (embedded, id) != (self._embedded, self._matrix_of):
            self._matrix = vectors.load(self._contents, number, layout, dimensions)
            self._embedded, self._matrix_of = embedded, id
        return self._matrix

    # --- embedding ----------------------------------------------------------------------------------------------------

    def pending(self, encoder: str) -> Pending:
        self._follow_switch()
        with self._contents.reading():
            # Counted over all spans: kept as long as nothing changes.
            state = (encoder, self._contents.number("changes"), self._contents.number("embedded"))
            if state != self._counted:
                known = self._contents.encoder(encoder)
                self._counted, self._pending = state, Pending(*self._contents.pending(known[0] if known else 0))
        return self._pending

    def tell(self, store: Store) -> None:
        self._follow_switch()
        if untold := self._contents.untold():
            for group in _batches(_runs(store, untold, [])):
                self._contents.tell(group)
            self._contents.weave()

    def embed(
        self,
        store: Store,
        encoder: Encoder,
        seconds: float | None = None,
        units: int | None = None,
        progress: Progress | None = None,
    ) -> Pending:
        self.tell(store)
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
