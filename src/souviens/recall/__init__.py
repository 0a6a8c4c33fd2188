"""Recall: question -> candidates -> weights -> what was found, how strongly, and why.

    found = ask("which clay did I settle on?", 10, store=store, index=index, encoder=encoder)

Candidates are the union of what words and vectors find, never one gated by the other; their scores are mixed by value, not by
rank; structure is a bounded boost (`weights.WEIGHTS`). Asked through a Scope, which filters before anything is ranked.
"""

from __future__ import annotations

from souviens.recall.asking import Item, Recall, ask
from souviens.recall.context import Context, assemble

__all__ = ["Context", "Item", "Recall", "ask", "assemble"]
