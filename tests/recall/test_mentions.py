"""What texts speak of, in the scripts most histories are in; and what two statements of one person say about each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souviens.recall.mentions import LONGEST, TELLING, Mention, aliases, introduced, key_of, mentions, telling
from tests.index.contract import NAUGHTY

FRIDAY = 1_710_460_800_000_000  # 15 March 2024


def said(text: str, *known: str) -> set[tuple[str, str]]:
    return {(m.sort, m.key) for m in mentions(text, FRIDAY, known)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "I upgraded to Bootstrap 5.3.0, see app/views.py and https://getbootstrap.com/docs; Ines Marlow, March 20, $1,250.",
            {("product", "bootstrap 5.3.0"), ("file", "app/views.py"), ("address", "https://getbootstrap.com/docs")}
            | {("name", "ines marlow"), ("date", "2024-03-20"), ("amount", "$1,250")},
        ),
        (
            "It fails with ECONNREFUSED after --no-cache in load_rows().",
            {("identifier", "econnrefused"), ("identifier", "--no-cache")},
        ),
        (
            "Ma sœur Élodie habite à Saint-Étienne et lit « Le Petit Jardin » depuis le 3 mars. Demain, 25 €.",
            {("name", "elodie"), ("name", "saint-etienne"), ("title", "le petit jardin"), ("date", "2024-03-03")}
            | {("date", "2024-03-16"), ("amount", "25 €")},
        ),
        (
            "Mi hermano Javier vive en Ciudad de México y leyó «La casa larga» el 20 de marzo.",
            {("name", "javier"), ("name", "ciudad de mexico"), ("title", "la casa larga"), ("date", "2024-03-20")},
        ),
        (
            "Ich habe mit Anna Schmidt über den Ofen gesprochen, und „Der Turm“ kostet 12,50 €. Das ist am 3. März.",
            {("name", "anna schmidt"), ("title", "der turm"), ("amount", "12,50 €"), ("date", "2024-03-03")},
        ),
        (
            "昨日、スターバックスで「長い森」を読んだ。Python 3.12を使って3時間かかった。#読書",
            {("date", "2024-03-14"), ("name", "スターバックス"), ("title", "長い森"), ("product", "python 3.12")}
            | {("amount", "3時間"), ("tag", "#読書")},
        ),
        (
            "我昨天在《长河》里看到了Bootstrap 5.3.0，花了300元。",
            {("date", "2024-03-14"), ("title", "长河"), ("product", "bootstrap 5.3.0"), ("amount", "300元")},
        ),
        (
            "قرأت «الأيام» أمس واشتريت iPhone 15 بمبلغ 300 دولار",
            {("title", "الأيام"), ("date", "2024-03-14"), ("product", "iphone 15"), ("amount", "300 دولار")},
        ),
        (
            'मैंने "लंबी नदी" पढ़ी और Flipkart से 300 रुपये में खरीदी',
            {("title", "लंबी नदी"), ("name", "flipkart"), ("amount", "300 रुपये")},
        ),
    ],
    ids=["english", "identifiers", "french", "spanish", "german", "japanese", "chinese", "arabic", "hindi"],
)
def test_things_in_every_script(text: str, expected: set[tuple[str, str]]) -> None:
    assert expected <= said(text)


def test_the_first_word_of_a_sentence_is_no_name_unless_something_says_so() -> None:
    assert said("Stoneware is what I use. Glazes too.") == set()
    assert ("name", "stoneware") in said("Stoneware is a shop. I went to Stoneware.")
    assert ("name", "stoneware") in said("stoneware is what i use", "stoneware")


def test_a_thing_has_one_key_whatever_its_form() -> None:
    assert key_of("Élodie's") == key_of("ELODIE") == "elodie"
    assert key_of("ガ") != key_of("カ")


def test_aliases_only_where_a_text_introduces_them() -> None:
    found = aliases(["Robert (Bob) plays.", "The Applicant Tracking System (ATS) is down.", "Ines, aka Nessie, came."])
    assert found["robert"] == {"bob"}
    assert "applicant tracking system" in found["ats"]
    assert found["ines"] == {"nessie"}
    assert "bill" not in aliases(["I met William there.", "And Bill came, too."])
    assert list(introduced("It broke (again)")) == []


def test_a_first_name_is_an_alias_if_it_is_only_ever_one_persons() -> None:
    assert aliases(["We asked Ines Marlow."])["ines"] == {"ines marlow"}
    assert "ines" not in aliases(["We asked Ines Marlow.", "We asked Ines Pekari."])


def test_telling_gives_what_the_question_lacks_by_rank_and_rarity() -> None:
    texts = ["I went with Ines to the Harbour Museum.", "The Harbour Museum has a show."]
    assert telling(texts, "where did I go with Ines?") == ["Harbour Museum"]
    assert telling(texts, "where did I go?", rarity=lambda words: 0.0 if words == "Harbour Museum" else 1.0) == ["Ines"]
    assert telling([], "where?") == []


@given(st.one_of(st.text(max_size=300), st.sampled_from(NAUGHTY)))
def test_any_text_is_read(text: str) -> None:
    found = mentions(text, FRIDAY)
    assert all(isinstance(m, Mention) and m.sort in TELLING and m.key for m in found)
    assert len({m.key for m in found}) == len(found)


def test_long_texts_are_read_in_reasonable_time() -> None:
    import time

    hard = ("A" * 300 + "." + "1," * 300 + "/a" * 300 + "Aa " * 300) * 20
    started = time.process_time()
    mentions(hard[:LONGEST], FRIDAY)
    assert time.process_time() - started < 5
