"""docs/json.md is the contract of `--json`: each example there has the shape of a fresh answer, field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.conftest import Desk

DOCUMENT = Path(__file__).parents[2] / "docs" / "json.md"
# Maps whose keys are data: a provider's fields, signals, kinds.
OPEN = {"why", "carried", "lines", "extra", "unknown_fields"}

# The words of the contract, written out once more: a field that disappears from both example and answer is still missed.
ROWS = {
    "conversations": "id provider provider_id title created updated messages branch_points tip project attachments sources",
    "memories": "id kind text status authority provider provider_id topic created updated sensitivity sources",
    "topics": "id kind name provider provider_id parent conversations memories documents created updated sources",
    "sources": "id path format shape sha256 bytes received read refused withheld attachments",
}
MESSAGE = "id provider_id parent order role author model time visibility parts extra"
PROMISED = {
    "souviens add EXPORT...": "sources failed",
    "souviens list": "conversations memories topics sources",
    "souviens map": "conversations messages single first last topics parts",
    "souviens show TOPIC": "automatic extract thread messages first last",
    "souviens show ID --links": "links",
    "souviens recall QUESTION": "query items encoder seconds note",
    "souviens context QUESTION": "standing evidence tokens text note",
    "souviens move --to TARGET": "target written carried lost",
    "souviens targets": "targets",
    "souviens verify": "ok sources slices records problems",
    "souviens export SOURCE --original -o PATH": "path sha256 identical withheld",
    "Errors": "error",
}


def examples() -> dict[str, Any]:
    sections = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:]
    found = {section.partition("\n")[0]: re.search(r"```json\n(.*?)```", section, re.DOTALL) for section in sections}
    return {title: json.loads(body[1]) for title, body in found.items() if body}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, exports: Path) -> dict[str, Any]:
    """A fresh answer for every example, in the order of a life."""
    desk = Desk(tmp_path_factory.mktemp("contract"))
    said: dict[str, Any] = {}

    def ask(title: str, *arguments: object, ok: int = 0) -> Any:
        said[title] = desk(*arguments, "--json", ok=ok).document
        return said[title]

    (desk.home / "notes.txt").write_text("no export")
    ask("souviens init", "init")
    ask("souviens add EXPORT...", "add", exports / "chatgpt.zip", exports / "claude.zip", desk.home / "notes.txt", ok=3)
    listed = ask("souviens list", "list")
    ask("souviens map", "map", "--depth", "4")
    conversation = next(row["id"] for row in listed["conversations"] if row["title"].startswith("Sourdough"))
    shown = ask("souviens show CONVERSATION", "show", conversation)
    # The first node of such an export has no message: the second stands for all in the comparison.
    shown["messages"] = shown["messages"][1:]
    ask("souviens show MESSAGE", "show", shown["messages"][0]["id"])
    ask("souviens show ID --links", "show", shown["messages"][0]["id"], "--links")
    for title, section in (("MEMORY", "memories"), ("TOPIC", "topics"), ("SOURCE", "sources")):
        ask(f"souviens show {title}", "show", listed[section][0]["id"])
    ask("souviens recall QUESTION", "recall", "how long with rye")
    ask("souviens remember TEXT", "remember", "I bake with rye.", "--kind", "preference")
    ask("souviens context QUESTION", "context", "how long with rye")
    ask("souviens review", "review")
    ask("souviens move --to TARGET", "move", conversation, "--to", "markdown", "--dry-run")
    ask("souviens export -o PATH", "export", "-o", desk.home / "all.jsonl")
    ask(
        "souviens export SOURCE --original -o PATH",
        "export",
        listed["sources"][0]["id"],
        "--original",
        "-o",
        desk.home / "back.zip",
    )
    ask("souviens verify", "verify")
    ask("souviens rebuild", "rebuild")
    ask("souviens undo", "undo")
    ask("souviens key list", "key", "list")
    ask("souviens doctor", "doctor")
    ask("souviens encoder status", "encoder", "status")
    ask("souviens where", "where")
    ask("souviens formats", "formats")
    ask("souviens targets", "targets")
    ask("souviens guide PROVIDER", "guide", "chatgpt")
    ask("souviens import FILE", "import", desk.home / "all.jsonl")
    ask("souviens erase ID...", "erase", shown["messages"][0]["id"], "--yes")
    said["Errors"] = {"error": desk("show", "c-0000", "--json", ok=1).error}
    return said


def differences(example: Any, answer: Any, where: str) -> Iterator[str]:
    """Where two documents have other keys or types. null stands for a value of any type; lists are compared by their first."""
    if example is None or answer is None:
        return
    if isinstance(example, dict) and isinstance(answer, dict):
        if where.rpartition(".")[2] in OPEN:
            return
        for key in example.keys() ^ answer.keys():
            yield f"{where}.{key} is only in {'the example' if key in example else 'the answer'}"
        for key in example.keys() & answer.keys():
            yield from differences(example[key], answer[key], f"{where}.{key}")
    elif isinstance(example, list) and isinstance(answer, list):
        if example and answer:
            yield from differences(example[0], answer[0], f"{where}[0]")
    elif {type(example), type(answer)} != {int, float} and type(example) is not type(answer):
        yield f"{where}: {type(example).__name__} in the example, {type(answer).__name__} in the answer"


@pytest.mark.parametrize("title", examples())
def test_an_example_has_the_shape_of_a_fresh_answer(answers: dict[str, Any], title: str) -> None:
    assert list(differences(examples()[title], answers[title], "$")) == []


def test_every_answer_has_its_example(answers: dict[str, Any]) -> None:
    assert set(examples()) == set(answers)


@pytest.mark.parametrize("title", PROMISED)
def test_promised_fields(answers: dict[str, Any], title: str) -> None:
    assert set(PROMISED[title].split()) <= set(answers[title])


def test_promised_rows_and_messages(answers: dict[str, Any]) -> None:
    listed = answers["souviens list"]
    for section, fields in ROWS.items():
        assert all(set(row) == set(fields.split()) for row in listed[section]), section
    assert all({"name", "carries", "cannot", "how"} <= set(target) for target in answers["souviens targets"]["targets"])
    for message in answers["souviens show CONVERSATION"]["messages"]:
        assert set(MESSAGE.split()) <= set(message)
        assert set(message["time"]) == {"given", "utc", "unknown"}
        assert all(part["type"] for part in message["parts"])
    items = "id kind conversation message text time path score why"
    assert all(set(items.split()) <= set(item) for item in answers["souviens recall QUESTION"]["items"])
    assert all(set(loss) == {"kind", "count", "reason"} for loss in answers["souviens move --to TARGET"]["lost"])


def test_the_comparison_sees_a_difference() -> None:
    assert list(differences({"a": 1, "b": [{"c": "x"}]}, {"a": "1", "b": [{"d": "x"}]}, "$"))
