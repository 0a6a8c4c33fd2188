"""Reading one conversation out of a slice: what all formats do alike, so that a format says only what is its own.

    DIALOGUE = Dialogue(provider="deepseek", identify=..., nodes=..., head=..., message=...)
    read, locations = DIALOGUE.read, DIALOGUE.locations

A format names the conversation (`Identity`), lists its messages where they lie (`Node`), and makes of each a `Draft` from its
`Fields`. Here are ids, parents, order, the refusal of the smallest damaged unit, and what an erased message leaves behind.

* An id comes from the provider's id; without one from content + occurrence, never from position.
* A message hangs where the source says. Where the source says nothing at all (PREVIOUS) the chain is the file's order, and the
  conversation's `extra` says so under "graph".
* `order` is the place in the file unless the source ranks siblings itself: an erasure does not renumber the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from souviens.canon import Instant, Occurrences, make_id, sha256, tagged_hash
from souviens.formats._fields import NOT_A_NUMBER, NOT_UTF8, Fields, Unknown, id_of, name_type, note
from souviens.jsonspan import Flaws, Slice, load
from souviens.records import (
    Attachment,
    Conversation,
    Extra,
    File,
    Head,
    Json,
    Memory,
    Message,
    Part,
    Problem,
    Reading,
    Topic,
    Visibility,
    sealed,
)

Path: TypeAlias = tuple[str | int, ...]


class _Previous:
    """The type of PREVIOUS."""


PREVIOUS: Final = _Previous()  # as a parent: the message before this one in the file


class Identity(NamedTuple):
    """What a conversation is known by: the provider's id, else words that no later export of it changes (title and creation
    time), else, with neither, its bytes."""

    provider_id: str | None
    words: tuple[str, ...] = ()


class Undecodable(str):
    """Text that stands where an object should, and is no JSON: a damaged line."""


class Node(NamedTuple):
    """A message as it lies in a slice. path: of its JSON value, () if the slice is nothing else. id, parent: the provider's; a
    parent of None makes a root, a number is the place among the nodes of one that has no id.

    value: its object; null is what an erasure leaves. order: rank among its siblings where the source gives one. key: what its
    id is made of if it has none and its value says things that change later.
    """

    path: Path
    value: Json
    id: str | None = None
    parent: str | int | _Previous | None = PREVIOUS
    order: int | None = None
    key: Json = None


class Draft(NamedTuple):
    """A message without what its place in the graph says; see `records.Message`. extra: beside what is left of the fields."""

    role: str
    time: Instant
    parts: Sequence[Part] = ()
    author: str | None = None
    model: str | None = None
    updated: Instant | None = None
    visibility: Visibility = "visible"
    extra: Extra = {}


@dataclass(slots=True)
class Desk:
    """What is at hand while one conversation is read: where it puts what is not a message.

    conversation: its id. sidecars: what the format's `sidecars` gave. path: the place, without indexes, for unknown fields. node:
    the one whose message is being read.
    """

    conversation: str
    sidecars: Json
    path: str = ""
    node: Node = field(default_factory=lambda: Node((), None))
    unknown: Unknown = field(default_factory=Unknown)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    topics: list[Topic] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    children: dict[str, list[str]] = field(default_factory=dict)  # provider's ids, in the file's order
    holes: set[str] = field(default_factory=set)  # provider's ids of nodes that were erased
    ids: list[str] = field(default_factory=list)  # of the messages, a node each

    def drop_children(self, fields: Fields, key: str, own: str | None) -> None:
        """Leave a list of children out of a message's fields if it says no more than their parents do."""
        listed = fields.left.get(key)
        if listed is None or (isinstance(listed, list) and self._agree(listed, own or "")):
            fields.left.pop(key, None)

    def _agree(self, listed: list[Json], own: str) -> bool:
        there = [id for id in map(id_of, listed) if id not in self.holes]
        return not there or there == self.children.get(own, [])

    def message(self, provider_id: str) -> str:
        """The id of the message that the provider calls so."""
        return make_id("m", self.conversation, provider_id)

    def attach(
        self,
        pointer: str,
        media: str = "file",
        *,
        name: str = "",
        media_type: str = "",
        size: int | None = None,
        member: str | None = None,
        missing: str = "the export names it without its bytes",
        extra: Extra | None = None,
    ) -> File:
        """A part that points to an attachment, which is entered here. member: the delivery's file that holds its bytes."""
        id = make_id("a", self.conversation, pointer)
        self.attachments.setdefault(
            id, Attachment(id, pointer, name, media_type, size, member=member, missing="" if member else missing)
        )
        return File(id, media, pointer, name, extra or {})


@dataclass(frozen=True, slots=True)
class Dialogue:
    """How conversations of one format lie in slices. known_head, known_message: the fields that have been seen; any other is
    kept as well, and counted as unknown. in_pieces: several slices may tell of one, so that a parent outside of a slice is not one
    that is absent."""

    provider: str
    identify: Callable[[Slice], Identity]
    nodes: Callable[[Json], list[Node]]
    head: Callable[[Fields, Desk], Head]
    message: Callable[[Fields, Desk], Draft]
    known_head: frozenset[str] = frozenset()
    known_message: frozenset[str] = frozenset()
    # None: any object or array. Else the type a slice must have.
    shape: type | None = dict
    in_pieces: bool = False

    def read(self, slice: Slice, sidecars: Json) -> Reading:
        """The conversation of a slice. Content that cannot be used becomes a Problem; nothing is raised for it."""
        slice = loaded(slice)
        if reason := self._refusal(slice):
            return refused(slice, reason)
        try:
            return self._read(slice, sidecars)
        except RecursionError:
            return refused(slice, "nested too deeply to be read")

    def locations(self, slice: Slice) -> dict[str, Path]:
        """Message id -> path of its value in the slice."""
        slice = loaded(slice)
        if self._refusal(slice):
            return {}
        nodes = self.nodes(slice.value)
        ids, _ = _ids(self.conversation_id(slice), nodes)
        return {id: node.path for id, node in zip(ids, nodes, strict=True) if isinstance(node.value, dict)}

    def ids(self, slice: Slice) -> list[str]:
        """The message ids in the slice's order, those of erased ones too where something other than their words makes them."""
        slice = loaded(slice)
        return [] if self._refusal(slice) else _ids(self.conversation_id(slice), self.nodes(slice.value))[0]

    def conversation_id(self, slice: Slice) -> str:
        identity = self.identify(slice)
        if identity.provider_id:
            return make_id("c", self.provider, identity.provider_id)
        return make_id("c", self.provider, "", *(identity.words or (sha256(slice.data),)))

    def _refusal(self, slice: Slice) -> str:
        if slice.damage:
            return slice.damage
        if slice.value is None:
            return "empty (null)"
        if not isinstance(slice.value, self.shape or (dict, list)):
            return f"not {'an array' if self.shape is list else 'an object'} but {name_type(slice.value)}"
        return ""

    def _read(self, slice: Slice, sidecars: Json) -> Reading:
        nodes = self.nodes(slice.value)
        flaws = _Damage(slice.flaws or Flaws(), nodes)
        if flaws.elsewhere:
            return refused(slice, flaws.elsewhere)
        id = self.conversation_id(slice)
        desk = Desk(id, sidecars)
        ids, repeats = _ids(id, nodes)
        desk.ids = ids
        desk.path = _named(nodes[0].path[:-1]) if nodes else ""
        for node in nodes:
            if node.id and node.value is None:
                desk.holes.add(node.id)
            elif node.id and isinstance(node.parent, str):
                desk.children.setdefault(node.parent, []).append(node.id)
        messages: list[Message] = []
        for place, node in enumerate(nodes):
            reason = flaws.messages.get(place, "")
            if node.value is None and not reason:
                continue
            if not reason and not isinstance(node.value, dict):
                broken = isinstance(node.value, Undecodable)
                reason = "not JSON" if broken else f"not an object but {name_type(node.value)}"
            if not reason:
                desk.node = node
                try:
                    messages.append(self._message(place, node, ids, repeats, flaws, desk))
                except RecursionError:
                    reason = "nested too deeply to be written again"
            if reason:
                desk.problems.append(Problem("message", slice.path, f"{slice.where}{_exact(node.path, slice.where)}", reason))
        desk.path = ""
        left = _without(slice.value, [node.path for node in nodes])
        fields = Fields(left if isinstance(left, dict) else {"rest": left} if left else {})
        head = self.head(fields, desk)
        extra = {**head.extra, **fields.rest(self.known_head, "", desk.unknown)}
        chained = [node.parent is PREVIOUS for node in nodes if isinstance(node.value, dict)]
        if sum(chained) > 1 or (any(chained) and not all(chained)):
            note(extra, "graph", "file order" if all(chained) else "partly given")
        absent = {} if self.in_pieces else _absent_parents(nodes, ids, {message.id for message in messages})
        if absent:
            note(extra, "absent_parents", absent)
        flaws.note_head(extra)
        head = Head(head.title, head.created, head.updated, head.tip, head.project, head.model, extra)
        provider_id = self.identify(slice).provider_id or None
        conversation = Conversation(id, self.provider, provider_id, head, tuple(messages), tuple(desk.attachments.values()))
        return Reading((conversation,), tuple(desk.memories), tuple(desk.topics), tuple(desk.problems), desk.unknown)

    def _message(self, place: int, node: Node, ids: list[str], repeats: dict[int, int], flaws: _Damage, desk: Desk) -> Message:
        fields = Fields(node.value)
        draft = self.message(fields, desk)
        extra = fields.rest(self.known_message, desk.path, desk.unknown)
        if draft.extra:
            extra = {**draft.extra, **extra}
        if place in repeats:
            note(extra, "repeated_id", repeats[place])
        if place in flaws.surrogates:
            note(extra, "surrogates", flaws.surrogates[place])
        if isinstance(node.parent, _Previous):
            parent = ids[place - 1] if place else None
        elif isinstance(node.parent, int):
            parent = ids[node.parent]
        else:
            parent = make_id("m", desk.conversation, node.parent) if node.parent else None
        return sealed(
            Message(
                id=ids[place],
                provider_id=node.id,
                parent=parent,
                order=place if node.order is None else node.order,
                role=draft.role,
                time=draft.time,
                parts=tuple(draft.parts),
                author=draft.author,
                model=draft.model,
                updated=draft.updated,
                visibility=draft.visibility,
                extra=extra,
            )
        )


def loaded(slice: Slice) -> Slice:
    """The slice with its value, whether it comes from a cutter or out of a vault."""
    return load(slice) if slice.flaws is None and not slice.damage else slice


def kept(slice: Slice, nodes: list[Node]) -> str:
    """What no erasure of its messages changes of a slice, in a word: what it says beside them, what they are filed under, and its
    length. For a conversation without an id that says no time of its own either: else two that are called alike would be one."""
    beside = _without(loaded(slice).value, [node.path for node in nodes])
    filed = [step for node in nodes for step in node.path]
    return tagged_hash([beside, filed, len(slice.data)])


def refused(slice: Slice, reason: str, kind: str = "conversation") -> Reading:
    """A slice of which nothing can be read."""
    return Reading(problems=(Problem(kind, slice.path, slice.where, reason),))


def role_of(word: str, words: dict[str, str]) -> str:
    """One of records.ROLES for a provider's word where one fits, else that word in lower case."""
    return words.get(word, words.get(word.lower(), word.lower()))


def list_nodes(
    held: Json,
    *path: str | int,
    id: str = "",
    parent: Callable[[dict[str, Json]], str | _Previous | None] | None = None,
    keyed: bool = False,
) -> list[Node]:
    """The nodes of a container of messages under a path: an array, or an object that has them by their ids. What is neither, and
    says something, is one node, which is refused by name.

    id: the key of the provider's id. parent: of an object, else PREVIOUS. keyed: what a message is filed under goes before its id.
    """
    if not isinstance(held, (dict, list)):
        return [Node(path, held)] if held not in (None, "") else []
    nodes = []
    members: Iterable[tuple[str | int, Json]] = held.items() if isinstance(held, dict) else enumerate(held)
    for place, item in members:
        is_object = isinstance(item, dict)
        own = id_of(item.get(id)) if is_object and id else None
        if isinstance(place, str):
            own = place if keyed or own is None else own
        nodes.append(Node((*path, place), item, own or None, parent(item) if parent is not None and is_object else PREVIOUS))
    return nodes


def name_holes(nodes: list[Node], named: Iterable[str]) -> list[Node]:
    """The nodes of a list, in which an erased message left its place but not its id: of the ids that other messages name and nobody
    bears, each hole gets the next. Then what names it is no more than it was."""
    borne = {node.id for node in nodes}
    missing = iter([id for id in dict.fromkeys(named) if id not in borne])
    return [node._replace(id=next(missing, None)) if node.value is None and not node.id else node for node in nodes]


def _ids(conversation: str, nodes: list[Node]) -> tuple[list[str], dict[int, int]]:
    """The message id of every node, and which of them repeat a provider's id, with how often it stood before."""
    seen: dict[str, int] = {}
    occurrences = Occurrences()
    ids, repeats = [], {}
    for place, node in enumerate(nodes):
        if node.id:
            if before := seen.get(node.id, 0):
                repeats[place] = before
            seen[node.id] = before + 1
            ids.append(make_id("m", conversation, node.id, *([str(before)] if before else [])))
        elif node.key is not None or isinstance(node.value, dict):
            ids.append(occurrences.make_id("m", conversation, _content(node.value if node.key is None else node.key)))
        else:
            ids.append(make_id("m", conversation, "place", str(place)))
    return ids, repeats


def _absent_parents(nodes: list[Node], ids: list[str], read: set[str]) -> dict[str, Json]:
    """The provider's id of every parent that is not in the slice, by the id of its child, whose record has a hash of it only. It is
    said of the conversation: with the child it would change what that says whenever a thinner or a longer export comes."""
    named = {node.id for node in nodes}
    return {
        ids[place]: node.parent
        for place, node in enumerate(nodes)
        if isinstance(node.parent, str) and node.parent and node.parent not in named and ids[place] in read
    }


def _content(value: Json) -> str:
    try:
        return tagged_hash(value)
    except RecursionError:  # such a message is refused; its place only needs some id
        return "nested too deeply"


def _without(value: Json, paths: list[Path]) -> Json:
    """A copy of a value without what stands at these paths, and without the containers this leaves empty."""
    if () in paths:
        return None
    gone: dict[str | int, list[Path]] = {}
    for path in paths:
        gone.setdefault(path[0], []).append(path[1:])

    def left(key: str | int, member: Json) -> Json:
        inner = gone.get(key)
        if inner is None:
            return member
        return None if () in inner else _without(member, inner) or None

    if isinstance(value, dict):
        kept = {key: left(key, member) for key, member in value.items()}
        return {key: member for key, member in kept.items() if key not in gone or member is not None}
    items = [(place, left(place, member)) for place, member in enumerate(value)]
    return [member for place, member in items if place not in gone or member is not None]


def _exact(path: Path, before: str) -> str:
    """A path in words, as it goes on from what stands before it: "[3].messages[2]"."""
    words = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return words if before else words.removeprefix(".")


def _named(path: Path) -> str:
    """A path in words, without its indexes."""
    return ".".join(step for step in path if isinstance(step, str))


class _Damage:
    """The flaws of a slice, sorted by the smallest unit they touch.

    elsewhere: why the whole conversation is refused, "" if it is not. messages: place -> why that message is. surrogates: place
    -> [path, escape] pairs.
    """

    def __init__(self, flaws: Flaws, nodes: list[Node]) -> None:
        self.elsewhere = ""
        self.messages: dict[int, str] = {}
        self.surrogates: dict[int, list[list[str]]] = {}
        self._head_surrogates: list[list[str]] = []
        self._duplicates = flaws.duplicates
        if not (flaws.unreal or flaws.bad_utf8 or flaws.surrogates):
            return
        places = {_exact(node.path, ""): place for place, node in enumerate(nodes)}
        for paths, reason in ((flaws.unreal, NOT_A_NUMBER), (flaws.bad_utf8, NOT_UTF8)):
            for path in paths:
                prefix = _prefix(path, places)
                if prefix is None:
                    self.elsewhere = self.elsewhere or f"{reason} outside its messages"
                else:
                    self.messages.setdefault(places[prefix], reason)
        for path, escape in flaws.surrogates:
            prefix = _prefix(path, places)
            if prefix is None:
                self._head_surrogates.append([path, escape])
            else:
                pair = [path[len(prefix) :].removeprefix("."), escape]
                self.surrogates.setdefault(places[prefix], []).append(pair)

    def note_head(self, extra: Extra) -> None:
        """What has to be said of the whole conversation."""
        if self._head_surrogates:
            note(extra, "surrogates", self._head_surrogates)
        if self._duplicates:
            note(extra, "duplicate_keys", [[key, values] for key, values in self._duplicates])


def _prefix(path: str, places: dict[str, int]) -> str | None:
    """The node a flaw's path leads into: the longest beginning of it, up to a step, that is a node's."""
    ends = [len(path), *(at for at in range(len(path) - 1, 0, -1) if path[at] in ".[")]
    return next((path[:end] for end in ends if path[:end] in places), None)
