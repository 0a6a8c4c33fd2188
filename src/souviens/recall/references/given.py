"""References that somebody made or that the graph has: forks, replies, evidence, and what a person says belongs together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from souviens.canon import utc
from souviens.recall.changes import bare, language, sign
from souviens.recall.references.reading import Reference, Shelf, Told, Type, short
from souviens.records import Conversation, Memory, Message, active_path, branch_points, spoken

_ASKS = re.compile(r"[?？؟]")
_OPENING = 2  # messages two conversations have to begin with alike to be forks of each other


def forks(told: Told) -> Iterator[Reference]:
    """The other branches at the place a turn follows: a message, or the beginning."""
    conversation, message = told.record, told.message
    assert isinstance(conversation, Conversation)
    assert message is not None
    by_id = {m.id: m for m in conversation.messages}
    for id in branch_points(conversation.messages).get(message.parent, ()):
        other = by_id[id]
        if id != message.id and other.visibility == "visible":
            place = f'"{short(spoken(by_id[message.parent]))[:60]}"' if message.parent in by_id else "its beginning"
            reason = f"another branch of this conversation, from {place} on"
            yield _told(told, other).refer("fork", 1.0, reason)


def branches(seq: int, conversation: Conversation) -> Iterator[Reference]:
    """Where a conversation leaves the path that was on the screen last."""
    path = {message.id for message in active_path(conversation)}
    by_id = {m.id: m for m in conversation.messages}
    for parent, children in branch_points(conversation.messages).items():
        for id in children:
            other = by_id[id]
            if id not in path and (parent is None or parent in path) and other.visibility == "visible":
                at = conversation.messages.index(other) + 1
                yield Told(conversation, other, seq, at).refer("fork", 1.0, "a branch that was left for another one")


def same_opening(shelf: Shelf, seq: int, conversation: Conversation) -> Iterator[Reference]:
    """Conversations that begin with the same messages: one was branched from the other."""
    opening = _opening(conversation)
    if len(opening) < _OPENING:
        return
    others = {t.record.id: t for t, _ in shelf.told(shelf.index.words(opening[0][:1500], 20, shelf.allowed)) if t.message}
    for id, told in others.items():
        if id == conversation.id or not isinstance(told.record, Conversation):
            continue
        same = 0
        for ours, theirs in zip(opening, _opening(told.record), strict=False):
            if ours != theirs:
                break
            same += 1
        if same >= _OPENING:
            yield of_conversation(told.record, "fork", 1.0, f"begins with the same {same} messages")


def _opening(conversation: Conversation) -> list[str]:
    return [text for m in active_path(conversation) if m.visibility == "visible" and (text := spoken(m).strip())]


def answers(told: Told) -> Iterator[Reference]:
    """The reply to a question, either way; and a person's turn that answers what the model asked, or says how its proposal went."""
    conversation, message = told.record, told.message
    assert isinstance(conversation, Conversation)
    assert message is not None
    by_id = {m.id: m for m in conversation.messages}
    before = by_id.get(message.parent or "")
    if before is not None and (found := _answers(before, message)):
        yield _told(told, before).refer("answers", *found)
    for after in conversation.messages:
        if after.parent == message.id and (found := _answers(message, after)):
            yield _told(told, after).refer("answered_by", *found)


def _answers(asked: Message, said: Message) -> tuple[float, str] | None:
    """(strength, reason) if the second message answers the first, which stands right before it."""
    if asked.visibility != "visible" or said.visibility != "visible":
        return None
    question, text = spoken(asked), spoken(said)
    if asked.role == "user" and said.role == "assistant" and _ASKS.search(question):
        return 0.9, "the reply to this question"
    if asked.role == "assistant" and said.role == "user" and text.strip():
        words = bare(text)
        if (outcome := sign("outcome", words, language(words))) is not None:
            return 0.7, f'the person says how it went: "{outcome[0]}"'
        if _ASKS.search(question[-200:]) and not _ASKS.search(text):
            return 0.8, "the person's answer to what the model asked"
    return None


def _told(told: Told, message: Message) -> Told:
    assert isinstance(told.record, Conversation)
    return Told(told.record, message, told.seq, told.record.messages.index(message) + 1)


def of_conversation(conversation: Conversation, type: Type, strength: float, reason: str) -> Reference:
    shown = (m for m in conversation.messages if m.role == "user" and m.visibility == "visible")
    said = next((text for m in shown if (text := spoken(m)).strip()), "")
    strength = round(min(1.0, max(0.0, strength)), 3)
    quote = conversation.head.title or short(said)
    return Reference(type, "conversation", conversation.id, strength, reason, utc(conversation.head.created.us), quote)


# --- memories ---------------------------------------------------------------------------------------------------------


def rests_on(shelf: Shelf, memory: Memory) -> Iterator[Reference]:
    """The messages and conversations a memory rests on, as far as they are here and may be seen."""
    for evidence in dict.fromkeys((e.conversation, e.message) for e in memory.evidence):
        found = _place(shelf, *evidence)
        if isinstance(found, Told):
            yield found.refer("evidence", 1.0, "this memory rests on it")
        elif found is not None:
            yield of_conversation(found, "evidence", 1.0, "this memory rests on it")


def memories_of(shelf: Shelf, ids: set[str], conversation: str) -> Iterator[Reference]:
    """The memories that rest on something, and what a person says belongs to it. ids: the thing's own, and for a conversation those
    of its messages."""
    for seq, memory in shelf.memories([*ids, conversation]):
        mine = [e for e in memory.evidence if (e.message or e.conversation) in ids]
        if not mine:
            continue
        yield Told(memory, None, seq, 0).refer("evidence_of", 1.0, f"{memory.status} memory that rests on it")
        # Imported memories name the hundred conversations they stand in; only a person's words join two things.
        if memory.authority != "user_stated":
            continue
        for evidence in memory.evidence:
            found = (
                None
                if (evidence.message or evidence.conversation) in ids
                else _place(shelf, evidence.conversation, evidence.message)
            )
            if isinstance(found, Told):
                yield found.refer("linked", 1.0, f'you said: "{memory.wording}"')
            elif found is not None:
                yield of_conversation(found, "linked", 1.0, f'you said: "{memory.wording}"')


def _place(shelf: Shelf, conversation: str | None, message: str | None) -> Told | Conversation | None:
    found = shelf.conversation(conversation) if conversation else None
    if found is None or message is None:
        return found[1] if found else None
    seq, record = found
    at = next((n for n, m in enumerate(record.messages, 1) if m.id == message), None)
    return Told(record, record.messages[at - 1], seq, at) if at else None
