"""Message lists for Hugging Face chat templates: `messages.jsonl`, a conversation a line, `{"messages": [...]}`, as datasets and
`apply_chat_template` take them.

Facts: transformers, `docs/source/en/chat_extras.md` (`tool_calls` like OpenAI's, but with arguments as an object; a tool's content
is a string). Many templates raise unless a person and an assistant alternate, after at most one system message, so neighbours are
merged. Thoughts go where the templates of Qwen, GLM and others look for them, in `reasoning_content`.
"""

from __future__ import annotations

from souviens.formats import Chosen, Guide, Written
from souviens.formats._linear import CANNOT as LIST_CANNOT
from souviens.formats._linear import Turn, alternating, as_object, every, merged, one_thought, systems_first, write_lines
from souviens.formats._writing import Account
from souviens.records import Json, Part, Reasoning, Text, Uri

NAME = "hf"
TITLE = "Messages for Hugging Face chat templates (JSON lines)"
CARRIES = (
    "the active path of each conversation, a person and an assistant in turns",
    "instructions as one system message",
    "tool calls and their results in pairs; thoughts",
    "links as words",
)
CANNOT = LIST_CANNOT
GUIDE = Guide(
    get=(), bring=('load_dataset("json", data_files="messages.jsonl"), then tokenizer.apply_chat_template(row["messages"])',)
)


def write(chosen: Chosen) -> Written:
    """`messages.jsonl`."""
    return write_lines(chosen, "messages.jsonl", _takes, _line)


def _takes(part: Part, role: str) -> bool:
    if isinstance(part, Reasoning):
        return role == "assistant" and bool(part.text or part.summary)
    return isinstance(part, (Text, Uri))


def _line(turns: list[Turn], account: Account) -> tuple[Json, list[Turn]]:
    turns = one_thought(alternating(merged(systems_first(turns, account), every, account), account), account)
    return {"messages": [_message(turn, account) for turn in turns]}, turns


def _message(turn: Turn, account: Account) -> Json:
    if turn.role == "tool":
        (result,) = turn.results
        return {"role": "tool", "tool_call_id": result.call, "name": result.name, "content": result.text}
    message: dict[str, Json] = {"role": turn.role, "content": turn.words}
    if turn.thoughts:
        message["reasoning_content"] = turn.thoughts
    if turn.calls:
        calls = [(call, {"name": call.name, "arguments": as_object(call, account)}) for call in turn.calls]
        message["tool_calls"] = [{"id": call.call, "type": "function", "function": function} for call, function in calls]
    return message
