"""Memories as text to paste: the block that Claude's and Gemini's memory imports take, and ChatGPT's two instruction boxes.

Both imports take what their own export prompt asks another model for: one code block with a line per memory, `[date] - memory`,
under the headings Instructions, Identity, Career, Projects and Preferences. A date that is not known is written `[unknown]`, never
made up.
"""

from __future__ import annotations

import re

from souviens.canon import utc
from souviens.formats import Chosen, Written
from souviens.formats._writing import Account, fenced, leaving
from souviens.records import Memory

NAME = "memory_text"
TITLE = "Text to paste (Claude and Gemini memory import, ChatGPT custom instructions)"
CARRIES = ("memories as dated sentences, under five headings", "ChatGPT's two boxes, 1,500 characters each")
CANNOT = ("conversations", "attachments", "where a memory comes from (its evidence)", "memories a person rejected")

_SECTIONS = ("Instructions", "Identity", "Career", "Projects", "Preferences")
_SECTION = {"instruction": "Instructions", "skill": "Career", "project": "Projects", "preference": "Preferences"}
_BOXES = {
    "What would you like ChatGPT to know about you?": ("Identity", "Career", "Projects"),
    "How would you like ChatGPT to respond?": ("Instructions", "Preferences"),
}
_BOX = 1_500  # characters, as ChatGPT counts them
_LONG = 300  # characters: a profile's paragraph beyond this is prose, and goes out sentence by sentence
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*")


def write(chosen: Chosen) -> Written:
    """`memories.txt` and `chatgpt-instructions.txt`; neither if there is no memory to give out."""
    account = Account(chosen)
    memories = list(leaving(chosen, account))
    account.carry("memory", len(memories))
    files: dict[str, bytes] = {}
    if memories:
        files["memories.txt"] = _block(memories).encode()
        files["chatgpt-instructions.txt"] = _boxes(memories, account).encode()
    return account.written(
        files,
        {
            "conversation": "no provider takes conversations as pasted text",
            "evidence": "a pasted line is the sentence and its date only",
            "topic": "no place for a project; its memories are under Projects",
        },
        "a pasted text holds memories only",
    )


def _block(memories: list[Memory]) -> str:
    lines: list[str] = []
    for section in _SECTIONS:
        entries = [line for memory in memories if _section(memory) == section for line in _lines(memory)]
        if entries:
            lines += [f"## {section}", *entries]
    return fenced("\n".join(lines)) + "\nThis is the complete set of the memories chosen.\n"


def _section(memory: Memory) -> str:
    return _SECTION.get(memory.kind, "Identity")


def _lines(memory: Memory) -> list[str]:
    date = (utc(memory.created.us) or "unknown")[:10]
    return [f"[{date}] - {sentence}" for sentence in _sentences(memory)]


def _sentences(memory: Memory) -> list[str]:
    """One line for a statement; a profile is split into its paragraphs, and a long paragraph into its sentences, in order."""
    if memory.kind != "profile":
        return [_folded(memory.wording)]
    out: list[str] = []
    for paragraph in filter(None, map(_folded, memory.wording.splitlines())):
        out += filter(None, _SENTENCE_END.split(paragraph)) if len(paragraph) > _LONG else [paragraph]
    return out or [""]


def _folded(text: str) -> str:
    return " ".join(text.split())


# --- ChatGPT ------------------------------------------------------------------------------------------------------------


def _boxes(memories: list[Memory], account: Account) -> str:
    """Whole memories only: one that does not fit is left out, and a later, shorter one may still go in."""
    boxes: list[str] = []
    for question, sections in _BOXES.items():
        lines: list[str] = []
        used = 0
        for memory in (memory for memory in memories if _section(memory) in sections):
            line = _folded(memory.wording)
            if (length := used + _units(line) + bool(lines)) <= _BOX:
                used = length
                lines.append(line)
                account.carry("chatgpt_instruction")
            else:
                account.lose("chatgpt_instruction", f"does not fit into ChatGPT's box of {_BOX:,} characters")
        boxes.append("\n".join([question, f"({used:,} of {_BOX:,} characters)", "", *lines, ""]))
    return "\n".join(boxes)


def _units(text: str) -> int:
    """Length as a browser counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2
