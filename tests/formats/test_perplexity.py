"""Perplexity's three shapes: a turn is two messages, each erasable by itself; sources are citations; Grok's is not taken for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.formats import perplexity
from souviens.formats._carving import AGAIN
from souviens.jsonspan import Slice, load
from souviens.port.erasing import erase
from souviens.port.intake import take_in
from souviens.records import Citation, Conversation, Json, Opaque, Reading, Text, spoken
from souviens.vault import Vault
from tests.golden import FIXTURES, readings
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


# --- what is told apart -----------------------------------------------------------------------------------------------


def readings_of(path: Path) -> list[Reading]:
    with open_delivery(path) as delivery:
        return [reading for _, reading in readings(perplexity, delivery)]


def conversations(path: Path) -> list[Conversation]:
    return [conversation for reading in readings_of(path) for conversation in reading.conversations]


def thread(title: str, query: str, answer: str, **turn: Json) -> Json:
    return {"metadata": {"thread_title": title}, "conversations": [{"query": query, "answer": answer, **turn}]}


def test_threads_without_ids_of_one_layout_are_two_and_come_back_as_they_are(vault: Vault, tmp_path: Path) -> None:
    cats, dogs = thread("cats", "cats", "purr"), thread("dogs", "dogs", "woof")
    receipt = take_in(vault, write(tmp_path / "t.jsonl", f"{json.dumps(cats)}\n{json.dumps(dogs)}\n".encode()))
    assert (receipt.new.conversations, receipt.new.messages) == (2, 4)
    again = take_in(vault, write(tmp_path / "again.json", [dogs, cats]))
    assert (again.unchanged.conversations, again.unchanged.messages, again.new.messages) == (2, 4, 0)


def test_an_erasure_leaves_the_id_of_a_thread_without_one(vault: Vault, tmp_path: Path) -> None:
    path = write(tmp_path / "t.json", thread("cats", "cats", "purr"))
    take_in(vault, path)
    (before,) = conversations(path)
    erase(vault, [before.messages[0].id])
    ((_, _, id),) = vault.store.live()
    assert id == before.id
    assert take_in(vault, write(tmp_path / "u.jsonl", json.dumps(thread("cats", "cats", "purr")).encode())).new.conversations == 0


def test_a_thread_that_grew_is_known_by_the_id_of_its_first_turn(tmp_path: Path) -> None:
    turn = {"uuid": "5a17c0de-0000-4000-8000-000000000001", "query": "a", "answer": "b"}
    old, new = ({"entries": [{**turn, "query_str": "a"}, *more]} for more in ([], [{"query_str": "c"}]))
    (one,), (other,) = (conversations(write(tmp_path / f"{n}.json", value)) for n, value in enumerate((old, new)))
    assert one.id == other.id and len(other.messages) > len(one.messages)


def test_a_thread_that_stands_twice_in_a_file_is_said_to(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, write(tmp_path / "t.json", [thread("cats", "cats", "purr")] * 2))
    assert receipt.new.conversations == 1
    assert [(p.kind, p.where, p.reason) for p in receipt.refused] == [("conversation", "[1]", AGAIN)]


def test_a_question_that_failed_is_no_parent_and_loses_nothing() -> None:
    found = official(
        {"entry_uuid": "e1", "query": "q1", "answer": "a1"},
        {"entry_uuid": "e2", "query": "q2", "answer": None, "query_status": "FAILED"},
        {"entry_uuid": "e3", "query": "q3", "answer": "a3"},
        {"entry_uuid": "e4", "query": None, "answer": None, "created_at": "2025-01-01T00:00:04"},
    )
    assert [text for _, text in said(found)] == ["q1", "a1", "q2", "q3", "a3"]
    assert [m.parent for m in found.messages] == [None, *(m.id for m in found.messages[:-1])]
    assert found.messages[2].extra["query_status"] == "FAILED"
    assert found.head.extra["without message"] == [{"entry_uuid": "e4", "created_at": "2025-01-01T00:00:04"}]


def test_numbers_are_ids_as_well() -> None:
    found = one("conversation", {"context_uuid": 12, "entries": [{"entry_uuid": 7, "query": "a", "answer": "b"}]})
    assert found.provider_id == "12"
    told = one("conversation", {"context_uuid": "12", "entries": [{"entry_uuid": "7", "query": "a", "answer": "b"}]})
    assert [m.id for m in found.messages] == [m.id for m in told.messages]


def test_entries_in_an_object_are_turns_and_anything_else_is_refused_by_name(tmp_path: Path) -> None:
    turns = {"x": {"query": "a", "answer": "b"}, "y": {"query": "c", "answer": "d"}}
    assert [text for _, text in said(one("conversation", {"context_uuid": "c", "entries": turns}))] == ["a", "b", "c", "d"]
    good = {"context_uuid": "d", "entries": [{"query": "a", "answer": "b"}]}
    path = write(tmp_path / "x.json", {"conversations": [good, {"context_uuid": "c", "entries": "lost?"}]})
    (problem,) = (problem for reading in readings_of(path) for problem in reading.problems)
    assert (problem.where, problem.reason) == ("conversations[1].entries", "its turns are not an array but a string")


def test_what_stands_beside_the_threads_is_on_the_receipt(vault: Vault, tmp_path: Path) -> None:
    threads = [{"context_uuid": "c", "entries": [{"query": "a", "answer": "b"}]}]
    beside = {"user": {"email": "me@example.com"}, "version": 2}
    path = write(tmp_path / "x.json", {**beside, "conversations": threads, "memories": [{"text": "TEA"}], "tone": "FRENCH"})
    receipt = take_in(vault, path)
    assert receipt.unknown_fields == {"memories": 1, "tone": 1, "version": 1}
    assert [(w.where, w.reason.partition(";")[0]) for w in receipt.withheld] == [("user", "the account")]
    assert not any(b"me@example" in vault.store.slice(id)[0] for id in vault.store.slices())
    assert take_in(vault, path, with_accounts=True).withheld == ()


def test_a_thread_behind_many_strange_ones_is_seen(tmp_path: Path) -> None:
    strange: list[Json] = [None, {}, {"context_uuid": "a", "entries": None}, {"context_uuid": "b"}] * 3
    path = write(tmp_path / "x.json", {"conversations": [*strange, {"context_uuid": "c", "entries": [{"query": "a"}]}]})
    with open_delivery(path) as delivery:
        assert perplexity.identify(delivery) == "account"


def test_an_account_inside_an_array_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    account = {"conversations": [{"context_uuid": "c", "entries": [{"query": "a", "answer": "b"}]}]}
    with open_delivery(write(tmp_path / "x.json", [account])) as delivery:
        assert perplexity.identify(delivery) is None


def test_a_question_and_an_answer_that_are_no_strings_are_parts() -> None:
    found = official({"query": ["a list"], "answer": {"an": "object"}})
    assert [m.parts for m in found.messages] == [(Opaque("query", ["a list"]),), (Opaque("answer", {"an": "object"}),)]
