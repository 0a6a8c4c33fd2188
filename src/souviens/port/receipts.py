"""What each journey did, computed from what was stored: the documents behind `--json`. Fields may be added, not renamed."""

from __future__ import annotations

from souviens.formats import Loss
from souviens.records import Counts, Problem, Record, Withheld


class Attachments(Record, frozen=True, omit_defaults=False):
    found: int = 0
    missing: int = 0


class SourceReceipt(Record, frozen=True, omit_defaults=False):
    """One source taken in. For each kind: read = new + changed + unchanged + refused of that kind.

    known: this very source was taken in before, and nothing was done.
    """

    id: str
    path: str
    format: str
    shape: str
    sha256: str
    bytes: int
    read: Counts = Counts()
    new: Counts = Counts()
    changed: Counts = Counts()
    unchanged: Counts = Counts()
    refused: tuple[Problem, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    attachments: Attachments = Attachments()
    unknown_fields: dict[str, int] = {}
    seconds: float = 0.0
    known: bool = False
    indexed: bool = True
    cut_texts: int = 0


class ReturnedMember(Record, frozen=True, omit_defaults=False):
    """A file given back. sha256: of what was written; identical: to what was received."""

    name: str
    sha256: str
    identical: bool


class Returned(Record, frozen=True, omit_defaults=False):
    """An original given back. identical: every member is, byte for byte. container_identical: the zip itself is, too."""

    path: str
    sha256: str
    identical: bool
    container_identical: bool
    withheld: tuple[Withheld, ...]
    members: tuple[ReturnedMember, ...]


class Moved(Record, frozen=True, omit_defaults=False):
    """What a move wrote. written: paths, empty in a dry run. carried: by kind. lost: what has no home in the target."""

    target: str
    written: tuple[str, ...]
    carried: dict[str, int]
    lost: tuple[Loss, ...]


class Verified(Record, frozen=True, omit_defaults=False):
    """What `verify` re-derived. problems: one sentence each, naming the place; ok only if there is none."""

    ok: bool
    sources: int
    slices: int
    records: int
    problems: tuple[str, ...]
    blobs: int = 0
    audit: int = 0


class Erased(Record, frozen=True, omit_defaults=False):
    """What `erase` removed. pending: bytes may still lie in the vault's files because a reader held a log back, or the
    disk was full."""

    ids: tuple[str, ...]
    conversations: int = 0
    messages: int = 0
    memories: int = 0
    topics: int = 0
    sources: int = 0
    pending: bool = False


class Rebuilt(Record, frozen=True, omit_defaults=False):
    """What `rebuild` made again."""

    records: int
    indexed: int
    waiting: int
    seconds: float


class Undone(Record, frozen=True, omit_defaults=False):
    """The operation that was taken back."""

    verb: str
    at: str
    what: str
    pending: bool = False
