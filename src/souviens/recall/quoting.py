"""Quotations: an item or a line of several, cut to a budget of tokens, with source and date, and unable to end themselves."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import structs

from souviens.recall.asking import Item
from souviens.records import Record

MOST = 320  # tokens of one quotation
_LEAST = 24  # tokens under which a quotation is not worth its heading
_NAME = 80  # characters of a title, project or role in a heading
_WHO = {"user": "the person", "assistant": "the assistant"}


class Quoted(Record, frozen=True, omit_defaults=False):
    """A piece of evidence. source: provider, place and speaker in words, one line. excerpt: is the text cut?

    level: quote, of one thing; episode, the turns beside one that is quoted; topic, lines of the conversations of one topic along
    time. cites: the messages its lines are from. id: of the thing; of an episode that of its first message here.
    """

    id: str
    kind: str
    conversation: str | None
    message: str | None
    source: str
    time: str | None
    text: str
    excerpt: bool
    level: Literal["quote", "episode", "topic"] = "quote"
    cites: tuple[str, ...] = ()


def tokens(text: str) -> int:
    """An estimate that errs high: four characters of Latin script a token, one of any other."""
    latin = sum(c < "\u0250" for c in text) if not text.isascii() else len(text)
    return -(-latin // 4) + (len(text) - latin)


def quotation(item: Item, question: str, room: int) -> Quoted | None:
    """An item as evidence of at most about `room` tokens; None if that is too little to be worth it."""
    cites = (item.message,) if item.message else ()
    made = Quoted(
        item.id, item.kind, item.conversation, item.message, source(*item.path, who(item.role or item.kind)), item.time, "", False
    )
    text = excerpt(item.text, question, room - tokens(block(99, made)))
    return structs.replace(made, text=text, excerpt=text != item.text.strip(), cites=cites) if text else None


def who(role: str) -> str:
    return _WHO.get(role, role)


def source(*parts: str) -> str:
    """Where something stands, on one line."""
    return " · ".join(line(part)[:_NAME] for part in parts if part)


def block(number: int, quoted: Quoted) -> str:
    """One quotation. Every line of it is marked, and its heading is one line whatever a title holds: it cannot end itself."""
    lines = "".join(f"\n> {text}" for text in quoted.text.splitlines())
    return f"\n[{number}] {day(quoted.time)} · {quoted.source}:{lines}"


def day(time: str | None) -> str:
    return time[:10] if time else "date unknown"


def line(text: str) -> str:
    return " ".join(text.split())


def plain(text: str) -> str:
    """For telling whether two texts say the same."""
    return line(text).casefold()


_WORD = re.compile(r"\w{3,}")


def excerpt(text: str, question: str, room: int) -> str:
    """At most `room` tokens of a text: all of it, or the run of its lines and sentences that holds most of the question's words.

    "" if even that is too little to be worth quoting.
    """
    text = text.strip()
    if tokens(text) * 1.1 <= room:  # the marks of quotation cost a little
        return text
    if room < _LEAST:
        return ""
    wanted = {word.lower() for word in _WORD.findall(question)}
    pieces = [piece for piece in re.split(r"(?<=[.!?。！？\n])\s*", text) if piece.strip()]
    scores = [len(wanted & {word.lower() for word in _WORD.findall(piece)}) for piece in pieces]
    first = last = max(range(len(pieces)), key=lambda n: (scores[n], -n))
    best = pieces[first].strip()
    if tokens(best) > room * 0.85:
        return best[: int(room * 0.8) * (4 if best.isascii() else 1)].rstrip() + " …"
    while True:
        grown = [(first - 1, last), (first, last + 1)]
        fits = [(a, b) for a, b in grown if a >= 0 and b < len(pieces) and tokens(" ".join(pieces[a : b + 1])) <= room * 0.85]
        if not fits:
            break
        first, last = max(fits, key=lambda pair: (scores[pair[0] if pair[0] < first else pair[1]], pair[1]))
    run = " ".join(piece.strip() for piece in pieces[first : last + 1])
    return ("… " if first else "") + run + (" …" if last + 1 < len(pieces) else "")
