"""LM Studio: versions as siblings, answers in steps, and chats written for it read back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from souviens.canon import epoch, make_id, unknown
from souviens.delivery import open_delivery
from souviens.formats import Chosen, Written, lmstudio
from souviens.formats._writing import present
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import (
    Citation,
    Conversation,
    File,
    Head,
    Json,
    Message,
    Reading,
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

FIXTURES = Path(__file__).parent / "lmstudio"
BEES = "conversations/Garden/Bees/1785000000000.conversation.json"
generated = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def readings(path: Path) -> dict[str, Reading]:
    with open_delivery(path) as delivery:
        assert lmstudio.identify(delivery) == "conversations"
        return {slice.path: reading for slice, reading in golden.readings(golden.reader("lmstudio"), delivery)}


def bees() -> Conversation:
    return readings(FIXTURES / "folder")[BEES].conversations[0]


def read_of(tmp_path: Path, value: Json) -> Conversation:
    path = tmp_path / "1.conversation.json"
    path.write_text(json.dumps(value))
    (reading,) = readings(path).values()
    assert not reading.problems
    return reading.conversations[0]


def texts(messages: tuple[Message, ...]) -> list[str]:
    return [part.text for message in messages for part in message.parts if isinstance(part, Text)]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_lmstudio_versions_are_siblings_below_the_selected_version() -> None:
    read = bees()
    first, edited, answer, again = (message.id for message in read.messages[:4])
    assert branch_points(read.messages) == {None: (first, edited), edited: (answer, again)}
    assert texts(active_path(read)) == [
        "When do I feed my bees?",
        "Before October.",
        "Danke! 蜂蜜はどうですか。",
        "Leave them half.",
    ]


def test_lmstudio_the_selected_version_is_on_the_path_wherever_it_stands() -> None:
    (reading,) = readings(FIXTURES / "early.json").values()
    assert texts(active_path(reading.conversations[0])) == ["hi", "hello again", "still there?"]


def test_lmstudio_folders_are_topics() -> None:
    reading = readings(FIXTURES / "folder")[BEES]
    assert [(topic.name, topic.parent) for topic in reading.topics] == [("Garden", None), ("Bees", reading.topics[0].id)]
    assert reading.conversations[0].head.project == reading.topics[1].id


def test_lmstudio_marks_around_a_thought_are_not_its_words() -> None:
    thought = bees().messages[2].parts[0]
    assert isinstance(thought, Reasoning)
    assert (thought.text, thought.summary) == ("Late summer, then not again.", "Thought for 1.4 seconds")


def test_lmstudio_a_result_is_joined_to_its_call_and_its_words_are_taken_out() -> None:
    _, call, result, cited, _ = bees().messages[2].parts
    assert isinstance(call, ToolCall) and isinstance(result, ToolResult) and isinstance(cited, Citation)
    assert (call.name, call.arguments, call.call) == ("forecast", {"place": "Celle", "days": 3}, "391022")
    assert (result.text, result.call) == ('12 degrees, "mild"', "391022")
    assert (cited.title, cited.text) == ("bees.pdf", "Feed before October.")


def test_lmstudio_the_model_is_the_answer_s_own() -> None:
    assert [message.model for message in bees().messages] == [None, None, "owl-8b", "kite-3b", None, "owl-8b"]
    (early,) = readings(FIXTURES / "early.json").values()
    assert [message.model for message in early.conversations[0].messages] == [None, None, "owl-2b", None]


def test_lmstudio_attachments_lie_in_user_files(vault: Vault) -> None:
    receipt = take_in(vault, FIXTURES / "folder")
    assert (receipt.attachments.found, receipt.attachments.missing) == (1, 0)


def test_lmstudio_an_attachment_without_user_files_is_missing(vault: Vault) -> None:
    assert take_in(vault, FIXTURES / "folder" / "conversations").attachments.missing == 1


def test_lmstudio_keys_of_tools_and_logins_are_withheld(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, FIXTURES / "folder")
    assert sorted(withheld.path for withheld in receipt.withheld) == [".internal/lms-key.json", "mcp.json"]
    give_back(vault, receipt.id, tmp_path / "back")
    assert not any(b"not-a-real" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_lmstudio_chats_of_one_moment_or_of_one_number_are_several(tmp_path: Path) -> None:
    def chat(name: str, made: int) -> str:
        said = {"type": "singleStep", "role": "user", "content": [{"type": "text", "text": name}]}
        return json.dumps({"name": name, "createdAt": made, "messages": [{"versions": [said], "currentlySelected": 0}]})

    for number, (path, made) in enumerate(
        (("1.conversation.json", 7), ("2.conversation.json", 7), ("x.json", 7), ("y.json", 7), ("a/5.conversation.json", 0))
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(chat(str(number), made))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "5.conversation.json").write_text(chat("9", 0))
    with open_delivery(tmp_path) as delivery:
        ids = {c.id for _, reading in golden.readings(lmstudio, delivery) for c in reading.conversations}  # type: ignore[arg-type]
    assert len(ids) == 6


def test_lmstudio_a_chat_keeps_its_id_when_it_is_named_and_goes_on(tmp_path: Path) -> None:
    slot = {
        "versions": [{"type": "singleStep", "role": "user", "content": [{"type": "text", "text": "a"}]}],
        "currentlySelected": 0,
    }
    first = read_of(tmp_path, {"name": "", "createdAt": 1_785_000_000_001, "messages": [slot]})
    later = read_of(tmp_path, {"name": "Named", "createdAt": 1_785_000_000_001, "messages": [slot, slot]})
    other = read_of(tmp_path, {"name": "Named", "createdAt": 1_785_000_000_002, "messages": [slot]})
    assert first.id == later.id != other.id
    assert first.messages[0] == later.messages[0]


def test_lmstudio_other_lists_of_messages_are_not_its_chats(tmp_path: Path) -> None:
    for value in ({"messages": [{"role": "user", "content": "x"}]}, {"name": "x", "messages": []}, {"messages": {}}):
        path = tmp_path / "other.json"
        path.write_text(json.dumps(value))
        with open_delivery(path) as delivery:
            assert lmstudio.identify(delivery) is None


# --- writing ----------------------------------------------------------------------------------------------------------


def said(id: str, parent: str | None, role: str, *parts: Json, **fields: Json) -> Message:
    given = {"id": id, "provider_id": None, "parent": parent, "order": 0, "role": role, "time": unknown("absent"), "parts": parts}
    return sealed(Message(**(given | fields)))


TALK = Conversation(
    make_id("c", "x", "talk"),
    "x",
    None,
    Head("Tides: why?", epoch("1700000000.25"), tip="m-5", project="t-sea", model="owl"),
    (
        said("m-0", None, "system", Text("Be brief.")),
        said("m-1", "m-0", "user", Text("How hihg?")),
        said("m-1b", "m-0", "user", Text("How high?"), File("a-1", "image", "1.png", "quay.png"), order=1),
        said("m-2", "m-1b", "assistant", Reasoning("I compute.", "Thought"), ToolCall("add", {"a": 1, "b": 1}, "c1"), model="owl"),
        said("m-3", "m-2", "tool", ToolResult("2", "add", "c1")),
        said("m-4", "m-3", "assistant", Text("About two."), model="kite"),
        said("m-5", "m-3", "assistant", Text("Two metres."), order=1, model="owl"),
        said("m-6", "m-4", "user", Text("Really?")),
    ),
)
SEA = Topic("t-sea", "project", "The sea/lake: CON")


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


def test_lmstudio_what_was_written_is_read_back(tmp_path: Path) -> None:
    written = lmstudio.write(Chosen((TALK,), topics=(SEA,)))
    ((path, reading),) = readings(put(written, tmp_path)).items()
    assert path == "conversations/The sea_lake_ CON/1700000000250.conversation.json"
    read = reading.conversations[0]
    assert (read.head.title, read.head.model, read.head.created.us) == ("Tides: why?", "owl", 1_700_000_000_250_000)
    assert read.head.extra["systemPrompt"] == "Be brief."
    assert [topic.name for topic in reading.topics] == ["The sea_lake_ CON"]
    assert [(m.role, m.model, m.parts[0].text) for m in read.messages if isinstance(m.parts[0], (Text, Reasoning))] == [
        ("user", None, "How hihg?"),
        ("user", None, "How high?"),
        ("assistant", "owl", "I compute."),
        ("assistant", "kite", "About two."),
        ("assistant", "owl", "Two metres."),
    ]
    thought, call, result = read.messages[2].parts
    assert isinstance(thought, Reasoning) and (thought.text, thought.summary) == ("I compute.", "Thought")
    assert isinstance(call, ToolCall) and (call.name, call.arguments, call.call) == ("add", {"a": 1, "b": 1}, "c1")
    assert isinstance(result, ToolResult) and (result.text, result.name, result.call) == ("2", "add", "c1")
    file = read.messages[1].parts[1]
    assert isinstance(file, File) and (file.media, file.pointer, file.name) == ("image", "1.png", "quay.png")
    assert [len(children) for children in branch_points(read.messages).values()] == [2, 2]
    assert texts(active_path(read)) == ["How high?", "Two metres."]


def test_lmstudio_the_loss_report_names_the_rest_and_nothing_else() -> None:
    written = lmstudio.write(Chosen((TALK,), topics=(SEA,)))
    # The system message is a prompt; what followed the other branch has no place; the tool's answer stands inside.
    assert lost(written) == Counter(message=2, text=1, message_boundary=1, unknown_time=2)
    assert written.carried["branch_point"] == 2
    assert written.carried["text"] == 5  # with the prompt's


def test_lmstudio_step_identifiers_are_unique() -> None:
    for data in lmstudio.write(Chosen((TALK,))).files.values():
        slots = json.loads(data)["messages"]
        steps = [step["stepIdentifier"] for slot in slots for version in slot["versions"] for step in version.get("steps", ())]
        assert len(steps) == len(set(steps)) == 5


def test_lmstudio_an_unknown_time_is_zero_never_now(tmp_path: Path) -> None:
    undated = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, "user", Text("a")),))
    (data,) = lmstudio.write(Chosen((undated,))).files.values()
    assert json.loads(data)["createdAt"] == 0
    assert read_of(tmp_path, json.loads(data)).head.created.unknown == "zero"


def test_lmstudio_chats_of_one_name_or_one_moment_are_not_taken_for_one(tmp_path: Path) -> None:
    """Undated chats of one name, and chats of one millisecond in two folders, were one conversation when they were read again."""
    heads = [Head("t"), Head("t"), Head("t", epoch(1_700_000_000)), Head("t", epoch(1_700_000_000), project="t-sea")]
    talks = tuple(
        Conversation(f"c-{n}", "x", None, head, (said(f"m-{n}", None, "user", Text("a")),)) for n, head in enumerate(heads)
    )
    found = readings(put(lmstudio.write(Chosen(talks, topics=(SEA,))), tmp_path)).values()
    assert len({conversation.id for reading in found for conversation in reading.conversations}) == len(talks)


def test_lmstudio_files_bear_safe_names() -> None:
    names = ["../../etc", "CON", "con", "nul.txt", " . ", "", "Ünïcode\u0301", "a\x00b", "x" * 300, "same", "SAME"]
    topics = tuple(Topic(f"t-{n}", "project", name) for n, name in enumerate(names))
    talks = tuple(Conversation(f"c-{n}", "x", None, Head("t", project=f"t-{n}")) for n in range(len(names)))
    same = tuple(Conversation(f"c-s{n}", "x", None, Head("t", epoch(1_700_000_000))) for n in range(3))
    files = lmstudio.write(Chosen(talks + same, topics=topics)).files
    assert len({name.casefold() for name in files}) == len(names) + 3
    folders = {name.split("/")[1] for name in files if name.count("/") == 2}
    assert len({folder.casefold() for folder in folders}) == len(names) - 2  # two have no name to make one of
    assert all(name.count("/") in (1, 2) and ".." not in name.split("/") for name in files)
    assert not folders & {"CON", "con", "nul.txt"}


@generated
@given(chosen_records())
def test_lmstudio_in_the_records_is_carried_plus_lost_and_the_files_hold_it(
    tmp_path_factory: pytest.TempPathFactory, chosen: Chosen
) -> None:
    written = lmstudio.write(chosen)
    gone, there = lost(written), present(chosen)
    assert {kind: written.carried.get(kind, 0) + gone[kind] for kind in there} == dict(there)
    assert all(loss.count > 0 and loss.reason for loss in written.lost)
    if not chosen.conversations:
        return
    read = readings(put(written, tmp_path_factory.mktemp("lmstudio")))
    assert len(read) == written.carried["conversation"] == len(chosen.conversations)
    back = [message for reading in read.values() for one in reading.conversations for message in one.messages]
    assert not any(reading.problems for reading in read.values())
    boundaries = sum(loss.count for loss in written.lost if loss.kind == "message_boundary")
    assert len(back) == written.carried.get("message", 0) - boundaries
    kinds = {"reasoning": Reasoning, "tool_call": ToolCall, "tool_result": ToolResult, "attachment": File}
    for kind, type in kinds.items():
        assert sum(isinstance(part, type) for m in back for part in m.parts) == written.carried.get(kind, 0), kind
    assert sum(message.model is not None for message in back) == written.carried.get("model", 0)
