"""Sound in pieces: heard as whole, in bounded memory, with times that are right."""

import numpy as np
import pytest
import torch
from helpers.speech_tones import RATE, SAID, SETTINGS, sentence
from helpers.support import assert_close

from recurra.errors import ConfigError, DtypeError
from recurra.tasks.speech.config import settings
from recurra.tasks.speech.features import count, frames_of
from recurra.tasks.speech.levels import Levels
from recurra.tasks.speech.stream import step_times

pytest.importorskip("kaldi_native_fbank")


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100])
def test_times_are_right_after_an_hour_at_any_rate(rate):
    """Frames are whole samples apart: at 11,025 a second that is a little less than 10 ms."""
    step, first = step_times(settings(rate=rate)["model"])
    steps = count(3600 * rate, rate) // 3
    assert abs(first + (steps - 1) * step - 3600) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("beam", [0, 4])
@pytest.mark.parametrize("most", [50, 900, 20_000])
def test_sound_in_pieces_is_heard_as_whole_to_the_bit(fitted, most, beam):
    sound, random, at = sentence(SAID, seed=1, rate=11025), np.random.default_rng(most), 0
    stream = fitted.stream(rate=11025, beam=beam)
    while at < len(sound):
        size = int(random.integers(0, most))
        text = stream.feed(sound[at : at + size])
        assert text == stream.text
        at += size
    assert stream.finish() == stream.finish() == SAID
    assert stream.transcript == fitted.transcript(sound, rate=11025, beam=beam), "times and probabilities too"


def test_words_come_before_the_sound_ends_and_only_grow(fitted):
    sound, stream, texts = sentence(SAID, seed=1), fitted.stream(rate=RATE), [""]
    for at in range(0, len(sound), 800):
        texts.append(stream.feed(sound[at : at + 800]))
        heard = stream.transcript.words
        late = (at + 800) / RATE - stream.delay
        whole = fitted.transcript(sound, rate=RATE).words
        assert [word for word in whole if word.end < late] == heard[: sum(word.end < late for word in whole)]
    assert all(b.startswith(a) for a, b in zip(texts, texts[1:], strict=False))
    assert len(set(texts)) > 4


def test_blocks_compute_what_training_computes(fitted):
    """The blocks of a stream join without a seam: its scores are those of one pass over all frames."""
    sound, model = sentence(SAID, seed=1), fitted.model
    frames = torch.from_numpy(Levels(model.bands.numpy()).feed(frames_of(sound, RATE, SETTINGS["mels"]), last=True))[
        None
    ]
    with torch.no_grad():
        want, _ = model(frames, torch.tensor([frames.shape[1]]))
    got, stream = [], fitted.stream(rate=RATE)
    feed = stream._decoder.feed
    stream._decoder.feed = lambda scores: (got.append(torch.tensor(scores)), feed(scores))
    stream.feed(sound)
    stream.finish()
    assert len(got) > 5
    assert_close(torch.cat(got), want[:, 0], 1e-4)


def test_memory_does_not_grow_with_the_length(fitted):
    stream, random = fitted.stream(rate=RATE), np.random.default_rng(0)
    noise = random.normal(0, 1e-3, RATE).astype(np.float32)

    def held():
        arrays = [*stream._waiting, stream._resampler.kept]
        return sum(a.nbytes for a in arrays) + sum(t.nbytes for t in (stream._frames, stream._hidden))

    sizes = []
    for _ in range(120):
        stream.feed(noise)
        sizes.append(held())
    assert max(sizes) < 16_000, "bytes, after two minutes"
    assert stream._features._given > 10_000, "frames are counted on, but not kept"


def test_a_stream_says_what_it_cannot_do(fitted):
    stream = fitted.stream(rate=RATE)
    with pytest.raises(DtypeError, match="the sound is bool; expected floats"):
        stream.feed(np.zeros(10, bool))
    stream.finish()
    with pytest.raises(ConfigError, match="the stream has ended; open a new one"):
        stream.feed(np.zeros(10))
    with pytest.raises(ConfigError, match="`rate` is 12; expected whole samples a second"):
        fitted.stream(rate=12)
