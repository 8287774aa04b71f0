"""`recurra video`: fit a predictor or a classifier, use it, go on with it, and the lines about what cannot be."""

import json

import click
import numpy as np
import pytest
from click.testing import CliRunner

from recurra.cli import frame
from recurra.cli.video import command
from recurra.tasks.video import FramePredictor, VideoClassifier, read_clips, write_frames

SMALL = ["--channels", "4", "--num-layers", "1", "--epochs", "1", "--batch-size", "4", "-q"]
NEXT = ["--seen", "3", "--ahead", "2", "--patch", "2", *SMALL]
NOISE = np.random.default_rng(0).integers(0, 256, (6, 6, 16, 20), np.uint8)


@pytest.fixture
def recurra(tmp_path, monkeypatch):
    """recurra("clips", "--ahead", 2) → what it prints; a failure fails the test, unless `fails` is its exit code."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for number, clip in enumerate(NOISE):
        write_frames(tmp_path / f"clips/{number}.npy", clip)
    (tmp_path / "labels.csv").write_text(
        "clip,kind,size\n" + "".join(f"{k}.npy,{'ab'[k % 2]},{k % 3}\n" for k in range(6))
    )

    def run(*arguments, fails=0):
        done = CliRunner().invoke(
            command, [str(a) for a in arguments], prog_name="recurra video", standalone_mode=False
        )
        error = done.exception
        if error is None:
            assert not fails
            return done.stdout
        code, message = frame.explain(error.__cause__ if isinstance(error, click.Abort) else error)
        assert code == fails, message
        return message

    return run


def test_next_frames(recurra, tmp_path):
    assert recurra("clips", *NEXT) == "runs/clips-1\n"
    assert recurra("clips", *NEXT, "-o", "here") == "here\n"
    model = FramePredictor.load("here")
    assert (model.parts["model"].seen, model.parts["network"].channels) == (3, 4)
    measured = json.loads(recurra("clips", "--model", "here", "--json"))
    assert {k: v for k, v in measured.items() if k != "run"} == pytest.approx(model.evaluate("clips"))
    assert f"{measured['copy_mse']:.5f}" in recurra("clips", "--model", "clips-1")
    said = recurra("clips/2.npy", "--model", "here", "--to", "next.npy", "--ahead", 4)
    assert said.split()[-3:] == ["clips/2.npy", "next.npy", "4"]
    assert np.array_equal(np.load("next.npy"), model.predict("clips/2.npy", 4)[0])
    assert np.load("next.npy").shape == (4, 16, 20)
    written = json.loads(recurra("clips/1.npy", "clips/2.npy", "--model", "here", "--to", "next.gif", "--json"))[
        "clips"
    ]
    assert [(row["file"], row["frames"]) for row in written] == [("next-1.gif", 2), ("next-2.gif", 2)]
    want = np.round(model.predict("clips/2.npy")[0] * 255)
    assert np.abs(read_clips("next-2.gif")[0][..., 0] - want).max() <= 1
    assert recurra("--resume", "here", "-q") == "here\n"


def test_a_run_as_json(recurra):
    assert json.loads(recurra("clips", *NEXT, "-o", "here", "--json"))["run"] == "here"
    found = json.loads(recurra("--resume", "here", "-q", "--json"))
    assert found["run"] == "here"
    assert found["validation"] == {}, "nothing is held out of so few"


def test_no_clip_is_written_over_another(recurra, tmp_path):
    recurra("clips", *NEXT, "-o", "here")
    for name in ("x/a.npy", "y/a.npy", "z/a.gif", "z/a.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_frames(name, NOISE[0])

    def files(*data):
        said = json.loads(recurra(*data, "--model", "here", "--to", "next.npy", "--json"))["clips"]
        assert all((tmp_path / row["file"]).is_file() for row in said)
        return [row["file"] for row in said]

    assert files("x", "y") == ["next-x-a.npy", "next-y-a.npy"]
    assert files("z") == ["next-a-gif.npy", "next-a-npy.npy"]
    assert files("x", "z") == ["next-x-a-npy.npy", "next-z-a-gif.npy", "next-z-a-npy.npy"]
    assert files(tmp_path / "x", "../" + tmp_path.name + "/y")[1] == f"next-{tmp_path.name}-y-a.npy"
    said = recurra("x", "x", "--model", "here", "--to", "twice.npy", fails=2)
    assert "x/a.npy is named twice; name each clip once" in said
    assert not list(tmp_path.glob("twice*"))
    said = recurra("x/a.npy", "--model", "here", "--to", tmp_path / "x/a.npy", fails=2)
    assert "x/a.npy is a file that is read, and would be lost; name another" in said


@pytest.mark.slow
def test_a_slip_is_told_before_the_frames_are_drawn(recurra, monkeypatch):
    recurra("clips", *NEXT, "-o", "here")
    monkeypatch.setattr(FramePredictor, "predict", None)
    assert "next.mp4 ends in '.mp4'" in recurra("clips/0.npy", "--model", "here", "--to", "next.mp4", fails=2)


def test_frames_too_small_for_ssim_are_measured_without(recurra):
    recurra("clips", *NEXT, "-o", "here")
    write_frames("small.npy", NOISE[0][:, :8, :8])
    assert "SSIM" not in recurra("small.npy", "--model", "here")


@pytest.mark.parametrize("ahead", [0, -2])
@pytest.mark.parametrize("to", [[], ["--to", "next.gif"]], ids=["measure", "write"])
def test_frames_ahead_that_cannot_be(recurra, ahead, to):
    recurra("clips", *NEXT, "-o", "here")
    said = recurra("clips/0.npy", "--model", "here", "--ahead", ahead, *to, fails=2)
    assert f"{ahead}; expected a number of frames, 1 or more" in said


def test_labels(recurra):
    flags = ["--labels", "labels.csv", "--hidden-size", 8, *SMALL]
    assert recurra("clips", *flags) == "runs/clips-1\n"
    model = VideoClassifier.load("clips-1")
    assert model.names == ["kind", "size"]
    assert model.classes == [["a", "b"], ["0", "1", "2"]]
    said = json.loads(recurra("clips", "--model", "clips-1", "--json"))["clips"]
    assert [[row["kind"], row["size"]] for row in said] == model.predict("clips").tolist()
    assert said[3]["clip"] == "clips/3.npy"
    assert recurra("clips/3.npy", "--model", "clips-1").split()[-3:] == [
        "clips/3.npy",
        said[3]["kind"],
        said[3]["size"],
    ]
    found = json.loads(recurra("clips", "--model", "clips-1", "--labels", "labels.csv", "--json"))
    assert set(found["accuracy"]) == {"kind", "size"}
    assert recurra("--resume", "clips-1", "-q") == "runs/clips-1\n"


def test_data_that_has_moved(recurra, tmp_path):
    recurra("clips", "--labels", "labels.csv", "--hidden-size", 8, *SMALL, "-o", "here")
    (tmp_path / "clips").rename(tmp_path / "others")
    said = recurra("--resume", "here", fails=1)
    assert "clips, which is not where it was; name it: recurra video --resume here --data PATH" in said
    assert "there is only others" in recurra("--resume", "here", "--data", "others", fails=1)
    assert recurra("--resume", "here", "--data", "others", "--data", "labels.csv", "-q") == "here\n"
    write_frames("others/0.npy", NOISE[1])
    said = recurra("--resume", "here", "--data", "others", "--data", "labels.csv", fails=1)
    assert "was trained on other data; a run is resumed only with the same clips, labels" in said


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("", 2, "DATA is missing: name videos, or folders of images"),
        ("nothing", 1, "there is no file or folder nothing"),
        ("clips", 1, "`clips/0.npy` has 6 frames; --seen 10 and --ahead 10 need 20"),
        ("clips --pooling last", 2, "that is for labels, with --labels; drop --pooling"),
        ("clips --labels labels.csv --seen 3", 2, "that is for next frames, without --labels; drop --seen"),
        ("clips --to next.gif", 2, "without --model, DATA is learned from; drop --to"),
        ("clips --model run --epochs 3", 2, "--model uses a run as it was fitted; drop --epochs"),
        ("clips --model run", 1, "there is no run 'run'"),
        ("--resume run --epochs 3", 1, "there is no run 'run'"),
        ("clips --resume run --labels a.csv", 2, "--resume continues the run as it is; drop DATA, --labels"),
        ("clips --data clips", 2, "without --model, DATA is learned from; drop --data"),
        ("clips --kernel-size 2", 2, "--kernel-size is 2; expected an odd number"),
        ("clips --labels no.csv", 1, "there is no file no.csv"),
        ("clips --labels one.csv", 1, "one.csv has one column, 'clip'"),
        ("clips --labels few.csv", 1, "few.csv has no row for 1.npy with 1 labels"),
        ("clips --labels empty.csv", 1, "empty.csv is empty; expected a first row"),
    ],
)
def test_what_cannot_be(recurra, tmp_path, line, code, words):
    (tmp_path / "one.csv").write_text("clip\n0.npy\n")
    (tmp_path / "few.csv").write_text("clip,kind\n0,a\n")
    (tmp_path / "empty.csv").write_text("")
    said = recurra(*line.split(), fails=code)
    assert words in said
    assert not list((tmp_path / "runs").glob("*")), "nothing is left behind"


def test_runs_are_of_one_kind(recurra):
    recurra("clips", *NEXT, "-o", "next")
    recurra("clips", "--labels", "labels.csv", "--hidden-size", 8, *SMALL, "-o", "labels")
    said = recurra("clips", "--model", "next", "--labels", "labels.csv", fails=2)
    assert "that run is of next frames; drop --labels" in said
    said = recurra("clips", "--model", "labels", "--to", "a.gif", fails=2)
    assert "that run is of labels, and draws no frames; drop --to" in said
