"""The law of the readers: every leaf value of a slice is found in the records made of it, at least as often.

A leaf is a string, a number (its literal as the decoder keeps it) or true/false. Null and empty containers say nothing and are
not counted. A number may come back as the string in `Instant.given`, so that leaves are compared by their text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from souviens.formats import Reader, plain
from souviens.formats._document import BESIDE
from souviens.jsonspan import Slice
from souviens.records import Json, Reading


def leaves(value: Json) -> Counter[str]:
    """Every leaf of a JSON value with its count. Does not recurse, so that depth is no matter."""
    found: Counter[str] = Counter()
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
        elif value is not None:
            found[str(value).lower() if isinstance(value, bool) else str(value)] += 1
    return found


def reading_leaves(reading: Reading) -> Counter[str]:
    """Every leaf of the records of a reading; problems and counts are no records."""
    records = (*reading.conversations, *reading.memories, *reading.topics)
    return leaves([msgspec.to_builtins(record) for record in records])


def said(format: Reader, slice: Slice) -> Json:
    """What a slice says, as JSON."""
    return format.value(slice) if slice.kind in plain(format.NAME) else slice.value  # type: ignore[attr-defined]


def unaccounted(format: Reader, slice: Slice, reading: Reading) -> Counter[str]:
    """The leaves of a slice that its records hold less often, after what is rightly said otherwise: an empty string says nothing; a
    word of the provider's for which records have one of their own counts as that; ids of conversations, messages, their parents
    and children are the graph itself. A member that nobody knows is no record: the receipt names it."""
    if slice.kind == BESIDE:
        return Counter(dict.fromkeys({slice.where} - reading.unknown.keys(), 1))
    words: dict[str, str] = getattr(format, "WORDS", {})
    graph = {m.provider_id for c in reading.conversations for m in c.messages}
    graph |= {c.provider_id for c in reading.conversations} | {m.provider_id for m in reading.memories}
    kept = reading_leaves(reading)
    missing = leaves(said(format, slice)) - kept
    return Counter({leaf: n for leaf, n in missing.items() if leaf and leaf not in graph and words.get(leaf, leaf) not in kept})


def lost(value: Json, readings: Iterable[Reading]) -> Counter[str]:
    """The leaves of `value` that the readings hold less often. Empty when nothing is lost."""
    kept: Counter[str] = Counter()
    for reading in readings:
        kept.update(reading_leaves(reading))
    return leaves(value) - kept


def paths(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value inside a JSON value, containers included, the value itself first."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for place, member in members:
        yield from paths(member, (*path, place))


def replaced(value: Json, path: tuple[str | int, ...], new: Json) -> Json:
    """A copy of `value` with `new` at `path`; what is not on the path is shared."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy
