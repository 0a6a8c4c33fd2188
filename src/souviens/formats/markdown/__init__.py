"""A bundle of Markdown files for people, and for a project at Claude or ChatGPT; what our writer writes, our reader reads.

The bundle says itself what each page is (`bundle` in its front matter), so that it is nobody's notes. A page may be edited by hand:
what stands where a message, a project or a memory has words is read as such, what stands between is kept beside them, and a file
that is no page of a bundle is refused by name. Times come back as the page shows them, authorities as imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.delivery import Delivery, Entry
from souviens.formats import Bytes, Guide
from souviens.formats._carving import contents, whole_text
from souviens.formats._dialogue import refused
from souviens.formats._fields import NOT_UTF8
from souviens.formats._observations import page_of_bundle
from souviens.formats.markdown.reading import CONVERSATIONS, as_json, memories, memory_ids, project, said
from souviens.formats.markdown.writing import CANNOT, CARRIES, write
from souviens.jsonspan import Glue, Slice
from souviens.records import Json, Reading, Treatment

__all__ = ["CANNOT", "CARRIES", "cut", "identify", "locations", "plan", "read", "sidecars", "traces", "value", "write"]
NAME = "markdown"
TITLE = "Markdown files"
READER = 1
SUPPORT = "real"
PLAIN = frozenset({"conversation", "project", "memories", "page"})
GUIDE = Guide(
    get=("souviens move --to markdown -o FOLDER", "give the folder, or files of it: what you changed in them is read"),
    bring=(
        "Claude: Projects > the project > Files > +, all files of its folder; the text under Instructions goes into Instructions",
        "ChatGPT: the project > Sources > Add, all files of its folder; the text under Instructions goes into Project settings",
    ),
    notes=("ChatGPT takes 5, 25 or 40 files a project, by plan; Claude as many as fit its context.",),
)


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "bundle": its index is there. "pages": some of its files. Pages within an Obsidian vault are notes there."""
    if any("/.obsidian/" in f"/{entry.name}" for entry in delivery.entries):
        return None
    kinds = {_kind(delivery, entry) for entry in delivery.entries if _is_text(entry)} - {""}
    return None if not kinds else "bundle" if "index" in kinds else "pages"


def _is_text(entry: Entry) -> bool:
    return entry.name.lower().endswith((".md", ".markdown", ".txt"))


def _kind(delivery: Delivery, entry: Entry) -> str:
    return page_of_bundle(delivery.peek(entry).head.decode("utf-8", "ignore"))


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Pages are cut, and so is any other Markdown, to be refused by name. The index only says again what the pages say."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        if _is_text(entry) and (kind := _kind(delivery, entry)):
            found[entry.name] = "repeat" if kind == "index" else "cut"
        elif entry.name.lower().endswith(".md") and delivery.peek(entry).look != "empty":
            found[entry.name] = "cut"
    return found


def sidecars(delivery: Delivery) -> Json:
    """There are none."""
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """A page is one slice."""
    head = contents(entry)[:200].decode("utf-8", "ignore")
    return whole_text(entry, page_of_bundle(head) or "page")


# --- reading ----------------------------------------------------------------------------------------------------------


def value(slice: Slice) -> Json:
    """What a page says, as JSON."""
    return said(slice)


def read(slice: Slice, sidecars: Json) -> Reading:
    """A conversation, a project, or memories."""
    if not slice.data.strip():
        return Reading()
    try:
        slice.data.decode()
    except UnicodeDecodeError:
        return refused(slice, NOT_UTF8, "source")
    if slice.kind == "conversation":
        told = as_json(slice)[0]
        return CONVERSATIONS.read(told, sidecars) if told.value["front"].get("id") else refused(slice, "names no conversation")
    if slice.kind == "project":
        return project(slice)
    return memories(slice) if slice.kind == "memories" else refused(slice, "no page of this bundle", "source")


def locations(slice: Slice) -> dict[str, Bytes]:
    """A message, from its anchor to the end of its last part."""
    if slice.kind != "conversation" or not slice.data.strip():
        return {}
    try:
        told, page = as_json(slice)
    except UnicodeDecodeError:
        return {}
    return {id: Bytes(*page.spans[int(path[1])]) for id, path in CONVERSATIONS.locations(told).items()}


def traces(slice: Slice, ids: Set[str]) -> list[Bytes]:
    """A memory where it stands, a project as a whole."""
    if not slice.data.strip():
        return []
    try:
        if slice.kind == "memories":
            return [Bytes(*span) for id, span in memory_ids(slice).items() if id in ids]
        own = {topic.id for topic in project(slice).topics} if slice.kind == "project" else set()
    except UnicodeDecodeError:
        return []
    return [Bytes(0, len(slice.data))] if own & ids else []
