"""Speech recognition from end to end, on a language of three words made in code, and on spoken digits."""

import numpy as np
import pytest
import torch
from helpers.speech_tones import RATE, SETTINGS, sentence, tone, words
from helpers.support import assert_close

from recurra.errors import ConfigError, DataError, DtypeError
from recurra.tasks import speech
from recurra.tasks.speech import Spike, Transcriber, Transcript
from recurra.tasks.speech.config import settings
from recurra.tasks.speech.features import count, frames_of
from recurra.tasks.speech.model import Lookahead, SpeechModel
from recurra.tasks.speech.stream import step_times

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("kaldi_native_fbank")

SAID = "low high high mid low mid mid"
TINY = SETTINGS | {"hidden_size": 8, "epochs": 2}


@pytest.fixture(scope="module")
def fitted():
    return Transcriber(**SETTINGS).fit(words(60, seed=0), rate=RATE, quiet=True)


# Transcribing


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
    silence = np.zeros(RATE, np.float32)
    random = np.random.default_rng(5)
    sound = np.concatenate([silence, tone("low", random), silence, tone("mid", random), silence])
    transcript = fitted.transcript(sound + random.normal(0, 3e-3, len(sound)), rate=RATE)
    low, mid = transcript.words
    assert (low.text, mid.text) == ("low", "mid")
    assert 1.0 <= low.start == low.end <= 1.4
    assert 2.15 <= mid.start <= 2.7
    assert transcript.seconds == len(sound) / RATE
    assert all(0.5 < spike.probability <= 1 for spike in transcript.spikes)


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


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100])
def test_times_are_right_after_an_hour_at_any_rate(rate):
    """Frames are whole samples apart: at 11,025 a second that is a little less than 10 ms."""
    step, first = step_times(settings(rate=rate)["model"])
    steps = count(3600 * rate, rate) // 3
    assert abs(first + (steps - 1) * step - 3600) < 0.05


# Streaming


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
    frames = torch.from_numpy(frames_of(sound, RATE, SETTINGS["mels"], "global"))[None]
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


@pytest.mark.parametrize("option", [{"bidirectional": True, "lookahead": 0}, {"normalise": "file"}])
def test_models_of_whole_recordings_transcribe_and_refuse_to_stream(option):
    transcriber = Transcriber(**SETTINGS | option | {"epochs": 12}).fit(words(45, seed=0), rate=RATE, quiet=True)
    text = transcriber.transcribe(sentence(SAID, seed=1, rate=16000), rate=16000)
    assert speech.word_error_rate(SAID, text) <= 0.3
    assert transcriber.transcribe(np.zeros(10), rate=RATE) == ""
    name, value = next(iter(option.items()))
    with pytest.raises(ConfigError, match=f"a model with {name}={value!r} needs the whole recording"):
        transcriber.stream(rate=RATE)


# The model


def test_the_lookahead_is_a_sum_over_the_next_steps():
    layer, x = Lookahead(units=3, ahead=2).double(), torch.randn(7, 2, 3, dtype=torch.float64)
    assert torch.equal(layer(x), x[:5]), "it starts as no convolution"
    torch.nn.init.normal_(layer.weight)
    want = sum(x[j : j + 5] * layer.weight[j] for j in range(3))
    assert_close(layer(x), want.detach(), 1e-12)


def test_rows_of_a_batch_do_not_see_their_padding():
    model = SpeechModel(4, settings(hidden_size=8, mels=5, stack=2, dropout=0.0)["model"]).eval()
    frames = torch.randn(3, 21, 5)
    lengths = torch.tensor([21, 8, 1])
    scores, steps = model(frames, lengths)
    assert steps.tolist() == [10, 4, 0]
    for row, length in enumerate(lengths.tolist()):
        alone, _ = model(frames[row : row + 1, :length], lengths[row : row + 1])
        assert alone.shape[0] == length // 2
        if length > 1:
            assert_close(scores[: length // 2, row], alone[:, 0].detach(), 1e-5)


# Pictures, and real speech


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
