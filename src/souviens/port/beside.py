"""The files of a source that lie beside its conversations, and what an erasure takes out of them.

* A file that repeats every conversation (`chat.html`) goes whole.
* Of a side file (feedback, shared links, the names of uploads) goes the smallest object that names something erased; the whole
  file if the erased words still stand in it after that.
* An attachment goes, with its name, when nobody points to it any more. Attachments of others are never looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from typing import cast

from souviens.jsonspan import decode
from souviens.port.holes import blank, span_at
from souviens.records import Conversation, Json, spoken
from souviens.vault.store import Member, Store

_LARGEST = 64 << 20  # bytes of a side file that is looked into
_ID = re.compile(r"[\w-]{6,}")
_WORDS = 16  # characters of a text by which a copy of it is told
_BLOB = re.compile(rb'"blob":"([0-9a-f]{64})"')


class Gone:
    """What is being erased, as a provider's side files know it.

    names: the provider's ids. words: the beginnings of what was said. blobs: of attachments that are pointed to no longer.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.words: set[str] = set()
        self.blobs: set[str] = set()

    def add(self, before: Conversation, after: Conversation | None, messages: Set[str]) -> Gone:
        """These messages of a conversation; all of it if nothing is left `after`."""
        for message in (*before.messages, *before.older):
            if message.id in messages or after is None:
                self.names |= {message.provider_id} if message.provider_id else set()
                self._say(spoken(message))
        if after is None:
            self.names |= {before.provider_id} if before.provider_id else set()
            for head in (before.head, *before.older_heads):
                self._say(head.title)
        left = {a.id: a for a in after.attachments} if after else {}
        for attachment in before.attachments:
            if attachment.id not in left:
                self.names |= set(_ID.findall(attachment.pointer.rpartition("://")[2]))
                self.blobs |= {attachment.blob} if attachment.blob else set()
        self.blobs -= {a.blob for a in left.values() if a.blob}
        return self

    def _say(self, text: str) -> None:
        beginning = text.strip()[:64]
        if len(beginning) >= _WORDS:
            self.words.add(beginning)


def clean(store: Store, members: Iterable[tuple[int, Member]], gone: Gone) -> list[str]:
    """Take out of a source's repeats and side files what is gone; the names of those files. members: with their numbers.

    In transactions of its own; doing it again changes nothing.
    """
    changed: list[tuple[int, Member, bytes | None]] = []
    for number, member in members:
        if not member.blob:
            continue
        if member.treatment == "repeat":
            changed.append((number, member, None))
        elif (data := _text(store, member)) is not None and (left := _without(data, gone)) != data:
            changed.append((number, member, left))
    # A text that a person uploaded is an attachment of its own and says what it says.
    used = used_blobs(store) if any(member.treatment != "repeat" for _, member, _ in changed) else set()
    for number, member, left in changed:
        if member.blob in used:
            continue
        if left is None:
            with store.transaction():
                store.hollow_member(number, member)
        else:
            blob, _ = store.put_blob([left])
            with store.transaction():
                store.replace_blob(number, member, blob)
    return [member.name for _, member, _ in changed if member.blob not in used]


def drop_attachments(store: Store, blobs: Set[str], *, but: str) -> None:
    """Let go of these bytes, and of the names of their files, unless a live conversation, `but` one, points to them."""
    for blob in sorted(blobs - used_blobs(store, but=but) if blobs else ()):
        with store.transaction():
            for number, member in store.members_with_blob(blob):
                store.hollow_member(number, member)
                store.rename_member(number, f"erased-{number}")


def used_blobs(store: Store, *, but: str = "") -> set[str]:
    """The blobs that live conversations, `but` one, point to as attachments."""
    packed = (store.packed(seq)[2] for seq, kind, id in store.live() if kind == "conversation" and id != but)
    return {match.decode() for data in packed for match in _BLOB.findall(data)}


def _text(store: Store, member: Member) -> bytes | None:
    """The bytes of a file that is text, as far as a look at it tells; None for pictures, sounds, and what is too large."""
    chunks = store.blob(cast(str, member.blob))
    first = next(chunks, b"")
    if b"\0" in first[:4096] or member.size > _LARGEST:
        return None
    return first + b"".join(chunks)


def _without(data: bytes, gone: Gone) -> bytes | None:
    """A side file without what names the erased; None if nothing but leaving all of it out will do."""
    if not any(name.encode() in data for name in gone.names | gone.words):
        escaped = any(not word.isascii() or '"' in word or "\n" in word for word in gone.words)
        if not escaped:
            return data
    try:
        value = decode(data)[0]
    except ValueError:
        return None if any(word.encode() in data for word in gone.words) else data
    spans = [span for path in _paths(value, gone.names) if (span := span_at(data, path)) is not None]
    left = blank(data, spans) if spans else data
    return None if any(word in text for text in _strings(decode(left)[0]) for word in gone.words) else left


def _paths(value: Json, names: Set[str], path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths to the smallest objects that name one of these, and to what stands under such a key."""
    inside = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    if isinstance(value, dict) and any(isinstance(held, str) and _names(held, names) for held in value.values()):
        yield path
        return
    for key, held in inside:
        if (isinstance(key, str) and _names(key, names)) or (isinstance(held, str) and _names(held, names)):
            yield (*path, key)
        else:
            yield from _paths(held, names, (*path, key))


def _names(text: str, names: Set[str]) -> bool:
    return len(text) < 1_000 and not names.isdisjoint(_ID.findall(text))


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for held in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(held)
