"""The comparison itself is shown to fail."""

import pytest
import torch
from helpers.support import assert_close


def test_assert_close_sees_one_per_cent():
    want = {"y": torch.rand(5, 3), "grads": [torch.rand(2)]}
    assert_close(want, want, 1e-6)
    off = {"y": want["y"] * 1.01, "grads": want["grads"]}
    with pytest.raises(AssertionError, match=r"y: off by 0\.01"):
        assert_close(off, want, 1e-6)


def test_assert_close_refuses_nan_names_and_shapes():
    one = torch.ones(2)
    with pytest.raises(AssertionError, match="NaN"):
        assert_close([one * float("nan")], [one * float("nan")], 1e-6)
    with pytest.raises(AssertionError, match="expected"):
        assert_close([one], [one[:1]], 1e-6)
    with pytest.raises(AssertionError):
        assert_close({"a": one}, {"b": one}, 1e-6)
