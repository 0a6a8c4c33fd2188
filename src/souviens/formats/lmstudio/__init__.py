"""LM Studio: its folder of conversations, a file a chat, folders as directories.

A chat is a list of slots; a slot holds the versions of one message, of which one is selected. What follows a slot follows its
selected version, so that the versions are siblings below the selected version before them. Answers are `multiStep`: blocks of
thoughts, calls of tools, their results and words. Nothing in it has an id or, but for the chat, a time.

The format is LM Studio's own and not documented ("not recommended … to rely on their structure"). Shapes: formats.md 7, the sample
there, and what code of others reads and writes: ispaure/migration-chatgpt-to-lmstudio, the plugins export-chat and user-docs, and
lms-shared-types of lmstudio-ai/lmstudio-js for the kinds of blocks.
"""

from souviens.formats import Guide
from souviens.formats.lmstudio.read import cut, identify, locations, plan, read, sidecars, traces
from souviens.formats.lmstudio.write import CANNOT, CARRIES, write

NAME = "lmstudio"
TITLE = "LM Studio conversations"
READER = 3
SUPPORT = "samples"
GUIDE = Guide(
    get=(
        "give the folder ~/.lmstudio/conversations (Windows: %USERPROFILE%\\.lmstudio\\conversations)",
        "for attachments too: ~/.lmstudio, without the folder `models`",
    ),
    bring=("close LM Studio", "copy what is in `conversations` into ~/.lmstudio/conversations", "open LM Studio"),
    notes=("LM Studio shows other versions of a message, but not what followed them.",),
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
