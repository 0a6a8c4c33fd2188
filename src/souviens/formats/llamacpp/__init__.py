"""llama.cpp: the conversations of the server's web page, exported and imported.

    read.py    {conv, messages} or a list of these, and since 2026 sessions as lines, also several in a zip
    write.py   what its import takes, old and new

Facts: the page's own code (tools/server/webui, since 2026 tools/ui): database.d.ts, conversations.svelte.ts, database.service.ts,
conversation-transfer.service.ts. There is no published export; the conversations themselves live in the browser.
"""

from __future__ import annotations

from souviens.formats import Guide
from souviens.formats.llamacpp.read import PLAIN, cut, identify, locations, plan, read, sidecars, traces, value
from souviens.formats.llamacpp.write import CANNOT, CARRIES, write

NAME = "llamacpp"
TITLE = "llama.cpp conversations"
READER = 2
SUPPORT = "documented"
WORDS = {"function": "tool_call", "message": "text"}
GUIDE = Guide(
    get=("the page of llama-server > Settings > Import/Export > Export conversations", "choose the conversations; a file is saved"),
    bring=("the page of llama-server > Settings > Import/Export > Import conversations", "choose llamacpp-conversations.json"),
    notes=(
        "The conversations are kept in the browser, for each address of a server of their own.",
        "A conversation that is there already is skipped on import.",
        "A conversation downloaded by itself from the list holds the branch that was shown only in older versions.",
    ),
)
__all__ = [
    "CANNOT",
    "CARRIES",
    "GUIDE",
    "NAME",
    "PLAIN",
    "READER",
    "SUPPORT",
    "TITLE",
    "WORDS",
    "cut",
    "identify",
    "locations",
    "plan",
    "read",
    "sidecars",
    "traces",
    "value",
    "write",
]
