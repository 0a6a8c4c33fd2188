"""Sets of haystacks to measure recall on: histories, each with questions whose evidence is known.

    found = sets(folder, ["locomo", "locomo-mempalace"])     # {name: Set}
    for haystack in found["locomo"].haystacks(): …

Read as they are published, nothing of them is part of the repository (`bench/recall_small.jsonl` is ours):

* `<set>.jsonl[.gz]`, a haystack a line: {id, sessions: [{sid, date, turns: [{tid, role, text}]}], questions: [{qid, type, q, date,
  gold_turns, gold_sessions}]};
* LongMemEval's JSON array with haystack_sessions (longmemeval_s, _m, _oracle). Questions whose id ends in `_abs` ask for what never
  happened; they and those without a labelled turn are left out of the overall, as in its authors' retrieval code;
* LoCoMo's JSON array with `conversation` and `qa` (locomo10.json).

`<set>-mempalace` is LoCoMo or LongMemEval counted as MemPalace counts: conversations only and every question. LoCoMo without what
its pictures show; of several ids in one entry of the evidence only the first; a question without evidence counts as found.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

SMALL = Path(__file__).with_name("recall_small.jsonl")
NOWHERE = "not in memory"  # the type of questions that nothing answers
ASIDE = frozenset({"adversarial", "abstention", "no target", NOWHERE})  # types that stand under types alone
MEMPALACE = "-mempalace"
_DATES = ("%I:%M %p on %d %B, %Y", "%B-%d-%Y", "%Y/%m/%d (%a) %H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d %B, %Y")
_SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")


class Question(NamedTuple):
    """turns, sessions: ids of the evidence. asked: when, in microseconds UTC, None if the set does not say."""

    id: str
    type: str
    text: str
    asked: int | None
    turns: frozenset[str]
    sessions: frozenset[str]


class Haystack(NamedTuple):
    """One history: an export in ChatGPT's shape, one conversation a session, and what is asked of it."""

    id: str
    export: list[dict[str, Any]]
    questions: list[Question]


class Set(NamedTuple):
    """A file, and how its questions are counted: as they are published, or as MemPalace counts."""

    name: str
    path: Path
    mempalace: bool = False

    @property
    def aside(self) -> frozenset[str]:
        return frozenset() if self.mempalace else ASIDE

    def haystacks(self) -> Iterator[Haystack]:
        data = self.path.read_bytes()
        text = (gzip.decompress(data) if self.path.suffix == ".gz" else data).decode()
        rows = json.loads(text) if text.startswith("[") else (json.loads(line) for line in text.split("\n") if line.strip())
        for row in rows:
            yield self._haystack(row)

    def _haystack(self, row: dict[str, Any]) -> Haystack:
        if "haystack_sessions" in row:
            return _longmemeval(row, self.mempalace)
        row = _of_locomo(row, self.mempalace) if "qa" in row else row
        if self.mempalace:
            row = {**row, "sessions": list(map(_without_pictures, row["sessions"]))}
        export = [_conversation(session["sid"], session["date"], session["turns"]) for session in row["sessions"]]
        return Haystack(row["id"], export, [_question(q, self.mempalace) for q in row["questions"]])


def sets(folder: Path, names: list[str]) -> dict[str, Set]:
    """The sets of a folder by name; those named, or every file as it is. Raises SystemExit if one is not there."""
    files = {path.name.partition(".")[0]: path for path in sorted(folder.iterdir()) if path.name.endswith(_SUFFIXES)}
    found = {name: Set(name, path) for name, path in files.items()}
    counted = {name + MEMPALACE: Set(name + MEMPALACE, path, mempalace=True) for name, path in files.items() if _counted(name)}
    if "locomo10" in files:
        counted.setdefault("locomo" + MEMPALACE, Set("locomo" + MEMPALACE, files["locomo10"], mempalace=True))
    missing = set(names) - found.keys() - counted.keys()
    if missing:
        raise SystemExit(f"{folder} has no set {', '.join(sorted(missing))}; there are: {', '.join((*found, *counted))}")
    return {name: set for name, set in (found | counted).items() if (name in names if names else name in found)}


def load(path: Path) -> Iterator[Haystack]:
    """The haystacks of one file, as they are published."""
    return Set(path.name.partition(".")[0], path).haystacks()


def _counted(name: str) -> bool:
    return name in ("locomo", "locomo10") or name.startswith("longmemeval")


def _question(q: Mapping[str, Any], mempalace: bool) -> Question:
    turns = frozenset() if mempalace else frozenset(q["gold_turns"])
    return Question(q["qid"], q["type"], q["q"], _microseconds(q.get("date") or ""), turns, frozenset(q["gold_sessions"]))


# --- LongMemEval ------------------------------------------------------------------------------------------------------


def _longmemeval(row: dict[str, Any], mempalace: bool) -> Haystack:
    """One question and its own haystack. A session that stands in it twice is two conversations."""
    export, gold, seen = [], set(), dict[str, int]()
    for sid, date, turns in zip(row["haystack_session_ids"], row["haystack_dates"], row["haystack_sessions"], strict=True):
        seen[sid] = seen.get(sid, 0) + 1
        own = sid if seen[sid] == 1 else f"{sid}~{seen[sid]}"
        rows = [{"tid": f"{own}#{n}", "role": turn["role"], "text": turn["content"]} for n, turn in enumerate(turns)]
        gold |= {row["tid"] for row, turn in zip(rows, turns, strict=True) if turn.get("has_answer")}
        if rows:
            export.append(_conversation(own, date, rows))
    type = row["question_type"]
    if not mempalace:
        type = "abstention" if row["question_id"].endswith("_abs") else type if gold else "no target"
    asked = Question(
        row["question_id"],
        type,
        row["question"],
        _microseconds(row.get("question_date") or ""),
        frozenset() if mempalace else frozenset(gold),
        frozenset(row["answer_session_ids"]),
    )
    return Haystack(row["question_id"], export, [asked])


# --- LoCoMo -----------------------------------------------------------------------------------------------------------

# The numbers of the file, which are not in the order the paper names them in.
_CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
_EVIDENCE = re.compile(r"D(\d+):(\d+)")
_PICTURE = re.compile(r"\s*\[shares [^\]]*\]$")


def _of_locomo(row: dict[str, Any], mempalace: bool) -> dict[str, Any]:
    """A sample of locomo10.json as a line of ours: the caption of a picture stands behind what was said with it.

    An entry of the evidence may name several turns ("D8:6; D9:17"), of which MemPalace reads the first, or one that is not there.
    """
    said = row["conversation"]
    numbers = sorted(int(key[len("session_") :]) for key in said if re.fullmatch(r"session_\d+", key))
    sessions = [
        {
            "sid": f"S{number}",
            "date": said.get(f"session_{number}_date_time") or "",
            "turns": [{"tid": turn["dia_id"], "role": turn["speaker"], "text": _said(turn)} for turn in said[f"session_{number}"]],
        }
        for number in numbers
        if said[f"session_{number}"]
    ]
    there = {turn["tid"] for session in sessions for turn in session["turns"]}
    questions = []
    for n, qa in enumerate(row["qa"]):
        entries = [_EVIDENCE.findall(str(entry)) for entry in qa.get("evidence") or []]
        named = [id for entry in entries for id in (entry[:1] if mempalace else entry)]
        turns = [f"D{session}:{turn}" for session, turn in named]
        questions.append(
            {
                "qid": f"{row['sample_id']}-q{n}",
                "type": _CATEGORIES[int(qa["category"])],
                "q": qa["question"],
                "date": sessions[-1]["date"] if sessions else "",
                "gold_turns": [id for id in turns if id in there],
                "gold_sessions": [f"S{session}" for session, _ in named],
            }
        )
    return {"id": row["sample_id"], "sessions": sessions, "questions": questions}


def _said(turn: dict[str, Any]) -> str:
    caption = turn.get("blip_caption")
    return f"{turn['text']} [shares {caption}]" if caption else str(turn["text"])


def _without_pictures(session: dict[str, Any]) -> dict[str, Any]:
    return {**session, "turns": [{**turn, "text": _PICTURE.sub("", turn["text"])} for turn in session["turns"]]}


# --- an export --------------------------------------------------------------------------------------------------------


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
    for format in _DATES:
        try:
            return datetime.strptime(text, format).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None


def _microseconds(date: str) -> int | None:
    seconds = moment(date)
    return None if seconds is None else int(seconds * 1_000_000)
