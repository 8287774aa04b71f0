"""What a page is told first: the cells, the forms, the corpora."""

import pytest
from helpers.studio_support import client

from recurra import cells
from recurra.cells import Cell


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with client(tmp_path_factory.mktemp("runs"), length=2000) as found:
        yield found


def test_about_tells_what_the_page_needs(api):
    about = api.get("/api/about").json()
    assert about["machine"]["cores"] >= 1
    assert about["limits"]["length"] == 2000
    assert [cell["name"] for cell in about["cells"]] == list(cells.names())
    assert [cell["name"] for cell in about["cells"] if not cell["given"]] == list(cells.names(given=False))
    lstm = about["cells"][2]
    assert lstm["states"] == ["h", "c"]
    assert "c' = f ⊙ c + i ⊙ g" in lstm["equations"]
    assert lstm["source"].startswith("Hochreiter & Schmidhuber 1997")
    assert {"name": "f", "does": "how much of the memory is kept: 1 keeps all, 0 forgets"} in lstm["gates"]
    form = {field["name"]: field for field in about["form"]}
    assert form["hidden_size"] == {
        "name": "hidden_size",
        "label": "Units per layer",
        "group": "Size",
        "type": "int",
        "default": 512,
        "choices": [],
        "help": "Units of each recurrent layer.",
        "optional": False,
        "min": 1,
        "max": 4096,
    }
    assert form["cell"]["choices"] == list(cells.names(given=False))
    assert not {"encoding", "device", "tensorboard"} & form.keys()
    assert about["studio_defaults"]["minutes"] == 1.0
    assert {"name": "manual", "about": about["corpora"][0]["about"], "here": True} == about["corpora"][0]


def test_a_users_cell_says_what_its_class_says(api):
    class Mine(Cell):
        """Keeps half."""

        gates = "n"

        def step(self, x, h, s):
            return s.next(h=0.5 * s.h + x.n + h.n)

    with cells.registered({"mine": Mine}):
        mine = api.get("/api/about").json()["cells"][-1]
    assert (mine["title"], mine["summary"], mine["from"]) == ("mine", "Keeps half.", "test_about.py")
    assert mine["gates"] == [{"name": "n", "does": "as its equations say"}]
