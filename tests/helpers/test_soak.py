"""Samples: fixed ones unless RECURRA_SOAK says otherwise."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import soak

TESTS = Path(__file__).parents[1]
CODE = "from helpers.soak import chance, count; print(count(3, 500), chance().random(), chance().random())"
TEST = """
import pytest
from hypothesis import given, settings, strategies as st

seen = []

@pytest.mark.soak
def test_alone():
    pass

@given(st.integers())
def test_many(number):
    seen.append(number)

def test_how_many():
    print("EXAMPLES", len(seen), settings.default.derandomize)
"""


def printed(**environment):
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=TESTS,
        env={"PATH": ""} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_make_test_draws_a_small_sample_and_always_the_same():
    number, first, second = printed()
    assert number == "3"
    assert first == second
    assert printed() == [number, first, second]


def test_make_soak_draws_a_long_one_afresh_and_prints_its_seed():
    seed, other, number, first, second = printed(RECURRA_SOAK="1")
    assert number == "500"
    assert seed.startswith("RECURRA_SOAK_SEED=")
    assert (seed, first) != (other, second)
    name, value = seed.split("=")
    assert printed(RECURRA_SOAK="1", **{name: value})[3:] == [first, first]


@pytest.mark.slow
@pytest.mark.parametrize(("environment", "skipped", "examples"), [({}, 1, 100), ({"RECURRA_SOAK": "1"}, 0, 2000)])
def test_tests_of_the_soak_are_skipped_elsewhere_and_hypothesis_draws_more_there(
    tmp_path, environment, skipped, examples
):
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (tmp_path / "test_made_up.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-c", TESTS.parent / "pyproject.toml"]
    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}", tmp_path], env={"PATH": "", "PYTHONPATH": str(TESTS)} | environment,
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert f"EXAMPLES {examples} {examples == soak.EXAMPLES}" in done.stdout, done.stdout + done.stderr
    assert ("1 skipped" in done.stdout) == bool(skipped)
