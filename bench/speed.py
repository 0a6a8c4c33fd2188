"""How long a question takes, in how much memory, and what that costs: recall over a vault of any size, encrypted, encoder included.

    python -m bench.speed --encoder FOLDER [--messages 100000] [--drawn] [--vault KEPT] [--json]

Prints the milliseconds of 200 natural questions, the memory of the process that asks them, bytes of index, what 10,000 more
messages cost beside what they cost an empty vault, how fast texts are embedded beside bare onnxruntime, and how long the command
takes to start. --drawn: made-up vectors (see `bench.growth.Drawn`), which a million messages need.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench import growth, synthetic
from souviens import encode, recall, vault
from souviens.encode.local import MODEL, VOCABULARY, onnx_forward, read_vocabulary
from souviens.encode.wordpiece import WordPiece
from souviens.port import indexing
from souviens.vault import Vault, keys

QUESTIONS = 200
MORE = 10_000  # messages that are added
EMBEDDED = 600  # texts that are embedded, by us and by bare onnxruntime
TURNS = 3  # each of what is compared is measured so often, in turn


def asked(made: Vault, encoder: encode.Encoder) -> dict[str, float]:
    """Milliseconds a question, over `QUESTIONS` natural questions of 8 words or more with stop words; the peak of this process's
    memory."""
    questions = list(synthetic.questions(synthetic.Texts(), QUESTIONS + 10))
    assert all(len(question.split()) >= 8 for question in questions)
    times = []
    with indexing.open_index(made) as index:
        layout = index.layout()
        for n, question in enumerate(questions):
            started = time.perf_counter()
            found = recall.ask(question, 10, store=made.store, index=index, encoder=encoder)
            if n >= 10:  # the first ones fill the caches of a process that goes on
                times.append(1000 * (time.perf_counter() - started))
            assert len(found.items) == 10, question
            assert found.encoder == encoder.id
        size, text = layout.size, int(layout.lengths.sum())
    times.sort()
    return {
        "messages": size,
        "p50_ms": statistics.median(times),
        "p95_ms": times[int(0.95 * len(times))],
        "max_ms": times[-1],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "text_bytes": text,
        "index_bytes": sum(file.stat().st_size for file in made.folder.glob("index-*.db*")),
    }


def apart(home: Path, encoder: Path) -> dict[str, float]:
    """`asked` in a process of its own, whose memory holds nothing else."""
    command = [sys.executable, "-m", "bench.speed", "--encoder", str(encoder), "--vault", str(home), "--ask"]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def added(home: Path, encoder: encode.Encoder) -> dict[str, float]:
    """Seconds until words, and until vectors, find 10,000 more messages: in a copy of the vault, and in an empty one."""
    drawn = growth.Drawn(encoder)
    first = 10_000_000  # conversations that no vault here has
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        copy, key = Path(scratch) / "large", keys.read_key_file(home / "key")
        shutil.copytree(home / "vault", copy)
        os.sync()  # else what is measured waits for the copy to reach the disk
        with vault.unlock(copy, [key]) as large, growth.empty(Path(scratch) / "empty", Path(scratch) / "key") as small:
            into = {"large": large, "empty": small}
            words = {name: growth.grow(made, MORE, first=first) for name, made in into.items()}
            vectors = {name: growth.embed(made, drawn) for name, made in into.items()}
    return {f"add_{name}_s": words[name] + vectors[name] for name in into} | {
        "add_ratio": sum((words["large"], vectors["large"])) / sum((words["empty"], vectors["empty"]))
    }


def embedding(encoder: encode.Encoder, folder: Path) -> dict[str, float]:
    """Texts a second through our encoder, and through bare onnxruntime given their token ids, one thread each core, in turn."""
    texts = synthetic.Texts(3)
    sample = [texts.text(growth.WORDS[n % 2]) for n in range(EMBEDDED)]
    tokens = WordPiece(read_vocabulary(folder / VOCABULARY))
    ids = [tokens.ids(text) for text in sample]
    run = onnx_forward(folder / MODEL)
    ours, bare = [], []
    for _ in range(TURNS):
        started = time.perf_counter()
        encoder.encode(sample)
        ours.append(time.perf_counter() - started)
        bare.append(_bare(run, ids))
    return {
        "embed_per_s": EMBEDDED / min(ours),
        "onnxruntime_per_s": EMBEDDED / min(bare),
        "embed_ratio": min(bare) / min(ours),
    }


def _bare(run: encode.local.Forward, ids: list[list[int]]) -> float:
    """Seconds of the model alone, one thread each core as ours has."""
    started = time.perf_counter()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        np.array(list(pool.map(run, ids)))
    return time.perf_counter() - started


def cold(folder: Path, key_file: Path, encoder: Path) -> dict[str, float]:
    """Seconds from starting the command to its end, the median of seven, in processes of their own."""
    environment = {**os.environ, "SOUVIENS_ENCODER": str(encoder), "SOUVIENS_VAULT": str(folder)}
    environment.pop("SOUVIENS_PASSPHRASE", None)
    command = [str(Path(sys.executable).with_name("souviens"))]

    def seconds(*arguments: str) -> float:
        taken = []
        for _ in range(7):
            started = time.perf_counter()
            subprocess.run([*command, *arguments], env=environment, check=True, capture_output=True)
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)

    question = "what did I say about the water and the house last year?"
    return {
        "help_s": seconds("--help"),
        "recall_s": seconds("--key-file", str(key_file), "recall", question),
        "kdf_s": _kdf(),
    }


def _kdf() -> float:
    """What a passphrase adds: one Argon2id at the default cost."""
    started = time.perf_counter()
    keys.wrap(os.urandom(32), keys.passphrase("correct horse"), "main")
    return time.perf_counter() - started


def told(figures: dict[str, float]) -> str:
    a_message = figures["index_bytes"] / figures["messages"]
    allowed = (1.5 * figures["text_bytes"] + 800 * figures["messages"]) / figures["messages"]
    return (
        f"recall: {figures['messages']:.0f} units, encrypted, encoder included, {QUESTIONS} questions: "
        f"p50 {figures['p50_ms']:.1f} ms, p95 {figures['p95_ms']:.1f} ms, max {figures['max_ms']:.1f} ms; "
        f"memory at its peak {figures['peak_mb']:.0f} MB\n"
        f"index: {a_message:.0f} bytes a message (bar: 1.5 x its text + 800 = {allowed:.0f})\n"
        f"{MORE} messages more, words and vectors: {figures['add_large_s']:.1f} s, into an empty vault "
        f"{figures['add_empty_s']:.1f} s: {figures['add_ratio']:.2f} x (bar 1.5)\n"
        f"embedding: {figures['embed_per_s']:.0f} texts a second, bare onnxruntime {figures['onnxruntime_per_s']:.0f}: "
        f"{figures['embed_ratio']:.2f} (bar 0.9)\n"
        f"start: souviens --help {figures['help_s']:.2f} s; cold recall with a key file {figures['recall_s']:.2f} s "
        f"(a passphrase adds {figures['kdf_s']:.2f} s)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--drawn", action="store_true", help="made-up vectors: what they say does not change how long it takes")
    parser.add_argument("--vault", type=Path, help="keep the vault in this folder and use it again")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    encoder = encode.find(chosen.encoder)
    if encoder is None:
        sys.exit(f"no encoder in {chosen.encoder}: make encoder")
    with tempfile.TemporaryDirectory() as scratch:
        home = chosen.vault or Path(scratch) / "home"
        home.mkdir(parents=True, exist_ok=True)
        if chosen.ask:
            with vault.unlock(home / "vault", [keys.read_key_file(home / "key")]) as made:
                print(json.dumps(asked(made, encoder)))
            return
        growth.prepared(home / "vault", home / "key", chosen.messages, growth.Drawn(encoder) if chosen.drawn else encoder).close()
        figures = apart(home, chosen.encoder) | added(home, encoder) | embedding(encoder, chosen.encoder)
        figures |= cold(home / "vault", home / "key", chosen.encoder)
    print(json.dumps(figures) if chosen.json else told(figures))


if __name__ == "__main__":
    main()
