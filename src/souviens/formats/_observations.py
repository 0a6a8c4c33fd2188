"""Whose Markdown notes are: basic-memory writes what it observes as `- [category] words #tag (context)` and what belongs to what
as `- relation [[Target]]`, and any other note with wikilinks is of some other vault. A page of our own bundle is neither's note.
All their readers have to draw the same line, and they draw it for a delivery as a whole: one note decides nothing of the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile

from souviens.delivery import Delivery, Entry, Peek
from souviens.formats._frontmatter import front_matter

# A category has a letter in it and more than one character: `[x]` is a task, `[09:30]` and `[2026-01-01]` are times, `[words](url)`
# is a link and `[[words]]` a wikilink. Dates in words open the lines of lists of memories.
_OBSERVATION = re.compile(
    r"^[ \t]*[-*] \[(?!(?:date )?unknown\]|undated\]|[^\W\d]+ \d{4}\])(?=[^\]\n]*[^\W\d_])[^\]\[\s()][^\]\[()\n]+\] (?!\()\S",
    re.IGNORECASE | re.MULTILINE,
)
_RELATIONS = re.compile(r"^##+ Relations[ \t]*\n(?:[ \t]*\n)*[ \t]*[-*] [^\n]*\[\[", re.MULTILINE)
_BUNDLE = re.compile(r"""\ufeff?---[ \t]*\r?\nbundle:[ \t]*["']?(conversation|project|memories|index)["']?[ \t]*\r?\n""")
_CODE = re.compile(r"^(`{3,}|~{3,}).*?(?:^\1|\Z)|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_DATED = re.compile(r"^(?:[-*] )?\[(?:\d{4}-\d\d-\d\d|unknown)\] ?[-–—:] ", re.MULTILINE)
WIKILINK = re.compile(r"(!?)\[\[([^\s\[\]|][^\[\]|\n]*)(?:\|[^\[\]\n]*)?\]\]")
_DATA = ("object", "array", "lines", "sqlite", "html")


def is_observed(text: str) -> bool:
    """Whether a note holds an observation, or relations under their heading, or the front matter that basic-memory gives a note."""
    if _is_signed(text):
        return True
    words = _CODE.sub("", text)
    return bool(_OBSERVATION.search(words) or _RELATIONS.search(words))


def page_of_bundle(text: str) -> str:
    """What page of a Markdown bundle as our writer makes it this is: "conversation", "project", "memories" or "index"; "" if it is
    none. Its first field says it. These pages are nobody's notes."""
    match = _BUNDLE.match(text)
    return match[1] if match else ""


# --- of a delivery as a whole -------------------------------------------------------------------------------------------


def kept_by(delivery: Delivery) -> str:
    """Whose a delivery's notes are: "obsidian", "basic_memory", or "" for anybody's Markdown.

    In a folder with `.obsidian` they are Obsidian's, unless most bear the front matter of basic-memory, whose folders people open
    in Obsidian. Elsewhere they are basic-memory's if most hold what it writes, or if some do and nothing tells of a vault.
    """
    heads = [head_of(delivery.peek(entry)) for entry in delivery.entries if is_note(entry)]
    if not heads:
        return ""
    if any("/.obsidian/" in f"/{entry.name}" for entry in delivery.entries):
        return "basic_memory" if 2 * sum(map(_is_signed, heads)) > len(heads) else "obsidian"
    if any(map(page_of_bundle, heads)):
        return ""
    observed = sum(map(is_observed, heads))
    if 2 * observed > len(heads) or (observed and not _is_vault(delivery, heads)):
        return "basic_memory"
    return "obsidian" if _is_vault(delivery, heads) else ""


def is_note(entry: Entry) -> bool:
    """By its name alone, as both programs do: they show no other file as a note."""
    hidden = any(step.startswith(".") for step in entry.name.split("/"))
    return entry.name.lower().endswith((".md", ".markdown")) and not hidden


def head_of(seen: Peek) -> str:
    """The beginning of a note, as text."""
    return seen.head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "ignore").replace("\r\n", "\n")


def common_folder(names: Iterable[str]) -> str:
    """The folder in which all of these files lie, with a "/" behind it; "" if they lie in the delivery itself. What a note is known
    by has nothing of it: a folder around notes makes no others of them."""
    folders = [name.split("/")[:-1] for name in names]
    shared = takewhile(lambda steps: len(set(steps)) == 1, zip(*folders, strict=False))
    return "".join(f"{steps[0]}/" for steps in shared)


def _is_vault(delivery: Delivery, heads: list[str]) -> bool:
    """Whether notes without settings beside them are a vault: some have front matter or wikilinks, most are no lists of memories
    and no logs of Aider's, and no data lies among them."""
    others = sum(map(_is_others, heads))
    if 2 * others > len(heads) or not any(front_matter(head)[0] or WIKILINK.search(_CODE.sub("", head)) for head in heads):
        return False
    beside = (entry for entry in delivery.entries if not is_note(entry) and not is_canvas(entry))
    return all(delivery.peek(entry).look not in _DATA for entry in beside)


def is_canvas(entry: Entry) -> bool:
    return entry.name.lower().endswith(".canvas")


def _is_others(head: str) -> bool:
    dated = not front_matter(head)[0] and len(_DATED.findall(head)) > 1
    return dated or head.startswith("# aider chat started at")


def _is_signed(text: str) -> bool:
    """Whether a note bears the front matter that basic-memory gives every note of its."""
    return {"permalink", "type"} <= front_matter(text)[0].keys()
