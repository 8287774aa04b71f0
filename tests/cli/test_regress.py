"""`recurra regress` from end to end."""

import json

from helpers.commands import put

TINY = ["--hidden-size", "8", "--epochs", "3", "--lr", "0.02", "-q"]


def test_regress_from_a_table_to_numbers(alone, tmp_path):
    rows = "".join(f"{'dear' if k % 2 else 'cheap'} {k},{10 + 40 * (k % 2)},{k % 2}\n" for k in range(30))
    put(tmp_path, "flats.csv", "text,price,class\n" + rows)
    columns = ["--target-column", "price", "--target-column", "class"]
    assert alone("regress", "flats.csv", *columns, "--unit", "word", *TINY) == "runs/flats-1\n"
    put(tmp_path, "lines.txt", "dear 1\n\ncheap 2\n")
    out = alone("regress", "lines.txt", "--model", "flats-1").splitlines()
    assert out[0] == "prediction_1,prediction_2"
    assert out[2] == ","
    assert float(out[1].split(",")[0]) > float(out[3].split(",")[0])
    found = json.loads(alone("regress", "lines.txt", "--model", "flats-1", "--json"))
    assert [row and len(row) for row in found] == [2, None, 2]
    alone("regress", "flats.csv", *columns, "--model", "flats-1")
    assert alone.err.startswith("R² ")
    assert alone.err.endswith(" over 30\n")
    assert alone("regress", "--resume", "flats-1", "-q") == "runs/flats-1\n"


def test_a_table_without_targets_teaches_nothing(alone, tmp_path):
    put(tmp_path, "a.csv", "text,kind\none,x\ntwo,y\n")
    alone("regress", "a.csv", fails=1)
    assert "a.csv has no targets to learn from; a table needs a column of them, named by --target-column" in alone.err
