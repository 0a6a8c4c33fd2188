"""Whose a Markdown note is: basic-memory writes what it observes as `- [category] words #tag (context)` and what belongs to what as
`- relation [[Target]]`, and any other note with wikilinks is of some other vault. A page of our own bundle is neither's note. All
their readers have to draw the same line."""

from __future__ import annotations

import re

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


def is_observed(text: str) -> bool:
    """Whether a note holds an observation, or relations under their heading, or the front matter that basic-memory gives a note."""
    if {"permalink", "type"} <= front_matter(text)[0].keys():
        return True
    words = _CODE.sub("", text)
    return bool(_OBSERVATION.search(words) or _RELATIONS.search(words))


def page_of_bundle(text: str) -> str:
    """What page of a Markdown bundle as our writer makes it this is: "conversation", "project", "memories" or "index"; "" if it is
    none. Its first field says it. These pages are nobody's notes."""
    match = _BUNDLE.match(text)
    return match[1] if match else ""
