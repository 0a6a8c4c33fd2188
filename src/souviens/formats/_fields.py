"""Taking an object of an export apart: what a record has a field for is taken, what is left over is the record's `extra`."""

from __future__ import annotations

from decimal import Decimal

from souviens.canon import Instant, epoch, rfc3339, unknown
from souviens.records import Extra, Json

NOT_A_NUMBER = "a number that is not one (NaN or infinite)"
NOT_UTF8 = "text that is not UTF-8"


def id_of(value: Json) -> str | None:
    """A provider's id as a string: a string that says something, or a whole number, of any length, as the string it stands for."""
    if isinstance(value, str):
        return value or None
    whole = type(value) is int or (isinstance(value, Decimal) and value.as_tuple().exponent == 0)
    return str(value) if whole else None


class Unknown(dict[str, int]):
    """JSON paths (indexes removed) of fields that no table names, with how often each was seen."""

    def note(self, path: str) -> None:
        self[path] = self.get(path, 0) + 1


class Fields:
    """One object, being emptied. A value of another type than asked for stays, and so reaches `extra` as it was."""

    __slots__ = ("left",)

    def __init__(self, value: dict[str, Json]) -> None:
        self.left = dict(value)

    def text(self, *keys: str) -> str:
        """The first string under these keys that says something, "" if none does. Empty strings on the way are taken too."""
        for key in keys:
            value = self.left.get(key)
            if isinstance(value, str):
                del self.left[key]
                if value:
                    return value
        return ""

    def optional(self, *keys: str) -> str | None:
        return self.text(*keys) or None

    def number(self, key: str) -> int | None:
        value = self.left.get(key)
        if type(value) is not int:
            return None
        del self.left[key]
        return value

    def flag(self, key: str) -> bool:
        """True if the field is true. False is the record's default and null says nothing, so null stays."""
        return bool(self.left.pop(key)) if isinstance(self.left.get(key), bool) else False

    def items(self, key: str) -> list[Json]:
        return list(self.left.pop(key)) if isinstance(self.left.get(key), list) else []

    def several(self, key: str) -> list[Json]:
        """The items of a list that says what a message is about; what stands in its place, and says something, is one item."""
        value = self.left.get(key)
        return self.items(key) if isinstance(value, list) else [] if value in (None, "", {}) else [self.left.pop(key)]

    def time(self, key: str) -> Instant:
        if key not in self.left:
            return unknown("absent")
        if self.left[key] is None or isinstance(self.left[key], str):
            return rfc3339(self.left.pop(key))
        return unknown("not a string")

    def updated(self, key: str) -> Instant | None:
        """An update time, or None when the object has no such field."""
        return self.time(key) if key in self.left else None

    def bound(self, key: str) -> Instant | None:
        """One end of an interval. Null says that there is none, as the field's absence does."""
        if self.left.get(key) is None:
            self.left.pop(key, None)
        return self.updated(key)

    def epoch(self, key: str, *, unit: int = 0) -> Instant:
        """A time as a number since 1970, or a string. unit: 1 for seconds, 1000 for milliseconds; 0 if the source writes both,
        which their size tells apart: as milliseconds the smallest is 1973, as seconds the largest is 5138."""
        if key not in self.left:
            return unknown("absent")
        value = self.left[key]
        if isinstance(value, bool) or not (value is None or isinstance(value, (int, Decimal, str))):
            return unknown("not a time")
        del self.left[key]
        if unit == 0:
            unit = 1000 if isinstance(value, (int, Decimal)) and abs(int(value)) >= 10**11 else 1
        return epoch(value, unit=unit)

    def epoch_updated(self, key: str, *, unit: int = 0) -> Instant | None:
        """An update time as a number, or None when the object has no such field."""
        return self.epoch(key, unit=unit) if key in self.left else None

    def identifier(self, key: str) -> str | None:
        """A provider's id, a string or a number, as a string; None if there is none. A null in its place is taken too."""
        if self.left.get(key) is None:
            self.left.pop(key, None)
        if (id := id_of(self.left.get(key))) is not None:
            del self.left[key]
        return id

    def drop_id(self, key: str, own: str | None) -> None:
        """Leave an id out if it is the one that the record bears, or null."""
        if self.left.get(key) is None or (own is not None and id_of(self.left[key]) == own):
            self.left.pop(key, None)

    def inner(self, key: str) -> Fields | None:
        """The object under a key, to be taken apart in turn: what is left of it stays in this one's rest. None if there is none."""
        value = self.left.get(key)
        if not isinstance(value, dict):
            return None
        inner = Fields(value)
        self.left[key] = inner.left
        return inner

    def tidy(self, *keys: str) -> None:
        """Leave out containers that were emptied: nothing is left to be said of them."""
        for key in keys:
            if self.left.get(key) in ({}, []):
                del self.left[key]

    def drop(self, key: str, *said: Json) -> None:
        """Leave out a field if it only says what the record says anyway: one of these values."""
        if key in self.left and self.left[key] in said:
            del self.left[key]

    def rest(self, known: frozenset[str], path: str, unknown: Unknown) -> Extra:
        """What is left, for `extra`; of it, what no table knows is noted under `path`."""
        if not known.issuperset(self.left):
            for key in self.left:
                if key not in known:
                    unknown.note(f"{path}.{key}" if path else key)
        return self.left


def note(extra: Extra, key: str, value: Json) -> None:
    """Add a remark of ours to an `extra`, beside a field of the export that happens to have the same name."""
    while key in extra:
        key += " (souviens)"
    extra[key] = value


def name_type(value: Json) -> str:
    """What a misplaced value is, in the words of JSON: for Problems and for opaque parts."""
    if value is None:
        return "null"
    words = {dict: "an object", list: "an array", str: "a string", bool: "true or false"}
    return words.get(type(value), "a number")
