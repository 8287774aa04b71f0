"""One seed, one text: from Python, from the command and from the studio, for every cell and any sampler settings."""

import pytest
from helpers.engine_models import language_model
from helpers.soak import count
from helpers.studio_support import client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import recurra
from recurra import cells
from recurra.cli import frame

SAMPLERS = st.fixed_dictionaries(
    {"seed": st.integers(0, 2**32 - 1), "length": st.integers(1, 120)},
    optional={
        "temperature": st.sampled_from([0.0, 0.4, 0.8, 1.0, 1.7]),
        "top_k": st.integers(1, 20),
        "top_p": st.floats(0.05, 1.0),
        "min_p": st.floats(0.0, 0.9),
        "repetition_penalty": st.floats(1.0, 2.0),
        "presence_penalty": st.floats(0.0, 2.0),
        "frequency_penalty": st.floats(0.0, 2.0),
    },
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a small model of each cell, random weights."""
    folder = tmp_path_factory.mktemp("runs")
    for name in cells.names(given=False):
        language_model(name, hidden_size=12).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def api(runs):
    with client(runs) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("cell", cells.names(given=False))
def test_python_command_and_studio_write_the_same(runs, api, cell, capfd):
    model = recurra.load(runs / cell)

    @settings(max_examples=count(2, 60), deadline=None, suppress_health_check=list(HealthCheck))
    @given(SAMPLERS)
    def check(options):
        length, more = options["length"], {name: value for name, value in options.items() if name != "length"}
        written = model.generate("to ", length, **more)
        arguments = [f"--{name.replace('_', '-')}={value!r}" for name, value in options.items()]
        capfd.readouterr()
        assert frame.run(["generate", str(runs / cell), "--prompt", "to ", *arguments]) == 0
        assert capfd.readouterr().out.removesuffix("\n") == written
        answer = api.post(f"/api/runs/{cell}/generate", json={"prompt": "to ", "keep_prompt": True, **options})
        assert answer.status_code == 200, answer.text
        assert answer.json()["text"] == written

    check()
