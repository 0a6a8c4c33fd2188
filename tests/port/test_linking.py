"""References over real vaults: what each kind says, what the scope hides, what an erasure takes along, and user-made links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from souviens.canon import make_id, sha256
from souviens.errors import NotFound, UsageError
from souviens.grants import OWNER, Scope
from souviens.port import indexing, linking
from souviens.port.checking import rebuild, verify
from souviens.port.erasing import erase, undo
from souviens.port.intake import take_in
from souviens.port.lines import export_lines, import_lines
from souviens.port.remembering import remember, review
from souviens.recall.references import Reference, of
from souviens.records import Memory
from souviens.vault import Vault
from tests.port.given import chat, claude_chat, new_vault, said, turn, write

DAY = 86_400
T0 = 1_710_460_800  # 15 March 2024


def talk(id: str, day: int, *texts: str, **fields: Any) -> dict[str, Any]:
    """A chat of alternating turns on one day after T0."""
    turns = [
        turn(f"{id}{n}", f"{id}{n - 1}" if n else None, ("user", "assistant")[n % 2], text, T0 + day * DAY + n)
        for n, text in enumerate(texts)
    ]
    return chat(id, *turns, create_time=T0 + day * DAY, **fields)


CHATS = [
    talk("g", 0, "The gallery page shows 8 cards now.", "Fine. Should they be wider?", "Yes, two columns wide."),
    talk("h", 30, "I have increased the gallery page to 10 cards.", "Done.", title="Gallery again"),
    talk("k", 2, "I met Kelly at the harbour book club.", "How nice."),
    talk("l", 9, "I've never met Kelly at any book club or event.", "You could join one."),
    talk("b", 3, "We use Bootstrap 5.3.0 for the harbour site. Does it need jQuery?", "No, it does not need jQuery."),
    talk("c", 12, "The menu of Bootstrap 5.3.0 stays open on the harbour site.", "Try data-bs-auto-close."),
    talk("d", 14, "Which soup is warm?", "Leek soup."),
    talk("e", 15, "Which bread is dark?", "Rye bread."),
    talk("f", 16, "How do I sharpen a plane iron?", "On a wet stone."),
]


def c(id: str) -> str:
    return make_id("c", "chatgpt", id)


def m(id: str) -> str:
    return make_id("m", c(id[0]), id)


@pytest.fixture
def filled(vault: Vault, tmp_path: Path) -> Vault:
    take_in(vault, write(tmp_path / "export" / "conversations.json", CHATS))
    return vault


def found(vault: Vault, id: str, scope: Scope = OWNER, **more: Any) -> tuple[Reference, ...]:
    with indexing.open_index(vault) as index:
        return of(id, store=vault.store, index=index, scope=scope, **more)


def pairs(references: tuple[Reference, ...]) -> set[tuple[str, str]]:
    return {(r.type, r.id) for r in references}


# --- what each kind says ----------------------------------------------------------------------------------------------


def test_a_later_value_replaces_the_earlier_and_says_why(filled: Vault) -> None:
    (reference,) = [r for r in found(filled, m("h0")) if r.type == "supersedes"]
    assert reference.id == m("g0")
    assert "8 cards" in reference.reason
    assert "10 cards" in reference.reason
    assert "2024-03-15" in reference.reason
    assert reference.time == "2024-03-15T00:00:00Z"
    assert ("superseded_by", m("h0")) in pairs(found(filled, m("g0")))


def test_a_contradiction_is_told_from_both_ends(filled: Vault) -> None:
    assert ("contradicts", m("k0")) in pairs(found(filled, m("l0")))
    assert ("contradicts", m("l0")) in pairs(found(filled, m("k0")))


def test_the_model_contradicts_nobody(filled: Vault) -> None:
    assert not {type for type, _ in pairs(found(filled, m("l1")))} & {"contradicts", "supersedes", "superseded_by"}


def test_the_same_product_is_named_with_its_kind(filled: Vault) -> None:
    (reference,) = [r for r in found(filled, m("c0")) if r.type == "same_thing" and r.id == m("b0")]
    assert '"Bootstrap 5.3.0" (product)' in reference.reason
    assert "Bootstrap 5.3.0" in reference.quote


def test_a_later_conversation_takes_the_matter_up(filled: Vault) -> None:
    assert ("continues", c("b")) in pairs(found(filled, m("c0")))
    assert ("continued_by", c("c")) in pairs(found(filled, c("b")))


def test_replies_answer_and_so_does_a_person_who_was_asked(filled: Vault) -> None:
    assert ("answered_by", m("b1")) in pairs(found(filled, m("b0")))
    assert ("answers", m("b0")) in pairs(found(filled, m("b1")))
    assert ("answers", m("g1")) in pairs(found(filled, m("g2")))


def test_what_stands_alone_has_only_its_reply(filled: Vault) -> None:
    assert pairs(found(filled, m("f0"))) == {("answered_by", m("f1"))}


def test_forks_are_the_other_branches(vault: Vault, tmp_path: Path) -> None:
    turns = [
        turn("x0", None, "user", "Name a tea."),
        turn("x1", "x0", "assistant", "Oolong."),
        turn("x2", "x0", "assistant", "Sencha."),
    ]
    branched = talk("w", 1, "Name a tea.", "Oolong.", "And a cake?")
    take_in(vault, write(tmp_path / "e" / "conversations.json", [chat("x", *turns), branched]))
    assert ("fork", m("x2")) in pairs(found(vault, m("x1")))
    assert ("fork", m("x1")) in pairs(found(vault, c("x")))
    assert ("fork", c("w")) not in pairs(found(vault, c("x")))  # the active branch goes on with Sencha

    copied = talk("v", 2, "Name a tea.", "Oolong.", "And a scone?")
    take_in(vault, write(tmp_path / "f" / "conversations.json", [copied]))
    assert ("fork", c("w")) in pairs(found(vault, c("v")))


def test_a_first_message_written_anew_is_a_fork_from_the_beginning(vault: Vault, tmp_path: Path) -> None:
    root = "00000000-0000-4000-8000-000000000000"
    edited = claude_chat("e", said("e0", root, "human", "Name a tea."), said("e1", root, "human", "Name a green tea."))
    take_in(vault, write(tmp_path / "conversations.json", [edited]))
    first, second = (make_id("m", make_id("c", "claude", "e"), id) for id in ("e0", "e1"))
    (reference,) = [reference for reference in found(vault, first) if reference.type == "fork"]
    assert (reference.id, reference.reason) == (second, "another branch of this conversation, from its beginning on")


def test_an_alias_counts_where_the_vault_introduces_it(vault: Vault, tmp_path: Path) -> None:
    chats = [
        talk("p", 0, "The Applicant Tracking System (ATS) lost two letters.", "Oh."),
        talk("q", 5, "Why does the ATS sort by age?", "It should not."),
    ]
    take_in(vault, write(tmp_path / "e" / "conversations.json", [*chats, *CHATS[6:]]))
    (reference,) = [r for r in found(vault, m("p0")) if r.type == "same_thing" and r.id == m("q0")]
    assert "ATS" in reference.reason


# --- what a person says belongs together ------------------------------------------------------------------------------


def test_a_statement_about_two_things_links_them_with_the_persons_words(filled: Vault) -> None:
    memory = remember(filled, "Soup and bread are one dinner.", about=[m("d0"), c("e")])
    assert [(e.conversation, e.message) for e in memory.evidence] == [(c("d"), m("d0")), (c("e"), None)]
    assert memory.evidence[0].quote_hash == sha256(b"Which soup is warm?")

    links = {r.type: r for r in found(filled, m("d0"))}
    assert (links["linked"].id, links["linked"].reason) == (c("e"), 'you said: "Soup and bread are one dinner."')
    assert links["evidence_of"].id == memory.id
    assert ("linked", m("d0")) in pairs(found(filled, c("e")))
    assert {("evidence", m("d0")), ("evidence", c("e"))} <= pairs(found(filled, memory.id))


def test_saying_it_again_of_more_adds_and_undo_takes_only_that_back(filled: Vault) -> None:
    first = remember(filled, "One dinner.", about=[m("d0")])
    again = remember(filled, "One dinner.", about=[m("d0"), m("e0")])
    assert (again.id, len(again.evidence)) == (first.id, 2)
    assert remember(filled, "One dinner.", about=[m("e0")]) == again
    undo(filled)
    assert filled.store.get("memory", first.id)[1] == first  # type: ignore[index]
    undo(filled)
    assert filled.store.get("memory", first.id) is None


def test_a_rejected_statement_links_nothing_until_it_is_said_again(filled: Vault) -> None:
    memory = remember(filled, "One dinner.", about=[m("d0"), m("e0")])
    review(filled, memory.id, "reject")
    assert ("linked", m("e0")) not in pairs(found(filled, m("d0")))
    again = remember(filled, "One dinner.", about=[m("d0"), m("f0")])
    assert again.status == "confirmed"
    assert {("linked", m("e0")), ("linked", m("f0"))} <= pairs(found(filled, m("d0")))


def test_about_what_is_not_there_is_refused_and_nothing_is_kept(filled: Vault) -> None:
    for wrong in (["m-" + "0" * 32], ["c-" + "f" * 32]):
        with pytest.raises(NotFound):
            remember(filled, "One dinner.", about=wrong)
    with pytest.raises(UsageError):
        remember(filled, "One dinner.", about=["dinner"])
    with pytest.raises(UsageError):
        remember(filled, "One dinner.", about=[m("d0")] * (linking.MOST + 1))
    assert not [kind for _, kind, _ in filled.store.live() if kind == "memory"]


# --- erasing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("erased", ["message", "conversation", "source"])
def test_an_erased_end_is_let_go_and_the_statement_stays(vault: Vault, tmp_path: Path, erased: str) -> None:
    take_in(vault, write(tmp_path / "one" / "conversations.json", [CHATS[6]]))
    take_in(vault, write(tmp_path / "two" / "conversations.json", [CHATS[7]]))
    memory = remember(vault, "One dinner.", about=[m("d0"), m("e0")])
    source = next(header.id for header in vault.store.sources() if "one" in header.path)
    erase(vault, [{"message": m("d0"), "conversation": c("d"), "source": source}[erased]])

    kept = vault.store.get("memory", memory.id)[1]  # type: ignore[index]
    assert isinstance(kept, Memory)
    assert (kept.text, [e.message for e in kept.evidence]) == ("One dinner.", [m("e0")])
    assert ("linked", m("d0")) not in pairs(found(vault, m("e0")))
    assert verify(vault).problems == ()
    assert rebuild(vault, records=True).records == 0


def test_an_older_export_does_not_bring_the_erased_end_back(filled: Vault, tmp_path: Path) -> None:
    remember(filled, "One dinner.", about=[m("d0"), m("e0")])
    export_lines(filled, tmp_path / "before.jsonl")
    erase(filled, [c("d")])
    import_lines(filled, tmp_path / "before.jsonl")
    (kept,) = [r for seq, kind, _ in filled.store.live() if kind == "memory" and isinstance(r := filled.store.pack(seq), Memory)]
    assert [e.message for e in kept.evidence] == [m("e0")]


def test_an_undone_export_keeps_its_links_for_when_it_comes_again(filled: Vault, tmp_path: Path) -> None:
    remember(filled, "One dinner.", about=[m("d0"), m("e0")])
    late = write(tmp_path / "late" / "conversations.json", [talk("z", 40, "Which knife is sharp?", "This one.")])
    take_in(filled, late)
    memory = remember(filled, "One dinner.", about=[m("z0")])
    undo(filled)
    undo(filled)
    assert filled.store.get("conversation", c("z")) is None
    assert len(filled.store.get("memory", memory.id)[1].evidence) == 2  # type: ignore[index, union-attr]


# --- laws -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    folder = tmp_path_factory.mktemp("both")
    with new_vault(folder / "vault") as made:
        take_in(made, write(folder / "one" / "conversations.json", CHATS))
        told = said("u1", "00000000-0000-4000-8000-000000000000", "human", "I've never met Kelly at the harbour book club.")
        take_in(made, write(folder / "two" / "conversations.json", [claude_chat("cl", told)]))
        remember(made, "Bootstrap 5.3.0 is for the harbour site, see Kelly.", about=[m("b0"), m("c0"), m("k0")])
        erase(made, [m("c0")])
        yield made


def everything(vault: Vault) -> dict[str, str | None]:
    """id -> provider of all that is live."""
    out: dict[str, str | None] = {}
    for seq, kind, id in vault.store.live():
        record: Any = vault.store.pack(seq)
        out[id] = record.provider
        if kind == "conversation":
            out |= {message.id: record.provider for message in record.messages}
    return out


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pick=st.integers(0, 1000),
    scope=st.sampled_from([OWNER, Scope(providers=("chatgpt",)), Scope(kinds=("conversation",)), Scope(providers=())]),
)
def test_every_target_is_live_visible_and_within_bounds(both: Vault, pick: int, scope: Scope) -> None:
    live = everything(both)
    id = sorted(live)[pick % len(live)]
    try:
        references = found(both, id, scope)
    except NotFound:
        assert not scope.sees_all
        return
    for reference in references:
        assert reference.id in live
        assert reference.id != id
        assert 0 <= reference.strength <= 1
        assert reference.reason
        kind = "memory" if reference.kind == "memory" else "conversation"
        assert scope.allows(kind, live[reference.id] or "", None, None)
        assert "stays open" not in reference.quote + reference.reason  # what was erased
    assert len(pairs(references)) == len(references)


def test_what_the_scope_hides_is_not_there(both: Vault) -> None:
    with pytest.raises(NotFound):
        found(both, m("k0"), Scope(providers=("claude",)))
    assert found(both, m("c0")) == ()  # its node is left, without words
    seen: Callable[[Scope], set[str]] = lambda scope: {r.type for r in found(both, m("k0"), scope)}  # noqa: E731
    assert "evidence_of" in seen(OWNER)
    assert "evidence_of" not in seen(Scope(kinds=("conversation",)))


def test_the_same_question_has_the_same_answer_also_after_a_rebuild(both: Vault) -> None:
    before = found(both, m("k0"))
    assert before == found(both, m("k0"), within=c("k"))
    rebuild(both)
    assert found(both, m("k0")) == before
