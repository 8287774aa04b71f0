"""Without scikit-learn the estimators say what is missing."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    "task", ["classification.SequenceClassifier", "tagging.SequenceTagger", "regression.SequenceRegressor"]
)
def test_a_missing_scikit_learn_is_one_line(task):
    package, name = task.split(".")
    code = f"""
import sys
sys.modules["sklearn"] = None
import recurra.tasks.{package}
try:
    recurra.tasks.{package}.{name}
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ConfigError scikit-learn is missing. Install it: pip install 'recurra[classify]'\n"
