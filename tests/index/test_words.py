"""Words, as laws: a document is found by its own words, in any script; and the layout agrees with counting by hand."""

from __future__ import annotations

from random import Random

import apsw
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from souviens.index import schema
from souviens.index.layout import Layout, Span
from souviens.index.words import MAX_TERMS, split, terms

SCRIPTS = "abcdefgh ÉÜßøñ αβγ привет שלום مرحبا हिन्दी 東京都データひらがな ภาษาไทย ພາສາລາວ ភាសាខ្មែរ မြန်မာ 세계한국 .,!?'\"-()*:^😀"


def matches(document: str, expression: str) -> bool:
    db = apsw.Connection(":memory:")
    schema.create(db)
    db.execute("INSERT INTO words(rowid, text) VALUES (1, ?)", (split(document),))
    return bool(db.execute("SELECT 1 FROM words WHERE words MATCH ?", (expression,)).fetchall())


@given(st.text(alphabet=SCRIPTS, max_size=40))
def test_a_text_is_found_by_each_of_its_own_terms(text: str) -> None:
    for term in terms(text):
        assert matches(text, term.expression), term


@given(st.text(max_size=200))
def test_any_text_is_a_question(query: str) -> None:
    found = terms(query)
    assert len(found) <= MAX_TERMS
    assert len({term.words.casefold() for term in found}) == len(found)
    for term in found:
        assert '"' not in term.words
        assert "\0" not in term.words
        matches("nothing", term.expression)  # does not raise


@given(st.text(max_size=100).filter(str.isascii))
def test_plain_text_is_left_as_it_is(text: str) -> None:
    assert split(text) == text


@given(st.lists(st.integers(1, 5), max_size=8), st.randoms(use_true_random=False))
def test_positions_and_units_are_each_others_inverse(counts: list[int], random: Random) -> None:
    firsts, spans = list(np.cumsum([10, *(count + 3 for count in counts)]).tolist()), []
    order = list(range(len(counts)))
    random.shuffle(order)  # units are given out in another order than that of seq
    for seq, slot in enumerate(order):
        roles = bytes(range(counts[slot]))
        fixed = ("conversation", f"c-{seq}", "p", None, None, None, None)
        spans.append(
            Span(
                firsts[slot],
                seq,
                *fixed,
                roles,
                b"\0" * 8 * len(roles),
                traits=roles,
                lengths=b"\0" * 4 * len(roles),
                names="",
                who=b"",
            )
        )
    layout = Layout(spans)
    assert layout.positions(layout.units).tolist() == list(range(layout.size))
    outside = sorted(set(range(firsts[-1] + 5)) - set(layout.units.tolist()))
    assert set(layout.positions(outside).tolist()) <= {-1}
    for unit in layout.units.tolist():
        place = layout.place(unit)
        assert place is not None
        row = layout.row(place.kind, place.id)
        assert row is not None
        assert int(layout.firsts[row]) + place.ordinal == unit
        assert unit not in layout.neighbours(unit, 2)
        assert all(abs(other - unit) <= 2 and layout.header(other) == layout.header(unit) for other in layout.neighbours(unit, 2))
