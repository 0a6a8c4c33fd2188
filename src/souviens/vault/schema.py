"""The tables of truth.db (FORMAT.md specifies them) and the steps between its versions."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from souviens.errors import Damaged, NewerFormat

VERSION = 2

TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
-- intakes under way; a committed stage has no row, so that making it visible is deleting one row
CREATE TABLE stage(id INTEGER PRIMARY KEY AUTOINCREMENT, began TEXT NOT NULL, version INTEGER NOT NULL) STRICT;
-- number: sources in order of their arrival; one taken in again replaces its older row when its stage is committed
CREATE TABLE source(number INTEGER PRIMARY KEY, id TEXT NOT NULL, stage INTEGER NOT NULL, header BLOB NOT NULL,
    UNIQUE(id, stage)) STRICT;
CREATE TABLE member(number INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, header BLOB NOT NULL, blob BLOB, UNIQUE(source, ordinal)) STRICT;
CREATE INDEX member_blob ON member(blob) WHERE blob IS NOT NULL;
-- a member's bytes in order: a slice, literal glue, or a hole of that many bytes with its commitment
CREATE TABLE segment(member INTEGER NOT NULL REFERENCES member ON DELETE CASCADE, ordinal INTEGER NOT NULL, slice BLOB,
    kind TEXT NOT NULL, place TEXT NOT NULL, glue BLOB, hole INTEGER, commitment TEXT,
    PRIMARY KEY(member, ordinal)) STRICT, WITHOUT ROWID;
CREATE INDEX segment_slice ON segment(slice) WHERE slice IS NOT NULL;
CREATE TABLE slice(number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, data BLOB NOT NULL,
    holes BLOB) STRICT;
CREATE TABLE blob(number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, ready INTEGER NOT NULL) STRICT;
CREATE TABLE chunk(blob INTEGER NOT NULL REFERENCES blob ON DELETE CASCADE, ordinal INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY(blob, ordinal)) STRICT;
-- doomed: no longer live whatever its seq; waits for the index to let go of it
CREATE TABLE pack(seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, stage INTEGER NOT NULL,
    base INTEGER NOT NULL, doomed INTEGER NOT NULL DEFAULT 0, digest BLOB NOT NULL, data BLOB NOT NULL) STRICT;
CREATE INDEX pack_live ON pack(kind, id, seq, doomed, stage);
CREATE TABLE origin(source INTEGER NOT NULL REFERENCES source ON DELETE CASCADE, kind TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY(source, kind, id)) STRICT, WITHOUT ROWID;
CREATE TABLE tombstone(kind TEXT NOT NULL, id TEXT NOT NULL, parent TEXT NOT NULL, generation INTEGER NOT NULL,
    erased INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID;
CREATE TABLE journal(number INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, at TEXT NOT NULL, state TEXT NOT NULL,
    record BLOB NOT NULL) STRICT;
CREATE TABLE audit(number INTEGER PRIMARY KEY, entry BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
"""


def create(db: apsw.Connection) -> None:
    """Lay out an empty truth.db in one transaction."""
    with db:
        db.execute(TABLES)
        db.execute("INSERT INTO meta VALUES ('format', ?), ('version', 0)", (VERSION,))


def _add_tombstone_parent(db: apsw.Connection) -> None:
    # Version 1 kept no link from an erased message to its conversation; without it a merge cannot find the tombstones
    # that concern one conversation.
    db.execute("ALTER TABLE tombstone ADD COLUMN parent TEXT NOT NULL DEFAULT ''")


# from version -> the step to the next one
STEPS: dict[int, Callable[[apsw.Connection], None]] = {1: _add_tombstone_parent}


def format_of(db: apsw.Connection) -> int:
    """The version this truth.db was written with. Raises NewerFormat if we are too old for it, Damaged if it cannot be read."""
    try:
        version = int(str(db.execute("SELECT value FROM meta WHERE key = 'format'").get))
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise Damaged("truth.db: damaged", str(error), "restore it from a copy, then: souviens verify") from None
    if version > VERSION:
        raise NewerFormat(f"truth.db has format {version}", f"this souviens reads up to {VERSION}", "pip install -U souviens")
    return version


def migrate(db: apsw.Connection) -> None:
    """Take truth.db to VERSION, each step in a transaction of its own. The caller has kept a copy."""
    while (version := format_of(db)) < VERSION:
        with db:
            STEPS[version](db)
            db.execute("UPDATE meta SET value = ? WHERE key = 'format'", (version + 1,))
