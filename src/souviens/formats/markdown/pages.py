"""How a page of the bundle is built: what the writer and the reader have to agree on.

    ---                                         front matter, JSON values; `bundle` says what page it is
    bundle: "conversation"
    ---

    # Title                                     for people, and so are all other headings but those of messages

    <a id="m-…"></a>                            here an item begins: a message, a memory, a project

    ## 3. Assistant · gpt-5 · 2026-01-01T00:00:00Z
    <!-- souviens {"parent":"m-…"} -->          what its heading does not say, if there is anything

    words                                       as they are
    <!-- souviens {"type":"tool_call",…} -->    here a part begins that is not the words an item begins with

    <!-- souviens {"aside":true} -->            what follows belongs to no item; `shown`: the heading it is there for

Words that begin a line as one of these do, or as what an erasure leaves (a line of spaces), have a backslash before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from souviens.canon import rfc3339, utc
from souviens.formats._frontmatter import front_matter
from souviens.formats._writing import dumped, linked
from souviens.jsonspan import decode
from souviens.records import Json, Message

_HOLE = 12  # spaces: no item is shorter
_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_MARK = re.compile(r"<!-- souviens (\{.*\}) -->")
_OURS = re.compile(rf'\\*(?:<!-- souviens |<a id="| {{{_HOLE},}}$)')
_HEADING = re.compile(r"#{1,6} (?:\d+\. ?)?(.*)")
_NUMBER = re.compile(r"#{1,6} (\d{1,9})\. ?")
_ASIDE = re.compile(r"# Other (?:branches|attachments)|## Branch \d+: .*|- Attachment: .*")
_BETWEEN = " · "
_UNKNOWN, _EDITED = "time unknown", "edited "
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")


# --- words --------------------------------------------------------------------------------------------------------------


def line_of(text: str) -> str:
    """A text as one line."""
    return " ".join(text.split())


def mark(value: Json) -> str:
    """What the reader has to know and a person does not, as a comment."""
    return f"<!-- souviens {dumped(value).replace('>', chr(92) + 'u003e')} -->"


def escaped(text: str) -> str:
    """Words, none of whose lines can be taken for one of ours."""
    return "\n".join(f"\\{line}" if _OURS.match(line) else line for line in text.split("\n"))


def _unescaped(lines: list[str]) -> str:
    return "\n".join(line[1:] if line[:1] == "\\" and _OURS.match(line) else line for line in lines)


def open_fence(text: str) -> str:
    """The fence of a code block that the text leaves open, "" if it does not: or it would swallow all that follows."""
    fence = ""
    for line in text.splitlines():
        if match := _FENCE.match(line):
            if not fence:
                fence = match[1]
            elif match[1].startswith(fence) and not match[2].strip():
                fence = ""
    return fence


# --- titles: what a reader sees of a mark ---------------------------------------------------------------------------------


def title_of(told: dict[str, Json]) -> str:
    """The line above the words of a part, as its mark makes it; "" for a part that has none."""
    name, call = str(told.get("name") or ""), f" `{line_of(str(told['call']))}`" if told.get("call") else ""
    match told.get("type"):
        case "tool_call":
            return f"**Tool call: {line_of(name)}**{call}"
        case "tool_result":
            return f"**Tool result{' (error)' if told.get('error') else ''}: {line_of(name) or 'unnamed'}**{call}"
        case "opaque":
            return f"**{line_of(str(told.get('kind') or ''))}**"
        case "uri" | "citation":
            start, end = told.get("start"), told.get("end")
            span = f" (characters {start}–{end})" if start is not None or end is not None else ""
            link = linked(str(told.get("uri") or ""), str(told.get("title") or ""))
            return f"- {'Link' if told['type'] == 'uri' else 'Source'}: {link}{span}"
        case "summary" | "instructions":
            return f"## {str(told['type']).capitalize()}"
        case "document":
            return f"## Document: {line_of(name) or 'unnamed'}"
    return ""


def thought(text: str, *, short: bool) -> str:
    """A thought, folded away."""
    return f"<details>\n{_THOUGHTS[short]}\n\n{text}\n\n</details>"


_THOUGHTS = ("<summary>Reasoning</summary>", "<summary>Reasoning, in short</summary>")


# --- headings of messages -------------------------------------------------------------------------------------------------


def heading(number: int, message: Message) -> str:
    """Who said it, with what, when."""
    facts = [
        f"{number}. {line_of(message.role).capitalize()}",
        line_of(message.author or ""),
        line_of(message.model or ""),
        utc(message.time.us) or _UNKNOWN,
        f"{_EDITED}{utc(message.updated.us) or 'at an unknown time'}" if message.updated else "",
        message.visibility if message.visibility != "visible" else "",
    ]
    return _BETWEEN.join(filter(None, facts))


def facts_of(line: str) -> dict[str, Json]:
    """What a heading says: role, author, model, time, updated, visibility; `heading` is what cannot be told from it."""
    match = _HEADING.fullmatch(line)
    role, *facts = (match[1] if match else line).split(_BETWEEN)
    found: dict[str, Json] = {"role": role.strip().lower()}
    if facts and facts[-1] in ("hidden", "placeholder"):
        found["visibility"] = facts.pop()
    if facts and facts[-1].startswith(_EDITED):
        said = facts.pop().removeprefix(_EDITED)
        found["updated"] = said if rfc3339(said).us is not None else None
    if facts and (facts[-1] == _UNKNOWN or rfc3339(facts[-1]).us is not None):
        found["time"] = facts[-1] if facts[-1] != _UNKNOWN else None
        facts.pop()
    if len(facts) == 2:
        found |= {"author": facts[0], "model": facts[1]}
    elif len(facts) == 1:
        found["model" if found["role"] == "assistant" else "author"] = facts[0]
    elif facts:
        found["heading"] = _BETWEEN.join(facts)
    return found


def unsaid(line: str, message: Message) -> dict[str, Json]:
    """What a heading does not say of its message."""
    said = facts_of(line)
    whole = "heading" not in said
    more = {name: value for name in ("author", "model") if (value := getattr(message, name)) != said.get(name) or not whole}
    more |= {"role": message.role} if message.role != said["role"] else {}
    return more | ({"visibility": message.visibility} if message.visibility != said.get("visibility", "visible") else {})


# --- a page, taken apart ---------------------------------------------------------------------------------------------------


@dataclass
class Page:
    """items: {"id", "number", facts of the heading, "mark", "parts"}, None where one was erased; the id is None without an anchor.
    spans: where they stand, in bytes. between: words that belong to none of them."""

    front: dict[str, Json]
    items: list[dict[str, Json] | None] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    between: list[str] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)  # that no message points to


def parsed(data: bytes) -> Page:
    """A page. Raises UnicodeDecodeError."""
    text = data.decode()
    front, start = front_matter(text)
    windows = text.partition("\n")[0].endswith("\r")  # some editor's line ends
    lines = text[start:].split("\n")
    page = Page(front)
    here = len(text[:start].encode())
    segments: list[tuple[Json, list[str]]] | None = None  # (mark, lines) of the item that is open
    aside, shown = False, None
    for raw in lines:
        line = raw.removesuffix("\r") if windows else raw
        end = here + len(line.encode())
        told = _told(line)
        anchor = _ANCHOR.fullmatch(line)
        if anchor or (len(line) >= _HOLE and not line.strip(" ")):
            _close(page, segments)
            segments = [({}, [])] if anchor else None
            page.items.append({"id": anchor[1]} if anchor else None)
            page.spans.append((here, end))
            aside = False
        elif told is not None and "type" in told and segments is None:  # a project that goes on in this file
            segments = [({}, []), (told, [])]
            page.items.append({"id": None})
            page.spans.append((here, end))
        elif told is not None and "aside" in told:
            _close(page, segments)
            segments, aside = None, True
            shown = told.get("shown")
            left = told.get("attachments")
            page.attachments += left if isinstance(left, list) else []
        elif segments is None:
            if line.strip() and not (aside and (_ASIDE.fullmatch(line) or line == shown)):
                page.between.append(line)
        else:
            if told is None:
                segments[-1][1].append(line)
            elif "type" in told or len(segments) > 1:
                segments.append((told, []))
            else:
                segments[0][0].update(told)
            if line:
                page.spans[-1] = (page.spans[-1][0], end)
        here += len(raw.encode()) + 1
    _close(page, segments)
    return page


def _told(line: str) -> dict[str, Json] | None:
    """What a mark says; None if the line is none, or one that cannot be read: then it is words."""
    if (match := _MARK.fullmatch(line)) is None:
        return None
    try:
        value = decode(match[1].encode())[0]
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _close(page: Page, segments: list[tuple[Json, list[str]]] | None) -> None:
    if segments is None:
        return
    item = page.items[-1]
    assert item is not None
    item["mark"], lines = segments[0]
    place = next((place for place, line in enumerate(lines) if line), 0)
    if lines and _HEADING.fullmatch(lines[place]):
        item |= facts_of(lines[place])
        if (number := _NUMBER.match(lines[place])) and type(item["mark"].get("order")) is not int:
            item["number"] = int(number[1])
        lines = lines[place + 1 :]
    words = _inner(lines)
    parts: list[dict[str, Json]] = [{"type": "text", "text": _unescaped(words)}] if any(map(str.strip, words)) else []
    for told, found in segments[1:]:
        parts += _part(dict(told), _unescaped(_inner(found)))
    item["parts"] = list(_joined(parts))


def _inner(lines: list[str]) -> list[str]:
    """Without the empty lines that set a block apart."""
    lines = lines[1:] if lines and lines[0] == "" else lines
    return lines[:-1] if lines and lines[-1] == "" else lines


# --- parts ----------------------------------------------------------------------------------------------------------------


def _part(told: dict[str, Json], text: str) -> Iterator[dict[str, Json]]:
    """A part as its mark and its words say; what somebody wrote below it is words."""
    kind, rest = told.get("type"), ""
    if (title := title_of(told)) and text.partition("\n")[0] == title:
        text = text[len(title) :].removeprefix("\n\n")
    if kind == "text":
        text, rest = _unfenced(text) if "language" in told else (text, "")
    elif kind == "reasoning":
        text, rest = _folded(text)
    elif kind in ("tool_call", "tool_result", "opaque"):
        text, rest = _unfenced(text)
    elif kind in ("file", "evidence"):
        shown = "- Attachment: " if kind == "file" else "- Evidence: "
        text, rest = "", "\n".join(line for line in text.split("\n") if not line.startswith(shown))
    if told.pop("open", None) is True:
        text = text.rpartition("\n")[0]
    if kind == "opaque":
        told["value"] = _decoded(text)
    elif kind == "tool_call":
        told["arguments"] = _decoded(text) if told.pop("json", None) is True else text
    elif kind not in ("file", "evidence"):
        told["text"] = text
    yield told
    if rest.strip():
        yield {"type": "text", "text": rest}


def _joined(parts: list[dict[str, Json]]) -> Iterator[dict[str, Json]]:
    """A thought's summary stands before it, by itself."""
    summary: str | None = None
    for part in parts:
        if part.get("type") == "reasoning" and part.pop("short", None) is True:
            summary = part["text"]
        elif summary is not None:
            thought = part.get("type") == "reasoning"
            yield part | {"summary": summary} if thought else {"type": "reasoning", "text": "", "summary": summary}
            if not thought:
                yield part
            summary = None
        else:
            yield part
    if summary is not None:
        yield {"type": "reasoning", "text": "", "summary": summary}


def _decoded(text: str) -> Json:
    try:
        return decode(text.encode())[0]
    except ValueError:
        return text


def _unfenced(text: str) -> tuple[str, str]:
    """What stands in a code block, and what below it; all of it where there is none."""
    first, *lines = text.split("\n")
    fence = first[: len(first) - len(first.lstrip("`"))]
    if len(fence) < 3 or fence not in lines:
        return text, ""
    end = lines.index(fence)
    return "\n".join(lines[:end]), "\n".join(lines[end + 1 :])


def _folded(text: str) -> tuple[str, str]:
    """What stands in `<details>`, and what below it; all of it where there are none."""
    lines = text.split("\n")
    if lines[0] != "<details>" or len(lines) < 6 or lines[1] not in _THOUGHTS or "</details>" not in lines:
        return text, ""
    end = len(lines) - 1 - lines[::-1].index("</details>")
    return "\n".join(lines[3 : end - 1]), "\n".join(lines[end + 1 :])
