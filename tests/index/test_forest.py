"""The forest along time: what it promises whatever comes in, in whatever order."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from souviens.canon import Instant
from souviens.index import forest, open_index
from souviens.index.gist import DIMENSIONS
from souviens.index.layout import Layout
from souviens.records import Conversation
from souviens.vault.embedded import EmbeddedStore
from tests.index.contract import Letters, conversation, erase, put

# Few words, so that conversations are alike, unlike and equal.
WORDS = ("kiln", "glaze", "porcelain", "stoneware", "bread", "flour", "sourdough", "oven", "invoice", "taxes")
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
Shape: TypeAlias = dict[str, tuple[str | None, float, str]]
talks = st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=8)


def shape(layout: Layout) -> Shape:
    """Of each conversation its parent, how alike they are, and the root of its topic, by ids."""
    return {
        id: (
            layout.ids[layout.parents[row]] if layout.parents[row] >= 0 else None,
            float(layout.strengths[row]),
            layout.ids[layout.threads[row]],
        )
        for row, id in enumerate(layout.ids)
    }


def forest_of(
    batches: Sequence[Sequence[tuple[int, list[str]]]], *, encoder: Letters | None = None
) -> dict[str, tuple[str | None, float, str]]:
    """The forest of (day, texts) taken in batch by batch."""
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder), None, create=True)
        with open_index(Path(folder), None) as index:
            for batch in batches:
                put(store, *(dated(day, talk) for day, talk in batch))
                index.sync(store)
                if encoder is not None:
                    index.embed(store, encoder)
            index.tell(store)
            found = shape(index.layout())
            index.rebuild(store)
            index.tell(store)
            assert shape(index.layout()) == found
        store.close()
        return found


def dated(day: int, talk: list[str]) -> Conversation:
    return conversation(f"c-{day}", *talk, created=Instant(us=day * 86_400_000_000, zone="epoch"))


@settings(max_examples=15, deadline=None)
@given(talks, st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_imports_does_not_matter_and_importing_twice_changes_nothing(talks, random, with_vectors):  # type: ignore[no-untyped-def]
    encoder = Letters() if with_vectors else None
    dialogues = list(enumerate(talks))
    at_once = forest_of([dialogues], encoder=encoder)
    shuffled = random.sample(dialogues, len(dialogues))
    one_by_one = [[dialogue] for dialogue in shuffled]
    assert forest_of(one_by_one, encoder=encoder) == at_once
    assert forest_of([dialogues, dialogues[: len(dialogues) // 2]], encoder=encoder) == at_once


@settings(max_examples=15, deadline=None)
@given(talks, talks)
def test_a_later_conversation_never_changes_what_was_before_it(earlier, later):  # type: ignore[no-untyped-def]
    first = list(enumerate(earlier))
    then = list(enumerate(later, len(earlier)))
    before, after = forest_of([first]), forest_of([first, then])
    assert {id: after[id] for id in before} == before


@settings(max_examples=15, deadline=None)
@given(talks, st.data())
def test_without_what_was_erased_it_is_as_if_that_had_never_been(talks, data):  # type: ignore[no-untyped-def]
    dialogues = list(enumerate(talks))
    gone = data.draw(st.sets(st.sampled_from(range(len(talks)))))
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder), None, create=True)
        with open_index(Path(folder), None) as index:
            seqs = put(store, *(dated(day, talk) for day, talk in dialogues))
            index.sync(store)
            index.embed(store, Letters())
            erase(store, *(seqs[n] for n in gone))
            index.sync(store)
            index.tell(store)
            left = shape(index.layout())
            kept = index._contents.db.execute("SELECT seq FROM gist UNION SELECT seq FROM telling").fetchall()
        store.close()
    assert left == forest_of([[d for d in dialogues if d[0] not in gone]], encoder=Letters())
    assert {seq for (seq,) in kept} <= {seqs[n] for n in range(len(talks)) if n not in gone}


def naive(codes: np.ndarray, near: float, root: float) -> tuple[list[int], list[int]]:  # type: ignore[type-arg]
    """The forest by its definition, one conversation after another."""
    units = codes / np.linalg.norm(codes.astype(float), axis=1, keepdims=True)
    alike = units @ units.T
    parents, roots = [], []
    for n in range(len(codes)):
        before = alike[n, :n]
        best = int(n - 1 - np.argmax(before[::-1])) if n else -1
        joined = best >= 0 and before[best] >= near and (roots[best] == best or alike[n, roots[best]] >= root)
        parents.append(best if joined else -1)
        roots.append(roots[best] if joined else n)
    return parents, roots


def test_it_is_what_its_definition_says() -> None:
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((12, DIMENSIONS))
    codes = np.rint((centres[rng.integers(0, 12, 700)] + 0.9 * rng.standard_normal((700, DIMENSIONS))) * 25).astype(np.int8)
    found = forest.gists(np.arange(700), codes, np.full(700, -1), np.zeros(700), np.ones(700, np.bool_))
    order = rng.permutation(700)
    for start in range(0, 700, 90):
        forest.compare(found, np.sort(order[start : start + 90]), forest.BY_WORDS.near)
    grown = forest.grow(700, {0: found})
    parents, roots = naive(codes, forest.BY_WORDS.near, forest.BY_WORDS.root)
    assert (grown.parents.tolist(), grown.roots.tolist()) == (parents, roots)
    assert 12 <= len(set(roots)) < 400


def test_a_conversation_without_vectors_yet_is_compared_by_words(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, None, create=True)
    with open_index(tmp_path, None) as index:
        put(store, dated(1, ["kiln glaze"]), dated(2, ["bread flour"]))
        index.sync(store)
        index.embed(store, Letters())
        put(store, dated(3, ["kiln glaze stoneware"]))
        index.sync(store)
        index.tell(store)
        assert index.pending("letters").waiting == 2
        assert shape(index.layout())["c-3"][0::2] == ("c-1", "c-1")
    store.close()
