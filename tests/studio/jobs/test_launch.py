"""What is asked of a training, and refused, before it begins."""

import json

import pytest
from helpers.studio_support import send


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


def test_only_what_trains_is_stopped_or_goes_on(api):
    assert api.post("/api/runs/cats/stop").json()["detail"] == "`cats` is not being trained"
    assert "has no checkpoint to resume from" in api.post("/api/runs/cats/continue").json()["detail"]
    assert api.post("/api/runs/no-such/stop").status_code == 404
    assert api.post("/api/runs/no-such/continue").status_code == 404
