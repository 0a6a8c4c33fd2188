"""Jan: what a thread's two files say together, its branches, and threads written for it read back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from souviens.canon import epoch, make_id, unknown
from souviens.delivery import open_delivery
from souviens.formats import Chosen, Written, jan
from souviens.formats._carving import json_lines
from souviens.formats._dialogue import Undecodable
from souviens.formats._writing import forest, present
from souviens.jsonspan import Slice
from souviens.merge import merge
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import (
    Attachment,
    Citation,
    Conversation,
    File,
    Head,
    Json,
    Message,
    Opaque,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Topic,
    active_path,
    branch_points,
    sealed,
)
from souviens.vault import Vault
from tests import golden
from tests.strategies import chosen as chosen_records

FIXTURES = Path(__file__).parent / "jan"
generated = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def conversations(path: Path) -> dict[str, Conversation]:
    """What is read of a delivery, merged, by the provider's id."""
    found: dict[str, Conversation] = {}
    with open_delivery(path) as delivery:
        assert jan.identify(delivery) == "threads"
        for _, reading in golden.readings(golden.reader("jan"), delivery):
            assert not reading.problems
            for one in reading.conversations:
                id = one.provider_id or ""
                found[id] = merge(found[id], one) if id in found else one
    return found


def thread(folder: Path, lines: list[Json], **fields: Json) -> Path:
    folder.mkdir(parents=True)
    (folder / "thread.json").write_text(json.dumps({"id": "t", "object": "thread", "title": "T", "assistants": []} | fields))
    (folder / "messages.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def line(id: str, text: str = "x", at: Json = 1_784_000_000, role: str = "user", **fields: Json) -> Json:
    content = [{"type": "text", "text": {"value": text, "annotations": []}}]
    return {"id": id, "object": "thread.message", "thread_id": "t", "role": role, "content": content, "created_at": at} | fields


# --- reading ----------------------------------------------------------------------------------------------------------


def test_jan_the_thread_and_its_messages_are_one_conversation(vault: Vault) -> None:
    receipt = take_in(vault, FIXTURES / "branched")
    assert (receipt.new.conversations, receipt.new.messages, len(receipt.refused)) == (2, 10, 0)
    for _, id in [(kind, id) for _, kind, id in vault.store.live() if kind == "conversation"]:
        found = vault.store.get("conversation", id)
        assert found is not None and isinstance(found[1], Conversation)
        assert found[1].messages and found[1].head.created.us


def test_jan_the_settings_of_tools_are_withheld(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, FIXTURES / "branched")
    assert [withheld.path for withheld in receipt.withheld] == ["mcp_config.json"]
    give_back(vault, receipt.id, tmp_path / "back")
    assert not any(b"not-a-real-key" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_jan_times_are_seconds_or_milliseconds(tmp_path: Path) -> None:
    read = conversations(thread(tmp_path / "t", [line("a", at=1_784_000_000), line("b", at=1_784_000_000_000), line("c", at=0)]))
    assert [message.time.us for message in read["t"].messages] == [1_784_000_000_000_000] * 2 + [None]
    assert read["t"].messages[2].time.unknown == "zero"


def test_jan_a_thread_without_branches_is_a_line() -> None:
    messages = conversations(FIXTURES / "branched")["01JX7Q2M4R8V"].messages
    assert [m.parent for m in messages] == [None, *(m.id for m in messages[:-1])]


def test_jan_versions_of_a_message_are_siblings_and_the_active_child_is_followed() -> None:
    read = conversations(FIXTURES / "branched")["7d1f2c1e-0b5a-4a52-9a5e-4f1f6f0c9d01"]
    assert [len(children) for children in branch_points(read.messages).values()] == [2]
    assert [message.provider_id for message in active_path(read)] == ["u1", "a1", "u2", "a3"]


def test_jan_without_an_active_child_the_newest_is_shown(tmp_path: Path) -> None:
    lines = [
        line("u", metadata={"parentId": None}),
        line("new", at=1_784_000_009, metadata={"parentId": "u"}),
        line("old", at=1_784_000_002, metadata={"parentId": "u"}),
    ]
    assert [m.provider_id for m in active_path(conversations(thread(tmp_path / "t", lines))["t"])] == ["u", "new"]


def test_jan_links_in_a_circle_end_the_path(tmp_path: Path) -> None:
    lines = [line("a", metadata={"parentId": "b"}), line("b", metadata={"parentId": "a"})]
    assert len(conversations(thread(tmp_path / "t", lines))["t"].messages) == 2


def test_jan_a_call_and_its_result_are_two_parts() -> None:
    read = conversations(FIXTURES / "branched")["7d1f2c1e-0b5a-4a52-9a5e-4f1f6f0c9d01"]
    answer = read.messages[-1] if read.messages[-1].provider_id == "a3" else read.messages[-2]
    call, result, _, failed = answer.parts[:4]
    assert call == ToolCall("wind_at", {"place": "Norderney", "unit": "km/h"}, "call_9")
    assert isinstance(result, ToolResult) and (result.text, result.call) == ("38 km/h from the west", "call_9")
    assert isinstance(failed, ToolResult) and failed.error


def test_jan_a_damaged_line_costs_one_message() -> None:
    with open_delivery(FIXTURES / "damaged") as delivery:
        readings = [reading for _, reading in golden.readings(golden.reader("jan"), delivery)]
    assert [p.where for p in readings[0].problems] == ["lines[1]", "lines[3]", "lines[5]", "lines[8]"]
    assert len(readings[0].conversations[0].messages) == 4


def test_jan_openai_threads_are_not_jans(tmp_path: Path) -> None:
    path = tmp_path / "thread.json"
    path.write_text(json.dumps({"id": "thread_1", "object": "thread", "created_at": 1_700_000_000, "metadata": {}}))
    with open_delivery(path) as delivery:
        assert jan.identify(delivery) is None


def test_lines_count_whether_they_can_be_read_or_not() -> None:
    data = b'{"a": 1}\r\n\n   \nnot\n[NaN]\n{"b": "\\ud800"}'
    lined, spans = json_lines(Slice("messages", "x", "", data), "lines")
    assert lined.value == {"lines": [{"a": 1}, None, None, "not", [None], {"b": "\ufffd"}]}
    assert isinstance(lined.value["lines"][3], Undecodable)
    assert [data[start:end] for start, end in spans] == data.split(b"\n")
    assert lined.flaws is not None
    assert (lined.flaws.unreal, lined.flaws.surrogates) == (["lines[4][0]"], [("lines[5].b", "\\ud800")])


# --- writing ----------------------------------------------------------------------------------------------------------


def said(id: str, parent: str | None, role: str, *parts: Json, **fields: Json) -> Message:
    return sealed(
        Message(
            **{"id": id, "provider_id": id, "parent": parent, "order": 0, "role": role, "time": unknown("null")} | fields,
            parts=parts,
        )
    )


TALK = Conversation(
    make_id("c", "x", "talk"),
    "x",
    "0a6b5c1e-2f0d-4b7a-8a52-6c1f6f0c9d77",
    Head("Tides", epoch("1700000000.25"), epoch(1_700_000_100), tip="m-5", project="t-sea", model="gpt-5"),
    (
        said("m-0", None, "system", Text("Be brief.")),
        said("m-1", "m-0", "user", Text("How high?"), File("a-1", "image", "file-1", "quay.png"), time=epoch("1700000001.123456")),
        said(
            "m-2", "m-1", "assistant", Reasoning("I compute."), ToolCall("python", {"code": "1+1"}, "c1"), time=epoch(1_700_000_002)
        ),
        said("m-3", "m-2", "tool", ToolResult("2", "python", "c1"), time=epoch(1_700_000_003)),
        said("m-5", "m-3", "assistant", Text("Two metres."), time=epoch(1_700_000_004), updated=epoch(1_700_000_009)),
        said("m-4", "m-1", "assistant", Text("About two."), order=1, time=epoch(1_700_000_008)),
        said("m-9", "m-5", "user", Text("hidden"), visibility="hidden"),
    ),
    (Attachment("a-1", "file-1", "quay.png", "image/png", 12, blob="ab" * 32),),
)


def put(written: Written, folder: Path) -> Path:
    for name, data in written.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def lost(written: Written) -> Counter[str]:
    counts: Counter[str] = Counter()
    for loss in written.lost:
        counts[loss.kind] += loss.count
    return counts


def test_jan_what_was_written_is_read_back(tmp_path: Path) -> None:
    written = jan.write(Chosen((TALK,), topics=(Topic("t-sea", "project", "The sea"),)))
    (read,) = conversations(put(written, tmp_path)).values()
    assert (read.provider_id, read.head.title, read.head.model) == (TALK.provider_id, "Tides", "gpt-5")
    assert (read.head.created.us, read.head.updated.us) == (TALK.head.created.us, TALK.head.updated.us)
    names = {message.id: message.provider_id for message in read.messages}
    told = {m.provider_id: (names.get(m.parent or ""), m.role, m.time.us, m.updated and m.updated.us) for m in read.messages}
    assert told == {m.id: (m.parent, m.role, m.time.us, m.updated and m.updated.us) for m in TALK.messages[:-1]}
    assert [message.provider_id for message in active_path(read)] == ["m-0", "m-1", "m-2", "m-3", "m-5"]
    by_id = {message.provider_id: message.parts for message in read.messages}
    for message in TALK.messages[:-1]:
        kept = [part for part in message.parts if not isinstance(part, File)]
        assert [part for part in by_id[message.id] if not isinstance(part, File)] == kept
    (file,) = [part for part in by_id["m-1"] if isinstance(part, File)]
    assert file.pointer == "quay.png"
    gone = lost(written)
    assert gone == Counter(message=1, text=1, unknown_time=1, attachment_bytes=1)
    assert read.head.project == make_id("t", "jan", "t-sea")


def test_jan_a_missing_time_is_that_of_the_message_before_and_said_so(tmp_path: Path) -> None:
    """Jan sorts by time: an undated answer would stand before its question."""
    talk = (said("m-1", None, "user", Text("a"), time=epoch(1_700_000_001)), said("m-2", "m-1", "assistant", Text("b")))
    written = jan.write(Chosen((Conversation("c-1", "x", None, Head("t"), talk),)))
    (read,) = conversations(put(written, tmp_path)).values()
    assert [message.time.us for message in read.messages] == [1_700_000_001_000_000] * 2
    assert (lost(written)["unknown_time"], written.carried["unknown_time"]) == (1, 2)  # created and updated are written as 0


def test_jan_folders_bear_safe_names() -> None:
    names = ["../../etc", "CON:", "same", "SAME", "", None, "x" * 300]
    chosen = Chosen(tuple(Conversation(make_id("c", "x", str(n)), "x", name, Head()) for n, name in enumerate(names)))
    folders = [name.split("/") for name in jan.write(chosen).files]
    assert {len(path) for path in folders} == {3}
    assert len({path[1].lower() for path in folders}) == len(names)
    assert all(path[1].replace("-", "").isalnum() for path in folders)


@generated
@given(chosen_records())
def test_jan_in_the_records_is_carried_plus_lost_and_the_files_hold_it(
    tmp_path_factory: pytest.TempPathFactory, chosen: Chosen
) -> None:
    written = jan.write(chosen)
    gone, there = lost(written), present(chosen)
    assert {kind: written.carried.get(kind, 0) + gone[kind] for kind in there} == dict(there)
    assert all(loss.count > 0 and loss.reason for loss in written.lost)
    if not chosen.conversations:
        return
    read = conversations(put(written, tmp_path_factory.mktemp("jan")))
    assert len(read) == written.carried["conversation"] == len(chosen.conversations)
    for source, back in zip(chosen.conversations, read.values(), strict=True) if len(read) == 1 else ():
        kept = forest(source.messages, lambda message: message.visibility == "visible")
        assert len(back.messages) == len(kept.order)
        assert Counter(m.role for m in back.messages if m.role in ("user", "tool")) == Counter(
            m.role for m in kept.order if m.role in ("user", "tool")
        )
        for kind in (Reasoning, ToolCall, ToolResult, File):
            count = sum(isinstance(part, kind) for m in kept.order for part in m.parts)
            assert sum(isinstance(part, kind) for m in back.messages for part in m.parts) == count
        assert not any(isinstance(part, (Citation, Opaque)) for m in back.messages for part in m.parts)
