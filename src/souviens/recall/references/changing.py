"""What one person's other statements say of the same: that it is otherwise now, or the contrary."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from souviens.recall.references.reading import Near, Reference, Shelf, Told, Type, short
from souviens.recall.statements import Claim, Finding, claims, compare

ASKED = 4  # claims of a text that are looked for on their own
FOUND = 40  # statements taken for each
MOST = 6
LEAST = 0.5


def changes(shelf: Shelf, told: Told, near: list[Near]) -> Iterator[Reference]:
    """What a statement replaces, is replaced by, or contradicts; strongest first."""
    if told.voice is None:
        return
    mine = claims(told.text, told.us)
    others = {n.told.id: n.told for n in near}
    # A long text stands near many; what it denies or counts has to be looked for on its own.
    for claim in [c for c in mine if c.denials or c.values or c.moved][:ASKED]:
        others |= {t.id: t for t, _ in shelf.told(shelf.index.words(" ".join(_sought(claim)), FOUND, shelf.allowed))}
    others = {id: other for id, other in others.items() if id != told.id and other.voice == told.voice}
    said = {id: claims(other.text, other.us) for id, other in others.items()}
    held = Counter(stem for text in (mine, *said.values()) for stem in {s for claim in text for s in claim.stems})
    size = len(said) + 1

    def weight(stem: str) -> float:
        return math.log(1 + size / (held[stem] or 1)) / math.log(1 + size)

    found = []
    for id, other in others.items():
        earlier = other.order < told.order
        finding = compare(said[id], mine, weight) if earlier else compare(mine, said[id], weight)
        if finding is not None and finding.strength >= LEAST:
            found.append((finding, other, earlier))
    found.sort(key=lambda row: (-row[0].strength, row[1].id))
    yield from (_reference(told, *row) for row in found[:MOST])


def _sought(claim: Claim) -> list[str]:
    return [word for word in claim.text.split() if len(word) > 2][:40]


def _reference(told: Told, finding: Finding, other: Told, earlier: bool) -> Reference:
    first, second = (other, told) if earlier else (told, other)
    if finding.type == "contradicts":
        type_: Type = "contradicts"
        reason = f'on "{finding.about}" one says what the other denies ({first.day}, {second.day}), with no word of a change'
    else:
        type_ = "supersedes" if earlier else "superseded_by"
        old, new = short(finding.old)[:70], short(finding.new)[:70]
        reason = f'both speak of "{finding.about}": {old} on {first.day}, {new} on {second.day} ("{finding.sign}")'
    return other.refer(type_, finding.strength, reason, finding.old if earlier else finding.new)
