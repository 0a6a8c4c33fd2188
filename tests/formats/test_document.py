"""What a document says beside the arrays it is cut by, whatever stands around it."""

from __future__ import annotations

from io import BytesIO

import pytest

from souviens.formats._document import BESIDE, read_beside, with_beside
from souviens.jsonspan import Glue, Slice, cut_members

KINDS = {"chats": "chat", "tasks": "task"}


def pieces(data: bytes) -> list[Glue | Slice]:
    return list(with_beside(cut_members(BytesIO(data), path="f", kinds=KINDS), "f", KINDS, frozenset({"version"})))


@pytest.mark.parametrize(
    ("data", "beside"),
    [
        (b'{"chats":[1,2]}', []),
        (b'{"chats":[1],"memories":[{"a":"]}"}],"tasks":[2]}', [("memories", b'[{"a":"]}"}]')]),
        (b'{"a\\"b":"x: y","chats":[],"version":3,"n":1.5}', [('a"b', b'"x: y"'), ("n", b"1.5")]),
        (b'{"version":{"of":"a"},"chats":[1]}', [("version", b'{"of":"a"}')]),
        (b'{"chats":[1],"caf\xc3\xa9":{"b":[1,2]}}', [("caf\xe9", b'{"b":[1,2]}')]),
        (b'\xef\xbb\xbf { "late" : null , "chats" : [ ] } {"more":true,"chats":[{}]}', [("late", b"null"), ("more", b"true")]),
        (b'{"chats":[1],"cut":{"off":[1,', [("cut", b'{"off":[1,')]),
        (b'{"chats":"none","tasks":null}', [("chats", b'"none"')]),
        (b'{"chats":[1]} trailing "words" here', []),
        (b"[1,2]", []),
        (b"", []),
    ],
)
def test_every_member_beside_the_arrays_is_a_slice(data: bytes, beside: list[tuple[str, bytes]]) -> None:
    found = pieces(data)
    assert b"".join(piece.data for piece in found) == data
    named = [(piece.where, piece.data) for piece in found if isinstance(piece, Slice) and piece.where in dict(beside)]
    assert named == beside


def test_a_member_is_counted_and_one_cut_off_refused() -> None:
    told = [read_beside(piece) for piece in pieces(b'{"chats":[],"a":[1],"b":{"c":') if isinstance(piece, Slice)]
    assert [dict(reading.unknown) for reading in told] == [{"a": 1}, {}]
    assert [(problem.kind, problem.where) for problem in told[1].problems] == [("source", "b")]


@pytest.mark.parametrize(
    ("member", "secret"),
    [
        (b'"email":"a@b.example"', b"a@b.example"),
        (b'"user":{"name":"A"}', b'"name":"A"'),
        (b'"me":{"id":1,"Phone_Number":"1"}', b'"id":1,"Phone_Number":"1"'),
        (b'"people":[{"email":"a"}]', b'{"email":"a"}'),
        (b'"user":"u-1"', b""),
        (b'"memories":[{"text":"my email"}]', b""),
    ],
)
def test_who_the_account_is_is_a_secret(member: bytes, secret: bytes) -> None:
    found = pieces(b'{"chats":[1],' + member + b"}")
    assert [piece.data for piece in found if isinstance(piece, Glue) and piece.secret] == ([secret] if secret else [])
    assert any(isinstance(piece, Slice) and piece.kind == BESIDE for piece in found) == (not secret)
