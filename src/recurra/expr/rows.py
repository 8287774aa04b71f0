"""Operations over the hidden units of one batch row: the last axis. Each works on tensors and symbols alike."""

from recurra.errors import CellError
from recurra.expr import formulas
from recurra.expr.symbols import Symbol


def layer_norm(v, gain, shift, eps: float = 1e-5):
    """gain ⊙ (v - mean) / sqrt(variance + eps) + shift, mean and variance over the hidden units of each row.

    v: (..., hidden); gain, shift: (hidden,), or None for none. Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """
    if isinstance(_of_units("layer_norm", v), Symbol):
        return formulas.layer_norm(v, gain, shift, eps)
    import torch.nn.functional as F

    return F.layer_norm(v, v.shape[-1:], gain, shift, eps)


def rms_norm(v, gain, eps: float = 1e-6):
    """gain ⊙ v / sqrt(mean of v² + eps), the mean over the hidden units of each row.

    v: (..., hidden); gain: (hidden,), or None for none. Zhang & Sennrich 2019, arXiv:1910.07467.
    """
    if isinstance(_of_units("rms_norm", v), Symbol):
        return formulas.rms_norm(v, gain, eps)
    normal = v * (v.square().mean(-1, keepdim=True) + eps).rsqrt()
    return normal if gain is None else normal * gain


def softmax(v):
    """exp(v) / sum of exp(v) over the hidden units of each row; (..., hidden) → the same shape."""
    return _of_units("softmax", v).softmax(-1)


def cumsum(v):
    """The sum of the hidden units up to and with each; (..., hidden) → the same shape."""
    return _of_units("cumsum", v).cumsum(-1)


def row_sum(v):
    """The sum over the hidden units; (..., hidden) → (..., 1), which meets unit values in arithmetic."""
    return _of_units("row_sum", v).sum(-1, keepdim=True)


def row_mean(v):
    """The mean over the hidden units; (..., hidden) → (..., 1)."""
    return _of_units("row_mean", v).mean(-1, keepdim=True)


def row_max(v):
    """The largest over the hidden units; (..., hidden) → (..., 1). Equal ones share the gradient."""
    return _of_units("row_max", v).amax(-1, keepdim=True)


def _of_units(name: str, v):
    """v, which is to have a number for each hidden unit."""
    if isinstance(v, int | float):
        raise CellError(f"{name}({v!r}) is of a number; it takes a value with one number for each hidden unit")
    return v


__all__ = ["cumsum", "layer_norm", "rms_norm", "row_max", "row_mean", "row_sum", "softmax"]
