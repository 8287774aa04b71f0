"""What a command ends with."""

from recurra.fitting.report import Report, compared, score_of, shortened, spread
from recurra.fitting.sources import present


def test_a_score_on_what_chose_the_weights_says_so():
    row = {
        "event": "evaluate",
        "step": 3,
        "loss": 2.0,
        "validation_loss": 0.51234,
        "wer": 0.25,
        "cer": 0.125,
        "better": True,
    }
    lines = Report(score_of(row), ["right: a → b"], "").lines()
    assert lines == ["validation (used to choose the weights): loss 0.5123, WER 0.250, CER 0.125", "right: a → b"]
    assert Report({"nats": 1.5, "validation_loss": 1.5}, [], "").lines()[0].endswith(": nats 1.500")
    assert Report({}, [], "").lines() == ["nothing was held out, so that there is no score"]


def test_right_ones_come_before_wrong_ones():
    rows = [("a", "x", "y"), ("b", "x", "x"), ("c", "y", "y"), ("d", "x", "y")]
    assert compared(rows, most=1) == ["right: b → x", "wrong: a → x; it is y"]
    assert shortened("one\ntwo " * 9, 12) == "one two o..."
    assert spread(10, 4) == [0, 3, 6, 9]
    assert (spread(0, 4), spread(2, 4)) == ([], [0, 1])


def test_only_files_that_are_there_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "a b.csv").touch()
    run = tmp_path / "run"
    assert present(["a b.csv", "gone.csv", "-"], run) == ["a b.csv"]
    assert present(["../a b.csv"], run) == [str(tmp_path / "a b.csv")]
    assert present(["a b.csv"], None) == ["a b.csv"]
