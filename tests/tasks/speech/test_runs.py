"""Runs of speech recognition: what is kept, resumed and refused; the recordings and settings they are made from."""

import json
import signal

import numpy as np
import pytest
import torch
from helpers.speech_tones import RATE, SETTINGS, sentence, tone, words
from helpers.support import assert_close

from recurra.config import options
from recurra.errors import ConfigError, DataError, DtypeError, NotFittedError, RunError, VocabularyError
from recurra.tasks import speech
from recurra.tasks.speech import Transcriber
from recurra.tasks.speech.config import CONFIGS, settings
from recurra.tasks.speech.corpus import SpeechCorpus
from recurra.tasks.speech.model import SpeechModel
from recurra.tasks.speech.task import SpeechTask
from recurra.training import Interrupted

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("kaldi_native_fbank")

SAID = "low high high mid low mid mid"
TINY = SETTINGS | {"hidden_size": 8, "epochs": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small finished run that was kept."""
    folder = tmp_path_factory.mktemp("speech") / "run"
    Transcriber(**TINY).fit(words(12, seed=0), rate=RATE, out=folder, quiet=True)
    return folder


def test_every_batch_follows_from_its_place_alone(run):
    corpus, fitted = SpeechCorpus.open(run), Transcriber.load(run)

    def batches(seed):
        task = SpeechTask(fitted.model, fitted.vocabulary, corpus, fitted.parts["data"], seed)
        first, second = (task._example(3, task.train, epoch)[0] for epoch in (4, 5))
        assert not np.array_equal(first[:10], second[:10]), "no epoch is like another"
        return [task.batch(epoch, index) for epoch, index in [(0, 1), (3, 0), (0, 1)]]

    (a, b, c), (d, _, _) = batches(1), batches(1)
    for one, other in ((a, c), (a, d)):
        assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))
    assert not torch.equal(a.ids, b.ids)
    assert not torch.equal(a.frames, batches(2)[0].frames)


# Runs


def test_a_kept_run_has_everything_and_is_opened_again(run):
    names = {path.name for path in run.iterdir()}
    assert names >= {"config.json", "vocabulary.json", "model.safetensors", "state.safetensors", "metrics.jsonl"}
    assert names >= {"sounds.i16", "sounds.json", "loss.png"}
    config = json.loads((run / "config.json").read_text())
    assert (config["schema"], config["settings"]["model"]["rate"]) == ("speech/3", RATE)
    opened = Transcriber.load(run)
    assert opened.folder == run
    assert opened.parts["training"].epochs == 2
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"wer", "cer", "loss"} <= {name for row in rows if row["event"] == "evaluate" for name in row}


def test_a_saved_model_is_the_same_model(run, tmp_path):
    fitted = Transcriber.load(run)
    fitted.save(tmp_path / "model")
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "config.json",
        "model.safetensors",
        "vocabulary.json",
    ]
    sound = sentence(SAID, seed=1)
    assert Transcriber.load(tmp_path / "model").transcript(sound, rate=RATE) == fitted.transcript(sound, rate=RATE)
    with pytest.raises(RunError, match="holds a saved model, not a run"):
        Transcriber.resume(tmp_path / "model")


def test_a_stopped_run_goes_on_to_the_same_bits(run, tmp_path):
    folder, seen = tmp_path / "stopped", []
    how = {"listeners": [seen.append], "stop": lambda: bool(seen)}  # once the recordings are read
    Transcriber(**TINY).fit(words(12, seed=0), rate=RATE, out=folder, quiet=True, **how)
    state = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert state["event"] == "end"
    assert state["step"] < state["steps"]
    finished = Transcriber.resume(folder, quiet=True)
    assert (folder / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
    assert finished.folder == folder
    assert_close(dict(finished.model.state_dict()), dict(Transcriber.load(run).model.state_dict()), 0)


@pytest.mark.parametrize("out", [None, "run"])
def test_ctrl_c_says_how_to_go_on_or_that_nothing_is_kept(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)

    def press(event):
        if event["event"] == "start":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        Transcriber(**TINY).fit(words(12, seed=0), rate=RATE, out=out, quiet=True, listeners=[press])
    told = "recurra transcribe --resume run" if out else "nothing is kept; with `out` a stopped fit can be resumed"
    assert told in str(caught.value)
    assert caught.value.exit_code == 130


def test_damaged_recordings_stop_a_run_that_goes_on(tmp_path):
    folder = tmp_path / "run"
    Transcriber(**TINY).fit(words(12, seed=0), rate=RATE, out=folder, quiet=True)
    data = bytearray((folder / "sounds.i16").read_bytes())
    data[1000] ^= 1
    (folder / "sounds.i16").write_bytes(data)
    with pytest.raises(RunError, match=r"are damaged or missing \(the recordings have changed since\)"):
        Transcriber.resume(folder, quiet=True)
    (folder / "sounds.i16").unlink()
    with pytest.raises(RunError, match="are damaged or missing"):
        Transcriber.resume(folder, quiet=True)


@pytest.mark.parametrize("name", ["vocabulary.json", "model.safetensors"])
def test_a_damaged_model_is_one_clear_line(run, tmp_path, name):
    Transcriber.load(run).save(tmp_path)
    (tmp_path / name).write_text("{")
    with pytest.raises(RunError, match=f"{name}.* damaged"):
        Transcriber.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(RunError, match=name):
        Transcriber.load(tmp_path)


# Examples


def test_the_rate_is_the_lowest_of_the_recordings(tmp_path):
    examples = []
    for number, rate in enumerate((44100, 11025, 22050)):
        soundfile.write(tmp_path / f"{number}.wav", np.zeros(rate), rate)
        examples.append((tmp_path / f"{number}.wav", "one"))
    corpus = speech.corpus.build(tmp_path, examples, [], rate=0)
    assert corpus.rate == 11025
    assert corpus.lengths.tolist() == [11025] * 3
    assert speech.corpus.build(tmp_path, examples[::2], [], rate=0).rate == 16000, "no more than speech needs"
    assert speech.corpus.build(tmp_path, examples, [], rate=8000).rate == 8000


def test_recordings_are_kept_as_they_came(tmp_path):
    sound = tone("mid", np.random.default_rng(0))
    corpus = speech.corpus.build(tmp_path, [(sound, " two  words "), (np.array([9.0, 0, -9]) / 8, "x")], [], 8000, 8000)
    assert corpus.texts == ["two words", "x"]
    assert np.abs(corpus.sound(0) - sound).max() <= 2**-16 + 1e-7
    assert np.abs(corpus.sound(1)).max() <= 1, "what goes beyond is clipped"


@pytest.mark.parametrize(
    ("examples", "error", "words"),
    [
        ([], DataError, "there are no recordings to learn from"),
        (["a.wav"], DataError, r"recording 0 is str; expected a pair: \(file or array, text\)"),
        ([("a.wav", 7)], DtypeError, "the text of a.wav is int; expected str"),
        ([(np.zeros(9), " ")], DataError, "nothing is said in any recording: every text is empty"),
        (
            [("none.wav", "one")],
            DataError,
            "none of the 1 recordings to learn from can be read, first: there is no file none.wav",
        ),
        ([(np.zeros(0), "one")], DataError, "recording 0: the sound is empty"),
        ([(np.array([np.nan]), "one")], DataError, "recording 0: the sound holds NaN or infinity"),
        ([(np.zeros(50), "one")], DataError, "every recording is too short for its text"),
    ],
)
def test_bad_examples_leave_nothing_behind(tmp_path, examples, error, words):
    with pytest.raises(error, match=words) as caught:
        Transcriber(**TINY).fit(examples, validation_data=[], rate=RATE, out=tmp_path / "run", quiet=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_recordings_too_short_for_their_text_are_left_out_and_told(capsys):
    examples = [*words(6, seed=0), (np.zeros(300, np.float32), "low mid high")]
    Transcriber(**TINY | {"epochs": 1}).fit(examples, validation_data=words(2, seed=1), rate=RATE, quiet=False)
    told = capsys.readouterr().err
    assert "6 recordings and 2 for validation" in told
    assert (
        "left out: 1 recordings that are too short for their texts, such as recording 6, 0.04 s for 'low mid high'"
        in told
    )


def test_validation_may_be_given_or_left_out():
    rows = []
    options = {"rate": RATE, "quiet": True, "listeners": [rows.append]}
    Transcriber(**TINY).fit(words(9, seed=0), validation_data=[], **options)
    assert not [row for row in rows if "validation_loss" in row]
    Transcriber(**TINY).fit(words(9, seed=0), validation_data=words(3, seed=1), **options)
    assert [row for row in rows if "validation_loss" in row]


def test_a_transcriber_that_is_not_fitted_says_so(tmp_path):
    for call in (lambda t: t.transcribe(np.zeros(9), rate=RATE), lambda t: t.stream(RATE), lambda t: t.save(tmp_path)):
        with pytest.raises(NotFittedError, match=r"not fitted yet; call fit\(examples\)"):
            call(Transcriber())


# Settings


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hiden_size": 3}, "`hiden_size` is not a setting; did you mean `hidden_size`?"),
        ({"mels": 2}, "`mels` is 2; expected 3 or more"),
        ({"stack": 0}, "`stack` is 0; expected 1 or more"),
        ({"rate": 10}, "`rate` is 10; expected 0, or 1000 to 384,000 a second"),
        ({"lookahead": -1}, "`lookahead` is -1; expected 0 or more steps"),
        ({"dropout": 1.0}, "`dropout` is 1.0; expected a fraction"),
        ({"unit": "letter"}, "`unit` is 'letter'; expected one of: character, word, bpe"),
        ({"bidirectional": True, "lookahead": 5}, "`lookahead` is 5, which has no effect with bidirectional=True"),
        ({"join": 0}, "`join` is 0; expected 1 or more"),
        ({"pause": float("nan")}, "`pause` is nan; expected 0 or more"),
        ({"validation": -0.1}, "`validation` is -0.1; expected a fraction"),
        ({"speed": 0.7}, "`speed` is 0.7; expected a fraction, 0 to 0.5"),
        ({"noise": 90.0}, "`noise` is 90.0; expected -20 to 40 dB below"),
    ],
)
def test_settings_that_cannot_be_are_refused(values, words):
    with pytest.raises(ConfigError, match=words.replace("?", r"\?")):
        Transcriber(**values)


def test_no_two_parts_share_a_settings_name():
    names = [option.name for cls in CONFIGS.values() for option in options(cls)]
    assert len(names) == len(set(names))


def test_characters_and_unknown_symbols(tmp_path):
    options = TINY | {"unit": "character", "stack": 1, "join": 1}
    with pytest.raises(VocabularyError, match=r"'x'.* is not in the vocabulary"):
        SpeechTask(
            SpeechModel(len(speech.words.learn(["low"], "character")), settings(**options)["model"]),
            speech.words.learn(["low"], "character"),
            speech.corpus.build(tmp_path, [(np.zeros(9), "x")], [], RATE, RATE),
            settings(**options)["data"],
        )
    transcriber = Transcriber(**options).fit(words(9, seed=0), rate=RATE, quiet=True)
    assert set(transcriber.vocabulary.symbols) == set("lowmidhigh")
    assert transcriber.vocabulary.symbols == speech.words.learn(["low", "mid", "high"], "character").symbols


def test_single_words_joined_are_learned_by_character():
    transcriber = Transcriber(**TINY | {"unit": "character", "stack": 1, "join": 3, "epochs": 1})
    transcriber.fit(words(9, seed=0), rate=RATE, quiet=True)
    assert " " in transcriber.vocabulary.symbols, "which no single word has"


def test_more_bands_than_a_rate_has_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"`mels` is 500, too many for .* samples a second; give fewer"):
        Transcriber(**TINY | {"mels": 500}).fit(words(4, seed=0), rate=RATE, out=tmp_path / "run", quiet=True)
