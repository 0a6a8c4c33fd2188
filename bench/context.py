"""How much of the evidence stands in a context of so many tokens: with topics and episodes above the quotations, and without.

    python -m bench.context --data DIR [--sets beam100K] [--encoder FOLDER] [--budgets 1000,4000] [--keep FOLDER] [--json OUT]

Prints, per set and kind of question, the share in percent of the messages that answer which the context quotes or cites, and
milliseconds a context. Without --data the small set of this repository.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import get_args

from bench.haystacks import SMALL, Set, sets
from bench.vaults import Texts, built
from souviens import encode
from souviens.encode import Encoder
from souviens.recall.context import QUOTATIONS_ALONE, SHARES, assemble
from souviens.recall.kinds import Kind

WAYS = {"levels": SHARES, "quotations alone": dict.fromkeys(get_args(Kind), QUOTATIONS_ALONE)}


def measure(of: Set, encoder: Encoder | None, budgets: list[int], keep: Path | None) -> dict[str, dict[str, list[float]]]:
    """(way, budget) as words -> kind of question -> the share of its evidence that is there; and under "ms" the times."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as scratch:
        for haystack in of.haystacks():
            with built(haystack, (keep or Path(scratch)) / of.name / haystack.id, encoder) as made:
                kept = Texts(encoder) if encoder else None
                given = {"store": made.vault.store, "index": made.index, "encoder": kept}
                for question in haystack.questions:
                    for way, shares in WAYS.items() if question.turns else ():
                        for budget in budgets:
                            started = time.perf_counter()
                            context = assemble(question.text, budget, now=question.asked, shares=shares, **given)
                            row = found[f"{way}, {budget} tokens"]
                            row["ms"].append(1000 * (time.perf_counter() - started))
                            cited = {made.ids[id] for quoted in context.evidence for id in quoted.cites}
                            share = 100 * len(cited & set(question.turns)) / len(set(question.turns))
                            row["all"].append(share)
                            row[question.type].append(share)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, help="a folder of sets; without it the small one of the repository")
    parser.add_argument("--sets", default="", help="names, divided by commas; every file without it")
    parser.add_argument("--encoder", type=Path, help="the folder of an installed encoder; words alone without it")
    parser.add_argument("--budgets", default="1000,4000", help="tokens, divided by commas")
    parser.add_argument("--keep", type=Path, help="leave the vaults in this folder, and use those that are there")
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args()
    encoder = encode.find(chosen.encoder) if chosen.encoder else None
    if chosen.encoder and encoder is None:
        parser.error(f"no encoder in {chosen.encoder}: make encoder")
    named = [name for name in chosen.sets.split(",") if name]
    files = sets(chosen.data, named) if chosen.data else {"small": Set("small", SMALL)}
    budgets = [int(budget) for budget in chosen.budgets.split(",")]
    document = {}
    for name, of in files.items():
        found = measure(of, encoder, budgets, chosen.keep)
        document[name] = {way: {type: round(statistics.fmean(row), 1) for type, row in rows.items()} for way, rows in found.items()}
        for way, rows in document[name].items():
            told = ", ".join(f"{type} {value:.1f}" for type, value in sorted(rows.items()) if type not in ("ms", "all"))
            print(f"{name}, {way}: {rows.get('all', 0):.1f} % of the evidence in {rows.get('ms', 0):.0f} ms ({told})", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
