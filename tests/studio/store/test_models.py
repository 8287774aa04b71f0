"""Models kept open, and opened again."""

from helpers.studio_support import save_model


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
