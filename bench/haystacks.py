"""Sets of haystacks to measure recall on: histories, each with questions whose evidence is known.

A haystack is a line of `<set>.jsonl.gz`: {id, sessions: [{sid, date, turns: [{tid, role, text}]}], questions: [{qid, type, q, date,
gold_turns, gold_sessions}]}. LongMemEval's own file (a JSON array with haystack_sessions) is read as well. Nothing of these sets is
part of the repository; `bench/recall_small.jsonl` is ours.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

SMALL = Path(__file__).with_name("recall_small.jsonl")
_FORMATS = ("%I:%M %p on %d %B, %Y", "%B-%d-%Y", "%Y/%m/%d (%a) %H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d %B, %Y")


class Question(NamedTuple):
    """turns, sessions: ids of the evidence."""

    id: str
    type: str
    text: str
    turns: frozenset[str]
    sessions: frozenset[str]


class Haystack(NamedTuple):
    """One history: an export in ChatGPT's shape, one conversation a session, and what is asked of it."""

    id: str
    export: list[dict[str, Any]]
    questions: list[Question]


def sets(folder: Path, names: list[str]) -> dict[str, Path]:
    """The files of a folder by the name of their set; those named, or all."""
    found = {path.name.partition(".")[0]: path for path in sorted(folder.glob("*.json*"))}
    missing = set(names) - set(found)
    if missing:
        raise SystemExit(f"{folder} has no set {', '.join(sorted(missing))}; there are: {', '.join(found)}")
    return {name: path for name, path in found.items() if not names or name in names}


def load(path: Path) -> Iterator[Haystack]:
    """The haystacks of one file."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    if text.startswith("["):
        yield from map(_longmemeval, json.loads(text))
    else:
        yield from (_haystack(json.loads(line)) for line in text.split("\n") if line.strip())


def _haystack(row: dict[str, Any]) -> Haystack:
    export = [_conversation(session["sid"], session["date"], session["turns"]) for session in row["sessions"]]
    questions = [
        Question(q["qid"], q["type"], q["q"], frozenset(q["gold_turns"]), frozenset(q["gold_sessions"])) for q in row["questions"]
    ]
    return Haystack(row["id"], export, questions)


def _longmemeval(row: dict[str, Any]) -> Haystack:
    """One question and its own haystack, as LongMemEval publishes them."""
    sessions = zip(row["haystack_session_ids"], row["haystack_dates"], row["haystack_sessions"], strict=True)
    export, gold = [], set()
    for sid, date, turns in sessions:
        rows = [{"tid": f"{sid}#{n}", "role": turn["role"], "text": turn["content"]} for n, turn in enumerate(turns)]
        gold |= {row["tid"] for row, turn in zip(rows, turns, strict=True) if turn.get("has_answer")}
        export.append(_conversation(sid, date, rows))
    asked = Question(
        row["question_id"], row["question_type"], row["question"], frozenset(gold), frozenset(row["answer_session_ids"])
    )
    return Haystack(row["question_id"], export, [asked])


def _conversation(sid: str, date: str, turns: list[dict[str, str]]) -> dict[str, Any]:
    """A session as a conversation of ChatGPT's export. All its messages have its date: the sets give no other."""
    seconds = moment(date)
    mapping: dict[str, Any] = {}
    before = None
    for turn in turns:
        assistant = turn["role"] == "assistant"
        name = None if turn["role"] in ("user", "assistant") else turn["role"]
        mapping[turn["tid"]] = {
            "id": turn["tid"],
            "parent": before,
            "children": [],
            "message": {
                "id": turn["tid"],
                "author": {"role": "assistant" if assistant else "user", "name": name, "metadata": {}},
                "create_time": seconds,
                "content": {"content_type": "text", "parts": [turn["text"]]},
                "metadata": {},
            },
        }
        if before is not None:
            mapping[before]["children"].append(turn["tid"])
        before = turn["tid"]
    return {
        "conversation_id": sid,
        "title": "",
        "create_time": seconds,
        "update_time": seconds,
        "mapping": mapping,
        "current_node": before,
    }


def moment(date: str) -> float | None:
    """Seconds since 1970 of a date as one of the sets writes it, read as UTC; None if it is none we know."""
    text = re.sub(r"\s+", " ", date.strip())
    for format in _FORMATS:
        try:
            return datetime.strptime(text, format).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None
