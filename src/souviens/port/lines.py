"""The whole vault as JSON lines, and back: the plain way out that needs no souviens to be read.

FORMAT.md ("Plain export") specifies it. Each line is one object with one key that names what it is. Order: header, then for
each source its header, members, segments; slices; blobs in chunks; records; tombstones; and an end that says how many lines
there were and what they hash to. Importing is a merge: a vault that imports another's lines equals one that saw both.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec

from souviens.canon import canonical
from souviens.errors import Damaged, SourceError, UsageError, VaultInUse
from souviens.merge import merged_records
from souviens.port import indexing
from souviens.port.erasing import finish_pending, purge
from souviens.port.intake import now
from souviens.port.linking import let_go
from souviens.port.stored import judged
from souviens.records import Conversation, Json, Memory, Origin, Record
from souviens.vault import Vault, packing
from souviens.vault.store import Hole, Journal, Kind, Member, Packed, Segment, SourceHeader, Store, Tombstone

VERSION = 1
_BATCH = 4 << 20
_TOLD = 1 << 20  # bytes between two words of progress
_SEGMENT = tuple[str | None, str, str, str | None, int | None]


class Imported(Record, frozen=True, omit_defaults=False):
    """What an import of lines did: lines read, sources and records that were new or changed here.

    erased: what one of the two vaults had erased and the other still held; it is gone from both now.
    """

    path: str
    lines: int
    sources: int
    records: int
    changed: int
    erased: int = 0


def export_lines(vault: Vault, target: Path) -> dict[str, int]:
    """Write the vault to a file (or into a folder, as souviens.jsonl). Lines by kind. Nothing is overwritten.

    The file is *not encrypted*. Raises VaultInUse if the vault was written to meanwhile: half of a change is no export.
    """
    path = target / "souviens.jsonl" if target.is_dir() else target
    if path.exists():
        raise UsageError(f"{path} is already there", "nothing is overwritten", "give another place with -o")
    version = vault.store.version()
    counts: dict[str, int] = {}
    digest = hashlib.sha256()
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(canonical({"souviens": {"lines": VERSION, "vault": vault.header.id}}) + b"\n")
            for kind, value in _lines(vault.store):
                line = canonical({kind: value}) + b"\n"
                file.write(line)
                digest.update(line)
                counts[kind] = counts.get(kind, 0) + 1
            file.write(canonical({"end": {"lines": sum(counts.values()), "sha256": digest.hexdigest()}}) + b"\n")
        if vault.store.version() != version:
            raise VaultInUse(f"{vault.folder}: changed while it was exported", "nothing was kept", "export again")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return {"souviens": 1, **counts, "end": 1}


def _lines(store: Store) -> Iterator[tuple[str, Json]]:
    for header in store.sources():
        yield "source", header
        for ordinal, (number, member) in enumerate(store.numbered_members(header.id)):
            yield "member", {"source": header.id, "ordinal": ordinal, "member": member}
            for segment in store.segments(number):
                yield "segment", [segment.slice, segment.kind, segment.where, _b64(segment.glue), segment.hole]
    for id in store.slices():
        data, holes = store.slice(id)
        yield "slice", {"id": id, "data": _b64(data), "holes": holes}
    for hash, _ in store.blobs():
        for chunk in store.blob(hash):
            yield "chunk", {"blob": hash, "data": _b64(chunk)}
    for seq, kind, _ in store.live():
        yield kind, store.pack(seq)
    for stone in store.tombstones().values():
        yield "tombstone", list(stone)


def _b64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


# --- back -------------------------------------------------------------------------------------------------------------


def import_lines(vault: Vault, path: Path, progress: Callable[[str, int, int], None] = lambda what, done, total: None) -> Imported:
    """Merge a plain export into this vault, in one stage: all of it or nothing. Raises SourceError naming the line.

    What either vault erased is gone from this one afterwards, whichever of the two still held it.
    """
    source = path / "souviens.jsonl" if path.is_dir() else path
    if not source.is_file():
        raise SourceError(f"{source} is not there", next="give the file that `souviens export -o` wrote")
    store = vault.store
    stage = store.begin(now())
    try:
        with source.open("rb") as file:
            lines = _Lines(source, file, progress)
            reading = _Import(store, stage)
            try:
                reading.read(lines)
            except (Damaged, msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
                raise lines.fault(lines.at, str(error).partition("\n")[0]) from None
        done = Imported(str(source), lines.at, len(reading.new), reading.records, reading.changed, reading.commit(source))
    except BaseException as error:
        indexing.give_up(vault, stage, error)
        raise
    finish_pending(vault)
    store.drop_unreferenced()  # slices of sources that were here already
    if any(stone.erased for stone in store.tombstones().values()):
        let_go(store, {stone.id for stone in store.tombstones().values() if stone.erased})
        purge(vault)  # what was erased here came along
    indexing.catch_up(vault)
    return done


class _Line(NamedTuple):
    """kind, value: of its one key. text: as it stands."""

    kind: str
    value: Json
    text: bytes


class _Lines:
    """The lines between a plain export's first and last, each parsed. Both ends are checked. at: the number of the present one."""

    def __init__(self, path: Path, file: BinaryIO, progress: Callable[[str, int, int], None]) -> None:
        self._path, self._file, self._progress = path, file, progress
        self.at = 0

    def __iter__(self) -> Iterator[_Line]:
        size, done, told, digest, ended = self._path.stat().st_size, 0, 0, hashlib.sha256(), False
        for text in self._file:
            self.at += 1
            line = self._parsed(text)
            if ended:
                raise self.fault(self.at, "something follows the end")
            if self.at == 1:
                self._check_first(line)
            elif line.kind == "end":
                if line.value != {"lines": self.at - 2, "sha256": digest.hexdigest()}:
                    raise self.fault(self.at, "what was read up to here is not what was written")
                ended = True
            else:
                digest.update(text)
                yield line
            done += len(text)
            if done - told >= _TOLD or done == size:
                told = done
                self._progress(str(self._path), done, size)
        if not ended:
            raise self.fault(self.at, "the file is cut off after it")

    def _parsed(self, text: bytes) -> _Line:
        try:
            ((kind, value),) = msgspec.json.decode(text, type=dict[str, Json]).items()
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self.fault(self.at, str(error)) from None
        return _Line(kind, value, text)

    def _check_first(self, line: _Line) -> None:
        if line.kind != "souviens" or not isinstance(line.value, dict) or line.value.get("lines") != VERSION:
            raise SourceError(
                f"{self._path}: is not a plain export of a vault",
                "its first line says otherwise",
                "for an assistant's export: souviens add",
            )

    def fault(self, number: int, why: str) -> SourceError:
        what = f"{self._path}: line {number} is damaged" if number else f"{self._path} is empty"
        return SourceError(what, f"{why}; nothing was imported", "give the file as `souviens export -o` wrote it")


class _Import:
    """One reading of a plain export into a stage."""

    def __init__(self, store: Store, stage: int) -> None:
        self.store, self.stage = store, stage
        self.new: dict[str, int] = {}  # sources that are not here yet -> their number in the stage
        self.held: dict[str, set[str]] = {}  # sources that are -> the slices they hold here
        self.source = self.member = 0  # numbers of those being filled; 0 = here already, its lines are passed over
        self.members = self.segments = 0  # how many of them so far
        self.records = self.changed = 0
        self.stated: list[str] = []  # new memories that stand in no source
        self.stones: list[Tombstone] = []
        self.bare: dict[tuple[Kind, str], Packed] = {}  # records of which no slice is here

    def read(self, lines: Iterable[_Line]) -> None:
        for blob, group in groupby(lines, lambda line: str(line.value["blob"]) if line.kind == "chunk" else ""):
            if blob:
                # Opens transactions of its own, a chunk at a time.
                hash, _ = self.store.put_blob(_bytes(line.value["data"]) or b"" for line in group)
                if hash != blob:
                    raise ValueError(f"the attachment {blob[:12]} that ends before it is not what it was")
            else:
                self._group(group)

    def _group(self, lines: Iterator[_Line]) -> None:
        for first in lines:
            weight = 0
            with self.store.transaction():
                for line in chain([first], lines):
                    self._one(line)
                    weight += len(line.text)
                    if weight >= _BATCH:
                        break

    def _one(self, line: _Line) -> None:
        kind, value = line.kind, line.value
        if kind == "source":
            self._source(msgspec.convert(value, SourceHeader))
        elif kind == "member":
            self.member = 0
            if self.source:
                self.member = self.store.put_member(self.source, self.members, msgspec.convert(value["member"], Member))
                self.members, self.segments = self.members + 1, 0
        elif kind == "segment":
            if self.member:
                slice, slice_kind, where, glue, hole = msgspec.convert(value, _SEGMENT)
                self.store.put_segments(self.member, self.segments, [Segment(slice, slice_kind, where, _bytes(glue), hole)])
                self.segments += 1
        elif kind == "slice":
            self.store.put_slice_as(value["id"], _bytes(value["data"]) or b"", msgspec.convert(value["holes"], tuple[Hole, ...]))
        elif kind == "tombstone":
            self.stones.append(msgspec.convert(value, Tombstone))
        elif kind in packing.TYPES:
            self._record(kind, packing.decode(kind, line.text))
        else:
            raise ValueError(f"nothing of a vault is called {kind[:40]!r}")

    def _source(self, header: SourceHeader) -> None:
        self.source = self.member = self.members = 0
        if self.store.source(header.id) is None:
            if header.id in self.new:
                raise ValueError("this source stood further up already")
            self.new[header.id] = self.source = self.store.put_source(self.stage, header)

    def _record(self, kind: Kind, record: Packed) -> None:
        known = self.store.get(kind, record.id, self.stage)
        # One file may bear two names in two vaults: of a place that both know, ours says what it is called.
        ours = {(origin.source, origin.slice) for origin in known[1].origins} if known else set()
        theirs = tuple(o for o in record.origins if (o.source, o.slice) not in ours and self._is_held(o))
        if record.origins and not theirs and known is None and not (isinstance(record, Memory) and judged(record, None)):
            # What told of it was erased here. It comes in only if the other vault asked for it back since; `commit` knows.
            self.bare[kind, record.id] = msgspec.structs.replace(record, origins=())
            return
        record = msgspec.structs.replace(record, origins=theirs)
        merged = record if known is None else merged_records(known[1], record)
        if known is None or merged != known[1]:
            self.store.put_packs(self.stage, [(kind, merged, known[0] if known else 0)])
            self.records += known is None
            self.changed += known is not None
        if known is None and kind == "memory" and not theirs:
            self.stated.append(record.id)
        for source in {origin.source for origin in theirs} & self.new.keys():
            self.store.put_origins(self.new[source], [(kind, record.id)])

    def _is_held(self, origin: Origin) -> bool:
        """Whether the slice is there, once both vaults are one: of a source that both know, ours stays, with its own holes."""
        if origin.source in self.new:
            return True
        if origin.source not in self.held:
            members = self.store.numbered_members(origin.source)
            self.held[origin.source] = {s.slice for number, _ in members for s in self.store.segments(number) if s.slice}
        return origin.slice in self.held[origin.source]

    def commit(self, path: Path) -> int:
        """Make it all visible at once, and promise the erasures that are due; how many those are."""
        stones = self.store.tombstones()
        for stone in self.stones:
            before = stones.get((stone.kind, stone.id))
            if before is None or (stone.generation, stone.erased) > (before.generation, before.erased):
                stones[stone.kind, stone.id] = stone
        back = [(*key, record) for key, record in self.bare.items() if key in stones and not stones[key].erased]
        with self.store.transaction():
            self.store.put_packs(self.stage, [(kind, record, 0) for kind, _, record in back])
        gone = [stone for stone in stones.values() if stone.erased and self._is_here(stone)]
        imported = Journal("import", now(), record={"sources": list(self.new), "memories": self.stated})
        with self.store.transaction():
            if not self.store.commit(self.stage, imported):
                raise VaultInUse(f"{path}: the vault changed meanwhile", "another command wrote to it", "run the import again")
            for stone in self.stones:
                self.store.put_tombstone(stone)
            if gone:
                counts = Counter(stone.kind for stone in gone)
                erased = Journal("erase", now(), "", dict(counts), {"ids": [stone.id for stone in gone]})
                self.store.write_journal(erased, pending=True)
        return len(gone)

    def _is_here(self, stone: Tombstone) -> bool:
        if stone.kind == "source":
            return stone.id in self.new or self.store.source(stone.id) is not None
        if stone.kind != "message":
            return self.store.get(cast(Kind, stone.kind), stone.id, self.stage) is not None
        found = self.store.get("conversation", stone.parent, self.stage)
        if found is None:
            return False
        # What is left of an erased message may be its node, without words.
        conversation = cast(Conversation, found[1])
        return any(m.id == stone.id and m.visibility != "placeholder" for m in (*conversation.messages, *conversation.older))
