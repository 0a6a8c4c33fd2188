"""Peers beside ours, one table a set and level. See bench/peers/__init__.py."""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

from bench.ablations import Variant
from bench.haystacks import SMALL, Set, sets
from bench.peers.endpoint import compared, served
from bench.peers.environments import INSIDE, NotRun, known, prepared
from bench.peers.rows import asked, rows
from bench.peers.talk import Peer
from bench.recall import measure, report
from bench.scores import METRICS
from souviens import encode
from souviens.encode import Encoder
from souviens.recall.weights import TABLE

OURS = "souviens"
_WORK = Path(__file__).parents[1] / "out" / "peers"


def ours(of: Set, encoder: Encoder, keep: Path | None) -> dict[str, dict[str, Any]]:
    """The product's own row, and its row by words alone."""
    answers, cost = measure(of, encoder, {"": Variant(TABLE), " words": Variant(TABLE, encoder=False)}, keep=keep)
    about = {"": "as it comes", " words": "the same without an encoder at the question"}
    return {f"{OURS}{name}": {"about": about[name], **report(of, found, cost)} for name, found in answers.items()}


def theirs(name: str, of: Set, address: str, work: Path) -> dict[str, dict[str, Any]]:
    """A peer's rows, or one row that says why there are none."""
    try:
        python = prepared(name, work)
        with Peer(python, INSIDE / f"with_{name}.py", work / name / "home", address) as peer:
            found = rows(peer, of, work / name / "stores")
            refused = peer.refused()
            return {f"{name} {setting}": {"version": peer.version, "refused": refused, **row} for setting, row in found.items()}
    except NotRun as reason:
        return {name: {"not_run": str(reason)}}


def table(title: str, found: dict[str, dict[str, Any]], level: str) -> str:
    """One level of one set, a row a setting."""
    columns = [*METRICS, "index s", "p50 ms", "p95 ms", "MB"]
    lines = [f"\n{title}, {level:24} " + " ".join(f"{column:>7}" for column in columns)]
    for name, row in found.items():
        if "not_run" in row:
            lines.append(f"  {name}: not run: {row['not_run']}")
            continue
        speed = row["speed"]
        values = [row["overall"][level][metric] for metric in METRICS]
        values += [speed["index_s"], speed["query_ms_p50"], speed["query_ms_p95"], speed["bytes"] / 1e6]
        lines.append(f"  {name:{len(title) + 24}} " + " ".join(f"{value:>7.1f}" for value in values))
    return "\n".join(lines)


def shortened(path: Path, most: int, folder: Path) -> Path:
    """A copy of a set with the first questions of each haystack alone. A LongMemEval file has one each, and is given back."""
    text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
    if text.startswith("["):
        return path
    short = folder / f"{path.name.partition('.')[0]}.jsonl"
    lines = [json.loads(line) for line in text.split("\n") if line.strip()]
    short.write_text("".join(json.dumps(row | {"questions": row["questions"][:most]}) + "\n" for row in lines), encoding="utf-8")
    return short


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, help="a folder of sets; without it the small one of the repository")
    parser.add_argument("--sets", default="", help="names, divided by commas; all without it")
    parser.add_argument("--encoder", type=Path, required=True, help="the folder of an installed encoder, for all of them")
    parser.add_argument("--peers", default=",".join(known()), help="names, divided by commas; all without it")
    parser.add_argument("--questions", type=int, help="at most so many of each haystack")
    parser.add_argument("--keep", type=Path, help="our vaults, as in bench.recall")
    parser.add_argument("--work", type=Path, default=_WORK, help="for their environments and stores")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    encoder = encode.find(arguments.encoder, None)
    if encoder is None:
        raise SystemExit(f"{arguments.encoder}: no encoder is installed there")
    named = [name for name in arguments.sets.split(",") if name]
    files = sets(arguments.data, named) if arguments.data else {"small": Set("small", SMALL)}
    chosen = [name for name in arguments.peers.split(",") if name]
    if unknown := set(chosen) - set(known()):
        raise SystemExit(f"no script for {', '.join(sorted(unknown))}; there are: {', '.join(known())}")
    work = arguments.work.resolve()
    document: dict[str, Any] = {"encoder": encoder.id, "sets": {}}
    with tempfile.TemporaryDirectory() as scratch, served(encoder) as address:
        for name, whole in files.items():
            path = shortened(whole.path, arguments.questions, Path(scratch)) if arguments.questions else whole.path
            of = whole._replace(path=path)
            questions = [question.text for haystack in of.haystacks() for question in asked(haystack)]
            here, over = compared(encoder, address, questions[:100])
            found = ours(of, encoder, arguments.keep)
            document["sets"][name] = {"encoder_ms": {"here": round(here, 1), "over loopback": round(over, 1)}, "rows": found}
            for peer in chosen:
                found |= theirs(peer, of, address, work)
                if arguments.json:  # after each of them: a run is long
                    arguments.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
            for level in ("message", "conversation"):
                print(table(f"{name}, {found[OURS]['n']} questions", found, level))
            print(f"of a query the encoder takes {here:.1f} ms here, {over:.1f} ms over loopback (peers)", flush=True)
            for row, said in found.items():
                if said.get("refused"):
                    print(f"{row}: tried to reach {', '.join(said['refused'])}; refused")
    missing = [row for at in document["sets"].values() for row, said in at["rows"].items() if "not_run" in said]
    if missing:
        raise SystemExit(f"not run: {', '.join(missing)}")


if __name__ == "__main__":
    main()
