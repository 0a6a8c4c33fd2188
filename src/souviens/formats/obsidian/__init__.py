"""Obsidian: a vault of notes as a folder or a zip, or a note alone.

A note is a document somebody wrote: a topic that holds it, in the topics of its folders. Its words stay as they are, with links,
embeds, block ids and %%comments%%; aliases, tags and whatever else the front matter says stay beside them, and so do the notes
that it links to and the files it embeds. A canvas is a topic, too: the texts on it are its documents. A chat that a plugin laid
down is a conversation if its note says so for certain: the Nexus importer's, and any with a conversation's id in front and callouts
named after a role. What our own writer writes comes back.

Facts: help.obsidian.md (links, callouts, properties), notes of Superkikim/nexus-ai-chat-importer 1.2 and 1.3. Plugins keep keys in
`.obsidian/plugins/*/data.json`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Set

from souviens.delivery import Delivery, Entry
from souviens.formats import Bytes, Guide, Place
from souviens.formats._carving import contents, whole_text
from souviens.formats._dialogue import refused
from souviens.formats._fields import NOT_UTF8
from souviens.formats._frontmatter import front_matter
from souviens.formats._observations import common_folder, head_of, is_canvas, is_note, kept_by
from souviens.formats.obsidian.notes import MARK, chat, id_of_note, kind_of
from souviens.formats.obsidian.reading import CHATS, as_json, canvas, memory, note, note_value, project
from souviens.formats.obsidian.writing import CANNOT, CARRIES, write
from souviens.jsonspan import Glue, Slice, cut_elements
from souviens.records import Json, Reading, Treatment

__all__ = ["CANNOT", "CARRIES", "cut", "identify", "locations", "plan", "read", "sidecars", "traces", "value", "write"]
NAME = "obsidian"
TITLE = "Obsidian vault"
READER = 4
SUPPORT = "samples"
PLAIN = frozenset({"note", "chat", "memory", "project"})
WORDS = {"nexus_user": "user", "nexus_agent": "assistant", "User": "user", "Assistant": "assistant"}
GUIDE = Guide(
    get=("give the vault's folder as it is, or a zip of it",),
    bring=("souviens move --to obsidian -o FOLDER", "in Obsidian: Open folder as vault, or copy the folder into a vault of yours"),
    notes=("What plugins keep under .obsidian/plugins is withheld: keys stand there.",),
)
_SECRETS = re.compile(r"(?:^|/)\.obsidian/plugins/[^/]+/data\.json$")


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "vault": a folder with `.obsidian`, or of little but notes and their pictures. "note": one alone.

    Markdown without front matter and wikilinks is anybody's, and so is a folder with data among its notes; what else is not ours
    is said in `_observations`.
    """
    notes = sum(map(_is_note, delivery.entries))
    if not notes or kept_by(delivery) != NAME:
        return None
    return "vault" if notes > 1 or _settings(delivery) is not None else "note"


def _is_note(entry: Entry) -> bool:
    return is_note(entry) and entry.name.lower().endswith(".md")


def _settings(delivery: Delivery) -> str | None:
    """The folder in which the vault's own settings lie."""
    names = (f"/{entry.name}" for entry in delivery.entries)
    return next((name[1:].partition(".obsidian/")[0] for name in names if "/.obsidian/" in name), None)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Notes are cut, what plugins keep is withheld; pictures and the rest of the settings are kept as they are. The index that our
    writer makes only says again what the notes say."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        if _is_note(entry) and (seen := delivery.peek(entry)).look != "empty":
            found[entry.name] = "repeat" if front_matter(head_of(seen))[0].get(MARK) == "index" else "cut"
        elif is_canvas(entry) and delivery.peek(entry).look == "object":
            found[entry.name] = "cut"
        elif _SECRETS.search(entry.name):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    """root: the folder of the delivery in which the vault's own settings lie, else all its notes, so that a zip with a folder
    around it is no other. repeated: ids that more than one note bears, as copies do: those are known by their paths."""
    notes = [entry for entry in delivery.entries if _is_note(entry) or is_canvas(entry)]
    root = _settings(delivery)
    met = Counter(id for entry in notes if (id := id_of_note(head_of(delivery.peek(entry)))))
    return {
        "root": common_folder(entry.name for entry in notes) if root is None else root,
        "repeated": [id for id, count in met.items() if count > 1],
    }


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """A note is one slice, and so is a canvas."""
    if is_canvas(entry):
        with entry.open() as stream:
            yield from cut_elements(stream, path=entry.name, kind="canvas")
        return
    yield from whole_text(entry, kind_of(contents(entry).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")))


# --- reading ----------------------------------------------------------------------------------------------------------


def value(slice: Slice) -> Json:
    """What a note says, as JSON."""
    return chat(slice.data).value if slice.kind in ("chat", "project") else note_value(slice)


def read(slice: Slice, sidecars: Json) -> Reading:
    """A note, a canvas, a chat, or what our own writer made of a memory or a project."""
    if slice.kind == "canvas":
        return canvas(slice, sidecars.get("root", ""))
    try:
        slice.data.decode()
    except UnicodeDecodeError:
        return refused(slice, NOT_UTF8, "source")
    if slice.kind == "chat":
        return CHATS.read(as_json(slice)[0], sidecars)
    if slice.kind == "note":
        return note(slice, sidecars.get("root", ""), sidecars.get("repeated", ()))
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


def traces(slice: Slice, ids: Set[str]) -> list[Place | Bytes]:
    """All of a note, if it is that note or memory: a note stands in its folder's topics, which are not its words."""
    if slice.kind == "chat":
        return []
    # Wherever the vault begins, and whether others bear its id: what is asked for is of this very slice.
    steps = slice.path.split("/")
    roots = ["/".join(steps[:depth]) + "/" if depth else "" for depth in range(len(steps))]
    id = id_of_note(slice.data.decode("utf-8", "replace"))
    readings = [read(slice, {"root": root, "repeated": repeated}) for root in roots for repeated in ([], [id])]
    own = {memory.id for reading in readings for memory in reading.memories}
    own |= {topic.id for reading in readings for topic in reading.topics[:1]}
    whole = Place(()) if slice.kind == "canvas" else Bytes(0, len(slice.data))
    return [whole] if own & ids else []
