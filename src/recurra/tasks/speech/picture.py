"""The picture of a transcript: the spectrogram, and over it the spikes of the symbols."""

from pathlib import Path
from typing import Any

import numpy as np

from recurra.fitting import pictures
from recurra.tasks.speech.features import LogMel, spans
from recurra.tasks.speech.resample import Resampler
from recurra.tasks.speech.sound import read

LONGEST = 60.0  # seconds that a picture can show


def draw(transcriber: Any, sound: Any, rate: int | None = None, file: str | Path | None = None) -> Any:
    """A matplotlib Figure of a recording's first minute: see `Transcriber.plot`."""
    # Not pyplot: its state, and the choice of a window system, are the user's.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if file is not None:
        pictures.check(file)
    rate, blocks = read(sound, rate)
    samples = np.concatenate(list(blocks))[: int(LONGEST * rate)]
    config, found = transcriber.model.config, transcriber.transcript(samples, rate=rate)
    frames = LogMel(config.rate, config.mels).feed(Resampler(rate, config.rate).feed(samples, last=True))
    figure = Figure(figsize=(10, 4.2), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2.2))
    for spike in found.spikes:
        above.vlines(spike.time, 0, spike.probability, color="C3", lw=2)
        above.annotate(
            spike.symbol.strip() or "␣",
            (spike.time, spike.probability),
            ha="center",
            va="bottom",
            fontsize=9,
            parse_math=False,
        )
        below.axvline(spike.time, color="white", lw=1, alpha=0.7)
    above.set(ylim=(0, 1.35), yticks=(0, 1), ylabel="probability")
    above.set_title(f"“{found.text}”", parse_math=False)  # what is said may have dollars in it
    above.spines[["top", "right"]].set_visible(False)
    frame, shift = (samples / config.rate for samples in spans(config.rate))
    start = (frame - shift) / 2
    below.imshow(
        frames.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(start, start + shift * max(1, len(frames)), 0, config.mels),
        # Digital silence is far below everything that is heard.
        vmin=np.quantile(frames, 0.1) if len(frames) else None,
    )
    below.set(xlim=(0, found.seconds), xlabel="seconds", ylabel="mel band")
    if file is not None:
        pictures.write(figure, file)
    return figure
