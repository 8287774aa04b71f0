"""Toy language models whose text is known: random but distinct, one that repeats a text, one with fixed scores."""

from itertools import pairwise

import torch
from torch import nn

from recurra.text import build_vocabulary

LETTERS = build_vocabulary(["abcdefgh\n"])


class Toy(nn.Module):
    """A small random model; large weights, so that its choices differ and depend on all that came before."""

    def __init__(self, vocabulary, hidden=16, dropout=0.5, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(len(vocabulary), 8)
        self.rnn = nn.LSTM(8, hidden, num_layers=2, dropout=dropout, batch_first=True)
        self.out = nn.Linear(hidden, len(vocabulary))
        self.resets = []
        for p in self.parameters():
            nn.init.normal_(p, std=0.8)

    def forward(self, ids, state=None, resets=None):
        self.resets.append(None if resets is None else resets.tolist())
        y, state = self.rnn(self.embedding(ids), state)
        return self.out(y), state


class Chain(nn.Module):
    """Always the same text, over and over: after each token comes its follower, whatever the state."""

    def __init__(self, vocabulary, text="", ids=None):
        super().__init__()
        ids = vocabulary.encode(text).tolist() if ids is None else ids
        self.follow = {(a,): b for a, b in pairwise(ids)}
        self.size, self.first = len(vocabulary), ids[0]

    def forward(self, ids, state=None, resets=None):
        logits = torch.full((*ids.shape, self.size), -30.0)
        for b, row in enumerate(ids.tolist()):
            for t, token in enumerate(row):
                logits[b, t, self.follow.get((token,), self.first)] = 30.0
        return logits, torch.zeros(1, len(ids), 1)


class Fixed(nn.Module):
    """The same scores at every step."""

    def __init__(self, scores):
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores, dtype=torch.float64))

    def forward(self, ids, state=None, resets=None):
        return self.scores.expand(*ids.shape, -1), torch.zeros(1, len(ids), 1)
