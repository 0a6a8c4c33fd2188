"""Markdown: a bundle that the projects of Claude and ChatGPT take. What else it has to be is in test_writers.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from souviens import formats
from souviens.canon import unknown
from souviens.delivery import open_delivery
from souviens.formats import Chosen, markdown
from souviens.formats._frontmatter import front_matter
from souviens.records import Conversation, Document, Evidence, Head, Memory, Message, Text, Topic

LIMIT = 2_000_000  # bytes: 2 million tokens a text file at ChatGPT, 30 MB a file at Claude


def said(id: str, parent: str | None, words: str) -> Message:
    return Message(id, None, parent, 0, "user", unknown("null"), (Text(words),))


def test_markdown_no_file_is_larger_than_a_project_takes() -> None:
    words = [f"{'ж' * 300_000}\n{n}" for n in range(8)]
    talk = Conversation(
        "c-1", "x", None, Head("long"), tuple(said(f"m-{n}", f"m-{n - 1}" if n else None, w) for n, w in enumerate(words))
    )
    memory = Memory("y-1", "fact", "Said late.", "imported", evidence=(Evidence("c-1", "m-7"),))
    project = Topic("t-1", "project", "Big", documents=(Document("all", "line\n" * 900_000),))
    written = markdown.write(Chosen((talk,), (memory,), (project,)))
    assert all(len(data) <= LIMIT for data in written.files.values())
    parts = sorted(name for name in written.files if name.startswith("conversations/"))
    assert parts == [f"conversations/undated long{more}.md" for more in (" part 2", " part 3", "")]
    pages = {name: written.files[name].decode() for name in parts}
    assert {front_matter(page)[0]["part"] for page in pages.values()} == {"1 of 3", "2 of 3", "3 of 3"}
    assert sorted(re.findall(r'<a id="(m-\d)">', "".join(pages.values()))) == [f"m-{n}" for n in range(8)]
    assert all(any(w in page for page in pages.values()) for w in words)
    documents = "".join(data.decode() for name, data in written.files.items() if name.startswith("projects/"))
    assert documents.count("line\n") == 900_000
    (link,) = re.findall(r"\]\((conversations/.*)#m-7\)", written.files["memories.md"].decode())
    assert '<a id="m-7">' in written.files[link.replace("%20", " ")].decode()


def test_markdown_one_message_that_is_too_long_goes_on_in_the_next_file() -> None:
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-0", None, "a" * 5_000_000),))
    written = markdown.write(Chosen((talk,)))
    assert all(len(data) <= LIMIT for data in written.files.values())
    bodies = [data.decode() for name, data in written.files.items() if name.startswith("conversations/")]
    assert sum(len(run) for body in bodies for run in re.findall("a{1000,}", body)) == 5_000_000


def test_markdown_every_file_says_what_it_is() -> None:
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-0", None, "hello"),))
    written = markdown.write(Chosen((talk,), (Memory("y-1", "fact", "Likes tea.", "imported"),), (Topic("t-1", "project", "P"),)))
    ids = {name: front_matter(data.decode())[0]["id"] for name, data in written.files.items()}
    assert ids == {
        "conversations/undated t.md": "c-1",
        "projects/P/project.md": "t-1",
        "memories.md": "memories",
        "index.md": "index",
    }


@pytest.mark.parametrize("words", ["The tide is in.", "- [method] Pour slowly #coffee\n\n## Relations\n\n- part_of [[Coffee]]\n"])
def test_a_bundle_is_nobodys_notes(tmp_path: Path, words: str) -> None:
    """Once something said in it looked like an observation it was read as notes, and no conversation of it."""
    talk = Conversation("c-1", "x", None, Head("t"), (said("m-1", None, words),))
    for path, data in markdown.write(Chosen((talk,))).files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    with open_delivery(tmp_path) as delivery:
        assert [name for name, reader in formats.readers().items() if reader.identify(delivery)] == []
