"""The words that tell what a text is about: of any script, without those that hold every text together."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, pairwise
from typing import NamedTuple

from souviens.index.common import common, plain
from souviens.index.words import split

SHORTEST, LONGEST = 3, 40  # letters of a word of an alphabet that can tell something
STEM = 6  # letters that stand for a word when texts are compared: "glaze", "glazes", "glazing" are nearly one
WORDS, PAIRS = 16, 8  # kept of a conversation
TURNS = 16  # that are read of a conversation, spread over it: what else is said changes little, and costs

_ASCII = re.compile(r"[A-Za-z][A-Za-z0-9]+")
_HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_EAST_ASIAN = re.compile(f"[{_HAN}]+|[\u30a1-\u30ff\u31f0-\u31ff\uff66-\uff9f]{{2,}}|[\u3041-\u309f]+")
_HAN_RUN = re.compile(f"[{_HAN}]")
# Characters that link or point and are seldom part of a name, in Chinese and Japanese. A run of others is a word, or, if it is
# long, its pairs are: there is no dictionary here.
_LINKING = re.compile(
    "[的了是我你您他她它们在和与及或有没不这那哪吗呢吧啊么什怎如何为因所以就也都还很把被让给对从到个些请问想要能会可私何今時々]+"
)
# What every dialogue with a model holds, beside `common`: requests, courtesies, pointing and measuring words. Ours, by reading.
_GENERAL = """help please need needs want wants like make makes making made use uses using used work works working good great best
    better way ways thing things know think get gets got getting give gives given go going see look looking find try trying tried
    show explain write writing wrote create example examples question questions answer answers sure thanks thank okay yes hello
    lot really something anything everything someone different new one two three four first second last next time times day
    days week weeks month months year years today tomorrow yesterday now still back again keep let take come put set start
    started right able much many more most other another each every both few own same such only even because while during
    before after between through over under out off down up since until though although however maybe actually probably
    please kind sort sorry feel ask asked asking talk talking tell idea ideas advice suggest suggestions recommend
    recommendations tips important specific general possible available include including based following current currently
    help helps helped ensure consider provide based com www http https html org per via etc also well never always ever
    often sometimes usually enough little big small long short high low part parts number list text file user assistant
    system message messages chat conversation
    aide aider besoin veux voudrais faire peux peut pouvez merci bonjour salut chose choses bien tout tous toute toutes tres
    comme encore aussi alors apres avant depuis entre jours jour semaine mois annee temps fois meilleur meilleure bon bonne
    idee idees conseil conseils question reponse exemple s il vous plait oui autre autres deux trois
    ayuda ayudar necesito quiero quisiera puedo puede puedes hacer gracias hola cosa cosas bien todo todos toda todas tambien
    entonces despues antes desde entre dias dia semana mes ano tiempo vez veces mejor bueno buena idea consejo pregunta ejemplo
    hilfe brauche mochte will kann kannst konnen machen danke hallo bitte ding dinge gut alles sehr wieder dann nach vor seit
    zwischen tage tag woche monat jahr zeit mal besser beste idee frage antwort beispiel gibt geht mehr andere anderen zwei drei
    aiuto voglio posso puoi fare grazie ciao cosa cose bene tutto tutti molto ancora anche dopo prima giorni giorno tempo
    ajuda preciso quero posso pode fazer obrigado ola coisa coisas bem tudo todos tambem depois antes dias dia tempo
    मदद चाहिए चाहता चाहती करना करने करें करते करता करती सकता सकती सकते कृपया धन्यवाद नमस्ते बहुत कुछ सब एक दो अब फिर लेकिन
    اريد أريد أحتاج احتاج مساعدة يمكن يمكنني شكرا مرحبا شيء كل بعد قبل جدا ايضا أيضا
    可以 需要 帮助 谢谢 你好 问题 怎么 什么 如何 一个 一些 今天 使用 方法 時間 今日 明日 質問 方法 必要 場合 自分 教"""
_GENERAL_WORDS = frozenset(map(plain, _GENERAL.split()))


class _Spaces(dict[int, int]):
    """For `str.translate`: what is not part of a word becomes a space. Filled with what is met."""

    def __missing__(self, code: int) -> int:
        category = unicodedata.category(chr(code))
        self[code] = code if category[0] in "LN" or category in ("Mn", "Mc", "Co") else 32
        return self[code]


_SPACES = _Spaces()


def words_of(text: str) -> list[str]:
    """The words of a text as they are written, in its order, but for those that are too short and for kana that only link."""
    if text.isascii():
        return [word for word in _ASCII.findall(text) if SHORTEST <= len(word) <= LONGEST]
    spaced = _EAST_ASIAN.sub(lambda run: f" {' '.join(_cut(run[0]))} ", text)
    return [word for word in _others(spaced) if len(word) <= LONGEST and _tells(word)]


def _others(text: str) -> list[str]:
    # Words of Han and kana are divided already and stay whole; `split` knows the other scripts without spaces.
    return [
        part
        for word in text.translate(_SPACES).split()
        for part in ([word] if _EAST_ASIAN.fullmatch(word) else split(word).split())
    ]


def _tells(word: str) -> bool:
    if _EAST_ASIAN.fullmatch(word):
        return True
    return word[0].isalpha() and len(word) >= (2 if not word.isascii() else SHORTEST)


def _cut(run: str) -> Iterator[str]:
    """The words of a run of one East Asian script: katakana whole, hiragana not at all, Han between linking characters."""
    if not _HAN_RUN.match(run):
        if run[0] < "\u3041" or run[0] > "\u309f":
            yield run
        return
    for part in _LINKING.split(run):
        if 0 < len(part) <= 4:
            yield part
        else:
            yield from (a + b for a, b in pairwise(part))


@lru_cache(1 << 16)
def folded(word: str) -> str:
    """One form for all ways to write a word: lower case, without accents."""
    return plain(word)


def general(form: str) -> bool:
    """Is a folded word one that every dialogue with a model holds?"""
    return form in _GENERAL_WORDS


def stem(word: str) -> str:
    """What stands for a folded word when texts are compared."""
    return word[:STEM]


class Word(NamedTuple):
    """A word or pair of words, as it is written most often, and how often it is there."""

    text: str
    times: int


class Telling(NamedTuple):
    """forms: folded word -> how often, of all that tell something. best: the words and pairs that stand for the text."""

    forms: dict[str, int]
    best: list[Word]


def telling(texts: Iterable[str], title: str = "") -> Telling:
    """What tells what these texts are about. The words of a title count three times, as names that somebody gave."""
    runs = [words_of(text) for text in (title, title, title, *texts)]
    written = Counter(chain.from_iterable(runs))
    forms: dict[str, int] = {}
    spelled: dict[str, tuple[int, str]] = {}
    for word, count in written.items():
        form = folded(word)
        forms[form] = forms.get(form, 0) + count
        spelled[form] = max(spelled.get(form, (0, "")), (count, word))
    empty = common(forms) | _GENERAL_WORDS
    forms = {form: count for form, count in forms.items() if form not in empty}
    best = sorted(forms.items(), key=lambda pair: (-pair[1], pair[0]))[:WORDS]
    kept = [Word(spelled[form][1], count) for form, count in best]
    pairs = Counter(chain.from_iterable(map(pairwise, runs)))
    frequent = [(pair, n) for pair, n in pairs.items() if n > 1 and all(folded(word) in forms for word in pair)]
    frequent.sort(key=lambda found: (-found[1], found[0]))
    return Telling(forms, kept + [Word(_joined(*pair), n) for pair, n in frequent[:PAIRS] if folded(pair[0]) != folded(pair[1])])


def _joined(first: str, second: str) -> str:
    spaceless = _EAST_ASIAN.fullmatch(first) and _EAST_ASIAN.fullmatch(second)
    return f"{first}{second}" if spaceless else f"{first} {second}"
