"""Memory for the gradient is used again when, and only when, nobody holds it."""

import pytest
import torch

from recurra.backends.cpu import memory

SIZE = 3 << 20


@pytest.fixture(autouse=True)
def no_blocks(monkeypatch):
    """What other tests have left in this process would be handed out first."""
    monkeypatch.setattr(memory, "_blocks", [])


def test_a_block_is_used_again_once_its_tensor_is_gone():
    first = memory.room(SIZE)
    at = first.data_ptr()
    second = memory.room(SIZE)
    assert second.data_ptr() != at, "the first is still in use"
    del first
    assert memory.room(SIZE - 5).data_ptr() == at
    del second


def test_what_shares_a_tensor_holds_its_block():
    whole = memory.room(SIZE)
    view = whole[10:20]
    at = whole.data_ptr()
    del whole
    assert memory.room(SIZE).data_ptr() != at
    assert view.data_ptr() == at + 10


def test_a_block_saved_for_backward_is_in_use():
    class Saves(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(memory.room(SIZE))
            return x * 1

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.saved_tensors[0].data_ptr()

    y = Saves.apply(torch.ones(1, dtype=torch.float64, requires_grad=True))
    others = [memory.room(SIZE) for _ in range(4)]
    (at,) = torch.autograd.grad(y, y.grad_fn.next_functions[0][0].variable)
    assert int(at) not in [other.data_ptr() for other in others]


def test_blocks_nobody_asks_for_are_given_back():
    memory.room(40 * SIZE)
    assert any(len(block) >= 40 * SIZE for block, _ in memory._blocks)
    for _ in range(memory.PATIENCE + 1):
        memory.room(SIZE)
    assert not any(len(block) >= 40 * SIZE for block, _ in memory._blocks)


def test_small_ones_are_the_allocators():
    count = len(memory._blocks)
    assert memory.room(1000).shape == (1000,)
    assert len(memory._blocks) == count
