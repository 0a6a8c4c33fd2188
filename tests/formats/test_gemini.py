"""Gemini out of Takeout: rows are told apart by what Google says of them, joined only by a link, and nothing of them is lost."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from pathlib import Path

import pytest

from souviens import formats
from souviens.canon import utc
from souviens.delivery import open_delivery
from souviens.formats import gemini
from souviens.formats._carving import AGAIN
from souviens.formats.gemini import activity, counted, markup, moments, pages
from souviens.formats.gemini.rows import cut_rows, opened
from souviens.jsonspan import CUT_OFF, UNCLOSED, Slice
from souviens.port.checking import rebuild
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Conversation, File, Json, Message, Text, active_path, spoken
from souviens.vault import Vault
from tests.golden import FIXTURES, readings
from tests.port.given import records, write

CASES = FIXTURES / "gemini"
APP = "https://gemini.google.com/app/"


def row(title: str, time: str = "2026-05-06T07:08:09.000Z", answer: str = "", **fields: Json) -> dict[str, Json]:
    html = {"safeHtmlItem": [{"html": answer}]} if answer else {}
    return {"header": "Gemini Apps", "title": title, "time": time, "products": ["Gemini Apps"], **html, **fields}


def linked(*ids: str) -> dict[str, Json]:
    return {"details": [{"name": APP + id, "url": APP + id} for id in ids]}


def read(path: Path) -> list[Conversation]:
    """The conversations of a delivery, one a slice."""
    with open_delivery(path) as delivery:
        return [found for _, reading in readings(formats.reader("gemini"), delivery) for found in reading.conversations]


def stored(vault: Vault) -> list[Conversation]:
    found = [vault.store.pack(seq) for seq, kind, _ in vault.store.live() if kind == "conversation"]
    return [record for record in found if isinstance(record, Conversation)]


def said(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(message.role, spoken(message)) for message in messages]


# --- whose rows -------------------------------------------------------------------------------------------------------


def test_other_products_under_the_same_name_are_refused(tmp_path: Path) -> None:
    decoy = [
        {
            "header": "YouTube",
            "title": "Watched Gemini Apps in ten minutes",
            "time": "2026-01-01T00:00:00Z",
            "products": ["YouTube"],
        },
        {"header": "Search", "title": "Searched for gemini", "titleUrl": "https://www.google.com/search?q=gemini", "time": "x"},
    ]
    with open_delivery(write(tmp_path / "MyActivity.json", decoy)) as delivery:
        assert gemini.identify(delivery) is None


def test_rows_of_other_products_in_a_mixed_file_are_bytes_between_ours(vault: Vault, tmp_path: Path) -> None:
    mixed = [{"header": "Search", "title": "Prompted nothing", "time": "x", "products": ["Search"]}] * 9 + [
        row("Prompted me", answer="a")
    ]
    path = write(tmp_path / "MyActivity.json", mixed)
    receipt = take_in(vault, path)
    assert receipt.read.conversations == 1
    assert give_back(vault, receipt.id, tmp_path / "back").identical


def test_a_visit_to_gemini_is_the_browsers() -> None:
    visit = {"header": "Chrome", "title": "Visited Google Gemini", "titleUrl": APP + "abc", "time": "x", "products": ["Chrome"]}
    assert not activity.is_gemini(visit)
    assert activity.is_gemini({"title": "…", "titleUrl": APP + "abc", "time": "x"})


def test_an_app_called_gemini_is_not_gemini() -> None:
    assert not activity.is_gemini({"header": "Google Gemini", "title": "Used Google Gemini", "time": "x", "products": ["Android"]})
    assert activity.is_gemini({"header": "Εφαρμογές Gemini", "title": "…", "time": "x"})


def test_a_page_is_told_by_its_header_cell_not_by_what_is_in_it(tmp_path: Path) -> None:
    page = (CASES / "page.html").read_text(encoding="utf-8")
    youtube = page.replace("Gemini Apps<br></p>", "YouTube<br></p>").replace("&emsp;Gemini Apps", "&emsp;YouTube")
    youtube = youtube.replace("Gemini-Apps", "YouTube").replace('header-cell mdl-cell mdl-cell--12-col"></p>', "")
    with open_delivery(write(tmp_path / "MyActivity.html", youtube.replace(APP, "https://x.example/").encode())) as delivery:
        assert gemini.identify(delivery) is None


@pytest.mark.parametrize(
    "first", [{}, None, {"header": "Gemini Apps", "time": "x"}, {"header": "Search", "title": None, "time": "x"}]
)
def test_a_file_is_known_whatever_its_first_row_lacks(tmp_path: Path, first: Json) -> None:
    with open_delivery(write(tmp_path / "a.json", [first, row("Prompted x")])) as delivery:
        assert gemini.identify(delivery) == "rows"


def test_a_row_of_gemini_behind_thousands_of_others_is_found(tmp_path: Path) -> None:
    other = {"header": "YouTube", "title": "Watched Gemini", "time": "x", "products": ["YouTube"]}
    for rows, shape in (([other] * 2_500, None), ([other] * 2_500 + [row("Prompted x")], "rows")):
        with open_delivery(write(tmp_path / "a.json", rows)) as delivery:
            assert gemini.identify(delivery) == shape


# --- quick ways, and what they must be equal to -------------------------------------------------------------------------


@pytest.mark.parametrize("upward", [False, True])
def test_plain_rows_read_as_the_general_reader_reads_them(tmp_path: Path, upward: bool) -> None:
    link = linked("abcdef0123456789")
    rows = [
        row("Prompted one", "2026-05-06T07:08:09.000Z", "<p>a &amp; b</p>", **link),
        row("Created a gem", "no time", **link),
        row("Prompted one", "2026-05-06T07:08:09.000Z", "<p>again</p>", **link),
        row("Something in another language", "2026-05-06T07:08:07Z", "<ul><li>x</li></ul>", **link),
        {**row("Prompted ", "2026-05-06T07:08:06Z", **link), "safeHtmlItem": [{"html": "<p>1</p>"}, {"words": 2}]},
        {**row("Prompted two", "2026-05-06T07:08:05Z", **link), "safeHtmlItem": []},
    ]
    with write(tmp_path / "MyActivity.json", rows).open("rb") as stream:
        (slice,) = [piece for piece in cut_rows(stream, "") if isinstance(piece, Slice)]
    run = opened(slice)
    assert activity.read(run, {}, upward) == activity.dialogue(run, upward).read(run.slice, {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("<br></p></div>", "<br></p></div>\n"),
        ("</div>", ""),
        ("</div>", "</div></div>"),
        ("<p>A week", "<div><p>A week"),
        ("covered", "</div><div>covered"),
        ("covered", "<divide>covered</divide>"),
        ('<div class="mdl-grid"><div', '<div class="mdl-grid"></div><div'),
        (" mdl-typography--text-right", ""),
        ('"header-cell', '"no-cell'),
    ],
)
def test_rows_with_the_same_markup_are_found_as_if_each_div_were_followed(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    page = (CASES / "page.html").read_text(encoding="utf-8")
    begin = page.index('<div class="outer-cell')
    first = page[begin : page.index('<div class="outer-cell', begin + 1)]
    changed = page.replace(first, first * 2 + first.replace(old, new, 1) * 2 + first).encode()
    quick = list(pages.cut_page(io.BytesIO(changed), ""))
    monkeypatch.setattr(pages, "_frame_of", lambda piece: None)
    assert list(pages.cut_page(io.BytesIO(changed), "")) == quick


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("app/aaaaaaaa", "app/aaaaaaaa"),
        ("app/aaaaaaaa", "app/aaaaaaa\\u0061"),
        ("app/aaaaaaaa", "app\\/aaaaaaaa"),
        ("app/aaaaaaaa", "u/\\u0663/app/c/aaaaaaaa"),
        ("app/aaaaaaaa", "app/aaaaaaaa\\u0026x"),
        ("app/aaaaaaaa", "app/aaaaaaaa\\u00e9"),
    ],
)
@pytest.mark.parametrize("between", [[], [row("Prompted to nobody")], [row("Prompted other", **linked("bbbbbbbb"))]])
@pytest.mark.parametrize("up", [False, True])
def test_runs_are_in_the_order_of_the_file_whatever_was_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, written: str, between: list[Json], up: bool
) -> None:
    rows = [row(f"Prompted {at}", f"2026-05-06T07:0{at}:00Z", "<p>a</p>", **linked("aaaaaaaa")) for at in range(4)]
    rows = (rows[:2] + between + rows[2:])[:: 1 if up else -1]
    text = json.dumps(rows)
    at = text.rindex(f'/{given}"') + 1
    path = write(tmp_path / "a.json", (text[:at] + written + text[at + len(given) :]).encode())
    found = read(path)
    monkeypatch.setattr(gemini, "count_links", lambda files: None)
    assert read(path) == found


def test_a_conversation_that_one_run_tells_is_read_without_looking_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(f"Prompted {at}", f"2026-05-06T07:0{at}:00Z", **linked("aaaaaaaa" if at < 3 else "bbbbbbbb")) for at in range(6)]
    path = write(tmp_path / "a.json", rows)
    expected = read(path)
    monkeypatch.setattr(gemini, "_chain", pytest.fail)
    assert read(path) == expected
    assert [found.head.extra["graph"] for found in expected] == ["file order"] * 2


@pytest.mark.parametrize("size", [1, 7, 64])
def test_links_are_counted_wherever_a_file_is_divided(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    data = json.dumps([row("Prompted x", **linked(id)) for id in ("aaaaaaaa", "aaaaaaaa", "b-b_b", "aaaaaaaa")]).encode()
    whole = counted.count_links([("rows", io.BytesIO(data))])
    monkeypatch.setattr(counted, "_CHUNK", size)
    assert counted.count_links([("rows", io.BytesIO(data))]) == whole == ({b"aaaaaaaa": 6, b"b-b_b": 2}, True)


@pytest.mark.parametrize("reference", ["&#47;", "&#x2F;", "&#047", "&sol;"])
def test_a_page_that_refers_to_characters_of_links_is_not_counted(reference: str) -> None:
    assert counted.count_links([("page", io.BytesIO(f'<a href="https://gemini.google.com{reference}app/a">'.encode()))]) is None


# --- conversations ----------------------------------------------------------------------------------------------------


def test_rows_of_one_link_are_one_conversation_and_newest_first_is_turned_round(vault: Vault, tmp_path: Path) -> None:
    rows = [
        row(f"Prompted {n}", f"2026-05-06T07:0{n}:00.000Z", f"<p>answer {n}</p>", **linked("abcdef0123456789")) for n in (3, 2, 1)
    ]
    take_in(vault, write(tmp_path / "MyActivity.json", rows))
    (whole,) = stored(vault)
    assert whole.provider_id == "abcdef0123456789"
    assert whole.head.extra["graph"] == "file order"
    assert [text for _, text in said(whole.messages)] == ["1", "answer 1", "2", "answer 2", "3", "answer 3"]
    assert len(active_path(whole)) == 6


def test_a_file_that_is_oldest_first_is_not_turned_round(vault: Vault, tmp_path: Path) -> None:
    rows = [row(f"Prompted {n}", f"2026-05-06T07:0{n}:00.000Z", **linked("abcdef0123456789")) for n in (1, 2, 3)]
    take_in(vault, write(tmp_path / "MyActivity.json", rows))
    assert [text for _, text in said(stored(vault)[0].messages)] == ["1", "2", "3"]


def test_no_session_is_invented_for_rows_without_a_link(tmp_path: Path) -> None:
    rows = [row(f"Prompted {n}", f"2026-05-06T07:08:0{n}.000Z", "<p>yes</p>") for n in range(5)]
    found = read(write(tmp_path / "MyActivity.json", rows))
    assert len({c.id for c in found}) == 5
    assert all("graph" not in c.head.extra and c.provider_id is None and c.head.title == "" for c in found)


def test_colliding_times_stay_two_conversations(tmp_path: Path) -> None:
    found = read(
        write(tmp_path / "MyActivity.json", [row("Prompted one", answer="<p>1</p>"), row("Prompted two!", answer="<p>2</p>")])
    )
    assert len({c.id for c in found}) == 2


def test_a_row_that_names_several_conversations_is_not_joined_and_says_so(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.json", [row("Branched x", **linked("aaaaaaaa", "bbbbbbbb")), row("Prompted y", **linked("aaaaaaaa"))]
    )
    branched, other = read(path)
    assert branched.provider_id is None and branched.id != other.id
    assert branched.head.extra["not joined"] == "the row names 2 conversations"
    assert branched.head.extra["details"] == linked("aaaaaaaa", "bbbbbbbb")["details"]


@pytest.mark.parametrize("url", [APP + "c/abc-1?hl=en", APP + "abc-1#x", "https://gemini.google.com/u/2/app/abc-1"])
def test_a_title_url_names_a_conversation_too(tmp_path: Path, url: str) -> None:
    (found,) = read(write(tmp_path / "a.json", [row("Prompted y", titleUrl=url)]))
    assert found.provider_id == "abc-1"


def test_a_later_export_of_the_same_rows_adds_only_what_is_new(vault: Vault, tmp_path: Path) -> None:
    older = [
        row("Prompted 1", "2026-05-06T07:01:00Z", "<p>a</p>", **linked("abcdef01")),
        row("Prompted alone", "2026-05-05T07:01:00Z"),
    ]
    newer = [row("Prompted 2", "2026-05-06T07:02:00Z", "<p>b</p>", **linked("abcdef01")), *older]
    take_in(vault, write(tmp_path / "1.json", older))
    receipt = take_in(vault, write(tmp_path / "2.json", newer))
    assert receipt.new.conversations == 0 and receipt.new.messages == 2
    whole = next(c for c in stored(vault) if c.provider_id)
    assert [text for _, text in said(whole.messages)] == ["1", "a", "2", "b"]


def test_rows_of_one_link_that_stand_together_are_one_slice(tmp_path: Path) -> None:
    one, other = linked("aaaaaaaa"), linked("bbbbbbbb")
    rows = [row("Prompted 4", "2026-05-06T07:04:00Z", **one), row("Prompted 3", "2026-05-06T07:03:00Z", **one)]
    rows += [row("Prompted x", "2026-05-06T07:02:00Z", **other), row("Prompted 1", "2026-05-06T07:01:00Z", "<p>a</p>", **one)]
    with open_delivery(write(tmp_path / "a.json", rows)) as delivery:
        found = [(slice.kind, len(reading.conversations[0].messages)) for slice, reading in readings(gemini, delivery)]
    assert found == [("rows", 2), ("rows", 1), ("rows", 2)]


def test_runs_of_one_conversation_hang_on_one_another(vault: Vault, tmp_path: Path) -> None:
    one, other = linked("aaaaaaaa"), linked("bbbbbbbb")
    rows = [row("Prompted 3", "2026-05-06T07:03:00Z", **one), row("Prompted 2", "2026-05-06T07:02:30Z", **one)]
    rows += [row("Prompted x", "2026-05-06T07:02:00Z", **other), row("Prompted 1", "2026-05-06T07:01:00Z", "<p>a</p>", **one)]
    take_in(vault, write(tmp_path / "a.json", rows))
    whole = next(c for c in stored(vault) if c.provider_id == "aaaaaaaa")
    assert [text for _, text in said(active_path(whole))] == ["1", "a", "2", "3"]


def test_rows_that_say_different_things_of_their_conversation_are_no_run(tmp_path: Path) -> None:
    rows = [row("Prompted 2", **linked("aaaaaaaa")), row("Prompted 1", titleUrl=APP + "aaaaaaaa")]
    found = read(write(tmp_path / "a.json", rows))
    assert len({c.id for c in found}) == 1
    assert [sorted({"details", "titleUrl"} & c.head.extra.keys()) for c in found] == [["details"], ["titleUrl"]]


@pytest.mark.parametrize("case", ["takeout", "page.html"])
def test_rows_that_an_older_reader_cut_one_by_one_hang_where_those_of_runs_do(case: str) -> None:
    with open_delivery(CASES / case) as delivery:
        aside, runs, alone = gemini.sidecars(delivery), {}, {}
        for entry in delivery.entries:
            for piece in gemini.cut(entry) if gemini.plan(delivery).get(entry.name) == "cut" else ():
                if isinstance(piece, Slice) and piece.kind in ("rows", "cells"):
                    runs |= {m.id: (m.parent, m.hash) for c in gemini.read(piece, aside).conversations for m in c.messages}
                    for data in piece.value.pieces:
                        row = Slice({"rows": "row", "cells": "cell"}[piece.kind], piece.path, "", data)
                        alone |= {m.id: (m.parent, m.hash) for c in gemini.read(row, aside).conversations for m in c.messages}
    assert len(runs) > 3
    assert alone == runs


def test_rows_of_one_time_and_length_stay_two_in_a_run(tmp_path: Path) -> None:
    (found,) = read(write(tmp_path / "a.json", [row("Prompted b", **linked("aaaaaaaa")), row("Prompted a", **linked("aaaaaaaa"))]))
    assert sorted(text for _, text in said(found.messages)) == ["a", "b"]
    assert len({m.id for m in found.messages}) == 2


def test_a_row_for_which_an_erasure_would_not_leave_json_is_a_slice_of_its_own(tmp_path: Path) -> None:
    rows = [row("Prompted 2", liked=True, **linked("aaaaaaaa")), row("Prompted 1", **linked("aaaaaaaa"))]
    with open_delivery(write(tmp_path / "a.json", rows)) as delivery:
        assert [slice.kind.split(":")[0] for slice, _ in readings(gemini, delivery)] == ["row", "rows"]


def test_conversations_of_workspace_that_are_laid_out_alike_stay_two(vault: Vault, tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        turns = [{"user_turn": {"prompt": name, "turn_last_modified": "2025-01-01T00:00:00Z"}}]
        write(tmp_path / f"{name}.txt", {"title": "", "conversation_turns": turns})
    take_in(vault, tmp_path)
    assert sorted(spoken(c.messages[0]) for c in stored(vault)) == ["cats", "dogs"]
    assert rebuild(vault, records=True).records == 0


LIKED: dict[str, Json] = {"liked": True}


def untimed(at: int, **fields: Json) -> dict[str, Json]:
    return {**row(f"Prompted {at}", answer="<p>a</p>", **fields), "time": (None, 1_747_648_800, "", [])[at % 4]}


@pytest.mark.parametrize(
    "rows",
    [
        [row(f"Prompted {at}") for at in range(4)],
        [row(f"Prompted {at}", answer="<p>a</p>", **linked("bbbbbbbb" if at in (1, 2) else "aaaaaaaa")) for at in range(6)],
        [row(f"Prompted {at}", **({} if at % 2 else LIKED), **linked("aaaaaaaa")) for at in range(4)],
        [untimed(at) for at in range(8)],
        [untimed(at, **linked("aaaaaaaa")) for at in range(8)],
        [untimed(at, **(linked("aaaaaaaa") if at % 3 else {})) for at in range(8)],
    ],
)
def test_rows_that_are_alike_in_all_but_their_words_stay_apart(vault: Vault, tmp_path: Path, rows: list[Json]) -> None:
    expected = sum(1 + ("safeHtmlItem" in one) for one in rows)
    receipt = take_in(vault, write(tmp_path / "a.json", rows))
    assert receipt.read.messages == expected and not receipt.refused
    prompts = [message for c in stored(vault) for message in c.messages if message.role == "user"]
    assert sorted(spoken(message) for message in prompts) == [str(at) for at in range(len(rows))]
    assert not any(c.older for c in stored(vault))
    before = records(vault)
    rebuild(vault, records=True)
    assert records(vault) == before
    again = take_in(vault, write(tmp_path / "b.json", json.dumps(rows).encode() + b"\n"))
    assert again.new.messages == again.changed.messages == 0
    kept = {m.id: (m.hash, m.parent) for c in stored(vault) for m in c.messages}
    for gone in (prompts[1], prompts[2]):
        erase(vault, [gone.id])
        del kept[gone.id]
        assert {m.id: (m.hash, m.parent) for c in stored(vault) for m in c.messages} == kept


def test_the_number_of_a_row_does_not_depend_on_what_stands_between(tmp_path: Path) -> None:
    one, other = linked("aaaaaaaa"), linked("bbbbbbbb")
    rows = [row(f"Prompted {at}", answer="<p>a</p>", **one) for at in range(4)]
    together = [m.id for c in read(write(tmp_path / "a.json", rows)) for m in c.messages]
    parted = read(write(tmp_path / "a.json", [*rows[:1], row("Prompted x", **other), *rows[1:]]))
    assert [m.id for c in parted if c.provider_id == "aaaaaaaa" for m in c.messages] == together


def test_a_row_that_stands_twice_word_for_word_is_kept_once_and_named(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, write(tmp_path / "a.json", [row("Prompted x"), row("Prompted x")]))
    assert len(stored(vault)) == 1
    assert [(problem.where, problem.reason) for problem in receipt.refused] == [("[1]", AGAIN)]


@pytest.mark.parametrize("links", [("",), ("aaaaaaaa",), ("aaaaaaaa", "bbbbbbbb"), ("", "aaaaaaaa")])
def test_rows_of_a_page_that_are_alike_stay_apart(vault: Vault, tmp_path: Path, links: tuple[str, ...]) -> None:
    cell = (
        '<div class="outer-cell"><div class="mdl-grid"><div class="header-cell"><p>Gemini Apps<br></p></div>'
        '<div class="content-cell mdl-typography--body-1">Prompted %d<br>May 19, 2026, 7:07:02 PM UTC<br><p>a</p></div>'
        '<div class="content-cell mdl-typography--caption">%s</div></div></div>'
    )
    link = f'<a href="{APP}%s">x</a>'
    cells = [cell % (at, link % named if (named := links[at % len(links)]) else "") for at in range(6)]
    (tmp_path / "a.html").write_text(f"<html><body>{''.join(cells)}</body></html>", encoding="utf-8")
    assert take_in(vault, tmp_path / "a.html").read.messages == 12
    kept = {m.id: (m.hash, m.parent) for c in stored(vault) for m in c.messages}
    prompts = [m for c in stored(vault) for m in c.messages if m.role == "user"]
    assert sorted(map(spoken, prompts)) == [str(at) for at in range(6)]
    rebuild(vault, records=True)
    for gone in prompts[:3]:
        assert {m.id: (m.hash, m.parent) for c in stored(vault) for m in c.messages} == kept
        erase(vault, [gone.id])
        del kept[gone.id]
    assert {m.id: (m.hash, m.parent) for c in stored(vault) for m in c.messages} == kept


def test_a_row_that_says_nothing_keeps_its_time(tmp_path: Path) -> None:
    (found,) = read(write(tmp_path / "a.json", [row("", "2026-05-06T07:08:09Z")]))
    assert (found.messages, found.head.extra["time"]) == ((), "2026-05-06T07:08:09Z")


def test_rows_of_a_page_that_cannot_be_divided_stay_apart_and_are_named(vault: Vault, tmp_path: Path) -> None:
    page = (CASES / "page.html").read_text(encoding="utf-8")
    last = page[page.rindex('<div class="outer-cell') : page.rindex("</div></body>")]
    others = [last.replace("without any", f"without a{at}y") for at in range(3)]
    (tmp_path / "page.html").write_text(page.replace(last, last + "".join(others)), encoding="utf-8")
    receipt = take_in(vault, tmp_path / "page.html")
    assert receipt.unknown_fields["undivided"] == 4
    assert not any(c.older for c in stored(vault))
    glued = [spoken(m) for c in stored(vault) for m in c.messages if "Then there is none." in spoken(m)]
    assert len(set(glued)) == 4


# --- what a row says --------------------------------------------------------------------------------------------------


def test_several_safe_html_items_are_joined(tmp_path: Path) -> None:
    (found,) = read(
        write(tmp_path / "a.json", [row("Prompted x", safeHtmlItem=[{"html": "<p>one</p>"}, {"html": "<ul><li>two</li></ul>"}])])
    )
    answer = found.messages[1]
    assert answer.parts == (Text("one\n\n- two"),)
    assert answer.extra["safeHtmlItem"] == [{"html": "<p>one</p>"}, {"html": "<ul><li>two</li></ul>"}]


def test_a_missing_answer_makes_no_message(tmp_path: Path) -> None:
    (found,) = read(write(tmp_path / "a.json", [row("Prompted x")]))
    assert said(found.messages) == [("user", "x")]


def test_an_image_only_prompt_does_not_vanish(tmp_path: Path) -> None:
    (found,) = read(write(tmp_path / "a.json", [row("Prompted ", imageFile="gate.jpg")]))
    (message,) = found.messages
    assert message.role == "user"
    assert [part.pointer for part in message.parts if isinstance(part, File)] == ["gate.jpg"]


@pytest.mark.parametrize("title", ["", " ", None])
def test_a_picture_without_a_word_is_a_prompt_until_it_is_erased(vault: Vault, tmp_path: Path, title: Json) -> None:
    given = {**row("x", answer="<p>A cat.</p>", imageFile="cat.png", **linked("aaaaaaaa")), "title": title}
    receipt = take_in(vault, write(tmp_path / "a.json", [given]))
    assert (receipt.read.messages, receipt.attachments.missing) == (2, 1)
    (whole,) = stored(vault)
    prompt, answer = whole.messages
    assert [part.pointer for part in prompt.parts if isinstance(part, File)] == ["cat.png"]
    assert answer.parent == prompt.id
    erase(vault, [prompt.id])
    assert [message.id for message in stored(vault)[0].messages] == [answer.id]


@pytest.mark.parametrize("words", ["Gemini vs ChatGPT, which?", "with great power comes what?", "Bard of Avon"])
def test_a_prompt_keeps_its_first_word(tmp_path: Path, words: str) -> None:
    (found,) = read(write(tmp_path / "a.json", [row(f"Prompted {words}")]))
    assert said(found.messages) == [("user", words)]


@pytest.mark.parametrize("title", ["Created Gemini Canvas titled x", "Gave feedback: Bad response", "Used an Assistant feature"])
def test_what_is_no_prompt_is_kept_and_put_in_nobodys_mouth(tmp_path: Path, title: str) -> None:
    (found,) = read(write(tmp_path / "a.json", [row(title)]))
    assert said(found.messages) == [("activity", title)]


@pytest.mark.parametrize(
    "title",
    [
        "Eingegebener Prompt: x",
        "送信したメッセージ: x",
        "Υποβλήθηκε το ερώτημα x",
        "Has dicho: x",
        "Prompted\u00a0x",
        "Asked Bard: x",
        "已提示：x",
    ],
)
def test_localised_verbs_are_taken_off_and_kept_beside(tmp_path: Path, title: str) -> None:
    (found,) = read(write(tmp_path / "a.json", [row(title)]))
    assert said(found.messages) == [("user", "x")]
    assert found.messages[0].extra["title"] == title


def test_a_verb_nobody_knows_stays_and_an_answer_makes_it_a_prompt(tmp_path: Path) -> None:
    answered, alone = read(
        write(tmp_path / "a.json", [row("Gevraagd: x", answer="<p>y</p>"), row("Gevraagd: x", "2026-01-01T00:00:00Z")])
    )
    assert said(answered.messages) == [("user", "Gevraagd: x"), ("assistant", "y")]
    assert said(alone.messages) == [("activity", "Gevraagd: x")]


def test_times_without_milliseconds_are_as_exact_as_they_are(tmp_path: Path) -> None:
    (found,) = read(write(tmp_path / "a.json", [row("Prompted x", "2026-05-06T07:08:09Z")]))
    assert found.messages[0].time.given == "2026-05-06T07:08:09Z"


def test_attachments_are_found_beside_their_row() -> None:
    with open_delivery(CASES / "takeout") as delivery:
        found = [a for _, r in readings(formats.reader("gemini"), delivery) for c in r.conversations for a in c.attachments]
    assert {a.pointer: a.member for a in found if a.member} == {
        "wall-left-3b9.png": "Takeout/My Activity/Gemini Apps/wall-left-3b9.png"
    }
    assert all(a.member or a.missing for a in found)


def test_the_account_is_withheld(vault: Vault) -> None:
    receipt = take_in(vault, CASES / "takeout")
    assert [w.path for w in receipt.withheld] == ["Takeout/Google Account/somebody.SubscriberInfo.html"]
    assert b"somebody@mail.example" not in b"".join(records(vault).values())


def test_gems_are_topics_with_their_instructions(vault: Vault) -> None:
    take_in(vault, CASES / "takeout")
    topics = [json.loads(data) for (kind, _), data in records(vault).items() if kind == "topic"]
    assert {t["name"]: t["instructions"] for t in topics} == {
        "Hedge Helper": "You know hedges.\nAnswer in two sentences & name the month.",
        "Leiser Lektor": "Streiche jedes dritte Adjektiv.",
    }


def test_rows_of_other_products_between_those_of_a_conversation_stay_out_of_it(vault: Vault, tmp_path: Path) -> None:
    page = (CASES / "page.html").read_bytes()
    rows = [piece for piece in pages.cut_page(io.BytesIO(page), "") if isinstance(piece, Slice)]
    other = rows[0].data.replace(b"Gemini Apps", b"Search")
    assert other != rows[0].data
    mixed = page
    for slice in rows:
        mixed = mixed.replace(slice.data, slice.data + other, 1)
    (tmp_path / "MyActivity.html").write_bytes(mixed)
    receipt = take_in(vault, tmp_path / "MyActivity.html")
    before = stored(vault)
    assert receipt.read.messages == sum(len(found.messages) for found in read(CASES / "page.html"))
    assert rebuild(vault, records=True).records == 0
    assert stored(vault) == before
    spoken_of = next(m for c in before for m in c.messages if m.role == "user")
    erase(vault, [spoken_of.id])
    assert spoken_of.id not in {m.id for c in stored(vault) for m in c.messages}


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_page_says_what_the_rows_say(vault: Vault) -> None:
    take_in(vault, CASES / "page.html")
    whole = next(c for c in stored(vault) if c.provider_id == "c0ffee1234567890")
    roles = [role for role, _ in said(whole.messages)]
    assert roles == ["user", "assistant", "user", "assistant"]
    assert said(whole.messages)[2:] == [("user", "And how long\ndoes it keep?"), ("assistant", "A week, **covered**.\n\ncold")]


def test_a_time_inside_a_prompt_does_not_divide_it() -> None:
    prompts = [spoken(c.messages[0]) for c in read(CASES / "page.html")]
    assert "Meet at\nJan 5, 2026, 9:00:00 AM\nsays my note, is that a Monday?" in prompts


def test_a_link_in_an_answer_names_no_conversation() -> None:
    assert "elsewhere99" not in {c.provider_id for c in read(CASES / "page.html")}


def test_without_a_time_nobody_is_said_to_have_spoken() -> None:
    last = read(CASES / "page.html")[-1]
    assert [message.role for message in last.messages] == ["activity"]
    assert "Then there is none." in spoken(last.messages[0])


def test_a_big_page_is_cut_in_bounded_memory() -> None:
    cell = pages.cut_page(io.BytesIO((CASES / "page.html").read_bytes()), "")
    one = next(piece for piece in cell if isinstance(piece, Slice)).data

    class Endless(io.RawIOBase):
        left = 40_000_000 // len(one)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            count = min(self.left, size // len(one))
            self.left -= count
            return one * count

    tracemalloc.start()
    count = sum(isinstance(piece, Slice) for piece in pages.cut_page(Endless(), "page"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40_000_000 // len(one)
    assert peak < 8 * pages.CHUNK


def test_a_page_of_another_encoding_refuses_its_rows_one_by_one(tmp_path: Path) -> None:
    page = (CASES / "page.html").read_bytes().replace(b"Vier Minuten.", b"F\xfcnf Minuten.")
    with open_delivery(write(tmp_path / "page.html", page)) as delivery:
        read_ = [reading for _, reading in readings(formats.reader("gemini"), delivery)]
    assert sum(len(reading.problems) for reading in read_) == 1
    assert sum(len(reading.conversations) for reading in read_) == len(read_) - 1


def test_a_page_cut_off_inside_a_row_refuses_it_and_says_that_more_is_missing(vault: Vault, tmp_path: Path) -> None:
    page = (CASES / "page.html").read_bytes()
    whole = [piece.data for piece in pages.cut_page(io.BytesIO(page), "") if isinstance(piece, Slice)]
    (tmp_path / "page.html").write_bytes(page[: page.rindex(whole[-1]) + len(whole[-1]) - 9])
    receipt = take_in(vault, tmp_path / "page.html")
    assert [(problem.kind, problem.reason) for problem in receipt.refused] == [("conversation", CUT_OFF), ("source", UNCLOSED)]
    before = stored(vault)
    assert before == stored(vault) and rebuild(vault, records=True).records == 0
    assert stored(vault) == before
    assert give_back(vault, receipt.id, tmp_path / "back").identical


def test_a_page_cut_off_between_two_rows_says_so(vault: Vault, tmp_path: Path) -> None:
    page = (CASES / "page.html").read_bytes()
    (tmp_path / "page.html").write_bytes(page[: page.rindex(pages._ROW) + 4])
    assert [problem.reason for problem in take_in(vault, tmp_path / "page.html").refused] == [UNCLOSED]


# --- erasing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["takeout", "page.html"])
def test_an_erased_prompt_takes_its_attachments_along_and_leaves_the_answer(vault: Vault, case: str) -> None:
    take_in(vault, CASES / case)
    prompt = next(m for c in stored(vault) for m in c.messages if m.role == "user" and any(isinstance(p, File) for p in m.parts))
    names = [part.pointer for part in prompt.parts if isinstance(part, File)]
    kept = {m.id: m.hash for c in stored(vault) for m in c.messages if m.id != prompt.id}
    erase(vault, [prompt.id])
    assert {m.id: m.hash for c in stored(vault) for m in c.messages} == kept
    slices = b"".join(vault.store.slice(id)[0] for id in vault.store.slices())
    assert not any(name.encode() in slices for name in names)


def test_what_is_erased_in_a_run_leaves_json_and_every_other_message(vault: Vault, tmp_path: Path) -> None:
    words = ['oak \\ "leaf"', "ash é", "elm"]
    rows = [
        row(f"Prompted {word}", f"2026-05-06T07:0{n}:00Z", f"<p>{word} answered</p>", imageFile=f"{n}.png", **linked("aaaaaaaa"))
        for n, word in enumerate(words)
    ]
    receipt = take_in(vault, write(tmp_path / "a.json", rows))
    (whole,) = stored(vault)
    before = {m.id: (m.hash, m.parent) for m in whole.messages}
    for gone in (whole.messages[0], whole.messages[3]):  # the first prompt, the second answer
        erase(vault, [gone.id])
        del before[gone.id]
        (left,) = stored(vault)
        assert {m.id: (m.hash, m.parent) for m in left.messages} == before
    back = json.loads(Path(give_back(vault, receipt.id, tmp_path / "back").path).read_bytes())
    assert [one["title"].strip() for one in back] == ["", "Prompted ash é", "Prompted elm"]
    assert [bool(one["safeHtmlItem"]) for one in back] == [True, False, True]


# --- words and times --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("a<br>b &lt;c&gt;", "a\nb <c>"),
        ("<ul><li><p>a</p></li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n  - c"),
        ("<pre><code>x\n  y</code></pre>", "```\nx\n  y\n```"),
        ("<p>see <a href='https://x.example'>x</a> <code>y</code></p>", "see [x](https://x.example) `y`"),
        ("<script>no</script><style>no</style>yes", "yes"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "| a | b |"),
        ("<pre>x\n\n\n    y</pre>", "```\nx\n\n\n    y\n```"),
        ("<h2>a</h2><ol><li>b</li><li>c</li></ol>d", "## a\n\n1. b\n2. c\n\nd"),
        ("<![CDATA[ <b>open", "<![CDATA[ **open"),
        ("1 < 2 && 3 > 2", "1 < 2 && 3 > 2"),
        ("&#" + "9" * 5_000, "&#" + "9" * 5_000),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert markup.plain_text(html) == text


@pytest.mark.parametrize("piece", ["<", "<a ", "</", "<!--", '<a href="', "<a x='", "&", " ", "<pre>", "<li>", "<b>"])
def test_no_markup_takes_long(piece: str) -> None:
    body = piece * (200_000 // len(piece))
    started = time.monotonic()
    for cell in ("mdl-typography--body-1", "mdl-typography--caption"):
        pages.row_of(f'<div class="outer-cell"><div class="content-cell {cell}">{body}</div></div>'.encode())
    moments.moment(body)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("May 19, 2026, 7:07:02\u202fPM GMT-03:00", "2026-05-19T22:07:02Z"),
        ("10 de mai. de 2026, 03:46:09 BRT", "2026-05-10T06:46:09Z"),
        ("04.05.2026, 06:07:08 MESZ", "2026-05-04T04:07:08Z"),
        ("2024. 10. 19. 오전 9:15:07 KST", "2024-10-19T00:15:07Z"),
        ("Jan 2, 2026, 12:00:17 AM EST", "2026-01-02T05:00:17Z"),
        ("3/4/2026, 10:00:00", None),
        ("Feb 30, 2026, 3:08:20 PM EST", None),
        ("2026年5月19日 下午7:07:02 [台灣標準時間]", "2026-05-19T19:07:02Z"),
        ("19. maj 2026 19.07.02 CEST", "2026-05-19T17:07:02Z"),
        ("19.5.2026 klo 9.07.02 EEST", "2026-05-19T06:07:02Z"),
        ("19 Mei 2026 19.07.02 WIB", "2026-05-19T12:07:02Z"),
        ("19:07:02 19 thg 5, 2026 GMT+7", "2026-05-19T12:07:02Z"),
        ("19 mai 2026, 19 h 07 min 02 s HAE", "2026-05-19T23:07:02Z"),
        ("19 Μαΐ 2026, 7:07:02 μ.μ. EEST", "2026-05-19T16:07:02Z"),
        ("19 Mei 2026, 7:07:02 PTG MYT", "2026-05-19T11:07:02Z"),
        ("19 maj 2026, 7:07:02 e pasdites, CEST", "2026-05-19T17:07:02Z"),
        ("١٩\u200f/٠٥\u200f/٢٠٢٦، ٧:٠٧:٠٢ م", "2026-05-19T19:07:02Z"),
        ("19. marrask. 2026, 9:07:02 EET", "2026-11-19T07:07:02Z"),
        ("19 Mei 2026, 7:07:02 usiku EAT", None),  # a half of the day, but which?
        ("19 Mei 2026, 19:07:02 xyz", "2026-05-19T19:07:02Z"),
        ("19/5/2569 19:07:02 ICT", None),  # of the Buddhist calendar
        ("Mayo 19, 2026, 7:07:02 PM PST", "2026-05-19T19:07:02Z"),  # of the Philippines: a wall time
        ("May 19, 2026, 7:07:02 PM GMT-8", "2026-05-20T03:07:02Z"),
        ("Mar 2, 2026, 7:07:02 PM PST", "2026-03-03T03:07:02Z"),
    ],
)
def test_localised_times(given: str, instant: str | None) -> None:
    found = moments.moment(given)
    assert (found.given, utc(found.us)) == (given, instant)


@pytest.mark.parametrize(
    "line",
    ["২০২৬ মে ১৯, ৭:০৭:০২ PM", "۲۹ اردیبهشت ۱۴۰۵،\u200f ۱۹:۰۷:۰۲", "၁၉ မေ ၂၀၂၆ ၁၉:၀၇:၀၂", "19 พ.ค. 2569 19:07:02 ICT"],
)
def test_a_time_is_seen_where_it_cannot_be_read(line: str) -> None:
    assert moments.looks_like_time(line)
    assert moments.moment(line).us is None


def test_a_zone_that_several_share_leaves_a_wall_time() -> None:
    assert moments.moment("2026年6月19日 12:23:08 CST").zone == "none"
