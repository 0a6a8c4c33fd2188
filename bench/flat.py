"""Flat: the best that similarity alone can do, frozen. What the structure of recall is measured against.

    flat = Flat(store, index, encoder)
    found = flat.ask("When did Ann sell her boat?")    # Ranked: ids of messages and of conversations, best first

It is the tuned mix of the first study on LoCoMo and BEAM-100K, made again: BM25 over stems of "Name: text", cosines of the same
encoder, neighbours, the speaker, the date, and the conversation's own score. It knows turns and the conversations they stand in,
nothing above them or between them. **It does not follow the product**: nothing of `souviens.recall` is used here, and no weight
changes when one there does. All is arrays over one vault held in memory; it is for measuring only.

Two published configurations, chosen by what a vault holds: `PEOPLE` where turns bear people's names (LoCoMo), `MODEL` where they
are a person's and a model's (BEAM). What the study leaves open was settled so that its own figures come out, before anything was
compared with it (figures in docs/LOG.md, 2026-11-28):

* words: `\\w+` in lower case, without a list of common English words, Snowball's stems; pairs of characters in Chinese and
  Japanese, which have no spaces; k1 1.2 and b 0.75 (gives the study's BM25 again, 63.8 of 63.7; without the list 58.2);
* cosines: the index's own, so that both sides see the same vectors, a turn by its best piece. They are keyed by the end of the
  turn before and "Name: text"; the study's key was "Name: text" alone, and this one is the stronger by 2 points of NDCG@10;
* each arm is divided by its best score, cosines after taking off their median; what is below it counts nothing;
* neighbours count half at two turns' distance, in both configurations; boosts come after neighbours;
* a date is a day, a month or a month of a year in English words, or an ISO day; nothing relative, as in the study;
* the study's two patterns are not published: `_STANDING` and `_PREFERENCE` say what it says of them in words.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
import snowballstemmer
from numpy.typing import NDArray

from souviens.encode import Encoder
from souviens.index.layout import Layout
from souviens.index.port import Index
from souviens.records import Conversation, spoken
from souviens.vault.store import Store

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
K1, B = 1.2, 0.75


class Mix(NamedTuple):
    """A configuration. What is not said of one is 0, or 1 where it is a factor."""

    words: float  # BM25 over the best BM25
    dense: float  # cosine above the median over the best of them
    own: float = 0.0  # share of the words' part that only the person's own turns take part in
    near: float = 0.0  # of each neighbour's score; half of it at two turns' distance
    speaker: float = 1.0  # x, a turn by the only person the question names
    date: float = 1.0  # x, a turn of a date the question names
    person: float = 1.0  # x, the person's turns
    standing: float = 1.0  # x, a turn of the person that reads like a standing instruction
    preference: float = 1.0  # x, one that reads like a preference
    whole: float = 0.0  # BM25 of the whole conversation, added to its best turn: the conversation's score
    lift: float = 0.0  # of the conversation's score, added to each of its turns
    lift_words: float = 0.0  # of BM25 of the whole conversation, added to each of its turns


PEOPLE = Mix(words=0.7, dense=0.3, near=0.3, speaker=1.5, date=1.5, whole=1.0, lift=0.4)
MODEL = Mix(words=0.5, dense=0.5, own=0.6, near=0.1, person=1.6, standing=2.0, preference=1.1, whole=0.2, lift_words=0.2)


class Ranked(NamedTuple):
    """Ids, best first."""

    messages: list[str]
    conversations: list[str]
    likely: bool = True


class _Turn(NamedTuple):
    message: str
    conversation: str
    user: bool
    name: str  # "" if nobody is named
    text: str
    date: datetime | None


class Flat:
    """One vault, held in memory. Without an encoder words do it alone."""

    def __init__(self, store: Store, index: Index, encoder: Encoder | None) -> None:
        index.sync(store)
        self.index, self.encoder, self.layout = index, encoder, index.layout()
        self._turns, self._places = _read(store, self.layout)
        turns = self._turns
        self.mix = PEOPLE if any(turn.user and turn.name for turn in turns) else MODEL
        self.conversations = list(dict.fromkeys(turn.conversation for turn in turns))
        row = {id: n for n, id in enumerate(self.conversations)}
        self.of = np.array([row[turn.conversation] for turn in turns], np.int64)  # each turn's conversation
        self.user = np.array([turn.user for turn in turns], np.bool_)
        self._names = sorted({turn.name for turn in turns if turn.name})
        keys = [terms(f"{turn.name}: {turn.text}" if turn.name else turn.text) for turn in turns]
        self.all, self.own = Words(keys), Words([key if turn.user else [] for key, turn in zip(keys, turns, strict=True)])
        whole: list[list[str]] = [[] for _ in self.conversations]
        for key, n in zip(keys, self.of, strict=True):
            whole[n] += key
        self.whole = Words(whole)
        self._standing = self.user & np.array([bool(_STANDING.search(turn.text)) for turn in turns], np.bool_)
        self._preference = self.user & np.array([bool(_PREFERENCE.search(turn.text)) for turn in turns], np.bool_)

    def ask(self, question: str) -> Ranked:
        """All turns and all conversations of the vault in order."""
        if not self._turns:
            return Ranked([], [])
        mix, asked = self.mix, terms(question)
        words = (1 - mix.own) * _over_best(self.all.scores(asked)) + mix.own * _over_best(self.own.scores(asked))
        scores = self._boosted(question, self._neighbours(mix.words * words + mix.dense * self._cosines(question)))
        whole = _over_best(self.whole.scores(asked))
        conversations = np.zeros(len(self.conversations))
        np.maximum.at(conversations, self.of, scores)
        conversations += mix.whole * whole
        scores = scores + mix.lift * conversations[self.of] + mix.lift_words * whole[self.of]
        return Ranked(
            [self._turns[n].message for n in np.argsort(-scores, kind="stable")],
            [self.conversations[n] for n in np.argsort(-conversations, kind="stable")],
        )

    def _cosines(self, question: str) -> Floats:
        found = np.zeros(len(self._turns))
        if self.encoder is None:
            return found
        near = self.index.nearest(self.encoder.id, self.encoder.encode([question])[0], self.layout.size)
        places = self._places[self.layout.positions(near.units)]
        found[places[places >= 0]] = near.scores[places >= 0]
        return _over_best(np.maximum(found - np.median(found), 0.0))

    def _neighbours(self, scores: Floats) -> Floats:
        out = scores.copy()
        for step, weight in ((1, self.mix.near), (2, self.mix.near / 2)):
            same = self.of[step:] == self.of[:-step]
            out[step:] += weight * scores[:-step] * same
            out[:-step] += weight * scores[step:] * same
        return out

    def _boosted(self, question: str, scores: Floats) -> Floats:
        mix, said = self.mix, set(_WORD.findall(question.lower()))
        scores = scores * np.where(self.user, mix.person, 1.0)
        scores *= np.where(self._standing, mix.standing, 1.0) * np.where(self._preference, mix.preference, 1.0)
        named = [name for name in self._names if not said.isdisjoint(_WORD.findall(name.lower()))]
        if len(named) == 1:
            scores *= np.where([turn.name == named[0] for turn in self._turns], mix.speaker, 1.0)
        if asked := dates(question):
            scores *= np.where([any(date.holds(turn.date) for date in asked) for turn in self._turns], mix.date, 1.0)
        return scores


def _read(store: Store, layout: Layout) -> tuple[list[_Turn], NDArray[np.int64]]:
    """The turns of a vault that were said and shown, and the number of the turn at each position of the layout, -1 for none."""
    turns: list[_Turn] = []
    places = np.full(layout.size + 1, -1, np.int64)  # one more, so that a unit that is not here (-1) is no turn
    for seq, kind, id in store.live():
        if kind != "conversation" or (row := layout.row(kind, id)) is None:
            continue
        record = store.pack(seq)
        assert isinstance(record, Conversation)
        for ordinal, message in enumerate(record.messages, 1):
            text = spoken(message) if message.visibility == "visible" else ""
            if text:
                places[layout.offsets[row] + ordinal] = len(turns)
                us, user = message.time.us, message.role == "user"
                date = None if us is None else datetime.fromtimestamp(us / 1e6, UTC)
                turns.append(_Turn(message.id, record.id, user, (message.author or "") if user else "", text, date))
    return turns, places


def _over_best(scores: Floats) -> Floats:
    best = scores.max(initial=0.0)
    return scores / best if best > 0 else scores


# --- words ------------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")
_COMMON = frozenset(
    """a an the and or but if of in on at to for from by with about into as is are was were be been being am do does did done has
    have had having i me my mine we us our ours you your yours he him his she her hers it its they them their this that these those
    what which who whom whose when where why how will would can could should may might must shall not no there here so than then
    too very just any some s t re ve ll d m""".split()  # noqa: SIM905  # a list of words reads better as words
)
_SNOWBALL = snowballstemmer.stemmer("english")


@cache
def _stem(word: str) -> str:
    return str(_SNOWBALL.stemWord(word))


def terms(text: str) -> list[str]:
    """The stems of a text's words in order, common English words left out."""
    text = _UNSPACED.sub(lambda run: " ".join(map("".join, zip(run[0], run[0][1:], strict=False))) or run[0], text.lower())
    return [_stem(word) for word in _WORD.findall(text) if word not in _COMMON]


class Words:
    """BM25 over some texts: for each term, the texts it stands in and what it adds to each."""

    def __init__(self, texts: Sequence[list[str]]) -> None:
        """texts: terms. One without any is no text: it counts in no average."""
        lengths = np.array([len(text) for text in texts], np.float64)
        count = int((lengths > 0).sum())
        norm = K1 * (1 - B + B * lengths / (lengths.sum() / max(1, count) or 1.0))
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for n, text in enumerate(texts):
            for term, times in Counter(text).items():
                postings[term].append((n, times))
        self.size = len(texts)
        self._parts: dict[str, tuple[NDArray[np.int64], Floats]] = {}
        for term, rows in postings.items():
            where = np.array([n for n, _ in rows], np.int64)
            times = np.array([t for _, t in rows], np.float64)
            rarity = np.log(1 + (count - len(rows) + 0.5) / (len(rows) + 0.5))
            self._parts[term] = where, rarity * times * (K1 + 1) / (times + norm[where])

    def scores(self, asked: Sequence[str]) -> Floats:
        """BM25 of each text; a term asked for twice counts twice."""
        out = np.zeros(self.size)
        for term in asked:
            if term in self._parts:
                where, part = self._parts[term]
                out[where] += part
        return out


# --- what a question and a turn say in so many words --------------------------------------------------------------------

_STANDING = re.compile(r"\b(always|never)\b[^.!?\n]{0,200}\b(when|whenever|if|for)\b|\bfrom now on\b", re.IGNORECASE)
_PREFERENCE = re.compile(
    r"\bI(?:'d| would)? (?:rather|(?:really |always |usually |generally |strongly )?(?:prefer|like|love|enjoy|hate|dislike))\b"
    r"|\bmy (?:preference|favou?rite)\b",
    re.IGNORECASE,
)
_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_MONTH = {name[:cut]: n for n, name in enumerate(_MONTHS, 1) for cut in (3, len(name))}
_SPOKEN = re.compile(
    rf"(?:\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?\b({'|'.join(sorted(_MONTH, key=len, reverse=True))})\b\.?"
    r"(?:\s+(\d{1,2})(?:st|nd|rd|th)?\b(?!\d))?,?(?:\s*((?:19|20)\d\d))?"
)
_ISO = re.compile(r"\b((?:19|20)\d\d)-(\d\d)-(\d\d)\b")
_ALSO_WORDS = ("may", "mar", "march", "sep")  # no dates when they stand alone


class Date(NamedTuple):
    """What a question names; None where it does not say."""

    year: int | None
    month: int
    day: int | None

    def holds(self, moment: datetime | None) -> bool:
        return (
            moment is not None
            and moment.month == self.month
            and (self.year is None or moment.year == self.year)
            and (self.day is None or moment.day == self.day)
        )


def dates(question: str) -> list[Date]:
    """The days and months a question names."""
    text = question.lower()
    found = [Date(int(year), int(month), int(day)) for year, month, day in _ISO.findall(text)]
    for before, month, after, year in _SPOKEN.findall(text):
        if before or after or year or month not in _ALSO_WORDS:
            day = before or after
            found.append(Date(int(year) if year else None, _MONTH[month], int(day) if day else None))
    return found
