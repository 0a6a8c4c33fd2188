"""The Store port: what truth must be able to do, whatever keeps it. Every implementation passes tests/vault/contract.py.

Records are kept as **packs**: one pack holds one conversation with all its messages, one memory or one topic, numbered by a
`seq` that only grows and is never used twice. Of the packs with one id the newest committed one is *live*. An intake writes
its packs in a **stage**, invisible until one last short commit; a stage whose writer died is swept at the next open.

The index follows by set difference: it compares the live `seq`s with those it holds (`index`), so there is no order of events
it can miss. Packs that are no longer live stay readable by `seq` until the index has let go of them (`sweep`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol, TypeAlias

from souviens.records import Conversation, Counts, Json, Memory, Problem, Record, Topic, Treatment, Withheld

Kind: TypeAlias = Literal["conversation", "memory", "topic"]
Packed: TypeAlias = Conversation | Memory | Topic


def kind_of(record: Packed) -> Kind:
    """What a record is called where records are kept together."""
    return "conversation" if isinstance(record, Conversation) else "memory" if isinstance(record, Memory) else "topic"


class Live(NamedTuple):
    """A live pack: its number, what it holds, and the id of that record."""

    seq: int
    kind: Kind
    id: str


class Ready(NamedTuple):
    """Slices and packs compressed by `make_ready`, so that a writer holds the vault only while it writes them.

    slices: (hash, bytes, compressed or None if it was here). packs: (kind, id, seq it was merged from or 0, compressed, digest).
    """

    slices: list[tuple[str, bytes, bytes | None]]
    packs: list[tuple[Kind, str, int, bytes, bytes]]

    @property
    def bytes(self) -> int:
        """How many are to be written."""
        return sum(len(data or b"") for *_, data in self.slices) + sum(len(data) for *_, data, _ in self.packs)


class Tally(Record, frozen=True):
    """What a stage really holds, counted from what reading it back returns.

    damaged: seqs of packs whose bytes are not what was written.
    """

    packs: int
    messages: int
    damaged: tuple[int, ...] = ()


class Member(Record, frozen=True):
    """One file of a source. sha256: of its bytes; "" once part of it was erased. blob: set when it is kept whole."""

    name: str
    treatment: Treatment
    size: int
    sha256: str = ""
    directory: Json = None
    blob: str | None = None


class SourceHeader(Record, frozen=True):
    """A source as received. path: as given by the user. sha256, bytes: of the container. received: RFC 3339 UTC.

    reader: version of the format's reader that made its records. problems, withheld, unknown, attachments (found, missing),
    read: what its receipt said.
    """

    id: str
    path: str
    kind: str
    format: str
    shape: str
    sha256: str
    bytes: int
    received: str
    reader: int
    directory: Json = None
    problems: tuple[Problem, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    unknown: dict[str, int] = {}
    attachments: tuple[int, int] = (0, 0)
    read: Counts = Counts()


class Segment(NamedTuple):
    """A run of a member's bytes, in order: a slice (by hash), literal glue, or a hole (withheld or erased)."""

    slice: str | None
    kind: str
    where: str
    glue: bytes | None
    hole: int | None


class Hole(Record, frozen=True):
    """Bytes that are gone: offset in the slice, length, and a salted commitment to what stood there (the salt is gone too)."""

    offset: int
    length: int
    commitment: str


class Tombstone(NamedTuple):
    """An erasure (or its reversal) without content. The higher generation wins, whichever vault it came from.

    kind: conversation, message, memory, topic or source. parent: of a message, its conversation's id.
    """

    kind: str
    id: str
    parent: str
    generation: int
    erased: bool
    at: str


class Journal(Record, frozen=True):
    """An operation done: what `undo` needs to know of it, and what the audit chain says of it (no content in either)."""

    verb: str
    at: str
    subject: str = ""
    counts: dict[str, int] = {}
    record: dict[str, Json] = {}


class Store(Protocol):
    """Truth. All times are RFC 3339 UTC strings given by the caller: a store has no clock.

    Reading: any number of readers beside the writer. Writing: short transactions, from any process; whoever writes inside
    `transaction` sees all of it stored or none. `EmbeddedStore` says what each method promises and raises.
    """

    # reading
    def version(self) -> int: ...
    def live(self, stage: int | None = None) -> list[Live]: ...
    def staged(self, stage: int, after: int) -> list[Live]: ...
    def get(self, kind: Kind, id: str, stage: int | None = None) -> tuple[int, Packed] | None: ...
    def pack(self, seq: int) -> Packed: ...
    def packed(self, seq: int) -> tuple[Kind, str, bytes]: ...
    def find(self, prefix: str) -> list[tuple[Kind, str]]: ...
    def sources(self) -> list[SourceHeader]: ...
    def source(self, id: str) -> SourceHeader | None: ...
    def members(self, source: str) -> list[Member]: ...
    def numbered_members(self, source: str) -> list[tuple[int, Member]]: ...
    def numbered_members_of(self, number: int) -> list[tuple[int, Member]]: ...
    def hollow_member(self, number: int, member: Member) -> None: ...
    def segments(self, member: int) -> Iterator[Segment]: ...
    def slice(self, hash: str) -> tuple[bytes, tuple[Hole, ...]]: ...
    def blob(self, hash: str) -> Iterator[bytes]: ...
    def origins(self, source: str) -> list[tuple[Kind, str]]: ...
    def tombstones(self) -> dict[tuple[str, str], Tombstone]: ...
    def journal(self) -> list[tuple[int, str, str, dict[str, Json]]]: ...

    # writing
    def make_ready(self, slices: Iterable[tuple[str, bytes]], packs: Iterable[tuple[Kind, Packed, int]]) -> Ready: ...
    def transaction(self) -> AbstractContextManager[None]: ...
    def begin(self, at: str) -> int: ...
    def put_source(self, stage: int, header: SourceHeader) -> int: ...
    def put_member(self, source: int, ordinal: int, member: Member) -> int: ...
    def put_segments(
        self, member: int, first: int, segments: Iterable[Segment], commitments: dict[int, str] | None = None
    ) -> None: ...
    def put_slices(self, slices: Iterable[tuple[str, bytes]]) -> None: ...
    def put_ready(self, stage: int, ready: Ready) -> list[int]: ...
    def put_holed_slice(self, data: bytes, spans: list[tuple[int, int]]) -> str: ...
    def put_slice_as(self, id: str, data: bytes, holes: tuple[Hole, ...]) -> None: ...
    def audit(self) -> tuple[int, list[int]]: ...
    def flaws(self) -> list[str]: ...
    def put_blob(self, chunks: Iterable[bytes]) -> tuple[str, int]: ...
    def put_packs(self, stage: int, packs: Iterable[tuple[Kind, Packed, int]]) -> list[int]: ...
    def put_origins(self, source: int, records: Iterable[tuple[Kind, str]]) -> None: ...
    def tally(self, stage: int) -> Tally: ...
    def conflicts(self, stage: int) -> list[tuple[Kind, str, int]]: ...
    def commit(self, stage: int, journal: Journal) -> bool: ...
    def discard(self, stage: int) -> None: ...
    def doom(self, seqs: Iterable[int]) -> None: ...
    def update_source(self, number: int, header: SourceHeader) -> None: ...
    def update_member(self, number: int, member: Member) -> None: ...
    def replace(self, changes: dict[int, Packed | None]) -> None: ...
    def write_journal(self, journal: Journal, *, pending: bool = False) -> None: ...
    def pending_journal(self) -> list[tuple[int, dict[str, Json]]]: ...
    def settle_journal(self, number: int, state: str = "done") -> None: ...
    def place(self, source: str, slice: str) -> tuple[str, str, str]: ...
    def hollow_slice(self, slice: str) -> None: ...
    def replace_slice(self, old: str, new: str) -> None: ...
    def rename_member(self, number: int, name: str) -> None: ...
    def replace_blob(self, number: int, member: Member, blob: str) -> None: ...
    def members_with_blob(self, blob: str) -> list[tuple[int, Member]]: ...
    def drop_source(self, id: str) -> None: ...
    def drop_unreferenced(self) -> bool: ...
    def put_tombstone(self, stone: Tombstone) -> None: ...
    def mark_changed(self) -> None: ...
    def busy(self) -> bool: ...
    def slices(self) -> list[str]: ...
    def blobs(self) -> list[tuple[str, int]]: ...
    def sweep(self, held: Iterable[int]) -> int: ...
    def compact(self) -> None: ...
    def purge(self) -> bool: ...
