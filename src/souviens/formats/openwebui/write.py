"""The file that Settings > Data Controls > Import Chats takes: the shape of Open WebUI's own export.

A list of chats; in each, `chat.history` is the whole tree: messages by id with `parentId`, `childrenIds` and `currentId`.

Checked against Open WebUI's source in November 2026, and with its own code: 0.12.4 was given such a file and found every message.
* backend/open_webui/models/chats.py, `ChatImportForm`, `import_chats`: takes chat, meta, folder_id, created_at and updated_at (now,
  if they are null); gives each chat a new id; drops a folder_id that does not exist; stores `chat` whole, unknown keys too.
* src/lib/components/chat/Settings/DataControls.svelte: the import in the browser sends `pinned: false` and no `archived`.
* backend/open_webui/models/chat_messages.py, `upsert_message`: a message without `timestamp` gets the time of the import, which
  would be an invention; a null stays null in the tree that is shown. It must have a `role`: user, assistant or system.
* backend/open_webui/utils/middleware.py, `serialize_output`: `content` shows reasoning and tools as `<details type=…>`, and tool
  results inside their call's (0.12 shows `output` instead, where there is any); utils/misc.py, `convert_output_to_messages`: what a
  model is sent comes from `output`, and calls without a result, or results without a call, are skipped there.
* src/lib/utils/marked/extension.ts: `<details …>` and `<summary>…</summary>` each end their line and hold no ">" in attributes.
* src/lib/components/chat/Messages/Citations.svelte: a source shows only if `document` is a list, and is named by `source.name`.
* backend/open_webui/routers/memories.py: memories come in one by one over the API; there is no file to import.
"""

from __future__ import annotations

import html
import uuid

from souviens.canon import Instant
from souviens.formats import Chosen, Written
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
from souviens.formats.openwebui.known import PROVIDER
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
    "models and times; the name of who spoke, which Open WebUI keeps and does not show",
    "reasoning, tool calls and their results, inside the answer they led to",
    "citations as sources, links, names of attachments; parts of unknown kind as JSON",
    "project names as tags; a chat's system prompt, and what Open WebUI itself said of its own chats: tags, parameters",
)
CANNOT = (
    "hidden and system messages",
    "the bytes of attachments",
    "memories (Open WebUI takes them one by one over its API)",
    "project instructions and documents",
    "unknown fields of the provider",
)
_STANDS_IN = "written as the time of the message before it, or of the conversation: Open WebUI would write now"
_SET_ANEW = "an import sets it anew, or it stands elsewhere in Open WebUI's database"
# Members of a chat or a message that are written from the records, or say where a copy said otherwise.
_OURS = {"history", "messages", "models", "chat.messages", "chat_message", "id", "chat_id", "parentId", "childrenIds", "souviens"}
_OURS |= REMARKS
_ROW = {"chat", "archived", "pinned", "share_id", "meta"}  # of these a chat that was exported alone has none
_IDS = uuid.UUID("6f0c8f5e-3a55-5f57-9d0a-6a0c3b7b9f11")  # our namespace: the same record has the same UUID in every export


def write(chosen: Chosen) -> Written:
    """`openwebui-chats.json`: every chosen conversation as a chat."""
    account = Account(chosen)
    projects = {topic.id: topic for topic in chosen.topics}
    taken: set[str] = set()
    chats = [_Chat(conversation, projects, account).value(taken) for conversation in chosen.conversations]
    account.carry("topic", len({c.head.project for c in chosen.conversations if _named(projects.get(c.head.project or ""))}))
    return account.written(
        {"openwebui-chats.json": pretty(chats).encode()},
        {
            "memory": "Open WebUI takes memories one by one over its API, not from a file",
            "evidence": "memories are not written",
            "verdict": "memories are not written",
            "branch_point": "the other branches hold nothing but messages left out",
            "older_version": "only the current version of a message is written",
            "extra_field": "a field of the provider that Open WebUI does not have",
            "edit_time": "a message has one time",
            "author": "an empty name, or one of an answer that several messages make up",
            "citation_span": "a source belongs to a message, not to a span of it",
            "attachment": "no message points to it",
            "topic": "no chosen conversation belongs to it, or it has no name to make a tag of",
        },
        "Open WebUI has no place for it in a chat",
    )


def _named(topic: Topic | None) -> str:
    return topic.name.strip() if topic else ""


def _uuid(provider_id: str | None, id: str, taken: set[str]) -> str:
    """The provider's own id if it is a UUID nobody has yet, else one made from ours."""
    try:
        own = str(uuid.UUID(provider_id or ""))
    except ValueError:
        own = ""
    made = own if own and own == provider_id and own not in taken else str(uuid.uuid5(_IDS, id))
    taken.add(made)
    return made


def _left_out(message: Message) -> str:
    """Why a message has no place in a chat, "" if it has one."""
    if message.visibility == "placeholder":
        return "a node without a message"
    if message.visibility == "hidden":
        return "hidden from the person; Open WebUI would show it"
    if message.role in ("system", "developer"):
        return "a system message; Open WebUI keeps system prompts with models and settings"
    return ""


# --- a chat -------------------------------------------------------------------------------------------------------------


class _Chat:
    """One conversation on its way out."""

    def __init__(self, conversation: Conversation, projects: dict[str, Topic], account: Account) -> None:
        self.conversation, self.account = conversation, account
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}
        self.tag = _named(projects.get(conversation.head.project or "")).replace(" ", "_").lower()
        self.turns = Turns(conversation, account, _left_out)
        # What the chat and its row say in Open WebUI's own words; a chat that was exported alone has no row.
        self.own = conversation.head.extra if conversation.provider == PROVIDER else {}
        held = self.own.get("chat", {} if _ROW & self.own.keys() else self.own)
        self.own_chat = {key: member for key, member in held.items() if key not in _OURS} if isinstance(held, dict) else {}
        self.carried = 0  # fields of messages

    def value(self, taken: set[str]) -> Json:
        conversation, head, account = self.conversation, self.conversation.head, self.account
        turns = self.turns.all
        ids: set[str] = set()
        for turn in turns:
            turn.id = _uuid(turn.messages[-1].provider_id, turn.messages[-1].id, ids)
        created = self._head_time(head.created)
        self.turns.date(head.created.us, account, stand_in=_STANDS_IN)
        updated = self._head_time(head.updated)
        models = list(dict.fromkeys(turn.model for turn in turns if turn.model)) or [head.model or ""]
        messages = {turn.id: self._message(turn, models) for turn in turns}
        path = [turn.id for turn in self.turns.path]
        account.carry("conversation")
        self._account_for_own()
        return {
            "id": _uuid(conversation.provider_id, conversation.id, taken),
            "user_id": "",
            "title": head.title,
            "chat": {
                "tags": [],
                "files": [],
                **self.own_chat,
                "id": "",
                "title": head.title,
                "models": models,
                "params": self._params(),
                "history": {"messages": messages, "currentId": path[-1] if path else None},
                "messages": [messages[id] for id in path],
            },
            "created_at": created,
            "updated_at": updated,
            "share_id": None,
            "archived": self.own.get("archived") is True,
            "pinned": self.own.get("pinned") is True,
            "meta": self._meta(),
            "folder_id": None,
        }

    # --- what Open WebUI itself said of the chat ---

    def _params(self) -> Json:
        own = self.own_chat.get("params")
        params = own if isinstance(own, dict) else {}
        prompt = system_prompt(self.conversation)
        if not prompt or "system" in params:
            return params
        if not self.own:
            carry_prompt(self.conversation, self.account)
        return {**params, "system": prompt}

    def _meta(self) -> Json:
        own = self.own.get("meta")
        meta = own if isinstance(own, dict) else {}
        tags = meta.get("tags")
        tags = [*(tags if isinstance(tags, list) else ()), *([self.tag] if self.tag else ())]
        return {**meta, "tags": tags} if tags else meta

    def _account_for_own(self) -> None:
        """Of Open WebUI's own fields what is written and what is not: an import sets it anew, or the database has it elsewhere."""
        if not self.own:
            return
        written = {"chat", "meta"} & self.own.keys() if _ROW & self.own.keys() else self.own_chat.keys()
        messages = [message for turn in self.turns.all for message in turn.messages]
        held = len(self.own) + sum(map(fields_of, messages))
        carried = len(written) + self.carried
        self.account.carry("extra_field", carried)
        self.account.lose("extra_field", _SET_ANEW, held - carried)

    # --- times ---

    def _head_time(self, instant: Instant) -> int | None:
        if instant.us is None:
            self.account.lose("unknown_time", "a chat without a time gets that of the import")
        else:
            self.account.carry("time")
        return self._seconds(instant.us)

    def _seconds(self, us: int | None, *, own: bool = True) -> int | None:
        if us is None:
            return None
        if own and us % 1_000_000:
            self.account.lose("time_fraction", "Open WebUI counts whole seconds")
        return us // 1_000_000

    # --- messages ---

    def _message(self, turn: Turn, models: list[str]) -> Json:
        shown = _Shown(turn, self.attachments, self.account)
        value: dict[str, Json] = {
            "id": turn.id,
            "parentId": turn.above.id if turn.above is not None else None,
            "childrenIds": [below.id for below in turn.below],
            "role": turn.role,
            "content": shown.content(),
            "timestamp": self._seconds(turn.us, own=turn.dated),
            **({"files": shown.files} if shown.files else {}),
            **({"sources": shown.sources} if shown.sources else {}),
        }
        if turn.role == "user":
            value["models"] = models
        else:
            value |= {"model": turn.model, "modelName": turn.model, "modelIdx": 0, "done": True, "output": shown.items}
        for message in turn.messages:
            self.account.carry("message")
            self.account.carry("model", int(bool(message.model) and (turn.role == "assistant")))
            if is_role_lost(message):
                self.account.lose("role", "written as an answer: Open WebUI knows the roles user and assistant")
        merged = len(turn.messages) - 1
        self.account.lose("message_boundary", "messages merged into one answer (their ids are kept under `souviens`)", merged)
        # A key that Open WebUI does not know is stored with the rest, and comes back with its export.
        author = turn.messages[0].author if not merged else None
        self.account.carry("author", int(bool(author)))
        if self.own and not merged:
            (message,) = turn.messages
            own = {key: member for key, member in message.extra.items() if key not in {*value, *_OURS}}
            self.carried += len(own)
            value |= own
        if merged or author or not turn.dated:
            value["souviens"] = {
                "messages": [message.provider_id or message.id for message in turn.messages],
                **({"author": author} if author else {}),
                **({} if turn.dated else {"time": "unknown"}),
            }
        return value


# --- parts --------------------------------------------------------------------------------------------------------------


class _Shown:
    """The parts of a turn as Open WebUI has them: `output` items, and the content that shows them."""

    def __init__(self, turn: Turn, attachments: dict[str, Attachment], account: Account) -> None:
        self.turn, self.attachments, self.account = turn, attachments, account
        self.items: list[dict[str, Json]] = []
        self.files: list[Json] = []
        self.sources: list[Json] = []
        self._open: list[tuple[str, ToolCall]] = []  # calls without a result yet
        for message in turn.messages:
            for part in message.parts:
                self._add(part)

    def _add(self, part: Part) -> None:
        match part:
            case Text():
                self._say(fenced(part.text, part.language) if part.language else part.text)
                self.account.carry("text")
            case Uri():
                self._say("\n".join(filter(None, (linked(part.uri, part.title), part.text))))
                self.account.carry("link")
            case Reasoning():
                self._item("reasoning", status="completed", start_tag="<think>", end_tag="</think>", **_thoughts(part))
                self.account.carry("reasoning")
            case ToolCall():
                self._call(part)
                self.account.carry("tool_call")
            case ToolResult():
                self._result(part)
                self.account.carry("tool_result")
            case File():
                self._file(part)
            case Citation():
                self._source(part)
                self.account.carry("citation")
            case Opaque():
                # Without this a message of nothing else would be empty there, and look as if it were still being written.
                self._say(f"{part.kind}\n{fenced(pretty(part.value), 'json')}")
                self.account.carry("opaque")

    def _item(self, type: str, **fields: Json) -> str:
        """Add an item; its id is made from the turn's and its place, so that the same record gives the same file."""
        id = f"{type}-{uuid.uuid5(_IDS, f'{self.turn.id}/{len(self.items)}').hex[:24]}"
        self.items.append({"type": type, "id": id, **fields})
        return id

    def _say(self, text: str) -> None:
        self._item("message", role="assistant", status="completed", content=[{"type": "output_text", "text": text}])

    def _call(self, part: ToolCall) -> None:
        arguments = part.arguments if isinstance(part.arguments, str) else dumped(part.arguments)
        id = self._item("function_call", call_id=part.call or "", name=part.name, arguments=arguments, status="completed")
        self.items[-1]["call_id"] = part.call or id
        self._open.append((part.call or id, part))

    def _result(self, part: ToolResult) -> None:
        """Open WebUI joins a result to its call by id; one without an id answers the last open call without one."""
        matching = [id for id, call in self._open if (id == part.call if part.call else call.call is None)]
        call = part.call or (matching[-1] if matching else "")
        id = self._item(
            "function_call_output",
            call_id=call,
            output=[{"type": "input_text", "text": part.text}],
            status="failed" if part.error else "completed",
            **({"name": part.name} if part.name else {}),
        )
        self.items[-1]["call_id"] = call or id
        self._open = [(open, made) for open, made in self._open if open != call]

    def _file(self, part: File) -> None:
        held = self.attachments.get(part.attachment)
        name = part.name or (held.name if held else "") or part.pointer
        entry = {"type": "file", "name": name, "content_type": (held.media_type if held else "") or part.media}
        # Its own images are "image" with a url that the page loads; without bytes that would be a broken picture.
        self.files.append(entry if held is None or held.size is None else {**entry, "size": held.size})
        self.account.carry("attachment")
        if held is not None and held.blob:
            self.account.lose("attachment_bytes", "the file of chats has no place for bytes; upload them in Open WebUI")

    def _source(self, part: Citation) -> None:
        name = part.title or part.uri or "source"
        where = {"id": part.uri or name, "name": name, **({"url": part.uri} if part.uri else {})}
        self.sources.append({"source": where, "document": [part.text], "metadata": [{"source": part.uri or name, "name": name}]})

    # --- what is shown ---

    def content(self) -> str:
        results = {item["call_id"]: item for item in self.items if item["type"] == "function_call_output"}
        calls = {item["call_id"] for item in self.items if item["type"] == "function_call"}
        blocks: list[str] = []
        for item in self.items:
            if item["type"] == "message":
                blocks.append(item["content"][0]["text"])
            elif item["type"] == "reasoning":
                blocks.append(_thought(item))
            elif item["type"] == "function_call":
                blocks.append(_executed(item, results.get(item["call_id"])))
            elif item["call_id"] not in calls:
                blocks.append(_executed({"name": item.get("name", "tool"), "arguments": "", "call_id": item["call_id"]}, item))
        return "\n".join(blocks)


def _thoughts(part: Reasoning) -> dict[str, Json]:
    """Open WebUI shows the summary of an item if it has one, else its content."""
    return {
        "attributes": {"type": "reasoning_content"},
        "content": [{"type": "output_text", "text": part.text}] if part.text else [],
        "summary": [{"type": "summary_text", "text": part.summary}] if part.summary else None,
    }


def _thought(item: dict[str, Json]) -> str:
    """As Open WebUI's own `serialize_output` writes it; it too writes a duration of 0 where it knows none, or the page says
    "Thinking…" for ever."""
    words = "\n".join(piece["text"] for piece in (*(item["summary"] or ()), *item["content"]))
    quoted = html.escape("\n".join(line if line.startswith(">") else f"> {line}" for line in words.splitlines()))
    return f'<details type="reasoning" done="true" duration="0">\n<summary>Thought for 0 seconds</summary>\n{quoted}\n</details>'


def _executed(call: dict[str, Json], result: dict[str, Json] | None) -> str:
    """A call and its result. One without a result is done as well: nobody will ever execute it."""
    shown = dumped(result["output"][0]["text"]) if result else ""
    attributes = {
        "type": "tool_calls",
        "done": "true",
        "id": call["call_id"],
        "name": call["name"],
        "arguments": dumped(call["arguments"]),
        "result": shown,
        "files": "",
        "embeds": '""',
    }
    written = " ".join(f'{name}="{html.escape(str(value))}"' for name, value in attributes.items())
    return f"<details {written}>\n<summary>Tool Executed</summary>\n</details>"
