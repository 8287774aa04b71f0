"""Tables of settings to search: what is drawn, and what known settings are in them."""

import pytest

from recurra.config import make_parts
from recurra.fitting.space import Between, drawn, placed
from recurra.tasks import TASKS

SPACE = {"cell": ("lstm", "gru"), "layers": (1, 2), "lr": Between(1e-3, 1.0), "units": Between(16, 64, step=8)}


class Half:
    """A trial that suggests the first choice, and the middle of each range."""

    def suggest_categorical(self, name, choices):
        return choices[0]

    def suggest_float(self, name, least, most, log):
        return (least * most) ** 0.5 if log else (least + most) / 2


def test_numbers_are_drawn_in_steps_or_three_digits():
    assert drawn(Half(), SPACE) == {"cell": "lstm", "layers": 1, "lr": 0.0316, "units": 32}
    assert drawn(Half(), {"dropout": Between(0.0, 0.5, even=True)}) == {"dropout": 0.25}


def test_known_settings_become_the_nearest_points():
    values = {"cell": "gru", "layers": 3, "lr": 5.0, "units": 50}
    assert placed(values, SPACE) == {"cell": "gru", "layers": 2, "lr": 1.0, "units": 50.0}
    assert "cell" not in placed(values | {"cell": "rnn"}, SPACE)


TABLES = [one for one in TASKS if hasattr(one.config, "SEARCH")]


@pytest.mark.parametrize("entry", TABLES, ids=lambda one: one.package)
def test_every_table_has_settings_of_its_task_with_their_defaults_inside(entry):
    parts = make_parts(entry.config.CONFIGS, getattr(entry.config, "DEFAULTS", {}))
    values = {name: value for part in parts.values() for name, value in vars(part).items()}
    for name, kind in entry.config.SEARCH.items():
        start = values[name]
        if isinstance(kind, Between):
            assert kind.least <= start <= kind.most, name
            make_parts(entry.config.CONFIGS, {name: drawn(Half(), {name: kind})[name]})
        else:
            assert start is None or start in kind, name  # None is settled by the data
            for choice in kind:
                make_parts(entry.config.CONFIGS, {name: choice})


def test_the_tables_are_there():
    assert {one.package for one in TABLES} == {
        "language",
        "forecasting",
        "classification",
        "regression",
        "tagging",
    }
