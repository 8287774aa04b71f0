"""The look inside over HTTP: the same numbers as `recurra.inside`, and words for what cannot be."""

import json
import os
import threading
import time

import numpy as np
import pytest
from fastapi.testclient import TestClient
from helpers.inside_by_hand import tiny

from recurra import inside
from recurra.data.corpora import corpus_text
from recurra.studio import StudioConfig, create_app
from recurra.studio.views import look, look_shapes
from recurra.tasks import language

JSON = {"content-type": "application/json"}
TEXT = 'to be "or not" to be,\nthat (is) it' * 3


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two models: an RNN, which has no gates, and an LSTM of two layers."""
    folder = tmp_path_factory.mktemp("runs")
    for cell, layers in (("rnn", 1), ("lstm", 2)):
        tiny(cell, text=TEXT, hidden_size=32, num_layers=layers).float().save(folder / cell)
    return folder


@pytest.fixture(scope="module")
def ask(runs):
    """ask("read", run="lstm", text=...) → the answer's JSON, which is checked to be as it is described."""
    app = create_app(StudioConfig(runs=runs))
    shapes = {"read": "Read", "units": "Units", "unit": "Unit", "gates": "Gates", "clamp": "Clamp", "memory": "Memory"}
    shapes |= {"effects": "Effects", "wires": "Wires", "letter": "Letter", "copies": "Copies"}
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:

        def ask(what, run="lstm", status=200, **body):
            answer = client.post(
                f"/api/runs/{run}/inside/{what}", content=json.dumps({"text": TEXT} | body), headers=JSON
            )
            assert answer.status_code == status, answer.text
            if status == 200:
                shape = getattr(look_shapes, f"{shapes[what]}Answer")
                assert shape.model_validate(answer.json()).model_dump(mode="json") == answer.json()
            return answer.json()

        ask.client = client
        yield ask


@pytest.fixture
def model(runs):
    return language.load(runs / "lstm")


def close(values):
    return pytest.approx(np.asarray(values, float).tolist(), abs=6e-5)


def test_read(ask, model):
    found, want = ask("read"), inside.read(model, TEXT)
    assert "".join(found["characters"]) == TEXT
    assert found["losses"][0] is None
    assert found["losses"][1:] == close(want.losses[1:])
    assert found["mean_loss"] == pytest.approx(want.mean_loss, abs=6e-5)
    assert (found["layers"], found["units"], found["states"]) == (2, [32, 32], ["h", "c"])
    assert (found["gates"], found["saturating"]) == (["i", "f", "g", "o"], ["i", "f", "o"])
    assert [symbol for symbol, _ in found["next"][7]] == [symbol for symbol, _ in want.next()[7]]
    assert [p for _, p in found["next"][7]] == close([p for _, p in want.next()[7]])


def test_one_character(ask):
    found = ask("read", text="t")
    assert found["losses"] == [None]
    assert found["mean_loss"] is None
    assert ask("clamp", text="t", clamps=[{"unit": 0}], length=3)["loss"] == {"before": None, "after": None}
    assert ask("units", text="t", sort="follows")["features"] == []


def test_units(ask, model):
    found, want = ask("units", limit=5), inside.rank(inside.read(model, TEXT))
    assert [(u["layer"], u["unit"], u["state"]) for u in found["units"]] == [
        (u.layer, u.unit, u.state) for u in want.units[:5]
    ]
    assert found["units"][0]["follows"] == [
        {"feature": name, "r": pytest.approx(r, abs=6e-5)} for name, r in want.units[0].follows[:3]
    ]
    assert found["tried"] == 128
    assert {feature["name"] for feature in found["features"]} == set(want.chance)
    assert "digit" in found["left_out"]
    ranked = ask("units", feature="bracket depth", layer=1, state="c")
    strengths = [abs(unit["follows"][0]["r"]) for unit in ranked["units"]]
    assert {unit["follows"][0]["feature"] for unit in ranked["units"]} == {"bracket depth"}
    assert strengths == sorted(strengths, reverse=True)
    assert {(unit["layer"], unit["state"]) for unit in ranked["units"]} == {(1, "c")}


def test_unit(ask, model):
    values = inside.read(model, TEXT).unit(1, 3, "c")
    found = ask("unit", layer=1, unit=3, state="c")
    assert found["values"] == close(values)
    assert (found["low"], found["high"]) == (min(found["values"]), max(found["values"]))
    assert ask("unit", unit=3)["values"] == close(inside.read(model, TEXT).unit(0, 3, "h"))


def test_gates(ask, model):
    kept = inside.read(model, TEXT).gate(1, "f")
    found = ask("gates", layer=1, gate="f", first=10, count=20, units=[4, 0])
    assert found["values"] == [close(kept[10:30, 4]), close(kept[10:30, 0])]
    assert found["left_saturated"] == close((kept < 0.1).mean(0)[[4, 0]])
    assert found["right_saturated"] == close((kept > 0.9).mean(0)[[4, 0]])
    liveliest = ask("gates", layer=1, gate="f", units=3)["units"]
    assert liveliest == np.argsort(-kept.var(0))[:3].tolist()
    candidate = ask("gates", layer=0, gate="g")
    assert not candidate["saturates"]
    assert candidate["left_saturated"] is None


def test_clamp(ask, model):
    clamps = [{"layer": 0, "unit": 3, "value": 1.5}, {"layer": 1, "unit": 2, "state": "c"}]
    found = ask("clamp", clamps=clamps, prompt="to ", length=40, seed=5, temperature=0.7)
    want = inside.clamp(model, TEXT, [inside.Clamp(0, 3, 1.5), inside.Clamp(1, 2, 0.0, "c")])
    assert found["losses"]["before"][1:] == close(want.before[1:])
    assert found["losses"]["after"][1:] == close(want.after[1:])
    for when, one in (("before", model), ("after", want.model)):
        expected = inside.read(one, TEXT).next()[-1]
        assert found["next"][when] == [[symbol, pytest.approx(p, abs=6e-5)] for symbol, p in expected]
    assert found["loss"]["after"] - found["loss"]["before"] == pytest.approx(want.change, abs=2e-4)
    options = {"seed": 5, "temperature": 0.7}
    assert found["text"] == {
        "before": model.generate("to ", 40, **options),
        "after": want.model.generate("to ", 40, **options),
    }
    assert ask("clamp", clamps=clamps, length=0)["text"] == {"before": "", "after": ""}


@pytest.mark.slow
def test_effects(ask, model):
    reading = inside.read(model, TEXT)
    found, want = ask("effects", limit=3), inside.effects(model, reading)
    assert found["steps"] == len(TEXT)
    for one, two in zip(found["units"], want[:3], strict=True):
        place = (two.clamp.layer, two.clamp.unit, two.clamp.state)
        assert (one["layer"], one["unit"], one["state"]) == place
        assert one["change"] == pytest.approx(two.change, abs=6e-5)
        values = reading.unit(*place)
        assert (one["low"], one["high"]) == (close(values.min()), close(values.max()))
        assert one["value"] in (one["low"], one["high"])
    assert {one["state"] for one in found["units"]} == {"c"}
    assert {one["state"] for one in ask("effects", state="h")["units"]} == {"h"}
    assert ask("effects", text="t")["units"] == []


def test_wires(ask, model):
    reading = inside.read(model, TEXT)
    found, want = ask("wires", layer=1, unit=3, first=5, count=10), inside.wires(model, reading, 1)
    assert found["values"].keys() == want.keys()
    for name, values in found["values"].items():
        assert values == close(want[name][5:15, 3]), name
    assert found["losses"] == close(reading.losses[5:15])
    assert len(found["next"]) == 10
    assert found["loss"] == pytest.approx(reading.mean_loss, abs=6e-5)
    parts = {part["name"]: part for part in found["drawing"]["parts"]}
    assert parts["f"]["valve"]
    assert (parts["f"]["label"], parts["f"]["args"]) == ("σ", ["sum.f"])
    lines = ["".join(symbol["text"] for symbol in line) for line in found["drawing"]["equations"]]
    assert "c' = f ⊙ c + i ⊙ g" in lines
    linked = {symbol["text"]: symbol["part"] for line in found["drawing"]["equations"] for symbol in line}
    assert (linked["x.f"], linked["c'"], linked["c"]) == ("sum.f", "c'", "c")

    change = {"at": 6, "layer": 1, "unit": 3, "state": "c", "value": 2.5}
    changed = ask("wires", layer=1, unit=3, first=5, count=10, change=change)
    assert changed["values"]["c"][2] == 2.5
    assert changed["values"]["c'"][0] == found["values"]["c'"][0]
    assert changed["values"]["h'"][2] != found["values"]["h'"][2]
    after = inside.wires(model, inside.nudge(model, reading, **change), 1)
    assert changed["values"]["f"] == close(after["f"][5:15, 3])


def test_wires_of_what_is_not_there(ask):
    assert "unit" in ask("wires", status=422, unit=32)["detail"]
    assert "first" in ask("wires", status=422, first=len(TEXT))["detail"]
    assert "layer" in ask("wires", status=422, layer=2)["detail"]
    assert "at" in ask("wires", status=422, change={"at": 900, "unit": 0, "value": 1.0})["detail"]


def test_letter(ask, model):
    reading, found = inside.read(model, TEXT), ask("letter", at=30)
    want = inside.influence(model, TEXT, 30)
    assert (found["start"], found["end"]) == (30, 31)
    assert found["chance"] == pytest.approx(np.exp(-reading.losses[30]), abs=6e-5)
    assert [symbol for symbol, _ in found["next"]] == [symbol for symbol, _ in reading.next(5)[29]]
    assert [norm for *_, norm in found["before"]] == pytest.approx(want.norms.tolist(), abs=6e-4)
    assert [start for start, *_ in found["before"]] == list(range(30))
    for at in (0, len(TEXT)):
        assert f"`at` is {at}" in ask("letter", status=422, at=at)["detail"]


def test_copies_of_what_the_model_read(ask, runs):
    # A saved model has no text with it; one that ships with Recurra has read the manual.
    assert ask("copies")["spans"] is None
    line = next(line for line in corpus_text("manual").splitlines() if len(line) > 60)
    text = f"Zebras {line} zebras"
    found = ask("copies", run="packaged.manual-gru", text=text)
    (span,) = found["spans"]
    assert line in text[span["start"] : span["end"]] + " "
    assert line in span["source"]
    assert found["fraction"] == pytest.approx((span["end"] - span["start"]) / len(text), abs=6e-5)


def test_memory(ask, model):
    found, want = ask("memory", lags=20), inside.memory(model, TEXT, 20, positions=64)
    assert found["lags"] == list(range(21))
    assert found["norms"] == pytest.approx(want.norms.tolist(), rel=1e-3)
    assert found["words"] == want.words()
    assert len(ask("memory", text=TEXT[:30])["norms"]) == 29


REFUSED = [
    ("read", {"run": "nothing"}, 404, "nothing"),
    ("read", {"run": "..%2F..%2Fetc"}, 404, ""),
    ("read", {"text": ""}, 422, "`text` is ''"),
    ("read", {"text": "x" * 5001}, 422, "at most 5000 characters"),
    ("read", {"text": "to ß"}, 422, "'ß' (U+00DF) at offset 3"),
    ("read", {"text": "\ud800"}, 422, "unable to parse"),
    ("read", {"text": 7}, 422, "`text` is 7"),
    ("read", {"nonsense": 1}, 422, "`nonsense` is not known here"),
    ("units", {"feature": "double quote"}, 422, "did you mean `double quotes`?"),
    ("units", {"feature": "digit"}, 422, "the same all through this text"),
    ("units", {"sort": "size"}, 422, "`sort` is 'size'"),
    ("units", {"layer": 2}, 422, "`layer` is 2; expected 0 to 1"),
    ("units", {"limit": 0}, 422, "`limit` is 0"),
    ("unit", {"unit": 32}, 422, "`unit` is 32; expected 0 to 31, the units of layer 0"),
    ("unit", {"unit": -1}, 422, "`unit` is -1"),
    ("unit", {"unit": 0, "state": "z"}, 422, "`state` is 'z'"),
    ("gates", {"gate": "z"}, 422, "`gate` is 'z'; LSTM() shows i, f, g, o"),
    ("gates", {"gate": "n", "run": "rnn"}, 422, "shows none"),
    ("gates", {"gate": "f", "units": [32]}, 422, "`units` has 32; expected 0 to 31"),
    ("gates", {"gate": "f", "units": []}, 422, "units"),
    ("clamp", {"clamps": []}, 422, "`clamps` is []"),
    ("clamp", {"clamps": [{"unit": 99}]}, 422, "`unit` is 99"),
    ("clamp", {"clamps": [{"unit": 0, "value": 1e9}]}, 422, "value"),
    ("clamp", {"clamps": [{"unit": 0}, {"unit": 0, "value": 1.0}]}, 422, "is held at 0.0 and at 1.0"),
    ("clamp", {"clamps": [{"unit": 0}], "length": 10**6}, 422, "`length` is 1000000"),
    ("clamp", {"clamps": [{"unit": 0}], "prompt": "ß"}, 422, "'ß'"),
    ("memory", {"lags": 200}, 422, "lags=200 takes at least 202"),
    ("memory", {"lags": 10**9}, 422, "`lags` is 1000000000"),
    ("memory", {"text": "to"}, 422, "takes at least 3"),
]


@pytest.mark.parametrize(("what", "body", "status", "words"), REFUSED)
def test_what_cannot_be_is_answered_in_words(ask, what, body, status, words):
    assert words in ask(what, status=status, **body)["detail"]


def test_a_run_without_a_model_is_a_conflict(ask, runs):
    (runs / "empty").mkdir(exist_ok=True)
    (runs / "empty" / "config.json").write_text((runs / "lstm" / "config.json").read_text("utf-8"), "utf-8")
    assert "has no model yet" in ask("read", run="empty", status=409)["detail"]


def test_a_cell_without_gates_can_be_looked_into(ask):
    assert ask("read", run="rnn")["gates"] == []
    assert ask("units", run="rnn")["tried"] == 32


def test_too_much_work_is_refused(ask, monkeypatch):
    monkeypatch.setattr(look, "WORK", 10**6)
    assert "times too much for so large a model; shorten the text" in ask("read", status=413)["detail"]


def test_too_many_questions_are_refused(ask, monkeypatch):
    places = threading.BoundedSemaphore(1)
    monkeypatch.setattr(ask.client.app.state.studio.look, "_places", places)
    places.acquire()
    assert "questions are waiting to be answered" in ask("read", status=429)["detail"]
    places.release()
    ask("read")
    ask("read", text="ß", status=422)
    ask("read")  # a failed one gives its place back


def test_a_text_is_read_once_and_again_after_training(ask, runs, monkeypatch):
    read, reads = inside.read, []
    monkeypatch.setattr(
        inside, "read", lambda *args, **options: reads.append(1) or read(*args, **options), raising=False
    )
    text = "be it to or not"
    ask("read", text=text)
    ask("units", text=text)
    assert len(reads) == 1
    stamp = time.time_ns()
    os.utime(runs / "lstm" / "model.safetensors", ns=(stamp, stamp))
    ask("unit", unit=0, text=text)
    assert len(reads) == 2


def test_readings_are_bounded(model):
    readings = look.Readings(most=2, nbytes=10**9)
    made = []

    def get(text):
        return readings.get(text, lambda: made.append(text) or inside.read(model, text))

    for text in ("to", "be", "to", "it", "to", "be"):
        get(text)
    assert made == ["to", "be", "it", "be"]  # the one asked for longest ago goes
    small = look.Readings(nbytes=inside.read(model, TEXT).nbytes)
    first = small.get(1, lambda: inside.read(model, TEXT))
    small.get(2, lambda: inside.read(model, TEXT))
    assert small.get(1, lambda: inside.read(model, TEXT)) is not first


def test_it_is_described(ask):
    paths = ask.client.get("/api/openapi.json").json()["paths"]
    for what in ("read", "units", "unit", "gates", "clamp", "memory"):
        about = paths[f"/api/runs/{{run}}/inside/{what}"]["post"]
        assert about["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        assert {"404", "409", "413", "422", "429"} <= set(about["responses"])
