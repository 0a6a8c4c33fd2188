"""A Claude.ai export in a zip: `conversations.json`, `memories.json` and a file for each project.

Claude's own reader of such a file is nobody's (it takes memories as text only); Gemini takes the zip, and so does whoever reads
Claude's exports. A message keeps its boundaries: a tool's answer, which has no sender of its own there, is written as Claude's.

Facts: the field lists in `known.py`, and what `parts.py`, `graph.py` and `statements.py` read. `model`, `project` and
`current_leaf_message_uuid` are of the site's own API; the export leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from souviens.canon import Instant, utc
from souviens.formats import Chosen, Written
from souviens.formats._shaped import Uuids, parsed, zipped
from souviens.formats._writing import Account, dumped, fenced, forest, has_span, leaving, linked
from souviens.formats.claude.graph import ROOT
from souviens.records import (
    Attachment,
    Citation,
    Conversation,
    Document,
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
)

CARRIES = (
    "whole conversations with every branch",
    "models and times; an unknown time stays unknown",
    "reasoning, tool calls and their results, citations, names of attachments; links as words",
    "memories, one by one; projects with their instructions and documents",
)
CANNOT = (
    "hidden and system messages",
    "the bytes of attachments",
    "where a memory comes from (its evidence)",
    "unknown fields of the provider",
)
_FILE_NAME = "claude-export.zip"
_BLOCKS = ("text", "thinking", "tool_use", "tool_result")
_JOINER = "\n\n"
_REASONS = {
    "evidence": "a memory there is its words and times",
    "verdict": "a memory there is its words as last corrected",
    "branch_point": "first messages, and those whose message before is left out, have none in common there",
    "older_version": "only the current version is written",
    "extra_field": "a field of the provider that Claude's export does not have",
    "author": "a message has a sender, no author's name",
    "model": "an empty name",
    "attachment": "no message points to it",
    "citation_span": "the citation is not written",
}


def write(chosen: Chosen) -> Written:
    """`claude-export.zip`: every chosen conversation, memory and project."""
    account, ids = Account(chosen), Uuids()
    projects = {topic.id: ids.of(topic.provider_id, topic.id) for topic in chosen.topics}
    names = {topic.id: topic.name for topic in chosen.topics}
    links = {id: {"uuid": uuid, "name": names[id]} for id, uuid in projects.items()}
    uuids = Uuids()
    conversations = [_Chat(conversation, account).value(uuids, links) for conversation in chosen.conversations]
    files: dict[str, Json] = {"conversations.json": conversations}
    if memories := list(_worded(leaving(chosen, account), account)):
        files["memories.json"] = [_memories(memories, projects)]
    for topic in chosen.topics:
        files[f"projects/{projects[topic.id]}.json"] = _project(topic, projects[topic.id], account)
    archive = zipped({name: dumped(value).encode() for name, value in files.items()})
    return account.written({_FILE_NAME: archive}, _REASONS, "Claude's export has no place for it")


# --- projects and memories ----------------------------------------------------------------------------------------------


def _project(topic: Topic, uuid: str, account: Account) -> Json:
    account.carry("topic")
    account.carry("instructions", int(bool(topic.instructions)))
    account.carry("summary", int(bool(topic.summary)))
    value = {
        "uuid": uuid,
        "name": topic.name,
        "description": topic.summary,
        "prompt_template": topic.instructions,
        "created_at": utc(topic.created.us),
        "docs": [_document(document, f"{topic.id}/{place}", account) for place, document in enumerate(topic.documents)],
    }
    return {**value, **({"updated_at": utc(topic.updated.us)} if topic.updated else {})}


def _document(document: Document, id: str, account: Account) -> Json:
    account.carry("document")
    return {
        "uuid": Uuids().of(document.provider_id, id),
        "filename": document.name,
        "content": document.text,
        "created_at": utc(document.created.us),
    }


def _worded(memories: Iterable[Memory], account: Account) -> Iterator[Memory]:
    for memory in memories:
        if memory.wording:
            account.carry("memory")
            yield memory
        else:
            account.lose("memory", "it has no words")


def _memories(memories: Iterable[Memory], projects: dict[str, str]) -> Json:
    """One text of the person, one for each project, and a file for every other memory."""
    person, of_projects, files = "", dict[str, str](), list[Json]()
    for memory in memories:
        project = projects.get(memory.topic or "")
        if memory.kind == "profile" and not person and not project:
            person = memory.wording
        elif memory.kind == "project" and project and project not in of_projects:
            of_projects[project] = memory.wording
        else:
            files.append(_file(memory))
    return {"conversations_memory": person, "project_memories": of_projects, "memory_files": files, "account_uuid": None}


def _file(memory: Memory) -> Json:
    times = {"created_at": memory.created, **({"updated_at": memory.updated} if memory.updated else {})}
    stamps = {name: utc(instant.us) for name, instant in times.items()}
    return {"path": f"/{memory.kind or 'memory'}/{memory.id}.md", "content": memory.wording, **stamps}


# --- a conversation -----------------------------------------------------------------------------------------------------


def _left_out(message: Message) -> str:
    """Why a message has no place in a chat, "" if it has one."""
    if message.visibility == "placeholder":
        return "a node without a message"
    if message.visibility == "hidden":
        return "hidden from the person; Claude would show it"
    if message.role in ("system", "developer"):
        return "a system message; Claude's chats have none"
    return ""


class _Chat:
    """One conversation on its way out."""

    def __init__(self, conversation: Conversation, account: Account) -> None:
        self.conversation, self.account = conversation, account
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}

    def value(self, taken: Uuids, links: dict[str, dict[str, str]]) -> Json:
        head, account = self.conversation.head, self.account
        trees = forest(self.conversation.messages, lambda message: not _left_out(message))
        own = Uuids()
        uuids = {message.id: own.of(message.provider_id, message.id) for message in trees.order}
        messages = [self._message(message, uuids, trees.above[message.id]) for message in trees.order]
        for message in self.conversation.messages:
            if reason := _left_out(message):
                account.lose_message(message, reason)
        account.carry("branch_point", trees.forks)
        account.lose("parent_link", "the message before it is not there, or the links go in a circle", trees.loose)
        account.carry("conversation")
        path = trees.path(self.conversation)
        link = links.get(head.project or "")
        return {
            "uuid": taken.of(self.conversation.provider_id, self.conversation.id),
            "name": head.title,
            "summary": "",
            "created_at": self._time(head.created),
            "updated_at": self._time(head.updated),
            "account": {"uuid": None},
            **({"model": head.model} if head.model else {}),
            **({"project": link} if link else {}),
            **({"current_leaf_message_uuid": uuids[path[-1].id]} if path else {}),
            "chat_messages": messages,
        }

    def _time(self, instant: Instant) -> str | None:
        self.account.carry("unknown_time" if instant.us is None else "time")
        return utc(instant.us)

    def _message(self, message: Message, uuids: dict[str, str], above: str | None) -> Json:
        account, shown = self.account, _Shown(message, self.attachments, self.account)
        account.carry("message")
        account.carry("model", int(bool(message.model)))
        account.carry("edit_time", int(message.updated is not None))
        if message.role not in ("user", "assistant"):
            account.lose("role", "written as Claude's: a chat has two senders")
        return {
            "uuid": uuids[message.id],
            "text": _JOINER.join(filter(None, (block.get("text") for block in shown.content if block["type"] == "text"))),
            "content": shown.content,
            "sender": "human" if message.role == "user" else "assistant",
            "created_at": self._time(message.time),
            **({"updated_at": utc(message.updated.us)} if message.updated else {}),
            **({"model": message.model} if message.model else {}),
            "attachments": shown.pasted,
            "files": shown.files,
            "parent_message_uuid": uuids[above] if above is not None else ROOT,
        }


# --- parts --------------------------------------------------------------------------------------------------------------


class _Shown:
    """The parts of a message as blocks, files and pasted texts."""

    def __init__(self, message: Message, attachments: dict[str, Attachment], account: Account) -> None:
        self.attachments, self.account = attachments, account
        self.content: list[dict[str, Json]] = []
        self.files: list[Json] = []
        self.pasted: list[Json] = []
        self._waiting: list[Citation] = []  # sources named before any words
        words = {
            place + 1 for place, (one, two) in enumerate(zip(message.parts, message.parts[1:], strict=False)) if _held(one, two)
        }
        for place, part in enumerate(message.parts):
            if place in words:
                account.carry("text")
            elif isinstance(part, File):
                following = message.parts[place + 1] if place + 1 in words else None
                self._file(part, following.text if isinstance(following, Text) else "")
            else:
                self._add(part)
        account.lose("citation", "no words of the message to name it for", len(self._waiting))

    def _add(self, part: Part) -> None:
        account = self.account
        match part:
            case Text():
                self._say(fenced(part.text, part.language) if part.language else part.text)
                account.carry("text")
            case Uri():
                self._say("\n".join(filter(None, (linked(part.uri, part.title), part.text))))
                account.carry("link")
            case Reasoning():
                summaries = [{"summary": part.summary}] if part.summary else []
                self.content.append({"type": "thinking", "thinking": part.text, "summaries": summaries})
                account.carry("reasoning")
            case ToolCall():
                self.content.append({"type": "tool_use", "id": part.call, "name": part.name, "input": self._input(part)})
                account.carry("tool_call")
            case ToolResult():
                said = [{"type": "text", "text": part.text}] if part.text else []
                block = {
                    "type": "tool_result",
                    "tool_use_id": part.call,
                    "name": part.name,
                    "content": said,
                    "is_error": part.error,
                }
                self.content.append(block)
                account.carry("tool_result")
            case Citation():
                self._cite(part)
            case Opaque():
                self._keep(part)

    def _say(self, text: str) -> None:
        cited, self._waiting = self._waiting, []
        self.content.append({"type": "text", "text": text, "citations": []})
        for citation in cited:
            self._cite(citation)

    def _input(self, call: ToolCall) -> dict[str, Json]:
        """A call's input is an object there."""
        if isinstance(call.arguments, dict):
            return call.arguments
        if isinstance(call.arguments, str) and (value := parsed(call.arguments)) is not None:
            return value
        if call.arguments in (None, ""):
            return {}
        self.account.lose("argument_form", "arguments that are no object stand in one, under `input`")
        return {"input": call.arguments}

    def _cite(self, part: Citation) -> None:
        words = next((block for block in reversed(self.content) if block["type"] == "text"), None)
        if words is None:
            self._waiting.append(part)
            return
        cited = {"title": part.title, "url": part.uri, "start_index": part.start, "end_index": part.end}
        words["citations"].append({name: value for name, value in cited.items() if value is not None})
        self.account.carry("citation")
        self.account.carry("citation_span", int(has_span(part)))
        if part.text:
            self.account.lose("citation_text", "a citation there names its source, without the words it quotes")

    def _keep(self, part: Opaque) -> None:
        own = part.value if isinstance(part.value, dict) else {}
        kind = part.kind if part.kind not in _BLOCKS else f"opaque_{part.kind}"
        self.content.append(own if own.get("type") == kind else {"type": kind, "value": part.value})
        self.account.carry("opaque")

    def _file(self, part: File, words: str) -> None:
        """A file by its name, or a pasted text with its words."""
        held = self.attachments.get(part.attachment)
        name = part.name or (held.name if held else "")
        self.account.carry("attachment")
        if held is not None and held.blob:
            self.account.lose("attachment_bytes", "only names are written, not the files themselves")
        if words:
            media_type, size = (held.media_type, held.size) if held else ("", None)
            self.pasted.append({"file_name": name, "file_size": size, "file_type": media_type, "extracted_content": words})
            return
        kind = part.media if part.media in ("image", "audio", "video") else "blob"
        self.files.append({"file_kind": kind, "file_uuid": part.pointer or part.attachment, "file_name": name})


def _held(file: Part, words: Part) -> bool:
    """Whether a text is what a file before it says, as Claude's exports hold pasted texts."""
    if not isinstance(file, File) or not isinstance(words, Text):
        return False
    return bool(words.text) and not words.language and words.extra.get("attachment") == file.name
