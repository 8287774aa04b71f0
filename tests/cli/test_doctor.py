"""What the doctor lists."""

import json

from recurra import cells


def test_all_cells_are_in_the_doctors_list(recurra):
    code, out, _ = recurra("doctor", "--json")
    found = json.loads(out)
    assert code == 0
    assert {row["cell"] for row in found["cells"]} == set(cells.names())
    assert {"torch", "python", "recurra"} <= set(found["versions"])
    assert found["threads"]["pytorch threads"] >= 1
    said = recurra("doctor")[1]
    assert all(name in said for name in (*cells.names(), "features", "c++", "instruction set", "cache"))
