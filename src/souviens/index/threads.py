"""The rows behind the forest: gists, links, telling words and episodes of each conversation, kept and forgotten with its pack.

Called inside the transactions of `Contents`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import apsw
import msgspec
import numpy as np
from numpy.typing import NDArray

from souviens.index import episodes, forest, gist
from souviens.index.layout import Integers
from souviens.index.telling import TURNS, Telling, Word, telling
from souviens.index.text import HEADER, SILENT, Run
from souviens.records import ROLES

OPENING = 240  # characters of a turn that are read for what it is about
_USER = ROLES.index("user")
_words = msgspec.json.Decoder(list[Word])


class Made(NamedTuple):
    """What is kept of a conversation's words. started: microseconds, None if unknown. episodes: ordinals, as bytes."""

    started: int | None
    episodes: bytes


def about(run: Run) -> Telling:
    """The telling words of a conversation: of its title and how the person's turns begin, or any turns if there is no person."""
    turns = [unit for unit in run.units if unit.role < SILENT and unit.role != HEADER and unit.text]
    asked = [unit for unit in turns if unit.role == _USER] or turns
    title = run.units[0].text if run.units and run.units[0].role == HEADER else ""
    step = -(-len(asked) // TURNS)
    return telling((unit.text[:OPENING] for unit in asked[:: max(step, 1)]), title)


def put_words(db: apsw.Connection, seq: int, run: Run) -> Made:
    """Keep what a pack's words say. Nothing is kept of what is no conversation."""
    if run.kind != "conversation":
        return Made(None, b"")
    found = about(run)
    if codes := gist.of_words(found.forms):
        db.execute("INSERT INTO gist(encoder, seq, codes) VALUES (?, ?, ?)", (gist.WORDS, seq, codes))
    db.execute("INSERT INTO telling VALUES (?, ?)", (seq, msgspec.json.encode(found.best)))
    times = [unit.time for unit in run.units if unit.time is not None]
    started = run.created if run.created is not None else min(times, default=None)
    return Made(started, _ordinals(episodes.by_words(run)))


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
    db.execute(
        "INSERT OR REPLACE INTO gist(encoder, seq, codes) VALUES (?, ?, ?)", (encoder, seq, gist.of_vectors(bare, units, vectors))
    )
    db.execute("UPDATE span SET episodes = ? WHERE seq = ?", (_ordinals(starts), seq))


def forget(db: apsw.Connection, seq: int) -> None:
    for table in ("gist", "telling"):
        db.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))


def _ordinals(starts: Integers) -> bytes:
    return starts.astype("<u4").tobytes()


# --- links and forest -------------------------------------------------------------------------------------------------


class Visible(NamedTuple):
    """The conversations that may be seen, in the order of time."""

    seqs: Integers
    known: dict[int, int]  # seq -> its place


def visible(db: apsw.Connection) -> Visible:
    found: list[tuple[int]] = db.execute(
        "SELECT seq FROM span WHERE kind = 'conversation' AND seq NOT IN (SELECT seq FROM staged) ORDER BY started NULLS LAST, id"
    ).fetchall()  # type: ignore[assignment]  # the table's own types
    seqs = [seq for (seq,) in found]
    return Visible(np.array(seqs, np.int64), {seq: place for place, seq in enumerate(seqs)})


def kinds(db: apsw.Connection) -> list[int]:
    """The encoders whose gists count: the one that made the most, then words."""
    found = db.execute("SELECT encoder FROM gist WHERE encoder <> 0 GROUP BY encoder ORDER BY count(*) DESC, encoder LIMIT 1")
    return [*(encoder for (encoder,) in found), gist.WORDS]


def load(db: apsw.Connection, encoder: int, visible: Visible) -> forest.Gists:
    """All gists of a kind. One that is linked to what has left waits again."""
    found = [
        (visible.known[seq], codes, nearest, strength)
        for seq, codes, nearest, strength in db.execute(
            "SELECT seq, codes, nearest, strength FROM gist WHERE encoder = ?", (encoder,)
        )
        if seq in visible.known
    ]
    found.sort(key=lambda row: row[0])
    rows = np.array([row for row, _, _, _ in found], np.int64)
    codes = np.frombuffer(b"".join(codes for _, codes, _, _ in found), np.int8).reshape(len(found), -1 if found else 1)
    place = {row: n for n, (row, _, _, _) in enumerate(found)}
    gone = len(found)
    linked = [_place(visible, place, nearest, gone) for _, _, nearest, _ in found]
    nearest = np.array(linked, np.int64)
    waiting = nearest == gone
    strengths = np.array([strength or 0.0 for _, _, _, strength in found])
    return forest.gists(rows, codes, np.where(waiting, -1, nearest), strengths, waiting)


def _place(visible: Visible, place: dict[int, int], nearest: int | None, gone: int) -> int:
    """Where the linked gist stands: -1 if there is none, `gone` if this one has to be compared (again)."""
    if nearest == forest.NONE:
        return -1
    return gone if nearest is None else place.get(visible.known.get(nearest, -1), gone)


def link(db: apsw.Connection, encoder: int, found: forest.Gists, seqs: Integers) -> None:
    """Compare some gists that wait, and write their links and those that changed."""
    new = np.flatnonzero(found.waiting)[: forest.TOGETHER]
    changed = forest.compare(found, new, forest.likeness(encoder).near)
    linked = found.nearest[changed]
    towards = np.where(linked >= 0, seqs[found.rows[np.maximum(linked, 0)]], forest.NONE)
    rows = zip(towards.tolist(), found.strength[changed].tolist(), seqs[found.rows[changed]].tolist(), strict=True)
    db.executemany(f"UPDATE gist SET nearest = ?, strength = ? WHERE encoder = {encoder:d} AND seq = ?", (row for row in rows))


def plant(db: apsw.Connection, visible: Visible, found: dict[int, forest.Gists]) -> int:
    """Write the forest into the spans, where it changed. How many did."""
    grown = forest.grow(len(visible.seqs), found)
    seqs = visible.seqs
    parents = np.where(grown.parents >= 0, seqs[np.maximum(grown.parents, 0)], forest.NONE) if len(seqs) else seqs
    rows = set(zip(seqs.tolist(), parents.tolist(), grown.strengths.tolist(), seqs[grown.roots].tolist(), strict=True))
    before = set(db.execute("SELECT seq, parent, strength, thread FROM span WHERE kind = 'conversation'"))
    changed = rows - before
    db.executemany(
        "UPDATE span SET parent = ?, strength = ?, thread = ? WHERE seq = ?", ((p, s, t, seq) for seq, p, s, t in changed)
    )
    return len(changed)


# --- reading ----------------------------------------------------------------------------------------------------------


def words_of(db: apsw.Connection, seqs: Iterable[int]) -> dict[int, list[Word]]:
    """The telling words of conversations."""
    wanted = msgspec.json.encode(list(seqs)).decode()
    rows = db.execute("SELECT seq, words FROM telling WHERE seq IN (SELECT value FROM json_each(?))", (wanted,))
    return {seq: _words.decode(words) for seq, words in rows}


def gists_of(db: apsw.Connection, seqs: Sequence[int]) -> dict[int, tuple[int, NDArray[np.float64]]]:
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
