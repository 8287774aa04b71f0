"""A picture of a transcript."""

import numpy as np
import pytest
from helpers.speech_tones import RATE, SAID, sentence

from recurra.tasks.speech import Spike, Transcript

pytest.importorskip("kaldi_native_fbank")


@pytest.mark.slow
def test_a_picture_shows_the_spikes_over_the_spectrogram(fitted, tmp_path):
    figure = fitted.plot(sentence(SAID, seed=1), tmp_path / "a.png", rate=RATE)
    above, below = figure.axes
    assert [text.get_text() for text in above.texts] == SAID.split()
    assert above.get_title() == f"“{SAID}”"
    assert len(below.lines) == 7
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert fitted.plot(np.zeros(10), rate=RATE).axes[0].get_title() == "“”"


def test_what_is_said_is_drawn_as_it_stands(fitted, tmp_path, monkeypatch):
    """Two dollars are no formula."""
    heard = Transcript((Spike("$\\frac{$", 0.1, 0.9),), 0.2)
    monkeypatch.setattr(fitted, "transcript", lambda *_, **__: heard, raising=False)
    assert fitted.plot(np.zeros(1600), tmp_path / "a.png", rate=RATE).axes[0].get_title() == "“$\\frac{$”"
