"""The hierarchy of a vault as documents: what `souviens map` draws, and the thread of a topic that `souviens show` reads.

Upper levels are what providers gave (areas, projects, folders); below them stand topics that grew by themselves: area > project >
topic > conversation > episode. Everything is asked through a Scope; names and extracts are made of what it allows alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import cast

import numpy as np

from souviens.canon import utc
from souviens.encode import Encoder
from souviens.errors import NotFound, UsageError
from souviens.grants import OWNER, Scope
from souviens.index import digest, episodes, forest
from souviens.index.layout import UNKNOWN
from souviens.index.naming import Names
from souviens.index.port import Index
from souviens.port import viewing
from souviens.port.viewing import Document
from souviens.records import Conversation, Message, Topic, spoken
from souviens.vault.store import Store

OPENING = 200  # characters of the line an episode opens with
CITED = 200  # conversations of a topic that are read for its extract, spread along time


class Map:
    """A vault's hierarchy as one asker sees it. The index is synced first."""

    def __init__(self, store: Store, index: Index, scope: Scope = OWNER) -> None:
        index.sync(store)
        index.tell(store)
        self.store, self.index, self.scope = store, index, scope
        self.layout = index.layout()
        visible = self.layout.allowed(None if scope.sees_all else scope.allows)
        shown = np.array([kind == "conversation" for kind in self.layout.kinds], np.bool_)
        self.rows: list[int] = np.flatnonzero(shown if visible is None else shown & visible).tolist()
        self.topics: dict[int, list[int]] = {}
        for row in self.rows:
            self.topics.setdefault(int(self.layout.threads[row]), []).append(row)
        # What the scope hides makes no topic of one that is seen: that would tell of it.
        self.roots = {root for root, rows in self.topics.items() if len(rows) > 1}

    # --- what there is ------------------------------------------------------------------------------------------------

    @cached_property
    def imported(self) -> dict[str, Topic]:
        """The topics that providers and persons gave, by id."""
        return {topic.id: topic for topic in viewing.topics(self.store, self.scope)}

    @cached_property
    def names(self) -> Names:
        told = self.index.telling(int(self.layout.seqs[row]) for row in self.rows)
        return Names({row: told.get(int(self.layout.seqs[row]), []) for row in self.rows})

    @cached_property
    def areas(self) -> dict[int, int]:
        """Root of a topic -> root of the topic its area grows from; only where an area joins topics, and none was imported."""
        if any(topic.kind == "area" for topic in self.imported.values()):
            return {}
        roots = sorted(self.roots & self.rows_seen, key=self._time)
        gists = self.index.gists(int(self.layout.seqs[root]) for root in roots)
        grown = forest.areas([gists.get(int(self.layout.seqs[root])) for root in roots])
        joined = Counter(grown)
        return {root: roots[place] for root, place in zip(roots, grown, strict=True) if joined[place] > 1}

    def topic_id(self, root: int) -> str:
        return forest.topic_id(self.layout.ids[root])

    def _time(self, row: int) -> tuple[bool, int, str]:
        """Order of time: what has none comes last."""
        first = self._span([row])[0]
        us = int(self.layout.created[row])
        us = us if us != UNKNOWN else first if first is not None else UNKNOWN
        return us == UNKNOWN, us, self.layout.ids[row]

    def _span(self, rows: Sequence[int]) -> tuple[int | None, int | None]:
        """The first and the last known moment of conversations."""
        return self.layout.reach_of(rows) or (None, None)

    # --- ids ----------------------------------------------------------------------------------------------------------

    def find(self, prefix: str) -> tuple[str, str]:
        """("imported", id) or ("topic" or "area", id) of the one topic whose id begins so. Raises NotFound, UsageError.

        An id that once was a topic's goes on to lead to the topic its conversation is in now.
        """
        found: dict[tuple[str, str], None] = {}
        found.update({("imported", id): None for id in self.imported if id.startswith(prefix)})
        for kind, ids in (("topic", self._topics_by_id), ("area", self._areas_by_id)):
            found.update({(kind, id): None for id in ids if id.startswith(prefix)})
        if not found:
            moved = (self.topic_id(int(self.layout.threads[row])) for row in self.rows if self.topic_id(row).startswith(prefix))
            found.update({("topic", id): None for id in moved})
        if len(found) > 1:
            shown = ", ".join(id[: len(prefix) + 8] for _, id in list(found)[:10])
            raise UsageError(f"{prefix} fits more than one topic", shown, "give more of the id")
        if not found:
            raise NotFound(f"nothing in the vault has the id {prefix}", "it may have been erased", "find ids with: souviens map")
        return next(iter(found))

    @cached_property
    def _topics_by_id(self) -> dict[str, int]:
        return {self.topic_id(root): root for root in self.roots}

    @cached_property
    def _areas_by_id(self) -> dict[str, int]:
        return {forest.area_id(self.layout.ids[root]): root for root in set(self.areas.values())}

    # --- the tree -----------------------------------------------------------------------------------------------------

    def tree(self, depth: int | None = None, within: str | None = None) -> Document:
        """The whole hierarchy, or what is below one topic. depth: levels; None: all down to topics, without conversations."""
        if within is None:
            parts = self._parts(self.rows, None, depth)
            return self._sizes(self.rows) | {"topics": len(self._topics_by_id), "parts": parts}
        kind, id = self.find(within)
        node = self._imported(id, depth) if kind == "imported" else self._grown(kind, id, depth)
        return self._sizes(self._members(kind, id)) | {"topics": _count(node), "parts": [node]}

    def _members(self, kind: str, id: str) -> list[int]:
        """The conversations of a topic in the order of time."""
        if kind == "imported":
            inside = self._below(id)
            rows = [row for row in self.rows if self.layout.projects[row] in inside]
        elif kind == "area":
            root = self._areas_by_id[id]
            rows = [row for topic, area in self.areas.items() if area == root for row in self.topics[topic]]
        else:
            rows = self.topics[self._root(id)]
        return sorted(rows, key=self._time)

    def _root(self, id: str) -> int:
        if id in self._topics_by_id:
            return self._topics_by_id[id]
        return next(root for root in self.topics if self.topic_id(root) == id)

    def _below(self, id: str) -> set[str]:
        """An imported topic and those below it."""
        inside, new = {id}, {id}
        while new:
            new = {topic.id for topic in self.imported.values() if topic.parent in new} - inside
            inside |= new
        return inside

    def _parts(self, rows: Sequence[int], project: str | None, depth: int | None) -> list[Document]:
        """What stands below an imported topic, or at the top: imported ones first, then areas, topics, single conversations."""
        if depth is not None and depth < 1:
            return []
        known = self.imported
        here = [t for t in known.values() if (t.parent if t.parent in known and t.parent != t.id else None) == project]
        parts = [self._imported(topic.id, depth) for topic in here]
        direct = [row for row in rows if (self.layout.projects[row] if self.layout.projects[row] in known else None) == project]
        grouped: dict[int, list[int]] = {}
        for row in direct:
            grouped.setdefault(int(self.layout.threads[row]), []).append(row)
        topics = {root: members for root, members in grouped.items() if root in self.roots}
        by_area: dict[int | None, dict[int, list[int]]] = {}
        for root, members in topics.items():
            # Below a project areas would be one level too many.
            by_area.setdefault(self.areas.get(root) if project is None else None, {})[root] = members
        for area, within in by_area.items():
            parts += self._topics(within, depth) if area is None else [self._area(area, within, depth)]
        parts.sort(key=lambda node: (node["automatic"], -node["conversations"], node["name"].casefold(), node["id"]))
        single = [members[0] for root, members in grouped.items() if root not in self.roots]
        return parts + (self._conversations(single) if depth is not None else [])

    def _topics(self, topics: dict[int, list[int]], depth: int | None) -> list[Document]:
        return [self._topic(root, rows, depth) for root, rows in topics.items()]

    def _topic(self, root: int, rows: list[int], depth: int | None) -> Document:
        below = self._conversations(rows) if depth is not None and depth > 1 else []
        return self._node(self.topic_id(root), "topic", self.names.name(rows), rows) | {"parts": below}

    def _area(self, area: int, topics: dict[int, list[int]], depth: int | None) -> Document:
        rows = [row for members in topics.values() for row in members]
        parts = self._topics(topics, _less(depth)) if depth is None or depth > 1 else []
        parts.sort(key=lambda node: (-node["conversations"], node["name"].casefold(), node["id"]))
        return self._node(forest.area_id(self.layout.ids[area]), "area", self.names.name(rows), rows) | {"parts": parts}

    def _grown(self, kind: str, id: str, depth: int | None) -> Document:
        if kind == "topic":
            return self._topic(self._root(id), self._members(kind, id), depth if depth is not None else 2)
        area = self._areas_by_id[id]
        return self._area(area, {root: self.topics[root] for root, of in self.areas.items() if of == area}, depth)

    def _imported(self, id: str, depth: int | None) -> Document:
        topic, rows = self.imported[id], self._members("imported", id)
        node = self._node(id, topic.kind, topic.name, rows) | {"automatic": False, "telling": self.names.name(rows) if rows else ""}
        return node | {"parts": self._parts(rows, id, _less(depth))}

    def _conversations(self, rows: Sequence[int]) -> list[Document]:
        titles = {row: self._conversation(row).head.title for row in rows}
        return [
            self._node(self.layout.ids[row], "conversation", titles[row], [row]) | {"automatic": False, "telling": "", "parts": []}
            for row in sorted(rows, key=self._time)
        ]

    def _node(self, id: str, kind: str, name: str, rows: Sequence[int]) -> Document:
        providers = sorted({self.layout.providers[row] for row in rows})
        return {"id": id, "kind": kind, "automatic": True, "name": name, "telling": name, "providers": providers} | self._sizes(
            rows
        )

    def _sizes(self, rows: Sequence[int]) -> Document:
        first, last = self._span(rows)
        return {
            "conversations": len(rows),
            "messages": int(sum(self.layout.counts[row] - 1 for row in rows)),
            "single": sum(int(self.layout.threads[row]) not in self.roots for row in rows),
            "first": utc(first),
            "last": utc(last),
        }

    # --- one topic ----------------------------------------------------------------------------------------------------

    def show(self, prefix: str, encoder: Encoder | None = None) -> Document:
        """A topic: what the vault holds of it if it was imported, an extract that cites, and its thread along time."""
        kind, id = self.find(prefix)
        rows = self._members(kind, id)
        if kind == "imported":
            shown = viewing.show(self.store, "topic", id, self.scope)
            name = shown["name"]
        else:
            name = self.names.name(rows)
            shown = self._row(kind, id, name, rows)
        return shown | {
            "automatic": kind != "imported",
            **{key: value for key, value in self._sizes(rows).items() if key not in ("conversations", "single")},
            "extract": [self._cited(sentence) for sentence in self._extract(rows, encoder)],
            "thread": [self._told(row) for row in rows],
        }

    def _row(self, kind: str, id: str, name: str, rows: list[int]) -> Document:
        """A topic that grew by itself, with the fields of one that was imported."""
        area = self.areas.get(self._root(id)) if kind == "topic" else None
        return {
            "type": "topic",
            "id": id,
            "kind": kind,
            "name": name,
            "provider": "",
            "provider_id": None,
            "parent": None if area is None else forest.area_id(self.layout.ids[area]),
            "conversations": [self.layout.ids[row] for row in rows],
            "memories": [],
            "documents": [],
            "created": None,
            "updated": None,
            "sources": [],
            "summary": "",
            "instructions": "",
            "extra": {},
            "origins": [],
            "times": {"created": None, "updated": None},
        }

    def _extract(self, rows: list[int], encoder: Encoder | None) -> list[digest.Sentence]:
        if not rows:
            return []
        read = rows[:: -(-len(rows) // CITED)]
        found = [sentence for row in read for sentence in digest.sentences(self._conversation(row))]
        encode = None if encoder is None else lambda texts: encoder.encode(texts).astype(np.float64)
        return digest.extract(found, self.names.weights(rows), encode)

    def _cited(self, sentence: digest.Sentence) -> Document:
        text, conversation, message, role, us = sentence
        return {"text": text, "message": message, "conversation": conversation, "role": role, "time": utc(us)}

    def _told(self, row: int) -> Document:
        conversation, parent = self._conversation(row), int(self.layout.parents[row])
        return {
            "id": conversation.id,
            "provider": conversation.provider,
            "title": conversation.head.title,
            "created": utc(self._time(row)[1]) if not self._time(row)[0] else None,
            "messages": len(conversation.messages),
            "continues": self.layout.ids[parent] if parent in self.rows_seen else None,
            "strength": round(float(self.layout.strengths[row]), 3),
            "episodes": list(self._episodes(row, conversation)),
        }

    @cached_property
    def rows_seen(self) -> set[int]:
        return set(self.rows)

    def _episodes(self, row: int, conversation: Conversation) -> Iterator[Document]:
        start, count = int(self.layout.offsets[row]), int(self.layout.counts[row])
        numbers = self.layout.episodes[start : start + count]
        asked = set(episodes.exchanges(self.layout.roles[start : start + count]).tolist())
        for number in range(int(numbers[-1]) + 1):
            ordinals = [n for n in np.flatnonzero(numbers == number).tolist() if n]
            if not ordinals:
                continue
            opening = conversation.messages[next((n for n in ordinals if n in asked), ordinals[0]) - 1]
            yield {
                "message": opening.id,
                "time": utc(opening.time.us),
                "role": opening.role,
                "text": _line(opening),
                "messages": len(ordinals),
            }

    def _conversation(self, row: int) -> Conversation:
        return cast(Conversation, self.store.pack(int(self.layout.seqs[row])))


def _line(message: Message) -> str:
    """The beginning of what was said, on one line."""
    text = " ".join(spoken(message).split()) if message.visibility == "visible" else ""
    return text if len(text) <= OPENING else text[:OPENING].rstrip() + "..."


def _less(depth: int | None) -> int | None:
    return None if depth is None else depth - 1


def _count(node: Document) -> int:
    """The topics that grew by themselves in a node."""
    return int(node["automatic"] and node["kind"] == "topic") + sum(map(_count, node["parts"]))
