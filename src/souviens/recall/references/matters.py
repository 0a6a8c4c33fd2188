"""Conversations that take the same matter up again, and turns that say how a proposal of another conversation turned out.

Small on purpose: once topics across conversations are there, a topic's thread is the same relation.
"""

from __future__ import annotations

from collections.abc import Iterator

from souviens.recall.changes import bare, language, sign
from souviens.recall.references.given import of_conversation
from souviens.recall.references.reading import Near, Reference, Shelf, Told
from souviens.recall.references.things import Thing
from souviens.records import Conversation

CLOSE = 0.42  # how near the nearest turn of another conversation has to be
SHARED = 0.15  # what a telling thing that both speak of adds
OUTCOME = 0.35
MOST = 3


def continued(told: Told, near: list[Near], found: list[Thing]) -> Iterator[Reference]:
    """The conversations that take up what a turn speaks of, later or earlier, strongest first."""
    sharing: dict[str, list[Thing]] = {}
    for thing in found:
        for id in {other.record.id for other, _ in thing.spoken_by}:
            sharing.setdefault(id, []).append(thing)
    best: dict[str, Near] = {}
    for n in near:
        if isinstance(n.told.record, Conversation) and n.told.record.id != told.record.id:
            best.setdefault(n.told.record.id, n)
    scored = []
    for id, n in best.items():
        things = sharing.get(id, [])
        # One signal is not enough: near in words or meaning, and a thing that both name; or very near.
        strength = n.closeness + SHARED * min(2, len(things)) - (0.0 if things else SHARED)
        if strength >= CLOSE and n.told.us is not None and told.us is not None and n.told.us != told.us:
            scored.append((strength, n, things))
    scored.sort(key=lambda row: (-row[0], row[1].told.id))
    for strength, n, things in scored[:MOST]:
        later = (n.told.us or 0) > (told.us or 0)
        about = f", with {', '.join(chr(34) + thing.mention.text + chr(34) for thing in things[:2])}" if things else ""
        reason = f"{'takes this matter up again' if later else 'began this matter'} on {n.told.day}{about}"
        assert isinstance(n.told.record, Conversation)
        yield of_conversation(n.told.record, "continued_by" if later else "continues", strength, reason)


def outcomes(told: Told, near: list[Near], found: list[Thing]) -> Iterator[Reference]:
    """In other conversations: the proposal whose outcome a person's turn tells, or the turn that tells how this proposal went."""
    shared = {other.id for thing in found for other, _ in thing.spoken_by}
    for n in near:
        if n.closeness < OUTCOME or n.told.id not in shared or n.told.record.id == told.record.id or n.told.message is None:
            continue
        proposed, said = (told, n.told) if n.told.order > told.order else (n.told, told)
        if proposed.message is None or proposed.message.role != "assistant" or said.voice is None:
            continue
        words = bare(said.text)
        outcome = sign("outcome", words, language(words))
        if outcome is not None:
            type_, reason = "answered_by" if said is n.told else "answers", f'says how this proposal went: "{outcome[0]}"'
            yield n.told.refer("answered_by" if type_ == "answered_by" else "answers", 0.8 * n.closeness, reason, outcome[0])
            return


def about(shelf: Shelf, seq: int, conversation: Conversation) -> Told | None:
    """The turn that says what a conversation is about: the person's first with words."""
    for ordinal, message in enumerate(conversation.messages, 1):
        told = Told(conversation, message, seq, ordinal)
        if message.role == "user" and message.visibility == "visible" and told.text.strip():
            return told
    return None
