"""Open WebUI: the export of its chats, and its database `webui.db`, both ways for chats.

    shapes.py      what a file is (by structure, never by name), what to do with it, how to cut it
    database.py    the rows of webui.db
    chats.py       one chat
    graph.py       where its messages lie, and where they are repeated
    parts.py       output items, content, files, sources
    statements.py  memories, folders, knowledge, notes, prompts, models, skills, files, channels
    known.py       the fields that have been seen
    write.py       the file that Import Chats takes

Facts: Open WebUI's own code up to 0.12.4 (models, migrations, routers), and published exports of 2025 and 2026.
"""

from __future__ import annotations

from collections.abc import Set

from souviens.formats import Guide, Place
from souviens.formats._rows import ROWS, read_rows
from souviens.formats._statements import whole
from souviens.formats.openwebui import chats, statements
from souviens.formats.openwebui.shapes import cut, identify, plan, sidecars
from souviens.formats.openwebui.write import CANNOT, CARRIES, write
from souviens.jsonspan import Slice
from souviens.records import Json, Reading

NAME = "openwebui"
TITLE = "Open WebUI chats"
READER = 4
SUPPORT = "samples"
WORDS = {
    "message": "text",
    "output_text": "text",
    "function_call": "tool_call",
    "function_call_output": "tool_result",
    "input_text": "tool_result",
    "reasoning_text": "reasoning",
    "summary_text": "reasoning",
}
GUIDE = Guide(
    get=(
        "your name > Settings > Data Controls > Export Chats",
        "for memories, folders, knowledge and notes too: an administrator's Admin Panel > Settings > Database > Download Database",
    ),
    bring=("your name > Settings > Data Controls > Import Chats", "choose openwebui-chats.json"),
    notes=(
        "Open WebUI gives every chat a new id: importing twice makes every chat twice.",
        "Of the database souviens keeps chats, memories, folders, knowledge, notes, channels, prompts, models, skills and texts "
        "of files; the file itself holds logins and keys and is withheld, and what else is in it is named.",
    ),
)
__all__ = [
    "CANNOT",
    "CARRIES",
    "GUIDE",
    "NAME",
    "READER",
    "SUPPORT",
    "TITLE",
    "WORDS",
    "cut",
    "identify",
    "locations",
    "plan",
    "read",
    "sidecars",
    "traces",
    "write",
]


def read(slice: Slice, sidecars: Json) -> Reading:
    if slice.kind == "chat":
        return chats.read(slice, sidecars)
    if slice.kind == ROWS:
        return read_rows(NAME, slice)
    return statements.read_channel(slice) if slice.kind == "channel" else statements.read(slice)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    if slice.kind == "chat":
        return chats.locations(slice)
    return statements.CHANNELS.locations(slice) if slice.kind == "channel" else {}


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    if slice.kind == "chat":
        return chats.traces(slice, ids)
    return [] if slice.kind == "channel" else whole(read(slice, {}), ids)
