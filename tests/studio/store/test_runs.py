"""The runs in a folder: found, named, deleted, bounded; damaged ones and what is no run."""

import pytest
from helpers.studio_support import LONG, client, save_model, send

from recurra.tasks import language


def test_a_model_that_was_copied_in_is_a_run(api):
    (run,) = (run for run in api.get("/api/runs").json()["runs"] if run["id"] == "cats")
    assert (run["state"], run["cell"], run["layers"], run["units"]) == ("model", "lstm", 1, 8)
    model = language.load(api.app.state.studio.runs.root / "cats")
    assert run["parameters"] == sum(p.numel() for p in model.parameters())
    assert run["vocabulary"] == {"unit": "character", "size": len(model.vocabulary)}
    assert run["bytes"] > 4 * run["parameters"]
    whole = api.get("/api/runs/cats").json()
    assert whole == run | {"history": {"train": [], "valid": []}, "samples": []}


def test_models_that_ship_with_recurra_write_and_stay_as_they_are(api):
    listed = api.get("/api/runs").json()
    assert [run["id"] for run in listed["packaged"]] == [f"packaged.manual-{cell}" for cell in ("lstm", "gru", "rnn")]
    assert not any(run["id"].startswith("packaged.") for run in listed["runs"])
    for run in listed["packaged"]:
        assert (run["state"], run["units"], run["packaged"]) == ("model", 128, True)
        path = f"/api/runs/{run['id']}"
        text = api.post(f"{path}/generate", json={"length": 20, "seed": 1}).json()["text"]
        assert len(text) == 20
        assert api.get(path).json()["history"] == {"train": [], "valid": []}
        for answer in (api.delete(path), api.patch(path, json={"title": "mine"})):
            assert answer.status_code == 409
            assert "ships with Recurra" in answer.json()["detail"]
        assert api.post(f"{path}/continue").status_code == 409
    assert api.get("/api/runs").json() == listed


def test_a_run_is_renamed_and_deleted(api, home):
    save_model(home / "other")
    title = "<script>alert(1)</script> ../../x"
    assert api.patch("/api/runs/other", json={"title": title}).json()["title"] == title
    assert api.get("/api/runs/other").json()["title"] == title
    assert api.delete("/api/runs/other").status_code == 204
    assert not (home / "other").exists()
    assert api.get("/api/runs/other").status_code == 404
    assert api.delete("/api/runs/other").json()["detail"] == "there is no run `other`"


@pytest.mark.parametrize(
    "id", ["..", ".studio", "...", "a" * 101, "no-such", ".%2e", "%2e%2e%2fcats", "a%00b", "a%0ab", "~", "-x"]
)
@pytest.mark.parametrize("rest", ["", "/events", "/download"])
def test_ids_that_are_no_runs(api, id, rest):
    answer = api.get(f"/api/runs/{id}{rest}")
    # A path of dots is resolved by the client; nothing of it names a run.
    assert answer.status_code in (404, 422) or answer.url.path in ("/api/", "/api/runs/.", "/api/runs")
    assert "characters" not in answer.text or answer.status_code != 200


def test_a_link_that_leads_out_is_no_run(api, home, tmp_path):
    save_model(tmp_path / "secret")
    (home / "link").symlink_to(tmp_path / "secret")
    assert api.get("/api/runs/link").status_code == 404
    assert api.delete("/api/runs/link").status_code == 404
    assert "link" not in [run["id"] for run in api.get("/api/runs").json()["runs"]]
    (home / "link").unlink()


def test_runs_of_other_tasks_are_not_ours(api, home):
    (home / "series").mkdir()
    (home / "series/config.json").write_text('{"schema": "forecast/1"}')
    assert "series" not in [run["id"] for run in api.get("/api/runs").json()["runs"]]


def test_the_number_of_runs_is_bounded(tmp_path):
    save_model(tmp_path / "one")
    with client(tmp_path, kept_runs=1) as api:
        answer = api.post("/api/runs", json={"text": send(api), "settings": LONG})
        assert answer.status_code == 409
        assert "there are 1 runs, which is the limit; delete some first" in answer.json()["detail"]
