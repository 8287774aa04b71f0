"""A task that trains in milliseconds: predict the next of a few tokens, with a carried state and dropout."""

import torch
from torch import nn
from torch.nn import functional as F

from recurra import tensorfiles
from recurra.training import Task, TrainingConfig, fit, runs

TOKENS, ROWS, LENGTH, STEPS = 5, 4, 6, 10


class ToyModel(nn.Module):
    def __init__(self, seed=0, dropout=0.2):
        super().__init__()
        self.dropout = dropout
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(TOKENS, 8)
            self.layer = nn.LSTM(8, 8, batch_first=True)
            self.head = nn.Linear(8, TOKENS)

    def forward(self, ids, state=None):
        hidden, state = self.layer(F.dropout(self.embedding(ids), self.dropout, self.training), state)
        return self.head(hidden), state


class ToyTask(Task):
    """`break_at`: the steps (counted over all calls of loss) at which the loss is NaN."""

    unit, steps = "tokens", STEPS

    def __init__(self, seed=0, break_at=(), held_out=True, rank=0, world=1, dropout=0.2):
        self.model = ToyModel(seed, dropout)
        self.break_at, self.calls, self.held_out = set(break_at), 0, held_out
        self.rows = slice(rank * ROWS // world, (rank + 1) * ROWS // world)

    def batch(self, epoch, index):
        generator = torch.Generator().manual_seed(1000 * epoch + index)
        start = torch.randint(TOKENS, (ROWS, 1), generator=generator)
        ids = (start + torch.arange(LENGTH + 1)) % TOKENS
        noise = torch.rand(ids.shape, generator=generator) < 0.1
        ids = torch.where(noise, torch.randint(TOKENS, ids.shape, generator=generator), ids)[self.rows]
        return ids[:, :-1], ids[:, 1:]

    def loss(self, model, batch, carry):
        logits, carry = model(batch[0], carry)
        loss = F.cross_entropy(logits.flatten(0, 1), batch[1].flatten())
        self.calls += 1
        if self.calls in self.break_at:
            loss = loss * float("nan")
        return loss, carry, batch[1].numel()

    def evaluate(self, model):
        torch.rand(3)  # a careless task: training must not notice
        if not self.held_out:
            return {}
        inputs, targets = self.batch(999, 0)
        return {"loss": F.cross_entropy(model(inputs)[0].flatten(0, 1), targets.flatten()).item()}

    def sample(self, model, seed):
        return f"a sample of {seed}"

    def measures(self, loss):
        return {"bits": loss / 0.6931471805599453}


def config(**changes):
    return TrainingConfig(**{"epochs": 3, "lr": 3e-2} | changes)


def run(folder, task=None, listen=(), stop=None, **changes):
    """Train the toy; the events and the task."""
    task, events = task or ToyTask(), []
    outcome = fit(task, config(**changes), folder, listeners=[events.append, *listen], stop=stop)
    return task, events, outcome


def of(events, kind):
    return [event for event in events if event["event"] == kind]


def weights(folder, name=runs.STATE):
    schema = {runs.STATE: "state/1", runs.WEIGHTS: "model/1"}[name]
    return tensorfiles.read(folder / name, schema)[0]
