"""Reading slices that hold one statement each (a memory, a thing in a graph), for formats that remember rather than talk.

A format says with a function what it makes of the object's `Fields`; here is the refusal of what cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TypeAlias

from msgspec.structs import replace

from souviens.canon import canonical
from souviens.formats import Place
from souviens.formats._dialogue import loaded, refused
from souviens.formats._fields import NOT_A_NUMBER, NOT_UTF8, Fields, Unknown, name_type, note
from souviens.jsonspan import Flaws, Slice
from souviens.records import Extra, Memory, Problem, Reading, Topic

NO_WORDS = "holds no text"
Statement: TypeAlias = Callable[[Fields, Unknown], Memory | Topic | str]


def stated(slice: Slice, statement: Statement) -> Reading:
    """The memory or topic that `statement` makes of a slice's object; a Problem if it cannot be used, or for the reason that
    `statement` gives instead of a record."""
    slice = loaded(slice)
    if reason := _refusal(slice):
        return refused(slice, reason, "memory")
    unknown = Unknown()
    try:
        record = statement(Fields(slice.value), unknown)
        canonical(record)
    except RecursionError:
        return refused(slice, "nested too deeply to be written again", "memory")
    if isinstance(record, str):
        return Reading(problems=(Problem("memory", slice.path, slice.where, record),), unknown=unknown)
    record = replace(record, extra=_noted(record.extra, slice.flaws or Flaws()))
    if isinstance(record, Memory):
        return Reading(memories=(record,), unknown=unknown)
    return Reading(topics=(record,), unknown=unknown)


def _refusal(slice: Slice) -> str:
    if slice.damage:
        return slice.damage
    if not isinstance(slice.value, dict):
        return f"not an object but {name_type(slice.value)}"
    if slice.flaws is not None and slice.flaws.unreal:
        return NOT_A_NUMBER
    return NOT_UTF8 if slice.flaws is not None and slice.flaws.bad_utf8 else ""


def _noted(extra: Extra, flaws: Flaws) -> Extra:
    """An `extra` with what had to be mended to read the slice."""
    extra = dict(extra)
    if flaws.surrogates:
        note(extra, "surrogates", [[path, escape] for path, escape in flaws.surrogates])
    if flaws.duplicates:
        note(extra, "duplicate_keys", [[key, values] for key, values in flaws.duplicates])
    return extra


def whole(reading: Reading, ids: Set[str]) -> list[Place]:
    """What an erasure blanks in a slice that is one statement: all of it, if it makes one of these memories or topics."""
    told = {memory.id for memory in reading.memories} | {topic.id for topic in reading.topics}
    return [Place(())] if told & ids else []
