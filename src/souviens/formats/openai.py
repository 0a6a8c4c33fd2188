"""Message lists as OpenAI's Chat Completions take them, and every server that speaks like it: `openai-messages.jsonl`, a
conversation a line, `{"messages": [...]}`.

Facts: openai-python, `types/chat/*_param.py` (roles; `tool_calls` with arguments as a string; `content` is null beside them) and
`types/shared_params/function_definition.py` (a tool's name). A tool's message must follow the message that holds its call, with
no other between; so neighbouring answers with calls are merged.
"""

from __future__ import annotations

from souviens.formats import Chosen, Guide, Written
from souviens.formats._linear import CANNOT as LIST_CANNOT
from souviens.formats._linear import Turn, as_object, is_address, merged, said, write_lines
from souviens.formats._shaped import parsed
from souviens.formats._writing import Account, dumped
from souviens.records import File, Json, Part, Text, ToolCall, Uri

NAME = "openai"
TITLE = "Messages for OpenAI's API (Chat Completions, JSON lines)"
CARRIES = (
    "the active path of each conversation, system messages included",
    "tool calls and their results in pairs",
    "pictures that have an address on the web; links as words",
)
CANNOT = ("reasoning (the API takes none back)", *LIST_CANNOT)
GUIDE = Guide(get=(), bring=("send the `messages` of a line with your next request", "or give the file to a fine-tuning job"))


def write(chosen: Chosen) -> Written:
    """`openai-messages.jsonl`."""
    return write_lines(chosen, "openai-messages.jsonl", _takes, _line)


def _takes(part: Part, role: str) -> bool:
    return isinstance(part, (Text, Uri)) or (role == "user" and is_address(part))


def _line(turns: list[Turn], account: Account) -> tuple[Json, list[Turn]]:
    turns = merged(turns, lambda before, after: before.role == "assistant" and bool(before.calls), account)
    return {"messages": [_message(turn, account) for turn in turns]}, turns


def _message(turn: Turn, account: Account) -> Json:
    if turn.role == "tool":
        return {"role": "tool", "tool_call_id": turn.results[0].call, "content": turn.results[0].text}
    pictures = any(isinstance(part, File) for part in turn.parts)
    content: Json = [_piece(part) for part in turn.parts] if pictures else turn.words or None
    message = {"role": turn.role, "content": content}
    return {**message, "tool_calls": [_call(call, account) for call in turn.calls]} if turn.calls else message


def _piece(part: Part) -> Json:
    if isinstance(part, File):
        return {"type": "image_url", "image_url": {"url": part.pointer}}
    return {"type": "text", "text": said(part) if isinstance(part, (Text, Uri)) else ""}


def _call(call: ToolCall, account: Account) -> Json:
    """A string of arguments stays the string it is, if it is an object in JSON."""
    given = call.arguments
    written = given if isinstance(given, str) and parsed(given) is not None else dumped(as_object(call, account))
    return {"id": call.call, "type": "function", "function": {"name": call.name, "arguments": written}}
