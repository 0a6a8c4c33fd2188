"""Cherry Studio's backups: what is their own. What holds for every format is in test_every.py."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from souviens.delivery import open_delivery
from souviens.formats import cherry
from souviens.port.erasing import erase
from souviens.port.intake import take_in
from souviens.records import Citation, Conversation, Json, Text, ToolCall, ToolResult, Topic, active_path, spoken
from souviens.vault import Vault
from tests import golden
from tests.port.given import write

HERE = Path(__file__).parent / "cherry"
BACKUP = HERE / "backup"


def topics(path: Path) -> dict[str | None, Conversation]:
    with open_delivery(path) as delivery:
        return {c.provider_id: c for _, reading in golden.readings(cherry, delivery) for c in reading.conversations}


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return target


def stored(vault: Vault) -> bytes:
    blobs = [chunk for hash, _ in vault.store.blobs() for chunk in vault.store.blob(hash)]
    return b"".join([*(vault.store.slice(id)[0] for id in vault.store.slices()), *blobs])


def test_cherry_words_come_out_of_their_blocks() -> None:
    """A reader that looks at messages alone gets none of what was said."""
    said = [spoken(m) for m in topics(BACKUP)["tp-1"].messages]
    assert said[0].startswith("When is high water today")
    assert said[1].startswith("Look at the tables.\nHigh water is at 06:12.")
    assert said[2] == "潮は六時十二分です。"


def test_cherry_names_come_out_of_json_in_a_string_in_a_string() -> None:
    found = topics(BACKUP)
    assert found["tp-1"].head.title == "Two tides"
    assert found["tp-1"].head.created.given == "2026-03-01T09:59:00.000Z"
    assert found["tp-3"].head.title == "Пустая"  # of the default assistant, which is no member of the list of assistants
    assert topics(HERE / "version_1")["tp-old"].head.title == "Boats"


def test_cherry_an_assistant_is_the_project_of_its_topics() -> None:
    with open_delivery(BACKUP) as delivery:
        told: list[Topic] = [topic for _, reading in golden.readings(cherry, delivery) for topic in reading.topics]
    clerk = next(topic for topic in told if topic.provider_id == "as-1")
    assert (clerk.name, clerk.instructions) == ("Harbour clerk", "You keep the harbour's books.")
    assert topics(BACKUP)["tp-1"].head.project == clerk.id


def test_cherry_answers_of_several_models_are_siblings_and_the_shown_one_goes_on() -> None:
    chat = topics(BACKUP)["tp-1"]
    asked, heron, swan, then, *_ = chat.messages
    assert (heron.parent, swan.parent) == (asked.id, asked.id)
    assert (heron.model, swan.model) == ("heron-2", "swan-1")
    assert then.parent == heron.id
    assert swan not in active_path(chat)
    assert active_path(chat)[-1].id == chat.messages[-1].id


def test_cherry_of_answers_without_a_question_the_useful_one_is_the_active() -> None:
    chat = topics(BACKUP)["tp-2"]
    assert [m.parent for m in chat.messages] == [None, None, None]
    assert [spoken(m) for m in active_path(chat)] == ["I am useful."]


def test_cherry_no_key_comes_into_the_vault(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, zipped(BACKUP, tmp_path / "cherry.zip"))
    assert [withheld.path for withheld in receipt.withheld] == ["data.json"]
    assert b"SECRET" in (BACKUP / "data.json").read_bytes()
    assert b"SECRET" not in stored(vault)


def test_cherry_a_file_is_joined_by_its_id_or_said_to_be_missing(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, zipped(BACKUP, tmp_path / "cherry.zip"))
    assert (receipt.attachments.found, receipt.attachments.missing) == (1, 3)
    dusk, tables = (
        next(a for a in topics(BACKUP)["tp-1"].attachments if a.name == name) for name in ("quay at dusk.png", "tide tables.pdf")
    )
    assert (dusk.member, tables.member, tables.missing) == ("Data/Files/f1a2.png", None, "its file is not in the backup")


def test_cherry_a_bare_data_json_says_the_same(tmp_path: Path) -> None:
    bare = write(tmp_path / "data.json", (BACKUP / "data.json").read_bytes())
    assert [spoken(m) for m in topics(bare)["tp-1"].messages] == [spoken(m) for m in topics(BACKUP)["tp-1"].messages]


def test_cherry_a_message_is_erased_with_its_blocks(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, zipped(BACKUP, tmp_path / "cherry.zip"))
    erase(vault, [topics(BACKUP)["tp-1"].messages[1].id])
    assert b"High water is at" not in stored(vault)
    assert b"Write it down." in stored(vault)


def test_cherry_tools_citations_and_code() -> None:
    chat = topics(BACKUP)["tp-1"]
    (asked,) = [part for part in chat.messages[4].parts if isinstance(part, ToolCall)]
    (answer,) = [part for part in chat.messages[4].parts if isinstance(part, ToolResult)]
    assert (asked.name, str(asked.arguments), answer.text, answer.call) == (
        "tides__write",
        "{'time': '06:12', 'height': Decimal('4.3')}",
        "written",
        "call_1",
    )
    assert [part.language for part in chat.messages[4].parts if isinstance(part, Text)] == ["python", ""]
    assert [part.uri for part in chat.messages[1].parts if isinstance(part, Citation)] == [
        "https://tides.example",
        "file:///quay.md",
    ]


def test_cherry_blocks_of_deleted_messages_are_told_and_not_taken_in(vault: Vault, tmp_path: Path) -> None:
    receipt = take_in(vault, zipped(BACKUP, tmp_path / "cherry.zip"))
    assert [problem.reason for problem in receipt.refused] == ["1 blocks of messages that are not there"]
    assert b"Words of a message that was deleted." not in stored(vault)


def test_cherry_what_a_key_comes_in_does_not_matter(tmp_path: Path) -> None:
    """The order of the tables is the order in which a database lists them: no reader may count on it."""
    data: dict[str, Json] = json.loads((BACKUP / "data.json").read_text())
    data["indexedDB"] = dict(reversed(data["indexedDB"].items()))
    turned = write(tmp_path / "data.json", dict(reversed(data.items())))
    assert topics(turned).keys() == topics(BACKUP).keys()
    assert topics(turned)["tp-1"].messages == topics(BACKUP / "data.json")["tp-1"].messages


def test_cherry_presets_and_agents_are_read_and_what_is_not_is_named(vault: Vault, tmp_path: Path) -> None:
    data: dict[str, Json] = json.loads((BACKUP / "data.json").read_text())
    kept = json.loads(data["localStorage"]["persist:cherry-studio"])
    assistants = json.loads(kept["assistants"])
    assistants["presets"] = [{"id": "as-1", "name": "P", "prompt": "PRESET PROMPT", "apiKey": "SECRET-x"}]
    kept |= {"assistants": json.dumps(assistants), "agents": json.dumps({"agents": [{"id": "g", "prompt": "AGENT PROMPT"}]})}
    kept["knowledge"] = json.dumps({"bases": [{"id": "kb-1", "name": "Quay"}]})
    data["localStorage"]["persist:cherry-studio"] = json.dumps(kept)
    data["indexedDB"]["newtable"] = [{"id": 1, "words": "NEW"}, {"id": 2}]
    receipt = take_in(vault, write(tmp_path / "data.json", data))
    assert b"PRESET PROMPT" in stored(vault) and b"AGENT PROMPT" in stored(vault)
    assert b"SECRET" not in stored(vault) and b"You keep the harbour" in stored(vault)
    assert [(w.where, w.reason[:9]) for w in receipt.withheld][1:] == [
        (".knowledge.bases", "1 entry o"),
        (".newtable", "2 entries"),
    ]
