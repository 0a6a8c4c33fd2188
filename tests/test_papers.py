"""The papers are true: what they say of the format is recomputed, what they name exists, what they show is run.

A block marked ```console is a test. Its lines that begin with `$ souviens` are run in order, all blocks of one paper in one
temporary folder, which holds a copy of `examples/` and a vault with the example exports in it, opened by a key file; unless
the paper's first command is `souviens init`: then it starts with an empty home, as a newcomer does. Each command must end
with 0, or with what a comment says: `# exit 3`. If lines follow a command, its output must hold them in that order; `…`
stands for any text, alone on its line for any lines. `$ export NAME=value` holds for the commands after it. Lines that begin
with another command are shown and not run.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import hmac
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import msgspec
import pytest

from souviens import canon, records
from souviens.port.checking import verify
from souviens.port.holes import fill
from souviens.port.lines import export_lines, import_lines
from souviens.vault import audit, connection, create, keys, schema, store
from tests import golden

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/souviens"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# Of every paper, and of everything that may name one: its path from the root, and its text.
PAPERS = {name_of(p): p.read_text(encoding="utf-8") for p in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])}
SOURCES = {name_of(p): p.read_text(encoding="utf-8") for p in [ROOT / "pyproject.toml", *sorted(PACKAGE.rglob("*.py"))]}
FORMAT = PAPERS["FORMAT.md"]


def blocks(text: str, info: str) -> list[str]:
    """The contents of the fenced blocks that are marked exactly so."""
    return re.findall(rf"^```{re.escape(info)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def section(title: str, text: str = FORMAT) -> str:
    """What stands under the heading of that title, up to the next heading of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"FORMAT.md has no section {title!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of every table in a text, headings left out."""
    tables = re.findall(r"^\|.*\|\n\|[-| ]+\|\n((?:\|.*\|\n)+)", text, re.MULTILINE)
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for table in tables for line in table.splitlines()]


def code(cell: str) -> str:
    """What stands between the backticks of a cell."""
    return cell.split("`")[1] if "`" in cell else cell


# --- FORMAT.md: tables ------------------------------------------------------------------------------------------------

NOUNS = [
    noun
    for noun in vars(records).values()
    if isinstance(noun, type) and issubclass(noun, records.Record) and noun not in (records.Record, records.Reading)
]
DESCRIBED: list[tuple[str, type[msgspec.Struct]]] = [
    *((noun.__name__, noun) for noun in NOUNS),
    ("Instant", canon.Instant),
    ("SourceHeader", store.SourceHeader),
    ("Member", store.Member),
    ("Hole", store.Hole),
    ("Entry", audit.Entry),
    ("Wrap", keys.Wrap),
    ("2. VAULT.json and the keys", keys.Header),
]


@pytest.mark.parametrize(("title", "record"), DESCRIBED, ids=[title for title, _ in DESCRIBED])
def test_every_field_is_specified(title: str, record: type[msgspec.Struct]) -> None:
    specified = {code(row[0]): row[2] for row in rows(section(title)) if len(row) == 4}
    fields = msgspec.structs.fields(record)

    assert list(specified) == [field.name for field in fields]
    assert {name for name, default in specified.items() if default == "required"} == {f.name for f in fields if f.required}


def test_every_kind_of_part_is_specified() -> None:
    for noun in NOUNS:
        config = noun.__struct_config__
        if config.tag_field:
            assert f"`{config.tag_field}` = `{config.tag}`" in section(noun.__name__)


@pytest.fixture
def tables() -> dict[str, list[str]]:
    """The tables of an empty truth.db and their columns."""
    db = apsw.Connection(":memory:")
    schema.create(db)
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    return {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in names}


def test_every_table_and_column_is_specified(tables: dict[str, list[str]]) -> None:
    specified = re.findall(r"^#### `(\w+)`$", FORMAT, re.MULTILINE)

    assert sorted(specified) == sorted(tables)
    for name, columns in tables.items():
        described = [cell for row in rows(section(f"`{name}`")) if len(row) == 3 for cell in [code(row[0])]]
        assert described == columns, name


def test_the_versions_are_those_of_the_program() -> None:
    said = re.search(r"folder format (\d+), truth format (\d+), plain export (\d+), hash tag `(\w+)`", FORMAT)

    assert said
    assert said.groups() == (str(keys.FORMAT), str(schema.VERSION), str(_lines_version()), canon.HASH_TAG)
    assert [row[0] for row in rows(section("10. How the format grows"))] == [str(n + 1) for n in range(schema.VERSION)]


def _lines_version() -> int:
    from souviens.port import lines

    return lines.VERSION


# --- FORMAT.md: worked examples ---------------------------------------------------------------------------------------
# Recomputed by the program, and where the page is all that a second implementation has, by one: `canonical` below.


def canonical(value: Any) -> str:
    """The canonical form of a JSON value as FORMAT.md section 4 puts it, without a line of the program."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def hashed(value: Any) -> str:
    return f"s1:{hashlib.sha256(canonical(value).encode()).hexdigest()}"


def test_the_worked_hash() -> None:
    (text,) = blocks(FORMAT, "json hash")
    form, hash = re.findall(r"canonical form `(.*?)` and the hash `(s1:\w+)`", FORMAT)[0]

    assert (canonical(json.loads(text)), hashed(json.loads(text))) == (form, hash)
    assert (canon.canonical(json.loads(text)).decode(), canon.tagged_hash(json.loads(text))) == (form, hash)


def test_the_worked_hash_of_a_message() -> None:
    (text,) = blocks(FORMAT, "json message")
    (hash,) = re.findall(r"^and the hash `(s1:\w+)`", FORMAT, re.MULTILINE)
    example = next(line["conversation"] for line in map(json.loads, example_lines()) if "conversation" in line)

    assert canonical(json.loads(text, parse_float=Decimal)) == text.strip()
    assert hashed(json.loads(text, parse_float=Decimal)) == hash == example["messages"][0]["hash"]


_HASHED: tuple[tuple[str, Any], ...] = (
    ("provider_id", None),
    ("order", 0),
    ("role", ""),
    ("author", None),
    ("model", None),
    ("time", {}),
    ("updated", None),
)


CASES = [case for case in golden.fixtures() if golden.expected(case).exists()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_second_implementation_gets_every_hash_of_the_fixtures(case: Path) -> None:
    lines = golden.expected(case).read_text(encoding="utf-8").splitlines()
    read = (json.loads(line, parse_float=Decimal).get("Conversation", {}) for line in lines)
    messages = [message for conversation in read for message in conversation.get("messages", [])]

    for m in messages:
        rest = [m.get("visibility", "visible"), m.get("parts", []), m.get("extra", {})]
        assert hashed([*(m.get(name, default) for name, default in _HASHED), *rest]) == m["hash"], m["id"]


def test_the_worked_ids() -> None:
    examples = [(re.findall(r"`(.*?)`", given), code(id)) for given, id in (r for r in rows(section("Ids")) if len(r) == 2)]

    assert len(examples) > 3
    for (letter, *identity), id in examples:
        digest = hashlib.sha256("\x1f".join((letter, *identity)).encode()).hexdigest()
        assert f"{letter}-{digest[:32]}" == id == canon.make_id(letter, *identity)


def test_the_worked_instants() -> None:
    examples = [row for row in rows(section("Instant")) if len(row) == 5]
    readers = {"seconds": canon.epoch, "milliseconds": lambda given: canon.epoch(given, unit=1000), "text": canon.rfc3339}

    assert {row[0] for row in examples} == set(readers)
    for source, given, us, zone, unknown in examples:
        expected = canon.Instant(given=given, us=int(us) if us else None, zone=zone, unknown=unknown or None)
        assert readers[source](given) == expected


def test_the_worked_holes() -> None:
    for hole, filled in rows(section("Giving a file back")):
        assert fill(int(hole)) == code(filled).replace("_", " ").encode()


def test_the_worked_keys() -> None:
    values = {what: code(value) for what, value in (row for row in rows(section("Worked example")))}
    key, salt = bytes(range(32)), bytes(range(16))
    truth, check, header = (hmac.digest(key, f"souviens/1/{p}".encode(), "sha256") for p in ("truth.db", "check", "header"))
    (text,) = blocks(FORMAT, "json header")
    (seal,) = re.findall(r"^has the seal `(\w+)`", FORMAT, re.MULTILINE)
    offered = {
        "passphrase": keys.passphrase("je me souviens"),
        "key file": keys.Credential("keyfile", b"0" * 64),
        "code": keys.recovery("0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-WXYZ"),
    }

    assert connection.subkey(key, "truth.db") == truth
    assert values["subkey `truth.db`"] == truth.hex()
    assert values["`check`"] == check.hex()[:32]
    assert hmac.new(header, text.strip().encode(), "sha256").hexdigest() == seal
    for word, credential in offered.items():
        (value,) = (value for what, value in values.items() if what.startswith("wrapping key") and word in what)
        # A box is opened by the wrapping key alone: this tells that the program's is the one on the page.
        wrap = keys.wrap(key, credential, word, memory=64 << 20, passes=3)
        assert keys._wrapping_key(credential, salt, wrap.memory, wrap.passes).hex() == value
    assert keys._seal(msgspec.json.decode(text, type=keys.Header), key) == seal


def test_the_worked_audit_entry() -> None:
    (text,) = blocks(FORMAT, "json audit")
    (hash,) = re.findall(r"^as the first of a chain has the hash `(\w+)`", FORMAT, re.MULTILINE)
    entry = json.loads(text)
    del entry["salt"]

    assert hashlib.sha256(bytes(32) + canonical(entry).encode()).hexdigest() == hash
    assert audit._link(bytes(32), msgspec.json.decode(text, type=audit.Entry)).hex() == hash


def example_lines() -> list[str]:
    (text,) = blocks(FORMAT, "json lines")
    return text.splitlines()


def test_the_example_of_a_plain_export_is_taken_in_and_given_out_again(tmp_path: Path) -> None:
    lines = example_lines()
    (tmp_path / "example.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with create(tmp_path / "vault", {}, "2026-01-01T00:00:00Z", None) as vault:
        import_lines(vault, tmp_path / "example.jsonl")
        export_lines(vault, tmp_path / "again.jsonl")

        assert verify(vault).problems == ()
    again = (tmp_path / "again.jsonl").read_text(encoding="utf-8").splitlines()

    assert again[1:] == lines[1:]  # the first names the vault
    assert {key for line in lines for key in json.loads(line)} | {"topic"} == {
        key for row in rows(section("8. Plain export")) for key in re.findall(r"`(\w+)`", row[0])
    }


def test_a_reader_of_the_example_needs_nothing_but_this_page() -> None:
    """The bytes of the original from the lines alone, and their hashes."""
    lines = [next(iter(json.loads(line).items())) for line in example_lines()]
    slices = {body["id"]: base64.b64decode(body["data"]) for kind, body in lines if kind == "slice"}
    blobs = {body["blob"]: base64.b64decode(body["data"]) for kind, body in lines if kind == "chunk"}
    files: dict[str, bytes] = {}
    sums: dict[str, str] = {}
    for kind, body in lines:
        if kind == "member":
            name = body["member"]["name"]
            files[name] = blobs.get(body["member"].get("blob", ""), b"")
            sums[name] = body["member"]["sha256"]
        elif kind == "segment":
            slice, _, _, glue, _ = body
            files[name] += slices[slice] if slice else base64.b64decode(glue)
    between = "".join(f"{line}\n" for line in example_lines()[1:-1]).encode()
    listing = "".join(f"{name}\0{len(files[name])}\0{sums[name]}\n" for name in sorted(files))
    source = next(body for kind, body in lines if kind == "source")

    assert {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} == sums
    assert hashlib.sha256(listing.encode()).hexdigest() == source["sha256"]
    assert lines[-1] == ("end", {"lines": len(lines) - 2, "sha256": hashlib.sha256(between).hexdigest()})


# --- what the papers name ---------------------------------------------------------------------------------------------


def anchors(paper: str) -> set[str]:
    """The anchors GitHub gives the headings of a paper."""
    headings = re.findall(r"^#+ (.*)$", prose(paper), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAPERS)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(PAPERS[name])):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent.joinpath(path).resolve() if path else ROOT / name
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(PAPERS.get(name_of(target), ""))):
            broken.append(link)

    assert not broken, "\n".join(broken)


def unknown(pattern: str, known: set[str]) -> list[str]:
    """Where papers and source name something by a pattern (its group) that is not known."""
    everything = (SOURCES | PAPERS).items()
    return [f"{place}: {name}" for place, text in everything for name in re.findall(pattern, text) if name not in known]


def test_every_decision_that_is_named_exists() -> None:
    decisions = {path.name[:4] for path in (ROOT / "docs/decisions").glob("*.md")}
    wrong = unknown(r"docs/decisions/(\d{4})", decisions)

    assert re.findall(r"docs/decisions/(\d{4})", SOURCES["pyproject.toml"])
    assert not wrong, "\n".join(wrong)


def test_every_paper_that_is_named_exists() -> None:
    wrong = unknown(r"(docs/[\w-]+\.md|\b[A-Z]{4,}\.md)", set(PAPERS))

    assert not wrong, "\n".join(wrong)


def test_every_test_that_is_named_exists() -> None:
    named = {found for text in PAPERS.values() for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)}
    files = {path: (ROOT / path).read_text(encoding="utf-8") for path, _ in named if (ROOT / path).exists()}
    missing = [f"{path}::{name}" for path, name in sorted(named) if f"def {name}(" not in files.get(path, "")]

    assert len(named) > 10
    assert not missing, "\n".join(missing)


def test_every_make_target_that_is_named_exists_and_runs_what_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = dict(re.findall(r"^(\w+):.*\n((?:\t.*\n)*)", makefile, re.MULTILINE))
    named = {(name, target) for name, text in PAPERS.items() for target in re.findall(r"(?:^|`)make (\w+)", text, re.MULTILINE)}
    modules = {module for _, target in named for module in re.findall(r"-m ([\w.]+)", recipes.get(target, ""))}
    absent = [m for m in modules if m.startswith(("tests", "bench", "examples")) and importlib.util.find_spec(m) is None]

    assert named
    assert [(name, target) for name, target in named if target not in recipes] == []
    assert absent == []


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs/decisions").glob("*.md"))

    assert numbers == list(range(1, len(numbers) + 1))


def tree() -> list[str]:
    """The paths of ARCHITECTURE.md's tree: indented by two spaces a level, a path, two spaces, one line about it."""
    (text,) = blocks(PAPERS["ARCHITECTURE.md"], "tree")
    paths: list[str] = []
    above: list[str] = []
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.strip().split("  ")[0]
        above[depth:] = [name]
        paths.append("".join(above))
    return paths


def test_the_tree_of_the_architecture_is_the_one_on_disk() -> None:
    missing = [path for path in tree() if not (ROOT / path).exists()]

    assert not missing, "\n".join(missing)


def is_a_format(name: str) -> bool:
    """A provider format's own module: the folder is the registry, so that adding one changes no other file."""
    below = name.partition("souviens/formats/")[2]
    return bool(below) and not below.startswith("_")


def test_every_module_is_in_the_tree_of_the_architecture() -> None:
    # An empty __init__.py has nothing to be said about.
    modules = {name for name, text in SOURCES.items() if name.endswith(".py") and ast.parse(text).body and not is_a_format(name)}

    assert sorted(modules - set(tree())) == []


# --- what the papers show ---------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A command of a console block. code: the exit code it must end with. lines: what its output must hold, if any."""

    command: str
    code: int
    lines: tuple[str, ...]


_EXIT = re.compile(r"\s+# exit (\d+)\s*$")


def shown(text: str) -> Iterator[Shown]:
    """The `souviens` and `export` commands of a paper's console blocks, in order."""
    for block in blocks(text, "console"):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = entry.splitlines()
            while command.endswith("\\"):
                command = command[:-1] + lines.pop(0).removeprefix("> ")
            if command.split()[0] in ("souviens", "export"):
                code = _EXIT.search(command)
                expected = tuple(line.rstrip() for line in lines if line.strip())
                yield Shown(_EXIT.sub("", command), int(code[1]) if code else 0, expected)


def held(output: str, lines: tuple[str, ...]) -> bool:
    """Whether an output holds these lines in this order, other lines between them only where `…` stands alone.

    White space at the ends of lines and empty lines do not count.
    """
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else ".*?".join(map(re.escape, line.strip().split("…"))) + r"\n" for line in lines
    )
    given = "".join(f"{line.strip()}\n" for line in output.splitlines() if line.strip())
    return re.search(rf"^{pattern}", given, re.MULTILINE) is not None


def console(folder: Path) -> dict[str, str]:
    """The environment of a console in `folder`: the program, an empty home, and nothing of the caller's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOUVIENS_", "XDG_"))}
    home, programs = folder / ".home", folder / ".bin"
    home.mkdir()
    programs.mkdir()
    (programs / "souviens").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m souviens "$@"\n')
    (programs / "souviens").chmod(0o755)
    shutil.copytree(ROOT / "examples", folder / "examples")
    return kept | {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(programs), kept.get("PATH", "")]),
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }


def run(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """One command line through the shell, as a person would give it; without a terminal. Output and remarks together."""
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


_PREPARED = (
    Shown("export SOUVIENS_VAULT=vault", 0, ()),
    Shown("export SOUVIENS_KEY_FILE=vault.key", 0, ()),
    Shown("souviens init", 0, ()),
    Shown("souviens add examples/chatgpt examples/claude --no-encode", 0, ()),
)


@pytest.mark.skipif(sys.platform == "win32", reason="the papers show a POSIX shell")
@pytest.mark.parametrize("paper", [name for name, text in PAPERS.items() if any(shown(text))])
def test_console(paper: str, tmp_path: Path) -> None:
    commands = list(shown(PAPERS[paper]))
    first = next(command for command, _, _ in commands if command.startswith("souviens"))
    environment = console(tmp_path)
    for command, code, lines in commands if first.startswith("souviens init") else (*_PREPARED, *commands):
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").strip().partition("=")
            environment[name] = value
            continue
        done = run(command, tmp_path, environment)

        assert done.returncode == code, f"{paper}: $ {command}\nexit {done.returncode}, not {code}\n{done.stdout}"
        assert held(done.stdout, lines), f"{paper}: $ {command}\ngave\n{done.stdout}\nand not\n" + "\n".join(lines)


def test_a_console_block_is_read_as_the_docstring_says() -> None:
    text = """\
```console
$ souviens list --json \\
>   --sources
…
found 3 in …
$ ls
x
$ souviens show q  # exit 2
```
```sh
$ souviens no
```
"""

    assert list(shown(text)) == [
        Shown("souviens list --json   --sources", 0, ("…", "found 3 in …")),
        Shown("souviens show q", 2, ()),
    ]


def test_the_output_of_a_console_block_is_compared() -> None:
    output = "one\ntwo\n\n  three of 7\nfour\n"

    assert held(output, ())
    assert held(output, ("one", "two"))
    assert held(output, ("one", "…", "four"))
    assert held(output, ("two", "three of …"))
    assert not held(output, ("one", "three of 7"))
    assert not held(output, ("four", "one"))
    assert not held(output, ("wo",))
