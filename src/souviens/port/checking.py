"""Checking that everything is there, and making again what can be derived."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from souviens import encode
from souviens.canon import canonical
from souviens.errors import Damaged, NotFound, SouviensError
from souviens.merge import merge_memories, merged_records
from souviens.port import indexing
from souviens.port.receipts import Rebuilt, Verified
from souviens.port.stored import SourceReader, judged, member_bytes
from souviens.records import Conversation, Memory, message_hash
from souviens.vault import Vault
from souviens.vault.store import Kind, Packed, SourceHeader, Store, kind_of

Tell = Callable[[str, int, int], None]
_Key = tuple[Kind, str]


def _silent(what: str, done: int, total: int) -> None:
    pass


def verify(vault: Vault, *, records: bool = True, progress: Tell = _silent) -> Verified:
    """Re-derive every hash, and every record, from what reading returns.

    Each page of the file, each slice and blob against its hash, each member against its own, each message against its hash, the
    audit chain link by link, the index against truth; with `records`, every record against a fresh reading of its slices.
    Damage is reported, never raised.
    """
    return _Verification(vault, progress).run(records)


class _Verification:
    """problems: a sentence each. counted: what was looked at."""

    def __init__(self, vault: Vault, progress: Tell) -> None:
        self.vault, self.store, self.progress = vault, vault.store, progress
        self.problems: list[str] = []
        self.counted = {"sources": 0, "slices": 0, "blobs": 0, "records": 0, "audit": 0}

    def run(self, records: bool) -> Verified:
        checks = [self._pages, self._slices, self._blobs, self._sources, self._records, self._audit, self._erasures, self._index]
        if records:
            checks.append(self._derivation)
        for check in checks:
            try:
                check()
            except SouviensError as error:
                self._found(error)
        problems = tuple(dict.fromkeys(self.problems))
        return Verified(not problems, problems=problems, **self.counted)

    def _found(self, error: SouviensError, where: str = "") -> None:
        self.problems.append(": ".join(filter(None, (where, error.what, error.why))))

    def _pages(self) -> None:
        self.problems += self.store.flaws()

    def _slices(self) -> None:
        for id in self.store.slices():
            self.counted["slices"] += 1
            try:
                self.store.slice(id)
            except SouviensError as error:
                self._found(error)

    def _blobs(self) -> None:
        for hash, size in self.store.blobs():
            self.counted["blobs"] += 1
            try:
                if sum(map(len, self.store.blob(hash))) != size:
                    self.problems.append(f"attachment {hash[:12]}: is not as long as it was")
            except SouviensError as error:
                self._found(error)

    def _sources(self) -> None:
        headers = self.store.sources()
        for n, header in enumerate(headers):
            self.progress("files", n, len(headers))
            self.counted["sources"] += 1
            self._members(header)

    def _members(self, header: SourceHeader) -> None:
        for number, member in self.store.numbered_members(header.id):
            if member.treatment == "withhold":
                continue
            digest, size = hashlib.sha256(), 0
            try:
                for chunk in member_bytes(self.store, number, member):
                    digest.update(chunk)
                    size += len(chunk)
            except (Damaged, NotFound) as error:
                self._found(error, f"{header.path}: {member.name}")
                continue
            # Of a file with holes the length is all that can be held against it.
            if size != member.size or (member.sha256 and digest.hexdigest() != member.sha256):
                self.problems.append(f"{header.path}: {member.name}: its bytes are not those that were received")

    def _records(self) -> None:
        live = self.store.live()
        for n, (seq, kind, id) in enumerate(live):
            if n % 100 == 0:
                self.progress("records", n, len(live))
            self.counted["records"] += 1
            try:
                record = self.store.pack(seq)
            except (Damaged, NotFound) as error:
                self._found(error)
                continue
            if (kind_of(record), record.id) != (kind, id):
                self.problems.append(f"{id}: holds another record: souviens rebuild --records")
            if isinstance(record, Conversation):
                wrong = [m.id for m in (*record.messages, *record.older) if message_hash(m) != m.hash]
                self.problems += [f"{id}: message {message} does not match its hash" for message in wrong]

    def _audit(self) -> None:
        self.counted["audit"], broken = self.store.audit()
        self.problems += [f"audit: entry {number} does not follow from the one before" for number in broken]

    def _erasures(self) -> None:
        if pending := self.store.pending_journal():
            self.problems.append(f"erasure: {len(pending)} not finished; run any command that writes")

    def _index(self) -> None:
        self.problems += indexing.check(self.vault)

    def _derivation(self) -> None:
        fresh = _Rereading(self.store, self.progress).found
        for seq, kind, id in self.store.live():
            again = fresh.pop((kind, id), None)
            try:
                stored = self.store.pack(seq)
            except (Damaged, NotFound):
                continue  # said already
            if again is None:
                self.problems.append(f"{id}: no source tells of it any more: souviens rebuild --records")
            elif canonical(again) != canonical(stored):
                self.problems.append(f"{id}: is not what reading its source gives: souviens rebuild --records")
        self.problems += [f"{id}: is in a source and not among the records: souviens rebuild --records" for _, id in fresh]


# --- every record again -----------------------------------------------------------------------------------------------


class _Rereading:
    """Every record of the vault as its slices tell it now, with what persons said of it.

    found: the records. unread: slices that are damaged; what their records hold cannot be told from them.
    """

    def __init__(self, store: Store, progress: Tell) -> None:
        self.store = store
        self.found: dict[_Key, Packed] = {}
        self.unread: set[str] = set()
        self._stones = {(kind, id) for (kind, id), stone in store.tombstones().items() if stone.erased}
        self._memories: dict[str, list[Memory]] = {}
        headers = store.sources()
        for n, header in enumerate(headers):
            progress("reading again", n, len(headers))
            self._source(header)
        for id, versions in self._memories.items():
            self.found["memory", id] = merge_memories(versions)
        self._stated()

    def is_known(self, record: Packed) -> bool:
        """Could every slice that tells of the record be read?"""
        return self.unread.isdisjoint(origin.slice for origin in record.origins)

    def _source(self, header: SourceHeader) -> None:
        places = [
            (segment.slice, member.name, segment.kind, segment.where)
            for number, member in self.store.numbered_members(header.id)
            for segment in self.store.segments(number)
            if segment.slice is not None
        ]
        try:
            reader = SourceReader(self.store, header)
        except Damaged:  # a side file
            self.unread |= {place[0] for place in places}
            return
        for place in places:
            try:
                records = reader.records(place[0], reader.slice(*place))
            except (Damaged, NotFound):
                self.unread.add(place[0])
                continue
            for kind, record in records:
                if (kind, record.id) not in self._stones:
                    self._add(kind, record)

    def _add(self, kind: Kind, record: Packed) -> None:
        if isinstance(record, Memory):
            # Gathered first: one that a thousand conversations repeat would be merged a thousand times.
            self._memories.setdefault(record.id, []).append(record)
            return
        before = self.found.get((kind, record.id))
        self.found[kind, record.id] = record if before is None else merged_records(before, record)

    def _stated(self) -> None:
        """What stands in no slice: what a person stated, and memories with what persons said of them."""
        for seq, kind, id in self.store.live():
            try:
                record = self.store.pack(seq)
            except (Damaged, NotFound):
                continue
            derived = self.found.get((kind, id))
            if not self.is_known(record):
                self.found[kind, id] = record
            elif isinstance(record, Memory):
                told = judged(record, derived if isinstance(derived, Memory) else None)
                if told is not None:
                    self.found[kind, id] = told
            elif derived is None and not record.origins:
                self.found[kind, id] = record


def rebuild(vault: Vault, *, records: bool = False, encoder: encode.Encoder | None = None, progress: Tell = _silent) -> Rebuilt:
    """Make the index again beside the old one, then switch; with `records`, first every record from its slices.

    May be cut off anywhere: what was made again stays, the rest is as before.
    """
    started = time.monotonic()
    changed = _rebuild_records(vault.store, progress) if records else 0
    with indexing.open_index(vault) as index:
        progress("index", 0, 1)
        indexed = index.rebuild(vault.store)
        vault.store.sweep(index.held())
    waiting = indexing.embed(vault, encoder, seconds=None, progress=progress).waiting if encoder else 0
    return Rebuilt(changed, indexed.added, waiting, round(time.monotonic() - started, 3))


def _rebuild_records(store: Store, progress: Tell) -> int:
    """Write every record that reading its slices gives otherwise than it is stored; how many.

    One short transaction each. If somebody else wrote since the slices were read, they are read again.
    """
    changed, version = 0, -1
    while version != store.version():
        version = store.version()
        stored = {(kind, id): seq for seq, kind, id in store.live()}
        fresh = _Rereading(store, progress).found
        for key in sorted(fresh.keys() | stored.keys()):
            seq, record = stored.get(key, 0), fresh.get(key)
            if not _differs(store, seq, record):
                continue
            with store.transaction():
                if store.version() != version:
                    break
                store.replace({seq: record})
                version = store.version()
            changed += 1
    return changed


def _differs(store: Store, seq: int, fresh: Packed | None) -> bool:
    """Is a stored record (0: none) not what reading gives? One that is damaged and that no slice tells of stays, reported."""
    try:
        stored = store.pack(seq) if seq else None
    except Damaged:
        return fresh is not None
    return stored is None or fresh is None or canonical(stored) != canonical(fresh)
