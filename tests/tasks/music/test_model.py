"""Music: the two heads against their formulas, training, composing, and what users get wrong."""

import json

import pytest
import torch
import torch.nn.functional as F
from helpers.support import assert_close

from recurra.errors import ConfigError, DataError, RecurraError, RunError
from recurra.tasks import music
from recurra.tasks.music import chord, measure, task
from recurra.tasks.music.config import MusicConfig, MusicDataConfig
from recurra.tasks.music.folder import read_pieces
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.piece import Form, Piece
from recurra.training import Interrupted

CADENCE = [[60, 64, 67], [60, 65, 69], [59, 62, 67], [60, 64, 67]]
TINY = {"hidden_size": 16, "head": "nade", "chord_size": 8, "batch_size": 2, "quiet": True}


@pytest.fixture(params=list(chord.HEADS))
def make_head(request):
    """make_head(keys) → a head with distinct random weights that reads 7 units; a large scale makes keys depend strongly."""

    def make(keys, scale=0.7):
        head = chord.HEADS[request.param](7, keys, 5).double()
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.normal_(0, scale)
        return head

    return make


def by_definition(head, hidden, keys):
    """The log-probability key by key, from low to high."""
    total, logits = torch.zeros(len(hidden), dtype=torch.float64), head.output(hidden)
    memory = head.memory(hidden) if isinstance(head, chord.Nade) else None
    for k in range(88):
        scores = logits[:, k]
        if memory is not None:
            scores = scores + (torch.sigmoid(memory) * head.read[k]).sum(-1)
            memory = memory + keys[:, k, None] * head.write[k]
        total = total + F.logsigmoid(torch.where(keys[:, k] > 0, scores, -scores))
    return -total


def test_a_head_follows_its_formula(make_head):
    head = make_head(88)
    hidden, keys = torch.randn(6, 7, dtype=torch.float64, requires_grad=True), (torch.rand(6, 88) < 0.1).double()
    keys[0], keys[1] = 0, 1  # silence, and every key at once
    got, want = head.nats(hidden, keys), by_definition(head, hidden, keys)
    assert_close(got, want, 1e-12)
    wrt = [hidden, *head.parameters()]
    assert_close(torch.autograd.grad(got.sum(), wrt), torch.autograd.grad(want.sum(), wrt), 1e-11)


def test_draws_are_as_likely_as_the_head_says(make_head):
    """Of all chords of three keys, each comes as often as its probability."""
    torch.manual_seed(1)  # weights with which keys depend on each other strongly
    three = make_head(3, scale=2.0)
    with torch.no_grad():
        hidden = torch.randn(7, dtype=torch.float64)
        drawn, likely = three.draw(hidden, torch.rand(20_000, 3, dtype=torch.float64), 1.0, 0.0)
        chords = torch.tensor([[k >> n & 1 for n in range(3)] for k in range(8)], dtype=torch.float64)
        want = torch.exp(-three.nats(hidden.expand(8, -1), chords))
        got = (drawn.double()[:, None] == chords).all(-1).double().mean(0)
        rate = likely.mean(0) - drawn.double().mean(0)
    assert float(want.sum()) == pytest.approx(1)
    assert float((got - want).abs().max()) < 0.012
    assert float(rate.abs().max()) < 0.012, "what is said of single keys is true too"


def test_temperature_and_min_p_narrow_the_draw(make_head):
    head = make_head(88)
    hidden, uniform = torch.randn(7, dtype=torch.float64), torch.rand(50, 88, dtype=torch.float64)
    with torch.no_grad():
        cold, _ = head.draw(hidden, uniform, 0.0, 0.0)
        assert (cold == cold[0]).all(), "nothing is left to chance"
        drawn, likely = head.draw(hidden, uniform, 1.0, 0.3)
        assert not drawn[likely < 0.3].any()
        assert drawn.any()


# Training


def scale(steps=24, start=60):
    """Two voices up and down a scale: easy to learn."""
    return Piece([[start + (k % 8), start + 12 + (-k % 8)] for k in range(steps)], Form(1))


def test_no_step_is_off_by_one():
    """The model reads the steps before the one it is asked about, all of them and no other."""
    torch.manual_seed(0)
    model = MusicModel(MusicConfig(cell="gru", hidden_size=8, head="independent", dropout=0.0)).eval()
    keys, lengths = measure.batch([scale(6).roll, scale(4, 40).roll], model.device)
    nats, place = measure.step_nats(model, keys, lengths)
    assert place.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 5]
    for column, piece in enumerate([scale(6), scale(4, 40)]):
        for step in range(len(piece)):
            read = torch.cat([torch.zeros(1, 88), torch.from_numpy(piece.roll[:step]).float()])
            hidden, _ = model(read[:, None])
            want = model.head.nats(hidden[-1, 0], torch.from_numpy(piece.roll[step]).float())
            got = nats[(place == step)][min(column, int((place == step).sum()) - 1)]
            assert_close(got, want, 1e-5)


def test_the_measure_is_the_mean_over_all_steps_but_first_ones():
    torch.manual_seed(0)
    model = MusicModel(MusicConfig(hidden_size=8))
    rolls = [scale(n).roll for n in (5, 2, 9)]
    sums = []
    for roll in rolls:
        nats = measure.step_nats(model.eval(), *measure.batch([roll], model.device))[0].detach()
        sums.append((float(nats[0]), float(nats[1:].sum())))
    found = measure.measure(model, rolls)
    assert found["nats"] == pytest.approx(sum(rest for _, rest in sums) / 13, rel=1e-5)
    assert found["nats_with_first"] == pytest.approx(sum(a + b for a, b in sums) / 16, rel=1e-5)
    assert (found["pieces"], found["steps"]) == (3, 16)


def test_what_cannot_be_measured_is_told(tmp_path):
    model = MusicModel(MusicConfig(hidden_size=8))
    (tmp_path / "a.json").write_text(json.dumps({"train": [CADENCE], "valid": [CADENCE]}))
    with pytest.raises(ConfigError, match="`part` is 'tset'; did you mean `test`"):
        music.evaluate(model, tmp_path / "a.json", "tset")
    with pytest.raises(DataError, match="there is no piece to measure on: part 'test' is empty"):
        music.evaluate(model, tmp_path / "a.json")


def test_transposition_keeps_every_note_and_repeats_by_epoch_and_batch():
    pieces = {"train": [scale(8, 22), scale(8, 88), Piece([[], []])], "valid": []}
    made = task.MusicTask(
        MusicModel(MusicConfig(hidden_size=4)), pieces, MusicDataConfig(batch_size=3, transpose=6), seed=3
    )
    assert made.rooms == [(-1, 6), (-6, 1), (0, 0)]
    seen = set()
    for epoch in range(40):
        keys, lengths = made.batch(epoch, 0)
        assert torch.equal(keys, made.batch(epoch, 0)[0])
        assert keys.sum() == 32
        seen |= {int(row.nonzero()[0]) + 21 for row in keys[0] if row.any()}
    assert seen == {*range(21, 29), *range(82, 90)}


def test_long_pieces_are_cut_into_passages():
    made = task.MusicTask(
        MusicModel(MusicConfig(hidden_size=4)), {"train": [scale(25)], "valid": []}, MusicDataConfig(passage=10)
    )
    assert [len(passage) for passage in made.passages] == [10, 10, 5]


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
        ({"validation": 1.0}, "`validation` is 1.0"),
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
    parts = read_pieces(trained.folder, trained.form)
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
    config["form"]["steps_per_beat"] = 0
    (tmp_path / "saved/config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match="`form` in it is not as expected"):
        music.load(tmp_path / "saved")
    (tmp_path / "saved/config.json").write_text('{"schema": "language/1"}')
    with pytest.raises(RunError, match="this run is of language"):
        music.load(tmp_path / "saved")


def test_without_validation_the_training_loss_decides(tmp_path):
    model = music.train([scale(9), scale(8)], tmp_path / "run", epochs=1, validation=0.0, **TINY)
    assert len(read_pieces(model.folder, model.form)["train"]) == 2


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
