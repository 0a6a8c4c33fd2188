"""Cherry Studio: `data.json` of its backups, {time, version, localStorage, indexedDB}, in a zip beside `Data/Files/` or alone.

It is a dump of the app's databases (version 1: a list of keys and values; 2 and 3: messages with their words; 4 and 5: messages
whose words stand in blocks), and is read like one, topic by topic (see `rows`). It holds the keys of every provider, the passwords
of WebDAV and S3, the tokens of Notion and others, so that the file itself is withheld; from it come the topics, the assistants and
their presets without the keys of their tools, notes, phrases and translations. What else a person made in the app (knowledge bases,
tables of later versions) is counted and withheld by name.

A topic is a list. Answers of several models to one question (the same askId) are siblings; the conversation goes on from the one
that is shown (foldSelected), else the one found useful, else the last. Backups since version 6 copy the app's own storage, which
nothing but the app reads. Shapes: the types of CherryHQ/cherry-studio, its BackupService, upgrades and ChatMigrator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import msgspec

from souviens.canon import ABSENT, make_id, tagged_hash
from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Guide, Place
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, loaded, refused, role_of
from souviens.formats._fields import Fields
from souviens.formats.cherry.blocks import attached, block_parts
from souviens.formats.cherry.rows import gather
from souviens.jsonspan import Glue, Slice
from souviens.records import Document, Head, Json, Part, Reading, Reasoning, Text, Topic, Treatment

NAME = "cherry"
TITLE = "Cherry Studio backup"
READER = 2
SUPPORT = "documented"
GUIDE = Guide(
    get=(
        "Settings > Data Settings > Data Backup and Recovery > Backup",
        "give the zip as it is: cherry-studio.<time>.zip",
    ),
    notes=(
        "Backups that hold an IndexedDB folder instead of data.json copy the app's own storage; only the app reads them.",
        "Restoring a backup in Cherry Studio overwrites all that is there.",
    ),
)


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "backup": the dump of the app's storage in the browser it is built on, under the names that this app gives it."""
    return "backup" if any(_is_one(delivery.peek(entry)) for entry in delivery.entries) else None


def _is_one(seen: Peek) -> bool:
    named = b"persist:cherry-studio" in seen.head
    return seen.look == "object" and seen.has("version", "localStorage") and (named or seen.has("indexedDB"))


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "private_rows" for entry in delivery.entries if _is_one(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    """The files of the backup by their names without suffix: the ids under which blocks know them."""
    names = (entry.name for entry in delivery.entries if "Data/Files/" in entry.name)
    return {name.rpartition("/")[2].partition(".")[0]: name for name in names}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    return gather(entry)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """A topic's conversation, an assistant or a table of texts as a topic, or how many blocks belong to nothing."""
    slice = loaded(slice)
    if slice.kind == "topic":
        return _with_tip(_TOPIC.read(slice, sidecars), slice.value)
    if slice.damage:
        return refused(slice, slice.damage, "conversation" if slice.kind == "lost" else "source")
    if slice.kind == "lost":
        return refused(slice, f"{len(slice.value)} blocks of messages that are not there", "message")
    if not isinstance(slice.value, dict):
        return Reading()
    topic = _table(slice.value) if slice.kind == "table" else _assistant(slice.value, slice.kind)
    return Reading(topics=(topic,))


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return _TOPIC.locations(slice) if slice.kind == "topic" else {}


def traces(slice: Slice, ids: Set[str]) -> Sequence[Place]:
    """An assistant or a table of texts is its slice."""
    told = {topic.id for topic in read(slice, {}).topics} if slice.kind in ("assistant", "preset", "table") else set()
    return [Place(())] if told & ids else []


def _topic_of(slice: Slice) -> dict[str, Json]:
    topic = loaded(slice).value.get("topic")
    return topic if isinstance(topic, dict) else {}


def _identify(slice: Slice) -> Identity:
    id = _topic_of(slice).get("id")
    return Identity(id if isinstance(id, str) else None)


def _nodes(value: Json) -> list[Node]:
    return _walked(value)[0]


def _walked(value: Json) -> tuple[list[Node], str | int | None]:
    """Each message below the one that the conversation went on from, an answer below its question; and where it stands now."""
    topic = value.get("topic")
    items = topic.get("messages") if isinstance(topic, dict) else None
    nodes: list[Node] = []
    asked: dict[str, str | int | None] = {}  # a question's id -> what its answers hang on
    here: str | int | None = None
    rank = ("", 0)  # of it among the answers to one question
    for place, item in enumerate(items if isinstance(items, list) else ()):
        id, question = _word(item, "id"), _word(item, "askId")
        key: str | int = id or place
        if isinstance(item, dict) and item.get("role") == "assistant" and question:
            parent = asked.setdefault(question, here)
            shown = (question, 2 if item.get("foldSelected") is True else 1 if item.get("useful") is True else 0)
            if shown[0] != rank[0] or shown[1] >= rank[1]:
                here, rank = key, shown
        else:
            parent = here
            if isinstance(item, dict):
                here, rank = key, ("", 0)
                asked.setdefault(id or "", id)
        nodes.append(Node(("topic", "messages", place), item, id, parent))
    return nodes, here


def _word(item: Json, key: str) -> str | None:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) and value else None


def _with_tip(reading: Reading, value: Json) -> Reading:
    """The reading of a topic, with the message that its conversation goes on from."""
    here = _walked(value)[1] if reading.conversations else None
    if not isinstance(here, str):
        return reading
    (told,) = reading.conversations
    head = msgspec.structs.replace(told.head, tip=make_id("m", told.id, here))
    return msgspec.structs.replace(reading, conversations=(msgspec.structs.replace(told, head=head),))


def _head(fields: Fields, desk: Desk) -> Head:
    topic, named = fields.inner("topic"), fields.inner("named")
    told, owner = (named.inner(key) if named else None for key in ("topic", "assistant"))
    title, created, updated = "", ABSENT, ABSENT
    for each in filter(None, (told, topic)):
        each.identifier("id")
        title = title or each.text("name")
        created = created if created.us is not None else each.time("createdAt")
        updated = updated if updated.us is not None else each.time("updatedAt")
    id = owner.identifier("id") if owner else None
    if named:
        named.tidy("topic")
    fields.tidy("topic", "named")
    return Head(title, created, updated, project=make_id("t", NAME, id) if id else None)


def _message(fields: Fields, desk: Desk) -> Draft:
    own = fields.identifier("id")
    parts: list[Part] = []
    if thought := fields.text("reasoning_content"):
        parts.append(Reasoning(thought))
    if said := fields.text("content"):
        parts.append(Text(said))
    if translated := fields.text("translatedContent"):
        parts.append(Text(translated, extra={"type": "translation"}))
    parts += [attached(file, desk, {}) for file in fields.items("files")]
    for block in fields.items("blocks"):
        parts += block_parts(block, own, desk)
    model = fields.optional("modelId") or _word(fields.left.get("model"), "id")
    time, updated = fields.time("createdAt"), fields.updated("updatedAt")
    return Draft(role_of(fields.text("role"), {}), time, parts, model=model, updated=updated)


_FIELDS = frozenset(
    {"assistantId", "topicId", "status", "type", "askId", "foldSelected", "useful", "multiModelMessageStyle", "model"}
)
_FIELDS |= {"mentions", "enabledMCPs", "usage", "metrics", "metadata", "error", "images", "knowledgeBaseIds", "isPreset", "traceId"}
_FIELDS |= {"agentSessionId", "providerMetadata"}
_TOPIC = Dialogue(
    NAME,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=frozenset({"topic", "named"}),
    known_message=_FIELDS,
)


# --- what is no conversation ------------------------------------------------------------------------------------------


def _assistant(value: dict[str, Json], kind: str) -> Topic:
    """An assistant: its topics are its conversations, its prompt their instructions. Or a preset that assistants are made of."""
    fields = Fields(value)
    id = fields.identifier("id")
    name, prompt, summary = fields.text("name"), fields.text("prompt"), fields.text("description")
    own = make_id("t", NAME, *([kind] if kind == "preset" else []), id or tagged_hash(value))
    return Topic(own, "project", name, NAME, id, summary=summary, instructions=prompt, extra=fields.left)


def _table(value: dict[str, Json]) -> Topic:
    """Notes, phrases or translations, each a document."""
    fields = Fields(value)
    name = fields.text("table")
    documents = tuple(_document(Fields(row)) for row in fields.left.get("rows") or () if isinstance(row, dict))
    fields.left["rows"] = [row for row in fields.items("rows") if not isinstance(row, dict)]
    fields.tidy("rows")
    return Topic(make_id("t", NAME, "table", name), "topic", name, NAME, documents=documents, extra=fields.left)


def _document(fields: Fields) -> Document:
    id, created = fields.identifier("id"), fields.epoch("created_at" if "created_at" in fields.left else "createdAt")
    return Document(fields.text("title"), fields.text("content", "targetText"), id, created, fields.left)
