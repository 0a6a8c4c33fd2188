"""Sets as they are published, and as MemPalace counts them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bench.haystacks import Haystack, moment, sets


@pytest.mark.parametrize("date", ["1:56 pm on 8 May, 2023", "March-15-2024", "2023/05/20 (Sat) 02:21", "2026-02-03"])
def test_dates_of_the_sets_are_read(date: str) -> None:
    assert moment(date) is not None


def test_a_date_that_is_none_is_none() -> None:
    assert moment("some day") is None


def _read(folder: Path, name: str) -> list[Haystack]:
    return list(sets(folder, [name])[name].haystacks())


LONGMEMEVAL: list[dict[str, Any]] = [
    {
        "question_id": "q1",
        "question_type": "single-session-user",
        "question": "Which oar broke?",
        "question_date": "2023/05/30 (Tue) 23:40",
        "answer": "the left one",
        "answer_session_ids": ["answer_1"],
        "haystack_session_ids": ["filler", "answer_1", "filler", "empty"],
        "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/21 (Sun) 02:21", "2023/05/22 (Mon) 02:21", "2023/05/23 (Tue) 02:21"],
        "haystack_sessions": [
            [{"role": "user", "content": "hello"}],
            [
                {"role": "user", "content": "my left oar broke", "has_answer": True},
                {"role": "assistant", "content": "oh", "has_answer": False},
            ],
            [{"role": "user", "content": "hello again"}],
            [],
        ],
    }
]
LONGMEMEVAL += [LONGMEMEVAL[0] | {"question_id": "q1_abs"}]
LONGMEMEVAL += [LONGMEMEVAL[0] | {"question_id": "q2", "haystack_sessions": [[{"role": "user", "content": "x"}]] * 4}]


def test_longmemeval_is_read_as_published(tmp_path: Path) -> None:
    (tmp_path / "longmemeval_s.json").write_text(json.dumps(LONGMEMEVAL), encoding="utf-8")

    read = _read(tmp_path, "longmemeval_s")

    found = [haystack.questions[0] for haystack in read]
    assert [question.type for question in found] == ["single-session-user", "abstention", "no target"]
    assert (found[0].turns, found[0].sessions) == ({"answer_1#0"}, {"answer_1"})
    assert found[0].asked == 1685490000_000000
    # A filler that stands there twice is two conversations, an empty one none.
    assert [session["conversation_id"] for session in read[0].export] == ["filler", "answer_1", "filler~2"]
    assert sets(tmp_path, [])["longmemeval_s"].aside >= {"abstention", "no target"}


def test_longmemeval_as_mempalace_counts_it(tmp_path: Path) -> None:
    """Conversations, and all of the questions."""
    (tmp_path / "longmemeval_s.json").write_text(json.dumps(LONGMEMEVAL), encoding="utf-8")

    found = [haystack.questions[0] for haystack in _read(tmp_path, "longmemeval_s-mempalace")]

    assert {question.type for question in found} == {"single-session-user"}
    assert all(question.sessions == {"answer_1"} and not question.turns for question in found)
    assert not sets(tmp_path, ["longmemeval_s-mempalace"])["longmemeval_s-mempalace"].aside


LOCOMO = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ann",
        "speaker_b": "Ben",
        "session_2_date_time": "1:00 pm on 9 May, 2023",
        "session_2": [{"speaker": "Ben", "dia_id": "D2:1", "text": "The kite flew."}],
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ann", "dia_id": "D1:1", "text": "My kite!", "blip_caption": "a red kite", "img_url": ["x"]},
            {"speaker": "Ben", "dia_id": "D1:2", "text": "Nice."},
        ],
        "session_3_date_time": "2:00 pm on 10 May, 2023",
    },
    "qa": [
        {"question": "Did it fly?", "answer": "yes", "evidence": ["D1:1; D2:1", "D9:9"], "category": 1},
        {"question": "What did Ben build?", "adversarial_answer": "a kite", "evidence": ["D1:1"], "category": 5},
        {"question": "Why?", "answer": 3, "evidence": [], "category": 3},
    ],
}


def test_locomo_is_read_as_published(tmp_path: Path) -> None:
    (tmp_path / "locomo10.json").write_text(json.dumps([LOCOMO]), encoding="utf-8")

    (read,) = _read(tmp_path, "locomo10")

    assert [session["conversation_id"] for session in read.export] == ["S1", "S2"]
    first = read.export[0]["mapping"]["D1:1"]["message"]
    assert first["author"] == {"role": "user", "name": "Ann", "metadata": {}}
    assert first["content"]["parts"] == ["My kite! [shares a red kite]"]
    assert [(q.type, q.turns, q.sessions) for q in read.questions] == [
        ("multi-hop", {"D1:1", "D2:1"}, {"S1", "S2", "S9"}),
        ("adversarial", {"D1:1"}, {"S1"}),
        ("open-domain", set(), set()),
    ]
    assert read.questions[0].asked == int((moment("1:00 pm on 9 May, 2023") or 0) * 1e6)


def test_locomo_as_mempalace_counts_it(tmp_path: Path) -> None:
    """No captions; the first id of an entry; all questions, those without evidence too."""
    (tmp_path / "locomo10.json").write_text(json.dumps([LOCOMO]), encoding="utf-8")

    (read,) = _read(tmp_path, "locomo-mempalace")

    assert read.export[0]["mapping"]["D1:1"]["message"]["content"]["parts"] == ["My kite!"]
    assert [(q.turns, q.sessions) for q in read.questions] == [(set(), {"S1", "S9"}), (set(), {"S1"}), (set(), set())]


def test_our_lines_lose_their_captions_too_when_counted_so(tmp_path: Path) -> None:
    turns = [{"tid": "D1:1", "role": "Ann", "text": "My kite! [shares a photo of a kite]"}]
    asked = {"qid": "1", "type": "single-hop", "q": "?", "date": "", "gold_turns": ["D1:1"], "gold_sessions": ["S1"]}
    line = {"id": "conv-1", "sessions": [{"sid": "S1", "date": "2023-05-08", "turns": turns}], "questions": [asked]}
    (tmp_path / "locomo.jsonl.gz").write_bytes(gzip.compress(json.dumps(line).encode()))

    (read,) = _read(tmp_path, "locomo-mempalace")

    assert read.export[0]["mapping"]["D1:1"]["message"]["content"]["parts"] == ["My kite!"]
    with pytest.raises(SystemExit, match="locomo-mempalace"):
        sets(tmp_path, ["beam"])
