"""ShareGPT: `sharegpt.jsonl`, a conversation a line, `{"conversations": [{"from": "human", "value": …}, …], "system": …}`.

Facts: LLaMA-Factory, `data/converter.py` (human or observation, then gpt or function_call, in strict turns, an even number; any
other conversation is skipped there) and `data/formatter.py` (a function_call is JSON with name and arguments, or a list of such;
thoughts stand before it in <think> tags).
"""

from __future__ import annotations

from souviens.formats import Chosen, Guide, Written
from souviens.formats._linear import CANNOT as LIST_CANNOT
from souviens.formats._linear import Turn, alternating, as_object, every, lose, merged, one_thought, systems_first, write_lines
from souviens.formats._writing import Account, dumped
from souviens.records import Json, Part, Reasoning, Text, ToolResult, Uri

NAME = "sharegpt"
TITLE = "ShareGPT (JSON lines, for fine-tuning)"
CARRIES = (
    "the active path of each conversation, a person and an assistant in turns",
    "instructions as its system prompt",
    "tool calls and their results; thoughts in <think> tags",
    "links as words",
)
CANNOT = ("what was said before a call, in the same turn", "last words that nobody answered", *LIST_CANNOT)
GUIDE = Guide(get=(), bring=("LLaMA-Factory, Axolotl and others: a dataset of the format sharegpt",))


def write(chosen: Chosen) -> Written:
    """`sharegpt.jsonl`."""
    return write_lines(chosen, "sharegpt.jsonl", _takes, _line)


def _takes(part: Part, role: str) -> bool:
    if isinstance(part, Reasoning):
        return role == "assistant" and bool(part.text or part.summary)
    return isinstance(part, (Text, Uri))


def _line(turns: list[Turn], account: Account) -> tuple[Json, list[Turn]]:
    turns = _observed(alternating(merged(systems_first(turns, account), every, account), account), account)
    if turns and turns[-1].role == "user":
        lose(turns.pop().parts, "a conversation ends with an answer there", account)
    turns = one_thought([_callable(turn, account) for turn in turns], account)
    spoken = [turn for turn in turns if turn.role != "system"]
    if not spoken:
        for turn in turns:
            lose(turn.parts, "nobody says anything", account)
        return None, []
    system = {"system": turns[0].words} if turns[0].role == "system" else {}
    return {"conversations": [_value(turn, account) for turn in spoken], **system}, turns


def _observed(turns: list[Turn], account: Account) -> list[Turn]:
    """The results of several calls as one observation."""
    out: list[Turn] = []
    for turn in turns:
        if out and turn.role == "tool" == out[-1].role:
            account.lose("tool_result", "several results are one observation there", len(turn.results))
            joined = "\n".join(result.text for result in (*out[-1].results, *turn.results))
            again = len(set(turn.messages) - set(out[-1].messages))
            account.lose("message_boundary", "messages merged into one turn", again)
            out[-1] = Turn("tool", [ToolResult(joined)], [*out[-1].messages, *turn.messages])
        else:
            out.append(turn)
    return out


def _callable(turn: Turn, account: Account) -> Turn:
    """A turn with calls, without its words."""
    if not turn.calls:
        return turn
    lose(
        [part for part in turn.parts if isinstance(part, (Text, Uri))], "a turn that calls a tool says nothing else there", account
    )
    return Turn(turn.role, [part for part in turn.parts if not isinstance(part, (Text, Uri))], turn.messages)


def _value(turn: Turn, account: Account) -> Json:
    if turn.role == "user":
        return {"from": "human", "value": turn.words}
    if turn.role == "tool":
        return {"from": "observation", "value": turn.results[0].text}
    thoughts = f"<think>\n{turn.thoughts}\n</think>\n\n" if turn.thoughts else ""
    if not turn.calls:
        return {"from": "gpt", "value": thoughts + turn.words}
    calls = [{"name": call.name, "arguments": as_object(call, account)} for call in turn.calls]
    return {"from": "function_call", "value": thoughts + dumped(calls[0] if len(calls) == 1 else calls)}
