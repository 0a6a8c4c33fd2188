"""When the events were that a question dates by: "before the move" is a step through the history before the one that answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from souviens.index.layout import UNKNOWN, Allowed, Layout
from souviens.index.port import NOTHING, Index
from souviens.recall.anchors import Anchor
from souviens.recall.board import Board
from souviens.recall.meaning import Meaning
from souviens.recall.pages import Pages
from souviens.recall.question import Question, read
from souviens.recall.relative import Span, told
from souviens.recall.weights import BY_VECTORS, LIKELY, LIKELY_BY_WORDS, LOOKED_AT, SIDE, WEIGHTS

DAY = 86_400_000_000  # microseconds


def moments(asked: Question, meaning: Meaning, index: Index, pages: Pages, allowed: Allowed | None) -> list[tuple[Anchor, int]]:
    """(event, microseconds UTC) of those that are told of: the day that the turn names which tells of it best, else its own."""
    found = []
    layout = index.layout()
    for n, anchor in enumerate(asked.anchors):
        event = read(anchor.event)
        near = index.nearest(meaning.encoder, meaning.events[n], BY_VECTORS, allowed) if meaning.encoder else NOTHING
        board = Board(layout, index.postings(event.terms(), allowed), near, WEIGHTS, allowed)
        likely = board.evidence >= (LIKELY if meaning.encoder else LIKELY_BY_WORDS)
        dated = [place for place in board.ranked()[:LOOKED_AT].tolist() if layout.times[board.positions[place]] != UNKNOWN]
        if likely and dated:
            position = int(board.positions[dated[0]])
            at = int(layout.times[position])
            text = pages.text(int(layout.seqs[layout.span[position]]), position - int(layout.offsets[layout.span[position]]))
            named = [span for span in told(text, at) if span.strength == 1.0]
            found.append((anchor, named[0].start if named else at))
    return found


def sides(events: Iterable[tuple[Anchor, int]], layout: Layout) -> Iterator[Span]:
    """All on the side of an event that the question asks for, and its own day: who tells of it tells of what went before."""
    for anchor, at in events:
        first, last = layout.reach or (at, at)
        yield Span(first, at + DAY, SIDE) if anchor.side == "before" else Span(at, last + 1, SIDE)
