"""One index file: what is in it, and the only statements that change it. Each change is one short transaction."""

from __future__ import annotations

import array
import contextlib
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import apsw
import numpy as np

from souviens.errors import Damaged, VaultError
from souviens.index import schema, threads
from souviens.index.forest import Gists
from souviens.index.layout import UNKNOWN, Integers, Layout, Span
from souviens.index.text import SILENT, Run
from souviens.index.words import TOKENIZER, split
from souviens.records import Json
from souviens.vault.connection import checkpoint, connect, failures

# Erasing one unit in place costs some 5 ms of a 100,000-unit index, whatever its size; merging all parts costs 10 µs a unit of
# the whole (both measured). Past this share the merge, once at `purge`, is cheaper.
IN_PLACE = 500
UNMERGED = 2  # `residue`: removed words lie in unmerged parts; 1: something was removed
MERGE_STEP = 256  # pages of words written by one step of a merge: some 100 ms
CACHE_MB = 32  # 16 to 64 took a big intake the same time, and it is memory beside an intake that has its own
NAMED = 255  # persons of one conversation whose names are kept: a byte tells which
WEAVES = 3  # attempts to grow the forest while others write
WAL_PAGES = 4_000  # before an automatic checkpoint; 16,000 was slower


class Contents:
    """An open index file. Raises Damaged, WrongKey as `connect` does; Damaged too if it is of another version, unless that is asked
    for: then it gives its vectors and nothing else."""

    def __init__(self, path: Path, key: bytes | None, *, create: bool = False, any_version: bool = False) -> None:
        self.path = path
        self.db = connect(path, key, create=create, cache_mb=CACHE_MB)
        self.db.wal_autocheckpoint(WAL_PAGES)
        # A power cut may take back the last transactions, whole: `sync` does them again. A checkpoint, so a purge, is durable.
        self.db.pragma("synchronous", "normal")
        try:
            with self._errors():
                if create:
                    schema.create(self.db)
                if not any_version and not schema.fits(self.db):
                    raise Damaged(f"{path.name}: is not an index of this version", "it is remade from the vault")
        except VaultError:
            self.db.close()
            raise

    def close(self) -> None:
        self.db.close()

    # --- transactions -------------------------------------------------------------------------------------------------

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return failures(self.path, "souviens rebuild", damage=(apsw.IOError,))  # in doubt it is remade

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """One state of the index for several questions."""
        with self._errors(), self._transaction("BEGIN"):
            yield

    @property
    def is_reading(self) -> bool:
        return self.db.in_transaction

    @contextlib.contextmanager
    def _writing(self, counter: str = "changes") -> Iterator[None]:
        with self._errors(), self._transaction("BEGIN IMMEDIATE"):
            self.db.execute("UPDATE meta SET value = value + 1 WHERE key = ?", (counter,))
            yield

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self.db.execute(begin)
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    # --- what is here -------------------------------------------------------------------------------------------------

    def _rows(self, sql: str, values: tuple[int | str, ...] = ()) -> list[Json]:
        with self._errors():
            return self.db.execute(sql, values).fetchall()

    def number(self, name: str) -> int:
        """A value of `meta`."""
        return int(self._rows("SELECT value FROM meta WHERE key = ?", (name,))[0][0])

    def seen(self) -> int:
        """The version of truth this index shows; -1 while it shows none whole."""
        return -1 if self._rows("SELECT 1 FROM staged LIMIT 1") else self.number("seen")

    def counts(self) -> dict[int, int]:
        """seq -> units, of every pack here."""
        return dict(self._rows("SELECT seq, count FROM span ORDER BY seq"))

    def staged(self) -> dict[int, int]:
        """seq -> stage of the packs nobody may see yet."""
        return dict(self._rows("SELECT seq, stage FROM staged"))

    def last_staged(self, stage: int) -> int:
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM staged WHERE stage = ?", (stage,))[0][0])

    def layout(self) -> Layout:
        rows = self._rows(
            """SELECT first, seq, kind, id, provider, project, sensitivity, created, updated, roles, times, traits, lengths,
            names, who, episodes, parent, strength, thread FROM span WHERE seq NOT IN (SELECT seq FROM staged) ORDER BY seq"""
        )
        return Layout([Span(*row) for row in rows])

    def occurrences(self, words: str, *, beginning: bool = False) -> tuple[Integers, Integers]:
        """(units ascending, how often each holds it) of a word, of words side by side, or of the words that begin so.

        Of several words side by side the full text tells only where they stand, so they count once.
        """
        with self._errors():
            tokens = self._tokens(words)
            if len(tokens) > 1:
                units = self._integers("SELECT group_concat(rowid) FROM words WHERE words MATCH ?", (f'"{words}"',))
                return units, np.ones(len(units), np.int64)
            if not tokens:
                return np.empty(0, np.int64), np.empty(0, np.int64)
            one = "SELECT group_concat(doc) FROM instance WHERE term "
            if not beginning:
                units = self._integers(one + "= ?", (tokens[0],))
            else:
                units = self._integers(one + ">= ? AND term < ?", (tokens[0], tokens[0] + "\U0010ffff"))
            units.sort(kind="stable")  # they are in order already, unless several words begin so
            starts = np.flatnonzero(np.diff(units, prepend=-1))
            return units[starts], np.diff(starts, append=len(units))

    def _tokens(self, words: str) -> list[str]:
        """The words as the full text keeps them, stems."""
        found = self._tokenize(words.encode(), apsw.FTS5_TOKENIZE_QUERY, None, include_offsets=False, include_colocated=False)
        return [str(token) for token in found]

    @cached_property
    def _tokenize(self) -> apsw.FTS5Tokenizer:
        return self.db.fts5_tokenizer(TOKENIZER[0], list(TOKENIZER[1:]))

    def _integers(self, sql: str, values: tuple[str, ...]) -> Integers:
        """The numbers a query joins to one text: thousands of rows would cost three times as much one by one (measured)."""
        joined = self.db.execute(sql, values).fetchall()[0][0]
        return np.fromstring(str(joined or ""), np.int64, sep=",")

    def count(self, expression: str, end: int, most: int) -> int:
        """Units below `end` that a full-text expression finds, counted up to `most`."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? AND rowid < ? LIMIT ?)"
        return int(self._rows(sql, (expression, end, most))[0][0])

    # --- adding and removing ------------------------------------------------------------------------------------------

    def add(self, runs: Sequence[tuple[int, Run]], stage: int | None) -> int:
        """(seq, run) each; one that is here already, by whoever's hand, is left alone. How many were added."""
        added = 0
        with self._writing():
            self._erase_in_place(False)
            for seq, run in runs:
                if self.db.execute("SELECT 1 FROM span WHERE seq = ?", (seq,)).fetchone():
                    continue
                first = self._allot(seq, len(run.units))
                texts = _texts(first, run)
                # What is added is to be searchable soon: what it is about is read when somebody asks (`tell`).
                made = threads.Made(threads.started(run), b"")
                self.db.execute(
                    f"INSERT INTO span VALUES ({'?, ' * 19}NULL, NULL, NULL)",
                    (first, seq, *run[:7], len(run.units), _checksum(texts), *_columns(run, first, texts), *made),
                )
                self.db.executemany("INSERT INTO words(rowid, text) VALUES (?, ?)", texts)
                if stage is not None:
                    self.db.execute("INSERT INTO staged VALUES (?, ?)", (seq, stage))
                added += 1
        return added

    def untold(self) -> list[int]:
        """Seqs of the conversations that `add` left for later."""
        with self._errors():
            return threads.untold(self.db)

    def tell(self, runs: Sequence[tuple[int, Run]]) -> None:
        """Keep what the words of some packs say they are about."""
        with self._writing():
            for seq, run in runs:
                threads.tell(self.db, seq, run)

    def _allot(self, seq: int, count: int) -> int:
        counter = "rest" if seq % schema.SAMPLED else "sample"
        return int(self._rows("UPDATE meta SET value = value + ? WHERE key = ? RETURNING value - ?", (count, counter, count))[0][0])

    def remove(self, runs: Sequence[tuple[int, Run]], *, in_place: bool) -> int:
        """Take out packs, given what was indexed of each. How many were here. Raises Damaged if that is not what was indexed.

        in_place: erase their words where they lie; else mark them as gone, to be merged away by `purge` (see IN_PLACE).
        """
        removed = 0
        with self._writing():
            self._erase_in_place(in_place)
            self.db.execute("UPDATE meta SET value = max(value, ?) WHERE key = 'residue'", (1 if in_place else UNMERGED,))
            for seq, run in runs:
                for first, checksum in self._rows("SELECT first, checksum FROM span WHERE seq = ?", (seq,)):
                    texts = _texts(first, run)
                    # A deletion with other words than were added would damage the full text without a word.
                    if checksum != _checksum(texts):
                        raise Damaged(f"{self.path.name}: pack {seq} is not what was indexed", "its words differ")
                    self.db.executemany("INSERT INTO words(words, rowid, text) VALUES ('delete', ?, ?)", texts)
                    self._forget(seq)
                    removed += 1
        return removed

    def _erase_in_place(self, whether: bool) -> None:
        """Whether the words this transaction removes are erased where they lie. Only a removal pays for it: with the option on,
        SQLite writes what is added entry by entry to look for deletions, which is a fifth of all indexing (measured).

        Said each time: a transaction that failed leaves SQLite's copy of the option as it was set in it.
        """
        self.db.execute("INSERT INTO words(words, rank) VALUES ('secure-delete', ?)", (int(whether),))

    def _forget(self, seq: int) -> None:
        threads.forget(self.db, seq)
        mine = "encoder IN (SELECT number FROM encoder) AND seq = ?"  # as the key has it: by seq alone all would be looked through
        self.db.execute(f"DELETE FROM codes WHERE number IN (SELECT number FROM signs WHERE {mine})", (seq,))
        self.db.execute(f"DELETE FROM signs WHERE {mine}", (seq,))
        for table in ("staged", "span"):
            self.db.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))

    def show(self, seqs: Iterable[int]) -> None:
        """Let staged packs be found: their stage was committed."""
        with self._writing():
            self.db.executemany("DELETE FROM staged WHERE seq = ?", ((seq,) for seq in seqs))

    def mark_seen(self, version: int) -> None:
        with self._writing():
            self.db.execute("UPDATE meta SET value = ? WHERE key = 'seen'", (version,))

    def purge(self) -> bool:
        """Merge what holds removed words, write every page anew if anything was removed, and empty the log.

        False if a reader held the log back. secure_delete wipes a row where it is deleted, not the images of it that balancing
        left in the gaps of other pages (measured on codes).
        """
        with self._errors():
            if residue := self.number("residue"):
                if residue == UNMERGED:
                    self._merge()
                with self._writing():
                    self.db.execute("UPDATE meta SET value = 0 WHERE key = 'residue'")
                try:
                    self.db.execute("VACUUM")
                except apsw.Error:
                    self.db.execute("UPDATE meta SET value = 1 WHERE key = 'residue'")
                    raise
            return checkpoint(self.db)

    def _merge(self) -> None:
        """SQLite's `optimize` in short steps: a negative step takes all parts as one level, the others go on with it."""
        step = -MERGE_STEP
        while True:
            before = self.db.total_changes()
            with self._transaction("BEGIN IMMEDIATE"):
                self.db.execute("INSERT INTO words(words, rank) VALUES ('merge', ?)", (step,))
            if self.db.total_changes() - before < 2:
                return
            step = MERGE_STEP

    # --- topics -------------------------------------------------------------------------------------------------------

    def weave(self) -> None:
        """Compare what has not been compared, and grow the forest again if anything changed. At once if nothing did.

        Raises nothing if others keep changing the index meanwhile: it is left as it was, for the next to weave.
        """
        for _ in range(WEAVES):
            if self._state() == self.number("woven") or self._woven():
                return

    def _state(self) -> int:
        return int(self._rows("SELECT sum(value) FROM meta WHERE key IN ('changes', 'embedded', 'links')")[0][0])

    def _woven(self) -> bool:
        """Link and grow from one state of the index, in short transactions. False if somebody else wrote in between."""
        with self.reading():
            state, seqs = self._state(), threads.visible(self.db)
            found: dict[int, Gists] = {}
            for kind in threads.kinds(self.db):
                # Words count only while there is a conversation whose vectors are not made.
                if sum(len(gists.rows) for gists in found.values()) < len(seqs):
                    spoken = next((gists.rows for gists in found.values()), np.empty(0, np.int64))
                    found[kind] = threads.load(self.db, kind, seqs, spoken)
        for kind, gists in found.items():
            while gists.waiting.any():
                state += 1
                with self._writing("links"):
                    # Two that link different conversations at once would never compare those with each other.
                    if self._state() != state:
                        return False
                    threads.link(self.db, kind, gists, seqs)
        with self._writing():
            if self._state() != state + 1:
                return False
            threads.plant(self.db, seqs, found)
            self.db.execute("UPDATE meta SET value = ? WHERE key = 'woven'", (state + 1,))
        return True

    # --- vectors ------------------------------------------------------------------------------------------------------

    def encoder(self, id: str) -> tuple[int, int] | None:
        """(number, dimensions) of an encoder that gave vectors to this index."""
        rows = self._rows("SELECT number, dimensions FROM encoder WHERE id = ?", (id,))
        return (rows[0][0], rows[0][1]) if rows else None

    def add_encoder(self, id: str, dimensions: int) -> int:
        with self._writing("embedded"):
            self.db.execute("INSERT OR IGNORE INTO encoder(id, dimensions) VALUES (?, ?)", (id, dimensions))
            return int(self._rows("SELECT number FROM encoder WHERE id = ?", (id,))[0][0])

    def waiting(self, encoder: int) -> list[int]:
        """Seqs without vectors of an encoder, the most recent first."""
        rows = self._rows(
            """SELECT seq FROM span WHERE seq NOT IN (SELECT seq FROM signs WHERE encoder = ?)
            AND seq NOT IN (SELECT seq FROM staged) ORDER BY updated DESC NULLS LAST, seq DESC""",
            (encoder,),
        )
        return [seq for (seq,) in rows]

    def pending(self, encoder: int) -> tuple[int, int]:
        """(units that wait for vectors of an encoder, units that are done)."""
        rows = self._rows(
            """SELECT coalesce(sum(count) FILTER (WHERE NOT done), 0), coalesce(sum(count) FILTER (WHERE done), 0) FROM
            (SELECT count, seq IN (SELECT seq FROM signs WHERE encoder = ?) AS done FROM span
            WHERE seq NOT IN (SELECT seq FROM staged))""",
            (encoder,),
        )
        return rows[0][0], rows[0][1]

    def put_vectors(self, encoder: int, vectors: Iterable[tuple[int, bytes, bytes, bytes]]) -> None:
        """(seq, ordinals, signs, codes) each. Of a pack that has left meanwhile, or has them already, nothing is kept."""
        with self._writing("embedded"):
            for seq, ordinals, bits, codes in vectors:
                self.db.execute(
                    "INSERT OR IGNORE INTO signs(encoder, seq, ordinals, bits) SELECT ?, seq, ?, ? FROM span WHERE seq = ?",
                    (encoder, ordinals, bits, seq),
                )
                if self.db.changes():
                    self.db.execute("INSERT INTO codes VALUES (?, ?)", (self.db.last_insert_rowid(), codes))
                    threads.put_vectors(self.db, encoder, seq, ordinals, codes)

    def drop_other_vectors(self, encoder: int) -> None:
        if not self._rows("SELECT 1 FROM encoder WHERE number <> ?", (encoder,)):
            return  # to look for none in all of a large index takes longer than to embed a conversation
        with self._writing("embedded"):
            self.db.execute("DELETE FROM codes WHERE number IN (SELECT number FROM signs WHERE encoder <> ?)", (encoder,))
            self.db.execute("DELETE FROM signs WHERE encoder <> ?", (encoder,))
            self.db.execute("DELETE FROM gist WHERE encoder NOT IN (0, ?)", (encoder,))
            self.db.execute("DELETE FROM encoder WHERE number <> ?", (encoder,))

    def take_vectors(self, other: Contents) -> None:
        """Copy the vectors of the packs that are here from another file, as far as it can be read."""
        here = self.counts()
        with contextlib.suppress(apsw.CorruptError, apsw.IOError, apsw.SQLError, Damaged):
            for old, id, dimensions in other._rows("SELECT number, id, dimensions FROM encoder ORDER BY number"):
                number = self.add_encoder(id, dimensions)
                rows = other.db.cursor().execute(
                    "SELECT seq, ordinals, bits, codes FROM signs JOIN codes USING (number) WHERE encoder = ? ORDER BY seq", (old,)
                )
                while batch := [row for _, row in zip(range(200), rows, strict=False)]:
                    self.put_vectors(number, (row for row in batch if row[0] in here))


def _roles(run: Run) -> bytes:
    return bytes(unit.role | (0 if unit.text else SILENT) for unit in run.units)


def _columns(run: Run, first: int, texts: list[tuple[int, str]]) -> tuple[bytes, bytes, bytes, bytes, str, bytes]:
    """(roles, times, traits, lengths, names, who) as `span` keeps them."""
    lengths = np.zeros(len(run.units), "<u4")
    lengths[[unit - first for unit, _ in texts]] = [len(text.encode()) for _, text in texts]
    traits = bytes(unit.traits for unit in run.units)
    names = list(dict.fromkeys(unit.name for unit in run.units if unit.name))[:NAMED]
    number = {name: n for n, name in enumerate(names, 1)}
    who = bytes(number.get(unit.name, 0) for unit in run.units) if names else b""
    return _roles(run), _times(run), traits, lengths.tobytes(), "\n".join(names), who


def _times(run: Run) -> bytes:
    times = array.array("q", (UNKNOWN if unit.time is None else unit.time for unit in run.units))
    if sys.byteorder == "big":
        times.byteswap()
    return times.tobytes()


def _texts(first: int, run: Run) -> list[tuple[int, str]]:
    return [(unit, split(text)) for unit, text in enumerate((unit.text for unit in run.units), first) if text]


def _checksum(texts: list[tuple[int, str]]) -> int:
    """Of the words of a run: it goes with them, so it tells nothing of what was erased."""
    checksum = 0
    for unit, text in texts:
        checksum = zlib.crc32(text.encode(), zlib.crc32(unit.to_bytes(8, "little"), checksum))
    return checksum
