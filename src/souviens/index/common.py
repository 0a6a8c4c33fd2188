"""The words a question is held together by, for the languages most histories are in.

Document frequency was to do this without any list, and cannot: in a vault of twenty messages "do" is as rare as "coffee", and
leaving out what is frequent also leaves out what is asked about (docs/LOG.md, 2026-11-20). A question in a language that is
not here loses nothing: its words keep the weight the index gives them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def plain(text: str) -> str:
    """Lower case without accents: "Où", "où" and "ou" are one word."""
    if text.isascii():
        return text.lower()
    bare = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    return unicodedata.normalize("NFC", bare)  # Hangul was taken apart too


_TABLE = {
    "en": """a an the and or but if of in on at to for from by with about into as is are was were be been being am do does did
        done has have had having i me my mine we us our ours you your yours he him his she her hers it its they them their this
        that these those what which who whom whose when where why how will would can could should may might must shall not no
        there here so than then too very just any some s t re ve ll d m say said tell told mention mentioned remember now still
        currently both each other only""",
    "fr": """le la les l un une des de du d et ou mais si en dans a au aux pour par avec sans sur sous chez est sont etait
        etaient suis es sommes etes ete etre ai as avons avez ont avait avais j je tu t il elle on nous vous ils elles me m te
        se s moi toi lui leur leurs mon ma mes ton ta tes son sa ses notre nos votre vos ce c cet cette ces ca cela qui que qu
        quoi quel quelle quels quelles quand comment pourquoi combien lequel laquelle ne n pas plus y dit dis fait fais
        maintenant actuellement encore toujours chaque autre autres seulement""",
    "es": """el la los las lo un una unos unas de del al a y e o u pero si en con sin por para sobre como es son era eran fue
        fueron soy eres somos ser estar esta estan estaba he has ha hemos han habia yo tu el ella nosotros vosotros ellos ellas
        usted ustedes me te se nos os le les mi mis tus su sus nuestro nuestra este esto estos estas ese esa eso que quien
        quienes cual cuales cuando donde adonde cuanto cuanta cuantos no mas muy ya dije dijo hice ahora todavia aun actualmente
        cada otro otra otros otras ambos ambas solo solamente""",
    "pt": """o a os as um uma uns umas de do da dos das ao aos e ou mas se em no na nos nas com sem por para pelo pela sobre
        como foi foram era eram sou somos ser estar esta estao estava eu tu ele ela nos eles elas voce voces me te lhe meu minha
        meus minhas teu tua seu sua seus suas nosso nossa este esta isto esse essa isso que quem qual quais quando onde quanto
        quantos nao mais muito ja tenho tem disse fiz agora ainda atualmente cada outro outra outros outras ambos ambas so
        somente""",
    "it": """il lo la i gli le l un uno una di a da in con su per tra fra del della dei delle al alla nel nella dal sul e o ma
        se come che chi cui quale quali quando dove perche quanto quanta cosa sono sei siamo siete era erano stato stata essere
        ho hai ha abbiamo avete hanno avevo io tu lui lei noi voi loro mi ti si ci vi mio mia miei mie tuo tua suo sua nostro
        questo questa questi quello quella non piu molto detto fatto adesso ora ancora attualmente ogni altro altra altri altre
        entrambi entrambe solo soltanto""",
    "de": """der die das den dem des ein eine einen einem einer eines und oder aber wenn in im an am auf aus bei mit nach von
        vom zu zum zur fur uber unter um als ist sind war waren bin bist sein gewesen hat habe hast haben hatte hatten wird
        werden ich mich mir du dich dir er ihn ihm sie es wir uns ihr euch mein meine meinen meinem meiner dein deine unser
        unsere sich was wer wen wem wann wo wohin woher warum wie welche welcher welches welchen dieser diese dieses nicht kein
        keine nur noch auch schon so da gesagt jetzt derzeit aktuell immer jede jeder jedes andere anderen anderer beide beiden""",
    "nl": """de het een en of maar als in op aan uit bij met naar van voor over te tot om is zijn was waren ben bent geweest heb
        hebt heeft hebben had hadden word wordt worden ik me mij je jij jou hij hem zij ze haar wij we ons jullie hun mijn jouw
        onze dit dat deze die wat wie wanneer waar waarom hoe welke welk niet geen ook nog al dan er gezegd nu momenteel steeds
        elk elke ander andere beide alleen""",
    "sv": """en ett den det de och eller men om i pa av till fran med for som ar var varit vara har hade ha jag mig du dig han
        honom hon henne vi oss ni er dem min mitt mina din ditt dina sin sitt var vart denna detta dessa vad vem nar varfor hur
        vilken vilket vilka inte ingen att sa""",
    "da": """en et den det de og eller men om i pa af til fra med for som er var vaeret vaere har havde jeg mig du dig han ham hun
        hende vi os min mit mine din dit dine sin sit vores denne dette disse hva hvad hvem nar hvornar hvor hvorfor hvordan
        hvilken hvilket hvilke ikke ingen at sa""",
    "pl": """i a w we z ze na do od po za o u przy dla przez pod nad bez to ten ta te tego tej tym jest sa byl byla bylo byly byc
        mam masz ma mamy ja mnie mi ty ciebie ci on jego ona jej my nas wy was oni ich moj moja moje moich twoj swoj swoje co kto
        kogo kiedy gdzie dlaczego czemu jak jaki jaka jakie ktory ktora ktore czy nie sie juz tez""",
    "ru": """и а но или если в во на с со к ко по за о про об от до из у для при над под без это этот эта эти того тот
        та те был была было были быть есть я меня мне мной ты тебя тебе он его ему она ее мы нас нам вы вас вам они их
        им мой моя мое мои моего твой свой свои наш что чего кто кого когда где куда откуда почему зачем как какой
        какая какое какие который сколько ли не ни же бы уже""",
    "uk": """і й та а але або якщо в у на з із зі до від по за про для при над під без це цей ця ці той був була було були бути є
        я мене мені ти тебе тобі він його вона її ми нас нам ви вас вони їх мій моя моє мої свій що чого хто кого коли де куди
        чому як який яка яке які скільки чи не вже""",
    "tr": """ve veya ya da de ama ile icin gibi bir bu su o ben beni bana benim sen seni sana senin onun onu biz bizim siz sizin
        onlar ne neyi kim kimi zaman nerede nereye neden nicin nasil hangi kac mi mu var yok degil daha cok en idi""",
    "id": """yang dan atau tetapi tapi jika di ke dari pada untuk dengan oleh dalam tentang itu ini adalah ada saya aku kamu anda
        dia ia kami kita mereka nya apa siapa kapan mana dimana mengapa kenapa bagaimana berapa tidak bukan sudah telah akan""",
    "hi": """का के की को में से पर ने और या है हैं था थे थी हो हूँ मैं मैंने मुझे मेरा मेरी मेरे तुम आप वह यह वे ये हम हमारा उस इस
        उसने क्या कौन कब कहाँ क्यों कैसे कितने कितना कौनसा नहीं भी ही तो कि जो लिए साथ बारे""",
    "ar": """في من الى إلى على عن مع و او أو ثم لكن هو هي هم انا أنا انت أنت نحن هذا هذه ذلك تلك الذي التي ما ماذا من متى اين أين
        كيف لماذا لم لا لن قد كان كانت كنت هل أي كم عند ان أن إن""",
    "el": """ο η το οι τα του της των τον την ενα μια και η αλλα αν σε στο στη στην στον με για απο ως ειναι ηταν εχω εχει ειχα εγω
        μου με εσυ σου αυτος αυτη αυτο μας σας τους τι ποιος ποια ποιο ποτε που γιατι πως ποσο δεν μη να θα""",
}
# Words that are common in one language or another: none of them names a subject ("war" is lost to that, and few others).
ANYWHERE = frozenset(word for words in _TABLE.values() for word in map(plain, words.split()))
_LANGUAGES = {name: frozenset(map(plain, words.split())) for name, words in _TABLE.items()}


def common(words: Iterable[str]) -> frozenset[str]:
    """Which of a question's words (as `plain` gives them) are common, in the language that knows the most of them.

    One language at a time: "war" is a word to look for in English and none in German. Of languages that know equally many,
    only what all of them call common.
    """
    asked = set(words)
    known = [asked & language for language in _LANGUAGES.values()]
    most = max(map(len, known))
    return frozenset.intersection(*(frozenset(found) for found in known if len(found) == most)) if most else frozenset()


def language(words: Iterable[str]) -> str | None:
    """The language that knows the most of a question's words, as a key of the table; None if several do, or none."""
    asked = set(words)
    known = {name: len(asked & language) for name, language in _LANGUAGES.items()}
    best = [name for name, count in known.items() if count == max(known.values()) > 0]
    return best[0] if len(best) == 1 else None
