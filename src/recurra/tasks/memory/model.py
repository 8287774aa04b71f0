"""Sequences → an answer at each step."""

from torch import Tensor, nn

from recurra.nn import Recurrent, Transformer
from recurra.tasks.memory.config import TRANSFORMER, MemoryConfig
from recurra.tasks.memory.problems import Problem


class MemoryModel(nn.Module):
    """`answers = model(x)`; x (time, batch, inputs) → (time, batch, outputs), or (time, batch) where the answer is a number.

    cell: a cell's name, or "transformer". time: the longest x, in steps, which only a transformer must know.
    """

    def __init__(self, cell: str, problem: Problem, time: int, config: MemoryConfig):
        super().__init__()
        sizes = problem.inputs, config.hidden_size, config.num_layers
        if cell == TRANSFORMER:
            self.layers = Transformer(*sizes, context=time)
        else:
            self.layers = Recurrent(cell, *sizes, init=config.init, check_finite=False)
        self.head = nn.Linear(config.hidden_size, problem.outputs or 1)
        self.number = not problem.outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(self.layers(x)[0])
        return y.squeeze(2) if self.number else y
