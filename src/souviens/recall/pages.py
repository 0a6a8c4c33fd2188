"""Records as an answer needs them: each read once, and of a conversation only the messages that are asked for.

A conversation is one pack, and to decode hundreds of turns for one of them took longer than all the rest of reading (measured).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from souviens.errors import Damaged
from souviens.records import Head, Memory, Message, Record, Topic, spoken
from souviens.vault.store import Kind, Store


class Page(Record, frozen=True):
    """A conversation whose messages are still JSON."""

    id: str
    provider: str
    head: Head
    messages: tuple[msgspec.Raw, ...] = ()


Read: TypeAlias = Page | Memory | Topic
_message = msgspec.json.Decoder(Message)
_decoders: dict[Kind, msgspec.json.Decoder[Read]] = {
    "conversation": msgspec.json.Decoder(Page),
    "memory": msgspec.json.Decoder(Memory),
    "topic": msgspec.json.Decoder(Topic),
}


class Pages:
    """What the packs of a vault say, by seq."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[int, Read] = {}
        self._topics: dict[str, str] = {}

    def read(self, seq: int) -> Read:
        """Raises NotFound, Damaged."""
        if seq not in self._read:
            kind, id, data = self._store.packed(seq)
            try:
                self._read[seq] = _decoders[kind].decode(data)
            except msgspec.MsgspecError as error:
                raise Damaged(f"{id}: is not a {kind}", str(error), "souviens rebuild --records") from None
        return self._read[seq]

    def message(self, page: Page, n: int) -> Message:
        """The n-th message of a conversation, from 0. Raises Damaged."""
        try:
            return _message.decode(page.messages[n])
        except msgspec.MsgspecError as error:
            raise Damaged(f"{page.id}: message {n + 1} cannot be read", str(error), "souviens rebuild --records") from None

    def messages(self, page: Page, start: int, end: int) -> list[Message]:
        """Messages `start` to `end` - 1, as far as there are."""
        return [self.message(page, n) for n in range(max(0, start), min(end, len(page.messages)))]

    def text(self, seq: int, ordinal: int) -> str:
        """The words of the unit that stands there in a record, see `index.layout.Place`. Raises NotFound, Damaged."""
        record = self.read(seq)
        if isinstance(record, Memory):
            return record.wording
        if isinstance(record, Topic):
            about = "\n".join(filter(None, (record.name, record.summary, record.instructions)))
            return record.documents[ordinal - 1].text if ordinal else about
        return spoken(self.message(record, ordinal - 1)) if ordinal else record.head.title

    def topic(self, id: str | None) -> str:
        """The name of a topic, "" if it has none."""
        if id is None:
            return ""
        if id not in self._topics:
            found = self._store.get("topic", id)
            self._topics[id] = found[1].name if found and isinstance(found[1], Topic) else ""
        return self._topics[id]
