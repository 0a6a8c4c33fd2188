"""Chroma as its guide uses it on one machine: a persistent collection, cosine, a document with metadata for each piece of a turn.

It has no ranking by words here: `Search` with sparse vectors is for its servers ("not implemented for Local Chroma").
"""

from __future__ import annotations

from typing import Any

import chromadb
import wire
from chromadb.config import Settings


class _Encoder(chromadb.EmbeddingFunction):  # type: ignore[misc]
    def __init__(self) -> None:
        """Nothing to keep: the address comes from the environment."""

    def __call__(self, input: list[str]) -> Any:
        return wire.embed(input)

    @staticmethod
    def name() -> str:
        return "souviens-bench"

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> _Encoder:
        return _Encoder()

    def get_config(self) -> dict[str, Any]:
        return {}


class Chroma:
    package = "chromadb"
    settings = [{"name": "dense", "store": "dense", "about": "persistent collection, HNSW, cosine"}]

    def open(self, store: str, folder: str) -> None:
        self._client = chromadb.PersistentClient(folder, Settings(anonymized_telemetry=False))
        configuration = {"hnsw": {"space": "cosine"}}
        self._turns = self._client.create_collection("turns", embedding_function=_Encoder(), configuration=configuration)

    def add(self, turns: list[dict[str, Any]]) -> None:
        rows = [(turn, n, text) for turn in turns for n, text in enumerate(wire.documents(turn))]
        most = self._client.get_max_batch_size()
        for start in range(0, len(rows), most):
            part = rows[start : start + most]
            self._turns.add(
                ids=[f"{turn['id']}#{n}" for turn, n, _ in part],
                documents=[text for _, _, text in part],
                metadatas=[{"turn": t["id"], "session": t["session"], "role": t["role"], "date": t["date"]} for t, _, _ in part],
            )

    def ask(self, setting: str, question: str, depth: int) -> list[str]:
        found = self._turns.query(query_texts=[question], n_results=depth, include=["metadatas"])
        return [row["turn"] for row in found["metadatas"][0]]

    def shut(self) -> None:
        self._client.close()


wire.serve(Chroma())
