"""Front matter: the `key: value` lines between two `---` at the head of a Markdown file, as far as editors and plugins write it.

Scalars, lists in brackets or a dash a line, and JSON, which is YAML too. A number stays the string that it is. Whatever else YAML
can say (maps in maps, block texts) stays as its own lines under its key: kept, not understood. Of a key that stands there twice the
last value counts, and all of them stand under `duplicate_keys`.
"""

from __future__ import annotations

import re

from souviens.formats._fields import note
from souviens.jsonspan import decode
from souviens.records import Json

_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s#\-\[\]{}:"'][^:]*?)\s*:(?:\s+(.*))?$""")
_NOTHING = ("", "~", "null")


def front_matter(text: str) -> tuple[dict[str, Json], int]:
    """The fields, and where the text after them begins; ({}, 0) if there is none."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return {}, 0
    end = next((place for place, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), 0)
    if not end:
        return {}, 0
    said: dict[str, list[Json]] = {}
    for key, value, below in _entries(lines[1:end]):
        said.setdefault(key, []).append(_value(value, below))
    fields = {key: values[-1] for key, values in said.items()}
    if twice := [[key, values] for key, values in said.items() if len(values) > 1]:
        note(fields, "duplicate_keys", twice)
    return fields, min(len(text), sum(len(line) + 1 for line in lines[: end + 1]))


def _entries(lines: list[str]) -> list[tuple[str, str, list[str]]]:
    """(key, what stands behind it, the lines below it) of each field. Lines that belong to none stand under ""."""
    found: list[tuple[str, str, list[str]]] = []
    for line in lines:
        match = None if line[:1] in (" ", "\t", "-") else _KEY.match(line.rstrip())
        if match is not None:
            found.append((match[1].strip("\"'"), (match[2] or "").strip(), []))
        elif line.strip():
            if not found:
                found.append(("", "", []))
            found[-1][2].append(line)
    return found


def _value(value: str, below: list[str]) -> Json:
    if not below:
        return scalar(value)
    items = [line.strip() for line in below]
    if not value and all(item.startswith("- ") and not _KEY.match(item[2:]) for item in items):
        return [scalar(item[2:].strip()) for item in items]
    return "\n".join([value, *below] if value else below)


def scalar(text: str) -> Json:
    """A value on one line: JSON, a list in brackets, a quoted or a bare string; None for nothing."""
    if text in _NOTHING:
        return None
    if text[0] in '"[{':
        try:
            return decode(text.encode())[0]
        except ValueError:
            pass
    if text[0] == "[" and text[-1] == "]" and "[[" not in text:
        return [scalar(item.strip()) for item in text[1:-1].split(",") if item.strip()]
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return text
