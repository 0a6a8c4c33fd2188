"""MemPalace: each turn a drawer by `file_conversation_exchange`, asked by `search_memories`, its interface for programs.

Its own scores for LoCoMo come from a script that ranks whole sessions; what it offers a program are the three settings below. Each
drawer has a source file of its own, since "union" takes drawers of one source for one. No closets, which only mining makes.
"""

from __future__ import annotations

import os
from typing import Any

os.environ |= {
    "ANONYMIZED_TELEMETRY": "False",
    "MEMPALACE_EMBEDDING_MODEL": "openai-compat",
    "MEMPALACE_EMBEDDING_API_URL": os.environ.get("PEER_ENCODER", ""),
    "MEMPALACE_EMBEDDING_API_MODEL": "all-MiniLM-L6-v2",
}

import wire
from mempalace.convo_miner import file_conversation_exchange
from mempalace.palace import get_collection
from mempalace.searcher import search_memories

_WING = "conversations"


class MemPalace:
    package = "mempalace"
    settings = [
        {"name": "raw", "store": "palace", "about": "vectors alone (weights 1 and 0)"},
        {"name": "hybrid", "store": "palace", "about": "as it comes: vectors, ranked again with BM25 (0.6 and 0.4)"},
        {"name": "hybrid union", "store": "palace", "about": "candidates of vectors and words, English stop words"},
    ]

    def open(self, store: str, folder: str) -> None:
        self._palace = f"{folder}/palace"
        self._drawers = get_collection(self._palace, create=True)
        self._turns: dict[str, str] = {}

    def add(self, turns: list[dict[str, Any]]) -> None:
        for turn in turns:
            for n, text in enumerate(wire.documents(turn)):
                drawer = file_conversation_exchange(
                    self._drawers,
                    wing=_WING,
                    room="turns",
                    text=text,
                    source_file=f"{turn['session']}/{turn['id']}/{n}",
                    agent=turn["role"],
                    authored_at=turn["date"],
                    extra_metadata={"session_id": turn["session"]},
                )
                self._turns[str(drawer)] = turn["id"]

    def ask(self, setting: str, question: str, depth: int) -> list[str]:
        os.environ["MEMPALACE_HYBRID_VECTOR_WEIGHT"] = "1.0" if setting == "raw" else "0.6"
        os.environ["MEMPALACE_HYBRID_BM25_WEIGHT"] = "0.0" if setting == "raw" else "0.4"
        wide = setting == "hybrid union"
        found = search_memories(
            question,
            self._palace,
            n_results=depth,
            candidate_strategy="union" if wide else "vector",
            lang="en" if wide else None,
        )
        if "error" in found:
            raise RuntimeError(found["error"])
        # Drawers with the same text are folded into one hit, which names the others.
        return [self._turns[drawer["drawer_id"]] for hit in found["results"] for drawer in (hit, *hit.get("also_in", ()))]

    def shut(self) -> None:
        self._drawers = None


wire.serve(MemPalace())
