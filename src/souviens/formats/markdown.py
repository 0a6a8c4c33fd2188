"""Markdown for people, and for a project's files at Claude or ChatGPT: a file per conversation, an index, projects and memories.

A conversation's file has YAML front matter, then the active path, then every other branch under a heading that names the message it
forks from. Nothing is left out but nodes without anything in them; what a person was never shown is marked hidden.

No file is larger than what both take: 2,000,000 bytes, for ChatGPT takes 2 million tokens of a text file (help.openai.com, 8983719)
and a token is a byte at least, and Claude takes 30 MB (support.claude.com, 8241126). What is longer goes on in a file of its own.
How many files a project takes is another matter: 5, 25 or 40 at ChatGPT, by plan (help.openai.com, 10169521); at Claude any number
that fits its context. As of November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from souviens.canon import utc
from souviens.formats import Chosen, Guide, Written
from souviens.formats._naming import Names, day
from souviens.formats._writing import (
    Account,
    Forest,
    dumped,
    fenced,
    forest,
    in_message,
    leaving,
    linked,
    pretty,
    time_kind,
    unreferenced,
)
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
)

NAME = "markdown"
TITLE = "Markdown files"
CARRIES = (
    "every message of every branch, hidden ones marked",
    "reasoning, tool calls and results, citations, links",
    "models, authors and times; an unknown time stays unknown",
    "projects with their instructions and documents",
    "memories with their evidence",
)
CANNOT = ("the bytes of attachments", "older versions of a message", "unknown fields of the provider")

GUIDE = Guide(
    get=(),
    bring=(
        "Claude: Projects > the project > Files > +, all files of its folder; the text under Instructions goes into Instructions",
        "ChatGPT: the project > Sources > Add, all files of its folder; the text under Instructions goes into Project settings",
    ),
    notes=("ChatGPT takes 5, 25 or 40 files a project, by plan; Claude as many as fit its context.",),
)
_LARGEST = 2_000_000  # bytes of a file
_FRONT = 20_000  # bytes of these for the front matter, more than which no title takes
# JSON strings are YAML strings, but for characters that YAML calls unprintable and JSON leaves as they are.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")


def write(chosen: Chosen) -> Written:
    """`index.md`, a file per conversation, `project.md` in each project's folder and `memories.md`; further parts of what is too
    long for one file beside them."""
    account = Account(chosen)
    names = Names()
    folders = {topic.id: f"projects/{names.fresh('projects', topic.name or 'unnamed project')}" for topic in chosen.topics}
    files: dict[str, bytes] = {}
    places: dict[str, str] = {}
    rows: list[tuple[Conversation, str]] = []
    for topic in chosen.topics:
        _place(files, names, folders[topic.id], "project", *_project(topic, account))
    topics = {topic.id: topic for topic in chosen.topics}
    for conversation in chosen.conversations:
        project = topics.get(conversation.head.project or "")
        folder = folders[project.id] if project else "conversations"
        page = _Page(conversation, project, account)
        blocks = list(page.blocks())
        words = f"{day(conversation.head.created)} {conversation.head.title or 'untitled'}"
        paths = _place(files, names, folder, words, page.front(), blocks)
        rows.append((conversation, paths[0]))
        places[conversation.id] = _href(paths[0])
        for path in paths:
            places |= {message: f"{_href(path)}#{message}" for message in _anchors(files[path]) & page.numbers.keys()}
    memories = list(leaving(chosen, account))
    if memories:
        _place(files, names, "", "memories", {"id": "memories"}, _memories(memories, places, account))
    if rows or files:
        front = {"id": "index", "conversations": len(rows), "projects": len(topics), "memories": len(memories)}
        _place(files, names, "", "index", front, _index(rows, topics, folders, bool(memories)))
    return account.written(
        files,
        {
            "older_version": "only the current version is written",
            "extra_field": "a field of the provider that we do not know",
            "verdict": "only the last word on a memory is written",
            "evidence": "its memory is not written",
        },
        "not written",
    )


# --- files --------------------------------------------------------------------------------------------------------------


def _place(
    files: dict[str, bytes], names: Names, folder: str, words: str, front: dict[str, Json], blocks: Iterable[str]
) -> list[str]:
    """Write blocks of text into a file, or into as many as it takes; their paths."""
    parts = list(_parts(blocks))
    paths = []
    for number, part in enumerate(parts, 1):
        more = {"part": f"{number} of {len(parts)}"} if len(parts) > 1 else {}
        name = names.fresh(folder, words if number == 1 else f"{words[:60]} part {number}", ".md")
        paths.append(f"{folder}/{name}".lstrip("/"))
        files[paths[-1]] = ("\n\n".join((_front_matter(front | more), *part)) + "\n").encode()
    return paths


def _parts(blocks: Iterable[str]) -> Iterator[list[str]]:
    """Blocks of text, as many together as a file may hold."""
    part: list[str] = []
    size = 0
    for piece in (piece for block in blocks for piece in _pieces(block)):
        length = len(piece.encode()) + 2
        if part and size + length > _LARGEST - _FRONT:
            yield part
            part, size = [], 0
        part.append(piece)
        size += length
    yield part


def _pieces(block: str) -> Iterator[str]:
    """A block, or if it is too long for a file by itself its lines, as many together as fit."""
    room = (_LARGEST - _FRONT) // 2
    if len(block.encode()) <= room:
        yield block
        return
    piece: list[str] = []
    size = 0
    step = room // 4  # characters, of at most four bytes each
    for short in (line[at : at + step] for line in block.split("\n") for at in range(0, max(1, len(line)), step)):
        length = len(short.encode()) + 1
        if piece and size + length > room:
            yield "\n".join(piece)
            piece, size = [], 0
        piece.append(short)
        size += length
    yield "\n".join(piece)


def _anchors(data: bytes) -> set[str]:
    return {match.decode() for match in re.findall(rb'<a id="([\w-]+)"></a>', data)}


def _front_matter(fields: dict[str, Json]) -> str:
    return "\n".join(("---", *(f"{name}: {_yaml(value)}" for name, value in fields.items()), "---"))


def _href(path: str) -> str:
    return quote(path)


# --- a conversation -----------------------------------------------------------------------------------------------------


class _Page:
    """One conversation as a file."""

    def __init__(self, conversation: Conversation, project: Topic | None, account: Account) -> None:
        self.conversation, self.project, self.account = conversation, project, account
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}
        self.trees: Forest = forest(conversation.messages, lambda m: m.visibility != "placeholder" or bool(m.parts))
        self.numbers: dict[str, int] = {}

    def blocks(self) -> Iterator[str]:
        """The page after its front matter: the active path, the other branches, attachments that no message points to."""
        account, head = self.account, self.conversation.head
        account.carry("conversation")
        account.carry("branch_point", self.trees.forks)
        account.lose("parent_link", "the message before it is not there, or the links go in a circle", self.trees.loose)
        account.carry(time_kind(head.created))
        account.carry(time_kind(head.updated))
        for message in self.conversation.messages:
            if message.id not in self.trees.above:
                account.lose_message(message, "a node with nothing in it")
        yield f"# {_line(head.title) or 'Untitled'}"
        yield from self._messages(self._number(self.trees.path(self.conversation)))
        for number, (heading, path) in enumerate(self._branches(), 1):
            if number == 1:
                yield "# Other branches"
            yield f"## Branch {number}: {heading}"
            yield from self._messages(path, "###")
        if left := unreferenced(self.conversation):
            yield "# Other attachments"
            yield from (self._attachment(self.attachments[id], self.attachments[id].name) for id in left)
            account.carry("attachment", len(left))

    def front(self) -> dict[str, Json]:
        """What the front matter says of the conversation."""
        conversation, head = self.conversation, self.conversation.head
        models = dict.fromkeys(message.model for message in conversation.messages if message.model)
        return {
            "id": conversation.id,
            "provider": conversation.provider,
            "provider_id": conversation.provider_id,
            "title": head.title,
            "created": utc(head.created.us),
            "updated": utc(head.updated.us),
            "project": self.project.name if self.project else None,
            "models": list(models) or ([head.model] if head.model else []),
            "messages": len(self.trees.order),
        }

    def _branches(self) -> Iterator[tuple[str, list[Message]]]:
        """Every path that is not the active one, from its fork to its end. A message of `order` is numbered before its children."""
        for siblings in self.trees.beginnings.values():
            for root in siblings:
                if root.id not in self.numbers:
                    yield "another beginning", self._number(self._onwards(root))
        for message in self.trees.order:
            for child in self.trees.below.get(message.id, ()):
                if child.id not in self.numbers:
                    yield f"from message {self.numbers[message.id]}, {_excerpt(message)}", self._number(self._onwards(child))

    def _onwards(self, message: Message) -> list[Message]:
        path = [message]
        while below := self.trees.below.get(path[-1].id):
            path.append(below[0])
        return path

    def _number(self, path: list[Message]) -> list[Message]:
        for message in path:
            self.numbers[message.id] = len(self.numbers) + 1
        return path

    def _messages(self, path: list[Message], level: str = "##") -> Iterator[str]:
        for message in path:
            yield f'<a id="{message.id}"></a>\n\n{level} {self._heading(message)}'
            for part in message.parts:
                yield self._part(part)
            for kind, count in in_message(message).items():
                if kind != "extra_field":
                    self.account.carry(kind, count)

    def _heading(self, message: Message) -> str:
        facts = [
            f"{self.numbers[message.id]}. {message.role.capitalize()}",
            _line(message.author or ""),
            _line(message.model or ""),
            utc(message.time.us) or "time unknown",
            f"edited {utc(message.updated.us) or 'at an unknown time'}" if message.updated else "",
            message.visibility if message.visibility != "visible" else "",
        ]
        return " · ".join(filter(None, facts))

    # --- parts ---

    def _part(self, part: Part) -> str:
        match part:
            case Text():
                return fenced(part.text, part.language) if part.language else _closed(part.text)
            case Reasoning():
                words = "\n\n".join(_closed(text) for text in (part.summary, part.text) if text)
                return f"<details>\n<summary>Reasoning</summary>\n\n{words}\n\n</details>"
            case ToolCall():
                exact = part.arguments if isinstance(part.arguments, str) else pretty(part.arguments)
                language = "" if isinstance(part.arguments, str) else "json"
                return f"**Tool call: {_line(part.name)}**{_call(part.call)}\n\n{fenced(exact, language)}"
            case ToolResult():
                failed = " (error)" if part.error else ""
                return f"**Tool result{failed}: {_line(part.name or 'unnamed')}**{_call(part.call)}\n\n{fenced(part.text)}"
            case File():
                return self._file(part)
            case Uri():
                return "\n\n".join(filter(None, (f"- Link: {linked(part.uri, part.title)}", _closed(part.text))))
            case Citation():
                span = f" (characters {part.start}–{part.end})" if part.start is not None or part.end is not None else ""
                return "\n\n".join(filter(None, (f"- Source: {linked(part.uri, part.title)}{span}", _closed(part.text))))
            case Opaque():
                return f"**{_line(part.kind)}**\n\n{fenced(pretty(part.value), 'json')}"

    def _file(self, part: File) -> str:
        attachment = self.attachments.get(part.attachment)
        if attachment is None:
            return f"- Attachment: {_line(part.name or part.pointer)} ({part.media}): missing, the export does not describe it"
        return self._attachment(attachment, part.name or attachment.name or part.pointer, part.media)

    def _attachment(self, attachment: Attachment, name: str, media: str = "file") -> str:
        if attachment.blob:
            self.account.lose("attachment_bytes", "a writer has no bytes; take them out of the vault by their SHA-256")
        missing = f"missing, {attachment.missing or 'no bytes came'}"
        state = f"in the vault, SHA-256 {attachment.blob}" if attachment.blob else missing
        words = name or attachment.pointer
        remote = attachment.pointer.startswith(("https://", "http://"))
        return f"- Attachment: {linked(attachment.pointer, words) if remote else _line(words)} ({media}): {_line(state)}"


def _call(id: str | None) -> str:
    return f" `{_line(id)}`" if id else ""


def _line(text: str) -> str:
    return " ".join(text.split())


def _yaml(value: Json) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", dumped(value))


def _excerpt(message: Message) -> str:
    words = next((_line(part.text) for part in message.parts if isinstance(part, Text)), "")
    return f"{message.role}: {words[:60]}{'…' if len(words) > 60 else ''}" if words else message.role


def _closed(text: str) -> str:
    """The text, with a code block that it leaves open closed: or it would swallow every message after it."""
    fence = ""
    for line in text.splitlines():
        if match := _FENCE.match(line):
            if not fence:
                fence = match[1]
            elif match[1].startswith(fence) and not match[2].strip():
                fence = ""
    return f"{text}\n{fence}" if fence else text


# --- index, projects, memories ------------------------------------------------------------------------------------------


def _index(
    rows: list[tuple[Conversation, str]], topics: dict[str, Topic], folders: dict[str, str], memories: bool
) -> Iterator[str]:
    lines = ["# Conversations", "", "| date | title | provider | project | messages |", "|---|---|---|---|---|"]
    for conversation, path in rows:
        head = conversation.head
        project = topics.get(head.project or "")
        cells = (
            day(head.created),
            f"[{_cell(head.title) or 'Untitled'}]({_href(path)})",
            _cell(conversation.provider),
            _cell(project.name) if project else "",
            str(len(conversation.messages)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    yield "\n".join(lines)
    if topics:
        projects = (f"- [{_cell(t.name) or 'Unnamed project'}]({_href(folders[t.id])}/project.md)" for t in topics.values())
        yield "\n".join(("# Projects", "", *projects))
    if memories:
        yield "[Memories](memories.md)"


def _cell(text: str) -> str:
    return re.sub(r"([\\|\[\]])", r"\\\1", _line(text))


def _project(topic: Topic, account: Account) -> tuple[dict[str, Json], list[str]]:
    """The front matter of a project, and its blocks."""
    account.carry("topic")
    account.carry("document", len(topic.documents))
    account.carry("instructions", int(bool(topic.instructions)))
    account.carry("summary", int(bool(topic.summary)))
    fields = {"id": topic.id, "kind": topic.kind, "provider": topic.provider, "provider_id": topic.provider_id, "name": topic.name}
    blocks = [f"# {_line(topic.name) or 'Unnamed project'}"]
    for heading, words in (("Summary", topic.summary), ("Instructions", topic.instructions)):
        if words:
            blocks += [f"## {heading}", _closed(words)]
    for document in topic.documents:
        blocks += [f"## Document: {_line(document.name) or 'unnamed'}", _closed(document.text)]
    return fields, blocks


def _memories(memories: list[Memory], places: dict[str, str], account: Account) -> Iterator[str]:
    yield "# Memories"
    for kind in dict.fromkeys(memory.kind for memory in memories):
        yield f"## {kind.capitalize()}"
        for memory in (memory for memory in memories if memory.kind == kind):
            said = memory.authority.replace("_", " ")
            date = utc(memory.created.us) or "time unknown"
            yield f'<a id="{memory.id}"></a>\n\n### {" · ".join((date, memory.status, said))}'
            yield _closed(memory.wording)
            yield from _evidence(memory.evidence, places)
            account.carry("memory")
            account.carry("evidence", len(memory.evidence))


def _evidence(evidence: Iterable[Evidence], places: dict[str, str]) -> Iterator[str]:
    for found in evidence:
        named = found.message or found.conversation
        span = f", characters {found.start}–{found.end}" if found.start is not None else ""
        if named and named in places:
            yield f"- Evidence: [{named}]({places[named]}){span}"
        else:
            where = named or (found.origin.where or found.origin.source if found.origin else "not said")
            yield f"- Evidence: {_line(where)}{span}, not among these files"
