"""What writers of plain message lists share: the active path of a conversation as turns, with calls and results in pairs.

A message list is a line: of a conversation it has the active path, and neither titles nor times nor the models that answered. Tools
are strict there: a result answers a call of the turn before it, and a call that nobody answered is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec.structs import replace

from souviens.formats import Chosen, Written
from souviens.formats._shaped import parsed
from souviens.formats._writing import KINDS, Account, carry_prompt, dumped, fenced, forest, linked, system_prompt
from souviens.records import Conversation, File, Json, Message, Part, Reasoning, Text, ToolCall, ToolResult, Uri

_REASONS = {
    **dict.fromkeys(("memory", "evidence", "verdict"), "a list of messages holds no memories"),
    **dict.fromkeys(("topic", "document", "instructions", "summary"), "a list of messages belongs to no project"),
    **dict.fromkeys(("time", "unknown_time", "edit_time"), "a list of messages has no times"),
    **dict.fromkeys(("citation", "citation_span"), "a list of messages names no sources"),
    "model": "which model answered has no place in a list of messages",
    "author": "a message has a role, no author's name",
    "branch_point": "only the active path is written",
    "older_version": "only the current version of a message is written",
    "extra_field": "a field of the provider",
    "attachment": "the file itself is not at hand",
    "opaque": "a part of a kind that is not known",
    "reasoning": "thoughts have no place in it",
    **dict.fromkeys(("text", "link"), "it says nothing"),
    "message": "nothing in it has a place there",
}
CANNOT = (
    "other branches than the active one",
    "titles, times and names of models",
    "files, citations, parts of unknown kind",
    "memories and projects",
)
_NAME = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST = 64  # characters of a tool's name or a call's id
_UNNAMED = "unknown"


class Prompt(Text, frozen=True, tag_field="type", tag="text"):
    """The system prompt of a chat that is no message: nothing of the records counts it as text."""


@dataclass(slots=True)
class Turn:
    """A message of a list. role: system, user, assistant or tool. messages: ids of the records it is made of."""

    role: str
    parts: list[Part] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @property
    def calls(self) -> list[ToolCall]:
        return [part for part in self.parts if isinstance(part, ToolCall)]

    @property
    def results(self) -> list[ToolResult]:
        return [part for part in self.parts if isinstance(part, ToolResult)]

    @property
    def words(self) -> str:
        """Its texts, code in fences, links in Markdown; a blank line between them."""
        return "\n\n".join(said(part) for part in self.parts if isinstance(part, (Text, Uri)))

    @property
    def thoughts(self) -> str:
        return "\n\n".join(part.text or part.summary for part in self.parts if isinstance(part, Reasoning))


def said(part: Text | Uri) -> str:
    if isinstance(part, Text):
        return fenced(part.text, part.language) if part.language else part.text
    return "\n".join(filter(None, (linked(part.uri, part.title), part.text)))


Takes: TypeAlias = Callable[[Part, str], bool]  # whether a list has a place for a part of a turn of this role
Line: TypeAlias = Callable[[list[Turn], Account], tuple[Json, list[Turn]]]  # what is written, and the turns that are in it


def write_lines(chosen: Chosen, file: str, takes: Takes, line: Line) -> Written:
    """One conversation a line; one with nothing to say gets none. `line` says which parts of its turns it carried by handing the
    turns back, and accounts for those it changed or left out."""
    account = Account(chosen)
    lines: list[str] = []
    for conversation in chosen.conversations:
        value, written = line(_turns(conversation, takes, account), account)
        if not written:
            account.lose("conversation", "nothing on its active path has a place there")
            continue
        account.carry("conversation")
        parts = [part for turn in written for part in turn.parts]
        if any(isinstance(part, Prompt) for part in parts):
            carry_prompt(conversation, account)
        account.lose("title", "a list of messages has no title", int(bool(conversation.head.title)))
        turns_of = Counter(id for turn in written for id in dict.fromkeys(turn.messages))
        account.carry("message", len(turns_of))
        account.lose("message_split", "a tool's result is a message of its own there", turns_of.total() - len(turns_of))
        for kind, count in Counter(KINDS[type(part)] for part in parts if not isinstance(part, Prompt)).items():
            account.carry(kind, count)
        lines.append(dumped(value) + "\n")
    files = {file: "".join(lines).encode()} if lines else {}
    return account.written(files, _REASONS, "a list of messages has no place for it")


# --- the active path ------------------------------------------------------------------------------------------------------


def _turns(conversation: Conversation, takes: Takes, account: Account) -> list[Turn]:
    """The active path as turns, calls and results in pairs, below the chat's system prompt; what is off it is accounted for."""
    trees = forest(conversation.messages, lambda message: message.visibility != "placeholder")
    path = trees.path(conversation)
    on_path = {message.id for message in path}
    for message in conversation.messages:
        if message.id not in on_path:
            empty = message.visibility == "placeholder"
            account.lose_message(
                message, "a node without a message" if empty else "another branch: only the active path is written"
            )
    turns = _paired([turn for message in path for turn in _divided(message, takes, account)], account)
    prompt = system_prompt(conversation)
    return [Turn("system", [Prompt(prompt)]), *turns] if prompt and turns else turns


def _divided(message: Message, takes: Takes, account: Account) -> list[Turn]:
    """A message as turns: a tool's result is a turn of its own, and so is what is said after it."""
    role = message.role if message.role in ("user", "system", "developer", "tool") else "assistant"
    found: list[Turn] = []
    for part in message.parts:
        tool = isinstance(part, ToolResult)
        wants = "tool" if tool else "assistant" if isinstance(part, ToolCall) or role == "tool" else role
        if _is_blank(part) or not (tool or isinstance(part, ToolCall) or takes(part, wants)):
            continue
        if tool or not found or found[-1].role != wants:
            found.append(Turn(wants, messages=[message.id]))
        found[-1].parts.append(part)
    if any(turn.role != message.role for turn in found):
        account.lose("role", "calls are an assistant's there, results a tool's, and any other role an assistant's")
    return found


def _is_blank(part: Part) -> bool:
    return not part.text.strip() if isinstance(part, Text) else isinstance(part, Uri) and not said(part)


def lose(parts: Iterable[Part], reason: str, account: Account) -> None:
    for part in parts:
        if not isinstance(part, Prompt):
            account.lose(KINDS[type(part)], reason)


# --- calls and results ----------------------------------------------------------------------------------------------------


def _paired(turns: list[Turn], account: Account) -> list[Turn]:
    """Every call with an id and a result in the run of tools' turns right after its own run, every result with its call's id; other
    calls and results are lost."""
    ids = _Ids()
    out: list[Turn] = []
    place = 0
    while place < len(turns):
        asking = list(_run(turns, place, "assistant"))
        answering = list(_run(turns, place + len(asking), "tool"))
        if not asking and not answering:
            out.append(turns[place])
            place += 1
            continue
        place += len(asking) + len(answering)
        _pair(asking, answering, ids, account)
        out += [turn for turn in (*asking, *answering) if turn.parts]
    return out


def _run(turns: list[Turn], start: int, role: str) -> Iterator[Turn]:
    for turn in turns[start:]:
        if turn.role != role:
            return
        yield turn


def _pair(asking: list[Turn], answering: list[Turn], ids: _Ids, account: Account) -> None:
    """Match results to calls by id, else by name, else by order; the turns are changed in place."""
    open = [call for turn in asking for call in turn.calls]
    answered: dict[int, ToolCall] = {}  # by identity: two calls may be equal
    for turn in answering:
        (result,) = turn.results
        match = next((call for call in open if _answers(result, call)), None)
        if match is None:
            lose(turn.parts, "no call before it that it answers", account)
            turn.parts = []
            continue
        open = [call for call in open if call is not match]
        call = answered[id(match)] = replace(match, call=ids.of(match.call), name=_named(match.name, account))
        turn.parts = [replace(result, call=call.call, name=result.name or call.name)]
    for turn in asking:
        lose([call for call in turn.calls if id(call) not in answered], "nobody answered it, and such a call is refused", account)
        turn.parts = [answered.get(id(p), p) for p in turn.parts if not isinstance(p, ToolCall) or id(p) in answered]


def _answers(result: ToolResult, call: ToolCall) -> bool:
    if result.call and call.call:
        return result.call == call.call
    return not result.name or not call.name or result.name == call.name


class _Ids:
    """Ids of calls: the provider's where a list takes it, else made from their order."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, given: str | None) -> str:
        fits = given and len(given) <= _LONGEST and not _NAME.search(given) and given not in self._taken
        id = (
            given if fits and given else next(name for n in range(len(self._taken) + 1) if (name := f"call_{n}") not in self._taken)
        )
        self._taken.add(id)
        return id


def _named(name: str, account: Account) -> str:
    """A tool's name as APIs take it."""
    fits = _NAME.sub("_", name)[:_LONGEST] or _UNNAMED
    if fits != name:
        account.lose("tool_name", "a tool's name there has letters, digits, _ and - only, 64 at most")
    return fits


def as_object(call: ToolCall, account: Account) -> dict[str, Json]:
    """A call's arguments where only an object is taken."""
    if isinstance(call.arguments, dict):
        return call.arguments
    if isinstance(call.arguments, str) and (value := parsed(call.arguments)) is not None:
        return value
    if call.arguments in (None, ""):
        return {}
    account.lose("argument_form", "arguments that are no object stand in one, under `input`")
    return {"input": call.arguments}


# --- merging and alternating ----------------------------------------------------------------------------------------------


def merged(turns: list[Turn], together: Callable[[Turn, Turn], bool], account: Account) -> list[Turn]:
    """Neighbours of one role as one turn, where `together` says so."""
    out: list[Turn] = []
    for turn in turns:
        if out and out[-1].role == turn.role and together(out[-1], turn):
            before = out[-1]
            account.lose("message_boundary", "messages merged into one turn", len(set(turn.messages) - set(before.messages)))
            out[-1] = Turn(turn.role, [*before.parts, *turn.parts], [*before.messages, *turn.messages])
        else:
            out.append(turn)
    return out


def every(before: Turn, after: Turn) -> bool:
    return before.role != "tool"


def systems_first(turns: list[Turn], account: Account) -> list[Turn]:
    """System turns before all others, as one."""
    first = next((place for place, turn in enumerate(turns) if not _is_system(turn)), len(turns))
    moved = [turn for turn in turns[first:] if _is_system(turn)]
    account.lose("position", "instructions stand before the conversation there", len(moved))
    account.lose("role", "all instructions are the system's there", sum(turn.role == "developer" for turn in turns))
    instructions = [Turn("system", turn.parts, turn.messages) for turn in (*turns[:first], *moved)]
    return [*merged(instructions, every, account), *(turn for turn in turns[first:] if not _is_system(turn))]


def _is_system(turn: Turn) -> bool:
    return turn.role in ("system", "developer")


def alternating(turns: list[Turn], account: Account) -> list[Turn]:
    """A person and an assistant in turns, after instructions; between them only calls that lead to an answer. A person begins."""
    out: list[Turn] = []
    begun = False
    for turn in turns:
        begun = begun or turn.role == "user"
        if turn.role == "user":
            out = _answered(out, account)
        elif not begun and not _is_system(turn):
            lose(turn.parts, "a conversation begins with a person there", account)
            continue
        out.append(turn)
    return merged(_answered(out, account), every, account)


def _answered(turns: list[Turn], account: Account) -> list[Turn]:
    """The turns without calls at their end that no answer follows. What was said beside such a call stays."""
    out = list(turns)
    while out and (out[-1].role == "tool" or out[-1].calls):
        last = out.pop()
        gone = last.results or last.calls
        lose(gone, "no answer follows it", account)
        rest: list[Part] = [part for part in last.parts if not isinstance(part, (ToolCall, ToolResult))]
        if rest:
            out.append(Turn(last.role, rest, last.messages))
            break
    return out


def one_thought(turns: list[Turn], account: Account) -> list[Turn]:
    """The turns with one thought each, where a message has one place for it."""
    out: list[Turn] = []
    for turn in turns:
        first = next((part for part in turn.parts if isinstance(part, Reasoning)), None)
        thoughts = sum(isinstance(part, Reasoning) for part in turn.parts)
        account.lose("reasoning", "written into one with the thought before it", max(0, thoughts - 1))
        parts = [part for part in turn.parts if part is first or not isinstance(part, Reasoning)]
        joined = [Reasoning(turn.thoughts) if part is first else part for part in parts]
        out.append(Turn(turn.role, joined, turn.messages) if thoughts > 1 else turn)
    return out


def is_address(part: Part) -> bool:
    """Whether a part is a picture that anybody can fetch."""
    return isinstance(part, File) and part.media == "image" and part.pointer.startswith(("https://", "http://"))
