"""The nodes of a conversation: ids, parents, and ranks among siblings, as the export has them."""

from __future__ import annotations

from souviens.canon import make_id
from souviens.formats.chatgpt import known
from souviens.records import Extra, Json


class Graph:
    """The nodes of a conversation: ids, parents, and ranks among siblings.

    A node's key is its identity; its own `id` and its message's may differ and are then kept in `extra`. Parents are kept as
    given, be they absent from the export or in a circle: nothing here walks from node to node. Refused nodes have their rank
    all the same, so that the order of the others does not hang on them. read: the keys of the nodes that are not refused.
    """

    def __init__(self, conversation: str, mapping: dict[str, Json], refused: dict[str, str]) -> None:
        self.read = dict.fromkeys(key for key in mapping if key not in refused)
        self.nodes: dict[str, dict[str, Json]] = {key: node for key, node in mapping.items() if isinstance(node, dict)}
        self._conversation = conversation
        self._ids = {key: make_id("m", conversation, key) for key in self.nodes}
        self.parents = self._find_parents()
        self.children: dict[str | None, list[str]] = {}
        for key, parent in self.parents.items():
            self.children.setdefault(parent, []).append(key)
        self.ranks: dict[str, int] = {}
        for parent, siblings in self.children.items():
            if len(siblings) > 1:
                self._sort(parent, siblings)
            for rank, key in enumerate(siblings):
                self.ranks[key] = rank

    def id(self, key: str) -> str:
        """The message id of a node, also of one that the export does not have."""
        return self._ids.get(key) or make_id("m", self._conversation, key)

    def _find_parents(self) -> dict[str, str | None]:
        parents: dict[str, str | None] = {}
        silent: list[str] = []
        for key, node in self.nodes.items():
            parent = node.get("parent")
            parents[key] = parent if isinstance(parent, str) and parent else None
            if "parent" not in node:
                silent.append(key)
        if silent:
            # No export seen lacks the key; where one does, the parents' lists of children say it.
            listed = {child: key for key, node in self.nodes.items() for child in _listed(node)}
            parents.update({key: listed.get(key) for key in silent})
        return parents

    def _sort(self, parent: str | None, siblings: list[str]) -> None:
        """In the order of the parent's own list; those it does not name follow in the order of the file."""
        if parent in self.nodes:
            places = {child: place for place, child in enumerate(_listed(self.nodes[parent]))}
            siblings.sort(key=lambda key: places.get(key, len(places)))


def _listed(node: dict[str, Json]) -> list[str]:
    children = node.get("children")
    return [child for child in children if isinstance(child, str)] if isinstance(children, list) else []


def of_node(graph: Graph, key: str, node: dict[str, Json]) -> Extra:
    """What a node says that the records' graph does not: an id that is not its key, a parent that was not read, a list of
    children that is not that of the nodes read, and keys of its own."""
    left: Extra = {}
    if len(node) > 4 or not known.NODE.issuperset(node):
        left = {name: value for name, value in node.items() if name not in known.NODE}
    if node.get("id") not in (key, None):
        left["id"] = node["id"]
    parent = node.get("parent")
    if parent is not None and (graph.parents[key] is None or parent not in graph.read):
        left["parent"] = parent
    children = node.get("children")
    if children not in (None, []) and (children != graph.children.get(key) or not graph.read.keys() >= set(children)):
        left["children"] = children
    return left
