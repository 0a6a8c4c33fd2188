"""A ChatGPT export as it was delivered until 2025 (v1): `conversations.json` with the whole tree, and its side files, in a zip.

It is written for whoever takes a ChatGPT export in; ChatGPT itself takes none, Gemini does (see GUIDE). A ChatGPT message says one
thing: words, thoughts, a call or a tool's answer. So a record's message of several parts becomes a chain of nodes, the last of
which bears its id; each of them repeats its time, model and author.

Facts: the field lists in `known.py`, and the content types that `content.py` reads (what each gives back when it is read again).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from souviens.canon import Instant
from souviens.formats import Chosen, Written
from souviens.formats._shaped import Uuids, made, zipped
from souviens.formats._writing import Account, dumped, forest, has_span, in_message
from souviens.formats.chatgpt.aside import file_id
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
    "whole conversations with every branch, hidden messages marked",
    "models, times, tools' names; an unknown time stays unknown",
    "reasoning, code, tool calls and their results, as nodes of their own",
    "citations, pages, names of attachments",
)
CANNOT = (
    "memories and projects (ChatGPT's exports hold none)",
    "the bytes of attachments",
    "ids that pair a call with its result; they follow one another",
    "unknown fields of the provider",
)
_FILE_NAME = "chatgpt-export.zip"
_POINTERS = {"image": "image_asset_pointer", "audio": "audio_asset_pointer", "video": "video_container_asset_pointer"}
_EVERYBODY = ("", "all")  # as a recipient: no tool
_UNNAMED = "unknown"
_REASONS = {
    "memory": "ChatGPT's exports hold no memories",
    "evidence": "memories are not written",
    "verdict": "memories are not written",
    "topic": "ChatGPT's exports hold no projects, only the ids of its own",
    "document": "ChatGPT's exports hold no projects",
    "instructions": "ChatGPT's exports hold no projects",
    "summary": "ChatGPT's exports hold no projects",
    "branch_point": "beginnings that hung from different places hang from one root",
    "older_version": "only the current version of a message is written",
    "extra_field": "a field of the provider that is not written",
    "edit_time": "an unknown time of an edit is left out",
    "model": "only an answer names a model",
    "author": "an empty name, or a tool's name stands there",
    "attachment": "no message points to it",
    "citation_span": "the citation is not written",
}


def write(chosen: Chosen) -> Written:
    """`chatgpt-export.zip`: every chosen conversation, and the side files of an account nobody knows."""
    account = Account(chosen)
    topics = {topic.id: topic for topic in chosen.topics}
    ids = Uuids()
    conversations = [_Tree(conversation, topics, account).value(ids) for conversation in chosen.conversations]
    known = {c.head.project for c in chosen.conversations if _project(topics.get(c.head.project or ""))}
    account.carry("topic", len(known))
    files: dict[str, Json] = {
        "conversations.json": conversations,
        "user.json": {"id": None, "email": None, "chatgpt_plus_user": None, "phone_number": None},
        "message_feedback.json": [],
        "model_comparisons.json": [],
        "shared_conversations.json": [],
    }
    archive = zipped({name: dumped(value).encode() for name, value in files.items()})
    return account.written({_FILE_NAME: archive}, _REASONS, "a ChatGPT export has no place for it")


def _project(topic: Topic | None) -> str | None:
    """ChatGPT's own id of a project."""
    given = topic.provider_id if topic is not None and topic.provider == "chatgpt" else None
    return given if given and given.startswith("g-p-") else None


def _seconds(instant: Instant) -> Decimal | None:
    """Seconds since 1970, exactly; null where no time is known."""
    if not instant.us:  # a zero is how ChatGPT writes that there is none
        return None
    words = f"{Decimal(instant.us).scaleb(-6):f}".rstrip("0")
    return Decimal(f"{words}0" if words.endswith(".") else words)


# --- a conversation -----------------------------------------------------------------------------------------------------


class _Tree:
    """One conversation on its way out."""

    def __init__(self, conversation: Conversation, topics: dict[str, Topic], account: Account) -> None:
        self.conversation, self.account = conversation, account
        self.project = _project(topics.get(conversation.head.project or ""))
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}
        self.mapping: dict[str, dict[str, Json]] = {}

    def value(self, ids: Uuids) -> Json:
        head, account = self.conversation.head, self.account
        id = ids.of(self.conversation.provider_id, self.conversation.id)
        last = self._nodes()
        for instant in (head.created, head.updated):
            self._account_time(instant)
        account.carry("conversation")
        return {
            "title": head.title,
            "create_time": _seconds(head.created),
            "update_time": _seconds(head.updated),
            "mapping": self.mapping,
            "moderation_results": [],
            "current_node": last,
            "plugin_ids": None,
            "conversation_id": id,
            "conversation_template_id": self.project,
            "gizmo_id": self.project,
            "safe_urls": [],
            "default_model_slug": head.model,
            "id": id,
        }

    def _nodes(self) -> str | None:
        """Enter every message in the mapping; the node of the active leaf. There is one root, a node without a message."""
        trees, account = forest(self.conversation.messages, lambda message: True), self.account
        roots = [message for group in trees.beginnings.values() for message in group]
        nodes = self._names(trees.order)
        root = next((message.id for message in roots if message.visibility == "placeholder"), "")
        if not root and roots:
            nodes[root] = made(self.conversation.id, "root")
            self._enter(nodes[root], None, None)
        for message in sorted(trees.order, key=lambda message: message.id != root):
            above = trees.above[message.id]
            self._message(message, nodes[message.id], None if message.id == root else nodes[root if above is None else above])
        account.carry("branch_point", len({place if place in trees.below else root for place in trees.branch_points}))
        account.lose("parent_link", "the message before it is not there, or the links go in a circle", trees.loose)
        if len(roots) > 1:
            account.lose("beginning", "a conversation begins once there: its beginnings hang from one root", len(roots) - 1)
        path = trees.path(self.conversation)
        return nodes[path[-1].id] if path else None

    def _names(self, messages: Sequence[Message]) -> dict[str, str]:
        """Message id -> node id: ChatGPT's own stay, whatever they are."""
        taken, own = Uuids(), self.conversation.provider == "chatgpt"
        keys = Counter(message.provider_id for message in messages)
        return {
            message.id: message.provider_id
            if own and message.provider_id and keys[message.provider_id] == 1
            else taken.of(message.provider_id, message.id)
            for message in messages
        }

    def _enter(self, id: str, parent: str | None, message: Json) -> None:
        self.mapping[id] = {"id": id, "message": message, "parent": parent, "children": []}
        if parent is not None:
            self.mapping[parent]["children"].append(id)

    def _message(self, message: Message, id: str, parent: str | None) -> None:
        """The nodes of a message, the last of which bears its id."""
        self.account.carry("message")
        if message.visibility == "placeholder":
            for kind, count in (in_message(message) - Counter(("message", "unknown_time"))).items():
                self.account.lose(kind, "a node without a message", count)
            self.account.carry("unknown_time", int(message.time.us is None))
            self._enter(id, parent, None)
            return
        self._account_time(message.time)
        pieces = list(_pieces(message)) or [_Piece("text", message.role)]
        self.account.lose("message_split", "nodes for messages of several parts: one says one thing there", len(pieces) - 1)
        self._account_fields(message, pieces)
        for number, piece in enumerate(pieces):
            own = id if number == len(pieces) - 1 else made(id, str(number))
            self._enter(own, parent, self._body(message, piece, own))
            parent = own

    # --- what is said of a message ---

    def _account_time(self, instant: Instant) -> None:
        if instant.us is None:
            self.account.carry("unknown_time")
        elif instant.us:
            self.account.carry("time")
        else:
            self.account.lose("time", "ChatGPT's zero says that there is no time")

    def _account_fields(self, message: Message, pieces: list[_Piece]) -> None:
        account = self.account
        account.carry("edit_time", int(bool(message.updated and message.updated.us)))
        account.carry("author", int(bool(message.author) and any(_name(message, piece) == message.author for piece in pieces)))
        account.carry("model", int(bool(message.model) and any(piece.role in ("assistant", "tool") for piece in pieces)))
        if any(piece.role != message.role for piece in pieces):
            account.lose("role", "calls are an assistant's there, and their results a tool's")

    def _body(self, message: Message, piece: _Piece, id: str) -> Json:
        shown = _Shown(piece, self.attachments, self.account)
        metadata: dict[str, Json] = shown.metadata
        if message.visibility == "hidden":
            metadata["is_visually_hidden_from_conversation"] = True
        if message.model and piece.role in ("assistant", "tool"):
            metadata["model_slug"] = message.model
        return {
            "id": id,
            "author": {"role": piece.role, "name": _name(message, piece), "metadata": {}},
            "create_time": _seconds(message.time),
            "update_time": _seconds(message.updated) if message.updated else None,
            "content": shown.content,
            "status": "finished_successfully",
            "end_turn": None,
            "weight": Decimal("1.0"),
            "metadata": metadata,
            "recipient": piece.recipient,
            "channel": None,
        }


def _name(message: Message, piece: _Piece) -> str | None:
    """A tool's answer bears the tool's name, whoever else is named."""
    return piece.name or message.author or None


# --- a message in pieces ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Piece:
    """Parts that are one node there. kind: text, code, thoughts, recap, call, result or page."""

    kind: str
    role: str
    parts: list[Part] = field(default_factory=list)
    recipient: str = "all"
    name: str | None = None


def _pieces(message: Message) -> Iterator[_Piece]:
    """Words with their files and sources, and thoughts, are gathered; all else is a node by itself."""
    here: _Piece | None = None
    for part in message.parts:
        kind = _kind(part)
        gathers = kind in ("text", "thoughts")
        if here is not None and gathers and kind == here.kind:
            here.parts.append(part)
            continue
        if here is not None:
            yield here
        here = _Piece(kind, message.role, [part])
        if isinstance(part, ToolCall):
            here.role, here.recipient = "assistant", part.name if part.name not in _EVERYBODY else _UNNAMED
        elif isinstance(part, ToolResult):
            here.role, here.name = "tool", part.name
    if here is not None:
        yield here


def _kind(part: Part) -> str:
    match part:
        case Text(language=language):
            return "code" if language else "text"
        case Reasoning(text="", summary=summary) if summary:
            return "recap"
        case Reasoning():
            return "thoughts"
        case ToolCall():
            return "call"
        case ToolResult():
            return "result"
        case Uri():
            return "page"
    return "text"


class _Shown:
    """The content and metadata of one node."""

    def __init__(self, piece: _Piece, attachments: dict[str, Attachment], account: Account) -> None:
        self.attachments, self.account = attachments, account
        self.metadata: dict[str, Json] = {}
        self.content = self._content(piece)

    def _content(self, piece: _Piece) -> dict[str, Json]:
        first, account = piece.parts[0] if piece.parts else None, self.account
        match first:
            case ToolCall():
                account.carry("tool_call")
                return self._call(first)
            case ToolResult():
                account.carry("tool_result")
                if first.call:
                    account.lose("call_id", "a result follows its call there, and names it not")
                if first.error:
                    return {"content_type": "system_error", "name": first.name or "", "text": first.text}
                return {"content_type": "execution_output", "text": first.text}
            case Uri():
                account.carry("link")
                return {"content_type": "tether_quote", "url": first.uri, "domain": "", "text": first.text, "title": first.title}
            case Text() if piece.kind == "code":
                self._words(piece)
                return {"content_type": "code", "language": first.language, "response_format_name": None, "text": first.text}
            case Reasoning() if piece.kind == "recap":
                account.carry("reasoning")
                return {"content_type": "reasoning_recap", "content": first.summary}
            case Reasoning():
                thoughts = [part for part in piece.parts if isinstance(part, Reasoning)]
                account.carry("reasoning", len(thoughts))
                return {
                    "content_type": "thoughts",
                    "thoughts": [{"summary": thought.summary, "content": thought.text} for thought in thoughts],
                }
        return self._spoken(piece)

    def _call(self, call: ToolCall) -> dict[str, Json]:
        if call.call:
            self.account.lose("call_id", "a result follows its call there, and names it not")
        if call.name in _EVERYBODY:
            self.account.lose("tool_name", f"a call without a tool's name is addressed to {_UNNAMED!r}")
        if isinstance(call.arguments, str):
            language, words = "unknown", call.arguments
        else:
            language, words = "json", "" if call.arguments is None else dumped(call.arguments)
        return {"content_type": "code", "language": language, "response_format_name": None, "text": words}

    def _words(self, piece: _Piece) -> None:
        self.account.carry("text")
        if piece.role == "tool":
            self.account.lose("part_kind", "what a tool says is its answer there, whichever way it was told")

    def _spoken(self, piece: _Piece) -> dict[str, Json]:
        """text or multimodal_text."""
        words = [part.text for part in piece.parts if isinstance(part, Text)]
        items: list[Json] = []
        shown: set[str] = set()
        named: list[File] = []
        for part in piece.parts:
            match part:
                case Text():
                    items.append(part.text)
                    self._words(piece)
                case File() if part.pointer.startswith("sandbox:") and any(part.pointer in said for said in words):
                    self._carry_file(part)  # the link in the words is what points to it
                case File() if part.media in _POINTERS:
                    items.append(self._asset(part))
                    shown.add(file_id(self._pointer(part)))
                case File():
                    named.append(part)
                case Citation():
                    self._cite(part)
                case Opaque():
                    own = part.value if isinstance(part.value, dict) else {}
                    items.append(own if own.get("content_type") == part.kind else {"content_type": part.kind, "value": part.value})
                    self.account.carry("opaque")
        self._upload([part for part in named if file_id(self._pointer(part)) not in shown])
        self.account.lose("attachment", "the message shows the same file", sum(file_id(self._pointer(p)) in shown for p in named))
        return {"content_type": "text" if all(isinstance(item, str) for item in items) else "multimodal_text", "parts": items}

    # --- files and sources ---

    def _pointer(self, part: File) -> str:
        held = self.attachments.get(part.attachment)
        return part.pointer or (held.pointer if held else "") or part.attachment

    def _carry_file(self, part: File) -> None:
        held = self.attachments.get(part.attachment)
        self.account.carry("attachment")
        if held is not None and held.blob:
            self.account.lose("attachment_bytes", "only names are written, not the files themselves")

    def _asset(self, part: File) -> Json:
        held, pointer = self.attachments.get(part.attachment), self._pointer(part)
        self._carry_file(part)
        if part.name:
            self._name_file(pointer, part, held)
        asset = {
            "content_type": _POINTERS[part.media],
            "asset_pointer": pointer if "://" in pointer else f"file-service://{pointer}",
        }
        return asset if held is None or held.size is None else {**asset, "size_bytes": held.size}

    def _upload(self, parts: list[File]) -> None:
        for part in parts:
            self._carry_file(part)
            self._name_file(self._pointer(part), part, self.attachments.get(part.attachment))

    def _name_file(self, pointer: str, part: File, held: Attachment | None) -> None:
        entry: dict[str, Json] = {"id": pointer, "name": part.name or (held.name if held else "")}
        if held is not None and held.media_type:
            entry["mime_type"] = held.media_type
        if held is not None and held.size is not None:
            entry["size"] = held.size
        self.metadata.setdefault("attachments", []).append(entry)

    def _cite(self, part: Citation) -> None:
        if not (part.uri or part.title):
            self.account.lose("citation", "it names neither an address nor a title")
            return
        span = {key: at for key, at in (("start_ix", part.start), ("end_ix", part.end)) if at is not None}
        source = {"type": "webpage", "url": part.uri, "title": part.title, "text": part.text}
        self.metadata.setdefault("citations", []).append({**span, "metadata": source})
        self.account.carry("citation")
        self.account.carry("citation_span", int(has_span(part)))
