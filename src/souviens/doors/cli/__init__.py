"""The command line: `souviens VERB`. `program` is the way in; each verb is a module of this package.

Nothing is defined here: a verb's module becomes a name of the package, and `list` would hide Python's own.
"""

from souviens.doors.cli.program import main

__all__ = ["main"]
