"""`recurra translate`: how files of pairs are read, with a run and without."""

import json

import pytest
from helpers.commands import put

PAIRS = [(f"{k} May", f"05-{k:02}") for k in range(1, 25)]
TINY = ["--hidden-size", "8", "--embedding-size", "8", "--epochs", "1", "--unit", "character", "-q"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*translations are cut")  # one epoch teaches no end
def test_a_run_knows_whether_its_pairs_were_swapped(alone, tmp_path):
    put(tmp_path, "pairs.tsv", "".join(f"{a}\t{b}\n" for a, b in PAIRS))
    alone("translate", "pairs.tsv", *TINY, "--out", "plain")
    alone("translate", "pairs.tsv", *TINY, "--out", "swapped", "--swap")
    for run, swap, column in (
        ("plain", [], 0),
        ("swapped", [], 1),
        ("swapped", ["--no-swap"], 0),
        ("plain", ["--swap"], 1),
    ):
        rows = json.loads(alone("translate", "pairs.tsv", "--model", run, *swap, "--json"))
        assert [row["text"] for row in rows] == [pair[column] for pair in PAIRS]
