"""Recordings joined, with noise, varied and masked."""

import numpy as np
import pytest
from helpers.sounds import tone

from recurra.tasks.speech import join, mix
from recurra.tasks.speech.config import SpeechDataConfig
from recurra.tasks.speech.features import EMPTY

pytest.importorskip("kaldi_native_fbank")


def test_recordings_are_joined_with_pauses(random):
    one, two = np.full(800, 0.5, np.float32), np.full(400, -0.5, np.float32)
    lengths, at_once = set(), 0
    for _ in range(40):
        sound = join([one, two], 8000, random, pause=0.1)
        at_once += sound[0] != 0
        assert np.array_equal(sound[sound != 0], np.concatenate([one, two]))
        assert 1200 <= len(sound) <= 1200 + 3 * 800
        lengths.add(len(sound))
    assert len(lengths) > 10
    assert 10 < at_once < 30, "half of them begin without a pause"
    assert np.array_equal(join([one], 8000, random, pause=0), one)


def test_noise_is_as_loud_as_asked(random):
    sound = tone(8000, 440)
    below = []
    for _ in range(50):
        noise = mix.noisy(sound, random, 10.0) - sound
        below.append(10 * np.log10(np.square(sound).mean() / np.square(noise).mean()))
    assert 9.9 < min(below) < 15
    assert 35 < max(below) < 40.1
    assert mix.noisy(sound, random, None) is sound
    assert np.array_equal(mix.noisy(np.zeros(100, np.float32), random, 10.0), np.zeros(100)), "silence stays silent"


def test_speed_and_loudness_vary(random):
    sound = tone(8000, 440)
    data = SpeechDataConfig(speed=0.1, gain=6.0)
    varied = [mix.varied(sound, random, data) for _ in range(40)]
    assert {len(one) for one in varied} == {3637, 4000, 4445}, "faster by a tenth, as it is, slower by a tenth"
    peaks = [np.abs(one[500:-500]).max() for one in varied]
    assert 0.5 <= min(peaks) < 0.7
    assert 1.4 < max(peaks) <= 2.0


def test_channels_tilt_the_bands_and_empty_upper_ones(random):
    frames = np.full((50, 20), 12.0, np.float32)
    heard = [mix.channelled(frames, random, SpeechDataConfig(low_pass=0.5, tilt=10.0)) for _ in range(200)]
    empty = [int((one[0] == np.float32(EMPTY)).sum()) for one in heard]
    assert 60 < sum(count > 0 for count in empty) < 120
    assert max(empty) == 8, "at most 40 % of the bands"
    assert all((one[:, :12] != np.float32(EMPTY)).all() for one in heard)
    decibels = [10 / np.log(10) * (one[0, 11] - one[0, 0]) * 19 / 11 for one in heard]
    assert -10 < min(decibels) < -8
    assert 8 < max(decibels) < 10
    assert (frames == 12).all(), "what came is left as it was"
    plain = mix.channelled(frames, random, SpeechDataConfig(low_pass=0.0, tilt=0.0))
    assert np.array_equal(plain, frames)


def test_a_small_change_of_speed_is_one(random):
    data = SpeechDataConfig(speed=0.004, gain=0.0)
    assert {len(mix.varied(np.zeros(9960), random, data)) for _ in range(20)} == {9921, 9960, 10_000}


def test_masks_blank_out_bands_and_stretches_of_time(random):
    frames = np.ones((200, 40), np.float32)
    data = SpeechDataConfig(time_masks=1, time_mask=0.2, band_masks=1, band_mask=8)
    rows, columns = set(), set()
    for _ in range(50):
        blank = mix.masked(frames, random, data) == 0
        rows.add(int(blank.all(1).sum()))
        columns.add(int(blank.all(0).sum()))
        assert np.array_equal(blank, blank.all(1)[:, None] | blank.all(0)[None])
    assert max(rows) <= 40
    assert len(rows) > 10
    assert max(columns) == 8
    assert (frames == 1).all(), "what came is left as it was"
