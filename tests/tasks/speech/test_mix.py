"""Recordings joined, with noise, varied and masked."""

import numpy as np
import pytest
from helpers.sounds import tone

from recurra.tasks.speech import join, mix
from recurra.tasks.speech.config import SpeechDataConfig

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


def test_a_small_change_of_speed_is_one(random):
    data = SpeechDataConfig(speed=0.004, gain=0.0)
    assert {len(mix.varied(np.zeros(9960), random, data)) for _ in range(20)} == {9921, 9960, 10_000}


def test_masks_blank_out_bands_and_stretches_of_time(random):
    frames, fill = np.ones((200, 40), np.float32), np.full(40, 7, np.float32)
    data = SpeechDataConfig(time_masks=1, time_mask=0.2, band_masks=1, band_mask=8)
    rows, columns = set(), set()
    for _ in range(50):
        blank = mix.masked(frames, random, data, fill) == 7
        rows.add(int(blank.all(1).sum()))
        columns.add(int(blank.all(0).sum()))
        assert np.array_equal(blank, blank.all(1)[:, None] | blank.all(0)[None])
    assert max(rows) <= 40
    assert len(rows) > 10
    assert max(columns) == 8
    assert (frames == 1).all(), "what came is left as it was"
