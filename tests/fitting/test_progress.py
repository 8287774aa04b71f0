"""Progress: lines in a file, a bar on a terminal, times of a clock."""

import io

import pytest
from helpers.progress_events import END, evaluate, start, tell, train
from helpers.training_toy import ToyTask

from recurra.errors import RunError
from recurra.fitting import progress
from recurra.training import TrainingConfig, fit


def test_without_a_terminal_it_is_a_line_an_evaluation():
    stream = io.StringIO()
    fall = {"event": "fall", "step": 60, "fell_at": 75, "scale": 0.5}
    events = [
        start(),
        train(1, 2.0),
        evaluate(50, 1.25),
        evaluate(75, 1.3, better=False),
        fall,
        END,
        {"event": "break"},
    ]
    tell(progress.display(stream), *events)
    assert stream.getvalue().splitlines() == [
        "training for 100 steps: 12,345 parameters on cpu, 2 threads",
        "epoch 1  loss 1.250  bits/char 1.786  training 1.500  2,000 characters/s  best",
        "epoch 1.5  loss 1.300  bits/char 1.857  training 1.500  2,000 characters/s",
        "step 75: the loss became infinite or NaN; back to step 60 with 0.5 of the learning rate",
        "stopped early, as the loss fell no more, after 1:01:15: best 1.2500 at step 60",
    ]


def test_going_on_and_several_processes_are_said():
    stream = io.StringIO()
    tell(progress.display(stream), start(step=40, processes=2, threads=1))
    assert (
        stream.getvalue() == "going on from step 40 of 100 steps: 12,345 parameters on 2 processes on cpu, 1 thread\n"
    )


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_there_is_a_bar_with_speed_time_and_samples(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    fit(ToyTask(), TrainingConfig(epochs=2), tmp_path, listeners=[progress.display(stream)])
    shown = stream.getvalue()
    for words in ("epoch 2.0/2", "tokens/s", "0:00 left", "a sample of", "finished after 0:0", "━"):
        assert words in shown
    assert "\x1b[?25h" in shown[-40:], "the cursor is shown again"


def test_on_a_terminal_an_error_gives_the_cursor_back(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream, task = Terminal(), ToyTask(break_at=range(1, 1000))
    with pytest.raises(RunError):
        fit(task, TrainingConfig(), tmp_path, listeners=[progress.display(stream)])
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0:00"), (75, "1:15"), (59.6, "1:00"), (3675, "1:01:15")])
def test_durations_are_a_clock(seconds, words):
    assert progress.duration(seconds) == words
