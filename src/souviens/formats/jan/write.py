"""Writing threads for Jan: a folder a conversation.

Checked against stored copies of janhq/jan of 2026: src-tauri/src/core/threads/commands.rs lists every folder of `threads` that
holds a `thread.json`, and reads `messages.jsonl` beside it; web-app/src/lib/message-branching.ts takes a tree from the messages'
metadata; a thread's messages are sorted by `created_at` when it is opened, so that one without a time would go to the front.
"""

from __future__ import annotations

import re
import uuid
from decimal import Decimal

from souviens.canon import Instant
from souviens.formats import Chosen, Written
from souviens.formats._writing import Account, dumped, fenced, forest, linked, pretty
from souviens.records import (
    Attachment,
    Citation,
    Conversation,
    File,
    Json,
    Message,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Topic,
    Uri,
)

CARRIES = (
    "whole conversations with every branch",
    "times, to the microsecond",
    "reasoning, tool calls and their results",
    "citations and links as links in the text, names of attachments; parts of unknown kind as JSON",
    "projects, by name",
)
CANNOT = (
    "hidden messages",
    "the model of each message (a thread has one)",
    "the bytes of attachments",
    "memories",
    "project instructions and documents",
    "unknown fields of the provider",
)
_IDS = uuid.UUID("5b0d2f0e-8f5c-5d0a-9a3b-3f1f3c6f7a52")  # our namespace: the same record has the same UUID in every export
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_ROLES = ("user", "assistant", "system", "tool")
_SECONDS_BELOW = 10**14  # microseconds: milliseconds of an earlier time would be taken for seconds


def write(chosen: Chosen) -> Written:
    """`threads/<id>/thread.json` and `messages.jsonl` of every chosen conversation."""
    account = Account(chosen)
    projects = {topic.id: topic for topic in chosen.topics if topic.name}
    files: dict[str, bytes] = {}
    taken: set[str] = set()
    for conversation in chosen.conversations:
        id = _folder(conversation, taken)
        thread = _Thread(conversation, id, account)
        files[f"threads/{id}/messages.jsonl"] = "".join(f"{dumped(line)}\n" for line in thread.lines()).encode()
        files[f"threads/{id}/thread.json"] = pretty(thread.value(projects.get(conversation.head.project or ""))).encode()
    account.carry("topic", len({c.head.project for c in chosen.conversations if c.head.project in projects}))
    return account.written(
        files,
        {
            "memory": "Jan keeps no memories",
            "evidence": "memories are not written",
            "verdict": "memories are not written",
            "branch_point": "the other branches hold nothing but messages left out",
            "older_version": "only the current version of a message is written",
            "extra_field": "a field of the provider that is not written",
            "model": "Jan knows one model a thread",
            "author": "a message has a role, no author's name",
            "citation_span": "a link stands behind the text, not at a span of it",
            "attachment": "no message points to it",
            "topic": "no chosen conversation belongs to it, or it has no name",
        },
        "Jan has no place for it in a thread",
    )


def _folder(conversation: Conversation, taken: set[str]) -> str:
    """The provider's own id if it can be a folder's name that nobody has yet, else a UUID made from ours."""
    own = conversation.provider_id or ""
    id = own if _FOLDER.fullmatch(own) and own.lower() not in taken else str(uuid.uuid5(_IDS, conversation.id))
    taken.add(id.lower())
    return id


class _Thread:
    """One conversation on its way out."""

    def __init__(self, conversation: Conversation, id: str, account: Account) -> None:
        self.conversation, self.id, self.account = conversation, id, account
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}
        self.trees = forest(conversation.messages, lambda message: not _left_out(message))
        self.path = self.trees.path(conversation)
        self.names: dict[str, str] = {}  # message id -> the id it has there
        self.times: dict[str, Instant] = {}  # message id -> the time it is sorted by

    def value(self, project: Topic | None) -> Json:
        head = self.conversation.head
        model = head.model or next((message.model for message in reversed(self.path) if message.model), None)
        for instant in (head.created, head.updated):
            self.account.carry("time" if instant.us is not None else "unknown_time")
        self.account.carry("conversation")
        named = {"project": {"id": project.provider_id or project.id, "name": project.name}} if project else {}
        return {
            "id": self.id,
            "object": "thread",
            "title": head.title,
            # As Jan itself stores the model of a thread without an assistant.
            "assistants": [{"id": "model-only", "name": "Model", "model": {"id": model}}] if model else [],
            "created": _seconds(head.created),
            "updated": _seconds(head.updated),
            "metadata": named,
        }

    def lines(self) -> list[Json]:
        """The messages, parents before children."""
        trees, account = self.trees, self.account
        for message in self.conversation.messages:
            if reason := _left_out(message):
                account.lose_message(message, reason)
        account.carry("branch_point", trees.forks)
        account.lose("parent_link", "the message before it is not there, or the links go in a circle", trees.loose)
        used: set[str] = set()
        for message in trees.order:
            own = message.provider_id or ""
            self.names[message.id] = own if own and own not in used else message.id
            used.add(self.names[message.id])
        roots = [message for message in trees.order if trees.above[message.id] is None]
        branched = len(roots) > 1 or any(len(below) > 1 for below in trees.below.values())
        active = {before.id: self.names[after.id] for before, after in zip(self.path, self.path[1:], strict=False)}
        lines = [self._line(message, branched, active.get(message.id)) for message in trees.order]
        newest = max(roots, key=lambda root: _milliseconds(self.times[root.id]), default=None)
        if newest is not None and newest.id != self.path[0].id:
            account.lose("active_branch", "of several beginnings Jan opens the newest")
        return lines

    def _line(self, message: Message, branched: bool, active: str | None) -> Json:
        account = self.account
        account.carry("message")
        role = "system" if message.role == "developer" else message.role if message.role in _ROLES else "assistant"
        if role != message.role:
            account.lose("role", "Jan knows the roles user, assistant, system and tool")
        above = self.trees.above[message.id]
        created = _milliseconds(self._time(message, above))
        metadata: dict[str, Json] = {"parentId": self.names[above] if above else None} if branched else {}
        if branched and active:
            metadata["activeChildId"] = active
        attached = [self._attachment(part) for part in message.parts if isinstance(part, File)]
        return {
            "id": self.names[message.id],
            "object": "thread.message",
            "thread_id": self.id,
            "role": role,
            "content": self._content(message.parts),
            **({"attachments": attached} if attached else {}),
            "status": "ready",
            "created_at": created,
            "completed_at": self._ended(message, created),
            "metadata": metadata,
        }

    # --- times ---

    def _time(self, message: Message, above: str | None) -> Instant:
        """Its own, else that of the message before it."""
        self.times[message.id] = message.time
        if message.time.us is not None:
            self.account.carry("time")
        elif above is not None and self.times[above].us is not None:
            self.times[message.id] = self.times[above]
            self.account.lose("unknown_time", "written as the time of the message before it: Jan would put it at the front")
        else:
            self.account.carry("unknown_time")
        return self.times[message.id]

    def _ended(self, message: Message, created: Json) -> Json:
        if message.updated is None:
            return created
        if message.updated.us is None:
            self.account.lose("edit_time", "it is not known when")
            return created
        ended = _milliseconds(message.updated)
        if ended == created:
            self.account.lose("edit_time", "the same as the message's time, to the millisecond: Jan would not tell them apart")
        else:
            self.account.carry("edit_time")
        return ended

    # --- parts ---

    def _content(self, parts: tuple[Part, ...]) -> list[Json]:
        items: list[dict[str, Json]] = []
        before: Part | None = None
        for part in parts:
            if isinstance(part, ToolResult) and isinstance(before, ToolCall) and before.call == part.call:
                self.account.carry("tool_result")
                items[-1]["output"] = _output(part)
            elif not isinstance(part, File):
                items.append(self._item(part))
            before = part
        return items

    def _item(self, part: Part) -> dict[str, Json]:
        account = self.account
        match part:
            case Reasoning():
                account.carry("reasoning")
                if part.summary and part.text:
                    account.lose("reasoning_summary", "a thought has one text")
                return _text("reasoning", part.text or part.summary)
            case ToolCall():
                account.carry("tool_call")
                return {"type": "tool_call", "tool_call_id": part.call, "tool_name": part.name, "input": part.arguments}
            case ToolResult():
                account.carry("tool_result")
                return {"type": "tool_call", "tool_call_id": part.call, "tool_name": part.name, "output": _output(part)}
            case Citation():
                account.carry("citation")
                return _text("text", "\n".join(filter(None, (linked(part.uri, part.title), part.text))))
            case Uri():
                account.carry("link")
                return _text("text", "\n".join(filter(None, (linked(part.uri, part.title), part.text))))
            case Opaque():
                account.carry("opaque")
                return _text("text", f"{part.kind}\n{fenced(pretty(part.value), 'json')}")
            case Text():
                account.carry("text")
                return _text("text", fenced(part.text, part.language) if part.language else part.text)
            case File():
                raise AssertionError("files stand in `attachments`")

    def _attachment(self, part: File) -> Json:
        held: Attachment | None = self.attachments.get(part.attachment)
        self.account.carry("attachment")
        if held is not None and held.blob:
            self.account.lose("attachment_bytes", "a thread has no place for bytes; attach the file in Jan again")
        return {"file_id": part.name or (held.name if held else "") or part.pointer or part.attachment, "tools": []}


def _left_out(message: Message) -> str:
    """Why a message has no place in a thread, "" if it has one."""
    if message.visibility == "placeholder":
        return "a node without a message"
    return "hidden from the person; Jan would show it" if message.visibility == "hidden" else ""


def _text(kind: str, text: str) -> dict[str, Json]:
    return {"type": kind, "text": {"value": text, "annotations": []}}


def _output(part: ToolResult) -> Json:
    return {"error": part.text or "failed"} if part.error else part.text


def _seconds(instant: Instant) -> Json:
    """Seconds since 1970 with every digit that is known; 0, as Jan writes it itself, for a time that is not known."""
    return _number(instant.us or 0, 1_000_000)


def _milliseconds(instant: Instant) -> Json:
    us = instant.us or 0
    return _number(us, 1_000 if abs(us) >= _SECONDS_BELOW else 1_000_000)


def _number(us: int, unit: int) -> Json:
    return Decimal(us) / unit if us % unit else us // unit
