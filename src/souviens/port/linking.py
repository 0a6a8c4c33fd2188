"""What a person says belongs together: a memory that rests on several things; and letting go of an end that was erased."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from souviens.canon import sha256
from souviens.port.viewing import find, message
from souviens.records import Conversation, Evidence, Memory, spoken
from souviens.vault.store import Packed, Store

MOST = 50  # things one statement is about


def evidence(store: Store, prefixes: Iterable[str]) -> tuple[Evidence, ...]:
    """What a statement about some messages and conversations rests on, each once. prefixes: ids, or their beginnings.

    Of a message the hash of its words is kept, so that it can be told whether they still are the same. Raises NotFound, UsageError.
    """
    found = []
    for prefix in prefixes:
        noun, id = find(store, prefix, ("conversation", "message"))
        if noun == "conversation":
            found.append(Evidence(id))
        else:
            conversation, said = message(store, id)
            found.append(Evidence(conversation.id, id, quote_hash=sha256(spoken(said).encode())))
    return tuple(dict.fromkeys(found))


def statements(store: Store) -> list[str]:
    """Ids of the memories that no export tells and that rest on something."""
    held = ((id, cast(Memory, store.pack(seq))) for seq, kind, id in store.live() if kind == "memory")
    return [id for id, memory in held if memory.evidence and not memory.origins]


def without(store: Store, memories: Iterable[str], gone: set[str]) -> dict[int, Packed | None]:
    """The memories as they are without the evidence that names something gone: by seq, only those that change. What a person said
    stays. gone: ids of messages and conversations."""
    changes: dict[int, Packed | None] = {}
    for id in memories:
        found = store.get("memory", id)
        if found is None:
            continue
        seq, memory = found[0], cast(Memory, found[1])
        kept = tuple(e for e in memory.evidence if gone.isdisjoint((e.conversation, e.message)))
        if kept != memory.evidence:
            changes[seq] = msgspec.structs.replace(memory, evidence=kept)
    return changes


def let_go(store: Store, gone: set[str]) -> None:
    """Take what names something erased out of the memories that persons stated; what exports tell is read again without it."""
    if not gone:
        return
    with store.transaction():
        changes = without(store, statements(store), gone)
        if changes:
            store.replace(changes)


def lost(before: Packed, after: Packed | None) -> set[str]:
    """The ids of messages and conversations that are in one reading of a record and not in the other."""
    if not isinstance(before, Conversation):
        return set()
    if after is None:
        return {before.id, *(m.id for m in before.messages)}
    left = {m.id for m in cast(Conversation, after).messages}
    return {m.id for m in before.messages if m.id not in left}
