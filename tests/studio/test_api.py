"""The studio's JSON, endpoint by endpoint, without a training: texts, runs, text that is written, the card, about."""

import io
import json
import zipfile

import pytest
import torch
from helpers.studio_support import LONG, client, events, save_model, send

from recurra import cells
from recurra.cells import Cell
from recurra.tasks import language


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    save_model(folder / "cats")
    return folder


@pytest.fixture(scope="module")
def api(home):
    with client(home, length=2000, prompt=500) as found:
        yield found


def test_about_tells_what_the_page_needs(api):
    about = api.get("/api/about").json()
    assert about["machine"]["cores"] >= 1
    assert about["limits"]["length"] == 2000
    assert [cell["name"] for cell in about["cells"]] == list(cells.names())
    lstm = about["cells"][2]
    assert lstm["states"] == ["h", "c"]
    assert "c' = f ⊙ c + i ⊙ g" in lstm["equations"]
    assert lstm["source"].startswith("Hochreiter & Schmidhuber 1997")
    assert {"name": "f", "does": "how much of the memory is kept: 1 keeps all, 0 forgets"} in lstm["gates"]
    form = {field["name"]: field for field in about["form"]}
    assert form["hidden_size"] == {
        "name": "hidden_size",
        "type": "int",
        "default": 512,
        "choices": [],
        "help": "Units of each recurrent layer.",
        "section": "model",
        "optional": False,
        "min": 1,
        "max": 4096,
    }
    assert form["cell"]["choices"] == list(cells.names())
    assert not {"encoding", "device", "tensorboard"} & form.keys()
    assert about["studio_defaults"]["minutes"] == 1.0
    assert {"name": "manual", "about": about["corpora"][0]["about"], "here": True} == about["corpora"][0]


def test_a_users_cell_says_what_its_class_says(api):
    class Mine(Cell):
        """Keeps half."""

        gates = "n"

        def step(self, x, h, s):
            return s.next(h=0.5 * s.h + x.n + h.n)

    with cells.registered({"mine": Mine}):
        mine = api.get("/api/about").json()["cells"][-1]
    assert (mine["title"], mine["summary"], mine["from"]) == ("mine", "Keeps half.", "test_api.py")
    assert mine["gates"] == [{"name": "n", "does": "as its equations say"}]


def test_the_page_and_its_charts_are_there(api):
    assert api.get("/").headers["content-type"].startswith("text/html")
    plotly = api.get("/plotly.js")
    assert plotly.headers["content-type"].startswith("text/javascript")
    assert len(plotly.content) > 10**6
    assert api.get("/static/js/main.js").status_code == 200
    assert api.get("/static/../app.py").status_code == 404


# Texts


def test_a_text_is_kept_under_its_sum(api):
    text = "Grüße, 世界! \U0001f642\r\n" * 20
    sent = api.post("/api/texts?name=a/b\\gruss.txt", content=text.encode())
    assert sent.status_code == 201
    found = sent.json()
    assert (found["name"], found["characters"], found["bytes"]) == ("gruss.txt", len(text), len(text.encode()))
    assert found["symbols"] == len(set(text))
    assert found["start"] == text[:300]
    assert api.get(f"/api/texts/{found['id']}").json() == found
    assert api.get(f"/api/texts/{found['id']}/content").content == text.encode()
    assert api.post("/api/texts", content=text.encode()).json()["id"] == found["id"]


def test_a_text_in_another_encoding_becomes_utf8(api):
    text = "Straße und Käse, über alles. " * 5
    found = api.post("/api/texts?encoding=cp1252", content=text.encode("cp1252")).json()
    assert api.get(f"/api/texts/{found['id']}/content").text == text
    marked = api.post("/api/texts?encoding=utf-16", content=text.encode("utf-16")).json()
    assert marked["id"] == found["id"]
    assert api.post("/api/texts", content=b"\xef\xbb\xbf" + text.encode()).json()["id"] == found["id"]


@pytest.mark.parametrize(
    ("content", "query", "words"),
    [
        (b"", "", "the text is empty"),
        (b"x", "", "the text is one character"),
        (b" \n\t " * 9, "", "the text is white space alone"),
        (b"caf\xe9 au lait", "", "not valid utf-8 at offset 3; name its true encoding"),
        (b"PK\x03\x04\x00\x00", "", "looks like a binary file"),
        (b"abc", "?encoding=klingon", "`encoding` is 'klingon'"),
        (b"\\ud800 abc", "?encoding=unicode_escape", "half of a surrogate pair"),
        (b"abc", "?name=" + "x" * 300, "`name` is 'xxx"),
    ],
)
def test_texts_that_cannot_be(api, content, query, words):
    answer = api.post(f"/api/texts{query}", content=content)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_texts_are_bounded(tmp_path):
    with client(tmp_path, text_bytes=1000, kept_texts=2) as api:
        assert api.post("/api/texts", content=b"ab " * 400).status_code == 413
        pieces = iter([b"ab " * 200, b"cd " * 200])  # without a content-length
        answer = api.post("/api/texts", content=pieces)
        assert answer.status_code == 413
        assert "longer than 1,000 bytes" in answer.json()["detail"]
        first, second, third = (send(api, f"text {n} " * 9) for n in "abc")
        # The oldest that no run uses made room.
        assert [api.get(f"/api/texts/{text}").status_code for text in (first, second, third)] == [404, 200, 200]
        assert not [file for file in (tmp_path / ".studio/texts").iterdir() if file.is_dir()]
        api.app.state.studio.texts.used = lambda: {second, third}
        answer = api.post("/api/texts", content=b"one more text")
        assert answer.status_code == 409
        assert "there are 2 texts, which is the limit" in answer.json()["detail"]


# Runs


def test_a_model_that_was_copied_in_is_a_run(api):
    (run,) = (run for run in api.get("/api/runs").json()["runs"] if run["id"] == "cats")
    assert (run["state"], run["cell"], run["layers"], run["units"]) == ("model", "lstm", 1, 8)
    model = language.load(api.app.state.studio.runs.root / "cats")
    assert run["parameters"] == sum(p.numel() for p in model.parameters())
    assert run["vocabulary"] == {"unit": "character", "size": len(model.vocabulary)}
    assert run["bytes"] > 4 * run["parameters"]
    whole = api.get("/api/runs/cats").json()
    assert whole == run | {"history": {"train": [], "valid": []}, "samples": []}


def test_a_run_is_renamed_and_deleted(api, home):
    save_model(home / "other")
    title = "<script>alert(1)</script> ../../x"
    assert api.patch("/api/runs/other", json={"title": title}).json()["title"] == title
    assert api.get("/api/runs/other").json()["title"] == title
    assert api.delete("/api/runs/other").status_code == 204
    assert not (home / "other").exists()
    assert api.get("/api/runs/other").status_code == 404
    assert api.delete("/api/runs/other").json() == {"detail": "there is no run `other`"}


def test_a_download_opens_elsewhere(api, tmp_path):
    answer = api.get("/api/runs/cats/download")
    assert answer.headers["content-type"] == "application/zip"
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    assert len(language.load(tmp_path / "cats").generate("the ", 20, seed=1)) == 24


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


@pytest.mark.parametrize(
    "file", ["config.json", "model.safetensors", "vocabulary.json", "studio.json", "metrics.jsonl"]
)
@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"[1]", b'{"schema": "language/1"}', b'{"title": 5, "event": "train", "step": "x"}\n']
)
def test_damaged_folders_are_told_of(api, home, file, content):
    folder = home / "damaged"
    save_model(folder)
    (folder / "studio.json").write_text('{"title": "mine"}')
    (folder / file).write_bytes(content)
    run = api.get("/api/runs/damaged").json()
    assert run["state"] in ("model", "failed")
    assert (run["state"] == "failed") == bool(run["error"])
    if file in ("config.json", "model.safetensors"):
        assert run["state"] == "failed"
    assert "damaged" in [found["id"] for found in api.get("/api/runs").json()["runs"]]
    assert api.post("/api/runs/damaged/generate", json={"length": 3}).status_code in (200, 409)
    assert api.delete("/api/runs/damaged").status_code == 204


def test_runs_of_other_tasks_are_not_ours(api, home):
    (home / "series").mkdir()
    (home / "series/config.json").write_text('{"schema": "forecast/1"}')
    assert "series" not in [run["id"] for run in api.get("/api/runs").json()["runs"]]


def test_events_of_a_run_at_rest_end_at_once(api):
    found = events(api.get("/api/runs/cats/events").text)
    assert [name for name, _ in found] == ["snapshot", "end"]
    assert found[0][1]["history"] == {"train": [], "valid": []}
    assert found[1][1]["run"]["id"] == "cats"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "give either `text`"),
        ({"text": "0" * 64, "corpus": "manual"}, 422, "give either `text`"),
        ({"text": "0" * 64}, 404, "there is no text `000"),
        ({"text": "../../etc/passwd"}, 404, "there is no text `../../etc/passwd`"),
        ({"corpus": "manuel"}, 404, "there is no corpus `manuel`; did you mean `manual`?"),
        ({"corpus": "/etc/passwd"}, 404, "there is no corpus"),
        ({"settings": {"cell": "lstn"}}, 422, "no cell is called 'lstn'; did you mean `lstm`?"),
        ({"settings": {"cel": "lstm"}}, 422, "`cel` is not a setting; did you mean `cell`?"),
        ({"settings": {"device": "cuda"}}, 422, "`device` is not a setting"),
        ({"settings": {"encoding": "utf-16"}}, 422, "`encoding` is not a setting"),
        ({"settings": {"preset": ["tiny"]}}, 422, "`preset` is ['tiny']"),
        ({"settings": {"hidden_size": 10**9}}, 422, "`hidden_size` is 1000000000; expected at most 4,096"),
        ({"settings": {"hidden_size": 10**400}}, 422, "`hidden_size` is too large; expected at most 4,096"),
        ({"settings": {"hidden_size": 4096, "num_layers": 16}}, 422, "this studio trains up to 100,000,000"),
        ({"settings": {"hidden_size": -1}}, 422, "`hidden_size` is -1; expected 1 or more"),
        ({"settings": {"hidden_size": "64"}}, 422, "`hidden_size` is '64'; expected int"),
        ({"settings": {"dropout": 1.5}}, 422, "`dropout` is 1.5; expected a fraction"),
        ({"settings": {"\ud800": 1}}, 422, "is not a setting"),
        ({"settings": []}, 422, "`settings` is []; input should be a valid dictionary"),
        ({"minutes": 0}, 422, "`minutes` is 0; input should be greater than 0"),
        ({"minutes": 10**6}, 422, "`minutes` is 1000000; input should be less than or equal to 10080"),
        ({"title": 5}, 422, "`title` is 5; input should be a valid string"),
        ({"titel": "x"}, 422, "`titel` is not known here"),
        ({"parent": "no-such"}, 404, "there is no run `no-such`"),
        ({"parent": "cats", "settings": {"cell": "gru"}}, 422, "the model to start from has 'lstm'"),
    ],
)
def test_trainings_that_cannot_be(api, body, status, words):
    if not {"text", "corpus"} & body.keys() and body:
        body = {"text": send(api)} | body
    answer = api.post("/api/runs", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert not api.app.state.studio.trainer.jobs


def test_a_corpus_that_is_not_here_is_not_fetched(api, monkeypatch):
    from recurra.data.corpora import CorpusInfo

    monkeypatch.setattr(CorpusInfo, "local", lambda self: None)
    answer = api.post("/api/runs", json={"corpus": "tinyshakespeare"})
    assert answer.status_code == 409
    assert "fetch it first: recurra corpora --fetch tinyshakespeare" in answer.json()["detail"]


def test_only_what_trains_is_stopped_or_goes_on(api):
    assert api.post("/api/runs/cats/stop").json()["detail"] == "`cats` is not being trained"
    assert "has no checkpoint to go on from" in api.post("/api/runs/cats/continue").json()["detail"]
    assert api.post("/api/runs/no-such/stop").status_code == 404
    assert api.post("/api/runs/no-such/continue").status_code == 404


def test_the_number_of_runs_is_bounded(tmp_path):
    save_model(tmp_path / "one")
    with client(tmp_path, kept_runs=1) as api:
        answer = api.post("/api/runs", json={"text": send(api), "settings": LONG})
        assert answer.status_code == 409
        assert "there are 1 runs, which is the limit; delete some first" in answer.json()["detail"]


# Writing


def test_text_at_once(api):
    body = {"prompt": "the ", "length": 30, "seed": 7, "temperature": 0.8, "top_k": 5, "stop": ["\n\n"]}
    found = api.post("/api/runs/cats/generate", json=body).json()
    model = language.load(api.app.state.studio.runs.root / "cats")
    assert found["text"] == model.generate("the ", 30, seed=7, temperature=0.8, top_k=5, stop=("\n\n",))
    assert (found["reason"], found["characters"], found["seed"]) == ("length", 30, 7)
    assert 0 < found["first_ms"] <= 1000 * found["seconds"] + 1


def test_text_as_it_comes_is_the_same_text(api):
    body = {"prompt": "the ", "length": 300, "seed": 7}
    answer = api.post("/api/runs/cats/generate", json=body, headers={"accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *pieces, (name, end) = events(answer.text)
    assert {kind for kind, _ in pieces} == {"piece"}
    text = "".join(piece["text"] for _, piece in pieces)
    assert text == api.post("/api/runs/cats/generate", json=body).json()["text"]
    assert text == "".join(part for _, piece in pieces for part, _ in piece["pieces"])
    assert all(0 <= p <= 1 for _, piece in pieces for _, p in piece["pieces"])
    assert (name, end["reason"], end["characters"]) == ("end", "length", 300)


def test_a_seed_is_drawn_that_javascript_can_say_again(api):
    first = api.post("/api/runs/cats/generate", json={"length": 40}).json()
    assert 0 <= first["seed"] < 2**53
    again = api.post("/api/runs/cats/generate", json={"length": 40, "seed": first["seed"]}).json()
    assert again["text"] == first["text"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"length": 0}, "`length` is 0; expected 1 or more"),
        ({"length": 2001}, "`length` is 2,001; expected at most 2,000 characters"),
        ({"length": 10**30}, "`length` is 1000"),
        ({"length": 1.5}, "`length` is 1.5; input should be a valid integer"),
        ({"length": True}, "`length` is True; input should be a valid integer"),
        ({"prompt": "t" * 501}, "`prompt` is 501; expected at most 500 characters"),
        ({"prompt": "the Ω"}, "prompt: 'Ω'"),
        ({"prompt": None}, "`prompt` is None; input should be a valid string"),
        ({"temperature": -1}, "`temperature` is -1"),
        ({"temperature": float("nan")}, "`temperature` is nan"),
        ({"temperature": float("inf")}, "`temperature` is inf"),
        ({"temperature": "hot"}, "`temperature` is 'hot'; expected a number from 0 up"),
        ({"temperature": []}, "`temperature"),
        ({"top_p": 0}, "`top_p` is 0"),
        ({"min_p": float("nan")}, "`min_p` is nan"),
        ({"seed": 2**64}, "`seed` is 18446744073709551616"),
        ({"stop": [""]}, "`stop` is ('',); expected strings of at least one character"),
        ({"stop": "x"}, "`stop` is 'x'; input should be a valid list"),
        ({"stop": ["x"] * 99}, "`stop` is ['x', "),
        ({"samples": 3}, "`samples` is not known here"),
        ({"beam": 3}, "`beam` is not known here"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_text_that_cannot_be(api, body, words, accept):
    headers = {"content-type": "application/json", "accept": accept}
    answer = api.post("/api/runs/cats/generate", content=json.dumps(body), headers=headers)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]
    assert api.app.state.studio.writers.writing == 0


def test_a_model_that_cannot_write_is_told_by_the_status_or_by_an_event(api, home):
    model = save_model(home / "damaged")
    torch.nn.init.constant_(model.head.bias, torch.nan)
    model.save(home / "damaged")
    ask, stream = "/api/runs/damaged/generate", {"accept": "text/event-stream"}
    for headers in ({}, stream):
        answer = api.post(ask, json={}, headers=headers)
        assert answer.status_code == 409
        assert "the model's scores are not finite" in answer.json()["detail"]
    begun = api.post(ask, json={"prompt": "the "}, headers=stream)
    assert [name for name, _ in events(begun.text)] == ["piece", "error"]
    assert api.app.state.studio.writers.writing == 0
    api.delete("/api/runs/damaged")


def test_the_number_of_texts_at_once_is_bounded(api, monkeypatch):
    monkeypatch.setattr(api.app.state.studio.writers, "writing", 128)
    answer = api.post("/api/runs/cats/generate", json={})
    assert answer.status_code == 429
    assert answer.json()["detail"] == "128 texts are being written, which is the limit; try again in a moment"


def test_a_model_whose_weights_changed_is_opened_again(api, home):
    models = api.app.state.studio.models
    save_model(home / "changing")
    first = models.load("changing")
    assert models.load("changing") is first
    save_model(home / "changed", cell="gru")
    (home / "changed").rename(home / "x")
    for file in (home / "x").iterdir():
        file.replace(home / "changing" / file.name)
    (home / "x").rmdir()
    assert models.load("changing").config.cell == "gru"
    for n in range(5):
        save_model(home / f"many-{n}")
        models.load(f"many-{n}")
    assert len(models._open) == 3
    for run in ("changing", *(f"many-{n}" for n in range(5))):
        api.delete(f"/api/runs/{run}")


def test_every_answer_is_described(api):
    described = api.get("/api/openapi.json").json()["paths"]
    assert {"/api/about", "/api/runs/{run}/events", "/api/runs/{run}/inside/clamp"} <= set(described)
    for path, methods in described.items():
        for method, about in methods.items():
            assert about.get("description"), (path, method)
            assert {"404", "409", "422"} <= about["responses"].keys(), (path, method)
