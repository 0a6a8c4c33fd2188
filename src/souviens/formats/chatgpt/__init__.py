"""ChatGPT exports: every generation of OpenAI's data export, conversations as its web client receives them, and what captures them.

    __init__ ── shape    which delivery, which file, which treatment
             ├─ capture  what extensions and scripts put around a conversation
             ├─ aside    what the side files say: where a pointer's bytes lie
             ├─ traces   where the words of what is erased stand again
             ├─ write    conversations as an export of the first generation
             └─ read     one conversation ── graph     ids, parents, order among siblings
                                          ├─ content   content types and kinds of parts
                                          ├─ cited     citations and search results
                                          ├─ context   custom instructions and old memory text
                                          └─ known     the keys we know of

Exports got thinner as well as richer over time: in some, `children` are empty and every system or tool node is gone. So the
graph is read from `parent`, the shape is told from what is inside a file, and a newer export is merged, never put in place
of an older one.
"""

from souviens.formats import Guide
from souviens.formats.chatgpt.aside import sidecars
from souviens.formats.chatgpt.read import locations, read
from souviens.formats.chatgpt.shape import NAME, cut, identify, plan
from souviens.formats.chatgpt.traces import traces
from souviens.formats.chatgpt.write import CANNOT, CARRIES, write

TITLE = "ChatGPT export"
READER = 2
SUPPORT = "real"
GUIDE = Guide(
    get=(
        "chatgpt.com > your name > Settings > Data controls > Export data > Export",
        "open the link in the mail within 24 hours; the zip holds conversations.json or conversations-000.json and so on",
    ),
    bring=(
        "ChatGPT takes no chats in; a zip of this shape is what Gemini takes",
        "gemini.google.com > Settings & help > Import memory to Gemini > upload chatgpt-export.zip",
    ),
    notes=(
        "Gemini: up to 5 GB a zip and five a day; personal accounts of adults, not in the EEA, Switzerland and the United Kingdom.",
        "ChatGPT's memories and projects are in no export; its custom instructions are taken from the chats.",
    ),
)

__all__ = [
    "CANNOT",
    "CARRIES",
    "GUIDE",
    "NAME",
    "READER",
    "SUPPORT",
    "TITLE",
    "cut",
    "identify",
    "locations",
    "plan",
    "read",
    "sidecars",
    "traces",
    "write",
]
