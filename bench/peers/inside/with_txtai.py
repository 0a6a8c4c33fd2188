"""txtai: an Embeddings index with content, by vectors, by words (its BM25), and both ways it mixes them.

Its default for `hybrid` is normalised BM25, half and half with cosine; "bb25" is its other normalisation, mixed as log odds.
"""

from __future__ import annotations

import os
from typing import Any

os.environ |= {
    "ALLOW_RESOLVE_TRANSFORM": "True",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

import wire
from txtai import Embeddings

_VECTORS = {"method": "external", "transform": "wire.embed", "content": True}
_STORES: dict[str, dict[str, Any]] = {
    "hybrid": _VECTORS | {"hybrid": True},
    "hybrid bb25": _VECTORS | {"hybrid": True, "scoring": {"method": "bm25", "terms": True, "normalize": "bb25"}},
    "dense": _VECTORS,
    "words": {"keyword": True, "content": True},
}
_ABOUT = {
    "hybrid": "Embeddings(hybrid=True): cosine and normalised BM25, 0.5 each",
    "hybrid bb25": "the same with normalize='bb25': log odds",
    "dense": "Embeddings by vectors alone",
    "words": "Embeddings(keyword=True): BM25 alone",
}


class Txtai:
    package = "txtai"
    settings = [{"name": name, "store": name, "about": _ABOUT[name]} for name in _STORES]

    def open(self, store: str, folder: str) -> None:
        self._folder = f"{folder}/index"
        self._index = Embeddings(dict(_STORES[store]))

    def add(self, turns: list[dict[str, Any]]) -> None:
        rows = [
            (f"{turn['id']}#{n}", {"text": text, "session": turn["session"], "role": turn["role"], "date": turn["date"]}, None)
            for turn in turns
            for n, text in enumerate(wire.documents(turn))
        ]
        self._index.index(rows)
        self._index.save(self._folder)

    def ask(self, setting: str, question: str, depth: int) -> list[str]:
        return [row["id"].rpartition("#")[0] for row in self._index.search(question, depth)]

    def shut(self) -> None:
        self._index.close()


wire.serve(Txtai())
