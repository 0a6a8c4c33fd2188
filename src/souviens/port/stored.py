"""Reading a source back out of the vault: the same delivery, cut and read by the same functions as when it came."""

from __future__ import annotations

import io
from collections.abc import Iterator, Set
from functools import partial
from typing import BinaryIO, cast

import msgspec

from souviens import formats
from souviens.delivery import Delivery, Entry
from souviens.errors import NotFound
from souviens.formats import Reader
from souviens.jsonspan import Slice, load
from souviens.merge import Packed, arranged, merged_records
from souviens.port.holes import WITHHELD, fill
from souviens.records import Attachment, Conversation, Json, Memory, Origin, Reading, Topic, Withheld
from souviens.vault.store import Kind, Member, SourceHeader, Store, kind_of


class _Stream(io.RawIOBase):
    """A binary stream over an iterator of bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # io types the buffer as an opaque protocol
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


def member_bytes(store: Store, number: int, member: Member, plain: Set[str] = frozenset()) -> Iterator[bytes]:
    """A member's bytes in order, holes filled. plain: kinds of slices that are not JSON. Raises Damaged, NotFound."""
    if member.blob is not None:
        yield from store.blob(member.blob)
        return
    for segment in store.segments(number):
        if segment.slice is not None:
            yield store.slice(segment.slice)[0]
        elif segment.hole is not None:
            yield fill(segment.hole, plain=segment.kind == WITHHELD or segment.kind in plain)
        else:
            yield segment.glue or b""


def erased_places(store: Store, header: SourceHeader) -> tuple[Withheld, ...]:
    """What was erased of a source: whole files, and places in files, with their length."""
    out, left_out = [], {withheld.path for withheld in header.withheld if not withheld.where}
    for number, member in store.numbered_members(header.id):
        if member.treatment == "withhold" and member.name not in left_out:
            out.append(Withheld(member.name, "", f"erased: {member.size} bytes"))
        if member.treatment == "withhold" or member.blob is not None:
            continue
        for segment in store.segments(number):
            if segment.kind == WITHHELD:
                continue  # the header's list has it, with its reason
            if segment.hole is not None:
                out.append(Withheld(member.name, segment.where, f"erased: {segment.hole} bytes"))
            elif segment.slice is not None:
                out += [
                    Withheld(member.name, segment.where, f"erased: {hole.length} bytes") for hole in store.slice(segment.slice)[1]
                ]
    return tuple(out)


def delivery_of(store: Store, header: SourceHeader) -> Delivery:
    """The source as a Delivery whose entries read from the vault; withheld files are not among them."""

    def opened(number: int, member: Member) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(_Stream(member_bytes(store, number, member, plain)), 1 << 16))

    plain = formats.plain(header.format)

    entries = tuple(
        Entry(member.name, member.size, member.directory, partial(opened, number, member))
        for number, member in store.numbered_members(header.id)
        if member.treatment not in ("withhold", "rows")
    )
    return Delivery(header.path, "stored", entries, sha256=header.sha256, bytes=header.bytes, directory=header.directory)


class SourceReader:
    """Reads slices of one stored source into records, with their origins and attachments filled in."""

    def __init__(self, store: Store, header: SourceHeader) -> None:
        self.store, self.header = store, header
        self.format: Reader = formats.reader(header.format)
        self.sidecars: Json = self.format.sidecars(delivery_of(store, header))
        self.blobs = {member.name: member.blob for member in store.members(header.id) if member.blob}

    def slices(self) -> Iterator[tuple[str, Slice]]:
        """(slice id, slice) of every slice of the source, decoded."""
        for number, member in self.store.numbered_members(self.header.id):
            for segment in self.store.segments(number):
                if segment.slice is not None:
                    yield segment.slice, self.slice(segment.slice, member.name, segment.kind, segment.where)

    def slice(self, id: str, path: str, kind: str, where: str) -> Slice:
        return load(Slice(kind, path, where, self.store.slice(id)[0]))

    def records(self, id: str, slice: Slice) -> list[tuple[Kind, Packed]]:
        """What one slice holds, as intake would have stored it had it been the only one."""
        return self.complete(self.format.read(slice, self.sidecars), Origin(self.header.id, id, f"{slice.path}{slice.where}"))

    def complete(self, reading: Reading, origin: Origin) -> list[tuple[Kind, Packed]]:
        conversations = [joined(conversation, origin, self.blobs) for conversation in reading.conversations]
        memories = [msgspec.structs.replace(memory, origins=(origin,)) for memory in reading.memories]
        topics = [msgspec.structs.replace(topic, origins=(origin,)) for topic in reading.topics]
        records: tuple[Packed, ...] = (*conversations, *memories, *topics)
        return [(kind_of(record), record) for record in records]


def joined(read: Conversation, origin: Origin, blobs: dict[str, str]) -> Conversation:
    """A conversation as a reader gave it, in its normal form: arranged, with its origin, its attachments joined to their bytes.

    blobs: name of a delivery's file -> the blob it became.
    """
    attachments = {attachment.id: _with_bytes(attachment, blobs) for attachment in read.attachments}
    return msgspec.structs.replace(
        read, messages=arranged(read.messages), attachments=tuple(attachments[id] for id in sorted(attachments)), origins=(origin,)
    )


def _with_bytes(attachment: Attachment, blobs: dict[str, str]) -> Attachment:
    if attachment.member is None:
        return attachment
    blob = blobs.get(attachment.member)
    if blob is None:
        return msgspec.structs.replace(attachment, missing=attachment.missing or "its file could not be read")
    return msgspec.structs.replace(attachment, blob=blob, missing="")


def judged(record: Memory, derived: Memory | None) -> Memory | None:
    """A memory as its slices tell it now, with what persons said of it, which stands in no slice; None if nobody tells it.

    What a person stated or confirmed stays when its slices go, in that person's words.
    """
    if derived is not None:
        return msgspec.structs.replace(derived, verdicts=record.verdicts)
    if record.origins and not (record.verdicts and record.status == "confirmed"):
        return None
    if not record.origins:
        return record
    return msgspec.structs.replace(record, text=record.wording, evidence=(), origins=(), older=(), versions=())


class Rederiver:
    """Records as their slices tell them, or are about to: what `erase` and `undo` have in common.

    without: a source that is to be left out. instead: slice id -> (id, slice) that takes its place, None where nothing does.
    """

    def __init__(self, store: Store, *, without: str = "", instead: dict[str, tuple[str, Slice] | None] | None = None) -> None:
        self.store, self.without = store, without
        self.instead = {} if instead is None else instead  # the caller's own: it may go on filling it
        self._readers: dict[str, SourceReader] = {}

    def reader(self, source: str) -> SourceReader | None:
        if source not in self._readers:
            header = self.store.source(source)
            if header is None:
                return None
            self._readers[source] = SourceReader(self.store, header)
        return self._readers[source]

    def told(self, origin: Origin) -> list[tuple[Kind, Packed]]:
        """What the slice of an origin tells. Raises Damaged."""
        reader = None if origin.source == self.without else self.reader(origin.source)
        if reader is None:
            return []
        if origin.slice in self.instead:
            instead = self.instead[origin.slice]
            return [] if instead is None else reader.records(*instead)
        try:
            place = self.store.place(origin.source, origin.slice)
        except NotFound:
            return []
        return reader.records(origin.slice, reader.slice(origin.slice, *place))

    def record(self, record: Packed) -> Packed | None:
        """The record as its slices tell it; None if nothing tells of it any more."""
        result: Packed | None = None
        for origin in record.origins:
            for kind, found in self.told(origin):
                if kind == kind_of(record) and found.id == record.id:
                    result = found if result is None else merged_records(result, found)
        if isinstance(record, Memory):
            return judged(record, cast(Memory | None, result))
        return record if isinstance(record, Topic) and not record.origins else result
