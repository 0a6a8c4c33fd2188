"""How well recall finds evidence: every set of a folder through the product's own intake and recall, one vault a haystack.

    python -m bench.recall --data DIR [--sets locomo,beam100K] [--encoder FOLDER] [--ablations] [--split cv|all] [--json OUT]

Without --data the small set of this repository. Prints, per set and kind of question, the metrics of `bench.scores` at message and
at conversation level, seconds to index, milliseconds a query and bytes a vault. LoCoMo's overall leaves out the adversarial
questions, which name the wrong person; they stand under types. --split cv also prints the mean and spread over whole conversations
(five folds): the weights are the product's, nothing is fitted here. --keep: leave the vaults in a folder and use them again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.haystacks import SMALL, Haystack, Question, load, sets
from bench.scores import METRICS, mean, score
from souviens import encode, vault
from souviens.encode import Encoder
from souviens.index.port import Index
from souviens.port import indexing
from souviens.port.intake import take_in
from souviens.recall import ask
from souviens.recall.weights import WEIGHTS, Weights
from souviens.records import Conversation
from souviens.vault import Vault

DEPTH = 30  # items asked for: MRR looks further than ten
_OFF = {
    "full": WEIGHTS,
    "without neighbours": WEIGHTS._replace(near=0.0, further=0.0),
    "without subject": WEIGHTS._replace(subject=0.0),
    "without person": WEIGHTS._replace(person=1.0),
    "without dates": WEIGHTS._replace(date=1.0),
    "without speaker": WEIGHTS._replace(speaker=1.0),
    "flat (words + vectors)": WEIGHTS._replace(near=0.0, further=0.0, subject=0.0, person=1.0, date=1.0, speaker=1.0),
    "vectors only": WEIGHTS._replace(words=0.0),
}


class Answer(NamedTuple):
    """What one question found. haystack: for folds. seconds: of the message query."""

    haystack: str
    type: str
    message: dict[str, float]
    conversation: dict[str, float]
    seconds: float


class Built(NamedTuple):
    vault: Vault
    index: Index
    ids: dict[str, str]  # message id -> the set's id of the turn
    sessions: dict[str, str]  # conversation id -> the set's id of the session
    seconds: float
    bytes: int


def _build(haystack: Haystack, folder: Path, encoder: Encoder | None) -> Built:
    """A vault of one haystack, or the one that is kept, with everything indexed."""
    started = time.monotonic()
    if (folder / "VAULT.json").exists():
        made = vault.unlock(folder, [])
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = vault.create(folder, {}, "2026-01-01T00:00:00Z", None)
    if not made.store.sources():
        source = folder.parent / f"{folder.name}.json"
        source.write_text(json.dumps(haystack.export), encoding="utf-8")
        take_in(made, source)
        source.unlink()
    indexing.embed(made, encoder)
    index = indexing.open_index(made)
    index.sync(made.store)
    seconds = time.monotonic() - started
    ids, sessions = {}, {}
    for seq, kind, _ in made.store.live():
        record = made.store.pack(seq)
        if kind == "conversation" and isinstance(record, Conversation):
            sessions[record.id] = record.provider_id or ""
            ids.update({message.id: message.provider_id or "" for message in record.messages})
    size = sum(file.stat().st_size for file in folder.iterdir())
    return Built(made, index, ids, sessions, seconds, size)


def _answer(built: Built, question: Question, haystack: str, encoder: Encoder | None, weights: Weights) -> Answer:
    started = time.monotonic()
    found = ask(question.text, DEPTH, store=built.vault.store, index=built.index, encoder=encoder, weights=weights)
    seconds = time.monotonic() - started
    turns = [built.ids[item.message] for item in found.items if item.message]
    wide = ask(
        question.text, DEPTH, store=built.vault.store, index=built.index, encoder=encoder, weights=weights, unit="conversation"
    )
    sessions = list(dict.fromkeys(built.sessions[item.conversation] for item in wide.items if item.conversation))
    return Answer(haystack, question.type, score(turns, question.turns), score(sessions, question.sessions), seconds)


def measure(
    path: Path, encoder: Encoder | None, variants: dict[str, tuple[Weights, bool]], keep: Path | None
) -> tuple[dict[str, list[Answer]], dict[str, float]]:
    """The answers of each variant (weights, with the encoder or not) over a whole set, and what the vaults cost."""
    answers: dict[str, list[Answer]] = defaultdict(list)
    cost = {"index_s": 0.0, "bytes": 0}
    with tempfile.TemporaryDirectory() as scratch:
        for haystack in load(path):
            built = _build(haystack, (keep or Path(scratch)) / path.name.partition(".")[0] / haystack.id, encoder)
            cost["index_s"] += built.seconds
            cost["bytes"] += built.bytes
            for name, (weights, by_vectors) in variants.items():
                for question in haystack.questions:
                    if question.turns or question.sessions:
                        answers[name].append(_answer(built, question, haystack.id, encoder if by_vectors else None, weights))
            built.index.close()
            built.vault.close()
    return answers, cost


def report(answers: list[Answer], cost: dict[str, float]) -> dict[str, Any]:
    """The document of one set. Adversarial questions count under types alone."""
    types: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        types[answer.type].append(answer)
    overall = [answer for answer in answers if answer.type != "adversarial"]
    times = sorted(1000 * answer.seconds for answer in answers)
    return {
        "n": len(overall),
        "overall": _levels(overall),
        "types": {type: {"n": len(rows), **_levels(rows)} for type, rows in sorted(types.items())},
        "speed": {
            "index_s": round(cost["index_s"], 1),
            "query_ms_p50": round(times[len(times) // 2], 1),
            "query_ms_p95": round(times[int(0.95 * len(times))], 1),
            "bytes": int(cost["bytes"]),
        },
    }


def _levels(answers: list[Answer]) -> dict[str, dict[str, float]]:
    return {"message": mean(a.message for a in answers), "conversation": mean(a.conversation for a in answers)}


def folds(answers: list[Answer], count: int = 5) -> Iterator[tuple[str, float, float]]:
    """(metric, mean, standard deviation) of the message metrics over folds of whole haystacks, adversarial questions left out."""
    names = sorted({answer.haystack for answer in answers})
    parts = [names[n::count] for n in range(min(count, len(names)))]
    rows = [mean(a.message for a in answers if a.haystack in part and a.type != "adversarial") for part in parts]
    for metric in METRICS:
        values = [row[metric] for row in rows]
        yield metric, statistics.fmean(values), statistics.pstdev(values)


def _line(title: str, n: int, scores: dict[str, float]) -> str:
    return f"{title[:40]:40} {n:>5} " + " ".join(f"{scores[metric]:>7.1f}" for metric in METRICS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, help="a folder of sets; without it the small one of the repository")
    parser.add_argument("--sets", default="", help="names, divided by commas; all without it")
    parser.add_argument("--encoder", type=Path, help="the folder of an installed encoder; words alone without it")
    parser.add_argument("--split", choices=("cv", "all"), default="all")
    parser.add_argument("--ablations", action="store_true", help="words and vectors alone, and each signal left out")
    parser.add_argument("--keep", type=Path, help="leave the vaults in this folder, and use those that are there")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    encoder = encode.find(arguments.encoder, None) if arguments.encoder else None
    named = [name for name in arguments.sets.split(",") if name]
    files = sets(arguments.data, named) if arguments.data else {"small": SMALL}
    chosen = _OFF if arguments.ablations else {"full": WEIGHTS}
    variants = {name: (weights, True) for name, weights in chosen.items()}
    if arguments.ablations:
        variants["words only"] = (WEIGHTS, False)
    document: dict[str, Any] = {"encoder": encoder.id if encoder else None, "sets": {}}
    for name, path in files.items():
        answers, cost = measure(path, encoder, variants, arguments.keep)
        found = report(answers["full"], cost)
        document["sets"][name] = found
        print(f"\n{name}: {'':{38 - len(name)}}     n " + " ".join(f"{metric:>7}" for metric in METRICS))
        for level in ("message", "conversation"):
            print(_line(f"{level}, overall", found["n"], found["overall"][level]))
            for type, row in found["types"].items():
                print(_line(f"  {type}", row["n"], row[level]))
        for variant, rows in answers.items():
            if variant != "full":
                print(_line(f"message, {variant}", found["n"], mean(a.message for a in rows if a.type != "adversarial")))
        if arguments.split == "cv":
            print(
                "over folds of whole conversations: "
                + ", ".join(f"{m} {at:.1f} +- {by:.1f}" for m, at, by in folds(answers["full"]))
            )
        print(f"speed: {found['speed']}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
