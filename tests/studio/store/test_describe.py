"""A run's folder as the page shows it, whole or damaged."""

import pytest
from helpers.studio_support import save_model

import recurra
from recurra import config
from recurra.studio.store import describe
from recurra.training import TrainingConfig


@pytest.mark.slow
def test_a_run_tells_its_recipe_and_what_was_set_by_hand(api, home):
    text = "".join(f"line {n} of the text\n" for n in range(200))
    recurra.train(text=text, out=home / "small", hidden_size=8, epochs=1, items="off", quiet=True)
    run = api.get("/api/runs/small").json()
    assert run["recipe"].startswith("for 3,")
    assert "4 streams" in run["recipe"]
    assert "units" not in run["recipe"]  # which were set
    assert run["changed"] == {"hidden_size": 8, "epochs": 1, "items": "off"}
    assert run["settings"]["batch_size"] == 4
    # The studio's own minute is nobody's choice; another one is.
    parts = {"training": {option.name: option.default for option in config.options(TrainingConfig)}}
    for minutes, by_hand in ((1.0, {}), (None, {}), (2.0, {"minutes": 2.0})):
        parts["training"]["minutes"] = minutes
        assert describe._changed(parts, {}, {"minutes": 1.0}) == by_hand
    assert api.delete("/api/runs/small").status_code == 204


@pytest.mark.parametrize(
    "file", ["config.json", "model.safetensors", "vocabulary.json", "studio.json", "metrics.jsonl"]
)
@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"nonsense", b"[1]", b'{"schema": "language/1"}', b'{"title": 5, "event": "train", "step": "x"}\n'),
        100_000 * b"[",
    ],
    ids=["empty", "nonsense", "list", "schema", "numbers", "deep"],
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
