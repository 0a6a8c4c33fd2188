"""Claude.ai's data export: conversations, projects, memories and design chats, in every layout it has been delivered in.

    shapes.py          what a file is (by structure, never by name), what to do with it, how to cut it
    conversations.py   conversations.json and single conversations, share snapshots among them
    designs.py         design_chats/<uuid>.json
    statements.py      projects and memories
    graph.py           parents, ids and order of messages
    parts.py           content blocks, attachments and files
    write.py           chosen records as such an export
    known.py           the fields that have been seen

What `read` leaves alone it keeps: every value of a slice stands in a field, in an Instant's `given`, or in an `extra`.
Models are named only where the export names them, and hardly any export does.
"""

from __future__ import annotations

from collections.abc import Set

from souviens.formats import Guide, Place
from souviens.formats._fields import name_type
from souviens.formats.claude import conversations, designs, statements
from souviens.formats.claude.shapes import cut, identify, plan, sidecars
from souviens.formats.claude.write import CANNOT, CARRIES, write
from souviens.jsonspan import Slice, load
from souviens.records import Json, Problem, Reading

NAME = "claude"
TITLE = "Claude.ai export"
READER = 2
SUPPORT = "real"
GUIDE = Guide(
    get=(
        "claude.ai > your name > Settings > Privacy > Export data",
        "open the links in the mail within 24 hours; each works once, and there may be five archives: take them all in",
    ),
    bring=(
        "Claude takes no chats in, only memories as text: souviens move --to memory-text",
        "a zip of this shape is what Gemini takes: gemini.google.com > Settings & help > Import memory to Gemini",
    ),
    notes=("Only on the web, not in the phone's app.", "No export names the models, and few say which project a chat is of."),
)

__all__ = [
    "CANNOT",
    "CARRIES",
    "GUIDE",
    "NAME",
    "READER",
    "SUPPORT",
    "TITLE",
    "cut",
    "identify",
    "locations",
    "plan",
    "read",
    "sidecars",
    "traces",
    "write",
]

_READERS = {
    "conversation": conversations.read,
    "design_chat": designs.read,
    "project": statements.read_project,
    "memories": statements.read_memories,
}
# What a refused slice is counted as; records.Problem has no word for a project.
_NOUNS = {"conversation": "conversation", "design_chat": "conversation", "project": "source", "memories": "memory"}


def read(slice: Slice, sidecars: Json) -> Reading:
    """One slice into records. Content it cannot use becomes a Problem; nothing is raised for it."""
    slice = _loaded(slice)
    reason = slice.damage
    if not reason and slice.value is None:
        reason = "empty (null)"
    elif not reason and not isinstance(slice.value, dict):
        reason = f"not an object but {name_type(slice.value)}"
    if not reason:
        return _READERS[slice.kind](slice, sidecars)
    return Reading(problems=(Problem(_NOUNS[slice.kind], slice.path, slice.where, reason),))


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    """Where each message stands in its slice: message id -> JSON path of the message's object, ("chat_messages", 3).

    An erased message is a hole: its bytes become `null`, or the message's own id as a JSON string, padded with spaces.
    Both read as nothing; the id tells later readings whose child follows in a conversation without parent fields.
    """
    slice = _loaded(slice)
    if slice.kind not in ("conversation", "design_chat") or not isinstance(slice.value, dict):
        return {}
    return conversations.locations(slice) if slice.kind == "conversation" else designs.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """Where memories and topics stand. A project's slice, and a row of the older memory export, is wholly its own; in a
    conversation only the project's name is the project's. Messages are not repeated anywhere."""
    slice = _loaded(slice)
    if not isinstance(slice.value, dict):
        return []
    if slice.kind in ("conversation", "design_chat"):
        topic = conversations.topic_of(slice.value) if slice.kind == "conversation" else designs.topic_of(slice.value)
        return [Place(("project", "name"))] if topic is not None and topic.name and topic.id in ids else []
    return [place for id, place in statements.places(slice) if id in ids]


def _loaded(slice: Slice) -> Slice:
    return load(slice) if slice.flaws is None and not slice.damage else slice
