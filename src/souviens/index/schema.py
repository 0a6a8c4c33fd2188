"""The tables of an index file. There are no steps between versions: another version is remade, and gives its vectors."""

from __future__ import annotations

import apsw

from souviens.index.words import TOKENIZER

VERSION = "3"  # of the tables, of `text` and of `words` together

# One pack in SAMPLED (by seq) has its units below SAMPLE_END, so that `rowid < SAMPLE_END` is a sample of all messages, with
# no second table to keep and to erase. A larger boundary would cost every first entry of a word a byte.
SAMPLED, SAMPLE_END = 64, 1 << 28

_TOKENIZER = " ".join(f"'{part}'" for part in TOKENIZER)
TABLES = f"""
-- changes, embedded: counters that tell a reader its copies are old; links: another, of links written; woven: the sum of the
-- three when the forest was last grown. seen: the version of truth last synced to. residue: 1 while removed words may still lie
-- in unmerged parts of the full text. sample, rest: the next units to give out.
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('version', '{VERSION}'), ('changes', 0), ('embedded', 0), ('seen', -1), ('residue', 0), ('sample', 1),
    ('rest', {SAMPLE_END}), ('links', 0), ('woven', 0);
-- traits: a byte a unit. lengths: bytes of the words of a unit, uint32. names: of the persons in a conversation, a line each;
-- who: a byte a unit, which of them spoke (0: nobody with a name), empty if there are none.
CREATE TABLE span(first INTEGER PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, kind TEXT NOT NULL, id TEXT NOT NULL,
    provider TEXT NOT NULL, project TEXT, sensitivity INTEGER, created INTEGER, updated INTEGER, count INTEGER NOT NULL,
    checksum INTEGER NOT NULL, roles BLOB NOT NULL, times BLOB NOT NULL, traits BLOB NOT NULL, lengths BLOB NOT NULL,
    names TEXT NOT NULL, who BLOB NOT NULL,
    -- of a conversation: when it started, where its episodes begin (ordinals, uint32), and its place in the forest as seqs
    started INTEGER NOT NULL, episodes BLOB NOT NULL, parent INTEGER, strength REAL, thread INTEGER) STRICT;
CREATE INDEX span_time ON span(started, id, seq) WHERE kind = 'conversation';
-- what a conversation is about, by an encoder's vectors or (0) its words; nearest: see `forest`, NULL while not compared
CREATE TABLE gist(number INTEGER PRIMARY KEY, encoder INTEGER NOT NULL, seq INTEGER NOT NULL, codes BLOB NOT NULL,
    nearest INTEGER, strength REAL, UNIQUE(encoder, seq)) STRICT;
CREATE TABLE telling(seq INTEGER PRIMARY KEY, words BLOB NOT NULL) STRICT;
-- packs of a stage that was not committed when they were indexed: held, but found by nobody
CREATE TABLE staged(seq INTEGER PRIMARY KEY, stage INTEGER NOT NULL) STRICT;
-- without a row for the length of each text: `span` has them, see `postings`
CREATE VIRTUAL TABLE words USING fts5(text, content = '', columnsize = 0, tokenize = "{_TOKENIZER}");
CREATE VIRTUAL TABLE instance USING fts5vocab(words, instance);
CREATE TABLE encoder(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL) STRICT;
-- The signs of a pack's vectors (ordinals: uint32 a vector) are read whole by every search; their codes only for the best 400,
-- so they stand apart: 5 MB instead of 40 to read for 100,000 vectors.
CREATE TABLE signs(number INTEGER PRIMARY KEY, encoder INTEGER NOT NULL, seq INTEGER NOT NULL, ordinals BLOB NOT NULL,
    bits BLOB NOT NULL, UNIQUE(encoder, seq)) STRICT;
CREATE TABLE codes(number INTEGER PRIMARY KEY, codes BLOB NOT NULL) STRICT;
"""

# On 40 MB of Zipf text, CPU seconds per 100 MB, single runs on a busy machine: SQLite's defaults 7.1, these 4.8 to 5.8, of which
# some 3.4 are tokenising. Waiting for more than 16 parts before a merge showed no gain; a part's page fits one of 8192 bytes.
# secure-delete is said where words are added and where they are removed (`contents`).
OPTIONS = {"hashsize": 16 << 20, "automerge": 16, "crisismerge": 64, "usermerge": 2, "pgsz": 8000}


def create(db: apsw.Connection) -> None:
    """Lay out an empty index in one transaction."""
    with db:
        db.execute(TABLES)
        for name, value in OPTIONS.items():
            db.execute("INSERT INTO words(words, rank) VALUES (?, ?)", (name, value))


def fits(db: apsw.Connection) -> bool:
    """Is this a whole index of our version?"""
    try:
        return db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone() == (VERSION,)
    except (apsw.SQLError, apsw.CorruptError):
        return False
