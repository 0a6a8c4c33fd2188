"""What measures has to be right itself: the metrics of recall, and that the small set goes through the product."""

from __future__ import annotations

import pytest

from bench import ablations
from bench.haystacks import SMALL, Set
from bench.recall import FLAT, Answer, folds, measure, report
from bench.scores import METRICS, mean, score
from souviens.recall.weights import TABLE, WEIGHTS


def test_the_metrics_of_a_ranking() -> None:
    found = score(["x", "a", "y", "b", *"cdefgh", "z"], frozenset({"a", "b", "z"}))

    assert found["any@1"] == 0
    assert found["any@5"] == 1
    assert found["all@10"] == 0
    assert found["rec@10"] == pytest.approx(2 / 3)
    assert found["mrr"] == 0.5
    assert found["ndcg@10"] == pytest.approx((1 / 1.584963 + 1 / 2.321928) / (1 + 1 / 1.584963 + 0.5), abs=1e-6)
    assert set(found) == set(METRICS)


def test_a_perfect_ranking_has_full_marks_and_an_empty_one_none() -> None:
    assert set(mean([score(["a", "b"], frozenset("ab"))]).values()) == {100.0}
    assert set(mean([score([], frozenset("ab"))]).values()) == {0.0}


def test_what_has_no_known_evidence_is_not_scored_as_missed() -> None:
    assert score(["a"], frozenset()) == {}
    assert mean([score(["a"], frozenset()), score(["a"], frozenset("a"))])["any@1"] == 100.0
    assert mean([{}]) == {}


def _answer(haystack: str, type: str, hit: bool) -> Answer:
    found = score(["a"] if hit else [], frozenset("a"))
    return Answer(haystack, "q", type, found, found, int(hit), 0.001)


def test_adversarial_questions_stand_under_types_alone() -> None:
    answers = [_answer("1", "lookup", True), _answer("1", "adversarial", False)]

    found = report(Set("locomo", SMALL), answers, {"index_s": 1.0, "bytes": 2.0})
    counted_as_mempalace_does = report(Set("locomo-mempalace", SMALL, mempalace=True), answers, {"index_s": 1.0, "bytes": 2.0})

    assert (found["n"], found["overall"]["message"]["rec@10"]) == (1, 100.0)
    assert (found["types"]["adversarial"]["n"], found["types"]["adversarial"]["message"]["rec@10"]) == (1, 0.0)
    assert (counted_as_mempalace_does["n"], counted_as_mempalace_does["overall"]["message"]["rec@10"]) == (2, 50.0)
    assert found["speed"] == {"index_s": 1.0, "query_ms_p50": 1.0, "query_ms_p95": 1.0, "bytes": 2}


def test_folds_are_of_whole_haystacks() -> None:
    answers = [_answer(str(n), "lookup", n < 3) for n in range(6) for _ in range(n + 1)]

    mean, spread = folds(Set("small", SMALL), answers)["message"]["rec@10"]

    # Five folds of six haystacks: 0 and 5 share one, in which one of seven questions is answered.
    assert mean == pytest.approx((14.3 + 100 + 100 + 0 + 0) / 5)
    assert spread > 40


def test_the_ablations_follow_the_table_of_weights() -> None:
    """Groups name fields there are, none twice; leaving a field out changes it and no other, for every kind of question."""
    grouped = [field for group in ablations.GROUPS.values() for field in group]
    assert len(grouped) == len(set(grouped))
    assert {*grouped, *ablations.ARMS} <= set(WEIGHTS._fields)
    variants = ablations.variants()
    for field in WEIGHTS._fields:
        for kind, left_out in variants[f"without {field}"].weights.items():
            changed = {f for f in WEIGHTS._fields if getattr(left_out, f) != getattr(TABLE[kind], f)}
            assert changed == ({field} if getattr(TABLE[kind], field) not in (0.0, 1.0 if field == "title" else 0.0) else set())
    assert not variants["words only"].encoder
    assert variants["vectors only"].weights["lookup"].words == 0
    alone = variants["hierarchy alone"].weights["lookup"]
    assert (alone.opening, alone.person) == (WEIGHTS.opening, 0)


@pytest.fixture(scope="module")
def small() -> dict[str, list[Answer]]:
    return measure(Set("small", SMALL), None, ablations.FULL, flat=True)[0]


KINDS = {
    "changed knowledge", "implied", "list", "lookup", "multi-hop", "not in memory", "order", "preference", "relative date",
    "summary", "wrong name",
}  # fmt: skip
LANGUAGES = ("French", "Spanish", "German", "Japanese", "Chinese", "Arabic", "Hindi")


def test_the_small_set_has_every_kind_of_question_and_several_languages(small: dict[str, list[Answer]]) -> None:
    assert {answer.type for answer in small["full"]} == KINDS
    assert {answer.question.partition("-")[0] for answer in small["full"]} == {"life", "friends", *LANGUAGES}


def test_the_small_set_is_found_by_words_alone(small: dict[str, list[Answer]]) -> None:
    """Every script, and every kind of question that words can answer."""
    found = report(Set("small", SMALL), small["full"], {"index_s": 0.0, "bytes": 0.0})

    assert found["n"] == 39  # and three that nothing answers
    assert found["overall"]["message"]["any@10"] >= 85  # the rest ask in other words, or for a day that they do not name
    for language in LANGUAGES:
        looked_up = [answer for answer in small["full"] if answer.question == f"{language}-0"]
        assert mean(answer.message for answer in looked_up)["any@5"] == 100, language


def test_what_nothing_answers_is_asked_and_stands_aside(small: dict[str, list[Answer]]) -> None:
    found = report(Set("small", SMALL), small["full"], {"index_s": 0.0, "bytes": 0.0})["types"]["not in memory"]

    assert (found["n"], found["message"], found["conversation"]) == (3, {}, {})
    silent = [answer for answer in small["full"] if answer.type == "not in memory" and not answer.likely]
    assert found["nothing"] == round(100 * len(silent) / 3, 1)


def test_the_flat_baseline_answers_the_same_questions(small: dict[str, list[Answer]]) -> None:
    assert [(a.haystack, a.type) for a in small[FLAT]] == [(a.haystack, a.type) for a in small["full"]]
    assert mean(a.message for a in small[FLAT])["any@10"] >= 95
