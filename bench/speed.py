"""How long a question takes: recall over 100,000 messages, encrypted, encoder included; and how long the command takes to start.

python -m bench.speed --encoder FOLDER [--megabytes 140] [--vault KEPT]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import synthetic
from souviens import encode, recall, vault
from souviens.errors import NoVault
from souviens.port import indexing
from souviens.port.intake import take_in
from souviens.vault import Vault, keys

QUESTIONS = 200
WORDS = (15, 60)  # of a person's turn and a model's: embedding 100,000 longer ones would take this machine an hour


def prepared(folder: Path, key_file: Path, megabytes: float, encoder: encode.Encoder) -> Vault:
    """A vault of synthetic conversations with vectors, made if it is not there."""
    try:
        made = vault.unlock(folder, [keys.read_key_file(key_file)])
    except (NoVault, keys.WrongKey):
        credential = keys.new_key_file(key_file)
        made = vault.create(folder, {"key": credential}, "2026-01-01T00:00:00Z", os.urandom(32))
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch) / "conversations.json"
            synthetic.write(source, megabytes, words=WORDS)
            take_in(made, source)
    indexing.embed(made, encoder)
    return made


def questions(made: Vault, encoder: encode.Encoder) -> dict[str, float]:
    """Milliseconds a question, over `QUESTIONS` natural questions of 8 words or more with stop words."""
    asked = list(synthetic.questions(synthetic.Texts(), QUESTIONS + 10))
    assert all(len(question.split()) >= 8 for question in asked)
    times = []
    with indexing.open_index(made) as index:
        messages = int(index.layout().size)
        for n, question in enumerate(asked):
            started = time.perf_counter()
            found = recall.ask(question, 10, store=made.store, index=index, encoder=encoder)
            if n >= 10:  # the first ones fill the caches of a process that goes on
                times.append(1000 * (time.perf_counter() - started))
            assert len(found.items) == 10, question
            assert found.encoder == encoder.id
    times.sort()
    return {"messages": messages, "p50_ms": statistics.median(times), "p95_ms": times[int(0.95 * len(times))], "max_ms": times[-1]}


def cold(folder: Path, key_file: Path, encoder: Path) -> dict[str, float]:
    """Seconds from starting the command to its end, the median of seven, in processes of their own."""
    environment = {**os.environ, "SOUVIENS_ENCODER": str(encoder), "SOUVIENS_VAULT": str(folder)}
    environment.pop("SOUVIENS_PASSPHRASE", None)
    command = [str(Path(sys.executable).with_name("souviens"))]

    def seconds(*arguments: str, **more: str) -> float:
        taken = []
        for _ in range(7):
            started = time.perf_counter()
            subprocess.run([*command, *arguments], env={**environment, **more}, check=True, capture_output=True)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=86, help="of source; 86 make some 100,000 messages")
    parser.add_argument("--vault", type=Path, help="keep the vault here and use it again")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    encoder = encode.find(arguments.encoder)
    if encoder is None:
        sys.exit(f"no encoder in {arguments.encoder}: make encoder")
    with tempfile.TemporaryDirectory() as scratch:
        home = arguments.vault or Path(scratch) / "home"
        home.mkdir(parents=True, exist_ok=True)
        with prepared(home / "vault", home / "key", arguments.megabytes, encoder) as made:
            figures = questions(made, encoder)
        figures |= cold(home / "vault", home / "key", arguments.encoder)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(
        f"recall: {figures['messages']:.0f} units, encrypted, encoder included, {QUESTIONS} questions: "
        f"p50 {figures['p50_ms']:.1f} ms, p95 {figures['p95_ms']:.1f} ms, max {figures['max_ms']:.1f} ms"
    )
    print(
        f"start: souviens --help {figures['help_s']:.2f} s; cold recall with a key file {figures['recall_s']:.2f} s "
        f"(a passphrase adds {figures['kdf_s']:.2f} s)"
    )


if __name__ == "__main__":
    main()
