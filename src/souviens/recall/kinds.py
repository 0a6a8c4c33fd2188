"""What kind of question it is: read from its words, in the languages most asked in. In doubt it is a lookup."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from souviens.index.common import common, plain

# lookup: one thing that was said. list: several things, or how many. order: events in their order. summary: what came of a
# matter. reply: what the model said. request: help, where standing instructions and preferences count. changed: whether
# something holds, or holds still. implied: no question, but something that goes back to what was told.
Kind: TypeAlias = Literal["lookup", "list", "order", "summary", "reply", "request", "changed", "implied"]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_ORDER = _any(
    r"\b(?:(?:in|the) (?:what|which|chronological|exact)? ?order\b|order (?:in which|of events)|sequence of|chronolog|timeline of"
    r"|in sequence"
    r"|(?:dans|en) quel ordre|ordre chronologique|chronologie|reihenfolge|zeitliche[rn]? ablauf|chronologisch|en qu[eé] orden|orden"
    r" cronol[oó]gico|cronolog|in (?:che|quale) ordine|ordine cronologico|em que ordem|volgorde|в каком порядке|хронолог\w+"
    r"|بأي ترتيب|الترتيب الزمني|किस क्रम)",
    "順番|順序|時系列|顺序|先后|时间线|순서|시간순",
)
_SUMMARY = _any(
    r"\b(?:summar|overview|recap\b|sum up|(?:how|what) (?:has|have|did) .{3,80}\b(?:develop|evolve|progress|change)\w* (?:over"
    r"|through)"
    r"|over the course of|résum|récapitul|vue d'ensemble|comment .{3,80} (?:évolué|progressé)|zusammenfass|überblick"
    r"|fass .{3,80} zusammen"
    r"|resum|resúm|visión general|cómo ha (?:evolucionado|progresado)|riassum|panoramica|samenvat|overzicht|резюм|обзор|подытож"
    r"|لخص|ملخص|نظرة عامة|सारांश|संक्षेप)",
    "要約|まとめて|概要|经过总结|总结|概述|概括|요약|정리해",
)
_REPLY = _any(
    r"\b(?:(?:did|have|had) you (?:\w+ )?(?:suggest|recommend|say|said|tell|told|give|gave|given|advise|explain|propose|mention"
    r"|help"
    r"|outline|describe)|you (?:suggested|recommended|said|told|gave|advised|explained|proposed|mentioned)|your (?:advice"
    r"|suggestion"
    r"|recommendation|answer|reply|explanation)|(?:m'as|avais|as)-?tu (?:conseillé|recommandé|dit|proposé|suggéré)|tu m'(?:as"
    r"|avais)"
    r"|(?:hast|hattest) du .{0,60}(?:empfohlen|geraten|gesagt|vorgeschlagen|erklärt)|du mir (?:empfohlen|geraten|gesagt)"
    r"|me (?:recomendaste|aconsejaste|dijiste|sugeriste|propusiste)|mi hai (?:consigliato|detto|suggerito)|ты (?:сказал|посоветовал"
    r"|предложил|порекомендовал)\w*|(?:نصحتني|اقترحت|قلت لي|أوصيت)|आपने .{0,40}(?:सुझा|कहा|बता|सलाह))",
    "あなたは.{0,20}(?:勧め|提案|言い|言っ|教え)|你.{0,12}(?:建议|推荐|告诉|说过|提议)|추천해 ?(?:줬|주었)|조언해 ?(?:줬|주었)",
)
_LIST = _any(
    r"\b(?:how many|how much .{0,40}(?:in total|altogether)|how often|which \w+s\b|all (?:the|of|my)\b|list\b|name (?:all|the)"
    r"|what (?:kinds?|types?|sorts?|are|were) |what \w+s (?:has|have|does|do|did|is|are|was|were)\b|combien|quels|quelles"
    r"|tous (?:les|mes)"
    r"|toutes (?:les|mes)|wie ?viele?|welche \w+[ne]\b|alle (?:meine)?|cuánt[oa]s|qué \w+s|todos (?:los|mis)|todas (?:las|mis)"
    r"|quant[ei]"
    r"|quali|tutt[ie]|quant[oa]s|quais|hoeveel|сколько|какие|все мои|كم|جميع|كل |कितने|कितनी|कौन[- ]कौन)",
    "いくつ|何人|何個|何回|全部|すべて|多少|几个|几次|哪些|所有|몇|모든|어떤 것들",
)
_REQUEST = _any(
    r"\b(?:can|could|would|will|do) you (?:please |also )?(?:help|suggest|recommend|give me|show|write|draft|explain|plan|create"
    r"|make|walk me"
    r" through how|design|propose|advise|assist)|\b(?:how|what) (?:should|could|can|would) (?:i|we)\b|any (?:ideas|tips"
    r"|suggestions|advice)"
    r"|\b(?:i need|i want|i'd like|i'm (?:planning|looking|trying|thinking)|help me|give me (?:some|a few)?|suggest|recommend)\b"
    r"|\b(?:what|which) (?:are|is) (?:some|a|the best|good)\b|if i(?:'m| am)\b.{3,200}\?|peux-tu|pourrais-tu|pouvez-vous"
    r"|aide[- ]moi"
    r"|conseille|propose|comment (?:puis-je|devrais-je|faire)|kannst du|könntest du|hilf mir|schlag|empfiehl|wie (?:soll|kann) ich"
    r"|puedes|podrías|ayúdame|recomiéndame|sugi[eé]reme|cómo (?:puedo|debería)|puoi|potresti|aiutami|come (?:posso|dovrei)|помоги"
    r"|посоветуй|порекомендуй|как мне|ساعدني|اقترح علي|كيف يمكنني|मेरी मदद|सुझाव (?:दो|दें|दीजिए)",
    "手伝って|提案して|おすすめ|教えてください|どうすれば|帮我|给我推荐|推荐一|建议一|怎么才能|도와줘|추천해 ?줘|어떻게 하면",
)
_CHANGED = _any(
    r"^\W*(?:(?:have|has|had|did|do|does|am|is|are|was|were) (?:i|my|we|our|the)|ai-je|est-ce que j|habe ich|bin ich|hatte ich)\b"
    r"|\b(?:still|currently|now|latest|most recent|these days|any ?more|nowadays|up to date|current|so far)\b"
    r"|encore|actuellement|maintenant|désormais"
    r"|noch"
    r"|aktuell|derzeit|jetzt|inzwischen|todavía|actualmente|ahora|he \w+do|ancora|attualmente|adesso|ainda|atualmente|agora|сейчас"
    r"|ещё|до сих пор|حاليا|الآن|ما زلت|अभी|अब भी|वर्तमान",
    "今でも|現在|まだ|最新|现在|目前|还|最近|아직|지금|현재",
)
_QUESTION = _any(
    r"[?\uff1f\u061f]|^\W*(?:who|whose|what|when|where|why|how|which|can|could|would|do|does|did|is|are|was|were|has|have|tell"
    r"|list|give"
    r"|show|find|remind|explain|describe|recall|walk|qui|que|quoi|quand|où|pourquoi|comment|quel|quelle|est-ce|dis|rappelle|wer|was"
    r"|wann|wo|warum|wie|welche\w*|hat|habe|ist|sag|nenne|quién|qué|cuándo|dónde|por qué|cómo|cuál|dime|chi|cosa|quando|dove|perché"
    r"|come|quale|quem|onde|wie|wat|waar|waarom|hoe|кто|что|когда|где|почему|как|какой|какая|сколько|من|ما|ماذا|متى|أين|لماذا|كيف"
    r"|هل|कौन|क्या|कब|कहाँ|क्यों|कैसे|कितने)\b",
    "[かの]$|何|誰|いつ|どこ|なぜ|どう|谁|什么|何时|哪|为什么|怎么|吗|呢|뭐|누구|언제|어디|왜|어떻게|[까니]$",
)
_MARKS = ("?", "\uff1f", "\u061f")
_SENTENCE = re.compile(r"[.!\u3002\uff01]\s*|[?\uff1f\u061f]\s*|\s*[\u2014\u2013]\s*")
_LEAST_TOLD, _LEAST_COMMON = 6, 2  # words of a sentence that tells something, and how many of them hold it together: not key words


# The more telling first: "summarise in what order" wants the order, "did you recommend" is no request.
_TRIED: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (_ORDER, "order"),
    (_SUMMARY, "summary"),
    (_REPLY, "reply"),
    (_REQUEST, "request"),
    (_LIST, "list"),
    (_CHANGED, "changed"),
)


def kind_of(question: str) -> Kind:
    """The kind of a question. In doubt it is a lookup.

    What tells something, at its beginning or at its end, and asks nothing that another kind knows, goes back to what was told.
    """
    text = question.strip()
    asks = _QUESTION.search(text) is not None
    sentences = [part for part in _SENTENCE.split(text) if part.strip()]
    held = common(re.findall(r"\w+", plain(text)))
    ends_telling = bool(sentences) and text[-1] not in "?\uff1f\u061f" and _tells(sentences[-1], held)
    for pattern, kind in _TRIED:
        # A person who tells what they want or have now is not asking for it.
        wanted = asks if kind in ("reply", "request") else asks and not ends_telling
        if pattern.search(text) and (wanted or kind in ("order", "summary")):
            return kind
    begins_telling = bool(sentences) and _tells(sentences[0], held) and text[len(sentences[0]) :].lstrip()[:1] not in _MARKS
    return "implied" if ends_telling or begins_telling else "lookup"


def _tells(sentence: str, held: frozenset[str]) -> bool:
    """Does a sentence tell something? held: the words that hold its text together."""
    words = re.findall(r"\w+", plain(sentence))
    return _QUESTION.search(sentence) is None and len(words) >= _LEAST_TOLD and sum(word in held for word in words) >= _LEAST_COMMON
