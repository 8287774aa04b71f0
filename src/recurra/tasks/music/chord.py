"""The keys of one step, given the state of the recurrent layers: how likely they are, and a draw.

A row is the keys that sound, or these and beside them those that are struck again. A key can be struck again only if it sounds
and sounded in the step before; elsewhere that bit is 0, and neither read nor drawn.

    independent    P(v | h) = ∏_k σ(o_k)^{v_k} (1 - σ(o_k))^{1 - v_k}                    o = U h + b
    nade           o_k also sees the keys below k:  o_k = (U h + b)_k + V_k · σ(a_k)     a_k = C h + d + Σ_{j<k} W_j v_j

The second is a neural autoregressive distribution estimator (Larochelle & Murray 2011) whose biases follow from the
recurrent state (Boulanger-Lewandowski et al. 2012).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# About as many of the 88 keys sound in a step as fingers of one hand: the log-odds to start from.
_START = -3.0
# Of those that sound on, a fifth are struck again.
_AGAIN = -1.5


class _Output(nn.Linear):
    """What the state says of each key: hidden (..., hidden) → log-odds (..., keys, or twice as many with strikes)."""

    def __init__(self, hidden_size: int, keys: int, strikes: bool):
        super().__init__(hidden_size, 2 * keys if strikes else keys)
        nn.init.constant_(self.bias, _START)
        # When something is struck again is the rhythm's, and much the same for all keys: each by itself would learn it slowly.
        self.again = nn.Linear(hidden_size, 1) if strikes else None
        if strikes:
            nn.init.constant_(self.again.bias, _AGAIN - _START)

    def forward(self, hidden: Tensor) -> Tensor:
        logits = super().forward(hidden)
        if self.again is None:
            return logits
        sounds, again = logits.chunk(2, -1)
        return torch.cat([sounds, again + self.again(hidden)], -1)


class Independent(nn.Module):
    """Each key by itself: `head.nats(hidden, keys)`; hidden (N, hidden), keys (N, 88 or 176) → (N,)."""

    def __init__(self, hidden_size: int, keys: int, chord_size: int = 0, strikes: bool = False):
        super().__init__()
        self.output = _Output(hidden_size, keys, strikes)
        nn.init.xavier_uniform_(self.output.weight)

    def nats(self, hidden: Tensor, keys: Tensor, before: Tensor | None = None) -> Tensor:
        """Minus the log-probability of each row's keys. before: (N, 88) bool, what sounded in the step before, where keys are
        struck again."""
        return _nats(self.output(hidden), keys, before)

    def draw(
        self, hidden: Tensor, uniform: Tensor, temperature: float, min_p: float, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draw N times after one hidden (hidden,): which keys sound, (N, 88) bool, and how likely each was, (N, 88).

        uniform: (N, 88) float64 in [0, 1), what decides. temperature: 0 takes the likelier state of each key. min_p: a
        key less likely than this does not sound. How likely a key was is the model's word, whatever these two say.
        before: (88,) bool, what sounded in the step before, where keys are struck again; both results are then (N, 176).
        """
        logits = self.output(hidden).double().expand(uniform.shape)
        drawn = uniform < _probability(logits, temperature, min_p)
        return drawn & possible(drawn, before), torch.sigmoid(logits)


class Nade(nn.Module):
    """From the lowest key to the highest, each given those below it: called as Independent."""

    def __init__(self, hidden_size: int, keys: int, chord_size: int, strikes: bool = False):
        super().__init__()
        self.output = _Output(hidden_size, keys, strikes)
        self.memory = nn.Linear(hidden_size, chord_size)
        self.write = nn.Parameter(torch.empty(self.output.out_features, chord_size))
        self.read = nn.Parameter(torch.empty(self.output.out_features, chord_size))
        for weight in (self.output.weight, self.memory.weight, self.write, self.read):
            nn.init.xavier_uniform_(weight)

    def nats(self, hidden: Tensor, keys: Tensor, before: Tensor | None = None) -> Tensor:
        # What is remembered changes only at a key that sounds, and few do: the score of all keys is computed once for each
        # of these states, and every key takes the one it stands under.
        sounding = keys.sum(-1)
        order = keys.argsort(dim=-1, descending=True, stable=True)[..., : int(sounding.max())]
        written = F.embedding(order, self.write) * keys.take_along_dim(order, -1)[..., None]
        memory = torch.sigmoid(self.memory(hidden)[..., None, :] + F.pad(written.cumsum(-2), (0, 0, 1, 0)))
        lower = (keys.cumsum(-1) - keys).long()
        scores = (memory @ self.read.t()).take_along_dim(lower[..., None, :], -2)[..., 0, :]
        return _nats(self.output(hidden) + scores, keys, before)

    def draw(
        self, hidden: Tensor, uniform: Tensor, temperature: float, min_p: float, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        # In doubles, so that hardly any draw depends on how sums were rounded. As above, memory changes only at a key that
        # sounds: each round moves to the next such key of every row.
        logits, memory = self.output(hidden).double(), self.memory(hidden).double().expand(len(uniform), -1)
        write, read = self.write.double(), self.read.double()
        drawn, likely = torch.zeros_like(uniform, dtype=torch.bool), torch.zeros_like(uniform)
        key = torch.arange(uniform.shape[1], device=uniform.device)
        undecided = torch.ones_like(drawn)
        while True:
            scores = logits + torch.sigmoid(memory) @ read.t()
            likely = torch.where(undecided, torch.sigmoid(scores), likely)
            # Of a row whose next key is one struck again, those that sound are all drawn.
            sounds = undecided & possible(drawn, before) & (uniform < _probability(scores, temperature, min_p))
            found = sounds.any(1, keepdim=True)
            if not found.any():
                return drawn, likely
            first = sounds.to(torch.uint8).argmax(1, keepdim=True)
            drawn |= found & (key == first)
            memory = memory + found * write[first[:, 0]]
            undecided = found & (key > first)


HEADS = {"nade": Nade, "independent": Independent}


def possible(rows: Tensor, before: Tensor | None) -> Tensor:
    """Which bits of rows (..., 88 or 176) can be set. before: (..., 88) bool, what sounded in the step before; None = all."""
    if before is None:
        return torch.ones_like(rows, dtype=torch.bool)
    sounding = rows[..., : before.shape[-1]] > 0
    return torch.cat([torch.ones_like(sounding), sounding & before], -1)


def _nats(logits: Tensor, keys: Tensor, before: Tensor | None) -> Tensor:
    nats = F.binary_cross_entropy_with_logits(logits, keys, reduction="none")
    return (nats if before is None else nats * possible(keys, before)).sum(-1)


def _probability(logits: Tensor, temperature: float, min_p: float) -> Tensor:
    probability = torch.sigmoid(logits / temperature) if temperature else (logits > 0).double()
    return torch.where(torch.sigmoid(logits) < min_p, 0.0, probability) if min_p else probability
