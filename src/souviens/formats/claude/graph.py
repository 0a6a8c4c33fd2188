"""Where each message of a conversation hangs: ids, parents and order, such that erasing one message leaves all others alone.

A message's *place* is its index in the file. Holes (erased messages) and refused messages keep their places:

* where any message names a parent, each hangs where it says; null and the all-but-zero root id make a root. One that has no such
  field says nothing, and hangs on the place before it: it is no other beginning;
* where none does, the chain is the file's order and nothing else is claimed: each message hangs on the place before it;
* `order` is the place: it ranks siblings as the file has them. Counting them from 0 under each parent was tried and given
  up: an erased sibling's parent is not known any more, so that the others would be numbered anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from souviens.canon import Occurrences, make_id, tagged_hash
from souviens.records import Json

ROOT = "00000000-0000-4000-8000-000000000000"
_HOLE = re.compile(r"m-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Graph:
    """ids, parents: one for each place. repeats: place -> how often its uuid stood in the file before.
    source: where the parents come from, "" (the export's fields), "file order", or "partly given"."""

    ids: list[str]
    parents: list[str | None]
    repeats: dict[int, int]
    source: str


def is_hole(item: Json) -> bool:
    """An erased message: null, or its id in its place."""
    return item is None or (isinstance(item, str) and _HOLE.fullmatch(item) is not None)


def place_ids(conversation: str, items: list[Json]) -> tuple[list[str], dict[int, int]]:
    """The message id of every place, and which places repeat a uuid.

    Without a uuid an id is content + occurrence. The previous message's hash is left out of it on purpose: it would change
    with that message's erasure.
    """
    seen: dict[str, int] = {}
    occurrences = Occurrences()
    ids, repeats = [], {}
    for place, item in enumerate(items):
        uuid = item.get("uuid") if isinstance(item, dict) else None
        if isinstance(uuid, str) and uuid:
            if before := seen.get(uuid, 0):
                repeats[place] = before
            seen[uuid] = before + 1
            ids.append(make_id("m", conversation, uuid, *([str(before)] if before else [])))
        elif isinstance(item, dict):
            ids.append(occurrences.make_id("m", conversation, _content(item)))
        elif isinstance(item, str) and is_hole(item):
            ids.append(item)
        else:
            ids.append(make_id("m", conversation, "place", str(place)))
    return ids, repeats


def _content(item: Json) -> str:
    try:
        return tagged_hash(item)
    except RecursionError:  # the reader refuses such a message; its place only needs some id
        return "nested too deeply"


def trace(conversation: str, items: list[Json]) -> Graph:
    """The graph of a conversation's messages, as its parent fields or else its file has it."""
    ids, repeats = place_ids(conversation, items)
    messages = [item for item in items if isinstance(item, dict)]
    named = [isinstance(item.get("parent_message_uuid"), str) for item in messages]
    if any(named):
        partly = any("parent_message_uuid" not in item for item in messages)
        parents = [_parent(conversation, item, before) for item, before in zip(items, [None, *ids], strict=False)]
        return Graph(ids, parents, repeats, "partly given" if partly else "")
    # Null throughout is what exporters write who have no parents to name: it makes a chain, not a heap of roots.
    return Graph(ids, [None, *ids][: len(ids)], repeats, "file order" if len(messages) > 1 else "")


def _parent(conversation: str, item: Json, before: str | None) -> str | None:
    if not isinstance(item, dict) or "parent_message_uuid" not in item:
        return before
    uuid = item["parent_message_uuid"]
    return make_id("m", conversation, uuid) if isinstance(uuid, str) and uuid and uuid != ROOT else None
