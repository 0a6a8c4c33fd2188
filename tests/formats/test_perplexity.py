"""Perplexity's three shapes: a turn is two messages, each erasable by itself; sources are citations; Grok's is not taken for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.formats import perplexity
from souviens.jsonspan import Slice, load
from souviens.port.erasing import erase
from souviens.port.intake import take_in
from souviens.records import Citation, Conversation, Json, Text, spoken
from souviens.vault import Vault
from tests.golden import FIXTURES
from tests.port.given import records, write

CASES = FIXTURES / "perplexity"


def one(kind: str, value: Json) -> Conversation:
    (found,) = perplexity.read(load(Slice(kind, "x.json", "", json.dumps(value).encode())), {}).conversations
    return found


def official(*entries: Json, **fields: Json) -> Conversation:
    return one("conversation", {"context_uuid": "ctx", "entries": list(entries), **fields})


def api(**entry: Json) -> Conversation:
    return one("answers", {"entries": [{"uuid": "e", "context_uuid": "ctx", "query_str": "q", **entry}]})


def said(conversation: Conversation) -> list[tuple[str, str]]:
    return [(message.role, spoken(message)) for message in conversation.messages]


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ({"conversations": [{"context_uuid": "a", "entries": []}]}, "account"),
        ({"conversations": [None, {"context_uuid": "a", "entries": [], "new": 1}]}, "account"),
        ({"metadata": {"thread_title": "t"}, "conversations": []}, "thread"),
        ({"conversations": [{"query": "q", "answer": "a"}]}, "thread"),
        ({"entries": [{"query_str": "q"}]}, "answers"),
        ({"context_uuid": "a", "entries": []}, "conversation"),
        # Grok's, an old ChatGPT's, and what nobody's is
        ({"conversations": [{"conversation": {}, "responses": []}]}, None),
        ({"conversations": [{"mapping": {}}]}, None),
        ({"conversations": []}, None),
        ({"entries": []}, None),
    ],
)
def test_the_same_top_key_is_told_apart(tmp_path: Path, value: Json, shape: str | None) -> None:
    with open_delivery(write(tmp_path / "conversations.json", value)) as delivery:
        assert perplexity.identify(delivery) == shape


def test_a_turn_is_a_question_and_an_answer() -> None:
    found = official({"entry_uuid": "1", "query": "a?", "answer": "b"}, {"entry_uuid": "2", "query": "c?", "answer": "d"})
    assert said(found) == [("user", "a?"), ("assistant", "b"), ("user", "c?"), ("assistant", "d")]
    assert [m.parent for m in found.messages] == [None, *(m.id for m in found.messages[:-1])]


def test_a_question_without_an_answer_keeps_what_its_turn_says() -> None:
    found = official({"entry_uuid": "1", "query": "a?", "answer": "", "query_status": "pending"})
    assert said(found) == [("user", "a?")]
    assert found.messages[0].extra["query_status"] == "pending"


def test_naive_times_stay_naive() -> None:
    found = official({"entry_uuid": "1", "query": "a?", "answer": "b", "created_at": "2026-03-04T10:11:13"})
    assert [m.time.zone for m in found.messages] == ["none", "none"]


def test_sources_are_citations() -> None:
    turn = {"uuid": "1", "query": "a?", "answer": "b", "sources": [{"title": "t", "url": "https://x.example", "snippet": "s"}]}
    found = one("thread", {"metadata": {"thread_id": "t"}, "conversations": [turn]})
    assert found.messages[1].parts == (Text("b"), Citation("https://x.example", "t", "s"))


def test_repeated_blocks_are_said_once_and_kept() -> None:
    blocks = [{"intended_usage": usage, "markdown_block": {"answer": "yes"}} for usage in ("ask_text_0_markdown", "ask_text")]
    found = api(blocks=blocks)
    assert said(found) == [("user", "q"), ("assistant", "yes")]
    assert [part.kind for part in found.messages[1].parts if not isinstance(part, Text)] == ["ask_text"]  # type: ignore[union-attr]


def test_chunks_stand_in_for_an_answer() -> None:
    assert said(api(blocks=[{"markdown_block": {"chunks": ["ye", "s"]}}]))[1] == ("assistant", "yes")


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"answer": "yes", "web_results": []}),
        json.dumps([{"step_type": "FINAL", "content": {"answer": "yes"}}]),
        json.dumps([{"step_type": "SEARCH"}, {"step_type": "FINAL", "content": {"answer": json.dumps({"answer": "yes"})}}]),
        "yes",
    ],
)
def test_older_answers_are_unpacked_and_stay_as_they_were(text: str) -> None:
    answer = api(text=text).messages[1]
    assert spoken(answer) == "yes" and answer.extra["text"] == text


def test_a_space_is_a_topic_without_a_name(vault: Vault) -> None:
    take_in(vault, CASES / "account.json")
    kinds = [kind for kind, _ in records(vault)]
    assert kinds.count("topic") == 1


@pytest.mark.parametrize("case", ["account.json", "thread.json", "api.json"])
def test_an_erased_answer_takes_its_sources_and_leaves_its_question(vault: Vault, case: str) -> None:
    take_in(vault, CASES / case)

    def stored() -> list[Conversation]:
        found = [vault.store.pack(seq) for seq, kind, _ in vault.store.live() if kind == "conversation"]
        return [record for record in found if isinstance(record, Conversation)]

    answer = next(m for c in stored() for m in c.messages if m.role == "assistant" and spoken(m))
    kept = {m.id: m.hash for c in stored() for m in c.messages if m.id != answer.id}
    erase(vault, [answer.id])
    assert {m.id: m.hash for c in stored() for m in c.messages} == kept
    slices = b"".join(vault.store.slice(id)[0] for id in vault.store.slices())
    gone = [part.uri for part in answer.parts if isinstance(part, Citation)]
    assert not any(uri.encode() in slices for uri in gone)
