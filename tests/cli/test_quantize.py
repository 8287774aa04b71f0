"""The command that writes a model in int8."""

import json


def test_quantize_writes_a_small_run_that_the_others_open(beside, home):
    out = beside("quantize", "book-1")
    assert out.startswith("runs/book-1-int8: 0.")
    assert " MB in place of " in out
    assert "loss on held-out text " in out
    found = json.loads(beside("quantize", "book-1", "--out", "small", "--text", "book.txt", "--json"))
    assert found["folder"] == "small"
    assert abs(found["rise_percent"]) < 0.5
    flags = ["-p", "the ", "--length", 50, "--seed", 1]
    want = beside("generate", "book-1", *flags, "--precision", "int8")
    assert beside("generate", "small", *flags) == want
    measured = json.loads(beside("evaluate", "small", "book.txt", "--json"))
    assert measured["loss"] == found["loss_after"]
    beside("quantize", "small", fails=1)
    assert beside.err == "recurra: error: small is in int8 already\n"
