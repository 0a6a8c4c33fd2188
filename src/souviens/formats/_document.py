"""A document that holds conversations in arrays: looking further into it than a peek does, and what it says beside the arrays.

Between the arrays a provider's next generation puts memories, instructions, the account. None of it is passed over: a member that
nobody knows is a slice of its own, which the receipt names; what says who the account is, is withheld unless it is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set

from souviens.delivery import Entry
from souviens.formats._dialogue import loaded, refused
from souviens.formats._fields import Unknown
from souviens.jsonspan import Glue, Slice, cut_elements, load
from souviens.records import Json, Reading

BESIDE = "beside"  # the kind of a slice that is a member nobody knows; where: its key
_ELEMENTS, _BYTES = 1000, 16 << 20  # how far is looked into a document before it is given up
_ACCOUNT = "the account"
_ACCOUNTS = frozenset({"account", "accounts", "user", "users", "profile", "user_profile", "owner"})
_PERSONAL = frozenset({
    "email", "e_mail", "email_address", "phone", "phone_number", "mobile", "mobile_number", "access_token", "refresh_token",
    "session_token", "token", "api_key", "password",
})  # fmt: skip


def is_any(entry: Entry, sample: Iterable[Json], ours: Callable[[Json], bool | None], *keys: str) -> bool:
    """Whether the elements of an array (under these keys) are ours, by those of a sample. ours: of one element, None if it does not
    show. Where none shows it, as many empty or odd ones may stand first, the elements behind the sample are asked."""
    told = [ours(value) for value in sample]
    if not told or any(told) or False in told:
        return any(told)
    return next((said for value in _further(entry, keys) if (said := ours(value)) is not None), False)


def _further(entry: Entry, keys: tuple[str, ...]) -> Iterator[Json]:
    """The first elements of an array, decoded."""
    number = size = 0
    with entry.open() as stream:
        for piece in cut_elements(stream, path=entry.name, kind="", keys=keys):
            size += len(piece.data)
            if isinstance(piece, Slice):
                number += 1
                yield piece.value
            if number >= _ELEMENTS or size >= _BYTES:
                return


def with_beside(
    pieces: Iterable[Glue | Slice], path: str, kinds: Mapping[str, str], known: Set[str] = frozenset()
) -> Iterator[Glue | Slice]:
    """The pieces of a document that was cut by some of its members, with what the other members say: a slice each (BESIDE), or the
    inside of it a secret. kinds: by what keys it was cut, and the kinds of those slices: what stands there instead of a container
    is one of them, so that a reader refuses it by name. known: keys of members that say nothing of a person."""
    held = bytearray()
    for piece in pieces:
        if isinstance(piece, Glue) and not piece.secret:
            held += piece.data
            continue
        yield from _members(bytes(held), path, kinds, known)
        held.clear()
        yield piece
    yield from _members(bytes(held), path, kinds, known)


def read_beside(slice: Slice) -> Reading:
    """A member that nobody knows: it is counted by its key, and kept as it is."""
    slice = loaded(slice)
    return refused(slice, slice.damage, "source") if slice.damage else Reading(unknown=Unknown({slice.where: 1}))


# Brackets stand in glue where the arrays that were cut and the documents begin and end; a value of a member is stepped over.
_BETWEEN = re.compile(r"[ \t\r\n,\[\]{}\xef\xbb\xbf]*")
_KEY = re.compile(r'("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_STRAY = re.compile(r'"(?:[^"\\]|\\.)*"?|[^ \t\r\n,\[\]{}"]+', re.DOTALL)
_OPENED = re.compile(r"[\[{][ \t\r\n,]*\Z")
_scan = json.JSONDecoder(strict=False).raw_decode


def _members(data: bytes, path: str, kinds: Mapping[str, str], known: Set[str]) -> Iterator[Glue | Slice]:
    """Glue, and the members in it that are more."""
    text = data.decode("latin-1") if b'"' in data else ""  # a character a byte
    done = here = 0
    while (here := _BETWEEN.match(text, here).end()) < len(text):  # type: ignore[union-attr]  # it matches nothing, too
        key = _KEY.match(text, here)
        if key is None:
            stray = _STRAY.match(text, here)
            here = stray.end() if stray else len(text)
            continue
        here = key.end()
        if here == len(text) or _OPENED.match(text, here):
            break  # its value, or what is in it, was cut
        name = _decoded(key[1])
        try:
            value, end = _scan(text, here)
        except (ValueError, RecursionError):
            if name in kinds or name in known:
                continue  # it was cut further inside
            value, end = None, len(text)
        if not ((name in known and not isinstance(value, (dict, list))) or (name in kinds and value in (None, "", [], {}))):
            start, end, piece = _piece(data, here, end, name, value, path, kinds.get(name, BESIDE))
            yield from [Glue(data[done:start])] if start > done else []
            yield piece
            done = end
        here = max(end, here + 1)
    if done < len(data):
        yield Glue(data[done:])


def _piece(data: bytes, start: int, end: int, name: str, value: Json, path: str, kind: str) -> tuple[int, int, Glue | Slice]:
    """What the value of a member is, and from where to where."""
    if kind == BESIDE and isinstance(value, (str, list, dict)) and value and _is_account(name, value):
        return start + 1, end - 1, Glue(data[start + 1 : end - 1], _ACCOUNT, name)
    return start, end, load(Slice(kind, path, name, data[start:end]))


def _is_account(name: str, value: Json) -> bool:
    if name.lower() in _PERSONAL or (name.lower() in _ACCOUNTS and not isinstance(value, str)):
        return True
    held = value if isinstance(value, list) else [value]
    return any(isinstance(item, dict) and not _PERSONAL.isdisjoint(key.lower() for key in item) for item in held)


def _decoded(key: str) -> str:
    try:
        return str(json.loads(key.encode("latin-1").decode("utf-8", "replace"), strict=False))
    except ValueError:
        return key
