"""LibreChat: the JSON of one chat that its export writes and its import takes, read in every shape and written.

    read.py    messages as a list (one branch or all) and as a tree of `children`
    write.py   what its importer takes

Facts: LibreChat's own code up to autumn 2026 (useExportConversation.ts, buildTree, api/server/utils/import, the message schema) and
its published test exports.
"""

from __future__ import annotations

from souviens.formats import Guide
from souviens.formats.librechat.read import NO_PARENT, cut, identify, locations, plan, read, sidecars, traces
from souviens.formats.librechat.write import CANNOT, CARRIES, write

NAME = "librechat"
TITLE = "LibreChat chat"
READER = 2
SUPPORT = "samples"
WORDS = {
    "think": "reasoning",
    "image_file": "image",
    "function": "tool_call",
    "logs": "tool_result",
    "User": "user",
    "Assistant": "assistant",
    "true": "user",  # isCreatedByUser
    "false": "assistant",
    NO_PARENT: "librechat",  # what a first message hangs from
}
GUIDE = Guide(
    get=(
        "open the chat > Export (the arrow at the top right) > type json",
        "tick: include endpoint options, export all message branches, recursive or sequential; one file for each chat",
    ),
    bring=("your name > Settings > Data controls > Import conversations from a JSON file", "one file after the other"),
    notes=(
        "LibreChat has no export of all chats at once: give souviens the folder with the files.",
        "Its import asks for one file at a time and gives every chat and message a new id.",
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
    "WORDS",
    "cut",
    "identify",
    "locations",
    "plan",
    "read",
    "sidecars",
    "traces",
    "write",
]
