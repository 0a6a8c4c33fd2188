"""A note taken apart: its front matter, its words, and the callouts that are the messages of a chat."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from souviens.formats._frontmatter import front_matter
from souviens.formats._observations import WIKILINK
from souviens.jsonspan import decode
from souviens.records import Json

MARK = "souviens"
# Callouts whose words are a message: of anybody's plugins, and of the Nexus importer.
ROLES = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
    "nexus_user": "user",
    "nexus_agent": "assistant",
}
_IDS = ("conversation_id", "conversationId", "chat_id")
# Plugins write the head of a callout without a space, and the words in it with one: so a text may begin with "[!" itself.
_CALLOUT = re.compile(r">\[!([\w-]+)\][+-]?[ \t]*(.*)")
_LOOSE = re.compile(r"> ?\[!([\w-]+)\][+-]?[ \t]*(.*)")
_TITLE = re.compile(r"\**(.*?)\**(?: - (.*))?")
_UID = re.compile(r"<!-- UID: (.*?) -->\s*")
_MARKED = re.compile(rf"%%{MARK} (\{{.*\}})%%")
_ANCHOR = re.compile(r"\^[\w-]+")
_HOLE = 12  # spaces: no message is shorter, and an erased one is a line of them


@dataclass
class Chat:
    """A chat as a note has it. value: as JSON, {"front", "messages", "between"}. spans: where its messages stand, in bytes."""

    value: dict[str, Json]
    spans: list[tuple[int, int]] = field(default_factory=list)


def kind_of(text: str) -> str:
    """What a note is: one of ours ("chat", "memory", "project"), a plugin's "chat" for certain (an id in its front matter, and
    callouts that bear a role), else a "note"."""
    fields, end = front_matter(text)
    ours = {"conversation": "chat", "memory": "memory", "project": "project"}.get(str(fields.get(MARK)))
    if ours:
        return ours
    words = {match[1].lower() for line in text[end:].split("\n") if (match := _LOOSE.match(line))}
    return "chat" if any(isinstance(fields.get(key), str) for key in _IDS) and words & ROLES.keys() else "note"


def id_of_note(text: str) -> str | None:
    """The id in the front matter of a note that is nothing else."""
    id = front_matter(text)[0].get("id")
    return id if isinstance(id, str) and id and kind_of(text) == "note" else None


def chat_id(fields: dict[str, Json]) -> str | None:
    """The id that the front matter of a chat names."""
    ids = (fields.get(key) for key in (*_IDS, "id"))
    return next((id for id in ids if isinstance(id, str) and id), None)


def chat(data: bytes) -> Chat:
    """A message is a callout that bears a role, with the UID behind it. In a note of ours it is everything up to our mark."""
    text = data.decode()
    fields, start = front_matter(text)
    lines = text[start:].split("\n")
    ours = MARK in fields
    taken = _Taken(ours, _CALLOUT if ours or any(map(_CALLOUT.match, lines)) else _LOOSE)
    here = len(text[:start].encode())
    for line in lines:
        end = here + len(line.encode())
        taken.take(line if ours else line.removesuffix("\r"), here, end)
        here = end + 1
    for message in filter(None, taken.messages):
        for part in message["parts"]:
            part["text"] = "\n".join(part.pop("lines"))
            if not ours and (title := _TITLE.fullmatch(part.pop("title").strip())):
                part |= {"who": title[1], "time": title[2]}
    return Chat({"front": fields, "messages": taken.messages, "between": taken.between}, taken.spans)


class _Taken:
    """What was taken of a chat's lines so far."""

    def __init__(self, ours: bool, head: re.Pattern[str]) -> None:
        self.ours, self.head, self.close = ours, head, _MARKED if ours else _UID
        self.messages: list[Json] = []
        self.spans: list[tuple[int, int]] = []
        self.between: list[str] = []
        self.open: Json = None  # the message whose end was not met yet

    def take(self, line: str, start: int, end: int) -> None:
        """The next line, and where it stands."""
        callout, closing = self.head.fullmatch(line), self.close.fullmatch(line)
        begins = callout is not None and (self.ours or callout[1].lower() in ROLES)
        # With us a message may be nothing but its mark, and more than one callout.
        if (begins or closing) if self.ours and self.open is None else begins and not self.ours:
            self.open = {"parts": []}
            self.messages.append(self.open)
            self.spans.append((start, end))
        if callout and begins:
            self.open["parts"].append({"callout": callout[1], "title": callout[2], "lines": []})
        elif closing and self.open is not None:
            self.open["mark" if self.ours else "uid"] = _decoded(closing[1]) if self.ours else closing[1]
        elif line.startswith(">") and self.open is not None and self.open["parts"]:
            self.open["parts"][-1]["lines"].append(line[2:] if line[1:2] == " " else line[1:])
        elif len(line) >= _HOLE and line.isspace():
            self.messages.append(None)
            self.spans.append((start, end))
            self.open = None
            return
        else:
            if line.strip() and not (self.ours and _ANCHOR.fullmatch(line)):
                self.between.append(line)
            return
        self.spans[-1] = (self.spans[-1][0], end)
        if closing:
            self.open = None


def _decoded(text: str) -> Json:
    try:
        return decode(text.encode())[0]
    except ValueError:
        return {"unread": text}


def links(text: str) -> tuple[list[str], list[str]]:
    """The notes a text links to, and what it embeds, each once, without headings and block ids."""
    found: tuple[dict[str, None], dict[str, None]] = ({}, {})
    for match in WIKILINK.finditer(text):
        if name := match[2].partition("#")[0].strip():
            found[bool(match[1])][name] = None
    return list(found[0]), list(found[1])
