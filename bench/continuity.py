"""Does memory survive a move? The same questions before and after, by the way a vault went.

    python -m bench.continuity [--data DIR] [--sets locomo] [--encoder FOLDER] [--keep FOLDER] [--json OUT]

Per set and path: of the evidence that stood in the top 10 before, the share that stands there afterwards, recall@10 before and
after, and what the way out said it could not carry. Ids change on the way, so evidence is known again by its words. Paths:

* plain export: JSON lines, imported into a new vault. Everything has to be found again;
* openwebui, chatgpt: written for a client that keeps the whole tree, and its export read back. 98 of 100;
* memory text: the list of memories that is pasted from one assistant into another, which is what people have today. The baseline
  is kind: a line a conversation, the person's own sentence with the rarest words, up to what an assistant keeps (`LINES`), word
  for word. Evidence counts as found if a line of it is.

Exits with 1 if a bar is not met.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from bench.haystacks import SMALL, Haystack, Question, Set, sets
from bench.vaults import CREATED, Built, Texts, built
from souviens import encode, vault
from souviens.encode import Encoder
from souviens.index.port import Index
from souviens.port import indexing
from souviens.port.giving import choose, move
from souviens.port.intake import take_in
from souviens.port.lines import export_lines, import_lines
from souviens.port.remembering import remember
from souviens.recall import ask
from souviens.records import Conversation, spoken
from souviens.vault import Vault

TOP = 10
LINES = 100  # entries of an assistant's memory
BARS = {"plain export": 100.0, "openwebui": 98.0, "chatgpt": 98.0}
_SENTENCE = re.compile(r"(?<=[.!?。！？।؟\n])\s*")
_WORD = re.compile(r"\w+")
Way: TypeAlias = Callable[[Vault, Path, Vault], Counter[str]]  # (from, a folder for files, to) -> what the way out has lost


# --- the ways ---------------------------------------------------------------------------------------------------------


def _plain(old: Vault, folder: Path, new: Vault) -> Counter[str]:
    export_lines(old, folder / "souviens.jsonl")
    import_lines(new, folder / "souviens.jsonl")
    return Counter()


def _through(target: str) -> Way:
    """Out in a client's form, and in again by its reader."""

    def way(old: Vault, folder: Path, new: Vault) -> Counter[str]:
        moved = move(choose(old), target, folder)
        take_in(new, folder)
        lost: Counter[str] = Counter()
        for loss in moved.lost:
            lost[f"{loss.kind}: {loss.reason}"] += loss.count
        return lost

    return way


def _pasted(old: Vault, folder: Path, new: Vault) -> Counter[str]:
    """Lines that an assistant might have kept, stated in a vault of their own, written as text, read as text."""
    (folder / "out").mkdir()
    with vault.create(folder / "kept", {}, CREATED, None) as kept:
        for line in memories(old):
            remember(kept, line)
        move(choose(kept), "memory-text", folder / "out")
    take_in(new, folder / "out")
    return Counter()


def memories(old: Vault) -> list[str]:
    """Of each conversation the person's sentence with the rarest words, at most LINES in all, spread over the whole time."""
    said: list[list[str]] = []
    for seq, _, _ in old.store.live():
        record = old.store.pack(seq)
        if isinstance(record, Conversation):
            texts = [spoken(message) for message in record.messages if message.role == "user"]
            said.append([part.strip() for text in texts for part in _SENTENCE.split(text) if part.strip()])
    counts = Counter(word for sentences in said for sentence in sentences for word in set(_WORD.findall(sentence.lower())))
    total = sum(map(len, said)) or 1

    def telling(sentence: str) -> float:
        words = set(_WORD.findall(sentence.lower()))
        return sum(log(total / counts[word]) for word in words) / (1 + len(words) ** 0.5)

    best = [max(sentences, key=telling) for sentences in said if sentences]
    step = max(1.0, len(best) / LINES)
    return [best[int(n * step)] for n in range(min(LINES, len(best)))]


WAYS: dict[str, Way] = {
    "plain export": _plain,
    "openwebui": _through("openwebui"),
    "chatgpt": _through("chatgpt"),
    "memory text": _pasted,
}

# --- asking -----------------------------------------------------------------------------------------------------------


@dataclass
class Account:
    """One way over a whole set. evidence: found before; kept: of it, found after. before, after: recall@10 of each question."""

    evidence: int = 0
    kept: int = 0
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        before, after = (100 * sum(values) / max(1, len(values)) for values in (self.before, self.after))
        return {
            "evidence_overlap": round(100 * self.kept / self.evidence, 2) if self.evidence else 100.0,
            "rec@10_before": round(before, 1),
            "rec@10_after": round(after, 1),
            "change": round(after - before, 1),
            "lost": dict(self.lost.most_common()),
        }


class _Asked(NamedTuple):
    question: Question
    gold: list[str]  # the words of each piece of evidence
    found: list[str]  # what is found of them before


def plain(text: str) -> str:
    """A text as it is known again: without differences of white space, at its ends or inside."""
    return " ".join(text.split())


def _top(question: Question, made: Vault, index: Index, encoder: Encoder | None) -> list[str]:
    found = ask(question.text, TOP, store=made.store, index=index, encoder=encoder, now=question.asked)
    return [plain(item.text) for item in found.items]


def _found(gold: Sequence[str], top: Sequence[str], partly: bool) -> list[str]:
    """The evidence that stands among the texts; partly: or of which a text is a part."""
    return [text for text in gold if text in top or (partly and any(piece and piece in text for piece in top))]


def follow(of: Set, encoder: Encoder | None, keep: Path | None = None) -> dict[str, Account]:
    """Every way over every haystack of a set."""
    accounts = {name: Account() for name in WAYS}
    with tempfile.TemporaryDirectory() as scratch:
        for haystack in of.haystacks():
            with built(haystack, (keep or Path(scratch)) / of.name / haystack.id, encoder) as old:
                asked = list(_before(haystack, old, encoder))
                for name, way in WAYS.items():
                    with _moved(old.vault, way, encoder, accounts[name]) as (new, index):
                        _after(accounts[name], asked, new, index, encoder, partly=name == "memory text")
    return accounts


def _before(haystack: Haystack, old: Built, encoder: Encoder | None) -> Iterator[_Asked]:
    words = dict[str, str]()
    for seq, _, _ in old.vault.store.live():
        record = old.vault.store.pack(seq)
        if isinstance(record, Conversation):
            words.update({message.provider_id or "": plain(spoken(message)) for message in record.messages})
    for question in haystack.questions:
        if question.turns:
            gold = sorted({words[turn] for turn in question.turns})
            yield _Asked(question, gold, _found(gold, _top(question, old.vault, old.index, encoder), partly=False))


@contextmanager
def _moved(old: Vault, way: Way, encoder: Encoder | None, account: Account) -> Iterator[tuple[Vault, Index]]:
    with tempfile.TemporaryDirectory() as scratch, vault.create(Path(scratch) / "new", {}, CREATED, None) as new:
        (Path(scratch) / "files").mkdir()
        account.lost += way(old, Path(scratch) / "files", new)
        indexing.embed(new, encoder)
        with indexing.open_index(new) as index:
            index.sync(new.store)
            yield new, index


def _after(account: Account, asked: Sequence[_Asked], new: Vault, index: Index, encoder: Encoder | None, *, partly: bool) -> None:
    for question, gold, before in asked:
        after = _found(gold, _top(question, new, index, encoder), partly)
        account.evidence += len(before)
        account.kept += len(set(before) & set(after))
        account.before.append(len(before) / len(gold))
        account.after.append(len(after) / len(gold))
        account.missed += [(question.text, text) for text in before if text not in after]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, help="a folder of sets; without it the small one of the repository")
    parser.add_argument("--sets", default="", help="names, divided by commas; every file without it")
    parser.add_argument("--encoder", type=Path, help="the folder of an installed encoder; words alone without it")
    parser.add_argument("--keep", type=Path, help="leave the vaults of the sets in this folder, and use those that are there")
    parser.add_argument("--missed", type=int, default=0, metavar="N", help="show N pieces of evidence that each way lost")
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args()
    found = encode.find(chosen.encoder) if chosen.encoder else None
    if chosen.encoder and found is None:
        parser.error(f"no encoder in {chosen.encoder}: make encoder")
    encoder = Texts(found) if found else None
    named = [name for name in chosen.sets.split(",") if name]
    files = sets(chosen.data, named) if chosen.data else {"small": Set("small", SMALL)}
    document: dict[str, Any] = {"encoder": encoder.id if encoder else None, "sets": {}}
    short = []
    for name, of in files.items():
        accounts = follow(of, encoder, chosen.keep)
        document["sets"][name] = {way: account.document() for way, account in accounts.items()}
        print(f"\n{name:16} evidence kept   rec@10 before    after   change")
        for way, row in document["sets"][name].items():
            before, after, change = row["rec@10_before"], row["rec@10_after"], row["change"]
            print(f"  {way:14} {row['evidence_overlap']:>13.2f} {before:>15.1f} {after:>8.1f} {change:>+8.1f}")
            for question, text in accounts[way].missed[: chosen.missed]:
                print(f"      {question}  <-  {text[:100]}")
            if row["evidence_overlap"] < BARS.get(way, 0.0):
                short.append(f"{name}, {way}: {row['evidence_overlap']} of {BARS[way]}")
    if chosen.json:
        chosen.json.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    if short:
        sys.exit(f"not met: {'; '.join(short)}")


if __name__ == "__main__":
    main()
