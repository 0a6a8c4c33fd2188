"""ChatGPT exports: every generation of OpenAI's data export, and single conversations as its web client receives them.

    __init__ ── shape    which delivery, which file, which treatment
             ├─ aside    what the side files say: where a pointer's bytes lie
             ├─ traces   where the words of what is erased stand again
             └─ read     one conversation ── graph     ids, parents, order among siblings
                                          ├─ content   content types and kinds of parts
                                          ├─ cited     citations and search results
                                          ├─ context   custom instructions and old memory text
                                          └─ known     the keys we know of

Exports got thinner as well as richer over time: in some, `children` are empty and every system or tool node is gone. So the
graph is read from `parent`, the shape is told from what is inside a file, and a newer export is merged, never put in place
of an older one.
"""

from souviens.formats.chatgpt.aside import sidecars
from souviens.formats.chatgpt.read import locations, read
from souviens.formats.chatgpt.shape import NAME, cut, identify, plan
from souviens.formats.chatgpt.traces import traces

TITLE = "ChatGPT export"
READER = 1

__all__ = ["NAME", "READER", "TITLE", "cut", "identify", "locations", "plan", "read", "sidecars", "traces"]
