"""The MCP door, asked by the official client over a real process; and by the MCP Inspector, where npm can be reached."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from mcp import Client, StdioServerParameters

from souviens.doors.mcp import LINKS, PAGE, QUESTION, TEXT
from tests.doors.conftest import PROGRAM, Desk
from tests.doors.exports import CANARY, chatgpt_conversation, write_chatgpt

_T = TypeVar("_T")
TOOLS = {"recall", "context", "read", "list"}


def asked(desk: Desk, question: Callable[[Client], Awaitable[_T]], **environment: str) -> _T:
    """What one client hears that starts the program, asks, and goes."""
    parameters = StdioServerParameters(command=PROGRAM[0], args=[*PROGRAM[1:], "mcp"], env=desk.environment | environment)

    async def talk() -> _T:
        async with Client(parameters, read_timeout_seconds=30) as client:
            return await question(client)

    return anyio.run(talk)


def called(desk: Desk, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """Results of tool calls, in order; of a failed one its text."""

    async def question(client: Client) -> list[Any]:
        results = [await client.call_tool(name, arguments) for name, arguments in calls]
        return [r.content[0].text if r.is_error else r.structured_content for r in results]  # type: ignore[union-attr]

    return asked(desk, question)


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("recall", {"query": ""}),
    ("recall", {"query": "x" * (QUESTION + 1)}),
    ("recall", {"query": "x", "k": 10_000}),
    ("context", {"query": "x", "budget": 10**9}),
    ("read", {"id": "../../etc/passwd"}),
    ("read", {"id": "s-00"}),
    ("read", {"id": "c-00000000"}),
    ("read", {"id": "m-00000000", "offset": -1}),
    ("list", {"kind": "sources"}),
    ("list", {"project": "nothing of the kind"}),
    ("recall", {"query": "x", "project": "nothing of the kind"}),
    ("erase", {"id": "c-0"}),
]


@pytest.fixture(scope="module")
def answers(filled: Desk, ids: Callable[[str], str]) -> dict[str, Any]:
    """What one client hears of the vault: a call of each kind, and those that are refused."""
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "recall": ("recall", {"query": "how long with rye", "k": 4}),
        "context": ("context", {"query": "dough", "budget": 200}),
        **{kind: ("list", {"kind": kind}) for kind in ("conversations", "memories", "topics")},
        "memory": ("read", {"id": ids("**Home**")}),
        "topic": ("read", {"id": filled("list", "--topics", "--json").document["topics"][0]["id"]}),
        **{f"refused {n}": call for n, call in enumerate(REFUSED)},
    }
    return dict(zip(calls, called(filled, *calls.values()), strict=True))


def test_it_offers_four_tools_that_only_read(filled: Desk) -> None:
    async def question(client: Client) -> tuple[Any, str]:
        return (await client.list_tools()).tools, client.instructions or ""

    tools, instructions = asked(filled, question)

    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.title
        assert tool.description
        assert tool.annotations.read_only_hint is True
        assert tool.annotations.destructive_hint is False
        for name, schema in tool.input_schema["properties"].items():
            bounded = {"maxLength", "maximum", "pattern", "enum"} & set(schema)
            assert bounded, f"{tool.name}.{name} has no limit"
    assert "never an instruction" in instructions


def test_recall_and_context_answer_with_evidence(answers: dict[str, Any]) -> None:
    found, made = answers["recall"], answers["context"]

    assert any("twelve hours" in item["text"] for item in found["items"])
    assert all(item["why"] for item in found["items"])
    assert 0 < made["tokens"] <= 200
    assert made["evidence"]


def test_read_goes_from_a_quotation_to_what_stood_around_it(filled: Desk) -> None:
    (found,) = called(filled, ("recall", {"query": "rye", "k": 1}))
    item = found["items"][0]
    message, conversation = called(filled, ("read", {"id": item["message"]}), ("read", {"id": item["conversation"]}))

    assert message["text"] == item["text"]
    assert message["conversation"] == item["conversation"]
    assert conversation["title"] == "Sourdough in a cold kitchen"
    assert [line["role"] for line in conversation["messages"]].count("user") == 2
    assert conversation["next"] is None


def test_list_and_read_a_memory(answers: dict[str, Any]) -> None:
    assert [answers[kind]["total"] for kind in ("conversations", "memories", "topics")] == [4, 1, 1]
    assert answers["memory"]["text"].startswith("**Home**")
    assert answers["memory"]["status"] == "proposed"


def test_read_a_topic_along_time(answers: dict[str, Any]) -> None:
    topic = answers["topic"]

    assert (topic["type"], topic["automatic"], topic["total"], topic["next"]) == ("topic", False, 1, None)
    assert topic["thread"][0]["episodes"][0]["text"].startswith("Où boire un café")
    assert topic["extract"][0]["message"] == topic["thread"][0]["episodes"][0]["message"]


def test_read_says_what_a_thing_has_to_do_with_others(empty: Desk, tmp_path: Path) -> None:
    """Over the real protocol: at most LINKS of them, each with its reason, within a result's size."""
    empty("init", "--no-recovery")
    things = ["Bootstrap 5.3.0"] * 6 + ["app/forms.py"] * 6
    later = [
        chatgpt_conversation(f"n{n}", f"Site {n}", [f"Page {n} needs {thing}?", "Yes."], start=1.76e9 + 86_400 * n)
        for n, thing in enumerate(things)
    ]
    first = chatgpt_conversation("a", "Gallery", ["The gallery shows 8 cards with Bootstrap 5.3.0.", "Good."])
    said = "I increased the gallery to 10 cards with Bootstrap 5.3.0 in app/forms.py."
    second = chatgpt_conversation("b", "More", [said, "Fine."], start=1.78e9)
    empty("add", write_chatgpt(tmp_path / "e.zip", [first, second, *later]), "--no-encode")
    rows = {row["title"]: row["id"] for row in empty("list", "--json").document["conversations"]}
    about = [empty("show", rows[title], "--json").document["path"][1] for title in ("Gallery", "More")]
    words = "These two are one decision. " + "x" * TEXT
    memory = empty("remember", words, "--about", about[0], "--about", about[1], "--json").document["id"]
    message, later_one, kept = called(empty, ("read", {"id": about[1]}), ("read", {"id": about[0]}), ("read", {"id": memory}))

    assert len(message["links"]) == LINKS
    assert set(message["links"][0]) == {"type", "kind", "id", "strength", "reason", "time", "quote"}
    assert [link["id"] for link in message["links"] if link["type"] == "supersedes"] == [about[0]]
    assert [link["id"] for link in later_one["links"] if link["type"] == "superseded_by"] == [about[1]]
    (linked,) = [link for link in message["links"] if link["type"] == "linked"]
    assert linked["reason"].startswith('you said: "These two are one decision.')
    assert {link["id"] for link in kept["links"] if link["type"] == "evidence"} == set(about)
    assert len(json.dumps(message)) < PAGE


def test_long_things_come_in_pages_that_lose_nothing(empty: Desk, tmp_path: Path) -> None:
    turns = [f"turn {n} " + "x" * (TEXT - 20) for n in range(20)] + ["y" * (PAGE + 1000), "end"]
    empty("init", "--no-recovery")
    empty("add", write_chatgpt(tmp_path / "long.zip", [chatgpt_conversation("long", "Long", turns)]), "--no-encode")
    (row,) = empty("list", "--json").document["conversations"]

    async def question(client: Client) -> tuple[list[Any], str]:
        async def pages(id: str) -> list[Any]:
            out: list[Any] = []
            offset: int | None = 0
            while offset is not None:
                result = await client.call_tool("read", {"id": id, "offset": offset})
                page = result.structured_content
                assert page is not None
                assert len(json.dumps(page)) < 2 * PAGE
                out.append(page)
                offset = page["next"]
            return out

        lines = [line for page in await pages(row["id"]) for line in page["messages"]]
        cut = next(line for line in lines if line["cut"])
        return lines, "".join(page["text"] for page in await pages(cut["id"]))

    lines, whole = asked(empty, question)

    assert [line["text"][:7] for line in lines][:3] == ["turn 0 ", "turn 1 ", "turn 2 "]
    assert len(lines) == len(turns)
    assert whole == "y" * (PAGE + 1000)


def test_what_cannot_be_answered_is_a_tool_error_without_content_or_paths(filled: Desk, answers: dict[str, Any]) -> None:
    for n, call in enumerate(REFUSED):
        said = answers[f"refused {n}"]
        assert isinstance(said, str), call
        assert CANARY not in said
        assert str(filled.home) not in said
        assert "Traceback" not in said


def test_no_answer_names_a_path_of_this_machine(filled: Desk, answers: dict[str, Any]) -> None:
    assert str(filled.home) not in json.dumps(answers)
    assert "chatgpt.zip" not in json.dumps(answers)


def test_it_sees_what_another_process_adds(desk: Desk, tmp_path: Path) -> None:
    more = write_chatgpt(tmp_path / "more.zip", [chatgpt_conversation("8", "Kites", ["Which kite flies in a storm?", "None."])])

    async def question(client: Client) -> tuple[Any, Any]:
        before = await client.call_tool("recall", {"query": "kite storm"})
        await anyio.to_thread.run_sync(lambda: desk("add", more))
        return before.structured_content, (await client.call_tool("recall", {"query": "kite storm"})).structured_content

    before, after = asked(desk, question)

    assert before["items"] == []
    assert after["items"][0]["text"] == "Which kite flies in a storm?"


def test_it_never_asks_for_a_key_and_says_nothing_on_stdout(filled: Desk) -> None:
    environment = {k: v for k, v in filled.environment.items() if k != "SOUVIENS_KEY_FILE"}
    done = subprocess.run([*PROGRAM, "mcp"], env=environment, input=b"", capture_output=True, timeout=30, check=False)

    assert done.returncode == 12
    assert done.stdout == b""


def test_stdout_carries_the_protocol_and_nothing_else(filled: Desk) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "recall", "arguments": {"query": "rye"}}},
    ]
    running = subprocess.Popen(
        [*PROGRAM, "mcp", "-v"],
        env=filled.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write("".join(json.dumps(request) + "\n" for request in requests))
    running.stdin.flush()
    answers = [json.loads(running.stdout.readline()) for _ in (1, 2)]
    out, err = running.communicate(timeout=30)

    assert [answer["id"] for answer in answers] == [1, 2]
    assert out == ""
    assert CANARY not in err
    assert "twelve hours" not in err


# --- an outside judge -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of the MCP Inspector's CLI, installed for this run under a Node of its own."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: the MCP Inspector cannot be fetched")
    folder = tmp_path_factory.mktemp("inspector")
    wanted = ["node@22", "@modelcontextprotocol/inspector"]
    # engine-strict: an older Node would silently be given an inspector of years ago.
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *wanted],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    binaries = folder / "node_modules" / ".bin"
    if done.returncode or not (binaries / "mcp-inspector").exists():
        pytest.skip(f"npm's registry cannot be reached: {done.stderr.strip().splitlines()[-1:]}")
    return [str(binaries / "node"), str((binaries / "mcp-inspector").resolve()), "--cli"]


@pytest.mark.slow
def test_the_mcp_inspector_can_use_it(filled: Desk, inspector: list[str]) -> None:
    def inspect(*arguments: str) -> Any:
        environment = filled.environment | {"PATH": f"{Path(inspector[0]).parent}{os.pathsep}{os.environ['PATH']}"}
        wanted = ("SOUVIENS", "XDG", "PYTHON")
        given = [f"{name}={value}" for name, value in filled.environment.items() if name.startswith(wanted)]
        command = [*inspector, *(part for each in given for part in ("-e", each)), *PROGRAM, "mcp", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert {tool["name"] for tool in inspect("--method", "tools/list")["tools"]} == TOOLS
    found = inspect("--method", "tools/call", "--tool-name", "recall", "--tool-arg", "query=how long with rye")
    assert "twelve hours" in json.dumps(found)
