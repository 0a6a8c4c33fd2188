"""What an intake has written and nobody sees yet: records in the stage, each merged with what the vault holds, and counted.

Nothing here knows of files or formats. Batches are written in short transactions; what is read back is what counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import msgspec

from souviens.errors import VaultError
from souviens.merge import merge, merge_memories, merge_topics, merged_records
from souviens.port.counting import Share, compare, counts
from souviens.port.stored import Rederiver
from souviens.records import Conversation, Counts, Memory, Problem, Topic
from souviens.vault.store import Kind, Packed, Segment, Store

BATCH = 4 << 20  # bytes of slices in one transaction: some 50 ms, well under the 250 ms a writer may hold the vault
NOUNS = ("conversation", "message", "attachment", "memory")  # what a receipt counts as refused, beside whole files


def plural(noun: str) -> str:
    """As the counts of a receipt are called."""
    return "memories" if noun == "memory" else f"{noun}s"


def refusals(problems: list[Problem] | tuple[Problem, ...]) -> Counts:
    """How many of each noun were refused."""
    refused = Counter(problem.kind for problem in problems)
    return Counts(**{plural(noun): refused[noun] for noun in NOUNS})


@dataclass
class _Batch:
    """What the next transaction will write."""

    slices: list[tuple[str, bytes]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    commitments: dict[int, str] = field(default_factory=dict)
    packs: list[tuple[Kind, Packed, int]] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)  # one a pack
    told: list[tuple[Kind, str]] = field(default_factory=list)  # records this source tells of, new to the vault or not
    conversations: dict[str, list[Conversation]] = field(default_factory=dict)  # by id, every reading of this batch
    bytes: int = 0


class Staging:
    """The records and segments of one source on their way into a stage.

    sum: what they come to so far. met: records this source tells of, new to the vault or not. An older reading of the very same
    source (`known`) gives way to the one under way.
    """

    def __init__(self, store: Store, stage: int, source: str, *, known: bool) -> None:
        self.store, self.stage, self.known = store, stage, known
        self.number = 0  # the source's, once it is entered
        self.member = self.ordinal = 0  # the file that is being cut, and how many of its segments were written
        self.others = Rederiver(store, without=source)
        self.sum = Share()
        self._memories: dict[str, list[Memory]] = {}
        self._topics: dict[str, list[Topic]] = {}
        self._shares: dict[int, Share] = {}  # of each pack of the stage
        self._staged: dict[tuple[Kind, str], int] = {}  # the newest pack of each record in the stage
        self._batch = _Batch()

    # --- what comes in ------------------------------------------------------------------------------------------------

    def enter(self, member: int) -> None:
        """Segments are of this file from now on."""
        self.member, self.ordinal = member, 0

    def segment(self, segment: Segment, size: int, commitment: str = "") -> None:
        """The next piece of the file. commitment: of a hole. A full batch is written."""
        if commitment:
            self._batch.commitments[self.ordinal + len(self._batch.segments)] = commitment
        self._batch.segments.append(segment)
        self._batch.bytes += size
        if self._batch.bytes >= BATCH:
            self.flush()

    def slice(self, hash: str, data: bytes) -> None:
        self._batch.slices.append((hash, data))

    def tell(self, record: Packed) -> None:
        """A record that a slice tells of. Memories and topics wait until all of them were told, a conversation until the batch is
        full: its slices mostly stand together, and there may be thousands of them."""
        if isinstance(record, Memory):
            self._memories.setdefault(record.id, []).append(record)
        elif isinstance(record, Topic):
            self._topics.setdefault(record.id, []).append(record)
        else:
            self._batch.conversations.setdefault(record.id, []).append(record)

    def _conversation(self, fresh: Conversation) -> None:
        seq = self._staged.get(("conversation", fresh.id))
        if seq is not None and self._shares[seq].new.conversations:
            self._go_on(seq, fresh)
            return
        base, stored, others = self._latest("conversation", fresh.id)
        if stored is None:
            self._put("conversation", fresh, 0, Share(new=counts(fresh)))
            return
        merged = fresh if others is None else merge(cast(Conversation, others), fresh)
        self._settle("conversation", base, stored, merged, compare(cast(Conversation, stored), fresh, merged))

    def _go_on(self, seq: int, fresh: Conversation) -> None:
        """A conversation that is new to the vault, and told of again in a later batch, counts once."""
        staged = cast(Conversation, self.store.pack(seq))
        merged = merge(staged, fresh)
        if merged == staged:
            self._batch.told.append(("conversation", fresh.id))
            return
        self.sum = self.sum.minus(self._shares[seq])
        self._shares[seq] = Share()
        self._put("conversation", merged, seq, Share(new=counts(merged)))

    def _latest(self, kind: Kind, id: str) -> tuple[int, Packed | None, Packed | None]:
        """(seq, record, what to merge with) of the newest pack of a record in this stage or the vault; (0, None, None).

        Our own stage comes first: what somebody else commits meanwhile may bear a higher seq and not hold what we staged.
        """
        seq = self._staged.get((kind, id))
        if seq is not None:
            record = self.store.pack(seq)
            return seq, record, record
        found = self.store.get(kind, id)
        if found is None:
            return 0, None, None
        seq, record = found
        if not self.known:
            return seq, record, record
        # An older reading of this very source gives way to the one under way, with whatever holes it had.
        return seq, record, self.others.record(record)

    def _settle(self, kind: Kind, base: int, stored: Packed | None, merged: Packed, share: Share) -> None:
        """Put a merged record if it says more than the stored one."""
        if merged != stored:
            self._put(kind, merged, base, share)
        else:
            self._batch.told.append((kind, merged.id))
            self.sum = self.sum.plus(share)

    def _put(self, kind: Kind, record: Packed, base: int, share: Share) -> None:
        self._batch.packs.append((kind, record, base))
        self._batch.shares.append(share)
        self._batch.told.append((kind, record.id))
        self.sum = self.sum.plus(share)

    # --- statements, check, commit --------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Memories and topics, each once for the whole source, whatever number of conversations repeated it."""
        for id, read in sorted(self._memories.items()):
            base, stored, others = self._latest("memory", id)
            merged = merge_memories(read if others is None else [cast(Memory, others), *read])
            self._statement("memory", base, stored, merged, Counts(memories=1))
        for id, topics in sorted(self._topics.items()):
            base, stored, others = self._latest("topic", id)
            merged_topic = merge_topics(topics if others is None else [cast(Topic, others), *topics])
            self._statement("topic", base, stored, merged_topic, Counts(topics=1))
        self.flush()

    def _statement(self, kind: Kind, base: int, stored: Packed | None, merged: Memory | Topic, one: Counts) -> None:
        if stored is None:
            self._put(kind, merged, 0, Share(new=one))
        else:
            self._settle(kind, base, stored, merged, Share(unchanged=one) if _same(stored, merged) else Share(changed=one))

    def check(self, path: str) -> list[Problem]:
        """Read the whole stage back. What is not there as it was written is refused, and its share leaves the receipt."""
        tally = self.store.tally(self.stage)
        problems: list[Problem] = []
        newest = {seq: key for key, seq in self._staged.items()}
        for seq in tally.damaged:
            share = self._shares.pop(seq)
            if seq not in newest:  # a later pack of the record holds all that this one held
                continue
            kind, id = newest[seq]
            self.sum = self.sum.minus(share)
            lost = share.new.plus(share.changed).plus(share.unchanged)
            for noun in NOUNS:
                reason = "what the vault gave back is not what was stored; check the disk, then: souviens rebuild --records"
                problems += [Problem(noun, path, f"{kind} {id}", reason)] * getattr(lost, plural(noun))
        if tally.damaged:
            self.store.doom(tally.damaged)
        if tally.packs != len(self._shares):
            raise VaultError(
                f"{path}: {len(self._shares)} records were written, {tally.packs} came back",
                "nothing was kept",
                "souviens verify",
            )
        return problems

    def merge_again(self) -> None:
        """Merge what others changed meanwhile with what we staged. What was new when we read it may be known by now."""
        for kind, id, current in self.store.conflicts(self.stage):
            seq = self._staged[kind, id]
            theirs, ours = self.store.pack(current), self.store.pack(seq)
            merged = merged_records(theirs, ours)
            share = before = self._shares[seq]
            if isinstance(ours, Conversation) and share.new.conversations:
                share = compare(cast(Conversation, theirs), ours, cast(Conversation, merged))
            elif share.new.memories:
                share = Share(unchanged=share.new) if _same(theirs, merged) else Share(changed=share.new)
            self._shares[seq] = Share()
            self.sum = self.sum.minus(before)
            self._put(kind, merged, current, share)
        self.flush()

    def flush(self) -> None:
        """Write what has come in, in one short transaction."""
        for readings in self._batch.conversations.values():
            self._conversation(_as_one(readings))
        batch, self._batch = self._batch, _Batch()
        ready = self.store.make_ready(batch.slices, batch.packs)
        with self.store.transaction():
            seqs = self.store.put_ready(self.stage, ready)
            if batch.segments:
                self.store.put_segments(self.member, self.ordinal, batch.segments, batch.commitments)
            self.store.put_origins(self.number, batch.told)
        self.ordinal += len(batch.segments)
        self._shares.update(zip(seqs, batch.shares, strict=True))
        self._staged.update({(kind, record.id): seq for seq, (kind, record, _) in zip(seqs, batch.packs, strict=True)})


def _as_one(readings: list[Conversation]) -> Conversation:
    """Their merge, by halves: one after the other would look at the first of thousands thousands of times."""
    while len(readings) > 1:
        pairs = zip(readings[::2], readings[1::2], strict=False)
        readings = [merge(a, b) for a, b in pairs] + (readings[-1:] if len(readings) % 2 else [])
    return readings[0]


def _same(stored: Packed, merged: Packed) -> bool:
    """Whether a merge added nothing but another place it was read from."""
    return stored == msgspec.structs.replace(merged, origins=stored.origins)
