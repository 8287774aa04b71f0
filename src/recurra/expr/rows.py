"""Operations over the hidden units of one batch row: the last axis."""

import torch.nn.functional as F
from torch import Tensor


def layer_norm(v: Tensor, gain: Tensor, shift: Tensor, eps: float = 1e-5) -> Tensor:
    """gain ⊙ (v - mean) / sqrt(variance + eps) + shift, mean and variance over the hidden units of each row.

    v: (..., hidden); gain, shift: (hidden,). Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """
    return F.layer_norm(v, v.shape[-1:], gain, shift, eps)


def softmax(v: Tensor) -> Tensor:
    """exp(v) / sum of exp(v) over the hidden units of each row; (..., hidden) → the same shape."""
    return v.softmax(-1)
