"""The table of tasks: each row names what is there."""

import tomllib
from pathlib import Path

import pytest

from recurra.cli.frame import COMMANDS, group
from recurra.fitting.lifecycle import Lifecycle
from recurra.tasks import TASKS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.package)
def test_a_task_has_its_estimators_command_guide_and_extra(task):
    assert task.command in COMMANDS
    assert group.get_command(None, task.command).name == task.command
    assert (ROOT / "docs/guide" / task.guide).is_file()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert not task.extra or task.extra in extras
    for name in task.estimators:
        estimator = getattr(task.module, name)
        assert issubclass(estimator, Lifecycle)
        assert estimator.command == task.command
        names = ("fit", "load", "save", "resume", "score", "history", "parts", "settings", "report")
        assert [name for name in names if not hasattr(estimator, name)] == []


def test_no_two_tasks_share_a_command_or_a_schema():
    schemas = [getattr(task.module, name).schema for task in TASKS for name in task.estimators]
    assert len(set(schemas)) == len(schemas)
    assert len({task.command for task in TASKS}) == len(TASKS)
