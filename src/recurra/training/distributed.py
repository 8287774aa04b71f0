"""Several processes as one run: PyTorch's own process group, started by `torchrun`, and the few exchanges we need.

Every function here also works, at no cost, in a single process.
"""

import contextlib
import datetime
import json
import os
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist

from recurra.errors import RecurraError, RunError

# The corpus may be built, or a long validation text read, by one process while the others wait.
_PATIENCE = datetime.timedelta(hours=6)


@contextlib.contextmanager
def group(device: torch.device) -> Iterator[None]:
    """Join the process group that torchrun prepared (NCCL on GPUs, gloo elsewhere); without torchrun, do nothing.

    An error in one process ends the others: the lost connection is a RunError, and of all the errors only the first one has
    no attribute `reported`, so that a command says one line.
    """
    mine = {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys() and not active()
    if mine:
        # DistributedDataParallel and the optimisers import this, and if a group exists by then, something in it holds the
        # group for good (PyTorch 2.13): its threads outlive `destroy_process_group`, and now and then one of them ends
        # the process with SIGABRT at its exit.
        import torch._dynamo  # noqa: F401 (imported for its time, see above)

        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield
    except BaseException as error:
        if not mine:
            raise
        error = RunError("another process of this run has ended, and so does this one") if lost(error) else error
        if not _first_to_fail():
            error.reported = True
        raise error from error.__cause__
    finally:
        if mine:
            dist.destroy_process_group()


def active() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if active() else 0


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if active() else 1


def share(value: Any) -> Any:
    """Rank 0's value (anything that JSON can hold), on every rank."""
    if world() == 1:
        return value
    return json.loads(_from_rank_0(json.dumps(value).encode()))


def largest(numbers: list[int]) -> list[int]:
    """Element by element, the largest of all ranks' numbers, on every rank."""
    if world() == 1:
        return numbers
    tensor = torch.tensor(numbers, device=_device())
    dist.all_reduce(tensor, dist.ReduceOp.MAX)
    return tensor.tolist()


def mean(numbers: list[float]) -> list[float]:
    """Element by element, the mean over the ranks, on every rank."""
    if world() == 1:
        return numbers
    tensor = torch.tensor(numbers, dtype=torch.float64, device=_device())
    dist.all_reduce(tensor)
    return (tensor / world()).tolist()


def mean_of(count: torch.Tensor | float) -> torch.Tensor | float:
    """The mean over the ranks of what each one's loss is divided by, (): so that the mean of their losses is that of all rows.

    A sum over a rank's rows, divided by this, has a mean over the ranks that is the whole sum divided by the whole count.
    """
    if world() == 1:
        return count
    total = torch.as_tensor(count, dtype=torch.float64, device=_device()).clone()
    dist.all_reduce(total)
    return (total / world()).to(torch.float32)


def gather(data: bytes) -> list[bytes]:
    """Every rank's bytes, in the order of ranks, on every rank."""
    if world() == 1:
        return [data]
    sizes = [torch.zeros(1, dtype=torch.int64, device=_device()) for _ in range(world())]
    dist.all_gather(sizes, torch.tensor([len(data)], device=_device()))
    longest = int(max(sizes))
    padded = torch.frombuffer(bytearray(data.ljust(longest, b"\0")), dtype=torch.uint8).to(_device())
    parts = [torch.empty_like(padded) for _ in range(world())]
    dist.all_gather(parts, padded)
    return [part.cpu().numpy().tobytes()[: int(size)] for part, size in zip(parts, sizes, strict=True)]


def lost(error: BaseException) -> bool:
    """Whether an error means that another process of the group has ended."""
    names = ("gloo", "nccl", "connection closed by peer", "connection reset by peer", "broken pipe")
    known = isinstance(error, dist.DistError) or any(name in str(error).lower() for name in names)
    return active() and isinstance(error, RuntimeError) and not isinstance(error, RecurraError) and known


def _first_to_fail() -> bool:
    """Whether no other process of the group has called this yet; True also where the store is lost."""
    try:
        return dist.distributed_c10d._get_default_store().add("recurra: processes that failed", 1) == 1
    except RuntimeError:  # held by a process that has ended
        return True


def wait() -> None:
    """Until every rank is here."""
    if active():
        dist.barrier()


def _from_rank_0(data: bytes) -> bytes:
    size = torch.tensor([len(data)], device=_device())
    dist.broadcast(size, 0)
    if rank() != 0:
        data = bytes(int(size))
    content = torch.frombuffer(bytearray(data), dtype=torch.uint8).to(_device())
    dist.broadcast(content, 0)
    return content.cpu().numpy().tobytes()


def _device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")
