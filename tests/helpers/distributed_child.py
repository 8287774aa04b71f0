"""Run by test_distributed under torchrun: trains the toy, or a model of any task, as one of several processes."""

import sys
from pathlib import Path

import numpy as np
import torch
from helpers.training_toy import ToyTask

from recurra.fitting import listeners
from recurra.training import TrainingConfig, distributed, fit

CONFIG = TrainingConfig(epochs=4, lr=2e-2, evaluate_every=10)


def toy(folder, stop_at, dropout) -> None:
    with distributed.group(torch.device("cpu")):
        task = ToyTask(rank=distributed.rank(), world=distributed.world(), dropout=float(dropout))
        count = iter(range(1000))
        stop = (lambda: next(count) == int(stop_at)) if distributed.rank() == 0 else None
        fit(task, CONFIG, folder, listeners=[listeners.metrics_file(Path(folder))], stop=stop)
    # A thread of the group that outlives it can end the process with SIGABRT at its exit.
    names = {task.joinpath("comm").read_text().strip() for task in Path("/proc/self/task").glob("*")}
    assert not any("gloo" in name for name in names), names


def language(folder, text) -> None:
    import recurra

    recurra.train(text, out=folder, preset="tiny", batch_size=4, epochs=2, quiet=False)


def _labelled():
    random = np.random.default_rng(0)
    X = [random.normal(size=(int(random.integers(2, 12)), 3)) for _ in range(100)]
    return X, [int(row[:, 0].sum() > 0) for row in X], random.uniform(0.5, 2.0, 100)


def classification():
    from recurra.tasks.classification import SequenceClassifier

    return SequenceClassifier(**SMALL, pooling="attention", class_weight="balanced"), _labelled()


def tagging():
    from recurra.tasks.tagging import SequenceTagger

    X, _, weights = _labelled()
    return SequenceTagger(**SMALL), (X, [(row[:, 0] > 0).astype(int) for row in X], weights)


def tagging_by_a_random_field():
    from recurra.tasks.tagging import SequenceTagger

    random = np.random.default_rng(0)
    X = [["".join(random.choice(list("abc"), 3)) for _ in range(random.integers(1, 8))] for _ in range(100)]
    model = SequenceTagger(**SMALL, crf=True, character_size=4)
    return model, (X, [["ab"["a" in word] for word in row] for row in X])


def forecasting():
    from helpers.series import waves

    from recurra.tasks.forecasting import Forecaster

    # Values are missing, so that the two halves of a batch do not count alike.
    frame = waves(80, 20, 60)
    frame.loc[np.random.default_rng(0).random(len(frame)) < 0.3, "y"] = np.nan
    sizes = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 10, "epoch_steps": 2}
    return Forecaster(fill="forward", **sizes), (frame,)


def regression():
    from recurra.tasks.regression import SequenceRegressor

    X, _, weights = _labelled()
    return SequenceRegressor(**SMALL, loss="huber"), (X, [[row.mean(), 5 * row.max()] for row in X], weights)


def _clips(least):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (int(random.integers(least, 6)), 12, 12), np.uint8) for _ in range(100)]


def video_frames():
    from recurra.tasks.video import FramePredictor

    return FramePredictor(**TINY, seen=3, ahead=2, patch=2, crop=8, mirror=True), (_clips(5),)


def video_labels():
    from recurra.tasks.video import VideoClassifier

    clips = _clips(2)
    return VideoClassifier(**TINY, hidden_size=8, dropout=0.0), (clips, [int(clip[0, 0, 0] > 127) for clip in clips])


def translation():
    from recurra.tasks.translation import Translator

    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcd"), random.integers(2, 9))) for _ in range(100)]
    return Translator(**SMALL, embedding_size=8, unit="character", token_dropout=0.0), (
        [(word, word[::-1]) for word in words],
    )


def speech():
    from helpers.speech_tones import RATE, SETTINGS, words

    from recurra.tasks.speech import Transcriber
    from recurra.tasks.speech.transcriber import Recordings

    plain = {"gain": 0.0, "low_pass": 0.0, "time_masks": 0, "band_masks": 0, "noise": None, "join": 1}
    return Transcriber(**SETTINGS | SMALL | plain), (Recordings(words(100, seed=0), RATE),)


def music():
    from recurra.tasks.music import MusicEstimator
    from recurra.tasks.music.piece import Piece

    random = np.random.default_rng(0)
    pieces = [Piece(random.random((int(random.integers(4, 16)), 88)) < 0.05) for _ in range(100)]
    return MusicEstimator(**SMALL, chord_size=4), (pieces,)


SMALL = {"hidden_size": 8, "dropout": 0.0, "batch_size": 8, "epochs": 2, "validation": 0.2}
"""80 examples to learn from: twenty steps."""
TINY = {"channels": 4, "num_layers": 1, "batch_size": 8, "epochs": 2, "validation": 0.2}
TASKS = {
    one.__name__: one
    for one in (
        *(classification, tagging, tagging_by_a_random_field, regression, forecasting),
        *(video_frames, video_labels, translation, music, speech),
    )
}
"""Task → an estimator of twenty steps, without dropout, and what its `fit` takes: of unequal lengths, where it has lengths."""


def endless(folder) -> None:
    """Train until somebody ends it, by the command; each process says who it is first."""
    import os

    from recurra.cli.frame import main

    Path(f"{folder}.text").write_text("the quick brown fox jumps over the lazy dog. " * 300)
    # In one write: torchrun's processes do not buffer, and the parts of two lines would mix.
    sys.stdout.write(f"process {os.environ['RANK']} {os.getpid()}\n")
    words = ["train", f"{folder}.text", "-o", folder, "--preset", "tiny", "--batch-size", "4", "--epochs", "100000"]
    words += ["--evaluate-every", "20"]  # so that a line says that both are at it
    main(words)


def task(name, folder, stop_at) -> None:
    """Fit in a new folder, or resume the run that it holds. stop_at: stop after this step; -1: never."""
    model, data = TASKS[name]()
    steps = [0]  # as the first process hears of them: what it asks for, all do
    how = {
        "quiet": True,
        "listeners": [lambda event: steps.append(event.get("step", 0))],
        "stop": lambda: 0 <= int(stop_at) <= steps[-1],
    }
    if Path(folder).exists():
        type(model).resume(folder, *data, **how)
    else:
        model.fit(*data, out=folder, **how)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"toy": toy, "language": language, "task": task, "endless": endless}[sys.argv[1]](*sys.argv[2:])
