"""The part of the embedded store that lets go: holes, members without their bytes, superseded packs, tombstones, logs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from souviens.errors import NotFound, OutOfSpace
from souviens.records import Json
from souviens.vault import audit, packing
from souviens.vault.connection import checkpoint, room
from souviens.vault.store import Member, Segment, SourceHeader, Tombstone

VISIBLE = "stage NOT IN (SELECT id FROM stage)"
_header = packing.reader(SourceHeader)
_member = packing.reader(Member)
_GROUP = 200  # rows deleted in one transaction
SCARCE = 64 << 20  # bytes free below which deleting is to need little space itself


class LettingGo:
    """What an erasure asks of a store. Methods that say nothing else belong inside the caller's transaction."""

    db: apsw.Connection
    folder: Path
    path: Path

    def transaction(self) -> AbstractContextManager[None]:
        raise NotImplementedError

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        raise NotImplementedError

    def _row(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        raise NotImplementedError

    def _failures(self) -> AbstractContextManager[None]:
        raise NotImplementedError

    def update_member(self, number: int, member: Member) -> None:
        raise NotImplementedError

    def update_source(self, number: int, header: SourceHeader) -> None:
        raise NotImplementedError

    def put_segments(self, member: int, first: int, segments: Iterable[Segment], commitments: dict[int, str] | None = None) -> None:
        raise NotImplementedError

    def others_stage(self) -> bool:
        raise NotImplementedError

    # --- slices -------------------------------------------------------------------------------------------------------

    def place(self, source: str, slice: str) -> tuple[str, str, str]:
        """(member name, kind, where) of a slice in a source. Raises NotFound."""
        row = self._row(
            """SELECT m.header, g.kind, g.place FROM segment g JOIN member m ON m.number = g.member
            JOIN source s ON s.number = m.source WHERE g.slice = ? AND s.id = ? LIMIT 1""",
            (bytes.fromhex(slice), source),
        )
        if row is None:
            raise NotFound(f"slice {slice[:12]} is not in source {source}")
        return _member(row[0]).name, row[1], row[2]

    def hollow_slice(self, slice: str) -> None:
        """Take a slice out of every source that holds it, and out of the vault: a hole of its length stays."""
        hash = bytes.fromhex(slice)
        row = self._row("SELECT size FROM slice WHERE hash = ?", (hash,))
        if row is None:
            return
        self._forget_member_hashes(hash)
        self.db.execute(
            "UPDATE segment SET slice = NULL, hole = ?, commitment = lower(hex(randomblob(16))) WHERE slice = ?", (row[0], hash)
        )
        self.db.execute("DELETE FROM slice WHERE hash = ?", (hash,))

    def replace_slice(self, old: str, new: str) -> None:
        """Put a slice with holes in the place of the whole one, in every source."""
        self._forget_member_hashes(bytes.fromhex(old))
        self.db.execute("UPDATE segment SET slice = ? WHERE slice = ?", (bytes.fromhex(new), bytes.fromhex(old)))
        self.db.execute("DELETE FROM slice WHERE hash = ?", (bytes.fromhex(old),))

    def _forget_member_hashes(self, slice: bytes) -> None:
        # The hash of a file that held only a few words more than what was erased would let them be guessed.
        holding = "SELECT number, header FROM member WHERE number IN (SELECT member FROM segment WHERE slice = ?)"
        for number, header in self._rows(holding, (slice,)):
            self.update_member(number, msgspec.structs.replace(_member(header), sha256=""))

    # --- members ------------------------------------------------------------------------------------------------------

    def members_with_blob(self, blob: str) -> list[tuple[int, Member]]:
        rows = self._rows("SELECT number, header FROM member WHERE blob = ?", (bytes.fromhex(blob),))
        return [(number, msgspec.structs.replace(_member(header), blob=blob)) for number, header in rows]

    def hollow_member(self, number: int, member: Member) -> None:
        """Let go of a kept file's bytes: what stays is its name, its length and a commitment by chance."""
        self.update_member(number, msgspec.structs.replace(member, treatment="withhold", sha256=""))
        self.db.execute("UPDATE member SET blob = NULL WHERE number = ?", (number,))
        self.db.execute("DELETE FROM segment WHERE member = ?", (number,))
        self.put_segments(number, 0, [Segment(None, "", "", None, member.size)], {0: os.urandom(16).hex()})

    def rename_member(self, number: int, name: str) -> None:
        """Let go of a file's name as well, in the container's directory and in what the receipt said of it."""
        source, data, held = self._row(
            "SELECT s.number, s.header, m.header FROM member m JOIN source s ON s.number = m.source WHERE m.number = ?", (number,)
        )
        header, member = _header(data), _member(held)
        self.update_member(number, msgspec.structs.replace(member, name=name, directory=None))
        told = {
            field: tuple(msgspec.structs.replace(it, path=name) if it.path == member.name else it for it in getattr(header, field))
            for field in ("problems", "withheld")
        }
        directory = _renamed(header.directory, member.name, name)
        self.update_source(source, msgspec.structs.replace(header, directory=directory, **told))

    def replace_blob(self, number: int, member: Member, blob: str) -> None:
        """Give a kept file other bytes of the same length: it had to be blanked in part."""
        self.update_member(number, msgspec.structs.replace(member, sha256=""))
        self.db.execute("UPDATE member SET blob = ? WHERE number = ?", (bytes.fromhex(blob), number))

    def drop_source(self, id: str) -> None:
        """Delete a source with its members and segments; what it brought is let go of by `replace` and `drop_unreferenced`."""
        self.db.execute("DELETE FROM source WHERE id = ?", (id,))
        audit.forget_salts(self.db, id)

    # --- a full disk ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def sparing(self) -> Iterator[None]:
        """Let go of much in little space, if the disk is nearly full: in one transaction, and without wiping the pages it frees.

        Each wiped page would stand in the log, and each short transaction writes the same few pages again: of a stage of 29 MB
        that took 46 MB, so it takes 0.3 (measured). The freed pages go with the next `compact`, which every erasure ends with.
        """
        if room(self.path) >= SCARCE:
            yield
            return
        self.db.pragma("secure_delete", "fast")
        try:
            with self.transaction():
                yield
        finally:
            self.db.pragma("secure_delete", 1)

    # --- what nobody refers to ----------------------------------------------------------------------------------------

    def drop_unreferenced(self) -> bool:
        """Delete slices and blobs no source refers to, a few at a time, in transactions of its own.

        False, and nothing done, while another intake is under way: it may be about to refer to them.
        """
        for table, user in (("slice", "segment WHERE slice"), ("blob", "member WHERE blob")):
            unused = self._rows(f"SELECT number FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM {user} = t.hash)")
            for start in range(0, len(unused), _GROUP):
                with self.transaction():
                    if self.others_stage():
                        return False
                    self.db.executemany(f"DELETE FROM {table} WHERE number = ?", unused[start : start + _GROUP])
        return True

    def superseded(self) -> list[int]:
        """Packs that are not live and not staged: the index is to let go of them."""
        rows = self._rows(
            f"""SELECT seq FROM pack p WHERE doomed = 1 AND {VISIBLE} OR doomed = 0 AND {VISIBLE} AND EXISTS
            (SELECT 1 FROM pack q WHERE q.kind = p.kind AND q.id = p.id AND q.seq > p.seq AND q.doomed = 0 AND q.{VISIBLE})"""
        )
        return [seq for (seq,) in rows]

    def sweep(self, held: Iterable[int]) -> int:
        """Delete the packs that are not live and that the index does not hold, in transactions of its own. How many."""
        keep = set(held)
        gone = [(seq,) for seq in self.superseded() if seq not in keep]
        with self.sparing():
            for start in range(0, len(gone), _GROUP):
                with self.transaction():
                    self.db.executemany("DELETE FROM pack WHERE seq = ?", gone[start : start + _GROUP])
        return len(gone)

    def compact(self) -> None:
        """Write every page anew. secure_delete wipes a row where it is deleted, not the image of it that an earlier balancing of
        its page left in a gap (measured: 29 traces of 229 erased words without this, 0 with it).

        Takes the memory and, for a while, twice the space of the file; nobody else can write meanwhile. Raises OutOfSpace, at once
        if it cannot fit.
        """
        with self._failures():
            log = self.path.with_name(self.path.name + "-wal")
            used = self.db.pragma("page_count") - self.db.pragma("freelist_count")
            # What is in the log already may be written over.
            if used * self.db.pragma("page_size") > room(self.path) + (log.stat().st_size if log.exists() else 0):
                raise OutOfSpace(f"{self.folder}: the disk is too full", "the file is to be written anew", "free some space")
            self.db.execute("VACUUM")

    def purge(self) -> bool:
        """Leave no byte of what was deleted in any file: empty the write-ahead log, and delete the copies that migrations kept.

        False if a reader held the log back, or if packs still wait for the index to let go of them. `compact` comes first.
        """
        for copy in self.folder.glob("truth-format-*.db*"):
            copy.unlink(missing_ok=True)
        return checkpoint(self.db) and not self.superseded()

    # --- tombstones ---------------------------------------------------------------------------------------------------

    def tombstones(self) -> dict[tuple[str, str], Tombstone]:
        rows = self._rows("SELECT kind, id, parent, generation, erased, at FROM tombstone")
        return {(row[0], row[1]): Tombstone(row[0], row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows}

    def put_tombstone(self, stone: Tombstone) -> None:
        """Keep the higher generation; at the same one, erased wins."""
        self.db.execute(
            """INSERT INTO tombstone VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(kind, id) DO UPDATE SET generation = excluded.generation,
            erased = excluded.erased, parent = excluded.parent, at = excluded.at
            WHERE (excluded.generation, excluded.erased) > (generation, erased)""",
            (stone.kind, stone.id, stone.parent, stone.generation, int(stone.erased), stone.at),
        )


def _renamed(directory: Json, old: str, new: str, prefix: str = "") -> Json:
    """A container's directory in which the file `old` is called `new`. Files of a zip in a zip bear its name and "!/" in front."""
    if not isinstance(directory, dict):
        return directory
    order: list[Json] = []
    for item in directory.get("order", ()):
        if isinstance(item, str):
            order.append(new.removeprefix(prefix) if prefix + item == old else item)
        elif "container" in item:
            order.append({**item, "container": _renamed(item["container"], old, new, f"{prefix}{item['name']}!/")})
        else:
            order.append(item)
    return {**directory, "order": order}
