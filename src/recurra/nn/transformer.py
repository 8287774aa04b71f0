"""The transformer, to set beside recurrent layers: PyTorch's own layers, causal, behind the interface of `Recurrent`.

    y = x + attention(norm(x));  y + W_2 gelu(W_1 norm(y))          at each layer, norms first (Xiong et al. 2020)

Vaswani et al. 2017 (arXiv:1706.03762); positions are learned. It carries no state: what it knows of the past is what it
reads again, at most `context` steps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurra.config import whole
from recurra.errors import ConfigError, ShapeError, setting
from recurra.nn.inputs import check_x, read_resets
from recurra.nn.options import check_rate

_LEAST = 16  # units of an attention head
_MOST = 8  # heads


class Transformer(nn.Module):
    """Layers of causal self-attention: `y, _ = Transformer(64, 128, 2, context=100)(x)`; x (time, batch, 64).

    input_size, hidden_size: features of x and of y; where they differ a matrix lies between.
    num_layers: layers, one above the other. context: the longest x, in steps.
    heads: attention heads, a divisor of hidden_size; None takes the most up to 8 that leave 16 units each.
    dropout: share dropped in attention, behind it, and in the feed-forward part. input_dropout, output_dropout: of x and y.

    ConfigError for invalid sizes and fractions, and where heads do not divide the units. Sizes follow PyTorch: the
    feed-forward part is 4 times as wide.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        context: int,
        heads: int | None = None,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
    ):
        super().__init__()
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers, "context": context}
        for name, size in (sizes if heads is None else sizes | {"heads": heads}).items():
            whole(name, size, of="Transformer")
        rates = {"dropout": dropout, "input_dropout": input_dropout, "output_dropout": output_dropout}
        for name, rate in rates.items():
            check_rate(f"Transformer: {name}", rate)
        fitting = [n for n in range(1, _MOST + 1) if hidden_size % n == 0 and (n == 1 or hidden_size // n >= _LEAST)]
        self.heads = heads or fitting[-1]
        if hidden_size % self.heads:
            raise ConfigError(
                f"Transformer: {setting('heads')} is {heads}; expected a divisor of hidden_size, {hidden_size}"
            )
        self.input_size, self.hidden_size, self.num_layers, self.context = input_size, hidden_size, num_layers, context
        self.input_dropout, self.output_dropout = input_dropout, output_dropout
        self.widen = nn.Linear(input_size, hidden_size) if input_size != hidden_size else nn.Identity()
        self.positions = nn.Parameter(torch.empty(context, hidden_size))
        nn.init.normal_(self.positions, std=0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                hidden_size, self.heads, 4 * hidden_size, dropout, F.gelu, batch_first=True, norm_first=True
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(
        self, x: Tensor, state: None = None, *, resets: Tensor | None = None, embedding: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """y (time, batch, hidden_size) for x (time, batch, input_size), and None for the state that there is not.

        resets: (time, batch) bool, True if a new document starts: what came before is not looked at. embedding:
        (tokens, input_size); x is then ids, (time, batch). ShapeError and DtypeError for tensors that do not fit, and for more
        than `context` steps.
        """
        x = x if embedding is None else F.embedding(x, embedding)
        check_x("Transformer", x, self.input_size, False, self.positions)
        if x.dim() != 3:
            raise ShapeError(f"Transformer: `x` is {tuple(x.shape)}; expected (time, batch, {self.input_size})")
        resets = read_resets("Transformer", resets, *x.shape[:2], True, False, x.device)
        if len(x) > self.context:
            raise ShapeError(f"Transformer: `x` has {len(x)} steps; its context has {self.context}")
        x = F.dropout(self.widen(x) + self.positions[: len(x), None], self.input_dropout, self.training)
        y, mask = x.transpose(0, 1), self._unseen(len(x), resets, x.device)
        for layer in self.layers:
            # Without a mask of its own PyTorch takes the plain causal one on its fast path.
            y = layer(y, src_mask=mask, is_causal=resets is None)
        return F.dropout(self.norm(y).transpose(0, 1), self.output_dropout, self.training), None

    def _unseen(self, time: int, resets: Tensor | None, device) -> Tensor:
        """What each step must not look at, True: later steps, and earlier documents. (T, T), or (B*heads, T, T)."""
        later = torch.ones(time, time, dtype=torch.bool, device=device).triu(1)
        if resets is None:
            return later
        document = resets.cumsum(0).t()
        other = document[:, :, None] != document[:, None]
        return (later | other).repeat_interleave(self.heads, 0)
