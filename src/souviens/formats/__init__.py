"""Provider formats: one module each, and this folder is the registry.

A format is a module (or package) here whose name does not begin with an underscore. It has

    NAME: str                      "chatgpt"; the provider key that records carry
    TITLE: str                     "ChatGPT export"
    READER: int                    raised whenever `read` changes what it makes of a slice: `rebuild --records` replays it

and, to be readable,

    identify(delivery) -> str | None                    its shape id ("v1", "sharded", "slim") if the delivery is this format
    plan(delivery) -> dict[entry name, Treatment]        what to do with each file; entries it does not name are kept as blobs, and
                                                         named on the receipt if they look like conversations
    sidecars(delivery) -> Sidecars                       what the side files say, read once before any slice (any object)
    cut(entry) -> Iterator[Glue | Slice]                 bytes of a "cut" entry, in order, covering every byte
    read(slice, sidecars) -> Reading                     one slice into records; never raises for bad content: Problems are data
    locations(slice) -> {message id: JSON path or Bytes} where each message's value stands, so that an erasure can blank it
    traces(slice, ids) -> [Place or Bytes]               where else the words of these messages, memories or topics stand in it

beside that, where there is something to say,

    PLAIN: frozenset[str]                                kinds of slices that are not JSON: places in them are Bytes, a hole is
                                                         spaces, and `value(slice)` says what one says as JSON, for the law of the
                                                         readers. (Several JSON values with commas between them are no such kind:
                                                         places are Bytes too, but null has to stand where the slice was.)
    SUPPORT: str                                         how sure we are of it, one of SUPPORT_LEVELS; "samples" if it is not said
    WORDS: dict[str, str]                                the provider's words for which records have a word of their own
    GUIDE: Guide                                         how to get one's export there and bring ours in, in its own menu words

and, to be writable,

    CARRIES, CANNOT: tuple[str, ...]                     what the target has a place for, in words
    write(chosen: Chosen) -> Written                     files and the loss report

`cut` and `read` are the only readers, used by intake and rebuild alike. A format never sees the vault.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence, Set
from types import ModuleType
from typing import NamedTuple, Protocol, TypeAlias, cast

from souviens.delivery import Delivery, Entry
from souviens.errors import Ambiguous, NotRecognised, UsageError
from souviens.jsonspan import Glue, Slice
from souviens.records import Conversation, Json, Memory, Reading, Record, Topic, Treatment


class Place(NamedTuple):
    """What an erasure blanks in a slice: the value at a JSON path (() is the whole slice), or of a string only its characters
    from `start` to `end`."""

    path: tuple[str | int, ...]
    start: int = 0
    end: int | None = None


class Bytes(NamedTuple):
    """What an erasure blanks in a slice that is not JSON: bytes, by their offsets. They become spaces."""

    start: int
    end: int


CUT: tuple[Treatment, ...] = ("cut", "rows", "private_rows")  # the treatments of which slices come
Locations: TypeAlias = dict[str, tuple[str | int, ...]] | dict[str, Bytes]
# "real": measured on real exports by us or by a source that says so. "samples": read in published samples and in code that reads
# or writes it. "documented": the shape is documented, no sample was at hand.
SUPPORT_LEVELS = ("real", "samples", "documented")


class Guide(NamedTuple):
    """What a person does at a provider: steps to get the export, steps to bring ours in (empty: it takes nothing), as menus say."""

    get: tuple[str, ...]
    bring: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Reader(Protocol):
    """A format that can be read."""

    NAME: str
    TITLE: str
    READER: int

    def identify(self, delivery: Delivery) -> str | None: ...
    def plan(self, delivery: Delivery) -> dict[str, Treatment]: ...
    def sidecars(self, delivery: Delivery) -> Json: ...
    def cut(self, entry: Entry) -> Iterator[Glue | Slice]: ...
    def read(self, slice: Slice, sidecars: Json) -> Reading: ...
    def locations(self, slice: Slice) -> Locations: ...
    def traces(self, slice: Slice, ids: Set[str]) -> Sequence[Place | Bytes]: ...


class Chosen(Record, frozen=True):
    """What the user chose to give out. `blobs` of attachments are fetched by the caller, not by a writer."""

    conversations: tuple[Conversation, ...] = ()
    memories: tuple[Memory, ...] = ()
    topics: tuple[Topic, ...] = ()


class Loss(Record, frozen=True):
    """Something that has no place in the target. kind: reasoning, branch, attachment, time, …; never content."""

    kind: str
    count: int
    reason: str


class Written(Record, frozen=True):
    """Files to write (relative path -> bytes), what was carried by kind, and what was lost."""

    files: dict[str, bytes]
    carried: dict[str, int]
    lost: tuple[Loss, ...] = ()


class Writer(Protocol):
    """A format that can be written."""

    NAME: str
    TITLE: str
    CARRIES: tuple[str, ...]
    CANNOT: tuple[str, ...]

    def write(self, chosen: Chosen) -> Written: ...


def _modules() -> list[ModuleType]:
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def readers() -> dict[str, Reader]:
    """Every format with a `read`, by name."""
    return {module.NAME: cast(Reader, module) for module in _modules() if hasattr(module, "read")}


def writers() -> dict[str, Writer]:
    """Every format with a `write`, by the name `move --to` takes (NAME with "-" for "_")."""
    return {module.NAME.replace("_", "-"): cast(Writer, module) for module in _modules() if hasattr(module, "write")}


def reader(name: str) -> Reader:
    """The reader of that name. Raises UsageError for a name no module bears."""
    try:
        return readers()[name]
    except KeyError:
        raise UsageError(f"no reader named {name!r}", next="souviens formats") from None


def plain(name: str) -> frozenset[str]:
    """The kinds of slices of a format that are not JSON."""
    return cast(frozenset[str], getattr(reader(name), "PLAIN", frozenset()))


class Claim(NamedTuple):
    """Whose a delivery is: the reader, the shape it saw, and other formats' files that lie in it: name -> TITLE."""

    reader: Reader
    shape: str
    foreign: Mapping[str, str]


def identify(delivery: Delivery) -> Claim:
    """The format of this delivery.

    Where one holds another's files (a chat that somebody attached, two products of one takeout), it is the format's that knows most
    of its files, then those that lie highest, then most bytes; the receipt names the others. Raises NotRecognised (saying what was
    seen) if none claims it, Ambiguous if two claim one file: a guess would be a silent loss.
    """
    claims = [(format, shape) for format in readers().values() if (shape := format.identify(delivery)) is not None]
    if not claims:
        raise NotRecognised(
            f"{delivery.path}: not an export souviens can read",
            f"seen: {delivery.describe()}",
            "give the provider's export as it came (zip, folder or file); what can be read: souviens formats",
        )
    if len(claims) == 1:
        return Claim(*claims[0], {})
    size = {entry.name: entry.size for entry in delivery.entries}

    def standing(claim: tuple[Reader, str]) -> tuple[int, int, int]:
        plan = claim[0].plan(delivery)
        read = [name for name in plan if name in size and plan[name] in CUT]
        return len(plan), -min((name.count("/") for name in read), default=0), sum(size[name] for name in read)

    (format, shape), *others = sorted(claims, key=standing, reverse=True)
    foreign = {name: other.TITLE for other, _ in others for name, treatment in other.plan(delivery).items() if treatment in CUT}
    if twice := foreign.keys() & format.plan(delivery).keys():
        names = " and ".join(f"{format.NAME} ({shape})" for format, shape in claims)
        raise Ambiguous(
            f"{delivery.path}: more than one reader claims {min(twice)}", names, "report this file's shape; nothing was stored"
        )
    return Claim(format, shape, foreign)
