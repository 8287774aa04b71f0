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
        "stopped at epoch 2: validation loss has not improved since epoch 1.2; best weights kept; 1:01:15 in all",
    ]


def test_lines_of_evaluations_are_seconds_apart_and_the_last_one_is_shown():
    stream, times = io.StringIO(), (0.1, 0.2, 1.9, 2.2, 2.3, 2.4, 9.0, 9.1, 9.2)
    evaluations = [evaluate(k + 1, 1 - k / 100) | {"seconds": time} for k, time in enumerate(times)]
    tell(progress.display(stream), start(), *evaluations[:6], train(7, 1.0, seconds=5.0), *evaluations[6:], END)
    shown = [line.split()[3] for line in stream.getvalue().splitlines() if line.startswith("epoch")]
    # The first; one 2.1 seconds later; the last one before the silence, when there is news; the next; and the last.
    assert shown == ["1.000", "0.970", "0.950", "0.940", "0.920"]
    assert stream.getvalue().splitlines()[-1].startswith("stopped at epoch")


def test_where_nothing_is_held_out_the_loss_is_called_that_of_training():
    stream = io.StringIO()
    event = {name: value for name, value in evaluate(50, 1.25).items() if name != "validation_loss"}
    tell(progress.display(stream), start(), event)
    line = "epoch 1  training loss 1.250  bits/char 1.786  2,000 characters/s  best"
    assert stream.getvalue().splitlines()[1:] == [line]


def test_going_on_and_several_processes_are_said():
    stream = io.StringIO()
    tell(progress.display(stream), start(step=40, processes=2, threads=1))
    assert stream.getvalue() == "resumed at step 40 of 100 steps: 12,345 parameters on 2 processes on cpu, 1 thread\n"


@pytest.mark.parametrize(
    ("start_of", "first"),
    [
        ({"minutes": 1.0, "steps": None}, "training for 1 minute: "),
        ({"minutes": 0.1, "steps": None}, "training for 6 seconds: "),
        ({"minutes": 2.0, "steps": None, "step": 9, "seconds": 75.0}, "resumed at step 9, after 1:15 of 2 minutes: "),
        (
            {"first": 60, "longer": {"epochs": 2, "more_minutes": None}},
            "training a finished run longer: another cycle",
        ),
        (
            {"minutes": 5.0, "steps": None, "longer": {"epochs": 0, "more_minutes": 5.0}},
            "training a finished run longer: another cycle",
        ),
    ],
)
def test_the_first_line_says_how_long_and_what_longer_means(start_of, first):
    stream = io.StringIO()
    tell(progress.display(stream), start(**start_of))
    assert stream.getvalue().startswith(first)
    assert ("on cpu, up to 2 threads" in stream.getvalue()) == ("minutes" in start_of)
    assert ("it is not what one longer run would have given" in stream.getvalue()) == ("longer" in start_of)


@pytest.mark.parametrize(
    ("start_of", "line"),
    [
        ({}, "about 1.5 minutes to go, at 2,000 characters/s"),
        ({"minutes": 1.0, "steps": None}, "only about 50 steps in that time, too few to learn much: "),
    ],
)
def test_the_expected_time_is_one_line_in_a_log_too(start_of, line):
    stream = io.StringIO()
    going = {"event": "progress", "step": 5, "steps": 50, "left": 90.0, "tokens_per_second": 1000.0, "seconds": 2.5}
    tell(progress.display(stream), start(**start_of), going | {"seconds": 0.5}, going, going | {"seconds": 3.0})
    assert stream.getvalue().count("\n") == 2
    assert line in stream.getvalue()


def test_nats_are_explained_once_and_the_training_loss_is_in_nats_too():
    stream = io.StringIO()
    measured = evaluate(50, 3.0) | {"nats": 1.0, "characters": 48_000}
    tell(progress.display(stream), start(), measured, measured, END)
    assert stream.getvalue().count("lower is better") == 1
    assert "nats 1.000 on 48,000 characters  bits/char 4.286  training 0.500  " in stream.getvalue()


def test_control_characters_of_a_sample_are_shown(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    tell(
        progress.display(stream),
        start(),
        {"event": "sample", "step": 10, "text": "a\x1b]0;title\x07b"},
        {"event": "break"},
    )
    assert "after 10 steps:" in stream.getvalue()
    assert "a␛]0;title␇b" in stream.getvalue()


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


@pytest.mark.parametrize("columns", ["20", "40", "80"])
def test_on_a_narrow_terminal_the_time_left_stays(tmp_path, monkeypatch, columns):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    stream = Terminal()
    fit(ToyTask(), TrainingConfig(epochs=2), tmp_path, listeners=[progress.display(stream)])
    assert "0:00 left" in stream.getvalue()
    assert ("epoch 2.0/2" in stream.getvalue()) == (columns != "20")


def test_on_a_terminal_an_error_gives_the_cursor_back(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream, task = Terminal(), ToyTask(break_at=range(1, 1000))
    with pytest.raises(RunError):
        fit(task, TrainingConfig(), tmp_path, listeners=[progress.display(stream)])
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0:00"), (75, "1:15"), (59.6, "1:00"), (3675, "1:01:15")])
def test_durations_are_a_clock(seconds, words):
    assert progress.duration(seconds) == words


def test_a_finished_run_says_how_to_train_it_longer():
    stream = io.StringIO()
    tell(progress.display(stream), start(step=100), END | {"reason": "finished"})
    assert stream.getvalue().splitlines()[-1].startswith("this run is finished; --epochs or --more-minutes")
    stream = io.StringIO()
    tell(progress.display(stream), start(step=50), evaluate(100, 1.25), END | {"reason": "finished"})
    assert stream.getvalue().splitlines()[-1].startswith("finished after 1:01:15")
    stream = io.StringIO()
    tell(progress.display(stream), start(step=50), evaluate(100, 1.25), END | {"reason": "learned"})
    assert stream.getvalue().splitlines()[-1].startswith("nothing is left to learn: stopped after 1:01:15: best")
