"""Letta: what is its own. What holds for every format is in test_every.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souviens.delivery import open_delivery
from souviens.formats import letta
from souviens.formats.letta.quoted import Quoted, unquoted
from souviens.jsonspan import Glue
from souviens.port.erasing import erase
from souviens.port.giving import give_back
from souviens.port.intake import take_in
from souviens.records import Conversation, Json, Memory, Opaque, Reading, Reasoning, ToolCall, ToolResult
from souviens.vault import Vault
from tests import golden
from tests.port.given import assert_sums, write

HERE = Path(__file__).parent / "letta"
SECRETS = ("not-a-real-key-1111", "not-a-real-key-2222", "not-a-real-key-3333")


def readings(path: Path) -> list[Reading]:
    with open_delivery(path) as delivery:
        return [reading for _, reading in golden.readings(letta, delivery)]


def conversations(path: Path) -> list[Conversation]:
    return [conversation for reading in readings(path) for conversation in reading.conversations]


def memories(path: Path) -> list[Memory]:
    return [memory for reading in readings(path) for memory in reading.memories]


def document() -> Json:
    return json.loads((HERE / "file.json").read_text(encoding="utf-8"))


# --- agents and their messages ----------------------------------------------------------------------------------------


def test_letta_an_agent_is_a_conversation_with_its_calls_and_reasoning() -> None:
    kitchen, silent = conversations(HERE / "file.json")
    assert (kitchen.head.title, kitchen.head.model) == ("Kitchen", "small-model-2")
    assert [message.role for message in kitchen.messages] == ["system", "user", "assistant", "tool", "assistant", "approval"]
    assert kitchen.messages[0].visibility == "hidden"
    thought, redacted, _, call = kitchen.messages[2].parts
    assert isinstance(thought, Reasoning)
    assert isinstance(redacted, Opaque)
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments, call.call) == ("pantry_search", '{"query": "leeks"}', "call-1")
    (result,) = kitchen.messages[3].parts
    assert isinstance(result, ToolResult)
    assert (result.name, result.call, result.error) == ("pantry_search", "call-1", True)
    assert silent.messages == ()


def test_letta_what_is_in_context_is_kept_with_the_ids_of_the_file() -> None:
    kitchen = conversations(HERE / "file.json")[0]
    assert kitchen.head.extra["in_context_message_ids"] == ["message-0", "message-3"]
    assert [message.extra["id"] for message in kitchen.messages] == [f"message-{n}" for n in range(6)]


def test_letta_ids_of_one_file_say_nothing_in_another(vault: Vault, tmp_path: Path) -> None:
    """agent-0, message-0 and block-0 are in every file."""
    other = document()
    other["agents"][0] |= {"name": "Cellar", "messages": [{**other["agents"][0]["messages"][1], "content": "Which wine?"}]}
    other["blocks"] = [{**other["blocks"][0], "value": "Keeps wine."}]
    del other["agents"][1]
    take_in(vault, HERE / "file.json")
    receipt = take_in(vault, write(tmp_path / "other.af", other))
    assert (receipt.new.conversations, receipt.new.messages, receipt.new.memories) == (1, 1, 1)
    assert receipt.changed.conversations == receipt.changed.memories == 0


def test_letta_a_later_export_of_an_agent_adds_to_it(vault: Vault, tmp_path: Path) -> None:
    """Its messages are renumbered: the first ones left the context."""
    later = document()
    for place, message in enumerate(messages := later["agents"][0]["messages"][2:]):
        message["id"] = f"message-{place}"
    new = {
        "type": "message",
        "role": "user",
        "content": "And tomorrow?",
        "created_at": "2026-02-02T10:00:00+00:00",
        "id": "message-4",
    }
    later["agents"][0]["messages"] = [*messages, new]
    take_in(vault, HERE / "file.json")
    receipt = take_in(vault, write(tmp_path / "later.af", later))
    assert (receipt.new.conversations, receipt.new.messages) == (0, 1)


def test_letta_the_older_agent_holds_its_memory_and_tools_itself() -> None:
    (agent,) = conversations(HERE / "agent.json")
    assert [message.role for message in agent.messages] == ["system", "user", "assistant", "tool"]
    assert agent.messages[2].author == "archivist"
    assert agent.head.extra["tools"][0]["name"] == "send_message"
    assert [memory.text for memory in memories(HERE / "agent.json")] == ["Name: Ilse. Collects stamps."]
    (empty,) = [topic for reading in readings(HERE / "agent.json") for topic in reading.topics]
    assert empty.name == "persona"


def test_letta_a_dump_with_archival_memory() -> None:
    assert [(memory.kind, memory.text) for memory in memories(HERE / "dump.json")] == [
        ("profile", "Amir sails a small boat."),
        ("fact", "The boat lies at pier four."),
        ("fact", "Amir sells sails."),
    ]


def test_letta_blocks_are_memories_and_the_rest_are_topics_with_their_texts() -> None:
    found = [(memory.kind, memory.extra["label"]) for memory in memories(HERE / "file.json")]
    assert found == [("profile", "human"), ("instruction", "persona"), ("fact", "menu")]
    topics = {topic.name: topic for reading in readings(HERE / "file.json") for topic in reading.topics}
    assert topics["garden.txt"].documents[0].text == "Leeks, twice a week."
    assert topics["garden"].instructions == "Use it first."
    assert topics["pantry_search"].documents[0].text.startswith("def pantry_search")
    assert [document.name for document in topics["soup"].documents] == ["SKILL.md", "notes/salt.md"]


# --- secrets ----------------------------------------------------------------------------------------------------------


def stored(vault: Vault, folder: Path) -> bytes:
    folder.mkdir()
    for header in vault.store.sources():
        give_back(vault, header.id, folder / header.id)
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("quoted", [False, True])
def test_letta_keys_of_tools_and_servers_are_withheld(vault: Vault, tmp_path: Path, quoted: bool) -> None:
    text = (HERE / "secrets.json").read_text(encoding="utf-8")
    receipt = take_in(vault, write(tmp_path / "keeper.af", (json.dumps(text) if quoted else text).encode()))
    assert_sums(receipt)
    assert {item.where.rpartition(".")[2] for item in receipt.withheld} == {"tool_exec_environment_variables", "secrets", "env"}
    assert (receipt.new.conversations, receipt.new.messages, receipt.new.memories) == (1, 2, 1)
    back = stored(vault, tmp_path / "back")
    assert b"Keeper" in back
    for secret in SECRETS:
        assert secret.encode() not in back


def test_letta_an_agent_with_keys_keeps_its_name_and_its_identity() -> None:
    (keeper,) = conversations(HERE / "secrets.json")
    assert keeper.head.title == "Keeper"
    assert len(keeper.messages) == 2


def test_letta_blank_variables_are_no_secrets() -> None:
    (agent,) = conversations(HERE / "agent.json")
    assert agent.head.extra["tool_exec_environment_variables"][0]["key"] == "ALBUM_KEY"


@pytest.mark.parametrize(
    "agent",
    [
        '"tool_exec_environment_variables": {"KEY": "not-a-real-key-1111"}, "tool_rules": [',
        '"secrets": {"KEY": "not-a-real-key-1111"}, "secrets": null, "tool_rules": []}]}',
        '"tool_exec_environment_variables": [{"key": "KEY", "value": "not-a-real-key-1111"}], "tool_rules": []}]}',
        '"llm_config": {"model": "m", "api_key": "not-a-real-key-1111"}, "tool_rules": []}]}',
    ],
)
def test_letta_keys_in_a_damaged_agent_stay_out_as_well(tmp_path: Path, agent: str) -> None:
    path = write(tmp_path / "cut.af", b'{"agents": [{"name": "a", "agent_type": "x", ' + agent.encode())
    with open_delivery(path) as delivery:
        assert letta.identify(delivery) == "file"
        pieces = list(letta.cut(delivery.entries[0]))
    holding = [piece for piece in pieces if b"not-a-real-key" in piece.data]
    assert holding
    assert all(isinstance(piece, Glue) and piece.secret for piece in holding)


@pytest.mark.parametrize(
    "between", ["", "}", '{"mcp_servers": [{"token": "not-a-real-key-1111"}]}', '{"x": {"token": "not-a-real-key-1111"}}']
)
def test_letta_keys_in_a_file_behind_another_stay_out_as_well(tmp_path: Path, between: str) -> None:
    text = (HERE / "secrets.json").read_text(encoding="utf-8").strip()
    with open_delivery(write(tmp_path / "two.af", f"{text}{between}{text}".encode())) as delivery:
        pieces = list(letta.cut(delivery.entries[0]))
    holding = [piece for piece in pieces if b"not-a-real-key" in piece.data]
    assert len(holding) >= 6
    assert all(isinstance(piece, Glue) and piece.secret for piece in holding)


# --- a document inside of a string ------------------------------------------------------------------------------------


def test_letta_a_document_inside_of_a_string_says_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "quoted.af", json.dumps((HERE / "file.json").read_text(encoding="utf-8")).encode())
    assert conversations(path) == conversations(HERE / "file.json")
    assert memories(path) == memories(HERE / "file.json")


def test_letta_a_message_of_a_quoted_file_is_erased_in_it(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, HERE / "quoted.json")
    (conversation,) = conversations(HERE / "quoted.json")
    erase(vault, [conversation.messages[1].id, memories(HERE / "quoted.json")[0].id])
    give_back(vault, receipt.id, tmp_path / "back.json")
    inner = json.loads(json.loads((tmp_path / "back.json").read_text()))
    assert inner["agents"][0]["messages"][1] == {}
    assert inner["blocks"][0] == {}
    assert [message["id"] for message in inner["agents"][0]["messages"][2:]] == ["message-2", "message-3"]


def test_letta_quoted_places_lead_back_to_the_file() -> None:
    said = 'é "q" \\ \n\t\U0001f642 {"a": "b\\u00e9"}'
    literal = json.dumps(said).encode()[1:-1]
    quoted = Quoted(7, literal)
    assert quoted.data.decode() == said
    at = 0
    for character in said:
        start, at = at, at + len(character.encode())
        piece = literal[quoted.at(start) - 7 : quoted.at(at) - 7]
        assert json.loads(b'"' + piece + b'"') == character


@pytest.mark.parametrize("data", [b'"a word"', b"", b'"', b"{}", b'"[1]"', b'  "\\'])
def test_letta_other_strings_are_no_documents(data: bytes) -> None:
    assert unquoted(data) is None


# --- what it is not ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {"agents": [{"name": "a", "role": "helper"}]},
        {"agents": [], "blocks": []},
        {"messages": [], "system": "x", "model": "y"},
        {"name": "a", "messages": [], "tools": []},
    ],
)
def test_letta_other_agents_are_not_claimed(tmp_path: Path, value: Json) -> None:
    with open_delivery(write(tmp_path / "given.json", value)) as delivery:
        assert letta.identify(delivery) is None


def test_letta_passages_beside_the_agents_are_memories_and_what_is_not_known_is_told(vault: Vault, tmp_path: Path) -> None:
    file = {**document(), "passages": [{"id": "p", "text": "Leeks are in the cellar."}], "archives": [{"name": "cellar"}]}
    receipt = take_in(vault, write(tmp_path / "a.af", file))
    assert "Leeks are in the cellar." in {memory.text for memory in memories(tmp_path / "a.af")}
    assert receipt.unknown_fields["archives"] == 1
