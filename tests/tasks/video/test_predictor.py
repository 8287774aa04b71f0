"""Next frames: windows, copies, settings, resumed runs, and the errors of a fitted model."""

import numpy as np
import pytest
from helpers.video_clips import NOISE, clips_in, counting, same

from recurra import tensorfiles
from recurra.errors import ConfigError, DataError, NotFittedError, RunError, ShapeError
from recurra.tasks import video
from recurra.tasks.video import FramePredictor, VideoClassifier, moving_digits, mse, read_clips, ssim, write_frames
from recurra.tasks.video.task import windows

SMALL = dict(channels=4, num_layers=1, batch_size=8)
random = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    return tmp_path, clips_in(tmp_path)


def test_no_window_is_off_by_one():
    found = windows(read_clips([counting(7), counting(5)]), 5)
    assert [(run[0, 0, 0, 0], run[-1, 0, 0, 0]) for run in found] == [(0, 4), (1, 5), (2, 6), (0, 4)]
    model = FramePredictor(seen=3, ahead=2, patch=2, epochs=1, validation=0.4, **SMALL).fit([counting(12)])
    assert model.history


def test_of_few_clips_the_ends_are_held_out():
    model = FramePredictor(seen=3, ahead=2, validation=0.2)
    train, held, _ = model.split(model.read([counting(8), counting(20)], "clips"))
    assert [len(clip) for clip in train.clips] == [8, 15], "too few frames for a window: more are held out, or none"
    assert (held.clips[0][0, 0, 0, 0], held.names) == (15, ["clips[1]"])
    train, held, _ = model.split(model.read([counting(8)] * 10, "clips"))
    assert [len(clip) for clip in train.clips + held.clips] == [8] * 10, "of more, whole clips"
    assert len(held.clips) == 2


def test_a_prediction_reads_the_last_frames_seen_and_starts_as_a_copy():
    model = FramePredictor(seen=3, ahead=2, patch=2, epochs=1, lr=1e-9, average=0, **SMALL).fit([counting(12)])
    clip = random.random((1, 6, 8, 8)).astype(np.float32)
    got = model.predict(clip)
    assert got.shape == (1, 2, 8, 8)
    np.testing.assert_allclose(got, clip[:, [-1, -1]], atol=1e-5)
    assert model.predict(clip, ahead=5).shape == (1, 5, 8, 8)
    changed = clip.copy()
    changed[:, :3] = 0
    assert np.array_equal(model.predict(changed), got)
    assert model.predict(random.random((2, 4, 21, 13))).shape == (2, 2, 21, 13), "frames of any size"


def test_grey_clips_are_predicted_by_a_model_of_colours():
    colour = random.random((3, 6, 8, 8, 3)).astype(np.float32)
    model = FramePredictor(seen=3, ahead=2, patch=2, epochs=1, **SMALL).fit(colour, validation_data=colour[..., :1])
    grey = colour[..., :1]
    assert np.array_equal(model.predict(grey), model.predict(np.repeat(grey, 3, -1)))


@pytest.mark.slow
def test_training_stops_where_copying_is_no_worse():
    """Frames that have nothing to do with each other after the last one: no change can be learned."""
    still = np.repeat(random.random((12, 1, 8, 8)), 6, 1).astype(np.float32)
    rows = []
    options = dict(seen=3, ahead=2, patch=2, epochs=60, evaluate_every=2, lr=1e-2, average=0, **SMALL)
    FramePredictor(**options).fit(still, listeners=[rows.append])
    evaluated = [row for row in rows if row["event"] == "evaluate"]
    assert rows[-1]["reason"] == "patience"
    assert evaluated[-1]["loss"] >= evaluated[-1]["copying"]
    assert len(evaluated) < 30
    rows.clear()
    FramePredictor(**options | {"patience": 9, "epochs": 20}).fit(still, listeners=[rows.append])
    late = [row for row in rows if row["event"] == "evaluate"]
    assert len(late) > len(evaluated), "the user's own patience decides"


@pytest.mark.slow
def test_the_next_frames_are_better_than_copies(digits):
    images, _ = digits
    clips = moving_digits(images[:1000], 160, size=16, frames=8, digits=1, speed=0.2, seed=1).clips
    test = moving_digits(images[1000:], 40, size=16, frames=8, digits=1, speed=0.2, seed=2).clips
    options = dict(seen=4, ahead=4, patch=2, channels=12, num_layers=1, evaluate_every=50)
    model = FramePredictor(**options, epochs=16, lr=5e-3, batch_size=16).fit(clips)
    found = model.evaluate(test)
    assert found["mse"] < found["copy_mse"]
    drawn, copies = model.predict(test[:, :4]), test[:, 3:4].repeat(4, 1)
    want = dict(mse=mse(drawn, test[:, 4:]), ssim=ssim(drawn, test[:, 4:]))
    want |= dict(copy_mse=mse(copies, test[:, 4:]), copy_ssim=ssim(copies, test[:, 4:]))
    assert found == pytest.approx(want)
    assert model.score(test) == pytest.approx(1 - found["mse"] / found["copy_mse"])


@pytest.mark.slow
def test_a_real_clip(real_data):
    frames = np.load(real_data("video_frames/bikes.npy"))[:60, ::2, ::2]
    model = FramePredictor(seen=3, ahead=1, patch=2, channels=8, num_layers=1, crop=24, mirror=True, epochs=2)
    model.fit([frames[:48]])
    found = model.evaluate([frames[45:]])
    losses = [row["loss"] for row in model.history]
    assert losses[-1] < losses[0]
    assert np.isfinite([*found.values()]).all()
    assert model.predict([frames]).shape == (1, 1, 34, 80)


def test_what_a_fitted_model_refuses():
    with pytest.raises(NotFittedError, match=r"this FramePredictor is not fitted yet; call fit\(clips\)"):
        FramePredictor().predict(NOISE)
    with pytest.raises(DataError, match=r"`clips\[0\]` has 6 frames; seen=10 and ahead=10 need 20"):
        FramePredictor().fit(NOISE)
    model = FramePredictor(seen=3, ahead=2, patch=2, epochs=1, **SMALL).fit(NOISE)
    with pytest.raises(DataError, match=r"`clips\[0\]` has 2 frames; seen=3 need 3"):
        model.predict(NOISE[:, :2])
    for ahead in (0, -2, 1.5):
        for ask in (model.predict, model.evaluate):
            with pytest.raises(ConfigError, match=f"`ahead` is {ahead}; expected a number of frames, 1 or more"):
                ask(NOISE, ahead=ahead)
    with pytest.raises(DataError, match="nothing moves in `clips`: copies of the last frame are perfect there"):
        model.score(NOISE[:, :1].repeat(6, 1))
    with pytest.raises(DataError, match="is in colour; the model was fitted on grey frames"):
        model.predict(NOISE[..., None].repeat(3, -1))
    with pytest.raises(DataError, match="is in colour"):
        FramePredictor(seen=3, ahead=2).fit(NOISE, validation_data=NOISE[..., None].repeat(3, -1))
    labels = VideoClassifier(epochs=1, hidden_size=8, channels=4).fit(NOISE, [0, 1] * 6)
    with pytest.raises(DataError, match="has frames of 10×16 with 1 channels; the model was fitted on 20×16 with 1"):
        labels.predict(NOISE[..., ::2])
    with pytest.raises(ShapeError, match="`labels` has 2 labels a clip; the model was fitted on 1"):
        labels.evaluate(NOISE, [(0, 1)] * 12)
    with pytest.raises(
        DataError, match="no label of `label` is among those it was fitted on: the first is '0', they are 0, 1"
    ):
        labels.evaluate(NOISE, ["0", "1"] * 6)
    with pytest.raises(DataError, match="`validation_data` is not a pair; expected"):
        VideoClassifier().fit(NOISE, [0, 1] * 6, validation_data=NOISE)
    with pytest.raises(ShapeError, match="`validation_data` has 2 labels a clip; expected 1, as in `labels`"):
        VideoClassifier().fit(NOISE, [0, 1] * 6, validation_data=(NOISE[:1], [(0, 1)]))
    with pytest.raises(DataError, match=r"`validation_data\[0\]` has frames of 10×16"):
        VideoClassifier().fit(NOISE, [0, 1] * 6, validation_data=(NOISE[..., ::2], [0, 1] * 6))
    with pytest.raises(DataError, match="the label 7 of `validation_data` is not among those of `labels`"):
        VideoClassifier().fit(NOISE, [0, 1] * 6, validation_data=(NOISE[:1], [7]))


def test_what_is_done_to_files_is_refused_for_arrays():
    for name, value in {"shorter_side": 8, "grey": True, "every": 2}.items():
        for model in (FramePredictor(**{name: value}), VideoClassifier(**{name: value})):
            with pytest.raises(ConfigError, match=f"`{name}` has no effect on arrays: it is for frames from files"):
                model.fit(NOISE, *([[0, 1] * 6] if isinstance(model, VideoClassifier) else []))


def test_frames_too_small_for_ssim_are_measured_without():
    small = NOISE[:, :, :10, :10]
    model = FramePredictor(seen=3, ahead=2, patch=2, epochs=1, **SMALL).fit(small)
    found = model.evaluate(small)
    assert list(found) == ["mse", "copy_mse"]
    assert model.score(small) == 1 - found["mse"] / found["copy_mse"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sen": 3}, "`sen` is not a setting; did you mean `seen`?"),
        ({"pooling": "last"}, "`pooling` is not a setting"),
        ({"kernel_size": 4}, "`kernel_size` is 4; expected an odd number"),
        ({"seen": 0}, "`seen` is 0; expected 1 or more"),
        ({"channels": 0}, "`channels` is 0; expected 1 or more"),
        ({"every": 0}, "`every` is 0; expected 1 or more"),
        ({"crop": -1}, "`crop` is -1; expected 0 or more pixels"),
        ({"validation": 1.5}, "`validation` is 1.5; expected a fraction"),
    ],
    ids=str,
)
def test_settings_that_cannot_be(settings, words):
    with pytest.raises(ConfigError) as caught:
        FramePredictor(**settings)
    assert words in str(caught.value)


# Keeping


def weights(model):
    return {name: value.clone() for name, value in model.model.state_dict().items()}


def last_weights(folder):
    """The weights after the last step: the best ones also depend on an evaluation where a run was stopped."""
    content, _ = tensorfiles.read(folder / "state.safetensors", "state/1")
    return {name: value for name, value in content.items() if name.startswith(("model.", "optimizer."))}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [FramePredictor, VideoClassifier])
def test_a_stopped_fit_goes_on_to_the_same_bits(kind, tmp_path):
    y = [[0, 1] * 6] if kind is VideoClassifier else []
    options = dict(hidden_size=8) if y else dict(seen=3, ahead=2, patch=2, crop=8, mirror=True)
    options |= dict(channels=4, num_layers=1, batch_size=4, epochs=3)
    kind(**options).fit(NOISE, *y, out=tmp_path / "whole")
    looks = iter([False, False, True])
    kind(**options).fit(NOISE, *y, out=tmp_path / "begun", stop=lambda: next(looks, True))
    assert not same(last_weights(tmp_path / "begun"), last_weights(tmp_path / "whole"))
    gone_on = kind.resume(tmp_path / "begun", NOISE, *y)
    assert same(last_weights(tmp_path / "begun"), last_weights(tmp_path / "whole"))
    assert same(weights(video.load(tmp_path / "begun")), weights(gone_on))
    for name in ("config.json", "model.safetensors", "state.safetensors", "metrics.jsonl", "loss.png"):
        assert (tmp_path / "whole" / name).exists(), name
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same clips"):
        kind.resume(tmp_path / "begun", NOISE[::-1], *y)
    with pytest.raises(RunError, match=r"was fitted on data in memory; give the same again: resume\(.*, clips"):
        kind.resume(tmp_path / "begun")
    gone_on.save(tmp_path / "kept")
    kept = kind.load(tmp_path / "kept")
    assert np.array_equal(kept.predict(NOISE), gone_on.predict(NOISE))
    with pytest.raises(RunError, match="holds a saved model, not a run"):
        kind.resume(tmp_path / "kept", NOISE, *y)
    with pytest.raises(RunError, match="is in use"):
        kind(**options).fit(NOISE, *y, out=tmp_path / "whole")
    other = VideoClassifier if kind is FramePredictor else FramePredictor
    with pytest.raises(RunError, match="this version of Recurra reads 'video-"):
        other.load(tmp_path / "kept")


def test_a_fit_on_paths_is_resumed_without_the_data(folder, tmp_path):
    path, _ = folder
    options = dict(seen=1, ahead=1, patch=2, grey=True, epochs=2, validation=0.0, **SMALL)
    first = FramePredictor(**options).fit([path / "images", path / "clip.gif"], out=tmp_path / "run")
    again = FramePredictor.resume(tmp_path / "run")
    assert same(weights(again), weights(first))
    assert str(tmp_path) not in (tmp_path / "run/config.json").read_text(), "no path that its receiver could read"
    (path / "clip.gif").rename(path / "moved.gif")
    with pytest.raises(
        RunError, match=r"clip\.gif, which is not where it was; name it: recurra video --resume .* --data"
    ):
        FramePredictor.resume(tmp_path / "run")
    again = FramePredictor.resume_files(tmp_path / "run", [path / "images", path / "moved.gif"])
    assert same(weights(again), weights(first)), "a clip of another name is the same clip"


def test_a_fit_on_paths_and_a_table_is_resumed_without_the_data(tmp_path):
    clips, run = tmp_path / "clips", tmp_path / "run"
    clips.mkdir()
    for number, clip in enumerate(NOISE):
        write_frames(clips / f"{number}.npy", clip)
    table = tmp_path / "labels.csv"
    table.write_text("clip,kind\n" + "".join(f"{k},{'ab'[k % 2]}\n" for k in range(12)))
    options = dict(hidden_size=8, channels=4, epochs=2)
    first = VideoClassifier(**options).fit(clips, table, out=run)
    assert (first.names, first.classes) == (["kind"], [["a", "b"]])
    assert same(weights(VideoClassifier.resume(run)), weights(first))
    assert first.score(clips, table) == first.score(NOISE, ["a", "b"] * 6)
    with pytest.raises(DataError, match=r"there is only .*; expected clips, and after them the table of their labels"):
        VideoClassifier.resume_files(run, [clips])


def test_a_second_fit_starts_afresh():
    model = FramePredictor(seen=3, ahead=2, patch=2, epochs=1, **SMALL)
    model.fit(NOISE[..., None].repeat(3, -1))
    assert model.learned.frame.size == (16, 20, 3)
    model.fit(NOISE[..., ::2])
    assert model.learned.frame.size == (16, 10, 1)
    assert same(weights(model), weights(FramePredictor(**model.settings).fit(NOISE[..., ::2])))


def test_how_good_it_is_and_what_to_do_next(tmp_path):
    options = dict(channels=4, epochs=1)
    score, examples, command = FramePredictor(seen=3, ahead=2, **options).fit(NOISE, out=tmp_path / "a").report()[:3]
    assert command == f"recurra video DATA --model {tmp_path / 'a'} --to next.gif"
    assert score["validation_loss"] > 0
    assert "closer than copying: " in examples[0]
    assert ", squared error " in examples[0]
    score, examples, command = VideoClassifier(**options).fit(NOISE, [0, 1] * 6, out=tmp_path / "b").report()[:3]
    assert command == f"recurra video DATA --model {tmp_path / 'b'}"
    assert 0 <= score["accuracy"] <= 1
    assert examples[0].startswith(("right: clip", "wrong: clip")), examples


def test_a_damaged_run_is_one_line(tmp_path):
    model = FramePredictor(seen=3, ahead=2, patch=2, epochs=1, **SMALL).fit(NOISE)
    model.save(tmp_path / "a")
    text = (tmp_path / "a/config.json").read_text()
    (tmp_path / "a/config.json").write_text(text.replace('"frame"', '"fram"'))
    with pytest.raises(RunError, match=r"config\.json is damaged: .*expected frame, not"):
        video.load(tmp_path / "a")
    (tmp_path / "a/config.json").write_text(text.replace('"channels": 1', '"channels": 2'))
    with pytest.raises(RunError, match=r"config\.json is damaged: .*there is no frame of \(16, 20, 2\)"):
        video.load(tmp_path / "a")
    (tmp_path / "a/config.json").write_text(text.replace("video-frames/3", "speech/1"))
    with pytest.raises(RunError, match="has the format 'speech/1'; expected a run of `recurra video`"):
        video.load(tmp_path / "a")
    (tmp_path / "a/config.json").write_text("{")
    with pytest.raises(RunError, match="is damaged"):
        video.load(tmp_path / "a")


def test_bfloat16_is_near():
    options = dict(seen=3, ahead=2, patch=2, epochs=1, **SMALL)
    plain, low = (FramePredictor(precision=p, **options).fit(NOISE) for p in ("float32", "bfloat16"))
    low.model.load_state_dict(plain.model.state_dict())
    np.testing.assert_allclose(low.predict(NOISE), plain.predict(NOISE), atol=0.02)
