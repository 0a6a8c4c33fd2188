"""Writing a vault: a note a conversation, a memory and a project, linked with each other, and an index.

Each part of a message is a callout, and behind them stands in a comment, which Obsidian does not show, what the callouts do not
say: our reader takes the note apart again. Messages stand in the order of the source; the comment says what one hangs from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from souviens.canon import ABSENT, Instant, utc
from souviens.formats import Chosen, Written
from souviens.formats._naming import Names, day
from souviens.formats._writing import Account, dumped, in_message, leaving, linked, pretty, time_kind, unreferenced
from souviens.formats.obsidian.notes import MARK
from souviens.formats.obsidian.reading import EVIDENCE
from souviens.records import (
    Attachment,
    Citation,
    Conversation,
    Evidence,
    File,
    Json,
    Memory,
    Message,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Topic,
    Uri,
    branch_points,
)

CARRIES = (
    "every message of every branch, hidden ones too, with models, authors and times; an unknown time stays unknown",
    "reasoning, tool calls and results, citations, links, names of attachments, fields of the provider",
    "projects with their instructions and documents",
    "a note a memory, linked to the messages it rests on",
)
CANNOT = (
    "the bytes of attachments",
    "older versions of a message",
    "who said a memory, and what a person said of it: no note may decide that",
)
_ROLES = ("user", "assistant", "system", "tool")
_IN_LINKS = "[]#^%"  # what means something in a link, or in a comment
# JSON strings are YAML strings, but for characters that YAML calls unprintable and JSON leaves as they are.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def write(chosen: Chosen) -> Written:
    """`Index.md`, and the notes in Conversations, Projects and Memories."""
    account = Account(chosen)
    names = Names(_IN_LINKS)
    notes: dict[str, str] = {}
    topics = {topic.id: topic for topic in chosen.topics}
    folders = {id: f"Projects/{names.fresh('Projects', topic.name or 'Unnamed project')}" for id, topic in topics.items()}
    index = _Index()
    for id, topic in topics.items():
        path = f"{folders[id]}/{names.fresh(folders[id], topic.name or 'Unnamed project', '.md')}"
        notes[path] = _project(topic, account)
        index.add("Projects", path, topic.name or "Unnamed project")
    project_notes = dict(zip(topics, notes, strict=True))
    places: dict[str, str] = {}
    ids: dict[str, str] = {}
    for conversation in chosen.conversations:
        project = conversation.head.project or ""
        folder = folders.get(project, "Conversations")
        words = f"{day(conversation.head.created)} {conversation.head.title or 'untitled'}"
        path = f"{folder}/{names.fresh(folder, words, '.md')}"
        note = _Note(conversation, project_notes.get(project, ""), account)
        notes[path] = note.text()
        ids |= note.ids
        index.add("Conversations", path, words)
        places |= {conversation.id: path} | {m.id: f"{path}#^{m.id}" for m in conversation.messages if m.parts}
    for memory in leaving(chosen, account):
        if not memory.wording.strip():
            account.lose("memory", "it has no words")
            account.lose("evidence", "its memory has no words", len(memory.evidence))
            continue
        path = f"Memories/{names.fresh('Memories', memory.wording[:60], '.md')}"
        notes[path] = _memory(memory, places, ids, account)
        index.add("Memories", path, memory.wording[:60])
    if notes:
        notes["Index.md" if "Index.md" not in notes else "Index (souviens).md"] = index.text()
    return account.written(
        {path: text.encode() for path, text in notes.items()},
        {
            "older_version": "only the current version is written",
            "verdict": "only the last wording is written: what a person said of a memory is not taken from a note",
            "evidence": "its memory is not written",
            "extra_field": "fields of projects and documents have no place in a note",
        },
        "not written",
    )


class _Index:
    """The note that leads to all others."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def add(self, heading: str, path: str, words: str) -> None:
        self._lines.setdefault(heading, []).append(f"- {_link(path, words)}")

    def text(self) -> str:
        blocks = [f"---\n{MARK}: index\n---\n", *(f"## {heading}\n\n" + "\n".join(lines) for heading, lines in self._lines.items())]
        return "\n\n".join(blocks) + "\n"


def _link(target: str, words: str) -> str:
    """A wikilink by path, so that it never leads to another note of the same name."""
    path, mark, block = target.partition("#")
    shown = re.sub(r"[\[\]|#^\n\r]+", " ", words).strip()
    return f"[[{path.removesuffix('.md')}{mark}{block}{'|' if shown else ''}{shown}]]"


def _line(text: str) -> str:
    return " ".join(text.split())


def _front(fields: dict[str, Json]) -> str:
    told = (f"{name}: {_UNPRINTABLE.sub(lambda m: f'{chr(92)}u{ord(m[0]):04x}', dumped(value))}" for name, value in fields.items())
    return "\n".join(("---", *told, "---"))


def _whole(instant: Instant | None) -> dict[str, Json] | None:
    """A time with what its source said of it; None where nothing was said."""
    return None if instant is None or instant == ABSENT else dict(msgspec.to_builtins(instant))


def _said(fields: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value not in (None, {}, [], "")}


# --- conversations ------------------------------------------------------------------------------------------------------


class _Note:
    """One conversation as a note. project: the path of its project's note."""

    def __init__(self, conversation: Conversation, project: str, account: Account) -> None:
        self.conversation, self.project, self.account = conversation, project, account
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}
        met = Counter(message.provider_id for message in conversation.messages)
        # As the note names them: by the provider's id, where it is one and the only one.
        self.ids = {m.id: m.provider_id if m.provider_id and met[m.provider_id] == 1 else m.id for m in conversation.messages}

    def text(self) -> str:
        head, account = self.conversation.head, self.account
        left = unreferenced(self.conversation)
        account.carry("conversation")
        account.carry(time_kind(head.created))
        account.carry(time_kind(head.updated))
        account.carry("attachment", len(left))
        account.carry("extra_field", len(head.extra))
        account.carry("branch_point", len(branch_points(self.conversation.messages)))
        more = {
            "created": _whole(head.created),
            "updated": _whole(head.updated),
            "tip": self.ids.get(head.tip or "", head.tip),
            "project": head.project,
            "model": head.model,
            "extra": head.extra,
            "attachments": [self._described(self.attachments[id]) for id in left],
        }
        front = {
            MARK: "conversation",
            "id": self.conversation.id,
            "title": head.title,
            "created": utc(head.created.us),
            "updated": utc(head.updated.us),
            **({"project": _link(self.project, "")} if self.project else {}),
            "provider": self.conversation.provider,
            "provider_id": self.conversation.provider_id,
            "more": _said(more),
        }
        return "\n\n".join((_front(front), *map(self._message, self.conversation.messages))) + "\n"

    def _message(self, message: Message) -> str:
        for kind, count in in_message(message).items():
            self.account.carry(kind, count)
        shown = [self._part(part, message) for part in message.parts]
        seen = message.role in _ROLES and isinstance(next(iter(message.parts), None), Text)  # the first callout says it
        mark = {
            "id": self.ids[message.id],
            "parent": self.ids.get(message.parent or "", message.parent),
            "time": _whole(message.time),
            "updated": _whole(message.updated),
            "author": message.author,
            "model": message.model,
            "visibility": message.visibility if message.visibility != "visible" else None,
            "parts": [more for _, more in shown] if any(more for _, more in shown) else None,
            "extra": message.extra,
        }
        if message.updated == ABSENT:
            mark["updated"] = {"unknown": "absent"}
        # The end of a comment never stands in a comment.
        told = dumped(_said(mark) | ({} if seen else {"role": message.role})).replace("%", "\\u0025")
        anchor = [f"^{message.id}"] if shown else []
        return "\n\n".join((*(callout for callout, _ in shown), *anchor, f"%%{MARK} {told}%%"))

    def _part(self, part: Part, message: Message) -> tuple[str, dict[str, Json]]:
        """A part as a callout, and what that does not say."""
        whole = dict(msgspec.to_builtins(part, builtin_types=(Decimal,)))
        kind = whole.pop("type")
        match part:
            case Text():
                del whole["text"]
                role = message.role if message.role in _ROLES else "user" if message.role == "human" else "assistant"
                facts = (_line(message.author or ""), _line(message.model or ""), utc(message.time.us) or "time unknown")
                return _callout(role, " · ".join(filter(None, facts)), part.text), whole
            case Reasoning():
                del whole["text"]
                return _callout("reasoning", "Reasoning", part.text, folded=True), whole
            case ToolCall():
                exact = part.arguments if isinstance(part.arguments, str) else pretty(part.arguments)
                whole.pop("arguments", None)
                more = whole | ({} if isinstance(part.arguments, str) else {"json": True})
                return _callout("tool_call", _line(part.name), exact, folded=True), more
            case ToolResult():
                whole.pop("text", None)
                return _callout("tool_result", _line(part.name or "Result"), part.text, folded=True), whole
            case File():
                held = self.attachments.get(part.attachment)
                if held is not None and held.blob:
                    self.account.lose("attachment_bytes", "a writer has no bytes; take them out of the vault by their SHA-256")
                shown = part.name or (held.name if held else "") or part.pointer
                return _callout("file", "Attachment", _line(shown)), self._described(held, part)
            case Uri() | Citation():
                return _callout(kind, "Link" if isinstance(part, Uri) else "Source", linked(part.uri, part.title)), whole | {
                    "uri": part.uri,
                    "text": part.text,
                }
            case Opaque():
                del whole["kind"]
                whole.pop("value", None)
                return _callout("opaque", _line(part.kind), pretty(part.value), folded=True), {
                    "kind": part.kind,
                    "value": part.value,
                }

    def _described(self, held: Attachment | None, part: File | None = None) -> dict[str, Json]:
        return {
            "pointer": part.pointer if part else held.pointer if held else "",
            "media": part.media if part else "file",
            "name": part.name if part else held.name if held else "",
            "media_type": held.media_type if held else "",
            "size": held.size if held else None,
            "extra": part.extra if part else {},
        }


def _callout(kind: str, title: str, text: str, *, folded: bool = False) -> str:
    """A callout that our reader tells from words: no space in its head, one before each line of its text."""
    lines = "\n".join(f"> {line}" for line in text.split("\n"))
    return f">[!{kind}]{'-' if folded else ''} {title}\n{lines}"


# --- memories and projects ----------------------------------------------------------------------------------------------


def _memory(memory: Memory, places: dict[str, str], ids: dict[str, str], account: Account) -> str:
    account.carry("memory")
    evidence = [found for found in memory.evidence if found.conversation]
    account.carry("evidence", len(evidence))
    account.lose("evidence", "it names no conversation, only a place in this vault", len(memory.evidence) - len(evidence))
    account.carry("extra_field", len(memory.extra))
    more = {
        "created": _whole(memory.created),
        "updated": _whole(memory.updated),
        "valid_from": _whole(memory.valid_from),
        "valid_to": _whole(memory.valid_to),
        "topic": memory.topic,
        "evidence": [_evidence(found, ids) for found in evidence],
        "extra": memory.extra,
    }
    front = {
        MARK: "memory",
        "id": memory.id,
        "kind": memory.kind,
        "created": utc(memory.created.us),
        "provider": memory.provider,
        "authority": memory.authority,
        "more": _said(more),
    }
    rests = "\n".join(_rests(evidence, places))
    return f"{_front(front)}\n\n{memory.wording}\n\n{EVIDENCE}\n{rests}\n"


def _evidence(found: Evidence, ids: dict[str, str]) -> dict[str, Json]:
    said = msgspec.structs.asdict(found) | {"message": ids.get(found.message or "", found.message)}
    return {name: value for name, value in said.items() if value is not None and name != "origin"}


def _rests(evidence: Iterable[Evidence], places: dict[str, str]) -> Iterator[str]:
    for found in evidence:
        named = found.message or found.conversation or ""
        if named in places:
            yield f"- {_link(places[named], 'what it rests on')}"


def _project(topic: Topic, account: Account) -> str:
    account.carry("topic")
    account.carry("document", len(topic.documents))
    account.carry("instructions", int(bool(topic.instructions)))
    account.carry("summary", int(bool(topic.summary)))
    more = {"parent": topic.parent, "documents": [document.name for document in topic.documents]}
    front = {
        MARK: "project",
        "id": topic.id,
        "kind": topic.kind,
        "name": topic.name,
        "provider": topic.provider,
        "more": _said(more),
    }
    blocks = [_front(front)]
    blocks += [_callout("summary", "Summary", topic.summary)] if topic.summary else []
    blocks += [_callout("instructions", "Instructions", topic.instructions)] if topic.instructions else []
    blocks += [_callout("document", _line(document.name), document.text, folded=True) for document in topic.documents]
    return "\n\n".join(blocks) + "\n"
