"""The rows behind the forest: gists, links, telling words and episodes of each conversation, kept and forgotten with its pack.

Called inside the transactions of `Contents`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import apsw
import msgspec
import numpy as np
from numpy.typing import NDArray

from souviens.index import episodes, forest, gist
from souviens.index.layout import UNKNOWN, Integers
from souviens.index.telling import TURNS, Word, telling, words_of
from souviens.index.text import SILENT, Run

LAST = (1 << 63) - 1  # in the place of a start nobody knows: after all others
OPENING = 200  # characters of a person's turn that are read for what it is about
_words = msgspec.json.Decoder(list[Word])


class Made(NamedTuple):
    """What is kept of a conversation's words. started: microseconds, LAST if unknown. episodes: ordinals, as bytes."""

    started: int
    episodes: bytes


def put_words(db: apsw.Connection, seq: int, run: Run) -> Made:
    """Keep what a pack's words say. Nothing is kept of what is no conversation."""
    if run.kind != "conversation":
        return Made(LAST, b"")
    roles = np.array([unit.role if unit.text else unit.role | SILENT for unit in run.units], np.uint8)
    times = np.array([UNKNOWN if unit.time is None else unit.time for unit in run.units], np.int64)
    starts = episodes.exchanges(roles)
    openings = [words_of(run.units[start].text[:OPENING]) for start in starts.tolist()]
    found = telling(openings[:: max(-(-len(openings) // TURNS), 1)], run.units[0].text)
    if codes := gist.of_words(found.forms):
        db.execute("INSERT INTO gist(encoder, seq, codes) VALUES (?, ?, ?)", (gist.WORDS, seq, codes))
    db.execute("INSERT INTO telling VALUES (?, ?)", (seq, msgspec.json.encode(found.best)))
    return Made(started(run), _ordinals(episodes.by_words(roles, times, starts, openings)))


def started(run: Run) -> int:
    """When a conversation began, microseconds; LAST if nobody knows, or if it is none."""
    times = [unit.time for unit in run.units if unit.time is not None]
    if run.kind != "conversation":
        return LAST
    return run.created if run.created is not None else min(times, default=LAST)


def untold(db: apsw.Connection) -> list[int]:
    """The seqs of the conversations whose words were not read yet for what they are about."""
    found = db.execute("""SELECT seq FROM span WHERE kind = 'conversation' AND seq NOT IN (SELECT seq FROM telling)
        AND seq NOT IN (SELECT seq FROM staged) ORDER BY seq""")
    return [seq for (seq,) in found]


def tell(db: apsw.Connection, seq: int, run: Run) -> None:
    """Do what `put_words` does for a pack that is here without it."""
    if db.execute("SELECT 1 FROM span WHERE seq = ? AND seq NOT IN (SELECT seq FROM telling)", (seq,)).fetchone():
        made = put_words(db, seq, run)
        db.execute("UPDATE span SET episodes = ? WHERE seq = ?", (made.episodes, seq))
        # Vectors that came first said what they say without its words.
        # By encoder, as the key begins with it: by seq alone all of a large index is looked through.
        there = db.execute(
            """SELECT encoder, ordinals, codes FROM signs JOIN codes USING (number)
            WHERE encoder IN (SELECT number FROM encoder) AND seq = ?""",
            (seq,),
        )
        for encoder, ordinals, codes in list(there):
            put_vectors(db, encoder, seq, ordinals, codes)


def put_vectors(db: apsw.Connection, encoder: int, seq: int, ordinals: bytes, codes: bytes) -> None:
    """Keep what a pack's vectors say."""
    found = db.execute("SELECT roles, times FROM span WHERE seq = ? AND kind = 'conversation'", (seq,)).fetchone()
    if found is None or not codes:
        return
    roles, times = found
    vectors = np.frombuffer(codes, np.int8).reshape(len(ordinals) // 4, -1)
    units = np.frombuffer(ordinals, "<u4").astype(np.int64)
    bare = np.frombuffer(roles, np.uint8)
    kept = units > 0  # a title has a vector of its own, which would begin an episode
    starts = episodes.by_vectors(bare, np.frombuffer(times, "<i8"), units[kept], vectors[kept])
    said = db.execute("SELECT codes FROM gist WHERE encoder = ? AND seq = ?", (gist.WORDS, seq)).fetchone()
    made = gist.of_vectors(bare, units, vectors, said[0] if said else b"")
    # From now on vectors speak for it: a link by its words would not be kept up to date.
    db.execute("UPDATE gist SET nearest = NULL, strength = NULL WHERE encoder = ? AND seq = ?", (gist.WORDS, seq))
    db.execute("INSERT OR REPLACE INTO gist(encoder, seq, codes) VALUES (?, ?, ?)", (encoder, seq, made))
    db.execute("UPDATE span SET episodes = ? WHERE seq = ?", (_ordinals(starts), seq))


def forget(db: apsw.Connection, seq: int) -> None:
    db.execute("DELETE FROM gist WHERE encoder IN (SELECT number FROM encoder UNION SELECT 0) AND seq = ?", (seq,))
    db.execute("DELETE FROM telling WHERE seq = ?", (seq,))


def _ordinals(starts: Integers) -> bytes:
    return starts.astype("<u4").tobytes()


# --- links and forest -------------------------------------------------------------------------------------------------


def visible(db: apsw.Connection) -> Integers:
    """The seqs of the conversations that may be seen, in the order of time."""
    found = db.execute(
        "SELECT seq FROM span WHERE kind = 'conversation' AND seq NOT IN (SELECT seq FROM staged) ORDER BY started, id"
    ).fetchall()
    return np.array(found, np.int64).reshape(-1)


def kinds(db: apsw.Connection) -> list[int]:
    """The encoders whose gists count: the one that made the most, then words."""
    found = db.execute("SELECT encoder FROM gist WHERE encoder <> 0 GROUP BY encoder ORDER BY count(*) DESC, encoder LIMIT 1")
    return [*(encoder for (encoder,) in found), gist.WORDS]


def load(db: apsw.Connection, encoder: int, seqs: Integers, spoken: Integers) -> forest.Gists:
    """All gists of a kind of the conversations `seqs`. One that is linked to what has left waits again.

    spoken: places of the conversations another kind speaks for.
    """
    found = db.execute("SELECT seq, codes, coalesce(nearest, -1), coalesce(strength, 0.0) FROM gist WHERE encoder = ?", (encoder,))
    columns = list(zip(*found, strict=True)) or [(), (), (), ()]
    rows = _where(seqs, np.array(columns[0], np.int64))
    kept = np.flatnonzero(rows >= 0)
    kept = kept[np.argsort(rows[kept])]
    rows = rows[kept]
    codes = np.frombuffer(b"".join(columns[1]), np.int8).reshape(len(columns[1]), -1 if columns[1] else 1)[kept]
    linked = np.array(columns[2], np.int64)[kept]
    nearest = _where(rows, _where(seqs, linked))
    waiting = (nearest < 0) & (linked != forest.NONE)
    strength = np.where(waiting, 0.0, np.array(columns[3], np.float64)[kept])
    return forest.gists(rows, codes, nearest, strength, waiting, np.isin(rows, spoken))


def _where(among: Integers, wanted: Integers) -> Integers:
    """The place of each number among others, -1 for one that is not there."""
    if not len(among):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(among)
    place = order[np.minimum(np.searchsorted(among, wanted, sorter=order), len(among) - 1)]
    return np.where(among[place] == wanted, place, -1)


def link(db: apsw.Connection, encoder: int, found: forest.Gists, seqs: Integers) -> None:
    """Compare some gists that wait, and write their links and those that changed."""
    new = np.flatnonzero(found.waiting)[: forest.TOGETHER]
    changed = forest.compare(found, new, forest.likeness(encoder).near)
    changed = changed[~found.spoken[changed]]
    linked = found.nearest[changed]
    towards = np.where(linked >= 0, seqs[found.rows[np.maximum(linked, 0)]], forest.NONE)
    rows = zip(towards.tolist(), found.strength[changed].tolist(), seqs[found.rows[changed]].tolist(), strict=True)
    db.executemany(f"UPDATE gist SET nearest = ?, strength = ? WHERE encoder = {encoder:d} AND seq = ?", (row for row in rows))


def plant(db: apsw.Connection, seqs: Integers, found: dict[int, forest.Gists]) -> None:
    """Write the forest of the conversations `seqs` into their spans, where it changed."""
    grown = forest.grow(len(seqs), found)
    parents = np.where(grown.parents >= 0, seqs[grown.parents], forest.NONE)
    threads = seqs[grown.roots]
    before = db.execute("SELECT seq, parent, strength, thread FROM span WHERE kind = 'conversation' AND thread IS NOT NULL")
    columns = list(zip(*before, strict=True)) or [(), (), (), ()]
    place = _where(np.array(columns[0], np.int64), seqs)
    same = place >= 0
    for now, column in ((parents, columns[1]), (grown.strengths, columns[2]), (threads, columns[3])):
        same[same] &= np.array(column, now.dtype)[place[same]] == now[same]
    changed = np.flatnonzero(~same)
    rows = zip(
        parents[changed].tolist(), grown.strengths[changed].tolist(), threads[changed].tolist(), seqs[changed].tolist(), strict=True
    )
    db.executemany("UPDATE span SET parent = ?, strength = ?, thread = ? WHERE seq = ?", rows)


# --- reading ----------------------------------------------------------------------------------------------------------


def told(db: apsw.Connection, seqs: Iterable[int]) -> dict[int, list[Word]]:
    """The telling words of conversations."""
    wanted = msgspec.json.encode(list(seqs)).decode()
    rows = db.execute("SELECT seq, words FROM telling WHERE seq IN (SELECT value FROM json_each(?))", (wanted,))
    return {seq: _words.decode(words) for seq, words in rows}


def gists_of(db: apsw.Connection, seqs: Iterable[int]) -> dict[int, tuple[int, NDArray[np.float64]]]:
    """(encoder, unit vector) of conversations, by seq: of their vectors if there are any, else of their words."""
    found: dict[int, tuple[int, NDArray[np.float64]]] = {}
    wanted = msgspec.json.encode(list(seqs)).decode()
    for encoder in reversed(kinds(db)):
        rows = db.execute(
            "SELECT seq, codes FROM gist WHERE encoder = ? AND seq IN (SELECT value FROM json_each(?))", (encoder, wanted)
        )
        for seq, codes in rows:
            vector = np.frombuffer(codes, np.int8).astype(np.float64)
            found[seq] = encoder, vector / max(float(np.linalg.norm(vector)), 1e-9)
    return found
