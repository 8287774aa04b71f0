"""What a recurrent layer is called with, checked and brought to one form: (time, batch, features), lengths, resets, states.

Every message says what came, what was expected, where each number is from, and the next move.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurra.backends.cpu.door import check_storage
from recurra.errors import DataError, DtypeError, ShapeError


class Inputs(NamedTuple):
    """A call's input in one form, and what it takes to give the output back in the caller's."""

    x: Tensor  # (time, batch, features)
    lengths: Tensor | None  # (batch,) int64
    resets: Tensor | None  # (time, batch) bool
    batched: bool
    packed: PackedSequence | None
    embedding: Tensor | None = None  # (tokens, features); x is then ids, (time, batch)
    given: dict[str, Tensor] = {}  # what the cell is given at each step: (time, batch, 1 or units, and 2 of a pair)

    @property
    def like(self) -> Tensor:
        """A tensor of the type and on the device that the layers compute in."""
        return self.x if self.embedding is None else self.embedding


def read_inputs(name: str, x: Any, lengths: Any, resets: Any, size: int, batch_first: bool, like: Tensor) -> Inputs:
    """Check and unify `x`, `lengths` and `resets` of a layer whose input size is `size` and whose weights are as `like`."""
    packed = x if isinstance(x, PackedSequence) else None
    if packed is not None:
        if lengths is not None:
            raise ShapeError(f"{name}: `lengths` came beside a PackedSequence, which has its own. Leave `lengths` out.")
        x, lengths = pad_packed_sequence(packed)
        if resets is not None:
            raise ShapeError(f"{name}: `resets` cannot go with a PackedSequence. Pass a padded tensor with `lengths`.")
        batch_first = False
    check_x(name, x, size, batch_first, like)
    batched = x.dim() == 3
    if not batched:
        x = x[:, None]
    elif batch_first:
        x = x.transpose(0, 1)
    time, batch = x.shape[:2]
    lengths = read_lengths(name, lengths, time, batch, batched, x.device)
    resets = read_resets(name, resets, time, batch, batched, batch_first, x.device)
    return Inputs(x, lengths, resets, batched, packed)


def read_ids(
    name: str, ids: Any, embedding: Any, lengths: Any, resets: Any, size: int, batch_first: bool, like: Tensor
) -> Inputs:
    """The same for ids and the embedding that they are rows of: an nn.Embedding, or its weight (tokens, features)."""
    layout = "(batch, time)" if batch_first else "(time, batch)"
    if not isinstance(ids, Tensor) or ids.dtype not in (torch.int64, torch.int32):
        came = _short(ids) if isinstance(ids, Tensor) else type(ids).__name__
        raise DtypeError(f"{name}: with `embedding`, `x` is ids, torch.int64 {layout}; got {came}.")
    check_dense(name, "x", ids)
    if ids.dim() not in (1, 2):
        raise ShapeError(
            f"{name}: `x` has {ids.dim()} dimensions {tuple(ids.shape)}; expected ids {layout} or (time,)."
        )
    table = embedding.weight if isinstance(embedding, torch.nn.Embedding) else embedding
    if not isinstance(table, Tensor):
        raise DtypeError(f"{name}: `embedding` is {type(embedding).__name__}; expected an nn.Embedding or its weight.")
    check_dense(name, "embedding", table)
    if table.dim() != 2 or table.shape[1] != size:
        raise ShapeError(
            f"{name}: `embedding` is {tuple(table.shape)}; expected (tokens, {size}).\n"
            f"  input_size={size} from the model."
        )
    if table is not embedding and not only_looks_up(embedding):
        return read_inputs(name, embedding(ids), lengths, resets, size, batch_first, like)
    if table.dtype != like.dtype and not torch.is_autocast_enabled(table.device.type):
        raise DtypeError(f"{name}: `embedding` is {_short(table)}, the weights are {_short(like)}. Convert one.")
    if not ids.device == table.device == like.device:
        raise DtypeError(
            f"{name}: `x` is on {ids.device}, `embedding` on {table.device}, the weights on {like.device}. Move them."
        )
    batched = ids.dim() == 2
    if not batched:
        ids = ids[:, None]
    elif batch_first:
        ids = ids.t()
    time, batch = ids.shape
    lengths = read_lengths(name, lengths, time, batch, batched, ids.device)
    resets = read_resets(name, resets, time, batch, batched, batch_first, ids.device)
    return Inputs(ids, lengths, resets, batched, None, table)


def only_looks_up(embedding: torch.nn.Embedding) -> bool:
    """Whether an embedding gives rows of its weight and no more: nothing else changes them or their gradient."""
    return (
        type(embedding) is torch.nn.Embedding
        and embedding.padding_idx is None
        and embedding.max_norm is None
        and not (embedding.scale_grad_by_freq or embedding.sparse)
        and not (embedding._forward_hooks or embedding._forward_pre_hooks)
    )


def check_ids(name: str, ids: Tensor, tokens: int) -> None:
    """Raise DataError if an id is no row of the embedding."""
    if ids.numel():
        low, high = (int(i) for i in ids.aminmax())
        if low < 0 or high >= tokens:
            raise DataError(
                f"{name}: the ids in `x` go from {low} to {high}; expected 0 to {tokens - 1}, rows of `embedding`."
            )


def check_dense(name: str, label: str, tensor: Tensor) -> None:
    """Raise for a tensor whose numbers do not lie at regular distances (sparse, nested, of oneDNN), or were freed."""
    if tensor.is_nested or tensor.layout is not torch.strided:
        kind = "a nested tensor" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
        hint = " Pad it and pass `lengths`." if tensor.is_nested else f" Convert it: {label}.to_dense()."
        raise DtypeError(f"{name}: `{label}` is {kind}; expected a dense tensor.{hint}")
    if can_be_asked(tensor):
        check_storage(tensor, label)


def check_x(name: str, x: Any, size: int, batch_first: bool, like: Tensor) -> None:
    """Raise where a layer's input does not fit: its form, its features, its type, its device."""
    layout = "(batch, time, features)" if batch_first else "(time, batch, features)"
    if not isinstance(x, Tensor):
        raise DtypeError(f"{name}: `x` is {type(x).__name__}; expected a tensor {layout} or (time, features).")
    check_dense(name, "x", x)
    got = tuple(x.shape)
    if x.dim() not in (2, 3):
        hint = f" Did you mean x.flatten(2), which is {tuple(x.flatten(2).shape)}?" if x.dim() > 3 else ""
        raise ShapeError(f"{name}: `x` has {x.dim()} dimensions {got}; expected {layout} or (time, features).{hint}")
    if got[-1] != size:
        raise ShapeError(
            f"{name}: `x` is {got}; expected {size} features in the last dimension, got {got[-1]}.\n"
            f"  input_size={size} from the model, layout {layout if x.dim() == 3 else '(time, features)'}."
        )
    if x.device != like.device:
        raise DtypeError(
            f"{name}: `x` is on {x.device}, the weights are on {like.device}. Move one: x.to({str(like.device)!r})."
        )
    if x.dtype != like.dtype and not torch.is_autocast_enabled(x.device.type):
        raise DtypeError(
            f"{name}: `x` is {_short(x)}, the weights are {_short(like)}. "
            f"Convert one: x.to(torch.{_short(like)}), or layer.to(torch.{_short(x)})."
        )


def can_be_asked(x: Tensor) -> bool:
    """Whether the numbers in x can be looked at, and cheaply: not where it stands for others (traced, fake, under vmap)."""
    if type(x) not in (Tensor, torch.nn.Parameter) or x.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    if torch._C._len_torch_dispatch_stack() > 0:  # make_fx, a counter of operations: to them a question is an operation
        return False
    return not torch._C._functorch.is_functorch_wrapped_tensor(x)


def check_finite(name: str, x: Tensor) -> None:
    """Raise DataError if `x` holds NaN or infinity: one of them spoils every step that follows.

    x: (time, batch, features), or frames (time, batch, height, width, channels).
    """
    if math.isfinite(x.detach().sum()):
        return
    wrong = ~torch.isfinite(x.detach())  # the sum alone may overflow: look at the numbers themselves
    if bool(wrong.any()):
        step, row, *pixel, feature = wrong.nonzero()[0].tolist()
        place = f"channel {feature}, pixel {tuple(pixel)}" if pixel else f"feature {feature}"
        raise DataError(
            f"{name}: `x` holds {int(wrong.sum())} values that are NaN or infinite, the first at step {step}, batch row {row}, "
            f"{place}. Fill or drop them; check_finite=False lets them through."
        )


def check_finite_states(name: str, names: Sequence[str], state: Any) -> None:
    """The same for the states that a sequence starts from, in the form in which they came. names: the cell's, without the 0."""
    for word, part in zip(names, [state] if len(names) == 1 else state, strict=True):
        several = {f"{word}0[{k}]": one for k, one in enumerate(part)} if isinstance(part, tuple | list) else {}
        for label, tensor in (several or {f"{word}0": part}).items():
            if not can_be_asked(tensor) or math.isfinite(tensor.detach().sum()):
                continue
            wrong = ~torch.isfinite(tensor.detach())
            if bool(wrong.any()):
                raise DataError(
                    f"{name}: `{label}` {tuple(tensor.shape)} holds {int(wrong.sum())} values that are NaN or infinite, the"
                    f" first at {tuple(wrong.nonzero()[0].tolist())}. To start from zeros, leave `{label}` out;"
                    " check_finite=False lets them through."
                )


def read_lengths(name: str, lengths: Any, time: int, batch: int, batched: bool, device, of: str = "x") -> Tensor | None:
    """Lengths as a tensor (batch,) int64, refused if they do not fit the argument `of`."""
    if lengths is None:
        return None
    if not batched:
        raise ShapeError(f"{name}: `lengths` came with a single sequence `x` (time, features). Cut it: x[:length].")
    lengths = torch.as_tensor(lengths, device=device)
    wrong = lengths.is_floating_point() or lengths.dtype == torch.bool
    if wrong and lengths.numel():  # an empty list is of floats to PyTorch
        raise DtypeError(f"{name}: `lengths` is {_short(lengths)}; expected whole numbers, the steps of each row.")
    if lengths.shape != (batch,):
        raise ShapeError(
            f"{name}: `lengths` is {tuple(lengths.shape)}; expected ({batch},), one for each row of `{of}`."
        )
    lengths = lengths.long()
    if batch and not (torch.compiler.is_compiling() or torch._C._functorch.is_functorch_wrapped_tensor(lengths)):
        low, high = lengths.aminmax()
        if low < 0 or high > time:
            row = int(((lengths < 0) | (lengths > time)).nonzero()[0])
            raise ShapeError(
                f"{name}: lengths[{row}] is {int(lengths[row])}; expected 0 to {time}, the steps of `{of}`. "
                "A row of length 0 gives zeros."
            )
    return lengths


def read_resets(
    name: str, resets: Any, time: int, batch: int, batched: bool, batch_first: bool, device
) -> Tensor | None:
    if resets is None:
        return None
    resets = torch.as_tensor(resets, device=device)
    if resets.dtype != torch.bool:
        raise DtypeError(
            f"{name}: `resets` is {_short(resets)}; expected bool, True if a new document starts. Use resets.bool(), "
            "or (masks == 0) if 0 marks a start."
        )
    want = (time,) if not batched else ((batch, time) if batch_first else (time, batch))
    if tuple(resets.shape) != want:
        names = {1: "(time,)", 2: "(batch, time)" if batch_first else "(time, batch)"}[len(want)]
        raise ShapeError(f"{name}: `resets` is {tuple(resets.shape)}; expected {want} = {names}, as `x` is laid out.")
    if not batched:
        return resets[:, None]
    return resets.t() if batch_first else resets


def read_given(name: str, given: dict[str, Any], cell: Any, inputs: Inputs, batch_first: bool) -> dict[str, Tensor]:
    """What a call gives its cell at each step, checked, by name: (time, batch, 1) or (time, batch, units).

    given: the call's keywords, one number per row, laid out as x without features, or one per unit, with units for features.
    """
    wanted = cell.call_names
    for word in given:
        if word not in wanted:
            known = f"its cell is given {', '.join(wanted)}" if wanted else f"{cell!r} is given nothing"
            raise TypeError(f"{name}: the call got {word!r}, which is no argument of it; {known}")
    first = "(batch, time)" if batch_first else "(time, batch)"
    first = first if inputs.batched else "(time,)"
    layout = f"{first}, one number for each row" if inputs.batched else f"{first}, one number"
    read, like = {}, inputs.like
    time, batch = inputs.x.shape[:2]
    lead = ((batch, time) if batch_first else (time, batch)) if inputs.batched else (time,)
    for word in wanted:
        value = given.get(word)
        if value is None:
            raise DataError(
                f"{name}: `{word}` is missing, which {cell!r} reads at each step. Pass {word}=, {layout}, or one for each unit."
            )
        if inputs.packed is not None:
            raise ShapeError(f"{name}: `{word}` cannot go with a PackedSequence. Pass a padded tensor with `lengths`.")
        if not isinstance(value, Tensor):
            raise DtypeError(f"{name}: `{word}` is {type(value).__name__}; expected a tensor {layout}.")
        check_dense(name, word, value)
        if value.dtype != like.dtype or value.device != like.device:
            came, need = f"{_short(value)} on {value.device}", f"{_short(like)} on {like.device}"
            raise DtypeError(f"{name}: `{word}` is {came}, `x` is {need}. Convert it: {word}.to(x).")
        if tuple(value.shape[: len(lead)]) != lead or value.dim() not in (len(lead), len(lead) + 1):
            raise ShapeError(
                f"{name}: `{word}` is {tuple(value.shape)}; expected {lead} = {first}, "
                "or one more dimension with a number for each unit."
            )
        value = value[..., None] if value.dim() == len(lead) else value
        value = value[:, None] if not inputs.batched else value.transpose(0, 1) if batch_first else value
        if inputs.lengths is not None:  # as x: the padding must not matter
            steps = torch.arange(time, device=value.device)[:, None] < inputs.lengths
            value = torch.where(steps[..., None], value, 0)
        read[word] = value
    return read


def check_state(
    name: str, label: str, value: Any, want: tuple[int, ...], like: Tensor, origin: Callable[[], str], batched: bool
) -> None:
    """Raise where one state's tensor does not fit: its shape, its type. origin: says where the numbers are from."""
    if not isinstance(value, Tensor):
        raise DtypeError(f"{name}: `{label}` is {type(value).__name__}; expected a tensor {want}.")
    check_dense(name, label, value)
    if value.shape != want:
        dims = "(layers, batch, hidden)" if batched else "(layers, hidden)"
        dims = dims.replace("layers", "layers * directions") if "directions" in origin() else dims
        raise ShapeError(
            f"{name}: `{label}` is {tuple(value.shape)}; expected {want} = {dims}.\n"
            f"  {origin()}. To start from zeros, leave `{label}` out."
        )
    if value.dtype != like.dtype and not torch.is_autocast_enabled(value.device.type):
        raise DtypeError(
            f"{name}: `{label}` is {_short(value)}, `x` is {_short(like)}. Convert it: {label}.to(x.dtype)."
        )
    if value.device != like.device:
        raise DtypeError(
            f"{name}: `{label}` is on {value.device}, `x` on {like.device}. Move it: {label}.to(x.device)."
        )


def _short(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
