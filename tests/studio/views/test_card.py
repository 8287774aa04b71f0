"""What a model would cost."""

import pytest
from helpers.studio_support import client, save_model, send

from recurra.studio.views import card
from recurra.tasks.language.estimator import LanguageEstimator
from recurra.text.build import UNITS

SPEED = {"points": [[1000, 1e-6], [100_000, 1e-5]], "step": 0.001, "generated": 0.0005}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with client(tmp_path_factory.mktemp("runs")) as found:
        # What is measured of this machine is another test's.
        found.app.state.studio.speeds._known = lambda: {"lstm": SPEED}
        yield found


def test_the_card_counts_what_training_would_have(api):
    found = api.post("/api/card", json={"characters": 10_000, "symbols": 12, "settings": {"preset": "tiny"}}).json()
    model = save_model(api.app.state.studio.runs.root / "sized", "abcdefghijkl", units=32)
    del model
    lstm = 4 * 32 * (16 + 32 + 2)
    assert found["parameters"] == 12 * 16 + lstm + 12 * 33
    assert found["bytes"] == 4 * found["parameters"]
    # 9,000 characters in 8 streams of windows of 32.
    assert found["steps"] == 36
    assert found["words"][0] == "36 steps: the text is read about once."
    assert found["words"][1].startswith("10,000 characters are few")
    assert found["seconds"] > 36 * (0.001 + 8 * 32 * 1e-6)
    api.delete("/api/runs/sized")


def test_the_card_takes_the_time_that_is_given(api):
    found = api.post("/api/card", json={"characters": 5_000_000, "settings": {}, "minutes": 3}).json()
    assert found["seconds"] == 180
    assert found["steps"] > 100
    assert found["speed"] > 1000


def test_the_card_has_the_recipe_that_training_will_have(api):
    found = api.post(
        "/api/card", json={"text": send(api, "the cat sat.\n" * 4000), "settings": {"num_layers": 2}}
    ).json()
    parts, why = LanguageEstimator(num_layers=2, minutes=1.0).planned(int(0.9 * 52_000))
    assert found["recipe"] == why
    assert found["settings"]["hidden_size"] == parts["model"].hidden_size == 192
    assert (found["settings"]["num_layers"], found["settings"]["epochs"]) == (2, parts["training"].epochs)
    own = api.post("/api/card", json={"settings": {"preset": "tiny"}}).json()
    assert (own["recipe"], own["settings"]["hidden_size"]) == ("", 32)


def test_the_card_says_what_is_not_known(api, monkeypatch):
    monkeypatch.setattr(card, "WAIT", 0.0)
    monkeypatch.setattr(api.app.state.studio.speeds, "get", lambda *a, **k: None)
    found = api.post("/api/card", json={"settings": {"cell": "gru", "epochs": 2}}).json()
    assert (found["seconds"], found["speed"]) == (None, None)
    assert found["words"][-1] == "How fast this machine trains the cell is not known yet; ask again in a moment."


@pytest.mark.parametrize(
    "settings",
    [
        *({"unit": unit} for unit in UNITS),
        {"unit": "token", "vocabulary_size": 500, "unknown": "unk"},
        {"unknown": "bytes"},
        {"mode": "windows"},
    ],
)
def test_the_card_of_other_tokens(api, settings):
    found = api.post("/api/card", json={"corpus": "manual", "settings": settings | {"epochs": 1}})
    assert found.status_code == 200
    assert found.json()["parameters"] > 10_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"settings": {"hidden_size": 0}}, "`hidden_size` is 0"),
        ({"settings": {"tie_weights": True}}, "`tie_weights` shares one matrix"),
        ({"characters": 1}, "`characters` is 1"),
        ({"characters": 10**400}, "`characters` is 1000"),
    ],
)
def test_cards_that_cannot_be(api, body, words):
    answer = api.post("/api/card", json=body)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
