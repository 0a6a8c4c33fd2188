"""Erasing for good, and undoing the last thing done.

An erasure commits its tombstones first, then takes the bytes out of slices, blobs, records, index and logs, and is
acknowledged only when the last of these is through; a crash in between is finished at the next opening (`finish_pending`).
"""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import cast

import msgspec

from souviens.errors import NotFound, OutOfSpace, UsageError, VaultInUse
from souviens.jsonspan import Slice
from souviens.merge import Packed, merge_memories
from souviens.port import indexing
from souviens.port.beside import Gone, clean, drop_attachments
from souviens.port.holes import Span, blanked, is_whole, records_of, spans_of
from souviens.port.intake import now
from souviens.port.linking import let_go, lost, statements, without
from souviens.port.receipts import Erased, Undone
from souviens.port.stored import Rederiver, judged
from souviens.records import Conversation, Memory, Origin
from souviens.vault import Vault
from souviens.vault.finding import holders
from souviens.vault.store import Hole, Journal, Kind, Store, Tombstone, kind_of

_KINDS = {"c": "conversation", "m": "message", "y": "memory", "t": "topic", "s": "source"}
AT_ONCE = 50  # slices blanked, or records changed, in one transaction
FEW = 20  # places of one memory that are all read again when one of them changes
PATIENCE = 5.0  # seconds to wait for a reader that holds a log back before saying "pending"


def erase(vault: Vault, ids: list[str]) -> Erased:
    """Remove conversations, messages, memories, topics or sources, physically. ids: whole ids.

    A message is named by its id; every place that holds its bytes is blanked. On a disk too full for all of it, what is promised
    and not finished is `pending`. Raises NotFound, VaultInUse, OutOfSpace (each: nothing erased, nothing promised).
    """
    store = vault.store
    targets = [_target(store, id) for id in dict.fromkeys(ids)]
    try:
        _promise(store, targets)
    except OutOfSpace:
        indexing.drop(vault)
        _promise(store, targets)
    try:
        return finish_pending(vault)
    except OutOfSpace:
        return _erased([id for _, id, _ in targets], pending=True)


def _promise(store: Store, targets: list[tuple[str, str, str]]) -> None:
    """Write the tombstones. From here on the erasure is finished, by us or by whoever opens the vault next."""
    store.busy()  # sweeps what a dead intake left, on a full disk in as many transactions as that takes
    with store.transaction():
        if store.busy():
            raise VaultInUse("an intake is under way", "it may bring what you erase", "wait for it, then erase again")
        stones = store.tombstones()
        for kind, id, parent in targets:
            before = stones.get((kind, id))
            store.put_tombstone(Tombstone(kind, id, parent, before.generation + 1 if before else 1, True, now()))
        counts = Counter(kind for kind, _, _ in targets)
        store.write_journal(Journal("erase", now(), "", dict(counts), {"ids": [id for _, id, _ in targets]}), pending=True)


def _target(store: Store, id: str) -> tuple[str, str, str]:
    """(kind, id, conversation of a message). Raises NotFound."""
    kind = _KINDS.get(id[:1])
    if kind == "source" and store.source(id) is not None:
        return kind, id, ""
    if kind == "message":
        return kind, id, conversation_of(store, id)
    if kind in ("conversation", "memory", "topic") and store.get(cast(Kind, kind), id) is not None:
        return kind, id, ""
    raise NotFound(f"nothing in the vault has the id {id}", "it may have been erased already", "find ids with: souviens list")


def conversation_of(store: Store, message: str) -> str:
    """The conversation a message is in. Raises NotFound."""
    for _, conversation in holders(store, message):
        return conversation
    raise NotFound(
        f"no message {message} in the vault", "it may have been erased already", "find ids with: souviens show CONVERSATION"
    )


def finish_pending(vault: Vault) -> Erased:
    """Carry out every erasure that was promised and not finished: after `erase`, and whenever a vault is opened for writing.

    Each step is a short transaction, after which what is left to do can still be found: it may be cut off anywhere. On a full
    disk the index gives its space: it can be made again, and the words in it have to go anyway.
    """
    try:
        return _carry_out(vault)
    except OutOfSpace:
        indexing.drop(vault)
        return _carry_out(vault)


def _carry_out(vault: Vault) -> Erased:
    store = vault.store
    todo = store.pending_journal()
    if not todo:
        return Erased(())
    ids = list(dict.fromkeys(id for _, record in todo for id in record["ids"]))
    stones = store.tombstones()
    messages: dict[str, set[str]] = {}
    let_go(store, {id for id in ids if _KINDS[id[0]] in ("conversation", "message")})
    for id in ids:
        kind = _KINDS[id[0]]
        if kind == "message":
            messages.setdefault(stones[kind, id].parent, set()).add(id)
        elif kind == "source":
            _take_out_source(store, id, statements(store))
        else:
            _take_out_record(store, cast(Kind, kind), id)
    for conversation, erased in messages.items():
        _take_out_messages(store, conversation, erased)
    done = purge(vault)
    if done:
        with store.transaction():
            for number, _ in todo:
                store.settle_journal(number)
    return _erased(ids, pending=not done)


def _erased(ids: list[str], *, pending: bool) -> Erased:
    counted = Counter(_KINDS[id[0]] for id in ids)
    names = {"memory": "memories"}
    return Erased(tuple(ids), pending=pending, **{names.get(kind, f"{kind}s"): n for kind, n in counted.items()})


def _take_out_record(store: Store, kind: Kind, id: str) -> None:
    """A conversation, a memory or a topic: out of some of its slices at a time, and at last itself."""
    while (found := store.get(kind, id)) is not None:
        seq, record = found
        now_ = dict(itertools.islice(_slices(record).items(), AT_ONCE))
        rest = tuple(origin for origin in record.origins if origin.slice not in now_)
        if isinstance(record, Conversation):
            _take_out_beside(store, record, None, set())
        left = msgspec.structs.replace(record, origins=rest) if rest else None
        Cut(store, {id}, now_).carry_out({seq: left})


def _take_out_messages(store: Store, conversation: str, messages: set[str]) -> None:
    while (found := store.get("conversation", conversation)) is not None:
        seq, before = found[0], cast(Conversation, found[1])
        cut = Cut(store, messages, _slices(before))
        after = cast(Conversation | None, cut.derived(before))
        _take_out_beside(store, before, after, messages)
        if after == before or cut.carry_out({seq: after}):
            return


def _slices(record: Packed) -> dict[str, Origin]:
    """Slice -> one of the places where it stands: the same bytes in two sources are stored once."""
    return {origin.slice: origin for origin in record.origins}


def _take_out_beside(store: Store, before: Conversation, after: Conversation | None, messages: set[str]) -> None:
    """What side files say of these messages, and their attachments. Comes first: afterwards nobody knows what they were."""
    gone = Gone().add(before, after, messages)
    for source in sorted({origin.source for origin in before.origins}):
        clean(store, store.numbered_members(source), gone)
    drop_attachments(store, gone.blobs, but=before.id)


class Cut:
    """What is to be taken out of some slices, and what the records that these tell of will be then.

    slices: slice -> one of its places. ids: of conversations, messages, memories or topics.
    """

    def __init__(self, store: Store, ids: set[str], slices: dict[str, Origin]) -> None:
        self.store, self.ids, self.version = store, ids, store.version()
        self.spans: dict[str, list[Span]] = {}
        self.instead: dict[str, tuple[str, Slice] | None] = {}
        self.told: dict[int, Packed] = {}  # live records by seq
        self.rederiver = Rederiver(store, instead=self.instead)
        for id, origin in slices.items():
            self._look(id, origin)

    def _look(self, id: str, origin: Origin) -> None:
        """What is to be blanked in one slice, and which records it tells of."""
        reader = self.rederiver.reader(origin.source)
        if reader is None:
            return
        try:
            slice = reader.slice(id, *self.store.place(origin.source, id))
        except NotFound:
            return
        reading = reader.format.read(slice, reader.sidecars)
        spans = spans_of(reader.format, slice, reading, self.ids)
        if not spans:
            return
        self.spans[id] = spans
        # Named by chance: a hash of what is left would let what was erased be guessed.
        self.instead[id] = None if is_whole(slice, spans) else (os.urandom(32).hex(), blanked(slice, spans))
        for record in records_of(reading):
            live = self.store.get(kind_of(record), record.id)
            if live is not None:
                self.told[live[0]] = live[1]

    def derived(self, record: Packed) -> Packed | None:
        """A record as it will be told once the cut is made."""
        if isinstance(record, Memory) and not (record.older or record.versions) and len(record.origins) > FEW:
            return self._patched(record)
        return self.rederiver.record(record)

    def _patched(self, memory: Memory) -> Memory | None:
        """As `Rederiver.record`, for a memory that hundreds of conversations repeat in the same words (custom instructions):
        only what the cut concerns is read again."""
        conversations = [record for record in self.told.values() if isinstance(record, Conversation)]
        places = {o for c in conversations for o in c.origins} | {o for o in memory.origins if o.slice in self.instead}
        again = [found for place in sorted(places, key=str) for _, found in self.rederiver.told(place) if found.id == memory.id]
        concerned = {conversation.id for conversation in conversations}
        rest = msgspec.structs.replace(
            memory,
            evidence=tuple(e for e in memory.evidence if e.conversation not in concerned),
            origins=tuple(o for o in memory.origins if o not in places),
        )
        versions = [*([rest] if rest.origins else []), *(cast(Memory, found) for found in again)]
        return judged(memory, merge_memories(versions) if versions else None)

    def carry_out(self, changes: dict[int, Packed | None]) -> bool:
        """Blank the slices, and with them change the records they tell of; in one transaction, which also makes `changes`.

        False, and nothing done, if truth changed since the cut was planned.
        """
        changes = {seq: self.derived(record) for seq, record in self.told.items() if seq not in changes} | changes
        with self.store.transaction():
            if self.store.version() != self.version:
                return False
            for old, new in self.instead.items():
                if new is None:
                    self.store.hollow_slice(old)
                    continue
                holes = tuple(Hole(s.start, s.end - s.start, os.urandom(16).hex()) for s in self.spans[old])
                self.store.put_slice_as(new[0], new[1].data, holes)
                self.store.replace_slice(old, new[0])
            self.store.replace(changes)
        return True


def _take_out_source(store: Store, id: str, stated: Sequence[str] = ()) -> None:
    """Forget a source: what only it told goes, what others tell too is told by them. stated: memories whose evidence goes along;
    an undo leaves it, since what was taken back may be added again."""
    if store.source(id) is None:
        return
    rederiver, needle = Rederiver(store, without=id), id.encode()
    waiting = [(kind, record) for seq, kind, record in store.live() if needle in store.packed(seq)[2]]
    while waiting:
        version, batch = store.version(), waiting[:AT_ONCE]
        found = [live for key in batch if (live := store.get(*key)) is not None]
        changes = {seq: rederiver.record(record) for seq, record in found}
        gone = {id for seq, record in found for id in lost(record, changes[seq])}
        with store.transaction():
            if store.version() != version:
                continue
            store.replace(without(store, stated, gone) | changes)
        del waiting[:AT_ONCE]
    with store.transaction():
        store.drop_source(id)


def purge(vault: Vault, *, compact: bool = True) -> bool:
    """Let go of the last bytes: in the index, packs, page gaps and both logs. False if a reader, an intake or a full disk held
    something back for longer than we wait. compact: see `Store.compact`."""
    until = time.monotonic() + PATIENCE
    while True:
        done = vault.store.drop_unreferenced() and _purge_index(vault)
        if done and compact:
            try:
                vault.store.compact()
            except (OutOfSpace, VaultInUse):
                done = False
            else:
                compact = False
        if vault.store.purge() and done:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


def _purge_index(vault: Vault) -> bool:
    try:
        indexing.catch_up(vault)
        with indexing.open_index(vault) as derived:
            return derived.purge()
    except OutOfSpace:
        indexing.drop(vault)
        vault.store.sweep(())
        return True


def undo(vault: Vault) -> Undone:
    """Take back the last operation that can be: an `add`, `import`, `remember` or `review`. An erasure cannot, by design.

    What an `add` brought back of the erased is erased again, so that it stays out of what is added later.
    """
    if vault.store.busy():
        raise VaultInUse("an intake is under way", "it may rest on what you take back", "wait for it, then undo again")
    for number, verb, at, record in reversed(vault.store.journal()):
        returned = record.get("returned", [])
        if record.get("again") and (record.get("accounts") or not returned):
            # The reading it replaced is gone, so that taking it out would take the source out whole.
            raise UsageError(
                "the last thing done took a source in again", "what it replaced is not kept", "erase what should not be there"
            )
        if verb == "erase":
            raise UsageError(
                "the last thing done was an erasure", "what was erased is gone", "add the export again with --bring-back"
            )
        if verb in ("add", "import"):
            sources = record.get("sources", [record.get("source")])
            for source in () if record.get("again") else sources:
                _take_out_source(vault.store, source)
            for memory in record.get("memories", ()):
                _restore_memory(vault.store, memory, 0)
            what = ", ".join((*sources, *record.get("memories", ())))
        elif verb in ("remember", "review"):
            what = record["memory"]
            _restore_memory(vault.store, what, record.get("verdicts", 0), record.get("evidence"))
        else:
            continue
        with vault.store.transaction():
            vault.store.settle_journal(number, "undone")
            if returned:
                stones = vault.store.tombstones()
                _promise(vault.store, [(kind, id, stones[kind, id].parent) for id in returned for kind in (_KINDS[id[0]],)])
        if returned:
            return Undone(verb, at, what, pending=finish_pending(vault).pending)
        return Undone(verb, at, what, pending=not purge(vault, compact=False))
    raise UsageError("there is nothing to undo", next="see what was done with: souviens list")


def _restore_memory(store: Store, id: str, verdicts: int, evidence: int | None = None) -> None:
    """The memory with only its first `verdicts` verdicts; without any record before, it goes. evidence: how many it rested on
    before, None if that was not changed."""
    found = store.get("memory", id)
    if found is None:
        raise NotFound(f"memory {id} is not there any more", next="souviens list --memories")
    seq, memory = found[0], cast(Memory, found[1])
    before = msgspec.structs.replace(memory, verdicts=memory.verdicts[:verdicts], evidence=memory.evidence[:evidence])
    with store.transaction():
        store.replace({seq: before if memory.verdicts or memory.origins or evidence is not None else None})
