"""Obsidian: a vault of notes as a folder or a zip, or a note alone.

A note is a document somebody wrote: a topic that holds it, in the topics of its folders. Its words stay as they are, with links,
embeds, block ids and %%comments%%; aliases, tags and whatever else the front matter says stay beside them, and so do the notes
that it links to and the files it embeds. A chat that a plugin laid down is a conversation if its note says so for certain: the
Nexus importer's, and any with a conversation's id in front and callouts named after a role. What our own writer writes comes back.

Facts: help.obsidian.md (links, callouts, properties), notes of Superkikim/nexus-ai-chat-importer 1.2 and 1.3. Plugins keep keys in
`.obsidian/plugins/*/data.json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Bytes, Guide
from souviens.formats._carving import contents, whole_text
from souviens.formats._dialogue import refused
from souviens.formats._fields import NOT_UTF8
from souviens.formats._frontmatter import front_matter
from souviens.formats._observations import is_observed, page_of_bundle
from souviens.formats.obsidian.notes import MARK, WIKILINK, chat, kind_of
from souviens.formats.obsidian.reading import CHATS, as_json, memory, note, note_value, project
from souviens.formats.obsidian.writing import CANNOT, CARRIES, write
from souviens.jsonspan import Glue, Slice
from souviens.records import Json, Reading, Treatment

__all__ = ["CANNOT", "CARRIES", "cut", "identify", "locations", "plan", "read", "sidecars", "traces", "value", "write"]
NAME = "obsidian"
TITLE = "Obsidian vault"
READER = 3
SUPPORT = "samples"
PLAIN = frozenset({"note", "chat", "memory", "project"})
WORDS = {"nexus_user": "user", "nexus_agent": "assistant", "User": "user", "Assistant": "assistant"}
GUIDE = Guide(
    get=("give the vault's folder as it is, or a zip of it",),
    bring=("souviens move --to obsidian -o FOLDER", "in Obsidian: Open folder as vault, or copy the folder into a vault of yours"),
    notes=("What plugins keep under .obsidian/plugins is withheld: keys stand there.",),
)
_DATA = ("object", "array", "lines", "sqlite", "html")
_DATED = re.compile(r"^(?:[-*] )?\[(?:\d{4}-\d\d-\d\d|unknown)\] ?[-–—:] ", re.MULTILINE)
_SECRETS = re.compile(r"(?:^|/)\.obsidian/plugins/[^/]+/data\.json$")


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "vault": a folder with `.obsidian`, or of nothing but notes and their pictures. "note": one alone.

    Markdown without front matter and wikilinks is anybody's, and so is a folder with data among its notes.
    """
    heads = [_head(delivery.peek(entry)) for entry in delivery.entries if _is_note(entry)]
    if not heads or any(_is_others(head) for head in heads):
        return None
    if any("/.obsidian/" in f"/{entry.name}" for entry in delivery.entries):
        return "vault"
    if any(map(page_of_bundle, heads)):
        return None
    if not any(front_matter(head)[0] or WIKILINK.search(_without_code(head)) for head in heads):
        return None
    if any(delivery.peek(entry).look in _DATA for entry in delivery.entries if not _is_note(entry) and not _is_canvas(entry)):
        return None
    return "vault" if len(heads) > 1 else "note"


def _is_note(entry: Entry) -> bool:
    """By its name alone, as Obsidian does: it shows no other file as a note."""
    hidden = any(step.startswith(".") for step in entry.name.split("/"))
    return entry.name.lower().endswith(".md") and not hidden


def _is_canvas(entry: Entry) -> bool:
    return entry.name.lower().endswith(".canvas")


def _head(seen: Peek) -> str:
    return seen.head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "ignore").replace("\r\n", "\n")


def _without_code(text: str) -> str:
    """Without blocks of code: there two brackets are a test of a shell."""
    return re.sub(r"^(`{3,}|~{3,}).*?(?:^\1|\Z)|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def _is_others(head: str) -> bool:
    """Whether it is Markdown of another format: basic-memory's, a list of memories, a log of Aider's."""
    dated = not front_matter(head)[0] and len(_DATED.findall(head)) > 1
    return dated or is_observed(head) or head.startswith("# aider chat started at")


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Notes are cut, what plugins keep is withheld; pictures and the rest of the settings are kept as they are. The index that our
    writer makes only says again what the notes say."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        if _is_note(entry) and (seen := delivery.peek(entry)).look != "empty":
            found[entry.name] = "repeat" if front_matter(_head(seen))[0].get(MARK) == "index" else "cut"
        elif _SECRETS.search(entry.name):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    """root: the folder of the delivery in which the vault's own settings lie, so that a zip with a folder around it is no other."""
    names = (f"/{entry.name}" for entry in delivery.entries)
    return {"root": next((name[1:].partition(".obsidian/")[0] for name in names if "/.obsidian/" in name), "")}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """A note is one slice."""
    return whole_text(entry, kind_of(contents(entry).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")))


# --- reading ----------------------------------------------------------------------------------------------------------


def value(slice: Slice) -> Json:
    """What a note says, as JSON."""
    return chat(slice.data).value if slice.kind in ("chat", "project") else note_value(slice)


def read(slice: Slice, sidecars: Json) -> Reading:
    """A note, a chat, or what our own writer made of a memory or a project."""
    try:
        slice.data.decode()
    except UnicodeDecodeError:
        return refused(slice, NOT_UTF8, "source")
    if slice.kind == "chat":
        return CHATS.read(as_json(slice)[0], sidecars)
    if slice.kind == "note":
        return note(slice, sidecars.get("root", ""))
    return memory(slice) if slice.kind == "memory" else project(slice)


def locations(slice: Slice) -> dict[str, Bytes]:
    """A message's callouts with all that belongs to them."""
    if slice.kind != "chat" or not slice.data.strip():
        return {}
    try:
        told, spans = as_json(slice)
    except UnicodeDecodeError:
        return {}
    return {id: Bytes(*spans[int(path[1])]) for id, path in CHATS.locations(told).items()}


def traces(slice: Slice, ids: Set[str]) -> list[Bytes]:
    """All of a note, if it is that note or memory: a note stands in its folder's topics, which are not its words."""
    if slice.kind == "chat":
        return []
    # Wherever the vault begins: what is asked for is of this very slice.
    steps = slice.path.split("/")
    readings = [read(slice, {"root": "/".join(steps[:depth]) + "/" if depth else ""}) for depth in range(len(steps))]
    own = {memory.id for reading in readings for memory in reading.memories}
    own |= {topic.id for reading in readings for topic in reading.topics[:1]}
    return [Bytes(0, len(slice.data))] if own & ids else []
