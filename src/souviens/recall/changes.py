"""The words by which a text says that something changed, is denied, is only wished or asked, or how a proposal turned out.

One table, by language, from the grammars of these languages as we know them and from reading dialogues; each entry is a pattern for
text without capitals and accents (`mentions.folded`). A language of Latin letters that is not here is read as the nearest that is;
one of another script says nothing of change.
"""

from __future__ import annotations

import re

from souviens.recall.mentions import folded

# changed: it was otherwise before. ended: it was so and is no more. denied: it never was. done: it was. open: it is wished,
# planned, asked, supposed. moved, deferred: a date was (deferred: by words said of dates alone). more, less: a number grew, fell.
# outcome: it was tried, and how that went.
_TABLE: dict[str, dict[str, str]] = {
    "en": {
        "changed": r"instead of|moved (?:to|up|back|from)|rescheduled|postponed|pushed (?:back|to)|extended|shortened"
        r"|changed|switched"
        r"|switch to|increased|reduced|raised|lowered|decreased|upgraded|updated|improved to|adjusted|replaced|cancell?ed"
        r"|changed my mind"
        r"|(?<!by )(?<!right )now(?! on)|recently|has since|down to|bumped (?:up )?to|revised|brought forward"
        r"|an? (?:additional|extra)"
        r"|new (?:deadline|date|goal|target|budget)",
        "ended": r"no longer|not any ?more|(?:don|doesn|won|isn)['’]t \w+ (?:\w+ )?any ?more|stopped|quit|gave up|used to"
        r"|cancell?ed",
        "denied": r"never|(?:have|has|had)(?: not|n['’]t)(?: yet| ever)?(?! been able)|(?:do|does|did)(?: not"
        r"|n['’]t) (?:use|own|like|eat|drink"
        r"|live|work|play|speak|drive|smoke)|no (?:prior |previous )?experience",
        "done": r"i['’]ve|(?:i|we) have (?!an? |the |to |no |my |some )|we['’]ve|(?:he|she|it)['’]s been|has been"
        r"|have been|had|did|met|went|bought|wrote|took|made|got|spent"
        r"|began|since|(?!(?:excited|interested|worried|confused|stressed|need|indeed|based|related|involved|overwhelmed"
        r"|supposed"
        r"|detailed|advanced|recommended|speed|exceed|proceed|succeed|feed|embed|required|motivated|focused|tired)\b)\w{3,}ed",
        "moved": r"rescheduled|postponed|moved|extended|pushed|changed|brought forward|new (?:date|deadline)"
        r"|adjust(?:ed)? (?:the|my|our) deadline",
        "deferred": r"rescheduled|postponed|brought forward",
        "more": r"increased|raised|additional|an extra|up to|extended|bumped",
        "less": r"reduced|lowered|decreased|down to|shortened|cut",
        "open": r"should|would|could|might|may|want(?:ed|ing)? to|plan(?:ning|s)? (?:to|on|for)|hope|hoping|going to|will"
        r"|i['’]ll|if"
        r"|whether|can you|how (?:can|do|should|to)|help me|is it|do i|wonder\w*|consider\w*|thinking (?:about|of)"
        r"|need to|let['’]s|try to",
        "outcome": r"(?:it|that|this|which|they) (?:worked|helped|fixed|solved|did(?:n['’]t| not) (?:work|help))"
        r"|i(?: have|['’]ve)? (?:tried|followed"
        r"|implemented|applied|took) (?:your|the|that|what|it)|(?:as|like) you (?:suggested|said|recommended|proposed)|ended up"
        r"|(?:your|the) (?:suggestion|advice|recommendation|idea) (?:worked|helped|was)|thanks to your",
    },
    "fr": {
        "changed": r"ne \w+ plus|n['’]\w+ plus|au lieu de|deplacee? (?:a|au)|reportee? (?:a|au)|repoussee?|finalement"
        r"|desormais|maintenant"
        r"|change d['’]avis|remplacee?|prolongee?|augmentee?|reduite?|avancee?|passee? (?:a|de)|depuis peu"
        r"|nouvelle? (?:date|objectif|budget)",
        "ended": r"ne \w+ plus|n['’]\w+ plus|arrete de|abandonne",
        "denied": r"jamais|n['’]ai pas|pas encore|aucune? experience",
        "done": r"j['’]ai|nous avons|on a|je suis (?:alle|parti|venu)\w*|depuis|j['’]avais",
        "moved": r"reportee?|deplacee?|repoussee?|prolongee?|avancee?|nouvelle date",
        "deferred": r"reportee?|repoussee?",
        "more": r"augmentee?",
        "less": r"reduite?|baisse",
        "open": r"voudrais|aimerais|devrais|pourrais|pourrait|veux|compte|espere|vais|si|est-ce que|comment|peux-tu"
        r"|pouvez-vous|faut-il",
        "outcome": r"(?:ca|cela) a (?:marche|aide|fonctionne)|(?:ca|cela) n['’]a pas|j['’]ai (?:essaye|suivi|applique)"
        r"|comme tu l['’]as (?:dit|suggere)",
    },
    "es": {
        "changed": r"ya no|en lugar de|en vez de|se movio a|movid[oa] (?:a|al)|aplazad[oa]|pospuest[oa]|reprogramad[oa]"
        r"|ahora|cambie de|cambiad[oa]"
        r"|cambio|ampliad[oa]|aument\w+|reduj\w+|reducid[oa]|nuev[oa] (?:fecha|plazo|meta|presupuesto)|al final"
        r"|hasta hace poco",
        "ended": r"ya no|deje de|deje|dejamos de",
        "denied": r"nunca|jamas|no he|no hemos|no tengo|todavia no|aun no",
        "done": r"he|hemos|ha|habia|\w{2,}(?:e|i|io|aron|ieron|amos|imos)|desde",
        "moved": r"aplazad[oa]|reprogramad[oa]|pospuest[oa]|ampliad[oa]|movid[oa]|se movio|nueva fecha",
        "deferred": r"aplazad[oa]|reprogramad[oa]|pospuest[oa]",
        "more": r"aument\w+",
        "less": r"reduj\w+|reducid[oa]",
        "open": r"deberia|podria|quiero|quisiera|espero|voy a|planeo|si|puedes|podrias|como puedo|ayudame|tal vez|quizas",
        "outcome": r"funciono|no funciono|me ayudo|(?:lo )?(?:intente|probe|segui)|como (?:me )?(?:dijiste|sugeriste"
        r"|recomendaste)",
    },
    "de": {
        "changed": r"nicht mehr|kein\w* \w+ mehr|statt|anstelle|stattdessen|verschoben|verlegt|verlangert|verkurzt"
        r"|inzwischen|mittlerweile|jetzt|nun"
        r"|geandert|gewechselt|umgestiegen|erhoht|gesenkt|reduziert|neue[rsn]? (?:termin|frist|ziel|budget)"
        r"|anders uberlegt|ersetzt",
        "ended": r"nicht mehr|kein\w* \w+ mehr|aufgehort|aufgegeben",
        "denied": r"noch nie|niemals|nie|noch nicht|habe (?:noch )?kein\w*",
        "done": r"habe|haben|hatte|hatten|bin|war|waren|seit",
        "moved": r"verschoben|verlegt|verlangert|vorgezogen|neuer termin|neue frist",
        "deferred": r"verschoben|verlegt|vorgezogen",
        "more": r"erhoht",
        "less": r"gesenkt|reduziert",
        "open": r"sollte|mochte|will|plane|hoffe|werde|wenn|falls|ob|kannst du|konnen sie|wie kann|hilf mir|vielleicht",
        "outcome": r"hat (?:nicht )?(?:funktioniert|geklappt|geholfen)|habe (?:es|deinen|das) \w*\s?(?:versucht|probiert"
        r"|befolgt)|wie du (?:gesagt|vorgeschlagen)",
    },
    "ja": {
        "changed": r"もう.{0,12}(?:ない|ません|なくなった)|代わりに|変更|移動し|延期|延ばし|やめて|に変え|切り替え|今は"
        r"|今では|最近|になった|になりました|新しい(?:締め切り|予定|目標)|増やし|減らし",
        "ended": r"もう.{0,12}(?:ない|ません)|なくなった|なくなりました|やめた|やめました",
        "denied": r"一度も|(?:した|た)ことが(?:ない|ありません)",
        "done": r"ました|(?:った|いた|んだ|した)(?!ことが|い)|ています|ている",
        "moved": r"延期|変更|延ば|移動",
        "deferred": r"延期",
        "more": r"増やし|増え",
        "less": r"減らし|減り",
        "open": r"たい|べき|つもり|でしょうか|かもしれ|ますか|もし|予定です|ください|どうすれば",
        "outcome": r"うまくいき|うまくいった|試してみ|試しました|言われた通り|おかげで|効きました",
    },
    "zh": {
        "changed": r"不再|已经不|改为|改成|改到|推迟到|推迟|延期|延长|提前到|换成|换到|现在|最近|取代|代替|而不是|增加到"
        r"|减少到|改变主意|新的(?:期限|日期|目标|预算)",
        "ended": r"不再|已经不|戒了|放弃了",
        "denied": r"从来没有|从来没|从未|从没|还没有",
        "done": r"了|过|已经|曾",
        "moved": r"推迟|延长|延期|改期|改到|改为|提前",
        "deferred": r"推迟|延期|改期|提前",
        "more": r"增加",
        "less": r"减少",
        "open": r"想要|想|应该|可以吗|能不能|如果|是否|打算|希望|会不会|怎么|请|吗",
        "outcome": r"成功了|有效|没用|管用|我试了|试过了|按照你说的|照你说的|解决了",
    },
    "ar": {
        "changed": r"لم اعد|لم يعد|بدلا من|بدل|تاجل|تاجيل|نقل الى|تم نقل|انتقلت|غيرت|تغير|الان|حاليا|مدد|تمديد|زاد|زدت"
        r"|خفضت|اصبح|الموعد الجديد",
        "ended": r"لم اعد|لم يعد|توقفت عن|اقلعت عن",
        "denied": r"لم (?=.{3,60}(?:قط|ابدا))|لم يسبق",
        "done": r"لقد|كنت|قد|منذ|\w{2,}ت",
        "moved": r"تاجل|تاجيل|تمديد|نقل|الموعد الجديد",
        "deferred": r"تاجل|تاجيل",
        "more": r"زاد|زدت",
        "less": r"خفضت",
        "open": r"اريد|يجب|ربما|لو|اذا|هل|ساقوم|سوف|كيف|يمكنك|ينبغي",
        "outcome": r"نجح|لم ينجح|جربت|ساعدني|كما قلت|كما اقترحت",
    },
    "hi": {
        "changed": r"अब नहीं|अब|के बजाय|की जगह|बदल|टल गई|स्थगित|आगे बढ|बढा|घटा|नया|नई|हाल ही",
        "ended": r"अब नहीं|छोड़ दिया|बंद कर दिया",
        "denied": r"कभी (?:\S+ )?(?:\S+ )?नहीं|अभी तक नहीं",
        "done": r"था|थी|थे|किया|लिया|दिया|गया|गई|चुका|चुकी|हूँ|पढ़ी|खाया|से",
        "moved": r"स्थगित|टल गई|आगे बढ|बदल",
        "deferred": r"स्थगित|टल गई",
        "more": r"बढा|बढ़ा",
        "less": r"घटा",
        "open": r"चाहता|चाहती|चाहिए|अगर|क्या|शायद|सकते|सकता|कैसे|करूगा|करूगी",
        "outcome": r"काम किया|काम नहीं किया|मैने कोशिश|मदद मिली|जैसा आपने",
    },
}
_UNSPACED = frozenset(("ja", "zh"))
_SCRIPTS = {
    "ja": re.compile("[\u3041-\u30fa]"),
    "zh": re.compile("[\u3400-\u9fff]"),
    "ar": re.compile("[\u0620-\u06d3]"),
    "hi": re.compile("[\u0904-\u0939]"),
}
_LITTLE = {
    "en": "the and i my to of is it that for with was have in on you",
    "fr": "le la les je j et est une un dans du des ai pour que pas mon ma",
    "es": "el la los las yo y es una un en del he para que no mi con se",
    "de": "der die das ich und ist ein eine in den habe fur nicht mein mit zu auf",
}
_MARKS = {name: frozenset(words.split()) for name, words in _LITTLE.items()}


def bare(text: str) -> str:
    """As the patterns of the table are compared: `folded`, and Arabic's alif without hamza."""
    return re.sub("[أإآ]", "ا", folded(text))


def language(text: str) -> str:
    """The language of a text (given as `bare`), of those in the table: by its script, else by its little words, else "en"."""
    for name, script in _SCRIPTS.items():
        if script.search(text):
            return name
    words = re.findall(r"\w+", text)
    return max(_MARKS, key=lambda name: sum(word in _MARKS[name] for word in words))


def _compiled(name: str, pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?:{bare(pattern)})" if name in _UNSPACED else rf"\b(?:{bare(pattern)})\b")


_PATTERNS = {(name, kind): _compiled(name, pattern) for name, kinds in _TABLE.items() for kind, pattern in kinds.items()}
_NOTHING = re.compile("(?!)")


def sign(kind: str, text: str, language: str) -> re.Match[str] | None:
    """Where a text (given as `bare`) first says so; kind: a row of the table. None if it does not."""
    return _PATTERNS.get((language, kind), _NOTHING).search(text)
