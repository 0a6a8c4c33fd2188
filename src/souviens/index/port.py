"""The Index port: what the derived side must be able to do, whatever keeps it. Every implementation passes tests/index/contract.py.

What is found are **units**: a conversation's header (its title), each of its messages, a memory, a topic and its documents.
The units of one pack stand in one run, in the order of the record; a unit's number stays its own as long as its pack is in
the index, and is never given to another. Where a unit stands, who spoke and when is in the `Layout`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from souviens.encode import Encoder
from souviens.index.layout import Allowed, Integers, Layout
from souviens.index.telling import Word
from souviens.index.words import Term
from souviens.records import Record
from souviens.vault.store import Store

Progress: TypeAlias = Callable[[int, int], None]  # (done, in all)


class Found(NamedTuple):
    """Units and how strongly each answers, best first. units: int64 (n,). scores: BM25 above zero from `words`, cosine from
    `nearest`, float64 (n,)."""

    units: Integers
    scores: NDArray[np.float64]

    def best(self, n: int) -> Found:
        return Found(self.units[:n], self.scores[:n])


NOTHING = Found(np.empty(0, np.int64), np.empty(0))


class Postings(NamedTuple):
    """What each term of a question gives each unit that holds one. positions: in the layout, ascending, int64 (n,).
    scores: BM25 of each term, float64 (terms, n), 0 where it is not. rarity: what one term can give at most, float64 (terms,).
    """

    terms: tuple[Term, ...]
    positions: Integers
    scores: NDArray[np.float64]
    rarity: NDArray[np.float64]


class Synced(Record, frozen=True):
    """What a sync did, in packs. cut: texts over 1 MB, indexed in part. unread: seqs of packs that could not be read."""

    added: int = 0
    removed: int = 0
    cut: int = 0
    unread: tuple[int, ...] = ()

    def plus(self, other: Synced) -> Synced:
        return Synced(self.added + other.added, self.removed + other.removed, self.cut + other.cut, self.unread + other.unread)


class Pending(NamedTuple):
    """Units that wait for their vectors, and units that have been embedded."""

    waiting: int
    done: int


class Index(Protocol):
    """The derived side of a vault. An instance belongs to one thread; any number may be open at once, in any process.

    Answers are functions of what is live in truth and of nothing else: ties are broken by (seq, place in the pack).
    behind: how many live records a lenient index lacks since its last `sync`, because the disk is full.
    """

    behind: int

    def sync(self, store: Store, stage: int | None = None, progress: Progress | None = None) -> Synced:
        """Follow truth. With a stage: only add what that stage holds, unseen by questions until a sync after its commit."""

    def held(self) -> list[int]:
        """The seqs this index still needs to be readable, for `store.sweep`."""

    def purge(self) -> bool:
        """Leave no byte of what was removed in any file. False: someone reads or rebuilds, ask again."""

    def rebuild(self, store: Store, progress: Progress | None = None) -> Synced:
        """Make the index again beside the old one, and switch. Vectors are taken over, by pack."""

    def reading(self) -> AbstractContextManager[Layout]:
        """One state of the index for several questions, whoever writes meanwhile: its layout, which their positions are of."""

    def layout(self) -> Layout:
        """Where each unit stands, as of now."""

    def words(self, query: str, limit: int, allowed: Allowed | None = None) -> Found:
        """Units that hold words of a question, best first. "Quoted words" are looked for side by side."""

    def postings(self, terms: Sequence[Term], allowed: Allowed | None = None) -> Postings:
        """The same, term by term, of every unit: of a large index the rarest terms only, which `Postings.terms` then are."""

    def tell(self, store: Store, units: int | None = None) -> None:
        """Read what conversations are about, and let topics grow from it: a sync leaves both for when somebody asks. `embed` does
        both too. Until then a conversation stands alone in the layout, or where it stood. units: read about so many now."""

    def telling(self, seqs: Iterable[int]) -> dict[int, list[Word]]:
        """The words and pairs of words that tell what conversations are about, by seq."""

    def gists(self, seqs: Iterable[int]) -> dict[int, tuple[int, NDArray[np.float64]]]:
        """What conversations are about, by seq: (kind, unit vector). Vectors of two kinds do not compare."""

    def nearest(self, encoder: str, vector: NDArray[np.float32], limit: int, allowed: Allowed | None = None) -> Found:
        """Units closest in meaning to a unit vector (d,) made by the encoder of that id, best first."""

    def closeness(self, encoder: str, vectors: NDArray[np.float32], positions: Integers) -> NDArray[np.float32]:
        """Cosine of some units with several unit vectors (v, d): float32 (v, n), of a unit's nearest piece; 0 where it has none."""

    def embed(
        self,
        store: Store,
        encoder: Encoder,
        seconds: float | None = None,
        units: int | None = None,
        progress: Progress | None = None,
    ) -> Pending:
        """Give vectors to units that have none, the most recent conversations first, until done or a budget is spent."""

    def pending(self, encoder: str) -> Pending:
        """How far embedding with the encoder of that id has come."""

    def close(self) -> None: ...

    def __enter__(self) -> Index: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def lag(index: Index) -> str:
    """What a full disk keeps from being found, in a sentence; empty if nothing."""
    if not index.behind:
        return ""
    return f"the disk is full: {index.behind:,} records cannot be found until there is room; free some space, then ask again"
