"""Measures of frames."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from recurra.errors import ShapeError
from recurra.tasks.video import mse, ssim

random = np.random.default_rng(0)


def test_ssim_is_that_of_others():
    a, b = random.random((3, 30, 24)), random.random((3, 30, 24))
    b[1] = 0.7 * a[1] + 0.1
    b[2] = 0
    options = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0)
    want = np.mean([structural_similarity(x, y, **options) for x, y in zip(a, b, strict=True)])
    assert ssim(a, b) == pytest.approx(want, abs=1e-9)
    assert ssim(a, a) == pytest.approx(1)
    assert mse(np.full((2, 3), 255, np.uint8), np.full((2, 3), 0.5)) == pytest.approx(0.25)
    with pytest.raises(ShapeError, match="expected at least 11 pixels each way"):
        ssim(a[:, :10], b[:, :10])
    with pytest.raises(ShapeError, match=r"frames of \(3, 30, 24\) cannot be held against frames of \(30, 24\)"):
        mse(a, b[0])
