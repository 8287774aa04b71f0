"""Resampling: tones stay, what the lower rate cannot hold goes, pieces give the whole."""

import numpy as np
import pytest
from helpers.sounds import tone

from recurra.errors import ConfigError, ShapeError
from recurra.tasks.speech import Resampler

pytest.importorskip("kaldi_native_fbank")


@pytest.mark.parametrize(
    ("source", "target"), [(44100, 16000), (8000, 16000), (48000, 8000), (22050, 16000), (11025, 8000), (16001, 16000)]
)
def test_a_tone_stays_the_same_tone_at_another_rate(source, target):
    height = 0.3 * min(source, target)
    got = Resampler(source, target).feed(tone(source, height), last=True)
    want = tone(target, height)
    assert abs(len(got) - len(want)) <= 1
    inside = slice(200, min(len(got), len(want)) - 200)  # at the ends it meets silence
    assert np.abs(got[inside] - want[inside]).max() < 2e-3


def test_a_tone_that_the_lower_rate_cannot_hold_is_gone():
    got = Resampler(44100, 16000).feed(tone(44100, 9000), last=True)
    assert np.abs(got[200:-200]).max() < 2e-3


@pytest.mark.parametrize(("source", "target"), [(44100, 16000), (8000, 11025), (3, 2), (8000, 8000)])
def test_resampled_in_pieces_is_resampled_whole(random, source, target):
    sound = random.normal(size=9000).astype(np.float32)
    want = Resampler(source, target).feed(sound, last=True)
    assert len(want) == -(-9000 * target // source)
    pieces, at, resampler = [], 0, Resampler(source, target)
    while at < 9000:
        size = int(random.integers(0, 700))
        pieces.append(resampler.feed(sound[at : at + size], last=at + size >= 9000))
        at += size
    assert np.array_equal(np.concatenate(pieces), want)


def test_a_resampler_gives_what_it_says(random):
    sound = random.normal(size=100)
    for rates in ((8000, 8000), (8000, 4000)):
        assert Resampler(*rates).feed(sound, last=True).dtype == np.float32
        with pytest.raises(ShapeError, match=r"the samples are \(50, 2\); expected \(samples,\)"):
            Resampler(*rates).feed(sound.reshape(50, 2))
    for rates in ((0, 8000), (8000, -1), (8000.0, 8000)):
        with pytest.raises(ConfigError, match="is no sampling rate; expected whole samples a second, 1 or more"):
            Resampler(*rates)
