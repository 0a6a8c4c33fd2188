"""Jan: the `threads` folder of its data folder, a folder a thread with `thread.json` and `messages.jsonl`.

Either file tells of the same conversation: the thread its head, the lines its messages. Threads are lists; since Jan keeps versions
of a message, `metadata.parentId` and `metadata.activeChildId` make a tree of them (`web-app/src/lib/message-branching.ts` of
janhq/jan). Shapes: formats.md 7; core/src/types/{thread,message}, src-tauri/src/core/threads and web-app/src/lib/messages.ts there.
"""

from souviens.formats import Guide
from souviens.formats.jan.read import PLAIN, cut, identify, locations, plan, read, sidecars, traces, value
from souviens.formats.jan.write import CANNOT, CARRIES, write

NAME = "jan"
TITLE = "Jan data folder"
READER = 1
SUPPORT = "samples"
GUIDE = Guide(
    get=("Jan > Settings > General > App data: the folder it names", "give the folder `threads` in it"),
    bring=("close Jan", "copy the folders of `threads` into `threads` of Jan's data folder", "open Jan"),
    notes=("Jan shows other branches since it keeps versions of messages; older ones list all messages one after the other.",),
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
