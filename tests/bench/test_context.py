"""The context bench over the small set: every way and budget is there, and a larger budget never holds less."""

from __future__ import annotations

from statistics import fmean

from bench.context import WAYS, measure
from bench.haystacks import SMALL, Set


def test_measures_each_way_at_each_budget() -> None:
    found = measure(Set("small", SMALL), None, [300, 2000], None)
    assert set(found) == {f"{way}, {budget} tokens" for way in WAYS for budget in (300, 2000)}
    for way in WAYS:
        few, many = (fmean(found[f"{way}, {budget} tokens"]["all"]) for budget in (300, 2000))
        assert 0 < few <= many <= 100
