"""`recurra forecast`: learns, forecasts, scores, writes; and what it refuses."""

import json
import re

import click
import numpy as np
import pandas as pd
import pytest
from helpers.series import waves

from recurra.cli import forecast as cli
from recurra.cli import frame as cli_frame
from recurra.tasks.forecasting import Forecaster


@pytest.fixture
def recurra(tmp_path, capsys, monkeypatch):
    """recurra("sales.csv", "--horizon", 6) in an empty folder → what it prints; `.err` has the rest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_frame, "COMMANDS", (*cli_frame.COMMANDS, "forecast"))
    waves(70, 60).to_csv("sales.csv", index=False)

    def run(*arguments, fails=0):
        code = cli_frame.run(["forecast", *map(str, arguments)])
        out, run.err = capsys.readouterr()
        assert code == fails, run.err
        return out

    return run


FLAGS = ("--preset", "tiny", "--horizon", 6, "--epochs", 2, "--season", 12)


@pytest.mark.slow
def test_the_command_learns_and_forecasts(recurra, tmp_path):
    assert isinstance(cli.command, click.Command)
    out = recurra("sales.csv", *FLAGS)
    for line in (
        "2 series of 60 to 70 hours",
        "validation (used to choose the weights), sMAPE in percent, less is better: forecast ",
        "The forecast is in runs/sales-1/forecast.csv, and drawn in runs/sales-1/forecast.png",
        "Use it:  recurra forecast --model runs/sales-1",
    ):
        assert line in recurra.err
    assert out == recurra("--model", "sales-1")
    assert (tmp_path / "runs/sales-1/forecast.png").exists()
    kept = pd.read_csv("runs/sales-1/forecast.csv")["forecast"].tolist()
    assert kept == pytest.approx(Forecaster.load("sales-1").predict().to_pandas()["forecast"].tolist())
    lines = out.splitlines()
    assert lines[0].split() == ["unique_id", "ds", "forecast", "q0.1", "q0.5", "q0.9", "naive", "seasonal_naive"]
    assert len(lines) == 13
    recurra("--model", "sales-1", "--to", "next.csv", "--picture", "next.png", "--steps", 3)
    assert "wrote next.csv" in recurra.err
    found = pd.read_csv("next.csv")
    assert len(found) == 6
    assert (tmp_path / "next.png").exists()
    assert (Forecaster.load("sales-1").predict(3).to_pandas()["forecast"] - found["forecast"]).abs().max() < 1e-9
    rows = json.loads(recurra("sales.csv", "--model", "sales-1", "--json"))["forecasts"]
    assert rows[0]["ds"] == "2024-01-03 22:00:00"
    assert recurra("--resume", "sales-1", "-q") == "runs/sales-1\n"
    (tmp_path / "sales.csv").rename(tmp_path / "moved.csv")
    recurra("--resume", "sales-1", fails=1)
    assert "sales.csv, which is not where it was; name it: recurra forecast --resume runs/sales-1 --data" in recurra.err
    assert recurra("--resume", "sales-1", "--data", "moved.csv", "-q") == "runs/sales-1\n"


TINY = ("--preset", "tiny", "--epochs", 1)


@pytest.mark.slow
def test_a_table_of_two_shops_as_a_spreadsheet_writes_it_is_enough(recurra, tmp_path):
    days = pd.date_range("2024-01-01", periods=90)
    rows = [
        f'{day.month}/{day.day}/{day.year},{shop},"${1000 + k:,.2f}"'
        for shop in ("N", "L")
        for k, day in enumerate(days)
    ]
    (tmp_path / "us.csv").write_text("\n".join(["Date,Store,Revenue", *rows]))
    out = recurra("us.csv", *TINY).splitlines()
    assert out[0].split()[:3] == ["Store", "Date", "forecast"]
    assert {tuple(line.split()[:2]) for line in out[1:]} >= {("L", "2024-03-31"), ("N", "2024-04-13")}
    assert "time: Date, target: Revenue, series: Store\n2 series of 90 days\n" in recurra.err


@pytest.mark.slow
def test_a_table_alone_is_enough(recurra, tmp_path):
    """Columns and horizon follow from it; stdout is the forecast, with -q the folder, with --json both."""
    months = pd.date_range("2010-01-01", periods=200, freq="MS").strftime("%Y-%m")
    pd.DataFrame({"Month": months, "Passengers": [100 + k % 12 + k for k in range(200)]}).to_csv("air.csv", index=False)
    out = recurra("air.csv", *TINY).splitlines()
    assert out[0].split() == ["Month", "forecast", "q0.1", "q0.5", "q0.9", "naive", "seasonal_naive"]
    assert [line.split()[0] for line in out[1:]] == [
        str(one) for one in pd.period_range("2026-09", periods=12, freq="M")
    ]
    assert "time: Month, target: Passengers\n" in recurra.err
    assert "1 series of 200 months\nhorizon: 12 months\n" in recurra.err
    words = (
        r"validation \(used to choose the weights\), sMAPE in percent, less is better: forecast .*, naive .*, seasonal"
    )
    assert re.search(words, recurra.err)
    assert recurra("air.csv", *TINY, "-q", "--to", "to.csv", "--picture", "to.png") == "runs/air-2\n"
    assert recurra.err == ""
    assert (tmp_path / "to.csv").read_text() == (tmp_path / "runs/air-2/forecast.csv").read_text()
    assert (tmp_path / "to.png").exists()
    found = json.loads(recurra("air.csv", *TINY, "--json"))
    assert (found["run"], len(found["forecasts"])) == ("runs/air-3", 12)
    assert found["validation"].keys() == {"smape", "naive_smape", "seasonal_naive_smape"}
    scores = json.loads(recurra("air.csv", *TINY, "--windows", 1, "--json"))["scores"]
    assert [row["model"] for row in scores] == ["forecast", "naive", "seasonal_naive"]
    assert len(recurra("air.csv", *TINY, "--horizon", 3).splitlines()) == 4


@pytest.mark.slow
def test_what_is_known_ahead_is_asked_for_after_learning(recurra):
    days = pd.date_range("2024-01-01", periods=60)
    table = pd.DataFrame({"ds": days, "y": range(60), "price": range(60)})
    table[:54].to_csv("a.csv", index=False)
    table[54:][["ds", "price"]].to_csv("ahead.csv", index=False)
    assert recurra("a.csv", *FLAGS, "--future", "price") == ""
    assert "nothing was held out, so that there is no score: --windows 2 tests it on the past" in recurra.err
    assert "A forecast needs price of the steps ahead:  recurra forecast --model runs/a-1 --known PATH" in recurra.err
    assert json.loads(recurra("a.csv", *FLAGS, "--future", "price", "--json"))["forecasts"] is None
    assert recurra("a.csv", *FLAGS, "--future", "price", "-q") == "runs/a-3\n"
    assert len(recurra("a.csv", *FLAGS, "--future", "price", "--known", "ahead.csv").splitlines()) == 7


def test_of_many_series_the_first_rows_are_printed(recurra):
    waves(*[40] * 12).to_csv("many.csv", index=False)
    assert len(recurra("many.csv", *FLAGS).splitlines()) == 61
    assert "runs/many-1/forecast.csv, with 12 more rows, and drawn in" in recurra.err
    assert len(pd.read_csv("runs/many-1/forecast.csv")) == 72


def test_names_and_stamps_come_out_as_they_stood(recurra, tmp_path):
    days = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    pd.concat([pd.DataFrame({"unique_id": name, "ds": days, "y": range(60)}) for name in ("001", "1e5")]).to_csv(
        "a.csv", index=False
    )
    recurra("a.csv", *FLAGS, "-q")
    lines = [line.split()[:2] for line in recurra("--model", "a-1", "--steps", 1).splitlines()[1:]]
    assert lines == [["001", "2024-03-01"], ["1e5", "2024-03-01"]]
    names = [row["unique_id"] for row in json.loads(recurra("--model", "a-1", "--json"))["forecasts"]]
    assert names == ["001"] * 6 + ["1e5"] * 6
    recurra("--model", "a-1", "--to", "next.csv")
    assert (tmp_path / "next.csv").read_text().splitlines()[1].startswith(("001,2024-03-01,", '"001","2024-03-01",'))
    # Beside a name that is no number, and as new rows: the fitted series all the same.
    first = pd.DataFrame({"unique_id": "001", "ds": days, "y": range(60)})
    pd.concat([first, first.assign(unique_id="A12")]).to_csv("b.csv", index=False)
    assert recurra("b.csv", "--model", "a-1").splitlines()[1:7] == recurra("--model", "a-1").splitlines()[1:7]


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_stamps_of_any_unit_are_written_as_dates(recurra, unit, zone):
    stamps = pd.date_range("2024-01-01", periods=60, tz=zone).as_unit(unit)
    pd.DataFrame({"ds": stamps, "y": range(60)}).to_parquet("a.parquet")
    recurra("a.parquet", *FLAGS, "-q")
    want = "2024-03-01" + "+0000" * bool(zone)
    assert recurra("--model", "a-1").splitlines()[1].split()[0] == want
    assert json.loads(recurra("--model", "a-1", "--json"))["forecasts"][0]["ds"] == want
    scores = json.loads(recurra("a.parquet", *FLAGS, "--windows", 1, "--json", "-q"))["scores"]
    assert scores[0]["model"] == "forecast"


def test_several_columns_that_name_series(recurra):
    waves(60, 60).assign(item=7).to_csv("two.csv", index=False)
    recurra("two.csv", *FLAGS, "--id-col", "unique_id,item", "-q")
    assert recurra("--model", "two-1").splitlines()[1].split()[:2] == ["s0", "7"]


@pytest.mark.slow
def test_the_command_takes_several_values_with_commas_or_one_by_one(recurra):
    recurra("sales.csv", *FLAGS, "--quantiles", "0.2,0.8", "--lags", "3, 12", "--past", "p,f", "-q")
    made = Forecaster.load("sales-1").parts
    assert made["model"].quantiles == (0.2, 0.8)
    assert made["model"].lags == (3, 12)
    assert made["series"].past == ("p", "f")
    recurra("sales.csv", *FLAGS, "--quantiles", 0.2, "--quantiles", 0.8, "-q")
    assert Forecaster.load("sales-2").parts["model"].quantiles == (0.2, 0.8)


@pytest.mark.slow
def test_the_command_learns_several_networks(recurra):
    recurra("sales.csv", *FLAGS, "--members", 2, "-q")
    assert len(Forecaster.load("sales-1").model) == 2
    assert recurra("--resume", "sales-1", "-q") == "runs/sales-1\n"
    assert len(recurra("--model", "sales-1").splitlines()) == 13


@pytest.mark.slow
def test_the_command_weighs_series_by_a_column(recurra):
    waves(60, 60).assign(w=lambda d: d["unique_id"].map({"s0": 1, "s1": 0})).to_csv("weighed.csv", index=False)
    recurra("weighed.csv", *FLAGS, "--weight-col", "w")
    assert "1 series have a weight of 0: forecast, but not learned from" in recurra.err
    assert Forecaster.load("weighed-1").weights == "w"
    assert len(recurra("weighed.csv", *FLAGS, "--weight-col", "w", "--windows", 1, "-q").splitlines()) == 4
    assert recurra("--resume", "weighed-1", "-q") == "runs/weighed-1\n"
    recurra("sales.csv", *FLAGS, "--weight-col", "w", fails=1)
    assert "the frame has no column 'w'" in recurra.err
    assert "name another with --weight-col" in recurra.err


def test_the_command_takes_words_and_empty_cells(recurra, tmp_path):
    days = pd.date_range("2024-01-01", periods=66)
    table = pd.DataFrame({"ds": days, "y": np.arange(66) % 7.0, "kind": ["sale", "none", ""] * 22})
    table["price"] = np.where(np.arange(66) % 4, 1.5 + np.arange(66) % 5, np.nan)
    table[:60].to_csv("kinds.csv", index=False)
    table[60:].drop(columns="y").replace("sale", "gift").to_csv("ahead.csv", index=False)
    recurra("kinds.csv", *FLAGS, "--future", "kind,price")
    assert "kind has 3 words, (missing), none, sale; others read as unknown" in recurra.err
    assert "price is missing at some steps: there it reads as its mean, beside a mark" in recurra.err
    with pytest.warns(UserWarning, match="kind has 'gift', of which nothing was learned: read as unknown"):
        assert len(recurra("--model", "kinds-1", "--known", "ahead.csv").splitlines()) == 7
    table[:60].assign(price=["3", "low"] * 30).to_csv("mixed.csv", index=False)
    recurra("mixed.csv", *FLAGS, "--future", "price", fails=1)
    assert "the column 'price' holds text; expected numbers, or words alone (row 1 has 'low')" in recurra.err


def test_the_command_scores_windows_beside_the_naive_forecasts(recurra):
    lines = recurra("sales.csv", *FLAGS, "--windows", 2, "-q").splitlines()
    assert [line.split()[0] for line in lines] == ["model", "forecast", "naive", "seasonal_naive"]
    assert not list(__import__("pathlib").Path("runs").glob("*")), "no run is kept"
    recurra("sales.csv", *FLAGS, "-q")
    scores = json.loads(recurra("sales.csv", "--model", "sales-1", "--windows", 2, "--json"))["scores"]
    assert [row["model"] for row in scores] == ["forecast", "naive", "seasonal_naive"]
    assert "--model took it as it is" in recurra.err


def test_what_is_known_ahead_has_another_name_in_the_command(recurra):
    """In Python the frame is called future, as the setting is; here --future is the setting, and --known the table."""
    recurra("sales.csv", *FLAGS, "--future", "f", "-q")
    recurra("--model", "sales-1", fails=2)
    assert "the model needs f for the next 6 steps; give --known, a frame with ds" in recurra.err
    recurra("--model", "sales-1", "--known", "sales.csv", fails=1)
    assert "--known lacks f of series" in recurra.err
    recurra("sales.csv", "--model", "sales-1", "--to", "sales.csv", fails=2)
    assert "sales.csv is a file that is read, and would be lost; name another" in recurra.err


def test_the_commands_mistakes(recurra, tmp_path):
    cases = [
        ((), 2, "DATA is missing: name a .csv or .parquet table"),
        (("none.csv",), 1, "there is no file none.csv"),
        (("sales.csv", "--steps", 3), 2, "without --model, DATA is learned from; drop --steps"),
        (("--model", "x", "--horizon", 3), 2, "--model uses a run as it was fitted; drop --horizon"),
        (("sales.csv", "--resume", "x"), 2, "--resume continues the run as it is; drop DATA"),
        (("sales.csv", "--data", "x.csv"), 2, "without --model, DATA is learned from; drop --data"),
        (("sales.csv", "--stride", 3), 2, "--stride has no effect without --windows"),
        (("sales.csv", "--windows", 0), 2, "--windows is 0; expected 1 or more"),
        (("sales.csv", "--windows", 2, "--stride", 0), 2, "--stride is 0; expected 1 or more"),
        (("--model", "x", "--steps", 0), 2, "--steps is 0; expected 1 or more"),
        (("sales.csv", "--windows", 2, "--to", "x.xlsx"), 2, "x.xlsx: forecasts are written as .csv or .parquet"),
        (("sales.csv", "--windows", 2, "--to", "no/x.csv"), 2, "no/x.csv cannot be written: there is no folder no"),
        (("sales.csv", "--windows", 2, "--picture", "x.txt"), 2, "x.txt ends in '.txt'; expected .png, .svg or .pdf"),
        (("sales.csv", "--windows", 2, "--picture", "no/x.png"), 2, "there is no folder no; make it, or name another"),
        (("sales.csv", "--lags", "7,x"), 2, "'x' is not a valid integer"),
        (("latin.csv",), 1, "latin.csv is not UTF-8: byte 16 is 0xFC; convert it, for example with iconv -f windows"),
        (("sales.csv", "--horizon", 90), 1, "forecasting 90 steps needs at least 91"),
        (("sales.csv", "--horizon", 90, "--out", "named"), 1, "forecasting 90 steps needs at least 91"),
        (("sales.csv", "--head", "normal"), 2, "--head is normal; expected one of: quantiles"),
        (("sales.csv", "--target-col", "sales"), 1, "the frame has no column 'sales'; expected one of: unique_id"),
        (
            ("two.csv",),
            1,
            "time: day\nrecurra: error: the frame has no column 'y'; expected one of: day, sold, left; name another with",
        ),
        (
            ("two.csv", "--time-col", "day"),
            1,
            "no column 'y'; expected one of: day, sold, left; name another with --target-col",
        ),
    ]
    (tmp_path / "latin.csv").write_bytes("unique_id,ds,y\nZürich,1,2\nZürich,2,3\n".encode("latin-1"))
    days = pd.date_range("2024-01-01", periods=40)
    pd.DataFrame({"day": days, "sold": range(40), "left": range(40)}).to_csv("two.csv", index=False)
    for arguments, code, message in cases:
        recurra(*arguments, fails=code)
        assert message in recurra.err
        assert len([line for line in recurra.err.splitlines() if not line.startswith(("reading ", "time: "))]) == 1
    assert not list((tmp_path / "runs").glob("*")), "what failed leaves nothing behind"
    assert not (tmp_path / "named").exists()
