"""How good a ranking is: any@k, all@k, rec@k, NDCG@10 and MRR, in percent.

any@k: at least one piece of evidence among the first k. all@k: every piece. rec@k: the share of it. NDCG@10: binary gains, the
ideal over all of the evidence. MRR: one over the place of the first piece, 0 if it is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2
from typing import TypeAlias

METRICS = ("any@1", "any@5", "any@10", "all@10", "rec@5", "rec@10", "ndcg@10", "mrr")
Scores: TypeAlias = dict[str, float]  # of each metric


def score(ranked: Sequence[str], gold: frozenset[str]) -> Scores:
    """The metrics of one ranking of ids, each once, best first. {} if nothing is known to be evidence: it cannot be scored."""
    if not gold:
        return {}
    hits = [id in gold for id in ranked]
    gained = sum(1 / log2(place + 2) for place, hit in enumerate(hits[:10]) if hit)
    ideal = sum(1 / log2(place + 2) for place in range(min(10, len(gold))))
    first = next((place for place, hit in enumerate(hits) if hit), None)
    return {
        "any@1": float(any(hits[:1])),
        "any@5": float(any(hits[:5])),
        "any@10": float(any(hits[:10])),
        "all@10": float(sum(hits[:10]) == len(gold)),
        "rec@5": sum(hits[:5]) / len(gold),
        "rec@10": sum(hits[:10]) / len(gold),
        "ndcg@10": gained / ideal,
        "mrr": 0.0 if first is None else 1 / (first + 1),
    }


def mean(scores: Iterable[Scores]) -> Scores:
    """The mean of each metric over what could be scored, in percent to one place; {} if nothing could."""
    rows = [row for row in scores if row]
    return {metric: round(100 * sum(row[metric] for row in rows) / len(rows), 1) for metric in METRICS} if rows else {}
