"""Which run of rows came before which. Nothing in a row says so: the order of the files does, which is newest first, and the
conversation's `extra` says so under "graph".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from msgspec.structs import replace

from souviens.formats._fields import note
from souviens.formats.gemini import activity
from souviens.formats.gemini.activity import Joined, Run, Tally, alike_before, conversations_of, count, dialogue, key
from souviens.formats.gemini.counted import Counted, holds
from souviens.formats.gemini.moments import moment
from souviens.records import Json, Reading


def read(run: Run, sidecars: Json) -> Reading:
    """The conversation of a run, as far as the run tells of it, hung on what the order of the files says came before."""
    order = sidecars.get("order") if isinstance(sidecars, dict) else None
    named = conversations_of(run.rows[0]) if run.rows else []
    if not isinstance(order, Order) or len(named) != 1:
        return activity.read(run, sidecars)
    if order.is_whole(named[0], run.slice.data):
        reading = activity.read(run, sidecars, _is_upward([_us(run.rows[0]), _us(run.rows[-1])]))
        return _hung(reading, {}) if len(run.rows) > 1 else reading
    id = dialogue(run).conversation_id(run.slice)
    reading = activity.read(run, sidecars, id in order.runs.upward)
    if not order.runs.is_noted(id):
        return reading
    return _hung(reading, order.runs.before if isinstance(run.slice.value, Joined) else order.rows.before)


def _hung(reading: Reading, before: Mapping[str, str]) -> Reading:
    """A conversation of several rows, the messages that hang on nothing hung on what came before them."""
    found = []
    for conversation in reading.conversations:
        extra = dict(conversation.head.extra)
        note(extra, "graph", "file order")
        messages = tuple(
            replace(message, parent=before[message.id]) if message.parent is None and message.id in before else message
            for message in (conversation.messages if before else ())
        )
        head = replace(conversation.head, extra=extra)
        found.append(replace(conversation, head=head, messages=messages or conversation.messages))
    return replace(reading, conversations=tuple(found))


class Order:
    """The order of the rows of a delivery, found out as far as it is asked for.

    counted: the links in its files, None if they could not be counted. chain: makes the chain of what a run is split into.
    """

    def __init__(self, counted: Counted | None, chain: Callable[[Callable[[Run], list[Run]]], Chain]) -> None:
        self._counts = counted.counts if counted else {}
        self._chain = chain
        if counted is None or counted.parted:
            _ = self.runs  # it will be asked for: now, while the files are as they were when they were counted

    def is_whole(self, named: str, data: bytes) -> bool:
        """Whether the bytes of a run hold every link to the conversation, and so all that is told of it."""
        id = named.encode() if named.isascii() else b""  # the pattern of links ends before any other letter
        return id in self._counts and holds(data, id, self._counts[id])

    @cached_property
    def runs(self) -> Chain:
        return self._chain(lambda run: [run])

    @cached_property
    def rows(self) -> Chain:
        """For a linked row that is a slice of its own: the first reader knew no runs, and a vault may hold what it cut."""
        return self._chain(apart)


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
    first."""

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
            upward = _is_upward([us for link in links for us in (link.above_us, link.below_us)])
            if upward:
                self.upward.add(id)
            once = {link.above: link for link in (links if upward else links[::-1])}
            for earlier, link in pairwise(once.values()):
                last, first = (earlier.below, link.above) if upward else (earlier.above, link.below)
                if earlier.path == link.path or not _overlap(earlier, link):
                    self.before[first[0]] = last[1]
        return self

    def is_noted(self, id: str) -> bool:
        """Whether a conversation has several rows, of which only the order of the files says which came first."""
        links = self.runs.get(id, ())
        return len(links) > 1 or any(link.above != link.below for link in links)


def _is_upward(times: list[int | None]) -> bool:
    """Whether rows are oldest first, by the first and the last of their times that is known."""
    known = [us for us in times if us is not None]
    return bool(known) and known[0] < known[-1]


def _overlap(earlier: Link, later: Link) -> bool:
    """Whether runs of two files are of the same time, so that neither came before the other."""
    ends = [us for us in (earlier.above_us, earlier.below_us) if us is not None]
    starts = [us for us in (later.above_us, later.below_us) if us is not None]
    return bool(ends and starts) and max(ends) > min(starts)


def apart(run: Run) -> list[Run]:
    """The rows of a run, each as one of its own."""
    if len(run.rows) < 2:
        return [run]
    found: list[Run] = []
    told: dict[tuple[str, ...], Tally] = {}
    for place, (row, room) in enumerate(zip(run.rows, run.rooms, strict=True)):
        own = key(row, room)
        before = told.get(own, run.before.get(place, Tally()))
        found.append(Run(run.slice, [row], [room], before={0: before} if any(before) else {}))
        told[own] = before.plus(row)
    return found


def link_of(run: Run) -> tuple[str, Link] | None:
    """(conversation id, link) of a run; None if it names no conversation."""
    if not run.rows or len(conversations_of(run.rows[0])) != 1:
        return None
    rows, rooms = run.rows, run.rooms
    time, last = rows[-1].get("time"), key(rows[-1], rooms[-1])
    alike = any(rows[at].get("time") == time and key(rows[at], rooms[at]) == last for at in range(1, len(rows) - 1))
    # Ids of rows that are alike are counted, so that those of the last one can depend on all.
    if not alike and len(rows) > 2:
        before = {new: run.before[place] for new, place in enumerate((0, len(rows) - 1)) if place in run.before}
        run = Run(run.slice, [rows[0], rows[-1]], [rooms[0], rooms[-1]], before=before)
    reader = dialogue(run)
    ids = reader.ids(run.slice)[len(alike_before(run)) :]
    if not ids:
        return None
    ends = (ids[0], ids[count(rows[0]) - 1]), (ids[-count(rows[-1])], ids[-1])
    return reader.conversation_id(run.slice), Link(run.slice.path, *ends, _us(rows[0]), _us(rows[-1]))


def _us(row: dict[str, Json]) -> int | None:
    time = row.get("time")
    return moment(time).us if isinstance(time, str) else None
