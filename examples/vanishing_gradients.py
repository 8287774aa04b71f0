"""How far back a recurrent layer can see: the gradient of its last output with respect to each earlier input.

python examples/vanishing_gradients.py picture.svg
"""

import sys

import torch

from recurra.nn import Recurrent

LAYERS = {
    "RNN (tanh)": dict(cell="rnn"),
    "RNN (relu), identity start": dict(cell="rnn-relu", init="identity"),
    "GRU": dict(cell="gru"),
    "LSTM, forget bias 0": dict(cell="lstm"),
    "LSTM, forget bias 3": dict(cell="lstm", forget_bias=3.0),
}


def gradient_by_lag(steps: int = 100, hidden_size: int = 64, seed: int = 0, **options) -> torch.Tensor:
    """‖∂(v · y_T) / ∂x_{T-k}‖ for k = 0 ... steps-1, relative to lag 0, for an untrained layer and 64 random rows."""
    torch.manual_seed(seed)
    layer = Recurrent(input_size=16, hidden_size=hidden_size, dtype=torch.float64, **options)
    x = torch.randn(steps, 64, 16, dtype=torch.float64, requires_grad=True)
    y, _ = layer(x)
    (slope,) = torch.autograd.grad((y[-1] * torch.randn_like(y[-1])).sum(), x)
    norms = slope.norm(dim=(1, 2)).flip(0)
    return norms / norms[0]


def draw(path: str) -> None:
    """The picture in the guide's page on theory."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "recurra"  # the same picture from run to run
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, options in LAYERS.items():
        axes.semilogy(gradient_by_lag(**options), label=name)
    axes.set(xlabel="lag k, steps back from the output", ylabel="gradient norm, relative to lag 0", ylim=(1e-16, 30))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.endswith("svg") else None)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "vanishing_gradients.svg")
