"""A piece as sound: FluidSynth plays its MIDI file into a WAV file."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from recurra import files
from recurra.errors import ConfigError, RunError, setting
from recurra.paths import expanded
from recurra.tasks.music.midi_file import write_midi

# Where Debian's packages put their instruments, best first; SOUNDFONT in the environment comes before them.
FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
_NAMES = ("FluidR3_GM.sf2", "default-GM.sf2", "default-GM.sf3", "TimGM6mb.sf2")
_GAIN = "0.8"  # its own is so low that a chord is hard to hear
_INSTALL = "On Debian or Ubuntu: sudo apt install fluidsynth fluid-soundfont-gm"


def write_wav(piece: Any, path: str | Path, soundfont: str | Path | None = None) -> None:
    """Write a piece as 16-bit stereo sound, 44,100 samples a second: `write_wav(piece, "new.wav")`.

    soundfont: the instruments, an .sf2 file; default $SOUNDFONT, or the system's. ConfigError if FluidSynth or a
    soundfont is missing, RunError if it fails.
    """
    program, font = player(soundfont)
    path = Path(path)
    with tempfile.TemporaryDirectory() as folder:
        midi = Path(folder, "piece.mid")
        write_midi(piece, midi)
        with files.replacing_output(path) as part:
            sound = ["-F", str(part), "-T", "wav", "-O", "s16", "-r", "44100", "-g", _GAIN]
            command = [program, "-ni", "-q", *sound, str(font), str(midi)]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
            # Some of its versions end with 0 after an error.
            if done.returncode or not part.is_file() or not part.stat().st_size:
                words = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
                raise RunError(f"fluidsynth could not write {path}: {words[-1]}")


def player(soundfont: str | Path | None = None) -> tuple[str, Path]:
    """The program that plays, and its instruments. ConfigError if either is missing."""
    program, font = shutil.which("fluidsynth"), _soundfont(soundfont)
    if program is None:
        raise ConfigError(f"sound needs the program fluidsynth, which is missing. {_INSTALL}")
    return program, font


def _soundfont(asked: str | Path | None) -> Path:
    asked = asked or os.environ.get("SOUNDFONT")
    if asked:
        font = expanded(asked)
        if not _is_soundfont(font):  # FluidSynth would play silence
            raise ConfigError(f"{setting('soundfont')} is {str(asked)!r}, which is no soundfont; expected an .sf2 file")
        return font
    for folder in FOLDERS:
        for name in _NAMES:
            if Path(folder, name).is_file():
                return Path(folder, name)
    raise ConfigError(f"sound needs a soundfont, the instruments, and none is in {FOLDERS[0]}. {_INSTALL}")


def _is_soundfont(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(12)[8:] == b"sfbk"
