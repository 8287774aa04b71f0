"""Text from a model: at once, as it comes, refused."""

import asyncio
import json

import pytest
import torch
from helpers.studio_support import GONE, call, chunk, client, events, save_model

from recurra.studio.views import writing
from recurra.tasks import language


@pytest.fixture(scope="module")
def api(home):
    with client(home, length=2000, prompt=500) as found:
        yield found


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


def test_a_prompt_in_another_form_of_unicode_is_reported(api, home):
    save_model(home / "accents", "café\n" * 20)
    body = {"prompt": "cafe\N{COMBINING ACUTE ACCENT}", "length": 3, "seed": 1}
    found = api.post("/api/runs/accents/generate", json=body).json()
    assert found["prompt"] == "café"
    assert found["changed"].startswith("the prompt was composed (Unicode NFC)")
    as_it_is = api.post("/api/runs/accents/generate", json=body | {"prompt": "café"}).json()
    assert (as_it_is["text"], as_it_is["changed"]) == (found["text"], "")


def test_a_text_that_nobody_waits_for_ends(api, monkeypatch):
    turns, turn = [], writing.Text.turn
    monkeypatch.setattr(writing.Text, "turn", lambda text: turns.append(1) or turn(text))
    monkeypatch.setattr(writing, "TURN", 0.0)  # a token a turn
    body = chunk(json.dumps({"length": 2000, "seed": 1}).encode())
    asyncio.run(call(api.app, "/api/runs/cats/generate", [body, GONE]))
    assert len(turns) == 1
    assert api.app.state.studio.writers.writing == 0
    turns.clear()
    sent = asyncio.run(call(api.app, "/api/runs/cats/generate", [body]))
    assert (sent[0]["status"], len(turns)) == (200, 2001)


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
