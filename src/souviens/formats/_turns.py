"""What writers share whose targets keep an answer in one message: its thoughts, its tool calls with their results, and its words.

Several of our messages make up such a turn. A chain of answers without a fork is one turn; two models are two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from souviens.formats._writing import Account, forest
from souviens.records import Conversation, Message


@dataclass(slots=True)
class Turn:
    """Messages that are one message there: a person's, or everything of one answer.

    id: for the writer to give. us: its time in microseconds. dated: whether that is its own, and not that of a turn before.
    """

    role: str
    messages: list[Message]
    above: Turn | None
    below: list[Turn] = field(default_factory=list)
    id: str = ""
    us: int | None = None
    dated: bool = False

    @property
    def model(self) -> str:
        return next((message.model for message in self.messages if message.model), "")

    def takes(self, message: Message) -> bool:
        """Whether a message goes on with this answer."""
        return self.role == "assistant" == _role(message) and (not message.model or not self.model or message.model == self.model)


def _role(message: Message) -> str:
    return "user" if message.role == "user" else "assistant"


class Turns:
    """The turns of a conversation, parents first. path: those from the first to the one that was last shown."""

    def __init__(self, conversation: Conversation, account: Account, left_out: Callable[[Message], str]) -> None:
        """left_out: why a message has no place in the target, "" if it has one."""
        trees = forest(conversation.messages, lambda message: not left_out(message))
        by_message: dict[str, Turn] = {}
        for message in trees.order:
            parent = trees.above[message.id]
            above = by_message[parent] if parent is not None else None
            if above is not None and parent is not None and len(trees.below[parent]) == 1 and above.takes(message):
                above.messages.append(message)
                by_message[message.id] = above
                continue
            by_message[message.id] = turn = Turn(_role(message), [message], above)
            if above is not None:
                above.below.append(turn)
        self.all = _once(by_message.values())
        self.path = _once(by_message[message.id] for message in trees.path(conversation))
        for message in conversation.messages:
            if reason := left_out(message):
                account.lose_message(message, reason)
        account.carry("branch_point", trees.forks)
        account.lose("parent_link", "the message before it is not there, or the links go in a circle", trees.loose)

    def date(self, before: int | None, account: Account, *, stand_in: str, none: str = "") -> None:
        """One time a turn: its first known one, else that of the turn before it, else `before`, the conversation's.

        stand_in: why an unknown time is lost where another stands in for it. none: why it is lost where there is none; "" if it
        is not lost.
        """
        for turn in self.all:
            known = [message.time.us for message in turn.messages if message.time.us is not None]
            unknown = len(turn.messages) - len(known)
            turn.dated = bool(known)
            if known:
                turn.us = known[0]
                account.carry("time")
                account.lose("unknown_time", "an answer has one time, that of its first dated message", unknown)
                account.lose("time", "an answer has one time, that of its first dated message", len(known) - 1)
                continue
            turn.us = turn.above.us if turn.above is not None else before
            reason = none if turn.us is None else stand_in
            if reason:
                account.lose("unknown_time", reason, unknown)
            else:
                account.carry("unknown_time", unknown)


def _once(turns: Iterable[Turn]) -> list[Turn]:
    return list({id(turn): turn for turn in turns}.values())
