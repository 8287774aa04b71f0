"""Sound of a piece is that of fluidsynth."""

import pytest
from helpers.pieces import CADENCE

from recurra.errors import ConfigError, RunError
from recurra.tasks.music import sound
from recurra.tasks.music.piece import Piece

FLUIDSYNTH = """#!/bin/sh
while [ "$1" != -F ]; do shift; done
for last; do :; done
[ -s "$last" ] || exit 1
printf 'RIFFsound' > "$2" || { echo "fluidsynth: error: cannot write" >&2; exit 0; }
"""


@pytest.fixture
def fluidsynth(tmp_path, monkeypatch):
    """A stand-in for the program, and instruments for it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/fluidsynth").write_text(FLUIDSYNTH)
    (tmp_path / "bin/fluidsynth").chmod(0o755)
    (tmp_path / "font.sf2").write_bytes(b"RIFF\0\0\0\0sfbk...")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("SOUNDFONT", raising=False)
    monkeypatch.setattr(sound, "FOLDERS", (str(tmp_path / "none"),))
    return tmp_path


def test_sound_is_fluidsynths(fluidsynth, monkeypatch):
    piece = Piece(CADENCE)
    with pytest.raises(ConfigError, match=r"sound needs a soundfont.*apt install fluidsynth fluid-soundfont-gm"):
        piece.save(fluidsynth / "a.wav")
    with pytest.raises(ConfigError, match=r"`soundfont` is '.*fluidsynth', which is no soundfont"):
        piece.save(fluidsynth / "a.wav", soundfont=fluidsynth / "bin/fluidsynth")
    assert piece.save(fluidsynth / "a.wav", soundfont=fluidsynth / "font.sf2").read_bytes() == b"RIFFsound"
    monkeypatch.setenv("SOUNDFONT", str(fluidsynth / "font.sf2"))
    piece.save(fluidsynth / "b.wav")
    with pytest.raises(RunError, match=r"c\.wav could not be written: No such file or directory"):
        piece.save(fluidsynth / "none/c.wav")
    (fluidsynth / "bin/fluidsynth").write_text("#!/bin/sh\necho it cannot >&2\n")
    with pytest.raises(RunError, match=r"fluidsynth could not write .*c\.wav: it cannot"):
        piece.save(fluidsynth / "c.wav")
    monkeypatch.setenv("PATH", str(fluidsynth / "none"))
    with pytest.raises(ConfigError, match=r"needs the program fluidsynth, which is missing.*apt install"):
        piece.save(fluidsynth / "d.wav")
