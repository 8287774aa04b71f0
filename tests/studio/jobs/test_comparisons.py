"""Several cells trained one after the other, and the sentences on them."""

import pytest
from helpers.studio_support import TINY, client, events, send, wait

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with client(tmp_path_factory.mktemp("runs")) as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_goes_on(request):
    yield
    if "api" in request.fixturenames:
        studio = request.getfixturevalue("api").app.state.studio
        for run in list(studio.trainer.jobs):
            assert studio.trainer.stop(run, wait=60)


def test_a_damaged_comparison_is_told_of(api):
    (api.app.state.studio.comparisons.folder / "compare-7.json").write_text(100_000 * "[")
    answer = api.get("/api/comparisons/compare-7")
    assert "compare-7.json is damaged (its JSON is nested too deeply)" in answer.json()["detail"]


@pytest.mark.slow
def test_cells_are_compared_one_after_the_other(api):
    body = {
        "text": send(api),
        "cells": ["rnn", "gru"],
        "parameters": 2000,
        "minutes": 0.02,
        "settings": TINY,
        "times": 1,
    }
    begun = api.post("/api/comparisons", json=body)
    assert begun.status_code == 201, begun.text
    group, runs = begun.json()["id"], begun.json()["runs"]
    waiting = api.get(f"/api/runs/{runs[1]}").json()
    assert (waiting["state"], waiting["group"], waiting["cell"]) == ("waiting", group, "gru")
    assert api.delete(f"/api/runs/{runs[1]}").status_code == 409
    followed = events(api.get(f"/api/runs/{runs[1]}/events").text)
    assert followed[-1][1]["run"]["state"] == "finished"
    found = api.get(f"/api/comparisons/{group}").json()
    assert found["state"] == "finished"
    assert [row["cell"] for row in found["rows"]] == ["rnn", "gru"]
    for row in found["rows"]:
        assert abs(row["parameters"] - 2000) < 120
        assert row["nats"] > 0
        assert row["steps"] > 0
        assert row["each"] == [row["bits"]]
    assert (found["trainings"], found["done"], found["best"]) == (2, 2, [])
    assert found["words"][0].endswith("seconds.")
    assert "no advice follows" in found["words"][1]
    assert {run["group"] for run in api.get("/api/runs").json()["runs"] if run["id"] in runs} == {group}


def test_a_comparison_is_stopped(api):
    body = {"text": send(api), "cells": ["rnn", "lstm"], "parameters": 2000, "minutes": 5, "settings": TINY}
    begun = api.post("/api/comparisons", json=body).json()
    assert [api.get(f"/api/runs/{run}").json()["seed"] for run in begun["runs"]] == [1, 1, 2, 2]
    assert [api.get(f"/api/runs/{run}").json()["cell"] for run in begun["runs"]] == ["rnn", "lstm", "rnn", "lstm"]
    wait(api, begun["runs"][0], "training")
    found = api.post(f"/api/comparisons/{begun['id']}/stop").json()
    assert found["state"] == "stopped"
    assert [row["state"] for row in found["rows"]] == ["stopped", "stopped"]
    assert (found["trainings"], found["done"]) == (4, 0)
    assert found["rows"][1]["nats"] is None
    assert api.get(f"/api/runs/{begun['runs'][1]}").status_code == 404
    assert found["words"] == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"cells": []}, 422, "`cells` is []"),
        ({"cells": ["lstn"]}, 422, "did you mean `lstm`?"),
        ({"cells": ["lstm"], "parameters": 10}, 422, "`parameters` is 10, but the embedding and softmax"),
        ({"cells": ["lstm"], "minutes": -1}, 422, "`minutes` is -1"),
        ({"cells": ["lstm"], "times": 0}, 422, "`times` is 0"),
        ({"cells": ["lstm"], "text": "0" * 64}, 404, "there is no text"),
        ({"cells": "lstm"}, 422, "`cells` is 'lstm'"),
    ],
)
def test_comparisons_that_cannot_be(api, body, status, words):
    answer = api.post("/api/comparisons", json={"text": send(api)} | body)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("id", ["no-such", "compare-99", "compare-1%00", "x" * 101])
def test_ids_that_are_no_comparisons(api, id):
    assert api.get(f"/api/comparisons/{id}").status_code in (404, 422)
    assert api.post(f"/api/comparisons/{id}/stop").status_code in (404, 422)
