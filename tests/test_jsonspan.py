"""Cutting: every byte comes back, every value is exact, damage stays in its element, and nothing takes for ever."""

from __future__ import annotations

import io
import json
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.jsonspan import (
    Flaws,
    Glue,
    Route,
    Secret,
    Slice,
    cut_elements,
    cut_members,
    decode,
    first_value,
    load,
    locate,
    outline,
    whole,
)
from souviens.records import Json

WINDOWS = (1, 2, 3, 7, 64, 1 << 20)


def cut(data: bytes, *, keys: tuple[str, ...] = (), window: int = 1 << 20, limit: int = 1 << 30) -> list[Glue | Slice]:
    pieces = list(cut_elements(io.BytesIO(data), path="a.json", kind="conversation", keys=keys, window=window, limit=limit))
    assert b"".join(piece.data for piece in pieces) == data
    return pieces


def slices(data: bytes, *, keys: tuple[str, ...] = ()) -> list[Slice]:
    """The slices, which must be the same whatever the window is."""
    found = [[piece for piece in cut(data, keys=keys, window=window) if isinstance(piece, Slice)] for window in WINDOWS]
    assert all(other == found[0] for other in found)
    return found[0]


def exact(text: str) -> Json:
    def integer(literal: str) -> int | Decimal:
        return int(literal) if len(literal.lstrip("-")) <= 18 else Decimal(literal)

    return json.loads(text, parse_float=Decimal, parse_int=integer)


# --- laws -------------------------------------------------------------------------------------------------------------

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(10**17, 10**40)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
spaces = st.text(" \t\r\n", max_size=3)


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """An array with random white space and escapes, and the exact bytes of its elements."""
    elements = [
        json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.none() | st.integers(0, 2))).encode()
        for value in draw(st.lists(values, max_size=6))
    ]
    text = draw(spaces).encode() + b"["
    for number, element in enumerate(elements):
        text += (b"," if number else b"") + draw(spaces).encode() + element + draw(spaces).encode()
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text + b"]" + draw(spaces).encode(), elements


@given(documents(), st.integers(1, 40))
def test_every_byte_and_every_value_comes_back(document: tuple[bytes, list[bytes]], window: int) -> None:
    data, elements = document
    found = [piece for piece in cut(data, window=window) if isinstance(piece, Slice)]
    assert [piece.data for piece in found] == elements
    assert [piece.value for piece in found] == [exact(element.decode()) for element in elements]
    assert [piece.where for piece in found] == [f"[{index}]" for index in range(len(elements))]
    assert all(piece.flaws == Flaws() and not piece.damage for piece in found)


@given(st.binary(max_size=60) | st.text('[]{}",:\\u0d8 1e.-\n', max_size=60).map(str.encode), st.integers(1, 9))
def test_no_bytes_raise_or_are_lost_and_the_window_does_not_matter(data: bytes, window: int) -> None:
    for whatever in (data, b"[" + data, b'[{"a":' + data + b"}, 1]"):
        assert [p for p in cut(whatever, window=window) if isinstance(p, Slice)] == [
            p for p in cut(whatever) if isinstance(p, Slice)
        ]
        cut(whatever, keys=("a",), window=window)


@given(documents())
def test_stored_slices_read_as_they_were_cut(document: tuple[bytes, list[bytes]]) -> None:
    for piece in slices(document[0]):
        assert load(Slice(piece.kind, piece.path, piece.where, piece.data)) == piece
        assert decode(b" \n" + piece.data + b"\t ") == (piece.value, piece.flaws)


# --- numbers and windows ----------------------------------------------------------------------------------------------


def test_numbers_are_exact_and_never_split_at_the_edge() -> None:
    found = slices(b"[1234567,-0,1.10,1E400,-123456789012345678,1234567890123456789,12e3,0.5]")
    assert [repr(piece.value) for piece in found[:3]] == ["1234567", "0", "Decimal('1.10')"]
    assert [repr(piece.value) for piece in found[3:5]] == ["Decimal('1E+400')", "-123456789012345678"]
    assert found[5].value == Decimal("1234567890123456789")
    assert isinstance(found[5].value, Decimal)
    assert [piece.value for piece in found[6:]] == [Decimal(12000), Decimal("0.5")]


def test_an_exponent_beyond_all_ranges_is_damage() -> None:
    (piece, after) = slices(b'[{"a":1e9999999999999999999999}, 2]')
    assert "range" in piece.damage
    assert after.value == 2


def test_an_element_larger_than_the_window_is_read() -> None:
    big = json.dumps({"text": 'a "quoted" \\ é [' * 5000}).encode()
    assert [piece.data for piece in slices(b"[1," + big + b" ,2]")] == [b"1", big, b"2"]


# --- documents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [b"", b" \n", b"[]", b"\xef\xbb\xbf [ \n ] ", b"12", b'"text"', b"null", b"garbage", b"\xff\xfe[\0"]
)
def test_no_elements_is_only_glue(data: bytes) -> None:
    assert slices(data) == []


def test_an_object_is_one_slice() -> None:
    (piece,) = slices(b' {"a": [1, 2]}\n')
    assert (piece.where, piece.data, piece.value) == ("", b'{"a": [1, 2]}', {"a": [1, 2]})


@pytest.mark.parametrize("between", [b"\n", b"\r\n\r\n", b"", b"}"])
def test_what_follows_an_object_is_read_too(between: bytes) -> None:
    """JSON lines, or files put one behind the other: only the first was read, and nothing said so."""
    found = slices(b'{"a":1}' + between + b'{"b":2}\n[3]\n')
    assert [slice.value for slice in found if not slice.damage] == [{"a": 1}, {"b": 2}, [3]]
    assert [slice.where for slice in found][:2] == ["", "[1]"]
    assert [slice.data for slice in found if slice.damage] == ([between] if between == b"}" else [])


@pytest.mark.parametrize("between", [b"\n", b"", b"\r\n,"])
def test_what_follows_is_read_by_the_same_keys(between: bytes) -> None:
    first, second = b'{"n":1,"a":{"b":[1,{"x":2}],"z":"]"},"y":[0]}', b'{"y":{"b":[9]},"a":{"b":[3]}}'
    rest = between.join((second, b'{"other":[4]}', b'{"a":{"b":[]}}', b"[5]", b"}"))
    found = slices(first + between + rest, keys=("a", "b"))
    assert [slice.value for slice in found if not slice.damage] == [1, {"x": 2}, 3, {"other": [4]}, [5]]
    assert [slice.where for slice in found] == ["a.b[0]", "a.b[1]", "[1].a.b[0]", "[2]", "[4]", "[5]"]
    assert [slice.data for slice in found if slice.damage] == [b"}"]


def test_what_follows_is_cut_by_its_members_and_its_secrets_are_marked() -> None:
    kinds: dict[str, Route] = {"a": "first", "b": {"c": "second"}, "key": Secret("keys")}
    first, second = b'{"key":"k1","b":{"c":[1]},"a":[2]}', b'{"a":[3],"key":{"x":"k2"},"b":{"c":[4]}}'
    for window in WINDOWS:
        pieces = list(cut_members(io.BytesIO(first + second + b'{"key":["k3'), path="p", kinds=kinds, window=window))
        assert b"".join(piece.data for piece in pieces) == first + second + b'{"key":["k3'
        assert [(p.kind, p.where, p.value) for p in pieces if isinstance(p, Slice)] == [
            ("second", "b.c[0]", 1),
            ("first", "a[0]", 2),
            ("first", "[1].a[0]", 3),
            ("second", "[1].b.c[0]", 4),
        ]
        assert [p.data for p in pieces if isinstance(p, Glue) and p.secret] == [b"k1", b'"x":"k2"', b'"k3']


def test_the_array_under_keys() -> None:
    data = b'{"x": {"conversations": [0]}, "y\\"]": "]", "n":-1e5, "a": {"conversations": [ {"id":1}, 2 ]}, "y": [3]}'
    found = slices(data, keys=("a", "conversations"))
    assert [(piece.where, piece.value) for piece in found] == [("a.conversations[0]", {"id": 1}), ("a.conversations[1]", 2)]
    assert slices(data, keys=("absent",)) == slices(data, keys=("n", "deeper")) == []


def test_what_stands_before_the_key_is_streamed() -> None:
    data = b'{"before": [' + b'"text \\" ]", ' * 200_000 + b'0], "conversations": [7]}'
    pieces = cut(data, keys=("conversations",), window=4096)
    assert max(len(piece.data) for piece in pieces) <= 3 * 4096
    assert [piece.value for piece in pieces if isinstance(piece, Slice)] == [7]


def test_whole_leaves_white_space_and_bom_to_the_glue() -> None:
    data = b'\xef\xbb\xbf\n{"a": 1.0} \n'
    lead, piece, trail = whole(io.BytesIO(data), path="a.json", kind="settings")
    assert lead.data + piece.data + trail.data == data
    assert isinstance(piece, Slice)
    assert (piece.data, piece.value, piece.where) == (b'{"a": 1.0}', {"a": Decimal("1.0")}, "")
    assert list(whole(io.BytesIO(b" "), path="", kind="")) == [Glue(b" ")]


def test_first_value_and_outline() -> None:
    data = b'[{"id": 1, "b": [2]}, {"id": ' + b"[" * 100_000
    assert first_value(io.BytesIO(data)) == {"id": 1, "b": [2]}
    assert first_value(io.BytesIO(data), limit=10) is None
    assert first_value(io.BytesIO(b'{"k": [3]}'), keys=("k",)) == 3
    assert first_value(io.BytesIO(b"[]")) is None
    assert outline(io.BytesIO(data)) == ("array", ["id", "b"])
    assert outline(io.BytesIO(b'\xef\xbb\xbf {"a": {"x": 1}, "b": [')) == ("object", ["a", "b"])
    assert outline(io.BytesIO(b"text")) == ("", [])


# --- flaws ------------------------------------------------------------------------------------------------------------


def test_flaws_are_named_with_their_place() -> None:
    element = (
        b'{"a": [NaN, {"x": -Infinity}], "s": "\\uD800 \\ud83d\\ude00 \\\\ud800 \\udc00",'
        b' "k\\udfff": "\xff\xc3", "a": 1, "\xfe": 2}'
    )
    (piece,) = slices(b"[" + element + b"]")
    assert piece.data == element
    assert piece.value == {"a": 1, "s": "\ufffd \U0001f600 \\ud800 \ufffd", "k\ufffd": "\ufffd\ufffd", "\ufffd": 2}
    assert piece.flaws == Flaws(
        duplicates=[("a", [[None, {"x": None}], 1])],
        surrogates=[("s", "\\uD800"), ("s", "\\udc00"), ("k\ufffd", "\\udfff")],
        unreal=["a[0]", "a[1].x"],
        bad_utf8=["k\ufffd", "\ufffd"],
    )


def test_duplicates_inside_one_element_do_not_reach_the_next() -> None:
    first, second = slices(b'[{"a":1,"a":2,"a":3},{"b":1}]')
    assert first.flaws == Flaws(duplicates=[("a", [1, 2, 3])])
    assert second.flaws == Flaws()


def test_a_damaged_element_leaves_no_flaws_to_the_next() -> None:
    damaged, good = slices(b'[{"x":{"a":NaN,"a":2},!},{"b":1}]')
    assert damaged.damage
    assert good.flaws == Flaws()


@given(st.lists(st.sampled_from(["\\ud83d", "\\uDE00", "\\\\", "ud83d", "ude00", "\\n", "x", "\\\\ud83d"]), max_size=8))
def test_lone_surrogates_are_seen_exactly_when_there_are_any(parts: list[str]) -> None:
    text = '"' + "".join(parts) + '"'
    (piece,) = slices(f"[{text}]".encode())
    expected = json.loads(text)
    lone = [char for char in expected if "\ud800" <= char <= "\udfff"]
    assert piece.flaws is not None
    assert [chr(int(escape[2:], 16)) for _, escape in piece.flaws.surrogates] == lone
    assert piece.value == "".join("\ufffd" if char in lone else char for char in expected)


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damaged",
    [b'{"a":1]}', b'{"a":[1}', b'{"a" 1}', b"{'a':1}", b'{"a":"\\x"}', b'{"a":"\n"}', b"{]]]}", b'{"a":1,}', b"tru", b"1.2.3"],
)
def test_damage_stays_in_its_element(damaged: bytes) -> None:
    before, broken, after = slices(b'[{"n":0}, ' + damaged + b', {"n":2}]')
    assert broken.data == damaged
    assert broken.damage.startswith("not JSON at byte ")
    assert broken.value is None
    assert (before.value, after.value) == ({"n": 0}, {"n": 2})


def test_damage_says_the_byte() -> None:
    with pytest.raises(ValueError, match="byte 12"):
        decode('{"é": "ü" !}'.encode())
    with pytest.raises(ValueError, match="byte 3"):
        decode(b" {} 1")


@pytest.mark.parametrize("tail", [b'{"a": [1, {"b": "text', b'"text\\"', b"{", b"12", b"tr", b'{"a":"\xc3'])
def test_a_file_that_ends_inside_an_element(tail: bytes) -> None:
    first, last = slices(b'[{"n":0},\n' + tail)
    assert first.value == {"n": 0}
    assert (last.data, last.damage) == (tail, "cut off: the file ends inside this element")


def test_a_missing_comma_or_a_stray_bracket_hides_nothing() -> None:
    assert [piece.value for piece in slices(b'[{"a":1} {"b":2}]')] == [{"a": 1}, {"b": 2}]
    assert [piece.value for piece in slices(b'[{"a":1}],{"b":2}]')] == [{"a": 1}, {"b": 2}]
    assert [piece.damage != "" for piece in slices(b"[1] and more")] == [False, True, True]


def test_too_large_is_cut_but_not_decoded() -> None:
    small, large, after = (piece for piece in cut(b'[1,"' + b"x" * 100 + b'",2]', limit=50) if isinstance(piece, Slice))
    assert (small.value, large.value, after.value) == (1, None, 2)
    assert "too large" in large.damage


@pytest.mark.parametrize("depth", [10_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_damage_of_its_element(depth: int, opening: bytes, closing: bytes) -> None:
    deep = opening * depth + b"1" + closing * depth
    broken, after = (piece for piece in cut(b"[" + deep + b',{"n":1}]') if isinstance(piece, Slice))
    assert broken.data == deep
    assert "nested too deeply" in broken.damage
    assert after.value == {"n": 1}
    assert locate(deep, (0,)) is None


HOSTILE = {
    "brackets": b"[",
    "quotes": b'"',
    "objects": b'{"a":',
    "closers": b"}",
    "garbage": b"\x80\\x",
    "backslashes": b"\\",
    "damaged": b"{a},",
    "good and damaged": b"{a},1,",
    "commas": b",",
    "mixed": b'{"[',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_takes_linear_time(name: str) -> None:
    """Four times the input may take some four times as long, not sixteen; with room for a busy machine."""

    def seconds(size: int) -> float:
        data = b"[" + HOSTILE[name] * (size // len(HOSTILE[name]))
        started = time.process_time()
        length = sum(len(piece.data) for piece in cut_elements(io.BytesIO(data), path="", kind=""))
        assert length == len(data)
        return time.process_time() - started

    assert seconds(400_000) < 11 * seconds(100_000) + 0.5


def test_a_string_full_of_escapes_at_the_edge() -> None:
    data = b'["' + b"\\" * 20_000 + b'", 1]'
    assert [piece.value for piece in slices(data)] == ["\\" * 10_000, 1]


# --- locate -----------------------------------------------------------------------------------------------------------


@given(values, st.data())
def test_locate_finds_every_value(value: Json, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.none() | st.just(1))).encode()
    where: list[str | int] = []
    while isinstance(value, list | dict) and value and data.draw(st.booleans()):
        step = data.draw(st.sampled_from(sorted(value))) if isinstance(value, dict) else data.draw(st.integers(0, len(value) - 1))
        where.append(step)
        value = value[step]
    span = locate(text, tuple(where))
    assert span is not None
    assert json.loads(text[slice(*span)]) == value
    assert text[slice(*span)] == text[slice(*span)].strip()


def test_locate_takes_the_last_duplicate_and_escaped_keys() -> None:
    data = ' {"é": 1, "a\\n": [1], "a\\u000a" : [ 3, {"z": "ü"} ], "k\\ud800": 5} '.encode()
    assert data[slice(*locate(data, ("a\n", 1, "z")) or (0, 0))] == '"ü"'.encode()
    assert data[slice(*locate(data, ("k\ufffd",)) or (0, 0))] == b"5"
    assert data[slice(*locate(data, ()) or (0, 0))] == data.strip()
    for absent in (("b",), ("a\n", 2), ("a\n", "1"), ("é", 0), ("é", "x")):
        assert locate(data, absent) is None
    assert locate(b'{"a": ', ("a",)) is None
