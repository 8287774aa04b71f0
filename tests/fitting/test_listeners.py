"""What a run writes and shows: metrics.jsonl, the picture, the display."""

import json

import pytest
from helpers.progress_events import END, evaluate, start, tell, train

from recurra.errors import RunError
from recurra.fitting import listeners

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
    with pytest.raises(RunError, match=r"metrics.jsonl could not be written: No such file .* it was deleted or moved"):
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
