"""`recurra runs`: a table of what was trained here."""

import json


def test_the_runs_are_listed_with_their_data_and_score(beside, home):
    lines = beside("runs").splitlines()
    assert lines[0].split() == ["run", "task", "data", "state", "trained", "score"]
    assert lines[1].split()[:4] == ["book-1", "language", "book.txt", "finished"]
    (row,) = json.loads(beside("runs", "runs", "--json"))
    assert (row["run"], row["task"], row["data"], row["measure"]) == ("book-1", "language", ["book.txt"], "nats")
    events = [json.loads(line) for line in (home / "runs/book-1/metrics.jsonl").read_text().splitlines()]
    assert row["score"] == min(event["nats"] for event in events if event["event"] == "evaluate")


def test_an_empty_folder_says_how_to_begin(recurra):
    code, out, err = recurra("runs")
    assert (code, out) == (0, "")
    assert err == "no runs in runs/ yet; train one: recurra train book.txt\n"
