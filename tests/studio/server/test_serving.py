"""The studio's JSON as a whole: the page beside it, downloads, events of a run at rest, descriptions."""

import io
import zipfile

from helpers.studio_support import events

from recurra.tasks import language


def test_the_page_and_its_charts_are_there(api):
    assert api.get("/").headers["content-type"].startswith("text/html")
    plotly = api.get("/plotly.js")
    assert plotly.headers["content-type"].startswith("text/javascript")
    assert len(plotly.content) > 10**6
    assert api.get("/static/js/main.js").status_code == 200
    assert api.get("/static/../app.py").status_code == 404


def test_a_download_opens_elsewhere(api, tmp_path):
    answer = api.get("/api/runs/cats/download")
    assert answer.headers["content-type"] == "application/zip"
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    assert len(language.load(tmp_path / "cats").generate("the ", 20, seed=1)) == 24


def test_events_of_a_run_at_rest_end_at_once(api):
    found = events(api.get("/api/runs/cats/events").text)
    assert [name for name, _ in found] == ["snapshot", "end"]
    assert found[0][1]["history"] == {"train": [], "valid": []}
    assert found[1][1]["run"]["id"] == "cats"


def test_every_answer_is_described(api):
    described = api.get("/api/openapi.json").json()["paths"]
    assert {"/api/about", "/api/runs/{run}/events", "/api/runs/{run}/inside/clamp"} <= set(described)
    for path, methods in described.items():
        for method, about in methods.items():
            assert about.get("description"), (path, method)
            assert {"404", "409", "422"} <= about["responses"].keys(), (path, method)
