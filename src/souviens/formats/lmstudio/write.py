"""Writing chats for LM Studio: a file a conversation, a directory a project.

LM Studio's chat is a line of slots with versions. So the active path is written as slots, and what forks off it as other versions
of its slots; what followed such a version has no place and is named as lost. A tool's answer stands inside the answer that asked.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from decimal import Decimal

from souviens.canon import Instant
from souviens.formats import Chosen, Written
from souviens.formats._writing import (
    REMARKS,
    Account,
    carry_prompt,
    dumped,
    fenced,
    fields_of,
    forest,
    in_message,
    linked,
    pretty,
    system_prompt,
)
from souviens.formats.lmstudio.read import PROVIDER
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
    "the active path of each conversation, and other versions of its messages",
    "models, reasoning, tool calls and their results",
    "the chat's system prompt, or the first system message as one",
    "citations and links as links in the text, names of attachments; parts of unknown kind as JSON",
    "projects as folders",
)
CANNOT = (
    "what followed another version of a message",
    "times of messages",
    "hidden messages, further system messages",
    "the bytes of attachments",
    "memories",
    "project instructions and documents",
    "unknown fields of the provider",
)
_OURS = {"name", "createdAt", "messages", "systemPrompt", "lastUsedModel", *REMARKS}  # what is written from the records
_SIDE = "another branch: LM Studio keeps versions of a message, not what followed them"
_ILLEGAL = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def write(chosen: Chosen) -> Written:
    """`conversations/<project>/<milliseconds>.conversation.json` for every chosen conversation."""
    account = Account(chosen)
    folders = _folders(chosen)
    files: dict[str, bytes] = {}
    numbers: set[int] = set()
    for conversation in chosen.conversations:
        folder = folders.get(conversation.head.project or "", "")
        number = _number(conversation)
        while number in numbers:  # in any folder: it is what a chat is known by
            number += 1
        numbers.add(number)
        files[f"conversations/{folder}{number:013d}.conversation.json"] = pretty(
            _Chat(conversation, number, account).value()
        ).encode()
    account.carry("topic", len({c.head.project for c in chosen.conversations if c.head.project in folders}))
    return account.written(
        files,
        {
            "memory": "LM Studio keeps no memories",
            "evidence": "memories are not written",
            "verdict": "memories are not written",
            "branch_point": "it is not on the active path, or its other branches hold nothing but messages left out",
            "older_version": "only the current version of a message is written",
            "extra_field": "a field of the provider that LM Studio does not have",
            "time": "LM Studio knows when a chat was made, not the times of its messages",
            "edit_time": "LM Studio knows when a chat was made, not the times of its messages",
            "unknown_time": "the message is not written",
            "model": "only an answer has a model, and one",
            "author": "a message has a role and a model, no author's name",
            "citation_span": "a link stands behind the text, not at a span of it",
            "attachment": "no message points to it",
            "topic": "no chosen conversation belongs to it, or it has no name to make a folder of",
        },
        "LM Studio has no place for it in a chat",
    )


# --- names of files ---------------------------------------------------------------------------------------------------


def _folders(chosen: Chosen) -> dict[str, str]:
    """The directory of each named topic, with its slash: safe on every system, and no two of them the same on any."""
    taken: set[str] = set()
    folders = {}
    for topic in chosen.topics:
        name = _ILLEGAL.sub("_", unicodedata.normalize("NFC", topic.name)).strip(" .")[:60].strip(" .")
        name = name.encode("utf-8", "replace").decode()
        if not name:
            continue
        name = f"_{name}" if _RESERVED.match(name) else name
        unique, count = name, 1
        while unique.casefold() in taken:
            count += 1
            unique = f"{name} ({count})"
        taken.add(unique.casefold())
        folders[topic.id] = f"{unique}/"
    return folders


def _number(conversation: Conversation) -> int:
    """LM Studio names a chat by the millisecond it was made in. Where that is not known any number does."""
    made = conversation.head.created.us
    if made is not None and made > 0:
        return made // 1000
    return int(hashlib.sha256(conversation.id.encode()).hexdigest()[:12], 16) % 10**12


# --- a chat -----------------------------------------------------------------------------------------------------------


class _Chat:
    """One conversation on its way out."""

    def __init__(self, conversation: Conversation, number: int, account: Account) -> None:
        self.conversation, self.number, self.account = conversation, number, account
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}
        self.prompt = _prompt(conversation)
        self.trees = forest(conversation.messages, lambda message: not _left_out(message))
        self.steps = 0

    def value(self) -> Json:
        conversation, account = self.conversation, self.account
        slots = self._slots()
        written = {message.id for versions, _ in slots for turn in versions for message in turn}
        self._lose_others(written)
        prompt = self._system_prompt()
        last = [turn[0].model for versions, chosen in slots for turn in [versions[chosen]] if turn[0].model]
        model = conversation.head.model or (last[-1] if last else "")
        account.carry("conversation")
        value = {
            "name": conversation.head.title,
            "pinned": False,
            "createdAt": self._created(conversation.head.created, conversation.head.updated),
            "preset": "",
            "tokenCount": 0,
            "systemPrompt": prompt,
            "messages": [
                {"versions": [self._version(turn) for turn in versions], "currentlySelected": chosen} for versions, chosen in slots
            ],
            "usePerChatPredictionConfig": True,
            "perChatPredictionConfig": {"fields": [{"key": "llm.prediction.systemPrompt", "value": prompt}] if prompt else []},
            "clientInput": "",
            "clientInputFiles": [],
            "userFilesSizeBytes": 0,
            **({"lastUsedModel": _used(model)} if model else {}),
            "notes": [],
            "plugins": [],
            "pluginConfigs": {},
            "disabledPluginTools": [],
            "looseFiles": [],
        }
        return value | self._own(written)

    def _system_prompt(self) -> str:
        """The one that the chat has, and below it its first system message."""
        own = system_prompt(self.conversation)
        if own and self.conversation.provider != PROVIDER:
            carry_prompt(self.conversation, self.account)
        said = [part.text for part in self.prompt.parts if isinstance(part, Text)] if self.prompt else []
        return "\n\n".join(filter(None, [own, *said]))

    def _own(self, written: set[str]) -> dict[str, Json]:
        """What LM Studio itself said of its own chat, beside what is written from the records."""
        if self.conversation.provider != PROVIDER:
            return {}
        extra = self.conversation.head.extra
        own = {key: member for key, member in extra.items() if key not in _OURS}
        carried = len(own) + len({"messages", "systemPrompt"} & extra.keys())  # which versions were shown is said anew
        held = len(extra) + sum(fields_of(message) for message in self.conversation.messages if message.id in written)
        self.account.carry("extra_field", carried)
        self.account.lose("extra_field", "settings and statistics of single answers are not written", held - carried)
        return own

    def _created(self, created: Instant, updated: Instant) -> Json:
        """Milliseconds since 1970 with every digit that is known; 0 for a time that is not: without one a chat is not shown."""
        self.account.carry("unknown_time", (created.us is None) + (updated.us is None))
        if updated.us is not None:
            self.account.lose("time", "LM Studio sorts chats by their files' times, not by a time of last change")
        if created.us is None:
            return 0
        self.account.carry("time")
        if self.number != _number(self.conversation):
            self.account.lose("time_fraction", "another chat was made in that millisecond, and LM Studio knows it by that")
            return self.number
        return Decimal(created.us) / 1000 if created.us % 1000 else created.us // 1000

    # --- the graph ---

    def _slots(self) -> list[tuple[list[list[Message]], int]]:
        """The slots of the active path: the versions, each a message with the answers of tools, and which is selected."""
        trees, account = self.trees, self.account
        path = trees.path(self.conversation)
        if path and trees.below.get(path[-1].id):
            account.lose("active_leaf", "a chat goes on to its last message")
        while path and (below := trees.below.get(path[-1].id)):
            path.append(below[-1])
        roots = [message for message in trees.order if trees.above[message.id] is None]
        account.carry("branch_point", sum(len(group) > 1 for group in trees.beginnings.values()))
        account.lose("parent_link", "the message before it is not there, or the links go in a circle", trees.loose)
        slots: list[tuple[list[list[Message]], int]] = []
        passed: set[str] = set()
        for message in path:
            if message.id in passed:
                continue
            above = trees.above[message.id]
            siblings = trees.below[above] if above is not None else roots
            account.carry("branch_point", int(above is not None and len(siblings) > 1))
            versions = [self._turn(sibling) for sibling in siblings]
            chosen = next(place for place, turn in enumerate(versions) if turn[0].id == message.id)
            passed |= {part.id for part in versions[chosen]}
            slots.append((versions, chosen))
        return slots

    def _turn(self, message: Message) -> list[Message]:
        """A message, and the answers of tools that follow it without a fork."""
        turn = [message]
        below = self.trees.below.get(message.id, [])
        while _is_answer(message) and len(below) == 1 and below[0].role == "tool":
            turn += below
            below = self.trees.below.get(turn[-1].id, [])
        return turn

    def _lose_others(self, written: set[str]) -> None:
        for message in self.conversation.messages:
            if message is self.prompt:
                for kind, count in in_message(message).items():
                    if kind == "text":
                        self.account.carry(kind, count)
                    else:
                        self.account.lose(kind, "written as the chat's system prompt, not as a message", count)
            elif reason := _left_out(message):
                self.account.lose_message(message, reason)
            elif message.id not in written:
                self.account.lose_message(message, _SIDE)

    # --- messages ---

    def _version(self, turn: list[Message]) -> Json:
        first, account = turn[0], self.account
        account.carry("message", len(turn))
        account.carry("unknown_time", sum(message.time.us is None for message in turn))
        account.lose("message_boundary", "a tool's answer stands inside the answer that asked for it", len(turn) - 1)
        if not _is_answer(first):
            content = [item for part in first.parts if (item := self._in_person(part)) is not None]
            return {"type": "singleStep", "role": "user", "content": content}
        if first.role != "assistant":
            account.lose("role", "LM Studio knows the roles user and assistant")
        account.carry("model", int(bool(first.model)))
        return {
            "type": "multiStep",
            "role": "assistant",
            "senderInfo": {"senderName": first.model or ""},
            "steps": self._steps(turn),
        }

    def _in_person(self, part: Part) -> Json:
        if isinstance(part, (Reasoning, ToolCall, ToolResult)):
            kind = {Reasoning: "reasoning", ToolCall: "tool_call", ToolResult: "tool_result"}[type(part)]
            self.account.lose(kind, "in LM Studio only an answer has thoughts and calls of tools")
            return None
        return self._item(part)

    def _steps(self, turn: list[Message]) -> list[Json]:
        steps: list[dict[str, Json]] = []
        calls: dict[str | None, int] = {}
        words: list[Json] | None = None
        for message in turn:
            for part in message.parts:
                if isinstance(part, (Reasoning, ToolCall, ToolResult)):
                    words = None
                    steps.append(self._block(part, calls, turn[0].model or ""))
                    continue
                item = self._item(part)
                if words is None:
                    words = []
                    steps.append(self._step(words, turn[0].model or ""))
                words.append(item)
            words = None
        return steps

    def _step(self, content: list[Json], model: str, *, context: bool = True, **fields: Json) -> dict[str, Json]:
        self.steps += 1
        return {
            "type": "contentBlock",
            "stepIdentifier": f"{self.number:013d}-{self.steps}",
            **fields,
            "content": content,
            "defaultShouldIncludeInContext": True,
            "shouldIncludeInContext": context,
            "genInfo": _generated(model),
        }

    def _block(self, part: Reasoning | ToolCall | ToolResult, calls: dict[str | None, int], model: str) -> dict[str, Json]:
        if isinstance(part, Reasoning):
            self.account.carry("reasoning")
            style = {"type": "thinking", "ended": True, "title": part.summary}
            return self._step([{"type": "text", "text": part.text}], model, context=False, style=style)
        if isinstance(part, ToolCall):
            self.account.carry("tool_call")
            calls[part.call] = _next(calls)
            call = {"type": "toolCallRequest", **_numbered(part.call, calls), "name": part.name, "parameters": _parameters(part)}
            return self._step([call], model)
        self.account.carry("tool_result")
        if part.error:
            self.account.lose("tool_error", "an answer of a tool does not say that it failed")
        named = {"name": part.name} if part.name else {}
        said = dumped([{"type": "text", "text": part.text}])
        result = {"type": "toolCallResult", **_numbered(part.call, calls), **named, "content": said}
        return self._step([result], "", roleOverride="tool")

    def _item(self, part: Part) -> dict[str, Json]:
        account = self.account
        match part:
            case Text():
                account.carry("text")
                return _text(fenced(part.text, part.language) if part.language else part.text)
            case Citation():
                account.carry("citation")
                return _text("\n".join(filter(None, (linked(part.uri, part.title), part.text))))
            case Uri():
                account.carry("link")
                return _text("\n".join(filter(None, (linked(part.uri, part.title), part.text))))
            case Opaque():
                account.carry("opaque")
                return _text(f"{part.kind}\n{fenced(pretty(part.value), 'json')}")
            case File():
                return self._file(part)
            case _:
                raise AssertionError("thoughts and tools have blocks of their own")

    def _file(self, part: File) -> dict[str, Json]:
        held: Attachment | None = self.attachments.get(part.attachment)
        self.account.carry("attachment")
        if held is not None and held.blob:
            self.account.lose("attachment_bytes", "LM Studio keeps files in a folder of its own; attach the file there again")
        name = part.name or (held.name if held else "")
        size = held.size if held is not None and held.size is not None else 0
        pointer = part.pointer or name or part.attachment
        return {
            "type": "file",
            "fileIdentifier": pointer,
            "fileType": part.media,
            "sizeBytes": size,
            **({"name": name} if name else {}),
        }


def _prompt(conversation: Conversation) -> Message | None:
    """The first system message that a person could see, and that says something."""
    return next((m for m in conversation.messages if _is_prompt(m) and any(isinstance(p, Text) and p.text for p in m.parts)), None)


def _is_prompt(message: Message) -> bool:
    return message.role in ("system", "developer") and message.visibility == "visible"


def _left_out(message: Message) -> str:
    """Why a message has no place in a chat, "" if it has one."""
    if message.visibility == "placeholder":
        return "a node without a message"
    if message.visibility == "hidden":
        return "hidden from the person; LM Studio would show it"
    return "a further system message: a chat has one system prompt" if _is_prompt(message) else ""


def _is_answer(message: Message) -> bool:
    return message.role != "user"


def _text(text: str) -> dict[str, Json]:
    return {"type": "text", "text": text}


def _parameters(part: ToolCall) -> Json:
    """LM Studio's are an object."""
    value = part.arguments
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_float=Decimal)
        except (ValueError, RecursionError):
            value = part.arguments
    if isinstance(value, dict):
        return value
    return {} if value is None else {"arguments": part.arguments}


def _numbered(call: str | None, calls: dict[str | None, int]) -> dict[str, Json]:
    """What a call and its result share: a number in the turn, and the model's own id if there is one."""
    return {"callId": calls.setdefault(call, _next(calls)), **({"toolCallRequestId": call} if call else {})}


def _next(calls: dict[str | None, int]) -> int:
    return max(calls.values(), default=0) + 1


def _generated(model: str) -> Json:
    if not model:
        return {}
    nothing: Json = {"fields": []}
    return {"indexedModelIdentifier": model, "identifier": model, "loadModelConfig": nothing, "predictionConfig": nothing}


def _used(model: str) -> Json:
    nothing: Json = {"fields": []}
    return {
        "identifier": model,
        "indexedModelIdentifier": model,
        "instanceLoadTimeConfig": nothing,
        "instanceOperationTimeConfig": nothing,
    }
