"""Message lists as Anthropic's Messages API takes them: `anthropic-messages.jsonl`, a conversation a line, `{"system": …,
"messages": [...]}`.

Facts: anthropic-sdk-python, `types/message_create_params.py` (two roles in turns, neighbours of one role are combined, the system
prompt apart) and `types/*_block_param.py` (a call's input is an object, a thought bears its signature). Every call is answered in
the very next message, the results first; empty texts are refused. An assistant may begin: the API takes it since the end of 2024
(anthropics/anthropic-sdk-typescript#622; Bedrock refused it then).
"""

from __future__ import annotations

from souviens.formats import Chosen, Guide, Written
from souviens.formats._linear import CANNOT as LIST_CANNOT
from souviens.formats._linear import Turn, as_object, every, is_address, lose, merged, said, systems_first, write_lines
from souviens.formats._writing import Account
from souviens.records import File, Json, Part, Reasoning, Text, ToolCall, ToolResult, Uri

NAME = "anthropic"
TITLE = "Messages for Anthropic's API (JSON lines)"
CARRIES = (
    "the active path of each conversation, instructions as its system prompt",
    "tool calls and their results in pairs",
    "thoughts that bear Anthropic's signature",
    "pictures that have an address on the web; links as words",
)
CANNOT = ("other thoughts (the API takes none without its signature)", *LIST_CANNOT)
GUIDE = Guide(get=(), bring=("send the `system` and `messages` of a line with your next request",))


def write(chosen: Chosen) -> Written:
    """`anthropic-messages.jsonl`."""
    return write_lines(chosen, "anthropic-messages.jsonl", _takes, _line)


def _takes(part: Part, role: str) -> bool:
    if isinstance(part, Reasoning):
        return role == "assistant" and bool(_signature(part)) and bool(part.text)
    return isinstance(part, (Text, Uri)) or (role == "user" and is_address(part))


def _signature(part: Reasoning) -> str:
    signature = part.extra.get("signature")
    return signature if isinstance(signature, str) else ""


def _line(turns: list[Turn], account: Account) -> tuple[Json, list[Turn]]:
    turns = [_ordered(turn, account) for turn in merged(systems_first(turns, account), every, account)]
    system = [_block(part, account) for turn in turns if turn.role == "system" for part in turn.parts]
    messages: list[dict[str, Json]] = []
    for turn in turns:
        if turn.role == "system":
            continue
        role = "assistant" if turn.role == "assistant" else "user"
        blocks = [_block(part, account) for part in turn.parts]
        if messages and messages[-1]["role"] == role:  # results, and what the person says after them
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    if not messages:
        for turn in turns:
            lose(turn.parts, "a system prompt alone is no request: the API takes no empty list of messages", account)
        return None, []
    return {**({"system": system} if system else {}), "messages": messages}, turns


def _ordered(turn: Turn, account: Account) -> Turn:
    """Words behind a call would stand between it and its result."""
    parts = sorted(turn.parts, key=lambda part: isinstance(part, ToolCall))
    if parts != turn.parts:
        account.lose("position", "calls stand last in a turn there")
    return Turn(turn.role, parts, turn.messages)


def _block(part: Part, account: Account) -> Json:
    match part:
        case ToolCall():
            return {"type": "tool_use", "id": part.call, "name": part.name, "input": as_object(part, account)}
        case ToolResult():
            content = {"content": part.text} if part.text.strip() else {}
            return {"type": "tool_result", "tool_use_id": part.call, **content, **({"is_error": True} if part.error else {})}
        case Reasoning():
            return {"type": "thinking", "thinking": part.text, "signature": _signature(part)}
        case File():
            return {"type": "image", "source": {"type": "url", "url": part.pointer}}
    return {"type": "text", "text": said(part) if isinstance(part, (Text, Uri)) else ""}
