"""One JSON file for each chat, as LibreChat's import takes it.

All branches are written as a tree of `children`, as its export with "recursive" does. Of such a tree the import drops a message
that has neither text nor content, with everything below it, and a long chat nests deeper than parsers go: a chat of that kind is
written in the export's other shape, a list of all branches.

Checked against LibreChat's source in November 2026:
* api/server/utils/import/importers.js, `getImporter`, `importLibreChatConvo`: takes an object with `conversationId` and `messages`;
  `title`; `endpoint`, if it is set up there, else the first that is; `options`, of which `model` is the chat's; the chat gets the
  time of its first message.
* api/server/utils/import/fork.js, `cloneMessagesWithTimestamps`: every message gets a new id, and one that is not after its parent
  its parent's time and a millisecond. A message without `createdAt` gets that of the import, and so would all below it: an unknown
  time is therefore written as that of the message before, and marked. Parents must stand before their children.
* packages/data-schemas/src/schema/message.ts: what a message may have; other fields are not stored.
* packages/data-provider/src/types/assistants.ts, `TMessageContentParts`: `think`, `text` and `tool_call`, which holds its result.
"""

from __future__ import annotations

import re
import uuid

from souviens.canon import utc
from souviens.formats import Chosen, Written
from souviens.formats._naming import Names, day
from souviens.formats._turns import Turn, Turns
from souviens.formats._writing import (
    REMARKS,
    Account,
    carry_prompt,
    dumped,
    fenced,
    fields_of,
    is_role_lost,
    linked,
    pretty,
    system_prompt,
)
from souviens.formats.librechat.read import NO_PARENT, PROVIDER
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
    "whole conversations with every branch",
    "models and times",
    "reasoning, tool calls and their results, inside the answer they led to",
    "citations and links in the text, names of attachments; parts of unknown kind as JSON",
    "a chat's system prompt, and how LibreChat's own chats were set up",
)
CANNOT = (
    "hidden and system messages",
    "the bytes of attachments",
    "the times of a chat itself (LibreChat takes its first message's)",
    "which branch was last shown (LibreChat opens the newest)",
    "memories and projects",
    "unknown fields of the provider",
)
_IDS = uuid.UUID("b1f0a5d2-7c39-5e0e-8f44-2d7b5c9e6a10")  # our namespace: the same record has the same UUID in every export
_DEEPEST = 200  # messages below one another in a tree
_SET_ANEW = {"_id", "__v", "user", "children", "souviens", *REMARKS}
_ENDPOINTS = {"claude": "anthropic", "gemini": "google", "aistudio": "google"}
_REASONS = {
    "memory": "LibreChat has no import of memories",
    "evidence": "memories are not written",
    "verdict": "memories are not written",
    "topic": "LibreChat's file of a chat names no project",
    "branch_point": "the other branches hold nothing but messages left out",
    "older_version": "only the current version of a message is written",
    "extra_field": "a field of the provider that LibreChat does not have",
    "time": "a chat gets the time of its first message",
    "unknown_time": "a chat gets the time of its first message",
    "edit_time": "the same as the message's, or not known, or of one of the messages that an answer was made of",
    "model": "a person's message has no model",
    "author": "a tool's or one of several authors of an answer",
    "citation_span": "a source is named below the text, not at a span of it",
    "attachment": "no message points to it",
}


def write(chosen: Chosen) -> Written:
    """`<day> <title>.json` for every chosen conversation."""
    account = Account(chosen)
    names, taken = Names(), set[str]()
    files = {}
    for conversation in chosen.conversations:
        name = names.fresh("", f"{day(conversation.head.created)} {conversation.head.title}", ".json")
        files[name] = dumped(_Chat(conversation, account).value(taken)).encode()
    return account.written(files, _REASONS, "LibreChat has no place for it in a chat")


def _uuid(provider_id: str | None, id: str, taken: set[str]) -> str:
    """The provider's own id if it is a UUID nobody has yet, else one made from ours."""
    own = provider_id or ""
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", own) or own in taken or own == NO_PARENT:
        own = str(uuid.uuid5(_IDS, id))
    taken.add(own)
    return own


def _left_out(message: Message) -> str:
    """Why a message has no place in a chat, "" if it has one."""
    if message.visibility == "placeholder":
        return "a node without a message"
    if message.visibility == "hidden":
        return "hidden from the person; LibreChat would show it"
    if message.role in ("system", "developer"):
        return "a system message; LibreChat keeps instructions with presets and agents"
    return ""


class _Chat:
    """One conversation on its way out."""

    def __init__(self, conversation: Conversation, account: Account) -> None:
        self.conversation, self.account = conversation, account
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}
        self.turns = Turns(conversation, account, _left_out)
        self.own = conversation.head.extra if conversation.provider == PROVIDER else {}
        endpoint = self.own.get("endpoint")
        self.endpoint = endpoint if isinstance(endpoint, str) else _ENDPOINTS.get(conversation.provider, "openAI")
        self.carried = 0  # of LibreChat's own fields

    def value(self, taken: set[str]) -> Json:
        conversation, head = self.conversation, self.conversation.head
        id, ids = _uuid(conversation.provider_id, conversation.id, taken), set[str]()
        for turn in self.turns.all:
            turn.id = _uuid(turn.messages[-1].provider_id, turn.messages[-1].id, ids)
        self.turns.date(
            head.created.us,
            self.account,
            stand_in="written as the time of the message before it, or of the conversation: LibreChat would write now",
            none="LibreChat gives a message without a time that of its import",
        )
        if head.tip is not None and _opened(self.turns.all) != self.turns.path:
            self.account.lose("active_branch", "of several versions of a message LibreChat opens the newest")
        models = [turn.model for turn in self.turns.all if turn.role == "assistant" and turn.model]
        model = head.model or (models[0] if models else None)
        self.account.carry("conversation")
        messages = [self._message(turn, id) for turn in self.turns.all]
        tree = _tree(messages)
        options = self._options(model)
        self._account_for_own()
        return {
            "conversationId": id,
            "endpoint": self.endpoint,
            "title": head.title,
            "branches": True,
            "recursive": tree is not None,
            "options": options,
            "messages": messages if tree is None else tree,
        }

    def _options(self, model: str | None) -> Json:
        """How the chat is set up: LibreChat's own settings of its own chats, the system prompt of another client's."""
        own = self.own.get("options")
        self.carried += ("options" in self.own) + isinstance(self.own.get("endpoint"), str)
        prompt = system_prompt(self.conversation)
        if prompt and not self.own:
            carry_prompt(self.conversation, self.account)
        return {
            **(own if isinstance(own, dict) else {}),
            "endpoint": self.endpoint,
            "title": self.conversation.head.title,
            **({"model": model} if model else {}),
            **({"promptPrefix": prompt} if prompt else {}),
        }

    def _account_for_own(self) -> None:
        if not self.own:
            return
        messages = [message for turn in self.turns.all for message in turn.messages]
        held = len(self.own) + sum(map(fields_of, messages))
        self.account.carry("extra_field", self.carried)
        self.account.lose("extra_field", "LibreChat's export or its import sets it anew", held - self.carried)

    def _message(self, turn: Turn, chat: str) -> dict[str, Json]:
        shown = _Shown(turn, self.attachments, self.account)
        user = turn.role == "user"
        model = "" if user else turn.model
        value: dict[str, Json] = {
            "messageId": turn.id,
            "parentMessageId": turn.above.id if turn.above is not None else NO_PARENT,
            "conversationId": chat,
            "sender": self._author(turn) or ("User" if user else "Assistant"),
            "isCreatedByUser": user,
            "text": shown.text(),
            **({"content": shown.content} if shown.is_more else {}),
            **({"files": shown.files} if shown.files else {}),
            "model": model or None,
            "endpoint": self.endpoint,
            "error": False,
            "unfinished": False,
        }
        if turn.us is not None:
            value["createdAt"] = value["updatedAt"] = _milliseconds(turn.us)
            self.account.lose("time_fraction", "LibreChat counts milliseconds", int(turn.dated and turn.us % 1_000 != 0))
        for message in turn.messages:
            self.account.carry("message")
            self.account.carry("model", int(bool(message.model) and not user))
            if is_role_lost(message):
                self.account.lose("role", "written as an answer: LibreChat knows the person and the model")
        edited = turn.messages[0].updated if len(turn.messages) == 1 else None
        if edited is not None and edited.us is not None and _milliseconds(edited.us) != value.get("createdAt"):
            value["updatedAt"] = _milliseconds(edited.us)
            self.account.carry("edit_time")
        merged = len(turn.messages) - 1
        self.account.lose("message_boundary", "messages merged into one answer (their ids are kept under `souviens`)", merged)
        if self.own and not merged:
            own = {key: member for key, member in turn.messages[0].extra.items() if key not in {*value, *_SET_ANEW}}
            self.carried += len(own)
            value |= own
        if merged or not turn.dated:
            names = [message.provider_id or message.id for message in turn.messages]
            value["souviens"] = {"messages": names, **({} if turn.dated else {"time": "unknown"})}
        return value

    def _author(self, turn: Turn) -> str:
        """The one name of a turn, in the place of "User" or the model's label."""
        names = {message.author for message in turn.messages if message.author}
        name = next(iter(names)) if len(names) == 1 and all(m.role != "tool" for m in turn.messages) else ""
        if name.lower() in ("user", "assistant"):
            return ""
        self.account.carry("author", sum(message.author == name for message in turn.messages if name))
        return name


def _opened(turns: list[Turn]) -> list[Turn]:
    """The path LibreChat opens: of siblings the newest, of several without a time the last."""
    path: list[Turn] = []
    below = [turn for turn in turns if turn.above is None]
    while below:
        path.append(max(enumerate(below), key=lambda place: (place[1].us is None, place[1].us or 0, place[0]))[1])
        below = path[-1].below
    return path


def _tree(messages: list[dict[str, Json]]) -> list[dict[str, Json]] | None:
    """The messages, parents before children, as a tree; None if the import would lose something of it."""
    children: dict[str, list[dict[str, Json]]] = {}
    depths: dict[str, int] = {}
    for message in messages:
        parent = message["parentMessageId"]
        depths[message["messageId"]] = depths.get(parent, 0) + 1
        children.setdefault(parent, []).append(message)
    if any(not (message["text"] or message.get("content")) for message in messages) or max(depths.values(), default=0) > _DEEPEST:
        return None
    nested = {message["messageId"]: {**message, "children": []} for message in messages}
    for parent, below in children.items():
        if parent in nested:
            nested[parent]["children"] = [nested[message["messageId"]] for message in below]
    return [nested[message["messageId"]] for message in messages if message["parentMessageId"] not in nested]


def _milliseconds(us: int) -> str:
    return (utc(us // 1_000_000 * 1_000_000) or "")[:-1] + f".{us // 1_000 % 1_000:03d}Z"


# --- parts ------------------------------------------------------------------------------------------------------------


class _Shown:
    """The parts of a turn as LibreChat has them. is_more: whether its text does not say everything."""

    def __init__(self, turn: Turn, attachments: dict[str, Attachment], account: Account) -> None:
        self.attachments, self.account = attachments, account
        self.content: list[dict[str, Json]] = []
        self.files: list[Json] = []
        self.is_more = False
        self._open: list[tuple[str | None, dict[str, Json]]] = []  # calls without a result yet
        for message in turn.messages:
            for part in message.parts:
                self._add(part)

    def text(self) -> str:
        return "\n".join(item["text"] for item in self.content if item["type"] == "text")

    def _add(self, part: Part) -> None:
        match part:
            case Text():
                self._say("text", fenced(part.text, part.language) if part.language else part.text)
            case Uri():
                self._say("link", "\n".join(filter(None, (linked(part.uri, part.title), part.text))))
            case Citation():
                self._say("citation", "\n".join(filter(None, (linked(part.uri, part.title), part.text))))
            case Opaque():
                self._say("opaque", f"{part.kind}\n{fenced(pretty(part.value), 'json')}")
            case Reasoning():
                self._more(type="think", think="\n\n".join(filter(None, (part.summary, part.text))))
                self.account.carry("reasoning")
            case ToolCall():
                self._call(part)
            case ToolResult():
                self._result(part)
            case File():
                self._file(part)

    def _say(self, kind: str, text: str) -> None:
        self.content.append({"type": "text", "text": text})
        self.account.carry(kind)

    def _more(self, **item: Json) -> None:
        self.content.append(item)
        self.is_more = True

    def _call(self, part: ToolCall) -> None:
        arguments = part.arguments if isinstance(part.arguments, str) else dumped(part.arguments)
        call = {"type": "tool_call", "id": part.call or "", "name": part.name, "args": arguments, "progress": 1}
        self._more(type="tool_call", tool_call=call)
        self._open.append((part.call, call))
        self.account.carry("tool_call")

    def _result(self, part: ToolResult) -> None:
        """A result stands in its call: that with its id, or for one without an id the last open one without. One that answers
        nothing stands in a call of its own, which asks for nothing."""
        matching = [entry for entry in self._open if entry[0] == part.call]
        if matching:
            self._open = [entry for entry in self._open if entry is not matching[-1]]
            matching[-1][1]["output"] = part.text
        else:
            call = {"type": "tool_call", "id": part.call or "", "name": part.name or "tool", "output": part.text, "progress": 1}
            self._more(type="tool_call", tool_call=call)
        self.account.carry("tool_result")
        self.account.lose("tool_error", "an answer of a tool is not marked as an error", int(part.error))

    def _file(self, part: File) -> None:
        held = self.attachments.get(part.attachment)
        name = part.name or (held.name if held else "") or part.pointer
        # With an image's media type the page would look for its bytes and show a broken picture.
        entry: dict[str, Json] = {"file_id": str(uuid.uuid5(_IDS, part.attachment)), "filename": name, "type": "file"}
        self.files.append({**entry, "media": (held.media_type if held else "") or part.media})
        self.account.carry("attachment")
        if held is not None and held.blob:
            self.account.lose("attachment_bytes", "the file of a chat has no place for bytes; upload them in LibreChat")
