"""Who else speaks of the same thing: a typed thing, told by its kind and by how few speak of it; not any rare word.

Rare words alone were measured to be worthless as links (docs/LOG.md). A thing has to be a name, a title, a product, a file or the
like on both sides, and one that a share of the vault smaller than `COMMON` speaks of.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from souviens.recall.mentions import TELLING, Mention, aliases, folded, key_of
from souviens.recall.references.reading import Near, Reference, Shelf, Told

THINGS = 12  # things of one text that are looked for, the most telling first
SPEAKERS = 200  # who speaks of one thing, at most: beyond, it tells nothing
READ = 16  # of them, whose texts are read
COMMON = 0.05  # of the vault; FEW are rare in any
FEW = 8
LEAST, MOST = 0.2, 12
AROUND = 150  # characters
ALONE = 0.5  # how close two texts have to be that have nothing but a day in common


class Thing(NamedTuple):
    """telling: 0 to 1, by kind and rarity. spoken_by: who else speaks of it, with the words they use."""

    mention: Mention
    telling: float
    spoken_by: tuple[tuple[Told, str], ...]


def things(shelf: Shelf, told: Told, near: list[Near]) -> list[Thing]:
    """The telling things of a text that others speak of too, the most telling first."""
    wanted = sorted(shelf.mentions(told).values(), key=lambda m: (-TELLING[m.sort], m.start))
    closeness = {n.told.id: n.closeness for n in near}
    found = (_thing(shelf, told, mention, closeness) for mention in wanted[:THINGS] if mention.sort != "amount")
    return sorted(filter(None, found), key=lambda thing: -thing.telling)


def _thing(shelf: Shelf, told: Told, mention: Mention, closeness: dict[str, float]) -> Thing | None:
    size = max(2, shelf.layout.size)
    names = [mention.text]
    hits = shelf.index.words(f'"{_sought(mention.text)}"', SPEAKERS, shelf.allowed)
    if len(hits.units) >= SPEAKERS or len(hits.units) > max(FEW, COMMON * size):
        return None
    others = [other for other, _ in shelf.told(hits.best(READ * 2))]
    others.sort(key=lambda other: -closeness.get(other.id, 0.0))
    if mention.sort in ("name", "product"):
        # Under its other names, as far as a text that speaks of it introduces them.
        said = [around(text, mention.text) for text in (told.text, *(other.text for other in others[:READ]))]
        for alias in sorted(aliases(said).get(mention.key, ()))[:3]:
            names.append(alias)
            hits = shelf.index.words(f'"{_sought(alias)}"', SPEAKERS, shelf.allowed)
            others += [other for other, _ in shelf.told(hits.best(READ))] if len(hits.units) < max(FEW, COMMON * size) else []
    spoken_by: dict[str, tuple[Told, str]] = {}
    for other in others[: READ * 2]:
        words = next(filter(None, (written(other.text, name, mention) for name in names)), None)
        if words is not None and other.id != told.id:
            spoken_by.setdefault(other.id, (other, words))
    rarity = min(1.0, math.log(size / max(1, len(spoken_by))) / math.log(size))
    telling = TELLING[mention.sort] * rarity
    return Thing(mention, telling, tuple(spoken_by.values())) if spoken_by and telling >= LEAST else None


def written(text: str, name: str, mention: Mention) -> str | None:
    """How a text writes a name, if it speaks of it: a name that has a capital is none without."""
    pattern = re.compile(rf"(?<!\w){re.escape(folded(name))}(?!\w)")
    plainly = folded(text)
    for match in pattern.finditer(plainly):
        # Folding leaves nearly every text as long as it was; where it does not, the name itself stands in.
        found = text[match.start() : match.end()] if len(plainly) == len(text) else name
        if mention.sort not in ("name", "product") or found[:1].isupper() or not mention.text[:1].isupper():
            return found
    return None


def around(text: str, name: str) -> str:
    """What stands around the first place where a text has a name's first word: where other names of it would be introduced."""
    at = max(0, folded(text).find(folded(name).split()[0]))
    return text[max(0, at - AROUND) : at + len(name) + AROUND]


def _sought(text: str) -> str:
    return text.replace('"', " ")


def same_thing(shelf: Shelf, told: Told, found: list[Thing], near: list[Near]) -> Iterator[Reference]:
    """References to the others, strongest first: the more things are shared, the rarer they are, and the closer the texts."""
    closeness = {n.told.id: n.closeness for n in near}
    shared: dict[str, list[tuple[Thing, Told, str]]] = {}
    for thing in found:
        for other, words in thing.spoken_by:
            shared.setdefault(other.id, []).append((thing, other, words))
    made = []
    for id, rows in shared.items():
        other = rows[0][1]
        if all(thing.mention.sort == "date" for thing, _, _ in rows) and closeness.get(id, 0.0) < ALONE:
            continue  # a day alone is no thing
        apart = math.prod(1 - 0.7 * thing.telling for thing, _, _ in rows)
        # Inside one conversation everybody speaks of the same things: that tells little.
        outside = 1.0 if other.record.id != told.record.id else 0.6
        strength = (1 - apart) * (0.7 + 0.3 * closeness.get(id, 0.0)) * outside
        said = ", ".join(_said(thing.mention, words) for thing, _, words in rows[:3])
        made.append(other.refer("same_thing", strength, f"both speak of {said}", rows[0][2]))
    return iter(sorted(made, key=lambda r: (-r.strength, r.id))[:MOST])


def _said(mention: Mention, words: str) -> str:
    kind = {"term": "", "tag": "", "date": ""}.get(mention.sort, f" ({mention.sort})")
    other = "" if key_of(words) == mention.key else f', there "{words}"'
    return f'"{mention.text}"{kind}{other}' if mention.sort != "date" else f"the day {mention.key}"
