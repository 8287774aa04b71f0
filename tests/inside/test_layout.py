"""Places for the parts of a drawing."""

import numpy as np

from recurra.inside.layout import _spread, place


def test_columns_follow_the_longest_way_and_results_stand_last():
    places, bends = place(
        [("x", "input", ()), ("a", "op", ("x",)), ("b", "op", ("a",)), ("h'", "new", ("b",)), ("c'", "new", ("a",))], []
    )
    assert [places[name][0] for name in ("x", "a", "b", "h'", "c'")] == [0, 1, 2, 3, 3]
    assert list(bends) == [("a", "c'")]
    assert bends["a", "c'"][0][0] == 2


def test_an_operation_without_a_name_stands_before_its_reader():
    parts = [("x", "input", ()), ("z", "op", ("x",)), ("#1", "op", ("z",)), ("n", "op", ("z",)), ("m", "op", ("n",))]
    places, _ = place([*parts, ("#2", "op", ("#1", "m")), ("h'", "new", ("#2",))], [])
    assert places["#1"][0] == places["m"][0] == 3


def test_wires_that_need_not_cross_do_not():
    names = ["a", "b", "c"]
    parts = [(name, "state", ()) for name in names] + [(f"{name}'", "new", (name,)) for name in reversed(names)]
    places, _ = place(parts, names)
    rows = [(places[name][1], places[f"{name}'"][1]) for name in names]
    assert sorted(rows) == sorted(rows, key=lambda pair: pair[1])


def test_rows_come_as_near_as_their_order_allows():
    np.testing.assert_allclose(_spread(np.array([3.0, 1.0, 2.0, 5.0])), [2, 2, 2, 5])
    np.testing.assert_allclose(_spread(np.array([1.0, 2.0])), [1, 2])
