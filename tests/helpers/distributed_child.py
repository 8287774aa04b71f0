"""Run by test_distributed under torchrun: trains the toy, or a language model, as one of several processes."""

import sys

import torch
from helpers.training_toy import ToyTask

from recurra.fitting import listeners
from recurra.training import TrainingConfig, distributed, fit

CONFIG = TrainingConfig(epochs=4, lr=2e-2, evaluate_every=10)


def toy(folder, stop_at, dropout) -> None:
    from pathlib import Path

    with distributed.group(torch.device("cpu")):
        task = ToyTask(rank=distributed.rank(), world=distributed.world(), dropout=float(dropout))
        count = iter(range(1000))
        stop = (lambda: next(count) == int(stop_at)) if distributed.rank() == 0 else None
        fit(task, CONFIG, folder, listeners=[listeners.metrics_file(Path(folder))], stop=stop)
    # A thread of the group that outlives it can end the process with SIGABRT at its exit.
    names = {task.joinpath("comm").read_text().strip() for task in Path("/proc/self/task").glob("*")}
    assert not any("gloo" in name for name in names), names


def language(folder, text) -> None:
    import recurra

    recurra.train(text, out=folder, preset="tiny", batch_size=4, epochs=2, quiet=False)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"toy": toy, "language": language}[sys.argv[1]](*sys.argv[2:])
