"""Where each unit stands: arrays over all units, in the order of (seq, place in the pack). A snapshot; it never changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from souviens.index.traits import RULE
from souviens.records import ROLES
from souviens.vault.store import Kind

_USER = ROLES.index("user")
UNKNOWN = -(1 << 63)  # a time nobody gave
Integers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
# (kind, provider, project, sensitivity) -> may it be seen? `grants.Scope.allows` is one.
Allowed: TypeAlias = Callable[[str, str, str | None, int | None], bool]


class Place(NamedTuple):
    """A unit in its record. ordinal 0: the header of a conversation or topic, or the memory; n: its n-th message or document."""

    kind: Kind
    id: str
    ordinal: int


class Span(NamedTuple):
    """A run of units as the index keeps it. first: its first unit. roles, traits: a byte a unit; times: int64 microseconds a unit;
    lengths: uint32 bytes of words a unit.

    names: of its persons, a line each; who: a byte a unit, which of them spoke from 1, or empty if none has a name. episodes:
    ordinals at which one begins after the first, uint32. parent, thread: seqs, see `forest`; None before it is grown.
    """

    first: int
    seq: int
    kind: Kind
    id: str
    provider: str
    project: str | None
    sensitivity: int | None
    created: int | None
    updated: int | None
    roles: bytes
    times: bytes
    traits: bytes
    lengths: bytes
    names: str
    who: bytes
    episodes: bytes = b""
    parent: int | None = None
    strength: float | None = None
    thread: int | None = None


class Layout:
    """All units by *position*, 0 to size - 1, and all spans by row, both in the order of seq.

    units: the unit at each position. span: the row of its span. roles, times, traits: as in `text.Unit`, `UNKNOWN` for no time.
    lengths: bytes of its words, 0 where none are indexed; texts, mean_length: how many have some, and how many bytes on average.
    names: of all persons who have one; speakers: which of them spoke at each position, -1 for nobody with a name.
    seqs, firsts, counts, created, updated: of each span; kinds, ids, providers, projects, sensitivities likewise.
    threads, parents, strengths: of each span, the row of the root of its topic (itself if it stands alone, -1 if it is no
    conversation), the row of the conversation it continues (-1 if none), and how alike the two are. episodes: of each unit, the
    number of its episode within its span.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        """spans: in the order of seq."""
        self.seqs = np.array([span.seq for span in spans], np.int64)
        self.firsts = np.array([span.first for span in spans], np.int64)
        self.counts = np.array([len(span.roles) for span in spans], np.int64)
        self.kinds: list[Kind] = [span.kind for span in spans]
        self.ids = [span.id for span in spans]
        self.providers = [span.provider for span in spans]
        self.projects = [span.project for span in spans]
        self.sensitivities = [span.sensitivity for span in spans]
        self.created = np.array([UNKNOWN if span.created is None else span.created for span in spans], np.int64)
        self.updated = np.array([UNKNOWN if span.updated is None else span.updated for span in spans], np.int64)
        self.roles = np.frombuffer(b"".join(span.roles for span in spans), np.uint8)
        self.times: Integers = np.frombuffer(b"".join(span.times for span in spans), "<i8")
        self.traits = np.frombuffer(b"".join(span.traits for span in spans), np.uint8)
        self.lengths = np.frombuffer(b"".join(span.lengths for span in spans), "<u4")
        self.texts = int(np.count_nonzero(self.lengths))
        self.mean_length = float(self.lengths.sum() / max(self.texts, 1))
        self.size = len(self.roles)
        self.offsets: Integers = np.concatenate(([0], np.cumsum(self.counts)))[:-1].astype(np.int64)
        self.span = np.repeat(np.arange(len(spans)), self.counts)
        self.units: Integers = np.arange(self.size) + (self.firsts - self.offsets)[self.span]
        self.names, self.speakers = self._speakers(spans)
        self.parents = self._of_seqs([span.parent for span in spans])
        self.strengths = np.array([span.strength or 0.0 for span in spans])
        threads = self._of_seqs([span.thread for span in spans])
        alone = np.array([span.kind == "conversation" for span in spans], np.bool_) & (threads < 0)
        self.threads: Integers = np.where(alone, np.arange(len(spans)), threads)
        self.episodes = self._episodes([span.episodes for span in spans])
        self._rows = {(span.kind, span.id): row for row, span in enumerate(spans)}
        self._by_first = np.argsort(self.firsts)
        self._sorted_firsts = self.firsts[self._by_first]
        # Spans share few different keys: a filter is asked once for each.
        keys: dict[tuple[str, str, str | None, int | None], int] = {}
        codes = [keys.setdefault((s.kind, s.provider, s.project, s.sensitivity), len(keys)) for s in spans]
        self._keys, self._codes = list(keys), np.array(codes, np.int64)

    def _speakers(self, spans: Sequence[Span]) -> tuple[list[str], NDArray[np.int32]]:
        numbers: dict[str, int] = {}
        speakers = np.full(self.size, -1, np.int32)
        for span, start in zip(spans, self.offsets, strict=True):
            if span.who:
                mine = np.array([-1, *(numbers.setdefault(name, len(numbers)) for name in span.names.split("\n"))], np.int32)
                speakers[start : start + len(span.who)] = mine[np.frombuffer(span.who, np.uint8)]
        return list(numbers), speakers

    @cached_property
    def openings(self) -> Integers:
        """The position of the first turn of a person in each span, (spans,); -1 where there is none with words."""
        turns = np.flatnonzero(self.roles == _USER)
        spans, first = np.unique(self.span[turns], return_index=True)
        openings = np.full(len(self.seqs), -1, np.int64)
        openings[spans] = turns[first]
        return openings

    @cached_property
    def rules(self) -> Integers:
        """The positions of standing instructions, as far as their words tell, the newest first."""
        rules = np.flatnonzero(self.traits & RULE)
        return rules[np.argsort(-self.times[rules], kind="stable")]

    @cached_property
    def reach(self) -> tuple[int, int] | None:
        """The first and the last moment of its times; None if none is known."""
        return _reach(self.times)

    def reach_of(self, rows: Sequence[int]) -> tuple[int, int] | None:
        """The same of some spans."""
        parts = [self.times[self.offsets[row] : self.offsets[row] + self.counts[row]] for row in rows]
        return _reach(np.concatenate(parts)) if parts else None

    @cached_property
    def years(self) -> range:
        """The years its times are of; none if no time is known."""
        if self.reach is None:
            return range(0)
        years = np.array(self.reach).astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
        return range(int(years[0]), int(years[1]) + 1)

    def _of_seqs(self, seqs: Sequence[int | None]) -> Integers:
        """The rows of seqs, -1 for None and for what is not here."""
        wanted = np.array([seq or 0 for seq in seqs], np.int64)
        rows = np.minimum(np.searchsorted(self.seqs, wanted), max(len(self.seqs) - 1, 0))
        return np.where(self.seqs[rows] == wanted, rows, -1) if len(self.seqs) else wanted

    def _episodes(self, starts: Sequence[bytes]) -> NDArray[np.int32]:
        ordinals = np.frombuffer(b"".join(starts), "<u4").astype(np.int64)
        rows = np.repeat(np.arange(len(starts)), [len(some) // 4 for some in starts])
        begins = np.zeros(self.size, np.int32)
        begins[self.offsets[rows] + ordinals] = 1
        numbers = np.cumsum(begins, dtype=np.int32)
        # The first unit of a span begins no episode, so what was counted before it is what to take off.
        return numbers - numbers[self.offsets[self.span]] if self.size else numbers

    def positions(self, units: Sequence[int] | Integers) -> Integers:
        """The position of each unit, -1 for one that is not (or no longer) here."""
        wanted = np.asarray(units, np.int64)
        if not len(self.seqs):
            return np.full(len(wanted), -1, np.int64)
        found = np.searchsorted(self._sorted_firsts, wanted, "right") - 1
        rows = self._by_first[np.maximum(found, 0)]
        ordinals = wanted - self.firsts[rows]
        inside = (found >= 0) & (ordinals < self.counts[rows])
        return np.where(inside, self.offsets[rows] + ordinals, -1)

    def row(self, kind: Kind, id: str) -> int | None:
        """The row of a record's span."""
        return self._rows.get((kind, id))

    def place(self, unit: int) -> Place | None:
        position = int(self.positions([unit])[0])
        if position < 0:
            return None
        row = int(self.span[position])
        return Place(self.kinds[row], self.ids[row], position - int(self.offsets[row]))

    def header(self, unit: int) -> int:
        """The first unit of the run a unit stands in. Raises KeyError if it is not here."""
        return int(self.firsts[self._row_of(unit)])

    def neighbours(self, unit: int, n: int) -> list[int]:
        """The units up to `n` before and after one, in order, of the same run; a header is nobody's neighbour. Raises KeyError."""
        row = self._row_of(unit)
        first, count = int(self.firsts[row]), int(self.counts[row])
        return [other for other in range(max(first + 1, unit - n), min(first + count, unit + n + 1)) if other != unit]

    def _row_of(self, unit: int) -> int:
        position = int(self.positions([unit])[0])
        if position < 0:
            raise KeyError(unit)
        return int(self.span[position])

    def allowed(self, allowed: Allowed | None) -> Mask | None:
        """Which spans may be seen: (spans,); None for all of them."""
        if allowed is None:
            return None
        return np.array([allowed(*key) for key in self._keys], np.bool_)[self._codes]


def _reach(times: Integers) -> tuple[int, int] | None:
    known = times[times != UNKNOWN]
    return (int(known.min()), int(known.max())) if len(known) else None
