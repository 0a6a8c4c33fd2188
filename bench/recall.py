"""How well recall finds evidence: every set of a folder through the product's own intake and recall, one vault a haystack.

    python -m bench.recall --data DIR [--sets locomo,beam100K] [--encoder FOLDER] [--flat | --ablations] [--split cv|all]
                           [--keep FOLDER] [--json OUT] [--leaderboard [--dirty]]

Without --data the small set of this repository. Prints, per set and kind of question, the metrics of `bench.scores` at message and
at conversation level, seconds to index, milliseconds a query and bytes a vault. LoCoMo's overall leaves out the adversarial
questions, which name the wrong person; they stand under types. --split cv also prints mean and spread over five folds of whole
conversations: the weights are the product's, nothing is fitted here. --flat: the frozen baseline beside it, and what recall has
over it. --ablations: also every variant of `bench.ablations`. --keep: leave the vaults in a folder and use them again.
--leaderboard: this commit's row of docs/LEADERBOARD.md.

OUT holds {"encoder", "sets": {set: {"n", "overall": {"message": {metric: percent}, "conversation": {…}}, "types": {type: {"n",
"message", "conversation"}}, "speed": {"index_s", "query_ms_p50", "query_ms_p95", "bytes"}}}}; a level of which nothing could be
scored is {}. The type "not in memory" also has "nothing": how often recall says so, in percent. With --flat, --ablations and
--split also "variants", "full over flat" and "folds", each by set.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from bench import ablations, leaderboard
from bench.ablations import Variant
from bench.flat import Flat, Ranked
from bench.haystacks import NOWHERE, SMALL, Question, Set, sets
from bench.scores import METRICS, Scores, mean, score
from bench.vaults import Built, Texts, built
from souviens import encode
from souviens.encode import Encoder
from souviens.recall import ask

DEPTH = 30  # items asked for: MRR looks further than ten
FOLDS = 5
FLAT = "flat"


class Answer(NamedTuple):
    """What one question found. haystack: for folds. likely: does it say that there is an answer? seconds: of the message query."""

    haystack: str
    question: str
    type: str
    message: Scores
    conversation: Scores
    likely: bool
    seconds: float


Asking: TypeAlias = Callable[[Question], tuple[Ranked, float]]  # what is found, in the ids of the vault, and the seconds it took


def _product(made: Built, encoder: Encoder | None, variant: Variant) -> Asking:
    """Recall, asked twice: for messages, which is timed, and for conversations."""

    def asking(question: Question) -> tuple[Ranked, float]:
        given: Any = {
            "now": question.asked,
            "store": made.vault.store,
            "index": made.index,
            "encoder": encoder if variant.encoder else None,
            "weights": variant.weights,
        }
        started = time.monotonic()
        found = ask(question.text, DEPTH, **given)
        seconds = time.monotonic() - started
        wide = ask(question.text, DEPTH, unit="conversation", **given)
        messages = [item.message for item in found.items if item.message]
        return Ranked(messages, [item.conversation for item in wide.items if item.conversation], found.likely), seconds

    return asking


def _flat(made: Built, encoder: Encoder | None) -> Asking:
    flat = Flat(made.vault.store, made.index, encoder)

    def asking(question: Question) -> tuple[Ranked, float]:
        started = time.monotonic()
        found = flat.ask(question.text)
        return Ranked(found.messages[:DEPTH], found.conversations[:DEPTH]), time.monotonic() - started

    return asking


def measure(
    of: Set, encoder: Encoder | None, variants: dict[str, Variant], *, flat: bool = False, keep: Path | None = None
) -> tuple[dict[str, list[Answer]], dict[str, float]]:
    """The answers of each variant, and of the flat baseline, over a whole set; and what the vaults cost."""
    answers: dict[str, list[Answer]] = defaultdict(list)
    cost = {"index_s": 0.0, "bytes": 0.0}
    with tempfile.TemporaryDirectory() as scratch:
        for haystack in of.haystacks():
            with built(haystack, (keep or Path(scratch)) / of.name / haystack.id, encoder) as made:
                cost["index_s"] += made.seconds
                cost["bytes"] += made.bytes
                kept = Texts(encoder) if encoder else None
                systems = {name: _product(made, kept, variant) for name, variant in variants.items()}
                if flat:
                    systems[FLAT] = _flat(made, kept)
                for name, asking in systems.items():
                    for question in haystack.questions:
                        if question.turns or question.sessions or question.type == NOWHERE or of.mempalace:
                            answers[name].append(_answer(of, haystack.id, made, question, asking))
    return answers, cost


def _answer(of: Set, haystack: str, made: Built, question: Question, asking: Asking) -> Answer:
    found, seconds = asking(question)
    turns = list(dict.fromkeys(made.ids[id] for id in found.messages))
    sessions = list(dict.fromkeys(made.sessions[id] for id in found.conversations))
    # MemPalace counts a question without evidence as answered.
    conversation = score(sessions, question.sessions) or (dict.fromkeys(METRICS, 1.0) if of.mempalace else {})
    message = score(turns, question.turns)
    return Answer(haystack, question.id, question.type, message, conversation, found.likely and bool(found.messages), seconds)


def report(of: Set, answers: list[Answer], cost: dict[str, float]) -> dict[str, Any]:
    """The document of one set. What is `aside` (LoCoMo's adversarial questions) counts under types alone."""
    types: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        types[answer.type].append(answer)
    overall = _counted(of, answers)
    times = sorted(1000 * answer.seconds for answer in answers)
    return {
        "n": len(overall),
        "overall": _levels(overall),
        "types": {type: {"n": len(rows), **_levels(rows), **_nothing(type, rows)} for type, rows in sorted(types.items())},
        "speed": {
            "index_s": round(cost["index_s"], 1),
            "query_ms_p50": round(times[len(times) // 2], 1),
            "query_ms_p95": round(times[int(0.95 * len(times))], 1),
            "bytes": int(cost["bytes"]),
        },
    }


def _counted(of: Set, answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.type not in of.aside]


def _levels(answers: list[Answer]) -> dict[str, Scores]:
    return {"message": mean(a.message for a in answers), "conversation": mean(a.conversation for a in answers)}


def _nothing(type: str, answers: list[Answer]) -> dict[str, float]:
    """Of questions that nothing answers, the share in percent of which recall says that nothing does."""
    return {"nothing": round(100 * sum(not a.likely for a in answers) / len(answers), 1)} if type == NOWHERE else {}


def folds(of: Set, answers: list[Answer]) -> dict[str, dict[str, tuple[float, float]]]:
    """Level -> metric -> (mean, standard deviation) over folds of whole haystacks, at most FOLDS of them."""
    names = sorted({answer.haystack for answer in answers})
    parts = [set(names[n::FOLDS]) for n in range(min(FOLDS, len(names)))]
    rows = [_levels([answer for answer in _counted(of, answers) if answer.haystack in part]) for part in parts]
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for level in ("message", "conversation"):
        scored = [row[level] for row in rows if row[level]]
        values = {metric: [row[metric] for row in scored] for metric in METRICS} if scored else {}
        found[level] = {metric: (statistics.fmean(v), statistics.pstdev(v)) for metric, v in values.items()}
    return found


# --- printing ---------------------------------------------------------------------------------------------------------


def _line(title: str, n: int, scores: Scores) -> str:
    return f"{title[:40]:40} {n:>5} " + " ".join(f"{scores[metric]:>7.1f}" if scores else f"{'-':>7}" for metric in METRICS)


def _table(name: str, found: dict[str, Any], variants: dict[str, dict[str, Scores]]) -> Iterator[str]:
    yield f"\n{name:40} {'n':>5} " + " ".join(f"{metric:>7}" for metric in METRICS)
    for level in ("message", "conversation"):
        yield _line(f"{level}, overall", found["n"], found["overall"][level])
        for type, row in found["types"].items():
            yield _line(f"  {type}", row["n"], row[level]) + (f"  nothing: {row['nothing']:.0f} %" if "nothing" in row else "")
        for variant, levels in variants.items():
            yield _line(f"{level}, {variant}", found["n"], levels[level])
    yield f"speed: {found['speed']}"


def _spread(name: str, spread: dict[str, dict[str, tuple[float, float]]]) -> Iterator[str]:
    for level, values in spread.items():
        text = ", ".join(f"{metric} {at:.1f} ± {by:.1f}" for metric, (at, by) in values.items())
        yield f"{name}, {level}, over folds of whole conversations: {text or 'nothing scored'}"


def over_flat(document: dict[str, Any]) -> dict[str, float]:
    """Message NDCG@10 of recall over that of the flat baseline, by set, where messages are scored."""
    found = {}
    for name, variants in document["variants"].items():
        full, flat = document["sets"][name]["overall"]["message"], variants.get(FLAT, {}).get("message")
        if full and flat:
            found[name] = round(full["ndcg@10"] - flat["ndcg@10"], 1)
    return found


def run(files: dict[str, Set], encoder: Encoder | None, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure and print set after set. chosen: the options. The document of OUT."""
    variants = ablations.variants() if chosen.ablations else ablations.FULL
    flat = chosen.flat or chosen.ablations
    document: dict[str, Any] = {"encoder": encoder.id if encoder else None, "sets": {}, "variants": {}, "folds": {}}
    for name, of in files.items():
        answers, cost = measure(of, encoder, variants, flat=flat, keep=chosen.keep)
        full = answers.pop("full")
        document["sets"][name] = report(of, full, cost)
        document["variants"][name] = {variant: _levels(_counted(of, rows)) for variant, rows in answers.items()}
        print(*_table(name, document["sets"][name], document["variants"][name]), sep="\n", flush=True)
        if chosen.split == "cv":
            spread = {"full": folds(of, full)} | ({FLAT: folds(of, answers[FLAT])} if flat else {})
            document["folds"][name] = spread
            for variant, values in spread.items():
                print(*_spread(variant, values), sep="\n", flush=True)
    if over := over_flat(document):
        document["full over flat"] = over
        told = ", ".join(f"{name} {by:+.1f}" for name, by in over.items())
        print(f"\nfull over flat, message NDCG@10: {told}; on average {statistics.fmean(over.values()):+.1f}")
    return {key: value for key, value in document.items() if key in ("encoder", "sets") or value}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, help="a folder of sets; without it the small one of the repository")
    parser.add_argument("--sets", default="", help="names, divided by commas; every file without it")
    parser.add_argument("--encoder", type=Path, help="the folder of an installed encoder; words alone without it")
    parser.add_argument("--split", choices=("cv", "all"), default="all")
    parser.add_argument("--flat", action="store_true", help="the frozen baseline beside recall")
    parser.add_argument("--ablations", action="store_true", help="that, words and vectors alone, and each signal left out")
    parser.add_argument("--keep", type=Path, help="leave the vaults in this folder, and use those that are there")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--leaderboard", action="store_true", help="write this commit's row of docs/LEADERBOARD.md")
    parser.add_argument("--dirty", action="store_true", help="… though files are changed; the row says so")
    chosen = parser.parse_args()
    commit = leaderboard.commit(chosen.dirty) if chosen.leaderboard else ""
    encoder = encode.find(chosen.encoder) if chosen.encoder else None
    if chosen.encoder and encoder is None:
        parser.error(f"no encoder in {chosen.encoder}: make encoder")
    named = [name for name in chosen.sets.split(",") if name]
    document = run(sets(chosen.data, named) if chosen.data else {"small": Set("small", SMALL)}, encoder, chosen)
    if chosen.json:
        chosen.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    if chosen.leaderboard:
        leaderboard.record(commit, document)


if __name__ == "__main__":
    main()
