"""basic-memory: Markdown notes with observations and relations, a folder of them or one alone.

A note is a topic with its words, front matter and all, as a document. A list item `- [category] words #tag (context)` in it is a
memory that rests on that place of the note; `- relation [[Target]]` and wikilinks in its words stand beside the topic. Lines are
taken apart as basic-memory takes them apart: neither tasks, times, quotations nor code are observations. Where its notes end and
those of any other vault begin is said in `_observations`. Source: basicmachines-co/basic-memory (markdown/plugins.py,
entity_parser.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import NamedTuple

from souviens.canon import ABSENT, make_id, sha256
from souviens.delivery import Delivery, Entry
from souviens.formats import Bytes, Guide
from souviens.formats._carving import whole_text
from souviens.formats._dialogue import refused
from souviens.formats._fields import NOT_UTF8, Fields, note
from souviens.formats._frontmatter import front_matter
from souviens.formats._observations import common_folder, is_note, kept_by
from souviens.jsonspan import Glue, Slice
from souviens.records import MEMORY_KINDS, Document, Evidence, Extra, Json, Memory, Reading, Topic, Treatment

NAME = "basic_memory"
TITLE = "basic-memory notes"
READER = 3
SUPPORT = "samples"
PLAIN = frozenset({"note"})
GUIDE = Guide(
    get=("give the folder of the project as it is (basic-memory project list tells where it lies), or a zip of it",),
    bring=("put notes into the project's folder, then: basic-memory sync",),
    notes=("Notes in Obsidian without observations or relations are read as an Obsidian vault.",),
)
_SECRETS = re.compile(r"(?:^|/)\.obsidian/plugins/[^/]+/data\.json$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+(?=\S)")
_CATEGORY = re.compile(r"\[([^\[\]()]+)\]\s+(?=\S)")
_NOT_A_CATEGORY = re.compile(r"[\d:.,\s-]*\d:\d\d[\d:.,\s-]*|[xX]|[\W_]")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_LINK = re.compile(r"\[\[((?:[^\[\]]|\[\[[^\[\]]*\]\])+)\]\]")
_RELATION = re.compile(r"""("[^"]+"|'[^']+'|[^\s\[\]]+)\s*\[\[([^\[\]]+)\]\]\s*(?:\((.*)\))?\s*$""")


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "folder": notes, most of which hold observations or relations, as `_observations` says. "note": one alone that does. Pages
    of conversations that our Markdown writer made are none, whatever was said in them."""
    if kept_by(delivery) != NAME:
        return None
    return "note" if delivery.kind == "file" else "folder"


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Notes are cut; what plugins of Obsidian keep is withheld, for people look at the same folder with it."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        if is_note(entry):
            found[entry.name] = "cut"
        elif _SECRETS.search(entry.name):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    """root: the folder of the delivery in which all notes lie, so that a zip with a folder around them tells of no others."""
    return {"root": common_folder(entry.name for entry in delivery.entries if is_note(entry))}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    return whole_text(entry, "note")


def value(slice: Slice) -> Json:
    """What a note says: its text."""
    text = slice.data.decode("utf-8", "replace")
    return {"text": text} if text.strip() else {}


# --- a note's lines ---------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """A line of a note that is no code. start: of its words, in characters of the note. words: what an item says, or the line."""

    start: int
    words: str
    item: bool
    quoted: bool


def _lines(text: str) -> Iterator[Line]:
    """The lines behind the front matter, without code."""
    start = front_matter(text)[1]
    fence = ""
    for line in text[start:].split("\n"):
        here, start = start, start + len(line) + 1
        match = _FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            item = _ITEM.match(line)
            behind = item.end() if item else len(line) - len(line.lstrip())
            yield Line(here + behind, line[behind:].rstrip(), bool(item), line.lstrip().startswith(">"))


class Observation(NamedTuple):
    """category: "" if the item has none and is one by its tags."""

    category: str
    text: str
    tags: list[str]
    context: str


def _observation(words: str) -> Observation | None:
    """An item as an observation, if it is one."""
    match = _CATEGORY.match(words)
    category = match[1].strip() if match else ""
    if match and _NOT_A_CATEGORY.fullmatch(category):
        return None
    tagged = any(word.startswith("#") and word.strip("#") for word in words.split())
    if not (match or tagged) or words.startswith(("[ ]", "[[")):
        return None
    text, context = words[match.end() :] if match else words, ""
    if text.endswith(")") and "(" in text:
        text, _, context = text[:-1].rpartition("(")
    tags = [tag for word in text.split() if word.startswith("#") for tag in word.split("#") if tag]
    return Observation(category, text.strip(), tags, context.strip()) if text.strip() else None


def _relations(line: Line) -> list[dict[str, Json]]:
    """What a line says this note has to do with others: an item may name the relation; any other wikilink only links."""
    explicit = _RELATION.match(line.words) if line.item else None
    if explicit:
        found: dict[str, Json] = {"type": explicit[1].strip("\"'"), "target": explicit[2].strip()}
        return [found | ({"context": explicit[3].strip()} if explicit[3] else {})]
    return [{"type": "links_to", "target": match[1].strip()} for match in _LINK.finditer(line.words)]


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """A note's topic, and its observations."""
    try:
        text = slice.data.decode()
    except UnicodeDecodeError:
        return refused(slice, NOT_UTF8, "memory")
    if not text.strip():  # erased
        return Reading()
    lines = list(_lines(text))
    fields = Fields(front_matter(text)[0])
    path = _path(slice, sidecars.get("root", ""))
    permalink = fields.optional("permalink")
    title = fields.text("title") or path.rpartition("/")[2].rpartition(".")[0]
    created, updated = fields.time("created"), fields.updated("modified")
    extra: Extra = {key: member for key, member in fields.left.items() if member is not None}
    if relations := [relation for line in lines for relation in _relations(line)]:
        note(extra, "relations", relations)
    known_by = _known_by(text, path)
    topic = Topic(
        id=make_id("t", NAME, known_by),
        kind="topic",
        name=title,
        provider=NAME,
        provider_id=permalink,
        documents=(Document(path, text, created=created, updated=updated),),
        created=created,
        updated=updated,
        extra=extra,
    )
    return Reading(memories=tuple(memory for memory, _, _ in _memories(text, known_by)), topics=(topic,))


def _path(slice: Slice, root: str) -> str:
    return slice.path.removeprefix(root).rpartition("!/")[2]


def _known_by(text: str, path: str) -> str:
    """A note is known by its permalink, which it keeps when it is moved, else by its place in the folder."""
    permalink = front_matter(text)[0].get("permalink")
    return permalink if isinstance(permalink, str) and permalink else path.rpartition(".")[0]


def _memories(text: str, known_by: str) -> Iterator[tuple[Memory, int, int]]:
    """Each observation of a note, and where its line stands, in characters. What is observed is observed of this note's subject:
    the same words in another note are another memory."""
    for line in _lines(text):
        found = _observation(line.words) if line.item and not line.quoted else None
        if found is None:
            continue
        start, end = line.start, line.start + len(line.words)
        kind = found.category.lower() if found.category.lower() in MEMORY_KINDS else "fact"
        beside = {"category": found.category, "tags": found.tags, "context": found.context}
        memory = Memory(
            id=make_id("y", NAME, known_by, line.words),
            kind=kind,
            text=found.text,
            authority="imported",
            provider=NAME,
            evidence=(Evidence(start=start, end=end, quote_hash=sha256(line.words.encode())),),
            created=ABSENT,
            topic=make_id("t", NAME, known_by),
            extra={key: member for key, member in beside.items() if member},
        )
        yield memory, start, end


def locations(slice: Slice) -> dict[str, Bytes]:
    return {}


def traces(slice: Slice, ids: Set[str]) -> list[Bytes]:
    """An observation's line, without its bullet; all of a note."""
    try:
        text = slice.data.decode()
    except UnicodeDecodeError:
        return []
    # Wherever the notes begin: what is asked for is of this very slice.
    steps = slice.path.split("/")
    roots = ("/".join(steps[:depth]) + "/" if depth else "" for depth in range(len(steps)))
    names = {_known_by(text, _path(slice, root)) for root in roots}
    if not ids.isdisjoint(make_id("t", NAME, name) for name in names):
        return [Bytes(0, len(slice.data))]
    spans = {(start, end) for name in names for memory, start, end in _memories(text, name) if memory.id in ids}
    return [Bytes(len(text[:start].encode()), len(text[:end].encode())) for start, end in sorted(spans)]
