"""The Store over one encrypted SQLite file, truth.db."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
from filelock import FileLock, Timeout

from souviens.errors import Damaged, NotFound, OutOfSpace
from souviens.vault import audit, packing, schema
from souviens.vault.connection import connect, failures, leave_room, subkey
from souviens.vault.letting_go import VISIBLE, LettingGo
from souviens.vault.store import Hole, Journal, Kind, Live, Member, Packed, Ready, Segment, SourceHeader, Tally, kind_of

CHUNK = 1 << 20  # bytes of a blob in one row
FILE = "truth.db"
FLAWS = 3  # of the file itself that are told one by one: the first says enough, and one bad page makes many
_header = packing.reader(SourceHeader)
_member = packing.reader(Member)
_holes = packing.reader(tuple[Hole, ...])
_journal = packing.reader(dict[str, Any])
_encode = msgspec.json.Encoder(decimal_format="number").encode
_UNREADABLE = (apsw.IOError, apsw.SQLError, msgspec.MsgspecError, UnicodeDecodeError)  # in reading, each is damage
# Before an automatic checkpoint, 32 MB. Each transaction of an intake touches the same pages of four indexes: the fewer
# checkpoints, the fewer times those are written. SQLite's own 1,000 cost a tenth of all the writer does (measured).
WAL_PAGES = 4_000
PAGES = 2  # bytes of pages that a byte may take, with its indexes and with what stays empty of a page
_COMMITTED = 0  # the stage of packs that are visible with the transaction that writes them


class EmbeddedStore(LettingGo):
    """Truth in `folder`/truth.db. One instance belongs to one thread of one process; open as many as there are readers."""

    def __init__(self, folder: Path, key: bytes | None, *, create: bool = False) -> None:
        path = folder / FILE
        if not create and not path.exists():
            raise Damaged(f"{path.name} is missing from {folder}", "the vault's truth is not there", "restore it from a copy")
        self.folder, self.path = folder, path
        self.db = connect(path, None if key is None else subkey(key, FILE), create=create)
        self.db.wal_autocheckpoint(WAL_PAGES)
        try:
            with self._failures():
                if create:
                    schema.create(self.db)
                self.format = schema.format_of(self.db)
        except BaseException:
            self.db.close()
            raise
        self._depth = 0
        self._locks: dict[int, FileLock] = {}
        self._began: dict[int, int] = {}  # stage -> the newest pack before it

    def close(self) -> None:
        for stage in list(self._locks):
            self._release(stage)
        self.db.close()

    # --- transactions -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One short write transaction; nested ones join it. A failure leaves nothing of it behind.

        Raises OutOfSpace, VaultInUse (another writer held on for 30 s), Damaged.
        """
        if self._depth:
            yield
            return
        with self._failures():
            self.db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                # The error may have ended the transaction already (a full disk does).
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def _failures(self) -> contextlib.AbstractContextManager[None]:
        """What can go wrong in writing, in our words."""
        return failures(self.path, "souviens verify")

    def _damage(self) -> contextlib.AbstractContextManager[None]:
        """What can be met in reading a file whose bytes changed, as Damaged."""
        return failures(self.path, "souviens verify", damage=_UNREADABLE)

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._damage():
            return self.db.execute(sql, values).fetchall()

    def _row(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        rows = self._rows(sql, values)
        return rows[0] if rows else None

    # --- reading ------------------------------------------------------------------------------------------------------

    def version(self) -> int:
        return int(self._row("SELECT value FROM meta WHERE key = 'version'")[0])

    def live(self, stage: int | None = None) -> list[Live]:
        rows = self._rows(
            f"SELECT max(seq), kind, id FROM pack WHERE doomed = 0 AND ({VISIBLE} OR stage = ?) GROUP BY kind, id",
            (-1 if stage is None else stage,),
        )
        return sorted(Live(*row) for row in rows)

    def staged(self, stage: int, after: int) -> list[Live]:
        """Packs of an open stage with a seq over `after`: what a follower has not seen yet."""
        return [
            Live(*row)
            for row in self._rows("SELECT seq, kind, id FROM pack WHERE seq > ? AND stage = ? AND doomed = 0", (after, stage))
        ]

    def get(self, kind: Kind, id: str, stage: int | None = None) -> tuple[int, Packed] | None:
        row = self._row(
            f"""SELECT seq, data, digest FROM pack WHERE kind = ? AND id = ? AND doomed = 0 AND ({VISIBLE} OR stage = ?)
            ORDER BY seq DESC LIMIT 1""",
            (kind, id, -1 if stage is None else stage),
        )
        return None if row is None else (row[0], packing.unpack(kind, row[1], row[2], id))

    def pack(self, seq: int) -> Packed:
        row = self._row("SELECT kind, id, data, digest FROM pack WHERE seq = ?", (seq,))
        if row is None:
            raise NotFound(f"pack {seq} is not in the vault")
        return packing.unpack(row[0], row[2], row[3], row[1])

    def packed(self, seq: int) -> tuple[Kind, str, bytes]:
        """(kind, id, the record's JSON) of a pack, checked against its digest but not decoded."""
        row = self._row("SELECT kind, id, data, digest FROM pack WHERE seq = ?", (seq,))
        if row is None:
            raise NotFound(f"pack {seq} is not in the vault")
        return row[0], row[1], packing.unpacked(row[2], row[3], row[1])

    def find(self, prefix: str) -> list[tuple[Kind, str]]:
        """Live records whose id begins with `prefix`, at most 10."""
        rows = self._rows(
            f"SELECT DISTINCT kind, id FROM pack WHERE id >= ? AND id < ? AND doomed = 0 AND {VISIBLE} LIMIT 10",
            (prefix, prefix + "\x7f"),
        )
        return [(kind, id) for kind, id in rows]

    def sources(self) -> list[SourceHeader]:
        return [_header(data) for (data,) in self._rows(f"SELECT header FROM source WHERE {VISIBLE} ORDER BY number")]

    def source(self, id: str) -> SourceHeader | None:
        row = self._row(f"SELECT header FROM source WHERE id = ? AND {VISIBLE}", (id,))
        return None if row is None else _header(row[0])

    def members(self, source: str) -> list[Member]:
        return [member for _, member in self.numbered_members(source)]

    def numbered_members(self, source: str) -> list[tuple[int, Member]]:
        """Members in the container's order, each with its number for `segments`."""
        rows = self._rows(
            """SELECT m.number, m.header, m.blob FROM member m JOIN source s ON s.number = m.source
            WHERE s.id = ? AND s.stage NOT IN (SELECT id FROM stage) ORDER BY m.ordinal""",
            (source,),
        )
        return [(n, msgspec.structs.replace(_member(header), blob=blob.hex() if blob else None)) for n, header, blob in rows]

    def numbered_members_of(self, number: int) -> list[tuple[int, Member]]:
        """As `numbered_members`, for a source by its number: also one that is still staged."""
        rows = self._rows("SELECT number, header, blob FROM member WHERE source = ? ORDER BY ordinal", (number,))
        return [(n, msgspec.structs.replace(_member(header), blob=blob.hex() if blob else None)) for n, header, blob in rows]

    def segments(self, member: int) -> Iterator[Segment]:
        # All at once: a cursor left open by a reader that stops early would hold the log back from `purge`.
        rows = self._rows("SELECT slice, kind, place, glue, hole FROM segment WHERE member = ? ORDER BY ordinal", (member,))
        return (Segment(slice.hex() if slice else None, kind, place, glue, hole) for slice, kind, place, glue, hole in rows)

    def slice(self, hash: str) -> tuple[bytes, tuple[Hole, ...]]:
        """The bytes of a slice, holes filled with `null` and spaces, and where the holes are. Raises NotFound, Damaged."""
        row = self._row("SELECT data, holes FROM slice WHERE hash = ?", (bytes.fromhex(hash),))
        if row is None:
            raise NotFound(f"slice {hash[:12]} is not in the vault")
        data = packing.decompress(row[0], f"slice {hash[:12]}")
        holes = _holes(row[1]) if row[1] else ()
        # A slice with holes bears an id of its own: the hash of what was erased would let it be guessed.
        if not holes and hashlib.sha256(data).digest().hex() != hash:
            raise Damaged(
                f"slice {hash[:12]}: its bytes are not those that were stored", "the hash differs", "add the export again"
            )
        return data, holes

    def has_slice(self, hash: str) -> bool:
        return self._row("SELECT 1 FROM slice WHERE hash = ?", (bytes.fromhex(hash),)) is not None

    def slices(self) -> list[str]:
        return [hash.hex() for (hash,) in self._rows("SELECT hash FROM slice ORDER BY number")]

    def blobs(self) -> list[tuple[str, int]]:
        return [(hash.hex(), size) for hash, size in self._rows("SELECT hash, size FROM blob WHERE ready = 1 ORDER BY number")]

    def blob(self, hash: str) -> Iterator[bytes]:
        """The bytes of a blob in chunks. Raises NotFound, Damaged (after the last chunk, if they do not hash to its name)."""
        row = self._row("SELECT number FROM blob WHERE hash = ? AND ready = 1", (bytes.fromhex(hash),))
        if row is None:
            raise NotFound(f"attachment {hash[:12]} is not in the vault")
        digest = hashlib.sha256()
        for ordinal in itertools.count():
            chunk = self._row("SELECT data FROM chunk WHERE blob = ? AND ordinal = ?", (row[0], ordinal))
            if chunk is None:
                break
            plain = packing.decompress(chunk[0], f"attachment {hash[:12]}")
            digest.update(plain)
            yield plain
        if digest.hexdigest() != hash:
            raise Damaged(
                f"attachment {hash[:12]}: its bytes are not those that were stored", "the hash differs", "add the export again"
            )

    def origins(self, source: str) -> list[tuple[Kind, str]]:
        """The records read from a source."""
        return self._rows("SELECT o.kind, o.id FROM origin o JOIN source s ON s.number = o.source WHERE s.id = ?", (source,))

    # --- staging ------------------------------------------------------------------------------------------------------

    def begin(self, at: str) -> int:
        """Open a stage; sweep those whose writer died. `at`: RFC 3339 UTC."""
        self.sweep_stages()
        with self.transaction():
            self.db.execute("INSERT INTO stage(began, version) VALUES (?, ?)", (at, self.version()))
            stage = self.db.last_insert_rowid()
            self._began[stage] = int(self._row("SELECT coalesce(max(seq), 0) FROM pack")[0])
            # Taken inside the transaction: a sweeper decides inside one too, so it never sees an open stage without its lock.
            self._locks[stage] = lock = self._lock(stage)
            lock.acquire(timeout=0)
        return stage

    def _lock(self, stage: int) -> FileLock:
        return FileLock(self.folder / f"stage-{stage}.lock")

    def _release(self, stage: int) -> None:
        lock = self._locks.pop(stage, None)
        if lock is not None:
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)

    def sweep_stages(self) -> int:
        """Discard the stages whose writer is gone (its lock died with it). How many. Raises OutOfSpace."""
        dead: list[int] = []
        if not self.others_stage():
            return 0
        with self.transaction():
            for (stage,) in self._rows("SELECT id FROM stage"):
                if stage in self._locks:
                    continue
                lock = self._lock(stage)
                with contextlib.suppress(Timeout):
                    lock.acquire(timeout=0)
                    self._locks[stage] = lock
                    dead.append(stage)
        try:
            for stage in dead:
                self.discard(stage)
        except OutOfSpace:
            for stage in dead:
                self._release(stage)  # it stays dead, for us as well
            raise
        return len(dead)

    def busy(self) -> bool:
        """Is another writer's intake under way?"""
        self.sweep_stages()
        return self.others_stage()

    def others_stage(self) -> bool:
        return any(stage not in self._locks for (stage,) in self._rows("SELECT id FROM stage"))

    def put_source(self, stage: int, header: SourceHeader) -> int:
        self.db.execute("INSERT INTO source(id, stage, header) VALUES (?, ?, ?)", (header.id, stage, _encode(header)))
        return self.db.last_insert_rowid()

    def update_source(self, number: int, header: SourceHeader) -> None:
        self.db.execute("UPDATE source SET header = ? WHERE number = ?", (_encode(header), number))

    def put_member(self, source: int, ordinal: int, member: Member) -> int:
        blob = bytes.fromhex(member.blob) if member.blob else None
        plain = msgspec.structs.replace(member, blob=None)
        self.db.execute(
            "INSERT INTO member(source, ordinal, header, blob) VALUES (?, ?, ?, ?)", (source, ordinal, _encode(plain), blob)
        )
        return self.db.last_insert_rowid()

    def update_member(self, number: int, member: Member) -> None:
        self.db.execute(
            "UPDATE member SET header = ? WHERE number = ?", (_encode(msgspec.structs.replace(member, blob=None)), number)
        )

    def put_segments(self, member: int, first: int, segments: Iterable[Segment], commitments: dict[int, str] | None = None) -> None:
        """Append segments from ordinal `first` on."""
        given = commitments or {}
        self.db.executemany(
            "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (member, n, bytes.fromhex(s.slice) if s.slice else None, s.kind, s.where, s.glue, s.hole, given.get(n))
                for n, s in enumerate(segments, first)
            ),
        )

    def make_ready(self, slices: Iterable[tuple[str, bytes]], packs: Iterable[tuple[Kind, Packed, int]]) -> Ready:
        """What `put_slices` and `put_packs` are given, compressed for `put_ready`. Outside a transaction: it is half of what
        writing takes, and nobody need wait for it."""
        return Ready(
            [(hash, data, None if self.has_slice(hash) else packing.compress(data)) for hash, data in slices],
            [(kind, record.id, base, *packing.pack(record)) for kind, record, base in packs],
        )

    def put_ready(self, stage: int, ready: Ready) -> list[int]:
        """Write slices, those already here left alone, and packs into a stage. The packs' seqs, in order.

        A stage leaves the room on the disk that it takes to discard it. Raises OutOfSpace.
        """
        if stage != _COMMITTED:
            leave_room(self.path, PAGES * ready.bytes)
        for hash, data, compressed in ready.slices:
            if compressed is None and self.has_slice(hash):
                continue
            self.db.execute(
                "INSERT OR IGNORE INTO slice(hash, size, data) VALUES (?, ?, ?)",
                (bytes.fromhex(hash), len(data), compressed or packing.compress(data)),
            )
        seqs = []
        for kind, id, base, data, digest in ready.packs:
            self.db.execute(
                "INSERT INTO pack(kind, id, stage, base, digest, data) VALUES (?, ?, ?, ?, ?, ?)",
                (kind, id, stage, base, digest, data),
            )
            seqs.append(self.db.last_insert_rowid())
        return seqs

    def put_slices(self, slices: Iterable[tuple[str, bytes]]) -> None:
        """(hash, bytes) each; those already here are left alone."""
        self.put_ready(_COMMITTED, self.make_ready(slices, ()))

    def put_holed_slice(self, data: bytes, spans: list[tuple[int, int]]) -> str:
        """Store a slice in which `spans` (start, end) were blanked by the caller. Its id: by chance, for a hash of it would
        say too much of what was erased."""
        holes = tuple(Hole(start, end - start, os.urandom(16).hex()) for start, end in spans)
        id = os.urandom(32)
        self.db.execute(
            "INSERT INTO slice(hash, size, data, holes) VALUES (?, ?, ?, ?)",
            (id, len(data), packing.compress(data), _encode(holes)),
        )
        return id.hex()

    def put_slice_as(self, id: str, data: bytes, holes: tuple[Hole, ...]) -> None:
        """A slice from another vault, under the id it bore there. Raises Damaged if it has no holes and does not hash to it."""
        if not holes and hashlib.sha256(data).hexdigest() != id:
            raise Damaged(f"slice {id[:12]}: its bytes are not those that were exported", "the hash differs", "export it again")
        if not self.has_slice(id):
            self.db.execute(
                "INSERT INTO slice(hash, size, data, holes) VALUES (?, ?, ?, ?)",
                (bytes.fromhex(id), len(data), packing.compress(data), _encode(holes) if holes else None),
            )

    def audit(self) -> tuple[int, list[int]]:
        """(entries of the audit chain, numbers of those whose link is broken)."""
        with self._damage():
            return len(audit.entries(self.db)), audit.broken(self.db)

    def flaws(self) -> list[str]:
        """What is wrong with the file itself, in sentences, the first few; empty if nothing is."""
        with self._damage():
            rows = [str(row[0]) for row in self.db.execute("PRAGMA integrity_check(20)")]
        # One row may hold many lines, under a heading in asterisks.
        found = [line for row in rows for line in row.splitlines() if line.strip("* ") and not line.startswith("***")]
        if found == ["ok"]:
            return []
        told = [f"{self.path.name}: {' '.join(flaw.split())}" for flaw in found[:FLAWS]]
        return told + ([f"{self.path.name}: at least {len(found) - FLAWS} more like these"] if len(found) > FLAWS else [])

    def put_blob(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        """Store a stream; (SHA-256, size). One of several chunks in as many short transactions: it becomes readable with the last.
        What fits into one chunk costs one: an export may hold a hundred thousand small files."""
        given = iter(chunks)
        first, second = next(given, b""), next(given, None)
        if second is None:
            return self._put_small(first), len(first)
        # Named by chance until its hash is known, so that two writers never meet in a half-written one.
        name = os.urandom(32)
        with self.transaction():
            self.db.execute("INSERT INTO blob(hash, size, ready) VALUES (?, 0, 0)", (name,))
            number = self.db.last_insert_rowid()
        digest, size = hashlib.sha256(), 0
        for ordinal, chunk in enumerate(itertools.chain((first, second), given)):
            digest.update(chunk)
            size += len(chunk)
            leave_room(self.path, PAGES * len(chunk))
            with self.transaction():
                self.db.execute("INSERT INTO chunk VALUES (?, ?, ?)", (number, ordinal, packing.compress(chunk)))
        with self.transaction():
            if self._row("SELECT 1 FROM blob WHERE hash = ? AND ready = 1", (digest.digest(),)):
                self.db.execute("DELETE FROM blob WHERE number = ?", (number,))
            else:
                self.db.execute("UPDATE blob SET hash = ?, size = ?, ready = 1 WHERE number = ?", (digest.digest(), size, number))
        return digest.hexdigest(), size

    def _put_small(self, data: bytes) -> str:
        hash = hashlib.sha256(data)
        with self.transaction():
            if not self._row("SELECT 1 FROM blob WHERE hash = ? AND ready = 1", (hash.digest(),)):
                sql = "INSERT INTO blob(hash, size, ready) VALUES (?, ?, 1)"
                self.db.execute(sql, (hash.digest(), len(data)))
                if data:
                    self.db.execute("INSERT INTO chunk VALUES (?, 0, ?)", (self.db.last_insert_rowid(), packing.compress(data)))
        return hash.hexdigest()

    def put_packs(self, stage: int, packs: Iterable[tuple[Kind, Packed, int]]) -> list[int]:
        """(kind, record, seq of the pack it was merged from or 0) each. The new seqs, in order."""
        return self.put_ready(stage, self.make_ready((), packs))

    def put_origins(self, source: int, records: Iterable[tuple[Kind, str]]) -> None:
        self.db.executemany("INSERT OR IGNORE INTO origin VALUES (?, ?, ?)", ((source, kind, id) for kind, id in records))

    def tally(self, stage: int) -> Tally:
        """Read every pack of a stage back from the database and count what is there."""
        packs = messages = 0
        damaged = []
        cursor = self.db.cursor()
        for seq, kind, data, digest in cursor.execute(
            "SELECT seq, kind, data, digest FROM pack WHERE seq > ? AND stage = ? AND doomed = 0",
            (self._began.get(stage, 0), stage),
        ):
            try:
                if kind == "conversation":
                    messages += len(packing.skeleton(data, digest, f"pack {seq}").messages)
                else:
                    packing.unpack(kind, data, digest, f"pack {seq}")
                packs += 1
            except Damaged:
                damaged.append(seq)
        return Tally(packs=packs, messages=messages, damaged=tuple(damaged))

    def conflicts(self, stage: int) -> list[tuple[Kind, str, int]]:
        """Records of the stage that somebody else changed since it read them: (kind, id, their live seq). To be merged again."""
        (began,) = self._row("SELECT version FROM stage WHERE id = ?", (stage,))
        if began == self.version():
            return []
        return self._rows(
            f"""WITH mine AS (SELECT DISTINCT kind, id FROM pack WHERE stage = ?1 AND doomed = 0),
            now AS (SELECT kind, id, (SELECT max(seq) FROM pack q WHERE q.kind = mine.kind AND q.id = mine.id AND q.doomed = 0
                AND q.{VISIBLE}) AS current FROM mine)
            SELECT kind, id, current FROM now WHERE current NOT IN
                (SELECT base FROM pack r WHERE r.stage = ?1 AND r.kind = now.kind AND r.id = now.id)""",
            (stage,),
        )

    def commit(self, stage: int, journal: Journal) -> bool:
        """Make a stage visible in one short transaction. False (and nothing done) if `conflicts` has something to say."""
        with self.transaction():
            if self.conflicts(stage):
                return False
            self.db.execute(f"DELETE FROM source WHERE id IN (SELECT id FROM source WHERE stage = ?) AND {VISIBLE}", (stage,))
            self.db.execute("DELETE FROM stage WHERE id = ?", (stage,))
            self.mark_changed()
            self.write_journal(journal)
        self._release(stage)
        return True

    def mark_changed(self) -> None:
        """Say, inside the caller's transaction, that what is live is about to differ."""
        self.db.execute("UPDATE meta SET value = value + 1 WHERE key = 'version'")

    def replace(self, changes: dict[int, Packed | None]) -> None:
        """At once, inside the caller's transaction: each live pack (by seq) gives way to a newer record, or to none."""
        self.put_packs(_COMMITTED, ((kind_of(record), record, seq) for seq, record in changes.items() if record is not None))
        self.doom(changes)
        self.mark_changed()

    def write_journal(self, journal: Journal, *, pending: bool = False) -> None:
        """Note an operation for `undo` and, without content, in the audit chain. Inside the caller's transaction.

        pending: promised, and to be finished by whoever opens the vault next if we do not (see `settle_journal`).
        """
        data = _encode(journal.record)
        state = "pending" if pending else "done"
        self.db.execute("INSERT INTO journal(verb, at, state, record) VALUES (?, ?, ?, ?)", (journal.verb, journal.at, state, data))
        audit.append(self.db, at=journal.at, verb=journal.verb, subject=journal.subject, counts=journal.counts, record=data)

    def journal(self) -> list[tuple[int, str, str, dict[str, Any]]]:
        """Operations that were not undone, oldest first: (number, verb, at, record)."""
        rows = self._rows("SELECT number, verb, at, record FROM journal WHERE state = 'done' ORDER BY number")
        return [(number, verb, at, _journal(record)) for number, verb, at, record in rows]

    def pending_journal(self) -> list[tuple[int, dict[str, Any]]]:
        """Operations promised and not finished: (number, record)."""
        return [
            (number, _journal(record))
            for number, record in self._rows("SELECT number, record FROM journal WHERE state = 'pending'")
        ]

    def settle_journal(self, number: int, state: str = "done") -> None:
        self.db.execute("UPDATE journal SET state = ? WHERE number = ?", (state, number))

    def discard(self, stage: int) -> None:
        """Drop a stage and everything only it brought; its packs when the index has let go of them, or on a full disk at once."""
        with self.sparing():
            with self.transaction():
                self.db.execute("DELETE FROM source WHERE stage = ?", (stage,))
            self.drop_unreferenced()
        try:
            self._end_stage(stage, "UPDATE pack SET doomed = 1 WHERE stage = ?")
        except OutOfSpace:
            if self._depth:
                raise
            # To mark a pack costs a page of the log, to delete it next to nothing.
            with self.sparing():
                self._end_stage(stage, "DELETE FROM pack WHERE stage = ?")
        self._release(stage)

    def _end_stage(self, stage: int, packs: str) -> None:
        with self.transaction():
            self.db.execute(packs, (stage,))
            self.db.execute("DELETE FROM stage WHERE id = ?", (stage,))

    def doom(self, seqs: Iterable[int]) -> None:
        """Packs that are no longer live whatever their seq."""
        with self.transaction():
            self.db.executemany("UPDATE pack SET doomed = 1 WHERE seq = ?", [(seq,) for seq in seqs])
