"""Labels of clips."""

import numpy as np
import pytest
from helpers.video_clips import NOISE

from recurra.errors import ConfigError
from recurra.tasks.video import VideoClassifier, moving_digits
from recurra.tasks.video.moving import HEADINGS


@pytest.mark.slow
def test_which_digit_and_where_it_goes(digits):
    images, labels = digits
    numbers = np.flatnonzero(np.isin(labels, (0, 1, 4)))
    train, test = numbers[:400], numbers[400:]
    clips, rows = [], []
    for seed, (part, count) in enumerate(((train, 480), (test, 80))):
        pairs = np.random.default_rng(seed).choice(part, (count, 1))
        made = moving_digits(images, count, size=16, frames=5, digits=1, eight=True, speed=0.2, seed=seed, pairs=pairs)
        clips.append(made.clips)
        rows.append({"digit": labels[pairs[:, 0]].tolist(), "going": [HEADINGS[h] for h in made.headings[:, 0]]})
    model = VideoClassifier(channels=8, hidden_size=48, epochs=12, lr=5e-3, dropout=0.0, batch_size=16).fit(
        clips[0], rows[0]
    )
    found = model.evaluate(clips[1], rows[1])
    assert list(found) == ["digit", "going"]
    assert found["digit"] > 0.75
    assert found["going"] > 0.8
    assert model.score(clips[1], rows[1]) == pytest.approx(sum(found.values()) / 2)


def test_labels_in_any_form_give_the_same():
    texts = ["b", "a"] * 6
    options = dict(epochs=1, hidden_size=8, channels=4, batch_size=4)
    one = VideoClassifier(**options).fit(NOISE, texts)
    assert one.classes == [["a", "b"]]
    assert one.names == ["label"]
    assert set(one.predict(NOISE)) <= {"a", "b"}
    proba = one.predict_proba(NOISE)
    assert proba.shape == (12, 2)
    np.testing.assert_allclose(proba.sum(1), 1)
    same = VideoClassifier(**options).fit(list(NOISE), np.array(texts))
    assert np.array_equal(same.predict_proba(NOISE), proba), "the same seed, the same data"
    two = VideoClassifier(**options).fit(NOISE, {"kind": texts, "number": list(range(12))})
    found = two.predict(NOISE)
    assert found.shape == (12, 2)
    assert isinstance(found[0, 1], int)
    assert [p.shape for p in two.predict_proba(NOISE)] == [(12, 2), (12, 12)]


@pytest.mark.parametrize(
    "options", [{}, {"pooling": "attention", "bidirectional": True, "cell": "lstm"}], ids=["plain", "more"]
)
def test_clips_of_unequal_length_are_as_alone(options):
    model = VideoClassifier(epochs=1, hidden_size=8, channels=4, num_layers=1, **options).fit(NOISE, [0, 1] * 6)
    clips = [NOISE[0], NOISE[1][:2], NOISE[2][:4]]
    alone = np.concatenate([model.predict_proba([clip]) for clip in clips])
    np.testing.assert_allclose(model.predict_proba(clips), alone, atol=1e-5)
    unequal = [clip[: 3 + k % 4] for k, clip in enumerate(NOISE)]
    assert VideoClassifier(epochs=1, hidden_size=8, channels=4).fit(unequal, [0, 1] * 6).history


def test_settings_of_the_classifier_that_cannot_be():
    with pytest.raises(ConfigError, match="`hidden_size` is 0; expected 1 or more"):
        VideoClassifier(hidden_size=0)
    with pytest.raises(ConfigError, match=r"`dropout` is 1\.0; expected a fraction"):
        VideoClassifier(dropout=1.0)
    for name, value in {"crop": 8, "mirror": True}.items():
        with pytest.raises(ConfigError, match=f"`{name}` has no effect on labels: it is for next frames"):
            VideoClassifier(**{name: value})


def test_labels_of_two_types_stay_what_they_are():
    clips, labels = [np.full((3, 8, 8), 255 * (k % 2), np.uint8) for k in range(12)], [0, "dark"] * 6
    model = VideoClassifier(epochs=20, lr=0.02, hidden_size=8, channels=4, validation=0.0).fit(clips, labels)
    assert model.predict(clips).tolist() == labels
    assert model.evaluate(clips, labels) == {"label": 1.0}
