"""The command line: `recurra train book.txt`. One file a command; each only calls the library.

    frame    the group, its help, and how an error becomes one line
    cellfile a user's own cells, by name
    options  settings classes → options; flags over a file over a preset over the defaults
    shown    what several commands print: JSON, tables, the newest run

Nothing heavy is imported before a command needs it, so that help is there at once.
"""

from recurra.cli.frame import main

__all__ = ["main"]
