"""Gemini: what Google Takeout gives out of it. Takeout knows no chats, only what an account did and when (My Activity).

    activity.py    rows of My Activity, and what they say
    chain.py       which of them came before which
    counted.py     how often each conversation is linked to
    rows.py        which of them are one slice, and what an erasure blanks
    pages.py       My Activity as HTML, which is what Takeout writes unless it is asked for JSON
    workspace.py   Gemini in Gmail, Docs and Sheets: conversations
    gems.py        gems
    markup.py      answers are HTML: the words of them
    moments.py     times in the language of the account

Every Google product writes files of the same names and shapes. A row is Gemini's if Google says so of the row (`is_gemini`);
rows of other products in the same file stay what they are, bytes between ours. Since September 2026 most rows link to their
conversation; before that none did, and then a row is a conversation of its own: nothing is joined for lying near in time.

Sources: formats.md 3 with the counts of three measured exports, and the public readers it names; for Workspace and gems, code that
reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from functools import partial
from io import BytesIO
from typing import BinaryIO

from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Bytes, Guide, Locations, Place
from souviens.formats._carving import AGAIN, Kind, Kinds, marked, told_again
from souviens.formats._dialogue import refused
from souviens.formats._document import is_any
from souviens.formats._fields import NOT_UTF8
from souviens.formats.gemini import activity, chain, gems, pages, rows, workspace
from souviens.formats.gemini.activity import ANSWER, PROMPT, Run
from souviens.formats.gemini.chain import Chain, Order
from souviens.formats.gemini.counted import count_links
from souviens.jsonspan import CUT_OFF, Glue, Slice, cut_elements
from souviens.records import Json, Reading, Treatment

NAME = "gemini"
TITLE = "Gemini (Google Takeout)"
READER = 3
SUPPORT = "real"
PLAIN = Kinds({"cell", "cells", "gem"})
GUIDE = Guide(
    get=(
        "takeout.google.com > Deselect all > My Activity",
        "All activity data included > Deselect all > Gemini Apps",
        "Multiple formats > Activity records: JSON instead of HTML (both are read)",
        "Next step > Create export; gems are the product Gemini of the same page",
    ),
    bring=("gemini.google.com > Settings > Import memory to Gemini", "paste memories.txt, or upload a zip of chats (text only)"),
    notes=(
        "Not what is called Gemini in Takeout's list: that is gems only.",
        "The import is for personal accounts of adults, and not offered in the EEA, Switzerland and the United Kingdom.",
    ),
)
_LOOKED = 1 << 20  # bytes of a page until its first row: its style sheet alone is some 150 KB
_ROWS = 2_000  # of a file, in which one of Gemini's is looked for whatever its bytes say
_LONGEST = 1_000  # bytes
_NAMED = re.compile(
    rb'"header"\s*:\s*"[^"]{0,99}(?:gemini|bard)|"products"\s*:\s*\[[^\]]{0,400}(?:gemini|bard)|(?:gemini|bard)\.google\.com',
    re.IGNORECASE,
)


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "rows", "page": My Activity as JSON or HTML. "workspace": conversations of Workspace. "gems": nothing but gems."""
    kinds = {_kind(entry, delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("rows", "page", "workspace", "gems") if shape in kinds), None)


def _kind(entry: Entry, seen: Peek) -> str:
    if seen.look == "object":
        return "workspace" if workspace.is_conversation(seen.first) else ""
    if seen.look == "array":
        first = seen.sample if isinstance(seen.sample, list) else []
        return "rows" if is_any(entry, first, _shows_row) or (any(map(_is_activity, first)) and _has_row(entry)) else ""
    if seen.look == "html" or (seen.look == "text" and b"<div" in seen.head):
        head = entry.head(_LOOKED)
        if gems.is_gems(head):
            return "gems"
        return "page" if any(isinstance(piece, Slice) for piece in pages.cut_page(BytesIO(head), "")) else ""
    return ""


def _is_row(value: Json) -> bool:
    return isinstance(value, dict) and "time" in value and activity.is_gemini(value)


def _shows_row(value: Json) -> bool | None:
    """Whether an element is Gemini's; None where that does not show, as other products' rows and odd ones may stand first."""
    if _is_row(value):
        return True
    return None if not value or not isinstance(value, dict) or _is_activity(value) else False


def _is_activity(value: Json) -> bool:
    """Whether it may be a row of some product."""
    return isinstance(value, dict) and "time" in value and ("title" in value or "header" in value)


def _has_row(entry: Entry) -> bool:
    """Whether a file that begins with another product's rows has one of Gemini's, be it behind many thousands."""
    with entry.open() as stream:
        pieces = (piece for piece in cut_elements(stream, path="", kind="row") if isinstance(piece, Slice))
        for number, piece in enumerate(pieces):
            if _is_row(piece.value):
                return True
            if number == _ROWS and not _is_named(entry):
                return False
    return False


def _is_named(entry: Entry) -> bool:
    """Whether the bytes of a file name Gemini where Google says whose a row is. To look for it takes a hundredth of the time that
    it takes to decode all rows."""
    with entry.open() as stream:
        held = b""
        while chunk := stream.read(_LOOKED):
            if _NAMED.search(held + chunk):
                return True
            held = chunk[-_LONGEST:]
    return False


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """What is Gemini's is cut. Logins of the account are withheld; other products' files are kept as they are."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if _kind(entry, seen):
            found[entry.name] = "cut"
        elif seen.look in ("html", "text") and (seen.head.startswith(b"Gaia ID,") or b"Google Account ID" in seen.head):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> dict[str, Json]:
    """In what order the rows are, and the names of all files, for attachments."""
    kinds = [(entry, _kind(entry, delivery.peek(entry))) for entry in delivery.entries]
    told = [(entry, kind) for entry, kind in kinds if kind in ("rows", "page")]
    order = Order(count_links(_opened(told)), partial(_chain, [entry for entry, _ in told]))
    return {"order": order, "files": frozenset(entry.name for entry in delivery.entries)}


def _opened(entries: list[tuple[Entry, str]]) -> Iterator[tuple[str, BinaryIO]]:
    for entry, kind in entries:
        with entry.open() as stream:
            yield kind, stream


def _chain(entries: list[Entry], links: Callable[[Run], list[Run]]) -> Chain:
    """The chain of what `links` makes of each run."""
    found = Chain()
    for entry in entries:
        slices = (piece for piece in cut(entry) if isinstance(piece, Slice))
        runs = (run for piece in slices for run in links(rows.opened(piece)))
        found.add(link for run in runs if (link := chain.link_of(run)))
    return found.closed()


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """One slice a run of rows of one conversation, any other row, a conversation of Workspace, or a gem."""
    kind = _kind(entry, peek(entry))
    if kind == "gems":
        yield from gems.cut_gems(entry)
        return
    with entry.open() as stream:
        if kind == "page":
            yield from rows.cut_cells(stream, entry.name)
        elif kind == "workspace":
            yield from marked(cut_elements(stream, path=entry.name, kind="workspace"), workspace.mark)
        else:
            yield from rows.cut_rows(stream, entry.name)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """One run, conversation or gem into records. Content it cannot use becomes a Problem; nothing is raised for it."""
    kind = Kind.of(slice)
    if kind.base == "gem":
        return gems.read(slice)
    if kind.base == "workspace":
        return workspace.read(slice, sidecars)
    if kind.aside == pages.CUT:
        return refused(slice, CUT_OFF)
    if kind.base in ("cell", rows.CELLS) and not rows.is_readable(slice):
        return refused(slice, NOT_UTF8)
    return told_again(slice, chain.read(rows.opened(slice), sidecars), AGAIN)


def locations(slice: Slice) -> Locations:
    """The title of a row is its prompt, "safeHtmlItem" its answer; in a page, what stands between the line breaks."""
    kind = Kind.of(slice)
    if kind.base == "gem" or kind.aside == pages.CUT:
        return {}
    if kind.base == "workspace":
        return workspace.CONVERSATIONS.locations(slice)
    run = rows.opened(slice)
    if kind.base in (rows.RUN, rows.CELLS):
        return {id: places[0] for id, places in rows.places(run).items() if places}
    at = activity.dialogue(run).locations(run.slice)
    if kind.base == "row":
        return at
    cells = pages.cells_of(slice.data)
    spans = {PROMPT: cells.prompt, ANSWER: cells.answer}
    return {id: Bytes(*((spans[str(path[0])] if path else None) or (0, len(slice.data)))) for id, path in at.items()}


def traces(slice: Slice, ids: Set[str]) -> list[Place | Bytes]:
    """With a prompt goes all that its row says of it: attachments, notes, fields that nobody knows."""
    kind = Kind.of(slice)
    if kind.base == "gem":
        return [*gems.traces(slice, ids)]
    if kind.base == "workspace" or kind.aside == pages.CUT:
        return []
    run = rows.opened(slice)
    if kind.base in (rows.RUN, rows.CELLS):
        return [place for id, places in rows.places(run).items() if id in ids for place in places[1:]]
    at = activity.dialogue(run).locations(run.slice)
    if not any(at.get(id) == (PROMPT,) for id in ids):
        return []
    if kind.base == "row":
        return [Place((name,)) for name in activity.prompt_fields(run.rows[0])]
    aside = pages.cells_of(slice.data).aside
    return [Bytes(*aside)] if aside and aside[1] > aside[0] else []


def value(slice: Slice) -> Json:
    """What rows of a page or a gem say, as JSON."""
    return gems.value(slice.data) if slice.kind == "gem" else rows.opened(slice).slice.value
