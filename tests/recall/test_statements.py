"""What two statements of one person say about each other: replaced, contradicted, or nothing."""

from __future__ import annotations

import pytest

from souviens.recall.changes import bare, language, sign
from souviens.recall.statements import claims, compare

DAY = 86_400_000_000
MARCH, APRIL = 19_800 * DAY, 19_830 * DAY


def between(earlier: str, later: str) -> tuple[str, str] | None:
    found = compare(claims(earlier, MARCH), claims(later, APRIL), lambda stem: 0.6)
    return (found.type, found.about) if found else None


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("The gallery page shows 8 cards.", "I have increased the gallery page to 10 cards."),
        ("The application deadline is April 1.", "The application deadline was moved to April 5."),
        ("My reading goal for the winter challenge is 10 books.", "I extended my winter reading challenge goal to 12 books."),
        ("The ethics webinar in hiring takes place on March 20.", "Which day was the ethics webinar in hiring rescheduled to?"),
        ("I have used the tram to reach the workshop.", "I no longer use the tram to the workshop."),
    ],
)
def test_a_later_value_with_a_sign_of_change_replaces_the_earlier(earlier: str, later: str) -> None:
    found = between(earlier, later)
    assert found is not None
    assert found[0] == "supersedes"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("I met Kelly at the library's book club.", "I've never met Kelly at any book club or event."),
        ("I've never delegated tasks to Greg.", "I delegated some of my editing tasks to Greg."),
        ("J'ai visité le musée maritime avec Paul.", "Je n'ai jamais visité le musée maritime, ni avec Paul ni seul."),
        ("He visitado el museo marítimo con Paul.", "Nunca he visitado el museo marítimo."),
        ("Ich habe das Schifffahrtsmuseum besucht.", "Ich habe noch nie das Schifffahrtsmuseum besucht."),
        ("去年我参观了海事博物馆。", "我从来没有参观海事博物馆。"),
    ],
)
def test_what_one_says_and_the_other_denies_is_a_contradiction(earlier: str, later: str) -> None:
    found = between(earlier, later)
    assert found is not None
    assert found[0] == "contradicts"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("The gallery page shows 8 cards.", "The checkout page shows 10 buttons."),
        ("The gallery page shows 8 cards.", "I have increased the gallery page to 8 cards."),
        ("I've never met Kelly at a book club.", "Should I meet Kelly at the book club?"),
        ("I've never met Kelly at a book club.", "I want to meet Kelly at the book club."),
        ("I spent $40 on books in March.", "I reduced my spending on books in March to $50."),
        ("The deadline is April 1.", "It rains now."),
        ("", ""),
    ],
)
def test_nothing_is_said_where_nothing_can_be_told(earlier: str, later: str) -> None:
    assert between(earlier, later) is None


@pytest.mark.parametrize(
    ("text", "tongue", "kind"),
    [
        ("I no longer eat meat", "en", "ended"),
        ("Je ne mange plus de viande", "fr", "ended"),
        ("La reunión fue aplazada y la fecha es otra", "es", "moved"),
        ("Die Frist wurde auf Mai verschoben", "de", "moved"),
        ("締め切りが変更になりました", "ja", "moved"),
        ("会议改到星期五", "zh", "moved"),
        ("تم تأجيل الموعد", "ar", "moved"),
        ("बैठक स्थगित हो गई", "hi", "moved"),
    ],
)
def test_words_of_change_in_every_language(text: str, tongue: str, kind: str) -> None:
    assert language(bare(text)) == tongue
    assert sign(kind, bare(text), tongue)
    assert not sign("denied", bare(text), tongue)
