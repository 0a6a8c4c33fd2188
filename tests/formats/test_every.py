"""What holds for every format that can be read, found by itself: each folder of fixtures here, through its reader and a vault.

A format adds tests of its own for what is its own; these it gets with its folder.
"""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import pytest

from souviens import formats
from souviens.canon import canonical
from souviens.delivery import open_delivery
from souviens.errors import NotFound, NotRecognised, SouviensError
from souviens.formats import Bytes, Place
from souviens.jsonspan import Slice
from souviens.port.checking import rebuild, verify
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.holes import Span, _span, blanked, told
from souviens.port.intake import take_in
from souviens.records import Message, Reading
from souviens.vault import Vault
from tests import golden
from tests.fuzz import mutate
from tests.golden import expected, fixtures
from tests.lossless import unaccounted
from tests.port.given import SHARED, assert_sums, new_vault, records

CASES = fixtures()
# What says of these two that nothing is lost is in their own tests: they know which words say a thing twice.
OWN_LAW = {"chatgpt", "claude"}
MUTATED = 200
HANG = 10.0  # seconds
SHAPES = {
    path.name: path for path in sorted(SHARED.glob("*")) if path.is_dir() and path.name.replace("-", "_") in formats.readers()
}
# Files of these folders that are another format's, or none of ours yet.
OTHERS = {
    "gemini/ours_takeout_youtube_decoy.json": None,
    "grok/agent-sessions_cli": None,
    "qwen/agent-sessions_cli_019f0000-0000-7000-8000-000000000001.jsonl": None,
    "qwen/agent-sessions_cli_system_telemetry.jsonl": None,
    "kimi/agent-sessions_small.jsonl": None,
    "kimi/agent-sessions_subagent_agent-0.jsonl": None,
    "openwebui/ours_memories_note.txt": None,
    "chatgpt/panchat_export_manifest.json": None,
}


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def slices(case: Path) -> list[tuple[Slice, Reading]]:
    with open_delivery(case) as delivery:
        return list(golden.readings(formats.reader(case.parent.name), delivery))


# --- what it is -------------------------------------------------------------------------------------------------------


def test_every_reader_has_fixtures() -> None:
    assert {case.parent.name for case in CASES} == set(formats.readers())


@pytest.mark.parametrize("case", CASES, ids=named)
def test_it_is_claimed_by_its_own_reader_only(case: Path) -> None:
    with open_delivery(case) as delivery:
        claims = {name for name, reader in formats.readers().items() if reader.identify(delivery) is not None}
    assert claims == {case.parent.name}


@pytest.mark.parametrize("case", CASES, ids=named)
def test_its_records_are_as_expected(case: Path) -> None:
    assert golden.golden(case) == expected(case).read_text(encoding="utf-8")


def _shared() -> list[Path]:
    return [path for folder in SHAPES.values() for path in sorted(folder.glob("*"))] or [Path("none")]


@pytest.mark.skipif(not SHAPES, reason="the real-shaped exports of others are not beside the repository")
@pytest.mark.parametrize("path", _shared(), ids=named)
def test_a_real_shaped_export_is_claimed_by_one_reader(path: Path) -> None:
    want = OTHERS.get(named(path), path.parent.name.replace("-", "_"))
    with open_delivery(path) as delivery:
        claims = {name for name, reader in formats.readers().items() if reader.identify(delivery) is not None}
    assert claims == ({want} if want else set())


# --- nothing is lost --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in CASES if case.parent.name not in OWN_LAW], ids=named)
def test_no_value_is_lost(case: Path) -> None:
    format = formats.reader(case.parent.name)
    for slice, reading in slices(case):
        if not reading.problems:
            assert not unaccounted(format, slice, reading), f"{slice.path}{slice.where}"


@pytest.mark.skipif(not SHAPES, reason="the real-shaped exports of others are not beside the repository")
@pytest.mark.parametrize("path", _shared(), ids=named)
def test_no_value_of_a_real_shaped_export_is_lost(path: Path) -> None:
    name = OTHERS.get(named(path), path.parent.name.replace("-", "_"))
    if name is None or name in OWN_LAW:
        pytest.skip("not read, or by a law of its own")
    format = formats.reader(name)
    with open_delivery(path) as delivery:
        for slice, reading in golden.readings(format, delivery):
            if not reading.problems:
                assert not unaccounted(format, slice, reading), f"{slice.path}{slice.where}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_pieces_are_the_file(case: Path) -> None:
    format = formats.reader(case.parent.name)
    with open_delivery(case) as delivery:
        plan = format.plan(delivery)
        for entry in delivery.entries:
            if plan.get(entry.name) == "cut":
                with entry.open() as stream:
                    assert b"".join(piece.data for piece in format.cut(entry)) == stream.read()


def _held(case: Path) -> int:
    """Bytes of a file that are read, refused by name or withheld; -1 if no reader takes it."""
    format = formats.reader(case.parent.name)
    with open_delivery(case) as delivery:
        if format.identify(delivery) is None:
            return -1
        cut = [entry for entry in delivery.entries if format.plan(delivery).get(entry.name) == "cut"]
        pieces = [piece for entry in cut for piece in format.cut(entry)]
        return sum(len(piece.data) for piece in pieces if isinstance(piece, Slice) or piece.secret)


@pytest.mark.parametrize("case", [case for case in CASES if case.is_file() and "damaged" not in case.name], ids=named)
def test_what_follows_a_document_is_not_lost(case: Path, tmp_path: Path) -> None:
    """Two files put one behind the other: the second was left out without a word."""
    data = case.read_bytes().strip()
    if data.lstrip(b"\xef\xbb\xbf \n")[:1] not in (b"{", b"["):
        pytest.skip("no JSON")
    file = tmp_path / case.parent.name / case.name
    file.parent.mkdir()
    file.write_bytes(data)
    once = _held(file)
    for between in (b"", b"\n"):
        file.write_bytes(data + between + data)
        assert (held := _held(file)) == -1 or held >= 2 * once


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_slice_reads_the_same_out_of_the_vault(case: Path) -> None:
    """Without what the cutter decoded, from the bytes alone."""
    format = formats.reader(case.parent.name)
    with open_delivery(case) as delivery:
        aside = format.sidecars(delivery)
        for slice, reading in golden.readings(format, delivery):
            if not slice.damage:
                assert format.read(Slice(slice.kind, slice.path, slice.where, slice.data), aside) == reading


# --- through a vault --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=named)
def test_it_goes_in_and_comes_back(vault: Vault, case: Path, tmp_path: Path) -> None:
    try:
        receipt = take_in(vault, case)
    except NotRecognised:
        assert "empty" in case.name or "nothing" in case.name
        assert vault.store.sources() == []
        return
    assert_sums(receipt)
    assert verify(vault).ok
    try:
        back = give_back(vault, receipt.id, tmp_path / "back")
    except NotFound as error:  # a bare database with logins in it
        assert receipt.withheld
        assert receipt.withheld[0].reason in error.why
        back = give_back(vault, take_in(vault, case, with_accounts=True).id, tmp_path / "back")
        assert back.identical
        return
    if not receipt.withheld and not any(problem.kind == "source" for problem in receipt.refused):
        assert back.identical
    else:
        assert len(back.members) and all(m.identical or receipt.withheld for m in back.members)
    before = records(vault)
    again = take_in(vault, case)
    assert again.known
    assert records(vault) == before
    rebuild(vault, records=True)
    assert records(vault) == before


@pytest.mark.parametrize("case", CASES, ids=named)
def test_everything_of_it_can_be_erased(tmp_path: Path, case: Path) -> None:
    with new_vault(tmp_path / "v") as vault:
        try:
            take_in(vault, case)
        except SouviensError:
            return
        for _, _, id in vault.store.live():
            with contextlib.suppress(NotFound):  # a topic goes with the last thing that speaks of it
                erase(vault, [id])
        assert vault.store.live() == []
        assert verify(vault).ok


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.parent.name not in OWN_LAW and "damaged" not in case.name], ids=named
)
def test_blanking_a_message_leaves_the_others(case: Path) -> None:
    format = formats.reader(case.parent.name)
    with open_delivery(case) as delivery:
        aside = format.sidecars(delivery)
        for slice, reading in golden.readings(format, delivery):
            before = _messages(reading)
            for id, place in list(format.locations(slice).items())[:12]:
                places = [place if isinstance(place, Bytes) else Place(place), *format.traces(slice, {id})]
                spans = [span for each in places if (span := _span(slice.data, each)) is not None]
                assert spans, f"{id} does not stand where it should"
                left = _messages(format.read(blanked(slice, _joined(spans)), aside))
                assert id not in left
                changed = {other for other in left.keys() | before.keys() if left.get(other) != before.get(other)} - {id}
                assert not changed, f"blanking {id} changes others"


def _messages(reading: Reading) -> dict[str, str]:
    messages: list[Message] = [message for c in reading.conversations for message in c.messages]
    return {message.id: message.hash for message in messages}


def _joined(spans: list[Span]) -> list[Span]:
    return sorted(set(spans))


@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_can_be_blanked_is_what_is_told(case: Path) -> None:
    format = formats.reader(case.parent.name)
    for slice, reading in slices(case):
        messages = {m.id for c in reading.conversations for m in c.messages if m.visibility != "placeholder"}
        assert messages <= set(format.locations(slice)), "a message that could not be erased by itself"
        assert told(reading) >= messages


@pytest.mark.parametrize("case", CASES, ids=named)
def test_ids_do_not_depend_on_the_file(case: Path) -> None:
    """The same slice under another name and in another place makes the same records."""
    format = formats.reader(case.parent.name)
    with open_delivery(case) as delivery:
        aside = format.sidecars(delivery)
        for slice, reading in golden.readings(format, delivery):
            if slice.damage:
                continue
            other = format.read(Slice(slice.kind, slice.path, "[977]", slice.data), aside)
            assert [canonical(c) for c in other.conversations] == [canonical(c) for c in reading.conversations]


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(formats.readers()))
def test_mutated_files_neither_crash_nor_hang_a_reader(name: str, tmp_path: Path) -> None:
    """Every reader looks at every mutated file; its own reads what it claims. No vault: what intake does is tested once."""
    chance = random.Random(name)
    own = fixtures(name)
    for number in range(MUTATED):
        path = golden.copied(chance.choice(own), tmp_path / str(number))
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        mutate(chance, chance.choice(files))
        started = time.monotonic()
        try:
            _look(name, path)
        except SouviensError as error:
            assert error.what
        assert time.monotonic() - started < HANG, f"{path} took too long"


def _look(name: str, path: Path) -> None:
    format = formats.reader(name)
    with open_delivery(path) as delivery:
        if format.identify(delivery) is None:
            return
        plan, aside = format.plan(delivery), format.sidecars(delivery)
        for entry in delivery.entries:
            if plan.get(entry.name) in formats.CUT:
                pieces = list(format.cut(entry))
                for piece in pieces:
                    if isinstance(piece, Slice):
                        reading = format.read(piece, aside)
                        assert all(message.hash for c in reading.conversations for message in c.messages)
                        format.locations(piece)
