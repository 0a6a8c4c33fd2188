"""Erasing: nothing of it is left, it stays away, it can be asked back, and it may be cut off anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import erasure
from souviens.canon import make_id
from souviens.errors import NotFound, SourceError, UsageError, VaultInUse
from souviens.port import erasing, indexing
from souviens.port.checking import verify
from souviens.port.erasing import erase, finish_pending, undo
from souviens.port.giving import give_back
from souviens.port.holes import Span, blank, fill
from souviens.port.intake import take_in
from souviens.port.lines import export_lines, import_lines
from souviens.port.remembering import remember, review
from souviens.records import Conversation, Memory
from souviens.vault import Vault, unlock
from tests.port.given import chat, claude_chat, new_vault, records, remembered, said, turn, write, zipped

WORD = "qxbvnmzrtplkjhgf"


def traces(vault: Vault) -> list[str]:
    """Where the word is found in the files of a vault, whatever is compressed taken apart."""
    return erasure.search(vault.folder, {WORD: "here"}, {}, {})


def conversation(id: str) -> str:
    return make_id("c", "chatgpt", id)


def live(vault: Vault) -> set[str]:
    return {id for _, _, id in vault.store.live()}


def memories(vault: Vault) -> dict[str, str]:
    """Text -> id."""
    packs = (vault.store.pack(seq) for seq, kind, _ in vault.store.live() if kind == "memory")
    return {memory.wording: memory.id for memory in packs if isinstance(memory, Memory)}


def gone(vault: Vault, *ids: str) -> None:
    """Erase, and see that the bytes are gone and the rest is whole."""
    assert traces(vault)
    receipt = erase(vault, list(ids))
    assert (set(receipt.ids), receipt.pending) == (set(ids), False)
    assert traces(vault) == []
    assert verify(vault).problems == ()


def two(word: str = WORD) -> list[dict[str, object]]:
    first = (
        turn("a1", None, "user", f"the {word} stands"),
        turn("a2", "a1", "assistant", "an answer that stays"),
        turn("a3", "a2", "user", "more"),
    )
    return [chat("c-a", *first, title="First"), chat("c-b", turn("b1", None, "user", "another matter"), title="Second")]


# --- what is erased ---------------------------------------------------------------------------------------------------


def test_every_kind_of_thing_leaves_no_byte_behind(tmp_path: Path) -> None:
    places, hits = erasure.measure(tmp_path, "at once", 3, 60)
    assert sum(places.values()) >= 60
    assert hits == []


def test_a_conversation_goes_and_another_stays_byte_for_byte(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, write(tmp_path / "x.json", two()))
    kept = records(vault)["conversation", conversation("c-b")]
    gone(vault, conversation("c-a"))
    assert records(vault) == {("conversation", conversation("c-b")): kept}
    stone = vault.store.tombstones()["conversation", conversation("c-a")]
    assert (stone.erased, stone.generation) == (True, 1)


def test_a_conversation_that_two_sources_tell_goes_from_both(vault: Vault, tmp_path: Path) -> None:
    older = [chat("c-a", turn("a1", None, "user", f"older {WORD}", update_time=1.0), update_time=1.0)]
    take_in(vault, write(tmp_path / "old.json", older))
    take_in(vault, write(tmp_path / "new.json", two()))
    gone(vault, conversation("c-a"))
    assert live(vault) == {conversation("c-b")}


def test_one_message_goes_and_its_conversation_keeps_its_shape(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, write(tmp_path / "x.json", two()))
    id = make_id("m", conversation("c-a"), "a1")
    gone(vault, id)
    found = vault.store.get("conversation", conversation("c-a"))
    assert found is not None
    assert isinstance(found[1], Conversation)
    by_id = {message.provider_id: message for message in found[1].messages}
    assert (by_id["a1"].visibility, by_id["a1"].parts) == ("placeholder", ())
    assert by_id["a2"].parent == id
    assert by_id["a2"].parts[0].text == "an answer that stays"  # type: ignore[union-attr]


def test_an_older_version_of_an_erased_message_goes_as_well(vault: Vault, tmp_path: Path) -> None:
    for name, text, time in (("old", f"I say {WORD}", 1.0), ("new", "I say nothing", 2.0)):
        take_in(vault, write(tmp_path / f"{name}.json", [chat("c-a", turn("a1", None, "user", text, update_time=time))]))
    gone(vault, make_id("m", conversation("c-a"), "a1"))


def test_a_message_of_claude_goes(vault: Vault, tmp_path: Path) -> None:
    root = "00000000-0000-4000-8000-000000000000"
    talk = claude_chat("t-1", said("m-1", root, "human", f"say {WORD}"), said("m-2", "m-1", "assistant", "no"))
    take_in(vault, write(tmp_path / "x.json", [talk]))
    gone(vault, make_id("m", make_id("c", "claude", "t-1"), "m-1"))


def test_one_memory_of_a_list_goes_and_its_neighbours_stay(vault: Vault, tmp_path: Path) -> None:
    listed = {
        "content_type": "model_editable_context",
        "model_set_context": f'1. [2024-05-01]. Éats {WORD} "daily".\n2. Sails.\n3. [2024-05-03]. Skis.',
    }
    take_in(
        vault,
        write(tmp_path / "x.json", [chat("c-a", turn("a1", None, "system", "", content=listed), turn("a2", "a1", "user", "hi"))]),
    )
    assert set(memories(vault)) == {f'Éats {WORD} "daily".', "Sails.", "Skis."}
    gone(vault, memories(vault)[f'Éats {WORD} "daily".'])
    assert set(memories(vault)) == {"Sails.", "Skis."}


def test_custom_instructions_go_from_every_conversation_that_repeats_them(vault: Vault, tmp_path: Path) -> None:
    def hidden(n: int) -> dict[str, object]:
        context = {
            "content_type": "user_editable_context",
            "user_profile": f"x ```Likes {WORD}.```",
            "user_instructions": "x ```Be brief.```",
        }
        return chat(f"c-{n}", turn("a1", None, "system", "", content=context), turn("a2", "a1", "user", f"hello {n}"))

    take_in(vault, write(tmp_path / "x.json", [hidden(n) for n in range(2 * erasing.FEW + 1)]))
    gone(vault, memories(vault)[f"Likes {WORD}."])
    assert set(memories(vault)) == {"Be brief."}


def test_erasing_a_conversation_takes_its_evidence_from_a_memory_others_repeat(vault: Vault, tmp_path: Path) -> None:
    def hidden(n: int) -> dict[str, object]:
        context = {"content_type": "user_editable_context", "user_profile": "x ```Sails.```"}
        return chat(
            f"c-{n}", turn("a1", None, "system", "", content=context), turn("a2", "a1", "user", f"hello {WORD if n == 3 else n}")
        )

    take_in(vault, write(tmp_path / "x.json", [hidden(n) for n in range(erasing.FEW + 5)]))
    gone(vault, conversation("c-3"))
    found = vault.store.get("memory", memories(vault)["Sails."])
    assert found is not None
    assert len(found[1].evidence) == erasing.FEW + 4  # type: ignore[union-attr]


def test_a_stated_memory_goes_with_every_wording(vault: Vault) -> None:
    memory = remember(vault, f"I like {WORD}.")
    review(vault, memory.id, "correct", "I like tea.")
    gone(vault, memory.id)
    assert live(vault) == set()


def test_what_a_person_confirmed_outlives_its_conversation_and_what_nobody_did_does_not(vault: Vault, tmp_path: Path) -> None:
    context = {"content_type": "user_editable_context", "user_profile": "x ```Sails.```", "user_instructions": f"x ```{WORD}```"}
    take_in(vault, write(tmp_path / "x.json", [chat("c-a", turn("a1", None, "system", "", content=context))]))
    review(vault, memories(vault)["Sails."], "confirm")
    gone(vault, conversation("c-a"))
    assert set(memories(vault)) == {"Sails."}


def test_an_older_wording_of_a_memory_goes_with_the_source_that_told_it(vault: Vault, tmp_path: Path) -> None:
    old = take_in(vault, write(tmp_path / "old.json", remembered(f"Lived in {WORD}.")))
    take_in(vault, write(tmp_path / "new.json", remembered("Lives in a house by the river now.")))
    gone(vault, old.id)
    assert set(memories(vault)) == {"Lives in a house by the river now."}


def test_an_attachment_goes_with_its_name_unless_another_conversation_has_it(vault: Vault, tmp_path: Path) -> None:
    def pointing(id: str, file: str) -> dict[str, object]:
        upload = {"id": file, "name": f"{WORD}.txt" if file == "file-AAAA1111" else "plain.txt", "mime_type": "text/plain"}
        return chat(id, turn(f"{id}1", None, "user", "see", metadata={"attachments": [upload]}))

    chats = [pointing("c-a", "file-AAAA1111"), pointing("c-b", "file-BBBB2222"), pointing("c-c", "file-BBBB2222")]
    path = zipped(
        tmp_path / "x.zip",
        {"conversations.json": chats, f"file-AAAA1111-{WORD}.txt": WORD.encode(), "file-BBBB2222-plain.txt": b"shared"},
    )
    take_in(vault, path)
    gone(vault, conversation("c-a"), conversation("c-b"))
    (header,) = vault.store.sources()
    assert sorted(m.treatment for m in vault.store.members(header.id)) == ["cut", "keep", "withhold"]


def test_side_files_lose_what_names_the_erased_and_keep_the_rest(vault: Vault, tmp_path: Path) -> None:
    feedback = [
        {"conversation_id": "c-aaaaaaaa", "content": f"bad {WORD}"},
        {"conversation_id": "c-bbbbbbbb", "content": "good, really"},
    ]
    chats = [chat("c-aaaaaaaa", turn("a1", None, "user", "x")), chat("c-bbbbbbbb", turn("b1", None, "user", "y"))]
    page = f"<html>jsonData {WORD}</html>".encode()
    take_in(vault, zipped(tmp_path / "x.zip", {"conversations.json": chats, "message_feedback.json": feedback, "chat.html": page}))
    gone(vault, conversation("c-aaaaaaaa"))
    (header,) = vault.store.sources()
    member = next(m for m in vault.store.members(header.id) if m.name == "message_feedback.json")
    assert json.loads(b"".join(vault.store.blob(str(member.blob)))) == [None, feedback[1]]


def test_what_is_not_there_is_refused_and_nothing_is_erased(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, write(tmp_path / "x.json", two()))
    before = records(vault)
    with pytest.raises(NotFound):
        erase(vault, [conversation("c-a"), "c-" + "0" * 32])
    assert records(vault) == before
    assert vault.store.tombstones() == {}


def test_an_erasure_waits_for_an_intake_to_end(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, write(tmp_path / "x.json", two()))
    with unlock(vault.folder, []) as other:
        stage = other.store.begin("2026-01-01T00:00:00Z")
        with pytest.raises(VaultInUse):
            erase(vault, [conversation("c-a")])
        other.store.discard(stage)
    gone(vault, conversation("c-a"))


# --- staying away, and coming back ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["conversation", "message", "source"])
def test_it_stays_away_until_it_is_asked_for(vault: Vault, tmp_path: Path, what: str) -> None:
    path = write(tmp_path / "x.json", two())
    source = take_in(vault, path).id
    before = records(vault)
    id = {"conversation": conversation("c-a"), "message": make_id("m", conversation("c-a"), "a1"), "source": source}[what]
    gone(vault, id)
    if what != "source":
        take_in(vault, write(tmp_path / "again.json", [*two(), chat("c-d", turn("d1", None, "user", "new"))]))
        assert traces(vault) == []
        assert verify(vault).problems == ()
    take_in(vault, path, bring_back=True)
    assert set(records(vault)) >= set(before)
    assert traces(vault)
    assert not vault.store.tombstones()[what, id].erased


def test_an_older_tombstone_of_another_vault_does_not_erase_it_again(vault: Vault, tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", two())
    take_in(vault, path)
    erase(vault, [conversation("c-a")])
    export_lines(vault, tmp_path / "erased.jsonl")
    take_in(vault, path, bring_back=True)
    import_lines(vault, tmp_path / "erased.jsonl")
    assert conversation("c-a") in live(vault)
    erase(vault, [conversation("c-a")])
    assert vault.store.tombstones()["conversation", conversation("c-a")].generation == 3


def test_a_vault_that_still_has_it_does_not_bring_it_back(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, write(tmp_path / "x.json", two()))
    export_lines(vault, tmp_path / "whole.jsonl")
    erase(vault, [conversation("c-a")])
    export_lines(vault, tmp_path / "erased.jsonl")
    with new_vault(tmp_path / "other") as other:
        import_lines(other, tmp_path / "whole.jsonl")
        import_lines(other, tmp_path / "erased.jsonl")
        assert traces(other) == []
    import_lines(vault, tmp_path / "whole.jsonl")
    assert traces(vault) == []


# --- cut off, and held back -------------------------------------------------------------------------------------------


def test_a_reader_holds_it_back_and_it_says_so(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "PATIENCE", 0.2)
    take_in(vault, write(tmp_path / "x.json", two()))
    with unlock(vault.folder, []) as reader:
        reader.store.db.execute("BEGIN")
        reader.store.live()
        assert erase(vault, [conversation("c-a")]).pending
        assert any("not finished" in problem for problem in verify(vault).problems)
        reader.store.db.execute("COMMIT")
    assert not finish_pending(vault).pending
    assert traces(vault) == []


@pytest.mark.slow
def test_a_kill_at_any_commit_is_made_good_at_the_next_opening(tmp_path: Path) -> None:
    _, hits = erasure.measure(tmp_path, "killed", 3, 40)
    assert hits == []


def test_a_kill_right_after_the_promise_is_made_good(tmp_path: Path) -> None:
    with new_vault(tmp_path / "vault") as vault:
        take_in(vault, write(tmp_path / "x.json", two()))
    arguments = [sys.executable, "-m", "bench.erasure", "--child", str(tmp_path / "vault"), "--commits", "2", conversation("c-a")]
    assert subprocess.run(arguments, check=False, cwd=Path(__file__).parents[2]).returncode == 9
    with unlock(tmp_path / "vault", []) as vault:
        assert vault.store.pending_journal()
        assert finish_pending(vault).conversations == 1
        assert traces(vault) == []
        assert verify(vault).problems == ()


def test_in_an_encrypted_vault_as_well(tmp_path: Path) -> None:
    from souviens import vault as vaults
    from souviens.vault.keys import Credential

    key = Credential("keyfile", b"for this test")
    with vaults.create(tmp_path / "vault", {"key": key}, "2026-01-01T00:00:00Z", os.urandom(32)) as vault:
        take_in(vault, write(tmp_path / "x.json", two()))
        assert not erase(vault, [conversation("c-a")]).pending
        assert verify(vault).problems == ()
        assert not any(WORD.encode() in vault.store.packed(seq)[2] for seq, _, _ in vault.store.live())


# --- undo, holes ------------------------------------------------------------------------------------------------------


def test_undo_takes_back_an_intake_and_refuses_an_erasure(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, write(tmp_path / "x.json", two()))
    before = records(vault)
    take_in(vault, write(tmp_path / "y.json", [chat("c-a", turn("a1", None, "user", "changed", update_time=9e9)), chat("c-e")]))
    assert undo(vault).verb == "add"
    assert records(vault) == before
    erase(vault, [conversation("c-a")])
    with pytest.raises(UsageError, match="erasure"):
        undo(vault)


def test_undo_never_takes_out_a_source_because_its_accounts_came_later(vault: Vault, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"conversations.json": two(), "user.json": {"email": "a@example.org"}})
    take_in(vault, path)
    whole = records(vault)
    take_in(vault, path, with_accounts=True)
    with pytest.raises(UsageError, match="in again"):
        undo(vault)
    assert set(records(vault)) == set(whole)


@pytest.mark.parametrize("length", range(9))
def test_a_hole_is_json_of_its_length(length: int) -> None:
    assert len(fill(length)) == length
    if length:
        json.loads(fill(length))
    assert blank(b"0123456789", [Span(2, 5), Span(7, 9, inside=True)]) == b'01"" 56  9'


def test_no_index_and_no_vector_of_it_is_left(vault: Vault, tmp_path: Path) -> None:
    take_in(vault, write(tmp_path / "x.json", two()))
    indexing.embed(vault, erasure.HashEncoder())
    vectors, rows = erasure.probes(vault.folder, {WORD})
    erase(vault, [conversation("c-a")])
    assert erasure.search(vault.folder, {WORD: "here"}, vectors, rows) == []
    assert len(vectors) > 1


def test_a_known_source_says_what_is_left_of_it(vault: Vault, tmp_path: Path) -> None:
    """The receipt of an export that is here already counts what it still tells, not what it told once."""
    page = b"<html>" + json.dumps(two()).encode() + b"</html>"
    path = zipped(tmp_path / "x.zip", {"conversations.json": two(), "chat.html": page})
    first = take_in(vault, path)
    erase(vault, [conversation("c-b")])
    known = take_in(vault, path)
    assert (known.known, known.read, known.unchanged) == (True, known.read, known.read)
    assert (known.read.conversations, known.read.messages) == (1, 4)  # three and the root above them
    assert first.read.conversations == 2
    assert {(w.path, w.where) for w in known.withheld} == {("conversations.json", "[1]"), ("chat.html", "")}
    erase(vault, [conversation("c-a")])
    nothing = take_in(vault, path)
    assert (nothing.known, nothing.read.conversations, nothing.read.messages) == (True, 0, 0)


def test_an_original_given_back_names_the_page_that_an_erasure_dropped(vault: Vault, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"conversations.json": two(), "chat.html": b"<html></html>"})
    id = take_in(vault, path).id
    erase(vault, [conversation("c-b")])
    returned = give_back(vault, id, tmp_path / "back.zip")
    assert not returned.identical
    assert {w.path for w in returned.withheld} == {"conversations.json", "chat.html"}


@pytest.mark.parametrize("same", [True, False], ids=["the same export", "another export"])
def test_undo_of_what_was_brought_back_erases_it_again(vault: Vault, tmp_path: Path, same: bool) -> None:
    path, other = zipped(tmp_path / "x.zip", {"conversations.json": two()}), write(tmp_path / "y.json", two())
    take_in(vault, path)
    found = vault.store.get("conversation", conversation("c-b"))
    assert found and isinstance(found[1], Conversation)
    message = next(m.id for m in found[1].messages if m.provider_id == "b1")
    erase(vault, [conversation("c-a"), message])
    before = records(vault)
    assert traces(vault) == []
    take_in(vault, path if same else other, bring_back=True)
    assert traces(vault)
    undone = undo(vault)
    assert (undone.verb, undone.pending) == ("add", False)
    assert records(vault).keys() == before.keys()
    assert traces(vault) == []
    assert verify(vault).problems == ()
    take_in(vault, other)
    assert traces(vault) == [], "it stays out, as before"
    assert conversation("c-a") not in live(vault)


def test_undo_of_a_source_brought_back_keeps_it_out(vault: Vault, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"conversations.json": two()})
    erase(vault, [take_in(vault, path).id])
    take_in(vault, path, bring_back=True)
    undo(vault)
    assert records(vault) == {}
    with pytest.raises(SourceError, match="was erased"):
        take_in(vault, path)
