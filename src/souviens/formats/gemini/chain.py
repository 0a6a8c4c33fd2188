"""Which run of rows came before which. Nothing in a row says so: the order of the files does, which is newest first, and the
conversation's `extra` says so under "graph".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from msgspec.structs import replace

from souviens.formats._fields import note
from souviens.formats.gemini import activity
from souviens.formats.gemini.activity import Joined, Run, conversations_of, count, dialogue, key
from souviens.formats.gemini.moments import moment
from souviens.records import Conversation, Json, Reading


def read(run: Run, sidecars: Json) -> Reading:
    """The conversation of a run, as far as the run tells of it, hung on what the chain says came before."""
    chain = sidecars.get("chain") if isinstance(sidecars, dict) else None
    if not isinstance(chain, Chain):
        return activity.read(run, sidecars)
    upward = dialogue(run).conversation_id(run.slice) in chain.upward
    reading = activity.read(run, sidecars, upward)
    is_row = not isinstance(run.slice.value, Joined)
    return replace(reading, conversations=tuple(chain.hung(found, is_row=is_row) for found in reading.conversations))


class Link(NamedTuple):
    """A run as a link of its conversation's chain: the file it is of, the first and last message of its first and of its last row,
    and when these were, in microseconds."""

    path: str
    above: tuple[str, str]
    below: tuple[str, str]
    above_us: int | None
    below_us: int | None


@dataclass
class Chain:
    """The runs of a whole delivery by conversation: for every run the message before it, and which conversations' files are oldest
    first. every_row: the same of its rows, which is asked for only where a linked row is a slice of its own: the first reader knew
    no runs, and a vault may hold what it cut."""

    every_row: Callable[[], Chain]
    runs: dict[str, list[Link]] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    upward: set[str] = field(default_factory=set)

    def add(self, links: Iterable[tuple[str, Link]]) -> None:
        """The runs of the next file, in its order."""
        for conversation, link in links:
            self.runs.setdefault(conversation, []).append(link)

    def closed(self) -> Chain:
        """The chain, with every run hung on the one before it. A file is newest first, unless its times say otherwise."""
        for id, links in self.runs.items():
            times = [us for link in links for us in (link.above_us, link.below_us) if us is not None]
            upward = bool(times) and times[0] < times[-1]
            if upward:
                self.upward.add(id)
            once = {link.above: link for link in (links if upward else links[::-1])}
            for earlier, link in pairwise(once.values()):
                last, first = (earlier.below, link.above) if upward else (earlier.above, link.below)
                if earlier.path == link.path or not _overlap(earlier, link):
                    self.before[first[0]] = last[1]
        return self

    @cached_property
    def _rows(self) -> Chain:
        return self.every_row()

    def hung(self, conversation: Conversation, *, is_row: bool) -> Conversation:
        """The conversation of one run, or of a row that is none, hung on what came before it."""
        runs = self.runs.get(conversation.id, ())
        if len(runs) < 2 and not any(link.above != link.below for link in runs):
            return conversation
        extra = dict(conversation.head.extra)
        note(extra, "graph", "file order")
        head = replace(conversation.head, extra=extra)
        before = self._rows.before if is_row else self.before
        messages = [
            replace(message, parent=before[message.id]) if message.parent is None and message.id in before else message
            for message in conversation.messages
        ]
        return replace(conversation, head=head, messages=tuple(messages))


def _overlap(earlier: Link, later: Link) -> bool:
    """Whether runs of two files are of the same time, so that neither came before the other."""
    ends = [us for us in (earlier.above_us, earlier.below_us) if us is not None]
    starts = [us for us in (later.above_us, later.below_us) if us is not None]
    return bool(ends and starts) and max(ends) > min(starts)


def apart(run: Run) -> list[Run]:
    """The rows of a run, each as one of its own."""
    return [Run(run.slice, [row], [room]) for row, room in zip(run.rows, run.rooms, strict=True)]


def link_of(run: Run) -> tuple[str, Link] | None:
    """(conversation id, link) of a run; None if it names no conversation."""
    if not run.rows or len(conversations_of(run.rows[0])) != 1:
        return None
    rows, rooms = run.rows, run.rooms
    time, last = rows[-1].get("time"), key(rows[-1], rooms[-1])
    alike = any(rows[at].get("time") == time and key(rows[at], rooms[at]) == last for at in range(1, len(rows) - 1))
    # Ids of rows that are alike are counted, so that those of the last one can depend on all.
    reader = dialogue(run if alike or len(rows) < 3 else Run(run.slice, [rows[0], rows[-1]], [rooms[0], rooms[-1]]))
    ids = reader.ids(run.slice)
    if not ids:
        return None
    ends = (ids[0], ids[count(rows[0]) - 1]), (ids[-count(rows[-1])], ids[-1])
    return reader.conversation_id(run.slice), Link(run.slice.path, *ends, _us(rows[0]), _us(rows[-1]))


def _us(row: dict[str, Json]) -> int | None:
    time = row.get("time")
    return moment(time).us if isinstance(time, str) else None
