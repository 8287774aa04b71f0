"""Models of music: training, composing, and what users get wrong."""

import json

import pytest
import torch
from helpers.pieces import CADENCE, midi_file, note, scale

from recurra.errors import ConfigError, RecurraError, RunError
from recurra.tasks import music
from recurra.tasks.music import chord
from recurra.tasks.music.config import MusicConfig
from recurra.tasks.music.corpus import read_pieces
from recurra.tasks.music.form import Form
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.piece import Piece
from recurra.training import Interrupted

TINY = {"hidden_size": 16, "head": "nade", "chord_size": 8, "batch_size": 2, "quiet": True}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small model that knows the scale."""
    folder = tmp_path_factory.mktemp("music") / "run"
    pieces = [scale(24 + k) for k in range(8)]
    return music.train(
        pieces,
        folder,
        epochs=60,
        evaluate_every=20,
        transpose=0,
        dropout=0.0,
        hidden_size=32,
        lr=2e-2,
        quiet=True,
        average=0.0,
    )


def test_recurrent_dropout_follows_dropout_where_a_cell_has_it():
    assert MusicModel(MusicConfig(dropout=0.2)).layers.recurrent_dropout == 0.2
    assert MusicModel(MusicConfig(dropout=0.2, recurrent_dropout=0.0)).layers.recurrent_dropout == 0.0
    assert MusicModel(MusicConfig(cell="mingru")).layers.recurrent_dropout == 0.0
    with pytest.raises(ConfigError, match="recurrent_dropout"):
        MusicModel(MusicConfig(cell="mingru", recurrent_dropout=0.1))


@pytest.mark.slow
def test_it_learns_and_goes_on_as_the_piece_does(trained):
    assert music.evaluate(trained, scale(30))["nats"] < 0.5
    piece = trained.compose(scale(10), length=14, seed=1, temperature=0.0)
    assert piece.steps() == scale(24).steps()
    alone = trained.compose(scale(10), length=14, seed=1, temperature=0.0, keep_prompt=False)
    assert alone.steps() == scale(24).steps()[10:]


def test_the_same_seed_gives_the_same_piece_and_another_another(trained):
    options = dict(length=30, temperature=3.0)
    one, same, other = (trained.compose(seed=seed, **options).steps() for seed in (5, 5, 6))
    assert one == same != other
    assert len(one) == 30


@pytest.mark.parametrize("head", chord.HEADS)
@pytest.mark.parametrize("voices", [(1, 1), (2, 4), (10, 10), (0, 1)])
def test_the_number_of_voices_is_kept_whatever_the_model_wants(head, voices):
    torch.manual_seed(0)
    model = MusicModel(MusicConfig(hidden_size=8, head=head), Form(1))
    torch.nn.init.constant_(model.head.output.bias, 2.0)  # most keys at once
    piece = model.compose(length=6, seed=1, min_voices=voices[0], voices=voices[1])
    assert all(voices[0] <= len(keys) <= voices[1] for keys in piece.steps())


@pytest.mark.parametrize("head", chord.HEADS)
@pytest.mark.parametrize("options", [{"temperature": 0}, {"min_p": 0.9}], ids=["temperature", "min_p"])
def test_added_keys_are_the_likeliest_whatever_is_drawn(head, options):
    """Nothing sounds by itself, so that all keys are added."""
    model = MusicModel(MusicConfig(hidden_size=8, head=head), Form(1))
    for weight in model.head.parameters():
        torch.nn.init.zeros_(weight)
    model.head.output.bias.data.fill_(-3)[[40, 52]] = torch.tensor([-0.5, -0.6])
    piece = model.compose(length=3, unit="steps", seed=1, min_voices=2, **options)
    assert piece.steps() == [[61, 73]] * 3


@pytest.mark.parametrize("head", chord.HEADS)
def test_the_keys_left_out_are_the_least_likely_at_temperature_0(head):
    model = MusicModel(MusicConfig(hidden_size=8, head=head), Form(1))
    for weight in model.head.parameters():
        torch.nn.init.zeros_(weight)
    model.head.output.bias.data.fill_(0.5)[[40, 52]] = torch.tensor([2.0, 3.0])
    assert model.compose(length=3, unit="steps", temperature=0, voices=2).steps() == [[61, 73]] * 3


@pytest.fixture(scope="module")
def tunes(tmp_path_factory):
    """A model of tunes whose every note is struck twice without a gap, from MIDI files."""
    folder = tmp_path_factory.mktemp("tunes")
    (folder / "midi").mkdir()
    for number in range(8):
        keys = [60 + k % 5 for k in range(10 + number) for _ in range(2)]
        midi_file(folder / f"midi/{number}.mid", [one for key in keys for one in note(key, 0, 240)])
    options = dict(
        epochs=60, evaluate_every=60, batch_size=2, transpose=0, dropout=0.0, hidden_size=32, lr=1e-2, average=0.0
    )
    return folder, music.train(folder / "midi", folder / "run", quiet=True, **options)


@pytest.mark.slow
def test_struck_notes_are_learned_kept_and_played(tunes, tmp_path):
    folder, model = tunes
    assert (model.strikes, model.width) == (True, 176)
    assert model.config == music.load(folder / "run").config
    assert music.load(folder / "run").strikes
    parts = read_pieces(model.folder).parts
    assert sorted(len(piece.notes()) for piece in parts["train"] + parts["valid"]) == list(range(20, 36, 2))
    prompt = music.read_midi(folder / "midi/7.mid", 4)
    piece = model.compose(prompt.cut(24), length=32, unit="steps", temperature=0.0)
    assert piece.notes() == prompt.cut(56).notes()
    assert music.read_midi(piece.save(tmp_path / "new.mid"), 4).notes() == piece.notes()
    alone = model.compose(prompt.cut(24), length=32, unit="steps", temperature=0.0, keep_prompt=False)
    assert alone.notes() == prompt.part(24, 56).notes()
    drawn = model.compose(length=200, unit="steps", temperature=3.0, seed=1, voices=3)
    assert all(len(keys) <= 3 for keys in drawn.steps())


def test_at_temperature_0_a_piece_begins_with_a_sound_and_stillness_is_said():
    """Key by key the likelier state of two keys of 40 % is silence; the likeliest chord is one of them."""
    model = MusicModel(MusicConfig(hidden_size=8, head="independent"), Form(1))
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    model.head.output.bias.data.fill_(-9)[[40, 52]] = torch.tensor([-0.4, -0.5])
    with pytest.warns(
        UserWarning,
        match="likeliest chord of every step, and for the last 63 of 64 steps that is silence; a temperature",
    ):
        piece = model.compose(temperature=0)
    assert piece.steps()[:2] == [[61], []]
    model.head.output.bias.data[40] = 2.0
    with pytest.warns(UserWarning, match="for the last 64 of 64 steps that is to hold C#4; a temperature such as 0.8"):
        piece = model.compose(temperature=0)
    assert piece.notes() == [(0, 64, 61)]
    assert model.compose(temperature=0, length=4).notes() == [(0, 4, 61)], "a chord of a bar is no standstill"
    model.head.output.bias.data.fill_(-9)[40] = -0.4
    with pytest.warns(UserWarning, match="for the last 3 of 4 steps that is silence"):
        model.compose(temperature=0, length=4)


def test_at_temperature_0_a_step_is_the_likeliest_chord_and_not_that_of_single_keys():
    torch.manual_seed(0)
    model = MusicModel(MusicConfig(hidden_size=8), Form(1))
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    # One of four keys sounds, each as often: a key by itself is at 25 %, and less so the lower ones.
    keys = [30, 40, 50, 60]
    model.head.output.bias.data.fill_(-30)[keys] = torch.tensor([1 / 4, 1 / 3, 1 / 2, 0.99]).logit()
    model.head.write.data[keys, 0], model.head.read.data[keys, 0] = 60.0, -40.0
    model.head.output.bias.data[keys] += 20
    model.head.memory.bias.data[0] = 0.0
    with pytest.warns(UserWarning, match="temperature 0 takes the likeliest chord"):
        found = model.compose(temperature=0).steps()[0]
    assert len(found) == 1


def test_a_prompt_is_read_on_the_models_grid(trained, tmp_path):
    Piece([[60, 72], [60, 72], [61, 79], [61, 79]], Form(2, tempo=77.0, programme=5)).save(tmp_path / "p.mid")
    piece = trained.compose(tmp_path / "p.mid", length=3, seed=1)
    assert piece.steps()[:2] == [[60, 72], [61, 79]]
    assert (len(piece), piece.form.tempo, piece.form.programme) == (5, 77.0, 5)
    assert len(trained.compose(tmp_path / "p.mid", length=3, prompt_length=1, seed=1)) == 4
    told = trained.compose(length=2, unit="bars", tempo=50.0, programme=12)
    assert (len(told), told.form.tempo, told.form.programme) == (8, 50.0, 12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length": 0}, "`length` is 0; expected 1 or more"),
        ({"temperature": -1.0}, "`temperature` is -1.0; expected 0 or more"),
        ({"temperature": float("nan")}, "`temperature` is nan"),
        ({"voices": 2, "min_voices": 3}, "`min_voices` is 3; expected at most voices=2"),
        ({"min_p": 1.0}, "`min_p` is 1.0"),
        ({"unit": "bar"}, "`unit` is 'bar'; did you mean `bars`"),
        ({"tempo": 0.0}, "`tempo` is 0.0; expected 4 to 1000 beats a minute"),
        ({"programme": 128}, "`programme` is 128"),
        ({"seed": -1}, "`seed` is -1; expected a whole number"),
        ({"prompt_length": 4}, "`prompt_length` has no effect without a prompt"),
        ({"tempature": 1.0}, "`tempature` is not a setting of CompositionConfig; did you mean `temperature`"),
        ({"prompt": Piece(CADENCE, Form(4))}, "the prompt has 4 steps a beat, and the model was trained with 1"),
        ({"prompt": "gone.mid"}, "gone.mid: no such file"),
    ],
)
def test_slips_in_composing_are_told(trained, options, words):
    with pytest.raises(RecurraError, match=words):
        trained.compose(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "gruu"}, "gruu"),
        ({"hiden_size": 3}, "`hiden_size` is not a setting; did you mean `hidden_size`"),
        ({"transpose": 40}, "`transpose` is 40; expected 0 to 24 semitones"),
        ({"passage": 1}, "`passage` is 1; expected 2 or more"),
        ({"steps_per_beat": 0}, "`steps_per_beat` is 0; expected 1 to 96"),
        ({"head": "independent", "chord_size": 8}, "`chord_size` has no effect with head='independent'"),
        ({"validation": 1.5}, "`validation` is 1.5"),
        ({"dropout": 1.0}, "`dropout` is 1.0"),
    ],
)
def test_slips_in_training_are_told_before_a_folder_is_made(tmp_path, options, words):
    with pytest.raises(RecurraError, match=words):
        music.train([scale(), scale()], tmp_path / "run", quiet=True, **options)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_to_the_same_bits(tmp_path):
    pieces = [scale(10 + k) for k in range(6)]
    whole = music.train(pieces, tmp_path / "whole", epochs=6, seed=4, **TINY)

    def interrupt(event):
        if event["event"] == "evaluate" and event["step"] >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        music.train(pieces, tmp_path / "cut", epochs=6, seed=4, save_every=1e-9, listeners=[interrupt], **TINY)
    again = music.resume(tmp_path / "cut", quiet=True)
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    assert again.compose(seed=1, length=5).steps() == whole.compose(seed=1, length=5).steps()


def test_a_stopped_run_says_how_to_go_on(tmp_path, monkeypatch):
    import os
    import signal

    def interrupt(event):
        if event["event"] == "start":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="Continue with: recurra compose --resume"):
        music.train([scale(), scale()], tmp_path / "run", epochs=50, listeners=[interrupt], **TINY)


def test_a_run_keeps_its_pieces_and_loads_as_it_was(trained, tmp_path):
    parts = read_pieces(trained.folder).parts
    assert sorted(len(piece) for piece in parts["train"] + parts["valid"]) == list(range(24, 32))
    assert len(parts["valid"]) == 1
    trained.save(tmp_path / "saved")
    again = music.load(tmp_path / "saved")
    assert (again.config, again.form) == (trained.config, trained.form)
    assert again.compose(seed=2, length=9).steps() == trained.compose(seed=2, length=9).steps()
    with pytest.raises(RunError, match="holds a training run, which saving a model would break"):
        trained.save(trained.folder)
    with pytest.raises(RunError, match="holds a saved model, not a run"):
        music.resume(tmp_path / "saved")
    config = json.loads((tmp_path / "saved/config.json").read_text("utf-8"))
    config["learned"]["form"]["steps_per_beat"] = 0
    (tmp_path / "saved/config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match=r"config\.json is damaged: `steps_per_beat` is 0; expected"):
        music.load(tmp_path / "saved")
    (tmp_path / "saved/config.json").write_text('{"schema": "language/2"}')
    with pytest.raises(RunError, match="this run is of language"):
        music.load(tmp_path / "saved")


def test_without_validation_the_training_loss_decides(tmp_path):
    model = music.train([scale(9), scale(8)], tmp_path / "run", epochs=1, validation=0.0, **TINY)
    assert len(read_pieces(model.folder).parts["train"]) == 2


# Pictures and sound


@pytest.mark.slow
def test_chorales_are_learned(real_data, tmp_path):
    path = real_data("jsb_chorales/jsb-chorales-quarter.json")
    model = music.train(
        path, tmp_path / "run", cell="gru", hidden_size=64, epochs=8, lr=1e-2, batch_size=16, quiet=True
    )
    assert music.evaluate(model, path)["nats"] < 9.5
    assert music.evaluate(model, path, "valid")["pieces"] == 76
    piece = model.compose(length=8, unit="bars", seed=1, voices=4, min_voices=4)
    assert all(len(keys) == 4 for keys in piece.steps())
