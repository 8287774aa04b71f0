"""Sound out of whatever FFmpeg reads, through PyAV: what libsndfile does not know (m4a, webm, wma), and where it loses some.

An MP3 file need not say how long it is: libsndfile then estimates it, and stops there.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from recurra import files
from recurra.errors import DataError

SLACK = 0.1  # seconds of sound that a header may promise too much: recorders write sizes that are a little off
FORMATS = (
    "wav,w64,aiff,au,caf,voc,flac,ogg,mp3,aac,ac3,eac3,amr,amrnb,amrwb,asf,wv,ape,tta,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,"
    "avi,mpeg,mpegts,flv"
)
"""Those that FFmpeg may find sound in. Playlists are not among them: they have it open other files and addresses."""
_ESTIMATED = {"mp3", "aac", "ac3", "amr"}  # formats whose length FFmpeg guesses from the first frames


def open_sound(path: Path, av: Any, reason: str) -> tuple[int, Iterator[np.ndarray]]:
    """A file's samples a second and its sound, (n, channels) float32 in pieces as FFmpeg gives them.

    av: PyAV. reason: why libsndfile does not read it. DataError if FFmpeg does not read it either; while it is read, for a
    file that is cut off.
    """
    refused = (
        f"{path} cannot be read as sound ({reason}); expected WAV, FLAC, MP3, Ogg, Opus, M4A or another file of sound"
    )
    with _opened(path, av, refused) as container:
        if not container.streams.audio:
            kinds = ", ".join(sorted({one.type for one in container.streams}))
            raise DataError(f"{path} has no sound in it, only {kinds}" if kinds else refused)
        rate = container.streams.audio[0].rate
    return rate, _pieces(path, av, refused)


@contextlib.contextmanager
def _opened(path: Path, av: Any, refused: str) -> Iterator[Any]:
    how = {"options": {"format_whitelist": FORMATS}, "metadata_errors": "replace", "io_open": _refuse_to_open}
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open(path, "rb"))
        with files.decoding(path, "sound"):
            try:
                container = stack.enter_context(av.open(file, **how))
            except (av.FFmpegError, OSError) as error:
                raise DataError(refused) from error
        yield container


def _refuse_to_open(url: str, *_: Any) -> None:
    raise ValueError(f"it has another file opened, {url!r}")


def _pieces(path: Path, av: Any, refused: str) -> Iterator[np.ndarray]:
    done, broken = 0, 0
    # Opened again: who wants the rate alone never begins to read, and what is not begun cannot be closed.
    with _opened(path, av, refused) as container:
        stream = container.streams.audio[0]
        rate, resampler = stream.rate, av.AudioResampler(format="fltp", rate=stream.rate)
        for packet in _packets(path, av, container, stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:  # as players do: what cannot be decoded is passed over, and counted
                broken += 1
                continue
            for frame in frames:
                for part in resampler.resample(frame):
                    done += part.samples
                    yield part.to_ndarray().T
        for part in resampler.resample(None) if done else ():
            done += part.samples
            yield part.to_ndarray().T
        if not done:
            raise DataError(
                f"{path} is " + ("damaged: none of its sound can be decoded" if broken else "empty: it has no samples")
            )
        promised = float(stream.duration * stream.time_base) if stream.duration else 0.0
        if not _ESTIMATED & set(container.format.name.split(",")) and promised > done / rate + SLACK:
            raise DataError(cut_off(path, done / rate, promised))


def _packets(path: Path, av: Any, container: Any, stream: Any) -> Iterator[Any]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            raise DataError(f"{path} is cut off or damaged: {error.strerror}. Copy it again") from error
        if packet is None:
            return
        yield packet


def cut_off(path: Path, there: float, promised: float) -> str:
    """What is said of a file that ends before it should; seconds."""
    return f"{path} is cut off or damaged: it promises {promised:.1f} s of sound and has {there:.1f} s. Copy it again"
