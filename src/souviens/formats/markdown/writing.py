"""Markdown for people, and for a project's files at Claude or ChatGPT: a file per conversation, an index, projects and memories.

A conversation's file has YAML front matter, then the active path, then every other branch under a heading that names the message it
forks from. Nothing is left out but nodes without anything in them; what a person was never shown is marked hidden. `pages` says how
a page is built, so that our reader takes it apart again.

No file is larger than what both take: 2,000,000 bytes, for ChatGPT takes 2 million tokens of a text file (help.openai.com, 8983719)
and a token is a byte at least, and Claude takes 30 MB (support.claude.com, 8241126). What is longer goes on in a file of its own.
How many files a project takes is another matter: 5, 25 or 40 at ChatGPT, by plan (help.openai.com, 10169521); at Claude any number
that fits its context. As of November 2026.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from souviens.canon import utc
from souviens.formats import Chosen, Written
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
from souviens.formats.markdown.lists import chunks, closed, href, index, marked, memories, project
from souviens.formats.markdown.pages import escaped, heading, line_of, mark, thought, title_of, unsaid
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
    branch_points,
)

CARRIES = (
    "every message of every branch, hidden ones marked",
    "reasoning, tool calls and results, citations, links",
    "models, authors and times; an unknown time stays unknown",
    "projects with their instructions and documents",
    "memories with their evidence",
)
CANNOT = (
    "the bytes of attachments",
    "older versions of a message",
    "unknown fields of the provider",
    "how the provider wrote a time",
    "who said a memory, and what a person said of it: no file may decide that",
)

_LARGEST = 2_000_000  # bytes of a file
_FRONT = 20_000  # bytes of these for the front matter, more than which no title takes
_ROOM = (_LARGEST - _FRONT) // 3  # bytes of a block, with escapes and marks not twice as many
# JSON strings are YAML strings, but for characters that YAML calls unprintable and JSON leaves as they are.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


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
        _place(files, names, folders[topic.id], "project", *project(topic, account, _ROOM))
    topics = {topic.id: topic for topic in chosen.topics}
    for conversation in chosen.conversations:
        within = topics.get(conversation.head.project or "")
        folder = folders[within.id] if within else "conversations"
        page = _Page(conversation, within, account)
        blocks = list(page.blocks())
        words = f"{day(conversation.head.created)} {conversation.head.title or 'untitled'}"
        paths = _place(files, names, folder, words, page.front(), blocks)
        rows.append((conversation, paths[0]))
        places[conversation.id] = href(paths[0])
        for path in paths:
            places |= {message: f"{href(path)}#{message}" for message in _anchors(files[path]) & page.numbers.keys()}
    told = list(memories(leaving(chosen, account), places, account, _ROOM))
    if told:
        _place(files, names, "", "memories", {"bundle": "memories", "id": "memories"}, told)
    if rows or files:
        count = account.carried["memory"]
        front = {"bundle": "index", "id": "index", "conversations": len(rows), "projects": len(topics), "memories": count}
        _place(files, names, "", "index", front, index(rows, topics, folders, bool(told)))
    return account.written(
        files,
        {
            "older_version": "only the current version is written",
            "extra_field": "a field of the provider that we do not know",
            "verdict": "only the last wording is written: what a person said of a memory is not taken from a file",
            "evidence": "its memory is not written",
            "branch_point": "the other branches hold nothing but nodes left out",
        },
        "not written",
    )


# --- files --------------------------------------------------------------------------------------------------------------


def _place(
    files: dict[str, bytes], names: Names, folder: str, words: str, front: dict[str, Json], blocks: Iterable[str]
) -> list[str]:
    """Write blocks of text into a file, or into as many as it takes; their paths. A file that goes on says after which item."""
    parts = list(_parts(blocks))
    paths = []
    after: str | None = None
    for number, part in enumerate(parts, 1):
        more: dict[str, Json] = {"part": f"{number} of {len(parts)}"} if len(parts) > 1 else {}
        more |= {"after": after} if after is not None else {}
        name = names.fresh(folder, words if number == 1 else f"{words[:60]} part {number}", ".md")
        paths.append(f"{folder}/{name}".lstrip("/"))
        files[paths[-1]] = ("\n\n".join((_front_matter(front | more), *part)) + "\n").encode()
        after = next((match[1] for block in reversed(part) if (match := re.match(r'<a id="([^"]+)"></a>\n', block))), after)
    return paths


def _parts(blocks: Iterable[str]) -> Iterator[list[str]]:
    """Blocks of text, as many together as a file may hold."""
    part: list[str] = []
    size = 0
    for block in blocks:
        length = len(block.encode()) + 2
        if part and size + length > _LARGEST - _FRONT:
            yield part
            part, size = [], 0
        part.append(block)
        size += length
    yield part


def _anchors(data: bytes) -> set[str]:
    return {match.decode() for match in re.findall(rb'<a id="([\w-]+)"></a>', data)}


def _front_matter(fields: dict[str, Json]) -> str:
    return "\n".join(("---", *(f"{name}: {_yaml(value)}" for name, value in fields.items()), "---"))


def _yaml(value: Json) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", dumped(value))


# --- a conversation -----------------------------------------------------------------------------------------------------


class _Page:
    """One conversation as a file."""

    def __init__(self, conversation: Conversation, project: Topic | None, account: Account) -> None:
        self.conversation, self.project, self.account = conversation, project, account
        self.attachments = {attachment.id: attachment for attachment in conversation.attachments}
        self.trees: Forest = forest(conversation.messages, lambda m: m.visibility != "placeholder" or bool(m.parts))
        self.parents = self._parents()
        # Whatever roots hang from, which comes last decides what was shown where no tip is named.
        self.siblings = Counter(self._place(parent) for parent in self.parents.values())
        self.numbers: dict[str, int] = {}
        self.ends: dict[str, str] = {}  # message -> the last of its pieces
        self.before: str | None = None  # the piece written last

    def _parents(self) -> dict[str, str | None]:
        """What each message hangs from. A link that leads in a circle, or to what is not there, stays as it is; for a node that is
        left out stands the nearest one above it."""
        there = {message.id for message in self.conversation.messages}
        beginnings = {root.id: place for place, group in self.trees.beginnings.items() for root in group}
        return {
            message.id: message.parent
            if message.parent in self.trees.above or message.parent not in there
            else self.trees.above[message.id] or (beginnings[message.id] or "").strip("()") or None
            for message in self.trees.order
        }

    def _place(self, parent: str | None) -> str | None:
        return parent if parent in self.trees.above else None

    def blocks(self) -> Iterator[str]:
        """The page after its front matter: the active path, the other branches, attachments that no message points to."""
        account, head = self.account, self.conversation.head
        account.carry("conversation")
        account.carry("branch_point", len(branch_points(replace(m, parent=self.parents[m.id]) for m in self.trees.order)))
        account.carry(time_kind(head.created))
        account.carry(time_kind(head.updated))
        for message in self.conversation.messages:
            if message.id not in self.trees.above:
                account.lose_message(message, "a node with nothing in it")
        yield f"# {line_of(head.title) or 'Untitled'}"
        yield from self._messages(self._number(self.trees.path(self.conversation)))
        for number, (words, path) in enumerate(self._branches(), 1):
            above = "# Other branches\n\n" if number == 1 else ""
            yield f"{mark({'aside': True})}\n\n{above}## Branch {number}: {words}"
            yield from self._messages(path, "###")
        if left := unreferenced(self.conversation):
            told = {"aside": True, "attachments": [self._described(self.attachments[id]) for id in left]}
            lines = (self._attachment(self.attachments[id], self.attachments[id].name) for id in left)
            yield "\n\n".join((mark(told), "# Other attachments", *lines))
            account.carry("attachment", len(left))
        pointed = [part.attachment for message in self.trees.order for part in message.parts if isinstance(part, File)]
        held = sum(id in self.attachments and self.attachments[id].blob is not None for id in (*pointed, *left))
        account.lose("attachment_bytes", "a writer has no bytes; take them out of the vault by their SHA-256", held)

    def front(self) -> dict[str, Json]:
        """What the front matter says of the conversation."""
        conversation, head = self.conversation, self.conversation.head
        models = dict.fromkeys(message.model for message in conversation.messages if message.model)
        told = {
            "bundle": "conversation",
            "id": conversation.id,
            "provider": conversation.provider,
            "provider_id": conversation.provider_id,
            "title": head.title,
            "created": utc(head.created.us),
            "updated": utc(head.updated.us),
            "project": self.project.name if self.project else None,
            "project_id": self.project.id if self.project else None,
            "models": list(models),
            "model": head.model,
            "tip": head.tip if head.tip in self.trees.above else None,
        }
        optional = ("project", "project_id", "model", "tip")
        return {name: value for name, value in told.items() if value is not None or name not in optional}

    def _branches(self) -> Iterator[tuple[str, list[Message]]]:
        """Every path that is not the active one, from its fork to its end. A message of `order` is numbered before its children."""
        for place, siblings in self.trees.beginnings.items():
            for root in siblings:
                if root.id not in self.numbers:
                    words = "another beginning" if place is None else "what it follows is not here"
                    yield words, self._number(self._onwards(root))
        for message in self.trees.order:
            for child in self.trees.below.get(message.id, ()):
                if child.id not in self.numbers:
                    yield f"from message {self.numbers[message.id]}", self._number(self._onwards(child))

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
            for kind, count in in_message(message).items():
                if kind != "extra_field":
                    self.account.carry(kind, count)
            pieces = list(self._pieces(message))
            self.account.lose("message_split", "longer than a file may be: it goes on as a message of its own", len(pieces) - 1)
            for place, words in enumerate(pieces):
                id = message.id + (f"-{place + 1}" if place else "")
                title = f"{level} {heading(self.numbers[message.id], message)}"
                told = unsaid(title, message) if place == 0 else {**unsaid(title, message), "order": 0}
                if place == 0:
                    parent = self.parents[message.id]
                    above = self.ends.get(parent or "", parent)
                    told |= {"parent": above} if above != self.before else {}
                    told |= {"order": message.order} if self.siblings[self._place(parent)] > 1 else {}
                self.before = self.ends[message.id] = id
                yield f'<a id="{id}"></a>\n\n{title}' + (f"\n{mark(told)}" if told else "") + "".join(f"\n\n{w}" for w in words)

    # --- parts ---

    def _pieces(self, message: Message) -> Iterator[list[str]]:
        """A message's parts as blocks, as many together as one block of a file may hold."""
        piece: list[str] = []
        size = 0
        for part in (part for whole in message.parts for part in self._divided(whole)):
            words = self._shown(part, first=not piece)
            length = len(words.encode())
            if piece and size + length > _ROOM:
                yield piece
                words, piece, size = self._shown(part, first=True), [], 0
            piece.append(words)
            size += length
        yield piece

    def _divided(self, part: Part) -> list[Part]:
        """A part, or if it is too long for a file several: thoughts and results as such, of all else what follows is words."""
        if isinstance(part, File) or len(self._shown(part, first=False).encode()) <= _ROOM:
            return [part]
        exact = _exact(part)
        first, *rest = chunks(exact, _ROOM * 2 // 3)
        self.account.lose("part_split", "longer than a file may be: it goes on in parts of its own", len(rest))
        match part:
            case ToolCall():
                return [replace(part, arguments=first), *map(Text, rest)]
            case Opaque():
                return [replace(part, value=first), *map(Text, rest)]
            case Reasoning():
                return [replace(part, text=first), *map(Reasoning, rest)]
            case ToolResult() | Text():
                return [replace(part, text=words) for words in (first, *rest)]
            case _:
                return [replace(part, text=first), *map(Text, rest)]

    def _shown(self, part: Part, *, first: bool) -> str:
        """A part for a reader, below a mark of what that does not say. Words that an item begins with need none."""
        told: dict[str, Json]
        match part:
            case Text():
                if part.language:
                    return marked({"type": "text", "language": part.language}, fenced(part.text, part.language))
                told, words = closed({"type": "text"}, part.text)
                return escaped(words) if first and len(told) == 1 and part.text.strip() else marked(told, words)
            case Reasoning():
                shown = [_thought({"type": "reasoning", "short": True}, part.summary)] if part.summary else []
                return "\n\n".join((*shown, _thought({"type": "reasoning"}, part.text)))
            case ToolCall():
                exact = isinstance(part.arguments, str)
                told = {"type": "tool_call", "name": part.name, "call": part.call, "json": None if exact else True}
                return _titled(told, fenced(_exact(part), "" if exact else "json"))
            case ToolResult():
                told = {"type": "tool_result", "name": part.name, "call": part.call, "error": part.error or None}
                return _titled(told, fenced(part.text))
            case File():
                held = self.attachments.get(part.attachment)
                return marked(self._described(held, part), self._file(part))
            case Uri():
                return _titled(*closed({"type": "uri", "uri": part.uri, "title": part.title}, part.text))
            case Citation():
                told = {"type": "citation", "uri": part.uri, "title": part.title, "start": part.start, "end": part.end}
                return _titled(*closed(told, part.text))
            case Opaque():
                return _titled({"type": "opaque", "kind": part.kind}, fenced(_exact(part), "json"))

    def _file(self, part: File) -> str:
        attachment = self.attachments.get(part.attachment)
        if attachment is None:
            return f"- Attachment: {line_of(part.name or part.pointer)} ({part.media}): missing, the export does not describe it"
        return self._attachment(attachment, part.name or attachment.name or part.pointer, part.media)

    def _attachment(self, attachment: Attachment, name: str, media: str = "file") -> str:
        missing = f"missing, {attachment.missing or 'no bytes came'}"
        state = f"in the vault, SHA-256 {attachment.blob}" if attachment.blob else missing
        words = name or attachment.pointer
        remote = attachment.pointer.startswith(("https://", "http://"))
        return f"- Attachment: {linked(attachment.pointer, words) if remote else line_of(words)} ({media}): {line_of(state)}"

    def _described(self, held: Attachment | None, part: File | None = None) -> dict[str, Json]:
        return {
            "type": "file",
            "pointer": part.pointer if part else held.pointer if held else "",
            "media": part.media if part else "file",
            "name": part.name if part else held.name if held else "",
            "media_type": held.media_type if held else "",
            "size": held.size if held else None,
        }


def _titled(told: dict[str, Json], words: str) -> str:
    return marked(told, "\n\n".join(filter(None, (title_of(told), words))))


def _exact(part: Part) -> str:
    """The words of a part; of what is JSON its text."""
    value = part.arguments if isinstance(part, ToolCall) else part.value if isinstance(part, Opaque) else None
    if isinstance(part, ToolCall | Opaque):
        return value if isinstance(value, str) and isinstance(part, ToolCall) else pretty(value)
    return "" if isinstance(part, File) else part.text


def _thought(told: dict[str, Json], text: str) -> str:
    told, words = closed(told, text)
    return marked(told, thought(words, short="short" in told))
