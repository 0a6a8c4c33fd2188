"""Portable AI Memory: reading what others write, and a bundle of ours that its own validator accepts and that comes back whole."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from souviens.canon import epoch, make_id, rfc3339, unknown
from souviens.delivery import open_delivery
from souviens.formats import Chosen, Written, pam
from souviens.formats.pam.writing import jcs
from souviens.port.erasing import erase
from souviens.port.giving import choose
from souviens.port.intake import take_in
from souviens.port.stored import member_bytes
from souviens.records import (
    Conversation,
    Document,
    Evidence,
    File,
    Head,
    Json,
    Memory,
    Message,
    Part,
    Reading,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Topic,
    Verdict,
)
from souviens.vault import Vault
from tests import golden
from tests.formats.test_writers import everything, lost
from tests.strategies import chosen as chosen_records

JUDGE = importlib.util.find_spec("portable_ai_memory") is not None
BUNDLE = golden.FIXTURES / "pam" / "bundle"
# What PAM says of a memory or a conversation beside what our records have a field for.
BESIDE = {"content_hash", "status", "type", "provenance", "confidence", "tags", "relations"}
BESIDE |= {"schema_version", "provider", "index", "provider_message_id", "absent_parents"}


def readings(path: Path) -> list[Reading]:
    with open_delivery(path) as delivery:
        return [reading for _, reading in golden.readings(pam, delivery)]


def conversations(path: Path) -> dict[str | None, Conversation]:
    """With messages: the index tells of each once more."""
    return {c.provider_id: c for reading in readings(path) for c in reading.conversations if c.messages}


def memories(path: Path) -> dict[str | None, Memory]:
    return {memory.provider_id: memory for reading in readings(path) for memory in reading.memories}


def placed(written: Written, folder: Path) -> Path:
    for name, data in written.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


# --- reading ----------------------------------------------------------------------------------------------------------


def test_pam_a_store_a_conversation_and_a_bundle_are_each_enough() -> None:
    shapes = {}
    for case in golden.fixtures("pam"):
        with open_delivery(case) as delivery:
            shapes[case.name] = pam.identify(delivery)
    assert shapes == {"bundle": "bundle", "conversation.json": "conversation", "damaged.json": "store", "store.json": "store"}


def test_pam_a_schema_that_stands_late_is_found_by_the_other_fields(tmp_path: Path) -> None:
    path = tmp_path / "late.json"
    notes = [{"id": str(n), "content": "x" * 900} for n in range(100)]
    path.write_text(json.dumps({"owner": {}, "memories": notes, "schema_version": "1.0", "schema": "portable-ai-memory"}))
    assert len(memories(path)) == 100


def test_pam_branches_hang_from_their_parent() -> None:
    by_id = {m.provider_id: m for m in conversations(BUNDLE)["conv-glaze"].messages}
    assert by_id["msg-3"].parent == by_id["msg-6"].parent == by_id["msg-2"].id
    assert isinstance(by_id["msg-3"].parts[0], Reasoning)


def test_pam_a_linear_conversation_is_chained_in_the_file_s_order() -> None:
    first, second = conversations(BUNDLE)["conv-feira"].messages
    assert (first.parent, second.parent) == (None, first.id)


def test_pam_a_message_that_only_its_parent_names_hangs_there(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    turns = [
        {"id": id, "role": "user", "content": {"type": "text", "text": id}, "parent_id": None, "children_ids": below}
        for id, below in (("a", ["c", "b"]), ("b", []), ("c", []))
    ]
    frame = {"schema": "portable-ai-memory-conversation", "schema_version": "1.0", "id": "x", "provider": {"name": "claude"}}
    path.write_text(json.dumps(frame | {"temporal": {}, "messages": turns}))
    a, b, c = conversations(path)["x"].messages
    assert (b.parent, c.parent) == (a.id, a.id)


def test_pam_a_call_with_its_output_is_a_call_and_a_result() -> None:
    parts = {m.provider_id: m.parts for m in conversations(BUNDLE)["conv-glaze"].messages}
    assert parts["msg-4"] == (
        ToolCall("search", {"q": "low fire celadon", "n": 3}, "call-1"),
        ToolCall("units", "1050C", "call-2"),
        ToolResult("1922 F", "units", "call-2"),
    )


def test_pam_a_ref_into_the_bundle_brings_its_bytes() -> None:
    held = {a.pointer: a.member for a in conversations(BUNDLE)["conv-glaze"].attachments}
    assert held == {"files/shard.jpg": "files/shard.jpg", "file-r1": None}


def test_pam_the_index_and_the_file_are_one_conversation(vault: Vault) -> None:
    take_in(vault, BUNDLE)
    chosen = choose(vault)
    assert sorted(len(c.messages) for c in chosen.conversations) == [0, 2, 7]  # of one there is only what the index says
    assert all(not c.older_heads for c in chosen.conversations)
    assert {c.head.title for c in chosen.conversations} == {"Celadon at low heat", "Feria del puerto", "Which pigments are safe"}


def test_pam_an_erased_conversation_goes_from_the_index_too(vault: Vault) -> None:
    receipt = take_in(vault, BUNDLE)
    erase(vault, [make_id("c", "pam", "conv-glaze")])
    left = b"".join(b"".join(member_bytes(vault.store, n, m)) for n, m in vault.store.numbered_members(receipt.id))
    assert b"Celadon" not in left and b"Feria del puerto" in left
    assert b'"vector"' not in left, "vectors repeat what was erased, for all one can tell"


def test_pam_relations_hang_at_the_memory_they_start_from() -> None:
    held = memories(BUNDLE)
    assert [r["to"] for r in held["mem-goal"].extra["relations"]] == ["mem-kiln", "mem-allergy"]
    assert "relations" not in held["mem-kiln"].extra


def test_pam_two_memories_of_one_id_stay_two(vault: Vault, tmp_path: Path) -> None:
    """The SDK's converter cuts the ids of Claude's projects to eight characters."""
    told = [
        {"id": "proj-aaaa", "type": "project", "content": text} for text in ("The sensor is called Plum.", "The palette is grey.")
    ]
    frame = {"schema": "portable-ai-memory", "schema_version": "1.0", "owner": {"id": "o"}}
    (tmp_path / "s.json").write_text(json.dumps(frame | {"memories": told}))
    receipt = take_in(vault, tmp_path / "s.json")
    assert receipt.new.memories == 2
    first, second = choose(vault).memories
    erase(vault, [first.id])
    assert choose(vault).memories == (second,)


def test_pam_what_a_file_says_of_itself_gives_no_authority() -> None:
    assert {(memory.authority, memory.status) for memory in memories(BUNDLE).values()} == {("imported", "proposed")}


def test_pam_a_superseded_memory_holds_no_longer() -> None:
    assert memories(BUNDLE)["mem-place"].valid_to == unknown("absent")
    assert memories(BUNDLE)["mem-tap"].valid_to is None


# --- writing ----------------------------------------------------------------------------------------------------------


def said(id: str, parent: str | None, role: str, *parts: Part, **fields: Json) -> Message:
    return Message(**{"id": id, "provider_id": None, "parent": parent, "order": 0, "role": role, "parts": parts} | fields)


TALK = Conversation(
    make_id("c", "claude", "kiln"),
    "claude",
    "u-1",
    Head("Glazes", unknown("null"), epoch("1746257400.5"), tip="m-c", project="t-1", extra={"summary": None}),
    (
        said("m-a", None, "user", Text("Which frit?"), time=rfc3339("2025-05-03T07:30:00"), provider_id="p-a"),
        said("m-b", "m-a", "assistant", Text("Boron."), time=unknown("zero", "0"), model="m1"),
        said(
            "m-c", "m-a", "developer", Reasoning("hm", "short"), Text("Lead."), time=unknown("null"), visibility="hidden", order=1
        ),
    ),
)


def test_pam_a_time_that_is_made_up_is_marked_and_read_back_as_unknown(tmp_path: Path) -> None:
    memory = Memory("y-1", "fact", "Never lead.", "user_stated", created=unknown("not a date", "spring"))
    written = pam.write(Chosen((TALK,), (memory,)))
    (file,) = (json.loads(data) for name, data in written.files.items() if name.startswith("conversations/"))
    assert [m["created_at"] for m in file["messages"]] == ["2025-05-03T07:30:00Z"] * 3
    back = conversations(placed(written, tmp_path))[TALK.id]
    assert [m.time for m in back.messages] == [m.time for m in TALK.messages]
    assert (back.head.created, back.head.updated) == (TALK.head.created, TALK.head.updated)
    assert memories(tmp_path)["y-1"].created == memory.created


def test_pam_a_wall_time_without_a_zone_stays_one(tmp_path: Path) -> None:
    first = conversations(placed(pam.write(Chosen((TALK,))), tmp_path))[TALK.id].messages[0]
    assert (first.time.zone, first.time.us) == ("none", TALK.messages[0].time.us)


def test_pam_a_thought_beside_words_is_no_text_for_others(tmp_path: Path) -> None:
    written = pam.write(Chosen((TALK,)))
    (file,) = (json.loads(data) for name, data in written.files.items() if name.startswith("conversations/"))
    assert file["messages"][2]["content"] == {"type": "text", "text": "Lead."}
    assert file["messages"][2]["role"] == "system"
    last = conversations(placed(written, tmp_path))[TALK.id].messages[2]
    assert (last.parts, last.role, last.visibility) == (TALK.messages[2].parts, "developer", "hidden")


def test_pam_the_active_branch_and_the_project_come_back(tmp_path: Path) -> None:
    notes = Document("recipe.txt", "Frit 30", created=epoch(1))
    project = Topic("t-1", "project", "Celadon", "claude", "p-9", summary="s", instructions="Be exact.", documents=(notes,))
    placed(pam.write(Chosen((TALK,), topics=(project,))), tmp_path)
    back = conversations(tmp_path)[TALK.id]
    assert back.head.tip == back.messages[2].id
    (topic,) = (topic for reading in readings(tmp_path) for topic in reading.topics)
    assert back.head.project == topic.id
    assert (topic.name, topic.summary, topic.instructions, topic.documents) == ("Celadon", "s", "Be exact.", (notes,))


def test_pam_relations_and_evidence_come_back(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, BUNDLE)
    written = pam.write(choose(vault))
    store = json.loads(written.files["memory-store.json"])
    assert sorted(r["type"] for r in store["relations"]) == ["contradicts", "related_to", "supersedes"]
    back = {m.text: m for m in memories(placed(written, tmp_path)).values()}
    before = {m.text: m for m in memories(BUNDLE).values()}
    goal = next(m for m in back.values() if len(m.extra.get("relations", ())) == 2)
    assert goal.kind == "project"
    assert {text: len(m.evidence) for text, m in back.items()} == {text: len(m.evidence) for text, m in before.items()}
    (kiln,) = (m for m in back.values() if m.kind == "skill")
    assert kiln.evidence[0].conversation in {c.id for c in conversations(tmp_path).values()}


def test_pam_neither_who_said_a_thing_nor_a_verdict_is_taken_from_a_file(tmp_path: Path) -> None:
    spoken = Memory("y-1", "fact", "Old words", "user_stated", verdicts=(Verdict("correct", unknown("x"), "New words"),))
    written = pam.write(Chosen(memories=(spoken, Memory("y-2", "fact", " ", "imported"))))
    assert (lost(written)["verdict"], lost(written)["memory"]) == (1, 1)
    (back,) = memories(placed(written, tmp_path)).values()
    assert (back.text, back.authority, back.status) == ("New words", "imported", "proposed")


def test_pam_numbers_are_hashed_as_the_standard_writes_them() -> None:
    value = {"é": 1.0, "z": [0.5, 1e-7, 0.00001, 12], "a": 'q"\n', "𝒳": True, "\ufb01": None}
    assert jcs(value) == '{"a":"q\\"\\n","z":[0.5,1e-7,0.00001,12],"é":1,"𝒳":true,"ﬁ":null}'


def bare(part: Part) -> Part:
    return msgspec.structs.replace(part, attachment="") if isinstance(part, File) else part


def links(talk: Conversation) -> Iterator[tuple[int | None, bool]]:
    """The graph, whatever the ids: the place of each parent, and whether there should be one."""
    places = {message.id: place for place, message in enumerate(talk.messages)}
    return ((places.get(message.parent or ""), message.parent is not None) for message in talk.messages)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(chosen_records())
def test_pam_what_is_written_is_valid_and_comes_back(tmp_path_factory: pytest.TempPathFactory, chosen: Chosen) -> None:
    written = pam.write(chosen)
    gone = lost(written)
    assert {kind: written.carried.get(kind, 0) + gone[kind] for kind in everything(chosen)} == everything(chosen)
    if not written.files:
        return
    folder = placed(written, tmp_path_factory.mktemp("bundle"))
    validated(folder)
    assert not [problem for reading in readings(folder) for problem in reading.problems]
    talks, held = conversations(folder), memories(folder)
    for talk in (c for c in chosen.conversations if c.messages):
        back = talks[talk.id]
        head = {key: value for key, value in back.head.extra.items() if key not in BESIDE}
        assert (back.head.title, back.head.created, back.head.updated) == (talk.head.title, talk.head.created, talk.head.updated)
        assert (head, back.head.model) == (talk.head.extra, talk.head.model)
        assert list(links(back)) == list(links(talk))
        for message, again in zip(talk.messages, back.messages, strict=True):
            assert (again.role, again.time, again.updated) == (message.role, message.time, message.updated)
            assert [bare(part) for part in again.parts] == [bare(part) for part in message.parts]
            assert (again.author or None, again.model or None) == (message.author or None, message.model or None)
            assert again.visibility == message.visibility
            assert {key: value for key, value in again.extra.items() if key not in BESIDE} == message.extra
    assert len(held) == written.carried.get("memory", 0)
    for memory in (m for m in chosen.memories if m.id in held):
        back_ = held[memory.id]
        assert (back_.text, back_.kind or "unknown", back_.created) == (memory.wording, memory.kind, memory.created)
        assert (back_.sensitivity, back_.older) == (memory.sensitivity, memory.older)
        assert [(e.start, e.end) for e in back_.evidence] == [(e.start, e.end) for e in memory.evidence if e.conversation]
        assert {key: value for key, value in back_.extra.items() if key not in BESIDE | {"metadata"}} == memory.extra


# --- the judge of the format itself -----------------------------------------------------------------------------------


def validated(folder: Path) -> None:
    """The bundle as the package `portable-ai-memory` sees it, and the checksum as the specification's own words have it."""
    store = json.loads((folder / "memory-store.json").read_bytes())
    texts = [" ".join(memory["content"].strip().lower().split()) for memory in store["memories"]]
    assert len(texts) == store["integrity"]["total_memories"]
    if not JUDGE:
        return
    from portable_ai_memory.core.io import load
    from portable_ai_memory.core.validator import validate
    from rfc8785 import dumps

    for path in (folder / "memory-store.json", *sorted(folder.glob("conversations/*.json"))):
        assert validate(load(path)).errors == []
    digest = hashlib.sha256(dumps(sorted(store["memories"], key=lambda memory: str(memory["id"])))).hexdigest()
    assert store["integrity"]["checksum"] == f"sha256:{digest}"


@pytest.mark.skipif(
    importlib.util.find_spec("portable_ai_memory") is None, reason="the package portable-ai-memory is not installed"
)
def test_pam_its_own_validator_accepts_a_bundle(tmp_path: Path) -> None:
    memory = Memory(
        "y-1",
        "event",
        "Sold the first bowl.",
        "imported",
        evidence=(Evidence(TALK.id, "m-a", start=0, end=5),),
        created=rfc3339("2025-06-01"),
        valid_to=rfc3339("2024-01-01"),
        belief=1e-7,
        weight=0.25,
        extra={"deep": [1, None, 2**70]},
    )
    validated(placed(pam.write(Chosen((TALK,), (memory,))), tmp_path))
    (back,) = memories(tmp_path).values()
    assert (back.kind, back.belief, back.weight, back.valid_to) == ("event", 1e-7, 0.25, memory.valid_to)
    assert (back.created, back.extra["deep"]) == (memory.created, memory.extra["deep"])


def test_pam_what_a_store_says_of_itself_is_told_and_so_is_a_relation_without_its_memory(vault: Vault, tmp_path: Path) -> None:
    store = json.loads((golden.FIXTURES / "pam" / "store.json").read_text())
    store["relations"] = [{"id": "r-1", "from": "elsewhere", "to": store["memories"][0]["id"], "type": "supports"}]
    (tmp_path / "store.json").write_text(json.dumps({**store, "signature": {"value": "abc"}}))
    receipt = take_in(vault, tmp_path / "store.json")
    assert [(p.where, p.reason) for p in receipt.refused if "relations" in p.where] == [
        ("relations[0]", "starts from a memory that is not there")
    ]
    assert [withheld.where for withheld in receipt.withheld] == ["owner"]
    assert receipt.unknown_fields["signature"] == 1


def test_pam_a_relation_of_one_store_hangs_at_the_memory_of_another(tmp_path: Path) -> None:
    store = json.loads((golden.FIXTURES / "pam" / "store.json").read_text())
    memory = store["memories"][0]["id"]
    relation = {"id": "r-1", "from": memory, "to": "elsewhere", "type": "supports"}
    (tmp_path / "one.json").write_text(json.dumps(store))
    (tmp_path / "two.json").write_text(json.dumps({**store, "memories": [], "relations": [relation]}))
    found = readings(tmp_path)
    assert not [problem for reading in found for problem in reading.problems if "relations" in problem.where]
    (held,) = (m for reading in found for m in reading.memories if m.provider_id == memory)
    assert held.extra["relations"][0]["id"] == "r-1"
