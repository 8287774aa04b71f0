"""`recurra runs`: a table of what was trained here."""

import json

import pytest

from recurra.cli import runs


@pytest.mark.slow
def test_the_runs_are_listed_with_their_data_and_score(beside, home):
    lines = beside("runs").splitlines()
    assert lines[0].split() == ["run", "task", "data", "state", "trained", "score"]
    assert lines[1].split()[:4] == ["book-1", "language", "book.txt", "finished"]
    (row,) = json.loads(beside("runs", "runs", "--json"))
    assert (row["run"], row["task"], row["data"], row["measure"]) == ("book-1", "language", ["book.txt"], "nats")
    events = [json.loads(line) for line in (home / "runs/book-1/metrics.jsonl").read_text().splitlines()]
    assert row["score"] == min(event["nats"] for event in events if event["event"] == "evaluate")


@pytest.mark.parametrize(
    ("monitor", "measured", "score"),
    [
        ("validation", {"loss": 0.05, "copying": 0.09}, ("loss", 0.05)),
        ("chrf", {"loss": 0.1, "accuracy": 0.5, "chrf": 87.5, "nearest_chrf": 92.0}, ("chrf", 87.5)),
        ("validation", {"loss": 0.1, "r2": 0.9}, ("r2", 0.9)),
        ("training", {}, ("loss", None)),
    ],
)
def test_the_score_is_what_chose_the_weights_or_what_people_read(tmp_path, monitor, measured, score):
    run = tmp_path / "a"
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"schema": "a/1", "settings": {"training": {"monitor": monitor}}}))
    event = {"event": "evaluate", "step": 1, "better": True} | measured
    (run / "metrics.jsonl").write_text(json.dumps(event) + "\n")
    (row,) = runs.found(tmp_path)
    assert (row["measure"], row["score"]) == score


def test_an_empty_folder_says_how_to_begin(recurra):
    code, out, err = recurra("runs")
    assert (code, out) == (0, "")
    assert err == "no runs in runs/ yet; train one: recurra train book.txt\n"
