"""What a reading adds to what was there, in the five kinds a receipt counts."""

from __future__ import annotations

from dataclasses import dataclass

from souviens.records import Conversation, Counts, branch_points

_NOTHING = Counts()


@dataclass(frozen=True)
class Share:
    """What one record contributed to a receipt."""

    new: Counts = _NOTHING
    changed: Counts = _NOTHING
    unchanged: Counts = _NOTHING

    def plus(self, other: Share) -> Share:
        return Share(self.new.plus(other.new), self.changed.plus(other.changed), self.unchanged.plus(other.unchanged))

    def minus(self, other: Share) -> Share:
        return Share(self.new.minus(other.new), self.changed.minus(other.changed), self.unchanged.minus(other.unchanged))


def counts(conversation: Conversation) -> Counts:
    """Everything in one conversation."""
    return Counts(
        conversations=1,
        messages=len(conversation.messages),
        branch_points=len(branch_points(conversation.messages)),
        attachments=len(conversation.attachments),
    )


def compare(before: Conversation, fresh: Conversation, merged: Conversation) -> Share:
    """How each thing in `fresh` stands to `before`. A conversation is unchanged if merging changed nothing but its origins."""
    messages = _sorted_out(
        [(m.id, (m.hash, m.parent)) for m in fresh.messages],
        {id: {(m.hash, m.parent) for m in (*before.messages, *before.older) if m.id == id} for id in {m.id for m in fresh.messages}}
        if len(before.older)
        else {m.id: {(m.hash, m.parent)} for m in before.messages},
    )
    forks_before, forks_merged = branch_points(before.messages), branch_points(merged.messages)
    forks = [0, 0, 0]
    for parent in branch_points(fresh.messages):
        # A thinner reading of a fork (some children left out) changes nothing of it.
        forks[0 if parent not in forks_before else 2 if forks_merged.get(parent) == forks_before[parent] else 1] += 1
    held = {a.id: a for a in before.attachments}
    kept = {a.id: a for a in merged.attachments}
    attachments = [0, 0, 0]
    for attachment in fresh.attachments:
        before_it = held.get(attachment.id)
        attachments[0 if before_it is None else 2 if kept[attachment.id] == before_it else 1] += 1
    same = (merged.head, merged.messages, merged.attachments, merged.older) == (
        before.head,
        before.messages,
        before.attachments,
        before.older,
    )
    new, changed, unchanged = (
        Counts(conversations, m, b, a)
        for conversations, m, b, a in zip((0, 0 if same else 1, 1 if same else 0), messages, forks, attachments, strict=True)
    )
    return Share(new, changed, unchanged)


def _sorted_out(fresh: list[tuple[str, object]], before: dict[str, set[object]]) -> list[int]:
    """[new, changed, unchanged]: by id not there, there with another value, there with this value."""
    out = [0, 0, 0]
    for id, value in fresh:
        out[0 if id not in before else 2 if value in before[id] else 1] += 1
    return out
