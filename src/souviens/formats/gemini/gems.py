"""Gems (a person's own assistants), as the Takeout product "Gemini" writes them: one page, for each gem its name, its instructions
and links to its files in bold-headed lines. Nothing in it says which chats a gem was used in.

Shape: read in code that reads such pages (parse_gems.py of a public converter); no page of anybody's was at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from itertools import pairwise, zip_longest

from souviens.canon import make_id
from souviens.delivery import Entry
from souviens.formats import Bytes
from souviens.formats._carving import Mark, carve, contents
from souviens.formats._fields import NOT_UTF8
from souviens.formats.gemini.markup import plain_text, unescaped
from souviens.jsonspan import Glue, Slice
from souviens.records import Document, Extra, Json, Problem, Reading, Topic

_GEM = re.compile(rb"<b>\s*Name:\s*</b>")
_LABEL = re.compile(r"<b>\s*(Name|Instructions|Files|[A-Z][a-z]+):\s*</b>")
_LINK = re.compile(r'<a\b[^<>]*?\bhref="([^"<>]*)"[^<>]*>([^<]*)')


def is_gems(head: bytes) -> bool:
    """Whether a page begins like one of gems."""
    match = _GEM.search(head)
    return match is not None and re.search(rb"<b>\s*Instructions:\s*</b>", head[match.end() :]) is not None


def cut_gems(entry: Entry) -> Iterator[Glue | Slice]:
    """Each gem as one slice."""
    data = contents(entry)
    starts = [match.start() for match in _GEM.finditer(data)]
    closing = data.find(b"</div", starts[-1]) if starts else -1
    bounds = pairwise([*starts, closing if closing >= 0 else len(data)])
    marks = (Mark(start, end, f"[{n}]", "gem") for n, (start, end) in enumerate(bounds))
    return carve(data, entry.name, marks, plain=True)


def value(data: bytes) -> dict[str, Json]:
    """A gem as an object: a key for each bold label in lower case, and "files" with their names and links."""
    text = data.decode("utf-8", "replace")
    labels = list(_LABEL.finditer(text))
    gem: dict[str, Json] = {}
    for label, behind in zip_longest(labels, labels[1:]):
        html, key = text[label.end() : behind.start() if behind else len(text)], label[1].lower()
        if key == "files":
            gem[key] = [{"url": unescaped(url), "name": plain_text(name)} for url, name in _LINK.findall(html)]
        elif words := plain_text(html):
            gem[key] = words
    return gem


def read(slice: Slice) -> Reading:
    """A gem is a topic: its instructions, and its files as documents without their text."""
    gem = value(slice.data)
    if "\ufffd" in str(gem) and b"\xef\xbf\xbd" not in slice.data:
        return Reading(problems=(Problem("source", slice.path, slice.where, NOT_UTF8),))
    name = str(gem.get("name", ""))
    if not name:
        return Reading()
    extra: Extra = {key: held for key, held in gem.items() if key not in ("name", "instructions", "files")}
    files = tuple(Document(file["name"], "", extra={"url": file["url"]}) for file in gem.get("files", ()))
    id = make_id("t", "gemini", "gem", name)
    return Reading(
        topics=(Topic(id, "project", name, "gemini", instructions=str(gem.get("instructions", "")), documents=files, extra=extra),)
    )


def traces(slice: Slice, ids: Set[str]) -> list[Bytes]:
    """A gem's slice is wholly its own."""
    return [Bytes(0, len(slice.data))] if any(topic.id in ids for topic in read(slice).topics) else []
