"""Synthetic exports of any size with the statistics of real ones: words by Zipf's law over 100,000 forms, messages of log-normal
length, thirty to a conversation. Deterministic; written to disk, never committed.

    python -m bench.synthetic OUT.json --megabytes 1000
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FORMS = 100_000
# The commonest words are real ones, so that questions with stop words meet what they meet in life.
COMMON = """
the of and to in a is that it for was on are with as I his they be at one have this from or had by not word
but what some we can out other were all there when up use your how said an each she which do their time if
will way about many then them write would like so these her long make thing see him two has look more day
could go come did number sound no most people my over know water than call first who may down side been now
find any new work part take get place made live where after back little only round man year came show every
good me give our under name very through just form sentence great think say help low line differ turn cause
much mean before move right boy old too same tell does set three want air well also play small end put home
read hand port large spell add even land here must big high such follow act why ask men change went light kind
off need house picture try us again animal point mother world near build self earth father
""".split()  # noqa: SIM905  # a list of words reads better as words
_SYLLABLES = "ba co di fu ge ha ki lo mu na pe qui ro si ta ve wa xo ya ze tri plo sna gle bru".split()  # noqa: SIM905


def vocabulary() -> list[str]:
    """FORMS distinct word forms, the common ones first."""
    made = ("".join(parts) for n in (2, 3, 4) for parts in itertools.product(_SYLLABLES, repeat=n))
    words = list(dict.fromkeys(COMMON))
    known = set(words)
    rng = random.Random(7)
    pool = list(itertools.islice((w for w in made if w not in known), 3 * FORMS))
    rng.shuffle(pool)
    return words + pool[: FORMS - len(words)]


class Texts:
    """Endless texts over the vocabulary: word ranks drawn from a Zipf law with exponent 1.05."""

    def __init__(self, seed: int = 1) -> None:
        self.words = np.array(vocabulary(), dtype=object)
        weights = 1.0 / np.arange(1, FORMS + 1) ** 1.05
        self._cumulative = np.cumsum(weights / weights.sum())
        self._rng = np.random.default_rng(seed)

    def draw(self, n: int) -> list[str]:
        """n words."""
        ranks = np.searchsorted(self._cumulative, self._rng.random(n))
        return list(self.words[np.minimum(ranks, FORMS - 1)])

    def text(self, mean_words: int) -> str:
        n = max(3, int(self._rng.lognormal(np.log(mean_words) - 0.32, 0.8)))
        return " ".join(self.draw(n)).capitalize() + "."


def conversation(texts: Texts, number: int, messages: int = 30, words: tuple[int, int] = (40, 220)) -> dict[str, object]:
    """One conversation in ChatGPT's 2025 shape: a root, then turns of a person and a model, one regenerated answer in ten.

    words: the mean length of a person's turn and of a model's.
    """
    rng = random.Random(number)
    start = 1_700_000_000 + number * 1_800
    ids = [f"{number:08x}-0000-4000-8000-{n:012x}" for n in range(messages + 1)]
    mapping: dict[str, dict[str, object]] = {ids[0]: {"id": ids[0], "message": None, "parent": None, "children": []}}
    parent = ids[0]
    for n in range(1, messages + 1):
        user = n % 2 == 1
        node = ids[n]
        mapping[node] = {
            "id": node,
            "message": {
                "id": node,
                "author": {"role": "user" if user else "assistant", "name": None, "metadata": {}},
                "create_time": start + n * 40 + 0.125,
                "update_time": None,
                "content": {"content_type": "text", "parts": [texts.text(words[0] if user else words[1])]},
                "status": "finished_successfully",
                "end_turn": None if user else True,
                "weight": 1.0,
                "metadata": {} if user else {"model_slug": "gpt-5", "finish_details": {"type": "stop"}, "request_id": node},
                "recipient": "all",
                "channel": None,
            },
            "parent": parent,
            "children": [],
        }
        children = mapping[parent]["children"]
        assert isinstance(children, list)
        children.append(node)
        if user or rng.random() > 0.1:
            parent = node
    return {
        "title": texts.text(5)[:60],
        "create_time": start + 0.5,
        "update_time": start + messages * 40 + 0.5,
        "mapping": mapping,
        "moderation_results": [],
        "current_node": parent,
        "conversation_id": f"{number:08x}-aaaa-4000-8000-000000000000",
        "id": f"{number:08x}-aaaa-4000-8000-000000000000",
        "default_model_slug": "gpt-5",
        "is_archived": False,
        "gizmo_id": None,
        "safe_urls": [],
    }


def write(
    path: Path, megabytes: float, *, seed: int = 1, messages: int = 30, words: tuple[int, int] = (40, 220), first: int = 0
) -> int:
    """Write a conversations.json of about that size, numbered from `first` on; the number of messages in it (roots not counted)."""
    texts = Texts(seed)
    size = count = 0
    with path.open("w", encoding="ascii") as file:
        file.write("[")
        for number in itertools.count(first):
            if size >= megabytes * 1e6:
                break
            data = ("," if size else "") + json.dumps(conversation(texts, number, messages, words))
            file.write(data)
            size += len(data)
            count += messages
        file.write("]")
    return count


def questions(texts: Texts, n: int) -> Iterator[str]:
    """n natural questions of 8 to 14 words with stop words: a few rare words among common ones."""
    rng = random.Random(99)
    openings = (
        "what did I say about the",
        "when was it that we talked of the",
        "which of the two did I want for my",
        "how did we make the",
        "where is the note about our",
    )
    for _ in range(n):
        rare = [str(texts.words[rng.randrange(300, 30_000)]) for _ in range(rng.randint(2, 4))]
        yield f"{rng.choice(openings)} {' and the '.join(rare)} last year?"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--megabytes", type=float, default=1000)
    arguments = parser.parse_args()
    count = write(arguments.out, arguments.megabytes)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.0f} MB, {count} messages")


if __name__ == "__main__":
    main()
