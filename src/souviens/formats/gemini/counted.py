"""How often each conversation is linked to in the files of a delivery, by a pattern over their bytes: some 2 us a row, where to cut
and decode it takes 20 or more. Links in answers and in rows of other products count as well: it may be too many, never too few.

So a run that holds every link to its conversation is all there is of it, and nothing came before it or after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import BinaryIO, NamedTuple, TypeAlias

_CHUNK = 1 << 16  # a quarter faster than 1 MiB
_MOST = 1 << 22  # bytes without a quote: no row is written so
_LINK = re.compile(rb'google\.com(?=\\?/(?:u\\?/[^"/<>]*/)?app\\?/(?:c\\?/)?([\w-]+))')
# Escapes and references that stand for a character of a link: "\/" alone is in the pattern above.
_HIDDEN = {
    "rows": re.compile(rb"\\u00(?:2[d-f]|3[0-9a]|[46][1-9a-f]|5[0-9af]|7[0-9a])", re.IGNORECASE),
    "page": re.compile(
        rb"&(?:#0*(?:4[5-9]|5[0-8]|6[5-9]|[78]\d|9[05789]|1[01]\d|12[0-2])(?!\d)"
        rb"|#[xX]0*(?:2[d-fD-F]|3[0-9aA]|[46][1-9a-fA-F]|5[0-9aAfF]|7[0-9aA])(?![0-9a-fA-F])"
        rb"|(?:sol|period|colon|lowbar|UnderBar|fjlig);)"
    ),
}

Counts: TypeAlias = dict[bytes, int]


class Counted(NamedTuple):
    """counts: by the id of the conversation, as it stands in the files. parted: whether links to others stand between those to
    one, so that it has several runs."""

    counts: Counts
    parted: bool


def holds(data: bytes, id: bytes, number: int) -> bool:
    """Whether so many links to a conversation are in these bytes."""
    link = b"google.com/app/" + id
    # As links mostly begin and end: a fifth of the time, and none of these is missed by the pattern.
    return data.count(link + b'"') + data.count(link + b"<") == number or _LINK.findall(data).count(id) == number


def count_links(files: Iterable[tuple[str, BinaryIO]]) -> Counted | None:
    """Of files, each "rows" or a "page" and its bytes. None where a link may be written so that the pattern misses it."""
    counts: Counts = {}
    parted = False
    for kind, stream in files:
        last = b""
        for data in _pieces(stream):
            if len(data) > _MOST or _HIDDEN[kind].search(data):
                return None
            for id, links in groupby(_LINK.findall(data)):
                parted = parted or (id != last and id in counts)
                counts[id] = counts.get(id, 0) + sum(1 for _ in links)
                last = id
    return Counted(counts, parted)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes in pieces that end behind a quote, which is in no link; without one a piece grows to some `_MOST`."""
    held = b""
    while chunk := stream.read(_CHUNK):
        data = held + chunk
        end = data.rfind(b'"') + 1
        if not end and len(data) <= _MOST:
            held = data
            continue
        yield data[:end] or data
        held = data[end:]
    yield held
