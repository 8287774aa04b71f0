"""The running mean that makes level and channel harmless, against its equations."""

import numpy as np
import pytest

from recurra.tasks.speech.features import EMPTY
from recurra.tasks.speech.levels import AHEAD, HUSH, PRIOR, REACH, SOFTEST, WIDEST, Levels

MELS = 12


@pytest.fixture
def voice(random):
    """Frames of something that is loud and soft in turns, around 15 nats: (700, MELS)."""
    loudness = 15 + 3 * np.sin(np.arange(700) / 9)[:, None]
    return (loudness + random.normal(0, 1.5, (700, MELS)) - np.linspace(0, 4, MELS)).astype(np.float32)


BANDS = -np.linspace(2, 6, MELS)


def levelled(frames):
    return Levels(BANDS).feed(frames, last=True)


def by_definition(frames, bands):
    """Frame by frame, in the sums of the equations."""
    x = frames.astype(np.float64)
    found, decay = [], np.exp(-1 / REACH)
    levels = np.log(np.exp(x).sum(1))
    for t in range(len(x)):
        weights = np.exp(levels[: t + 1] / 2) * decay ** np.arange(t, -1, -1)
        level = (weights * levels[: t + 1]).sum() / weights.sum()
        mean = (weights[:, None] * x[: t + 1]).sum(0) / weights.sum()
        count = weights.sum() ** 2 / (weights**2).sum()
        bent = np.clip(mean - level - bands, -WIDEST, WIDEST)
        found.append(max(level, SOFTEST) + bands + count / (count + PRIOR) * bent)
    return x - np.array([found[min(t + AHEAD, len(x) - 1)] for t in range(len(x))])


def test_it_follows_its_equations_in_pieces_of_any_size(voice, random):
    want = by_definition(voice, BANDS)
    assert np.abs(levelled(voice) - want).max() < 1e-4
    assert levelled(voice[:0]).shape == (0, MELS)
    for count in (1, AHEAD - 1, AHEAD + 3):
        assert np.abs(levelled(voice[:count]) - by_definition(voice[:count], BANDS)).max() < 1e-4
    levels, parts, at = Levels(BANDS), [], 0
    while at < len(voice):
        size = int(random.integers(0, 90))
        parts.append(levels.feed(voice[at : at + size]))
        at += size
        assert sum(map(len, parts)) == max(0, min(at, len(voice)) - AHEAD), "so many wait for what follows"
    parts.append(levels.feed(voice[:0], last=True))
    assert np.abs(np.concatenate(parts) - want).max() < 1e-4


@pytest.mark.parametrize("decibels", [-30, -10, 10, 20])
def test_loudness_is_gone_from_the_first_frame_on(voice, decibels):
    louder = voice + np.float32(decibels * np.log(10) / 10)
    assert np.abs(levelled(louder) - levelled(voice)).max() < 1e-3


def test_a_channel_is_gone_after_a_while(voice, random):
    slope = np.linspace(-1.5, 1.5, MELS).astype(np.float32)
    plain, bent = levelled(voice), levelled(voice + slope)
    before, after = (
        np.abs(bent - plain - (bent - plain).mean(1, keepdims=True)).mean(1)[at] for at in (slice(5), slice(-50, None))
    )
    assert after.mean() < 0.25 * before.mean()


def test_an_empty_band_stays_empty(voice):
    empty = voice.copy()
    empty[:, 8:] = EMPTY
    found = levelled(empty)
    assert found[:, 8:].max() < -10, "nats below its mean, however long"
    assert np.abs(found[300:, :8] - levelled(voice)[300:, :8]).mean() < 1


def test_silence_counts_for_nothing_and_is_not_made_louder(voice):
    silence = np.full((2000, MELS), EMPTY, np.float32)
    found = levelled(np.concatenate([silence, voice]))
    assert found[: 2000 - AHEAD].max() < -10
    assert np.abs(found[2000:] - levelled(voice)).max() < 0.1


def test_what_sounds_is_said_with_its_times(voice):
    gap, blink = (np.full((n, MELS), 2.0, np.float32) for n in (50, 10))
    loud = np.full((100, MELS), 15.0, np.float32)
    levels = Levels(BANDS)
    for part in (loud, gap, loud, blink, loud, gap):
        levels.feed(part)
    assert np.allclose(levels.sounding(8000), [(0.0, 1.015), (1.5, 3.615)])
    soft = Levels(BANDS)
    soft.feed(np.concatenate([loud, loud, loud - HUSH - 0.5, loud, loud - HUSH + 0.5]))
    assert np.allclose(soft.sounding(8000), [(0.0, 2.015), (3.0, 5.015)])
    assert Levels(BANDS).sounding(8000) == ()
