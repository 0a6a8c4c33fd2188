"""Messages by their ids. Truth keeps no table of messages: they are looked for in the packs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from souviens.vault.store import Store


class _Node(msgspec.Struct):
    id: str


class _Nodes(msgspec.Struct):
    messages: tuple[_Node, ...] = ()


_nodes = msgspec.json.Decoder(_Nodes).decode


def holders(store: Store, prefix: str) -> Iterator[tuple[str, str]]:
    """(message, conversation) of the live messages whose id begins so, by looking through all packs (docs/LOG.md has the time)."""
    needle = re.compile(rb'"id":"' + re.escape(prefix.encode()))
    for seq, kind, id in store.live():
        if kind == "conversation" and needle.search(data := store.packed(seq)[2]):
            yield from ((node.id, id) for node in _nodes(data).messages if node.id.startswith(prefix))
