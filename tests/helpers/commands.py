"""Small texts for commands, files and standard input."""

import io

TEXT = "the cat sat on the mat, and the dog sat on the cat. " * 60
LINES = "the cat sat on the mat, and the dog sat on the cat.\n" * 60


def put(folder, name, text):
    """A file of a text; its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def without_reading(said: str) -> str:
    """What a command said, without its first line, which names what it reads."""
    first, _, rest = said.partition("\n")
    return rest if first.startswith("reading ") else said


def piped(monkeypatch, content):
    """Standard input as a terminal with strict UTF-8 gives it."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8", "strict"))
