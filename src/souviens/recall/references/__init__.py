"""Cross-references: what a message, a conversation or a memory has to do with others, how strongly, and why in words.

    for reference in of("m-…", store=store, index=index, encoder=encoder):
        print(reference.type, reference.id, reference.strength, reference.reason)

They are made when they are asked for, from truth and index, and kept nowhere: none can be stale, and none has to be erased
(docs/decisions/0013-references-when-asked-for.md).

    given      forks, replies, evidence, what a person says belongs together
    things     the same thing mentioned
    matters    the same matter taken up again; how a proposal turned out
    changing   what replaces or contradicts a statement
"""

from __future__ import annotations

from collections.abc import Iterator

from souviens.encode import Encoder
from souviens.errors import NotFound
from souviens.grants import OWNER, Scope
from souviens.index.port import Index
from souviens.recall.references import changing, given, matters, things
from souviens.recall.references.reading import Reference, Shelf, Told
from souviens.records import Conversation, Memory
from souviens.vault.finding import holders
from souviens.vault.store import Store

__all__ = ["Reference", "of"]
BRANCHES = 50  # of one conversation that are told


def of(
    id: str,
    *,
    store: Store,
    index: Index,
    encoder: Encoder | None = None,
    scope: Scope = OWNER,
    within: str | None = None,
    most: int = 50,
) -> tuple[Reference, ...]:
    """The references of a message, a conversation or a memory by its whole id, strongest first; of equal ones those that somebody
    made come before those that were found. Nothing of what the scope hides, nothing twice with one type.

    within: the conversation a message stands in, if it is known; else it is looked for. Raises NotFound, also for what the scope
    does not allow. Other nouns have none.
    """
    index.sync(store)
    shelf = Shelf(store, index, encoder, scope)
    if id.startswith("m-"):
        found = list(_of_message(shelf, _message(shelf, id, within)))
    elif id.startswith("c-"):
        held = shelf.conversation(id)
        if held is None:
            raise _absent(id)
        found = list(_of_conversation(shelf, *held))
    elif id.startswith("y-"):
        found = list(_of_memory(shelf, id))
    else:
        found = []
    best: dict[tuple[str, str], Reference] = {}
    for reference in sorted(found, key=lambda r: -r.strength):
        best.setdefault((reference.type, reference.id), reference)
    return tuple(reference for reference in best.values() if reference.id != id)[:most]


def _of_message(shelf: Shelf, told: Told) -> Iterator[Reference]:
    yield from given.memories_of(shelf, {told.id}, told.record.id)
    yield from given.forks(told)
    yield from given.answers(told)
    if told.message is not None and told.message.visibility != "visible":
        return
    yield from _found(shelf, told)


def _found(shelf: Shelf, told: Told) -> Iterator[Reference]:
    """What arithmetic finds of something that was said."""
    near = shelf.near(told.text, told.id)
    yield from changing.changes(shelf, told, near)
    spoken_of = things.things(shelf, told, near)
    yield from matters.outcomes(told, near, spoken_of)
    yield from matters.continued(told, near, spoken_of)
    yield from things.same_thing(shelf, told, spoken_of, near)


def _of_conversation(shelf: Shelf, seq: int, conversation: Conversation) -> Iterator[Reference]:
    yield from given.memories_of(shelf, {conversation.id, *(m.id for m in conversation.messages)}, conversation.id)
    yield from list(given.branches(seq, conversation))[:BRANCHES]
    yield from given.same_opening(shelf, seq, conversation)
    told = matters.about(shelf, seq, conversation)
    if told is None:
        return
    near = shelf.near(f"{conversation.head.title}\n{told.text}", told.id)
    yield from matters.continued(told, near, things.things(shelf, told, near))


def _of_memory(shelf: Shelf, id: str) -> Iterator[Reference]:
    row = shelf.layout.row("memory", id)
    found = shelf.store.get("memory", id) if row is not None else None
    if found is None or not isinstance(found[1], Memory) or not _allowed(shelf, found[1]):
        raise _absent(id)
    seq, memory = found
    assert isinstance(memory, Memory)
    yield from given.rests_on(shelf, memory)
    yield from _found(shelf, Told(memory, None, seq, 0))


def _allowed(shelf: Shelf, memory: Memory) -> bool:
    """May it be asked about? A rejected memory may: it can be shown, though nothing refers to it."""
    return shelf.scope.allows("memory", memory.provider, memory.topic, memory.sensitivity)


def _message(shelf: Shelf, id: str, within: str | None) -> Told:
    """A message by its id. Raises NotFound."""
    for conversation in (within,) if within else (held for _, held in holders(shelf.store, id)):
        found = shelf.conversation(conversation)
        if found is not None:
            for ordinal, message in enumerate(found[1].messages, 1):
                if message.id == id:
                    return Told(found[1], message, found[0], ordinal)
    raise _absent(id)


def _absent(id: str) -> NotFound:
    return NotFound(f"nothing in the vault has the id {id}", "it may have been erased", "find ids with: souviens list")
