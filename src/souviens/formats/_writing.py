"""What writers share: the account of what was carried and lost, and the messages of a conversation as trees.

The law every writer keeps, by kind: in the records = carried + lost. The account counts the records itself, a writer says what it
really wrote and why it left something out, and whatever neither names is found by comparing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from souviens.canon import Instant
from souviens.formats import Chosen, Loss, Written
from souviens.records import (
    Citation,
    Conversation,
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

NEVER_LEAVES = 4  # Memory.sensitivity
_json = msgspec.json.Encoder(decimal_format="number")  # numbers as the provider wrote them, keys in its order
KINDS: dict[type[Part], str] = {
    Text: "text",
    Reasoning: "reasoning",
    ToolCall: "tool_call",
    ToolResult: "tool_result",
    File: "attachment",
    Uri: "link",
    Citation: "citation",
    Opaque: "opaque",
}


# --- the account ------------------------------------------------------------------------------------------------------


class Account:
    """What a writer carried and lost of what was chosen."""

    def __init__(self, chosen: Chosen) -> None:
        self._present = present(chosen)
        self.carried: Counter[str] = Counter()
        self._lost: Counter[tuple[str, str]] = Counter()

    def carry(self, kind: str, count: int = 1) -> None:
        self.carried[kind] += count

    def lose(self, kind: str, reason: str, count: int = 1) -> None:
        self._lost[kind, reason] += count

    def lose_message(self, message: Message, reason: str) -> None:
        """A message with everything in it."""
        for kind, count in in_message(message).items():
            self.lose(kind, reason, count)

    def written(self, files: dict[str, bytes], reasons: dict[str, str], otherwise: str) -> Written:
        """The result. reasons: by kind, why something was left out that `lose` was not told of; otherwise: for any other kind."""
        named: Counter[str] = Counter()
        for (kind, _), count in self._lost.items():
            named[kind] += count
        for kind, count in self._present.items():
            self.lose(kind, reasons.get(kind, otherwise), count - self.carried[kind] - named[kind])
        lost = tuple(Loss(kind, count, reason) for (kind, reason), count in sorted(self._lost.items()) if count)
        return Written(files, {kind: count for kind, count in sorted(self.carried.items()) if count}, lost)


def present(chosen: Chosen) -> Counter[str]:
    """How much of each kind the records hold."""
    counts = Counter(conversation=len(chosen.conversations), memory=len(chosen.memories), topic=len(chosen.topics))
    for conversation in chosen.conversations:
        counts += in_conversation(conversation)
    for memory in chosen.memories:
        counts += in_memory(memory)
    for topic in chosen.topics:
        counts += in_topic(topic)
    return counts


def in_conversation(conversation: Conversation) -> Counter[str]:
    head = conversation.head
    counts = Counter(
        branch_point=len(branch_points(conversation.messages)),
        attachment=len(unreferenced(conversation)),
        older_version=len(conversation.older) + len(conversation.older_heads),
        extra_field=len(head.extra),
    )
    counts.update((time_kind(head.created), time_kind(head.updated)))
    for message in conversation.messages:
        counts += in_message(message)
    return counts


def in_message(message: Message) -> Counter[str]:
    """The message itself, its parts by kind, and what is said of it."""
    counts = Counter(KINDS[type(part)] for part in message.parts)
    counts.update(("message", time_kind(message.time)))
    counts["model"] = int(message.model is not None)
    counts["author"] = int(message.author is not None)
    counts["edit_time"] = int(message.updated is not None)
    counts["citation_span"] = sum(isinstance(part, Citation) and has_span(part) for part in message.parts)
    counts["extra_field"] = len(message.extra) + sum(len(part.extra) for part in message.parts if not isinstance(part, Opaque))
    return counts


def in_memory(memory: Memory) -> Counter[str]:
    return Counter(
        evidence=len(memory.evidence),
        verdict=len(memory.verdicts),
        older_version=len(memory.older) + sum(version.text == memory.text for version in memory.versions),
        extra_field=len(memory.extra),
    )


def in_topic(topic: Topic) -> Counter[str]:
    return Counter(
        document=len(topic.documents),
        older_version=len(topic.older) + len(topic.versions),
        instructions=int(bool(topic.instructions)),
        summary=int(bool(topic.summary)),
        extra_field=len(topic.extra) + sum(len(document.extra) for document in topic.documents),
    )


def time_kind(instant: Instant) -> str:
    return "unknown_time" if instant.us is None else "time"


def has_span(citation: Citation) -> bool:
    return citation.start is not None or citation.end is not None


def unreferenced(conversation: Conversation) -> list[str]:
    """Ids of attachments that no message points to."""
    pointed = {part.attachment for message in conversation.messages for part in message.parts if isinstance(part, File)}
    return [attachment.id for attachment in conversation.attachments if attachment.id not in pointed]


def leaving(chosen: Chosen, account: Account) -> Iterator[Memory]:
    """The memories that may go out, confirmed ones first, older before newer."""
    ranked = sorted(chosen.memories, key=lambda m: (m.status != "confirmed", m.created.us is None, m.created.us or 0, m.id))
    for memory in ranked:
        if memory.status == "rejected":
            account.lose("memory", "rejected by a person")
        elif memory.sensitivity is not None and memory.sensitivity >= NEVER_LEAVES:
            account.lose("memory", "marked never to leave the vault")
        else:
            yield memory


# --- conversations as trees -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forest:
    """The kept messages of a conversation, as trees without circles.

    order: parents before children, siblings in their order. above: id -> nearest kept ancestor, None for a root. below: id ->
    children. beginnings: roots, by what they hung from: None for the beginning of the conversation, else an id that is not there,
    or in brackets that of a message whose link was cut because the links went in a circle. What follows a root that is left out
    takes its place. nearest: id of any message, kept or not -> itself or its nearest kept ancestor.
    """

    order: tuple[Message, ...]
    above: dict[str, str | None]
    below: dict[str, list[Message]]
    beginnings: dict[str | None, list[Message]]
    nearest: dict[str, str | None]

    @property
    def branch_points(self) -> dict[str | None, tuple[str, ...]]:
        """Places where the kept messages branch, as in the records. A fork below a message left out shows at its nearest kept
        ancestor, or at the beginning."""
        groups = (*self.below.items(), *self.beginnings.items())
        return branch_points(replace(message, parent=place) for place, group in groups for message in group)

    @property
    def forks(self) -> int:
        """How many branch points there are in a target where all roots are at the beginning."""
        return len({place if place in self.below else None for place in self.branch_points})

    @property
    def loose(self) -> int:
        """Roots that did not hang from the beginning."""
        return sum(len(group) for place, group in self.beginnings.items() if place is not None)

    def path(self, conversation: Conversation) -> list[Message]:
        """From a root to the active tip; without a kept tip, to the last kept message."""
        by_id = {message.id: message for message in self.order}
        last = conversation.messages[-1].id if conversation.messages else ""
        here = self.nearest.get(conversation.head.tip or "") or self.nearest.get(last)
        if here is None and self.order:
            here = self.order[-1].id
        found: list[Message] = []
        while here is not None:
            found.append(by_id[here])
            here = self.above[here]
        return found[::-1]


def forest(messages: tuple[Message, ...], keep: Callable[[Message], bool]) -> Forest:
    """Children of a message that is not kept hang from its nearest kept ancestor, in its place among its siblings."""
    parents, cut = _without_circles(messages)
    children: dict[str, list[Message]] = {}
    roots: list[Message] = []
    for message in messages:
        parent = parents[message.id]
        (roots if parent is None or parent not in parents else children.setdefault(parent, [])).append(message)
    order: list[Message] = []
    above: dict[str, str | None] = {}
    below: dict[str, list[Message]] = {}
    beginnings: dict[str | None, list[Message]] = {}
    nearest: dict[str, str | None] = {}
    stack: list[tuple[Message, str | None, str | None]] = [
        (root, None, f"({root.id})" if root.id in cut else parents[root.id]) for root in reversed(roots)
    ]
    while stack:
        message, ancestor, beginning = stack.pop()
        if keep(message):
            order.append(message)
            above[message.id] = ancestor
            (beginnings.setdefault(beginning, []) if ancestor is None else below.setdefault(ancestor, [])).append(message)
            ancestor = message.id
        nearest[message.id] = ancestor
        kids = sorted(children.get(message.id, ()), key=lambda child: child.order)
        stack += [(child, ancestor, beginning) for child in reversed(kids)]
    return Forest(tuple(order), above, below, beginnings, nearest)


def _without_circles(messages: tuple[Message, ...]) -> tuple[dict[str, str | None], set[str]]:
    """Parents by id; where links go in a circle, the link of the first message met twice is cut. And which were cut."""
    parents = {message.id: message.parent for message in messages}
    settled: set[str] = set()
    cut: set[str] = set()
    for start in parents:
        walked: set[str] = set()
        here: str | None = start
        while here is not None and here in parents and here not in settled and here not in walked:
            walked.add(here)
            here = parents[here]
        if here is not None and here in walked:
            parents[here] = None
            cut.add(here)
        settled |= walked
    return parents, cut


# --- text -----------------------------------------------------------------------------------------------------------


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks inside."""
    run = longest = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    fence = "`" * max(3, longest + 1)
    name = language if all(c.isalnum() or c in "+#._-" for c in language) else ""
    return f"{fence}{name}\n{text}\n{fence}"


def dumped(value: Json) -> str:
    """JSON in one line."""
    return _json.encode(value).decode()


def pretty(value: Json) -> str:
    """JSON over several lines."""
    return msgspec.json.format(_json.encode(value), indent=2).decode()


def linked(uri: str, title: str) -> str:
    """A Markdown link; a bare title where there is no address."""
    words = " ".join((title or uri).split()).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    if not uri:
        return words
    # Angle brackets take anything but themselves and line ends.
    target = "".join(f"%{ord(c):02X}" if c in "<>\r\n\\" else c for c in uri)
    return f"[{words}](<{target}>)"


REMARKS = {"graph", "repeated_id", "surrogates", "duplicate_keys"}  # what our readers note in an `extra`: no field of a provider


def fields_of(message: Message) -> int:
    """How many fields of the provider a message bears."""
    return in_message(message)["extra_field"]


def is_role_lost(message: Message) -> bool:
    """Whether a target that knows a person and a model takes a message for another's: of a tool it has a place for results."""
    if message.role == "tool":
        return not all(isinstance(part, ToolResult) for part in message.parts)
    return message.role not in ("user", "assistant")


# --- what a chat tells its model ------------------------------------------------------------------------------------------

# Where clients keep what is said to the model before all messages, if it is no message.
_PROMPTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "lmstudio": (("systemPrompt",),),
    "openwebui": (("chat", "params", "system"), ("chat", "system"), ("params", "system"), ("system",)),
    "librechat": (("options", "promptPrefix"),),
}


def system_prompt(conversation: Conversation) -> str:
    """The system prompt that a client keeps with a chat and not among its messages, "" if there is none."""
    found = (_at(conversation.head.extra, path) for path in _PROMPTS.get(conversation.provider, ()))
    return next((words for words in found if isinstance(words, str) and words.strip()), "")


def carry_prompt(conversation: Conversation, account: Account) -> None:
    """Say that it is written: it is a field of the provider, or the one thing in such a field that is."""
    path = next(p for p in _PROMPTS[conversation.provider] if _at(conversation.head.extra, p) == system_prompt(conversation))
    if len(path) == 1:
        account.carry("extra_field")
    else:
        account.lose("extra_field", "of a field of the provider only the system prompt is written")


def _at(value: Json, path: tuple[str, ...]) -> Json:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
