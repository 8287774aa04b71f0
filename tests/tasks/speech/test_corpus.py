"""The recordings of a run: what cannot be read is left out, and said; where nothing is said the text is empty."""

import numpy as np
import pytest
from helpers.speech_tones import RATE, SETTINGS, words

from recurra.errors import DataError
from recurra.tasks.speech import Transcriber, corpus

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("kaldi_native_fbank")


def recordings(folder):
    """Three that can be read, and one of each kind that cannot."""
    examples = []
    for number, (sound, text) in enumerate(words(3, seed=0)):
        soundfile.write(folder / f"{number}.wav", sound, RATE)
        examples.append((folder / f"{number}.wav", text))
    soundfile.write(folder / "nothing.wav", np.zeros(0), RATE)
    soundfile.write(folder / "nan.wav", np.r_[np.zeros(90_000), np.nan], RATE, subtype="FLOAT")
    (folder / "text.wav").write_bytes(b"no sound")
    return examples, [(folder / name, "low") for name in ("nan.wav", "nothing.wav", "text.wav", "gone.wav")]


def test_recordings_that_cannot_be_read_are_left_out_and_counted(tmp_path):
    good, bad = recordings(tmp_path)
    found = corpus.build(tmp_path, [bad[0], good[0], *bad[1:3], good[1]], [bad[3], good[2]], 0)
    assert found.notes == [
        f"left out 4 of 7 recordings that cannot be read, first: {tmp_path}/nan.wav holds NaN or infinity, first at"
        " sample 24,464; mend or drop it"
    ]
    assert (found.texts, list(found.train), list(found.valid)) == ([text for _, text in good], [0, 1], [2])
    for number, (path, _) in enumerate(good):
        assert np.array_equal(found.sound(number), soundfile.read(path, dtype="float32")[0]), (
            "nothing of a bad one is left"
        )
    assert corpus.SpeechCorpus.open(tmp_path).notes == found.notes
    with pytest.raises(
        DataError, match=r"none of the 3 recordings to learn from can be read, first: .*nan\.wav holds NaN"
    ):
        corpus.build(tmp_path, bad[:3], good, 0)


def test_a_lower_rate_than_that_of_the_model_is_said(tmp_path):
    for number, rate in enumerate((8000, 16_000, 11_025)):
        soundfile.write(tmp_path / f"{number}.wav", np.ones(rate) / 2, rate)
    examples = [(tmp_path / f"{number}.wav", "one") for number in range(3)]
    assert corpus.build(tmp_path, examples, [], 16_000).notes == [
        f"2 of 3 recordings have fewer than 16,000 samples a second, such as {tmp_path}/0.wav: the upper part of their bands is"
        " empty"
    ]
    assert corpus.build(tmp_path, examples, [], 0).notes == [], "the lowest is taken, and nothing is missing"


@pytest.mark.slow
def test_where_nothing_is_said_nothing_is_heard(random):
    """Noise with an empty text is learned as such, beside words, and alone it is no lesson."""
    noise = [(random.normal(0, 0.1, RATE // 3).astype(np.float32), "") for _ in range(12)]
    rows = []
    options = SETTINGS | {"join": 1, "epochs": 8, "noise": None}
    fitted = Transcriber(**options).fit(
        [*words(24, seed=0), *noise],
        validation_data=[*words(4, seed=1), *noise[:2]],
        rate=RATE,
        quiet=True,
        listeners=[rows.append],
    )
    assert fitted.transcribe(random.normal(0, 0.1, RATE // 3), rate=RATE) == ""
    assert any(row.get("wer") is not None for row in rows)
    Transcriber(**options | {"epochs": 1}).fit(words(4, seed=0), validation_data=noise[:2], rate=RATE, quiet=True)
    with pytest.raises(DataError, match="nothing is said in any recording: every text is empty"):
        Transcriber(**options).fit(noise, rate=RATE, quiet=True)


@pytest.mark.slow
def test_the_weights_are_chosen_by_word_errors():
    rows = []
    Transcriber(**SETTINGS | {"epochs": 6, "evaluate_every": 4}).fit(
        words(30, seed=0), validation_data=words(9, seed=1), rate=RATE, quiet=True, listeners=[rows.append]
    )
    evaluated = [row for row in rows if row["event"] == "evaluate"]
    assert [row["best"] for row in evaluated] == np.minimum.accumulate([row["wer"] for row in evaluated]).tolist()
