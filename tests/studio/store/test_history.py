"""A run's curves."""

from recurra.studio.store import history


def test_curves_are_in_nats_a_character():
    rows = [
        {"event": "train", "step": 1, "seconds": 0.5, "loss": "nan"},
        {"event": "train", "step": 2, "seconds": 1.0, "loss": 4.0, "nats": 1.0},
        {"event": "evaluate", "step": 2, "seconds": 1.0, "epoch": 1.0, "loss": 6.0, "nats": 1.5, "training_loss": 4.0}
        | {"validation_loss": 6.0, "bits_per_character": 2.2, "best": 6.0, "better": True, "tokens_per_second": 10.0},
        {"event": "sample", "step": 2, "text": "the"},
    ]
    found = history.of(history.clean(rows))
    assert found["history"]["train"] == [
        {"step": 1, "seconds": 0.5, "loss": None},
        {"step": 2, "seconds": 1.0, "loss": 1.0},
    ]
    (point,) = found["history"]["valid"]
    assert (point["loss"], point["training_loss"], point["best"]) == (1.5, 1.0, 1.5)
    assert found["samples"] == [{"step": 2, "text": "the"}]
    assert history.best(rows) == {"loss": 1.5, "bits_per_character": 2.2, "perplexity": None, "speed": 40.0}
    assert (
        history.clean([{"event": "evaluate", "step": 1}, {"event": "train", "step": "x", "loss": 1, "seconds": 1}])
        == []
    )
