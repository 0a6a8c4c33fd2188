"""One set through one peer: every haystack taken in, every question asked, scored as ours are."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.haystacks import Haystack, Question, Set
from bench.peers.talk import Peer, Setting
from bench.recall import DEPTH, Answer, report
from bench.scores import score

# Peers rank turns. Enough of them to name ten conversations; this question is asked apart, and not timed.
_WIDE = 200


def rows(peer: Peer, of: Set, work: Path) -> dict[str, dict[str, Any]]:
    """The document of each setting (as `bench.recall` makes ours) over a whole set. work: for the stores, which are removed."""
    answers: dict[str, list[Answer]] = defaultdict(list)
    cost: dict[str, dict[str, float]] = defaultdict(lambda: {"index_s": 0.0, "bytes": 0})
    stores: dict[str, list[Setting]] = defaultdict(list)
    for setting in peer.settings:
        stores[setting.store].append(setting)
    shutil.rmtree(work, ignore_errors=True)
    for place, haystack in enumerate(of.haystacks()):
        said = list(turns(haystack))
        for number, (store, settings) in enumerate(stores.items()):
            folder = work / f"{place}-{number}"
            peer.open(store, folder)
            seconds = peer.add(said)
            for setting in settings:
                answers[setting.name] += _asked(peer, setting.name, haystack, said)
            peer.shut()
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            for setting in settings:
                cost[setting.name]["index_s"] += seconds
                cost[setting.name]["bytes"] += size
            shutil.rmtree(folder)
    return {
        setting.name: {"about": setting.about, **report(of, answers[setting.name], cost[setting.name])} for setting in peer.settings
    }


def turns(haystack: Haystack) -> Iterator[dict[str, Any]]:
    """What a peer is told of a haystack, in order: {id, session, date, role, name, text}."""
    for conversation in haystack.export:
        seconds = conversation["create_time"]
        date = datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else ""
        for id, node in conversation["mapping"].items():
            author, text = node["message"]["author"], node["message"]["content"]["parts"][0]
            told = {"id": id, "session": conversation["conversation_id"], "date": date}
            yield told | {"role": author["role"], "name": author["name"] or "", "text": text}


def _asked(peer: Peer, setting: str, haystack: Haystack, said: list[dict[str, Any]]) -> Iterator[Answer]:
    session = {turn["id"]: turn["session"] for turn in said}
    for question in asked(haystack):
        found, seconds = peer.ask(setting, question.text, DEPTH)
        wide, _ = peer.ask(setting, question.text, _WIDE)
        conversations = list(dict.fromkeys(session[turn] for turn in wide))
        yield Answer(
            haystack=haystack.id,
            question=question.id,
            type=question.type,
            message=score(found, question.turns),
            conversation=score(conversations, question.sessions),
            likely=bool(found),
            seconds=seconds,
        )


def asked(haystack: Haystack) -> list[Question]:
    """The questions that have evidence to find."""
    return [question for question in haystack.questions if question.turns or question.sessions]
