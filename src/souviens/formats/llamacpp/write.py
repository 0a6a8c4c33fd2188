"""`llamacpp-conversations.json`: a list of {conv, messages}, which the page's import takes in every version.

A message there has thoughts, words and tool calls, in this order, and a tool's answer is a message of its own. One of ours that has
them in another order, or holds answers, is divided. Thoughts that follow one another become one.

Checked against llama.cpp's source in November 2026:
* conversations.svelte.ts and conversation-transfer.service.ts, import: an array, or one object with `conv` and `messages`; in 2026
  lines as well.
* database.service.ts, `importConversations`: a conversation whose id is there is skipped; messages are put by their id, which is
  unique over all conversations: two that bear one id would be one.
* branching: every conversation has one root (`type: root`, no parent), first messages hang from it; `currNode` is the leaf shown.
* database.d.ts: `timestamp` and `lastModified` are milliseconds and always there; 0 stands for a time that is not known.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field

from souviens.canon import Instant
from souviens.formats import Chosen, Written
from souviens.formats._writing import Account, Forest, carry_prompt, dumped, fenced, forest, linked, pretty, system_prompt
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
    Uri,
)

CARRIES = (
    "whole conversations with every branch, system messages and system prompts too",
    "models and times",
    "reasoning, tool calls and their results",
    "citations and links in the text, names of attachments; parts of unknown kind as JSON",
)
CANNOT = (
    "hidden messages",
    "the bytes of attachments",
    "when a conversation was begun",
    "memories and projects",
    "names of authors, unknown fields of the provider",
)
_IDS = uuid.UUID("8d2b6c1e-4a97-5f13-b0c8-6e51d3a7f924")  # our namespace: the same record has the same UUID in every export
_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system", "tool": "assistant"}
_REASONS = {
    "memory": "llama.cpp's page has no memories",
    "evidence": "memories are not written",
    "verdict": "memories are not written",
    "topic": "llama.cpp's page has no projects",
    "branch_point": "the other branches hold nothing but messages left out",
    "older_version": "only the current version of a message is written",
    "extra_field": "a field of the provider that is not written",
    "time": "a conversation has the time of its last change only",
    "unknown_time": "a conversation has the time of its last change only",
    "edit_time": "a message has one time",
    "model": "a model without a name",
    "author": "a message has a role, no author's name",
    "citation_span": "a source is named below the text, not at a span of it",
    "attachment": "no message points to it",
}


def write(chosen: Chosen) -> Written:
    """Every chosen conversation with its whole tree."""
    account = Account(chosen)
    taken: set[str] = set()
    values = [_Chat(conversation, account).value(taken) for conversation in chosen.conversations]
    files = {"llamacpp-conversations.json": pretty(values).encode()} if values else {}
    return account.written(files, _REASONS, "llama.cpp's page has no place for it")


def _left_out(message: Message) -> str:
    """Why a message has no place in a conversation, "" if it has one."""
    if message.visibility == "placeholder":
        return "a node without a message"
    return "hidden from the person; llama.cpp would show it" if message.visibility == "hidden" else ""


@dataclass(slots=True)
class _Piece:
    """A message there: a whole one of ours or a piece of it. rank: of the last part that was put in, see `_rank`."""

    role: str
    rank: int = -1
    thoughts: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    calls: list[Json] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    answers: str = ""  # of a tool: the call whose result this is


def _rank(part: Part) -> int:
    """The order of things in a message there. Files have their own place and stand anywhere."""
    return 0 if isinstance(part, Reasoning) else 2 if isinstance(part, ToolCall) else 1


class _Chat:
    """One conversation on its way out."""

    def __init__(self, conversation: Conversation, account: Account) -> None:
        self.conversation, self.account = conversation, account
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}
        self.trees: Forest = forest(conversation.messages, lambda message: not _left_out(message))
        self.calls: dict[
            str, list[tuple[str | None, str]]
        ] = {}  # message -> calls on the way to it: (ours, id there), not answered

    def value(self, taken: set[str]) -> Json:
        """{conv, messages}; a child stands after its parent."""
        conversation, account, trees = self.conversation, self.account, self.trees
        id = _uuid(conversation, taken)
        root = self._id("root")
        beginning: dict[str, Json] = {"id": root, "convId": id, "type": "root", "timestamp": 0, "role": "system", "content": ""}
        messages = [{**beginning, "parent": None, "thinking": "", "toolCalls": "", "children": []}]
        by_id = {root: messages[0]}
        ends: dict[str | None, str] = {None: root}  # ours -> the last of its pieces
        if prompt := system_prompt(conversation):
            carry_prompt(conversation, account)
            value = {**beginning, "id": self._id("system prompt"), "type": "system", "content": prompt, "parent": root}
            messages.append({**value, "thinking": "", "toolCalls": "", "children": []})
            by_id[value["id"]] = messages[-1]
            messages[0]["children"].append(value["id"])
            ends[None] = value["id"]
        for message in trees.order:
            above = ends[trees.above[message.id]]
            for number, piece in enumerate(self._pieces(message)):
                value = self._message(piece, message, self._id(message.id, number), id, above)
                messages.append(value)
                by_id[above]["children"].append(value["id"])
                by_id[value["id"]] = value
                above = value["id"]
            ends[message.id] = above
        path = trees.path(conversation)
        first = len(by_id[ends[None]]["children"])
        account.lose("beginning", "several first messages hang from one root", max(0, first - 1))
        account.lose("parent_link", "the message before it is not there, or the links go in a circle", trees.loose)
        account.carry("branch_point", trees.forks)
        account.carry("conversation")
        for message in conversation.messages:
            if reason := _left_out(message):
                account.lose_message(message, reason)
        head = conversation.head
        account.carry("unknown_time" if head.updated.us is None else "time")
        conv = {
            "id": id,
            "name": head.title,
            "lastModified": self._milliseconds(head.updated),
            "currNode": ends[path[-1].id] if path else root,
        }
        return {"conv": conv, "messages": messages}

    def _id(self, id: str, number: int = 0) -> str:
        """Unique over all conversations, as the page demands."""
        return str(uuid.uuid5(_IDS, f"{self.conversation.id}/{id}" + (f"/{number}" if number else "")))

    def _milliseconds(self, instant: Instant) -> int:
        if instant.us is None:
            return 0
        self.account.lose("time_fraction", "llama.cpp counts milliseconds", int(instant.us % 1_000 != 0))
        return instant.us // 1_000

    def _message(self, piece: _Piece, message: Message, id: str, chat: str, above: str) -> dict[str, Json]:
        value: dict[str, Json] = {
            "id": id,
            "convId": chat,
            "type": "system" if piece.role == "system" else "text",
            "timestamp": 0 if message.time.us is None else message.time.us // 1_000,
            "role": piece.role,
            "content": "\n".join(piece.words),
            "parent": above,
            "thinking": "\n\n".join(piece.thoughts),  # older pages show this one, newer ones the next
            "toolCalls": dumped(piece.calls) if piece.calls else "",
            "children": [],
        }
        if piece.thoughts:
            value["reasoningContent"] = value["thinking"]
        if piece.answers:
            value["toolCallId"] = piece.answers
        if piece.files:
            value["extra"] = piece.files
        if message.model:
            value["model"] = message.model
        return value

    # --- pieces ---

    def _pieces(self, message: Message) -> list[_Piece]:
        """A message as one or more there, and what is said of it in the account."""
        role = _ROLES.get(message.role, "assistant")
        waiting = list(self.calls.get(self.trees.above[message.id] or "", []))
        pieces: list[_Piece] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                pieces.append(self._result(part, waiting))
                continue
            is_file = isinstance(part, File)
            if not pieces or pieces[-1].role == "tool" or (not is_file and _rank(part) < pieces[-1].rank):
                pieces.append(_Piece(role))
            if not is_file:
                pieces[-1].rank = _rank(part)
            self._add(part, pieces[-1], message, waiting)
        pieces = pieces or [_Piece(role)]
        self.calls[message.id] = waiting
        account = self.account
        account.carry("message")
        account.carry("unknown_time" if message.time.us is None else "time")
        self._milliseconds(message.time)
        account.carry("model", int(bool(message.model)))
        account.lose("message_split", "a message that holds a tool's answer, or thinks again, is several there", len(pieces) - 1)
        if message.role not in ("user", "assistant", "system") and any(piece.role != "tool" for piece in pieces):
            account.lose("role", "llama.cpp knows a person, a model, a system and answers of tools")
        return pieces

    def _result(self, part: ToolResult, waiting: list[tuple[str | None, str]]) -> _Piece:
        """An answer names its call; one without an id answers the last call without one that is not answered."""
        found = [call for call in waiting if call[0] == part.call]
        if found:
            waiting.remove(found[-1])
        self.account.carry("tool_result")
        self.account.lose("tool_error", "an answer of a tool is not marked as an error", int(part.error))
        return _Piece("tool", words=[part.text], answers=part.call or (found[-1][1] if found else ""))

    def _add(self, part: Part, piece: _Piece, message: Message, waiting: list[tuple[str | None, str]]) -> None:
        match part:
            case Reasoning():
                if not (words := "\n\n".join(filter(None, (part.summary, part.text)))):
                    self.account.lose("reasoning", "a thought without words")
                elif piece.thoughts:
                    self.account.lose("reasoning", "written into one with the thought before it")
                else:
                    self.account.carry("reasoning")
                piece.thoughts += [words] if words else []
            case ToolCall():
                arguments = part.arguments if isinstance(part.arguments, str) else dumped(part.arguments)
                id = part.call or f"call_{self._id(message.id, len(piece.calls))}"
                waiting.append((part.call, id))
                call = {"id": id, "type": "function", "function": {"name": part.name, "arguments": arguments}}
                piece.calls.append(call)
                self.account.carry("tool_call")
            case File():
                held: Attachment | None = self.attachments.get(part.attachment)
                # Its bytes are not here, and a picture without them would be a broken one.
                name = part.name or (held.name if held else "") or part.pointer
                piece.files.append({"type": "TEXT", "name": name, "content": ""})
                self.account.carry("attachment")
                if held is not None and held.blob:
                    self.account.lose("attachment_bytes", "attach them again in llama.cpp")
            case Text():
                self._say(piece, "text", fenced(part.text, part.language) if part.language else part.text)
            case Uri():
                self._say(piece, "link", "\n".join(filter(None, (linked(part.uri, part.title), part.text))))
            case Citation():
                self._say(piece, "citation", "\n".join(filter(None, (linked(part.uri, part.title), part.text))))
            case Opaque():
                self._say(piece, "opaque", f"{part.kind}\n{fenced(pretty(part.value), 'json')}")

    def _say(self, piece: _Piece, kind: str, text: str) -> None:
        piece.words.append(text)
        self.account.carry(kind)


def _uuid(conversation: Conversation, taken: set[str]) -> str:
    """The provider's own id if it is a UUID that no other conversation here has, else one made from ours."""
    own = conversation.provider_id or ""
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", own) or own in taken:
        own = str(uuid.uuid5(_IDS, conversation.id))
    taken.add(own)
    return own
