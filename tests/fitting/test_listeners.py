"""What a run writes and shows: metrics.jsonl, the picture, the display."""

import io
import json

import pytest
from helpers.training_toy import ToyTask

from recurra.errors import RunError
from recurra.fitting import listeners, progress
from recurra.training import TrainingConfig, fit


def start(step=0, **values):
    common = {"event": "start", "step": step, "epoch": 0.0, "seconds": 0.0, "resumed": bool(step), "steps": 100}
    more = {"steps_per_epoch": 50, "unit": "characters", "units_per_token": 2.0, "parameters": 12345}
    return common | more | {"processes": 1, "device": "cpu", "threads": 2} | values


def train(step, loss, **values):
    return {"event": "train", "step": step, "epoch": step / 50, "seconds": 1.0, "loss": loss} | values


def evaluate(step, loss, better=True):
    both = {"validation_loss": loss, "training_loss": 1.5, "best": loss, "better": better}
    return (
        train(step, loss) | {"event": "evaluate", "bits_per_character": loss / 0.7, "tokens_per_second": 1000.0} | both
    )


END = {
    "event": "end",
    "step": 100,
    "epoch": 2.0,
    "seconds": 3675.0,
    "reason": "patience",
    "best": 1.25,
    "best_step": 60,
}


def tell(listen, *events):
    for event in events:
        listen(event)


# metrics.jsonl


def test_metrics_are_a_row_a_line(tmp_path):
    rows = [train(1, 2.0), evaluate(1, 1.9), END]
    tell(listeners.metrics_file(tmp_path), start(), *rows, {"event": "progress", "step": 1}, {"event": "break"})
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == rows


def test_going_on_drops_the_rows_that_will_come_again(tmp_path):
    tell(listeners.metrics_file(tmp_path), start(), *(train(step, 1.0) for step in range(1, 9)))
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"event": "train", "step": 3, "lo')
    tell(listeners.metrics_file(tmp_path), start(step=5), train(6, 0.5))
    rows = listeners.read_metrics(tmp_path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["loss"] == 0.5


def test_a_folder_that_goes_away_is_one_line(tmp_path):
    (tmp_path / "run").mkdir()
    listen = listeners.metrics_file(tmp_path / "run")
    listen(start())
    (tmp_path / "run" / "metrics.jsonl").unlink()
    (tmp_path / "run").rmdir()
    with pytest.raises(
        RunError, match=r"metrics.jsonl could not be written: No such file .* free some space and resume"
    ):
        listen(train(1, 1.0))


# loss.png


def test_the_picture_has_both_curves(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn = {}
    real = Axes.plot
    monkeypatch.setattr(
        Axes, "plot", lambda self, x, y, **style: drawn.update({style["label"]: (x, y)}) or real(self, x, y, **style)
    )
    rows = [train(1, 2.0), train(2, 1.8), evaluate(2, 1.7), train(3, float("inf")), evaluate(3, 1.6)]
    tell(listeners.metrics_file(tmp_path), start(), *rows)
    tell(listeners.picture(tmp_path), start(), *rows)
    assert not (tmp_path / "loss.png").exists(), "drawn at the end, not all the time"
    tell(listeners.picture(tmp_path), END)
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert drawn == {"training": ((1, 2), (2.0, 1.8)), "validation": ((2, 3), (1.7, 1.6))}


def test_nothing_measured_is_no_picture(tmp_path):
    assert listeners.draw(tmp_path) is None
    assert not (tmp_path / "loss.png").exists()


# The display


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
