"""Bands of sound over time."""

import numpy as np
import pytest
from helpers.sounds import tone

from recurra.errors import ConfigError, ShapeError
from recurra.tasks.speech import LogMel
from recurra.tasks.speech.features import EMPTY, TAIL, count, frames_of, standardised

pytest.importorskip("kaldi_native_fbank")


def test_bands_that_cannot_be_are_told_in_the_right_words():
    with pytest.raises(ConfigError, match="`mels` is 0; expected a whole number of bands, 3 or more"):
        LogMel(8000, 0)
    with pytest.raises(ConfigError, match="`rate` is 0; expected whole samples a second, 1,000 to"):
        LogMel(0, 40)
    with pytest.raises(ShapeError, match=r"the samples are \(900, 2\); expected \(samples,\), one channel"):
        LogMel(8000, 40).feed(np.zeros((900, 2), np.float32))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_frames_are_counted_as_they_come(random, rate):
    for samples in (0, 100, rate * 25 // 1000 - 1, rate * 25 // 1000, rate, rate + 7):
        sound = random.normal(size=samples).astype(np.float32)
        assert LogMel(rate, 20).feed(sound).shape == (count(samples, rate), 20)
        followed = frames_of(sound, rate, 20)
        assert followed.shape == (count(samples + int(TAIL * rate), rate), 20)
        assert np.allclose(followed[count(samples, rate) + 3 :], followed[-1]), "silence follows every recording"


def test_a_quiet_voice_is_far_above_silence():
    silence, whisper = (
        LogMel(8000, 20).feed(sound) for sound in (np.zeros(8000, np.float32), 1e-3 * tone(8000, 700, 1.0))
    )
    assert np.allclose(silence, EMPTY, atol=1e-4)
    assert whisper.max() > EMPTY + 25


def test_a_tone_is_loudest_in_its_band_and_pieces_give_the_same():
    sound = tone(16000, 1000)
    frames = LogMel(16000, 40).feed(sound)
    mel = lambda hertz: 1127 * np.log(1 + hertz / 700)  # noqa: E731 (the field's formula)
    band = (mel(1000) - mel(20)) / (mel(8000) - mel(20)) * 41 - 1
    assert abs(frames.mean(0).argmax() - band) <= 0.5
    online = LogMel(16000, 40)
    pieces = [online.feed(sound[at : at + 333]) for at in range(0, len(sound), 333)]
    assert np.array_equal(np.concatenate(pieces), frames)


def test_a_file_can_be_normalised_by_itself(random):
    sound = random.normal(size=8000).astype(np.float32) * 0.1
    quiet, loud = (standardised(frames_of(sound * gain, 8000, 20), count(8000, 8000)) for gain in (0.1, 1.0))
    heard = slice(count(8000, 8000))  # without the silence that follows
    assert np.allclose(quiet[heard].mean(0), 0, atol=1e-3)
    assert np.allclose(quiet[heard].std(0), 1, atol=1e-3)
    assert quiet.min() == -5
    assert np.allclose(quiet[heard], loud[heard], atol=2e-3), "loudness is gone"
    silence = standardised(frames_of(np.zeros(8000, np.float32), 8000, 20), count(8000, 8000))
    assert np.abs(silence).max() < 1e-6, "silence is no division by zero"
