"""Speech recognition from end to end, on a language of three words made in code, and on spoken digits."""

import numpy as np
import pytest
import torch
from helpers.speech_tones import RATE, SAID, SETTINGS, sentence, tone, words

from recurra.errors import ConfigError, DataError, DtypeError
from recurra.tasks import speech
from recurra.tasks.speech import Transcriber

pytest.importorskip("kaldi_native_fbank")

soundfile = pytest.importorskip("soundfile")
TINY = SETTINGS | {"hidden_size": 8, "epochs": 2}


# Transcribing


@pytest.mark.slow
def test_words_learned_alone_are_understood_in_sentences(fitted):
    assert fitted.transcribe(sentence(SAID, seed=1), rate=RATE) == SAID
    assert fitted.transcribe(sentence(SAID, seed=1), rate=RATE, beam=5) == SAID
    found = fitted.evaluate([(sentence(SAID, seed=k), SAID) for k in range(2, 8)], rate=RATE)
    assert found["wer"] <= 0.1
    assert found["cer"] <= 0.1
    assert fitted.folder is None, "no run is kept unless asked for"
    assert fitted.evaluate(iter([(sentence(SAID, seed=2), f" {SAID}\n")]), rate=RATE)["cer"] <= 0.2


def test_an_evaluation_reads_pairs_as_a_fit_does(fitted):
    for example, error, why in (
        (("a.wav", "one", "two"), DataError, r"recording 0 is tuple; expected a pair: \(file or array, text\)"),
        (("a.wav", 1), DtypeError, r"the text of a\.wav is int; expected str"),
    ):
        with pytest.raises(error, match=why):
            fitted.evaluate([example])


def test_a_tensor_is_sound_as_an_array_is(fitted):
    sound = sentence(SAID, seed=1)
    assert fitted.transcribe(torch.tensor(sound, requires_grad=True), rate=RATE) == SAID


def test_the_times_are_where_the_words_are(fitted):
    pause, silence = np.zeros(RATE // 5, np.float32), np.zeros(RATE, np.float32)
    random = np.random.default_rng(5)
    tones = [tone("low", random), tone("mid", random)]
    first, second = (len(one) / RATE for one in tones)
    sound = np.concatenate([pause, tones[0], silence, tones[1], silence])
    transcript = fitted.transcript(sound + random.normal(0, 3e-3, len(sound)), rate=RATE)
    low, mid = transcript.words
    assert (low.text, mid.text) == ("low", "mid")
    assert 0.2 <= low.start < 0.4
    assert low.end == pytest.approx(0.2 + first, abs=0.05)
    assert 1.2 + first <= mid.start < 1.4 + first
    assert mid.end == pytest.approx(1.2 + first + second, abs=0.05)
    assert transcript.seconds == len(sound) / RATE
    assert all(0.5 < spike.probability <= 1 for spike in transcript.spikes)


@pytest.mark.parametrize("decibels", [-30, -10, 10])
def test_the_level_of_a_recording_does_not_matter(fitted, decibels):
    sound = np.float32(10 ** (decibels / 20)) * sentence(SAID, seed=1)
    assert fitted.transcribe(sound, rate=RATE) == SAID
    stream = fitted.stream(rate=RATE)
    stream.feed(sound)
    assert stream.finish() == SAID


def test_sound_of_a_lower_rate_than_was_learned_is_reported(fitted):
    sound = sentence(SAID, seed=1, rate=6000)
    with pytest.warns(
        UserWarning,
        match="the sound has 6,000 samples a second, and the model learned at 8,000: its upper part is missing",
    ):
        fitted.transcribe(sound, rate=6000)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_another_rate_and_two_channels_give_the_same_words(fitted, tmp_path, rate):
    sound = sentence(SAID, seed=1, rate=rate)
    assert fitted.transcribe(sound, rate=rate) == SAID
    soundfile.write(tmp_path / "a.flac", np.stack([sound, sound], 1), rate)
    assert fitted.transcribe(tmp_path / "a.flac") == SAID
    assert fitted.transcribe((sound * 2**15).astype(np.int16), rate=rate) == SAID


@pytest.mark.parametrize("samples", [1, 100, RATE * 5])
def test_silence_and_a_blink_have_no_words(fitted, samples):
    assert fitted.transcribe(np.zeros(samples), rate=RATE) == ""


@pytest.mark.slow
@pytest.mark.parametrize("option", [{"bidirectional": True, "lookahead": 0}, {"normalise": "file"}])
def test_models_of_whole_recordings_transcribe_and_refuse_to_stream(option):
    transcriber = Transcriber(**SETTINGS | option | {"epochs": 12}).fit(words(45, seed=0), rate=RATE, quiet=True)
    text = transcriber.transcribe(sentence(SAID, seed=1, rate=16000), rate=16000)
    assert speech.word_error_rate(SAID, text) <= 0.3
    assert transcriber.transcribe(np.zeros(10), rate=RATE) == ""
    name, value = next(iter(option.items()))
    with pytest.raises(ConfigError, match=f"a model with {name}={value!r} needs the whole recording"):
        transcriber.stream(rate=RATE)


@pytest.mark.slow
def test_spoken_digits_are_learned(real_data):
    """Four digits by two speakers, recordings 0 to 4 unseen: a minute's work, far from what a full training reaches."""
    folder, names = real_data("fsdd/recordings"), ["one", "two", "seven", "eight"]
    digits = {"one": 1, "two": 2, "seven": 7, "eight": 8}
    recording = lambda word, speaker, k: (folder / f"{digits[word]}_{speaker}_{k}.wav", word)  # noqa: E731
    speakers = ("george", "jackson")
    train = [recording(w, s, k) for w in names for s in speakers for k in range(5, 30)]
    test = [recording(w, s, k) for w in names for s in speakers for k in range(5)]
    options = {"unit": "word", "hidden_size": 48, "num_layers": 1, "epochs": 14, "lr": 1e-2, "dropout": 0.1}
    transcriber = Transcriber(**options, batch_size=16, device="cpu").fit(train, quiet=True)
    right = sum(transcriber.transcribe(sound) == text for sound, text in test)
    assert right >= 0.9 * len(test), f"{right} of {len(test)}"
