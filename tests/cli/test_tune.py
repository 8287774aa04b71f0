"""--tune: a command that fits searches its settings first."""

import json

import pytest

SALES = "ds,y\n" + "".join(f"{n},{n % 7 + n / 50}\n" for n in range(320))
REVIEWS = "text,label\n" + "so fine,good\nso dull,bad\n" * 30
PRICES = "text,target\n" + "so fine,2.5\nso dull,1.5\n" * 30
SHORT = ("--epochs", "2", "--tune", "5", "--trials", "2", "--cell", "gru", "--num-layers", "1", "--hidden-size", "16")


@pytest.fixture
def files(tmp_path):
    for name, text in {"sales": SALES, "reviews": REVIEWS, "prices": PRICES}.items():
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")


@pytest.mark.slow
def test_it_prints_what_was_tried_and_keeps_the_best_run(alone, files, tmp_path):
    assert alone("classify", "reviews.csv", *SHORT) == "runs/reviews-1\n"
    lines = alone.err.splitlines()
    start = next(n for n, line in enumerate(lines) if line.split()[:3] == ["trial", "validation", "loss"])
    assert lines[start].split()[3:8] == ["accuracy", "ended", "seconds", "dropout", "input"], "what is set stays"
    assert sorted(line.split()[0] for line in lines[start + 1 : start + 3]) == ["0", "1"]
    assert lines[start + 3].startswith("validation (used to choose the settings): accuracy ")
    assert lines[-1] == "Use it:  recurra classify reviews.csv --model runs/reviews-1"
    assert (tmp_path / "runs/reviews-1/tune.csv").is_file()
    assert "% of 60 are right" in (
        alone("classify", "reviews.csv", "--model", "reviews-1", "--to", "a.csv") or alone.err
    )
    assert alone("classify", "--resume", "runs/reviews-1", "-q") == "runs/reviews-1\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["forecast sales.csv", "regress prices.csv", "train book.txt --preset tiny"])
def test_every_command_that_has_it_prints_json(command, recurra, files):
    code, out, err = recurra(*command.split(), *SHORT, "--json", "-q")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [row["trial"] for row in found["tried"]] == [0, 1]
    assert [row["best"] for row in found["tried"]].count(True) == 1
    assert found["validation"]


@pytest.mark.slow
def test_a_forecast_is_that_of_the_best_run(alone, files, tmp_path):
    out = alone("forecast", "sales.csv", *SHORT)
    assert out.splitlines()[0].split()[:3] == ["ds", "forecast", "q0.1"]
    assert "validation (used to choose the settings), sMAPE in percent" in alone.err
    assert (tmp_path / "runs/sales-1/forecast.csv").is_file()


@pytest.mark.slow
def test_standard_input_is_read_once(alone, monkeypatch, tmp_path):
    with (tmp_path / "book.txt").open("w") as file:
        file.write("the rain in spain stays mainly in the plain\n" * 40)
    with (tmp_path / "book.txt").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert alone("train", "-", "--preset", "tiny", *SHORT, "-q") == "runs/text-1\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("classify a.csv --tune 0", "--tune"),
        ("classify a.csv --trials 3", "--trials has no effect without --tune; add that, or drop it"),
        ("classify a.csv --tune 1 --model x", "--model uses a run as it was fitted; drop --tune"),
        ("train --tune 1 --resume x", "--resume continues the run as it is; drop --tune"),
        ("forecast a.csv --tune 1 --windows 2", "--windows fits on what is before them and keeps no run; drop --tune"),
        ("classify reviews.csv --epochs 2 --validation 0 --tune 1", "nothing to choose by; set --validation"),
    ],
)
def test_wrong_use_is_one_line(line, words, recurra, files, tmp_path):
    code, out, err = recurra(*line.split(), *(["-q"] if "reviews" in line else []))
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not any((tmp_path / "runs").glob("*"))


def test_without_optuna_a_line_says_what_to_install(recurra, files, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    code, out, err = recurra("classify", "reviews.csv", "--tune", "1", "-q")
    assert (code, out) == (2, "")
    assert "tuning needs Optuna: pip install 'recurra[tune]'" in err
