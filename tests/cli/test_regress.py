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


def test_a_run_knows_the_columns_that_it_was_learned_from(alone, tmp_path):
    rows = "".join(f"{k};{'dear' if k % 2 else 'cheap'} {k};{10 + 40 * (k % 2)},5 €\n" for k in range(30))
    put(tmp_path, "flats.csv", "no;words;price\n" + rows)
    columns = "--text-column", "words", "--target-column", "price"
    alone("regress", "flats.csv", *columns, "--unit", "word", *[one for one in TINY if one != "-q"])
    # The last line is a command that can be pasted.
    *pasted, use = alone.err.splitlines()[-1].split("recurra ")
    out = alone(*use.split())
    assert len(out.splitlines()) == 31
    assert alone.err.startswith("R² ")
    put(tmp_path, "new.csv", "no;words\n7;dear 1\n")
    assert len(alone("regress", "new.csv", "--model", "flats-1").splitlines()) == 2
    assert alone.err == ""
    # One row with its target has no R², and other columns are as they are named.
    put(tmp_path, "one.csv", "no;words;price\n7;dear 1;50\n")
    assert (len(alone("regress", "one.csv", "--model", "flats-1").splitlines()), alone.err) == (2, "")
    put(tmp_path, "other.csv", "sentence,cost\ndear 1,50\ncheap 1,10\ncheap 2,10\n")
    assert len(alone("regress", "other.csv", "--model", "flats-1").splitlines()) == 4
    assert alone.err.startswith("target: cost, text: sentence\nR² ")
