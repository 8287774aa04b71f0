"""The small models that ship with Recurra, so that there is one to write with, and to look into, before anything is trained."""

from pathlib import Path

FOLDER = Path(__file__).parent


def folders() -> list[Path]:
    """The models' folders, the one to write with first."""
    return [FOLDER / f"manual-{cell}" for cell in ("lstm", "gru", "rnn")]
