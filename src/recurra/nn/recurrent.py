"""Recurrent: any cell as a layer, or a stack of layers, in one or both directions.

    layer = Recurrent("lstm", input_size=4, hidden_size=8, num_layers=2, bidirectional=True)
    y, (h, c) = layer(x)                                     # x (time, batch, 4) → y (time, batch, 16), h (4, batch, 8)
    y, state = layer(x, lengths=lengths)                     # rows of unequal length
    y, state, trace = layer(x, return_gates=True)            # trace.gates["f"]: (4, time, batch, 8)

Weights have torch.nn's names and gate order: weight_ih_l0, weight_hh_l0_reverse, ...
"""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurra import cells
from recurra.backends.call import Call, Weights, active_steps, is_transformed
from recurra.backends.choice import Choice, check_name, choose
from recurra.backends.cpu.door import check_storage
from recurra.backends.cpu.stack import FastPath, looked_up
from recurra.backends.stack import Shape, Stack
from recurra.cells import Cell
from recurra.errors import BackendError, ConfigError, ShapeError
from recurra.nn import dropout as drop
from recurra.nn import pieces
from recurra.nn.initialise import check_initialiser, initialise
from recurra.nn.inputs import (
    Inputs,
    can_be_asked,
    check_finite,
    check_finite_states,
    check_ids,
    only_looks_up,
    read_given,
    read_ids,
    read_inputs,
)
from recurra.nn.layout import give_output, give_states, give_trace, read_states
from recurra.nn.options import check_options, read_clip, read_shape, read_zoneout


class Recurrent(nn.Module):
    """A cell over sequences: `y, state = Recurrent("gru", 4, 8)(x)`; x (time, batch, 4) → y (time, batch, 8).

    cell: a name from `recurra.cells.names()`, a Cell class or a Cell.
    input_size: features of x.
    hidden_size: units of each layer, or a list with each layer's units.
    num_layers: layers, each reading the one below; default 1, or the length of the list.
    bias: whether there are biases; default True.
    batch_first: x and y are (batch, time, features) instead of (time, batch, features); default False.
    dropout: fraction of each layer's output dropped before the next layer; default 0.
    bidirectional: also run backward in time; y holds both directions side by side; default False.
    proj_size: width that each step's output is projected to, for cells whose step reads it through W_h only; 0: none.
    residual: add each layer's input to its output, from the second layer on; widths must be equal; default False.
    input_dropout, output_dropout: fraction of x, and of y, that is dropped; default 0.
    variational: the three dropouts above draw one mask per sequence (Gal & Ghahramani 2016), not one per step.
    recurrent_dropout: fraction of h dropped before W_h, one mask per sequence (Gal & Ghahramani 2016, arXiv:1512.05287).
    zoneout: fraction of each state that keeps its old value at a step (Krueger et al. 2017, arXiv:1606.01305); one number,
        or one for each state in the cell's order.
    state_clip: largest size of each state's numbers: after a step (and its projection) they are cut to between -c and c, and
        what was cut passes no gradient; one number, or one for each state in the cell's order; default 0: none.
    weight_dropout: fraction of W_h dropped, one mask per call (Merity et al. 2017, arXiv:1708.02182).
    heads: cut the units into so many heads; W_h then links only the units of one head, (gates * hidden, hidden / heads);
        default 1.
    checkpoint_every: in training keep only the states every so many steps, and run those steps once more on the way back:
        memory of long sequences against up to a third more time; default 0, keep everything.
    init: initialiser: "torch" (default), "recommended", "xavier", "orthogonal", "identity".
    forget_bias: what the forget gate's bias starts from; None leaves it to `init`, and "recommended" then takes 1.
    learn_initial: learn the states before the first step instead of starting from zeros; default False.
    backend: "auto" (default), or one of `recurra.backends.BACKENDS` by name.
    check_finite: refuse an x or a state with NaN or infinity, on the CPU; default True.

    Raises ConfigError for options that are invalid or would have no effect, CellError for a cell that breaks the rules.
    """

    def __init__(
        self,
        cell: str | type[Cell] | Cell,
        input_size: int,
        hidden_size: int | Sequence[int],
        num_layers: int | None = None,
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        residual: bool = False,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        variational: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float | Sequence[float] = 0.0,
        state_clip: float | Sequence[float] = 0.0,
        weight_dropout: float = 0.0,
        heads: int = 1,
        checkpoint_every: int = 0,
        init: str = "torch",
        forget_bias: float | None = None,
        learn_initial: bool = False,
        backend: str = "auto",
        check_finite: bool = True,
        device=None,
        dtype=None,
    ):
        nn.Module.__init__(self)  # by name: a user's class may stand between
        self.cell = cells.get(cell)
        shape = read_shape(self.cell, input_size, hidden_size, num_layers, bidirectional, proj_size)
        self.facts, self.shape = cells.facts(self.cell), shape
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, len(shape.hidden)
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout, self.proj_size, self.residual = float(dropout), proj_size, residual
        self.input_dropout, self.output_dropout, self.variational = input_dropout, output_dropout, variational
        self.recurrent_dropout, self.weight_dropout = recurrent_dropout, weight_dropout
        self.zoneout, self.state_clip = read_zoneout(self.cell, zoneout), read_clip(self.cell, state_clip)
        self.heads, self.checkpoint_every = heads, checkpoint_every
        self.init, self.forget_bias, self.learn_initial = init, forget_bias, learn_initial
        self.backend, self.check_finite = check_name(backend), check_finite
        check_options(self)
        check_initialiser(init, self.cell, bias, forget_bias)
        self._make_weights(shape, {"device": device, "dtype": dtype})
        self.reset_parameters()
        self._fast = FastPath()

    def _make_weights(self, shape: Shape, kind: dict) -> None:
        cell, x_gates, h_gates = self.cell, len(self.facts.x_gates), len(self.facts.h_gates)
        self._names: list[list[Weights]] = []  # as Stack.names
        self._sizes: dict[str, tuple[int, ...]] = {}  # of every parameter
        for layer, (inputs, hidden, output) in enumerate(zip(shape.inputs, shape.hidden, shape.outputs, strict=True)):
            self._names.append([])
            for suffix in shape.suffixes(layer):
                sizes = {"weight_ih": (x_gates * hidden, inputs)}
                if h_gates:
                    sizes["weight_hh"] = (h_gates * hidden, output // self.heads)
                if self.bias:
                    sizes["bias_ih"] = (x_gates * hidden,)
                if self.bias and h_gates:
                    sizes["bias_hh"] = (h_gates * hidden,)
                if self.proj_size:
                    sizes["weight_hr"] = (output, hidden)
                sizes |= dict.fromkeys(cell.vectors, (hidden,))
                if self.learn_initial:
                    sizes |= {f"initial_{n}": (w,) for n, w in zip(cell.state_names, shape.states(layer), strict=True)}
                names = [f"{name}_{suffix}" if name in sizes else None for name in cells.WEIGHTS]
                self._names[-1].append(Weights(*names, {name: f"{name}_{suffix}" for name in cell.vectors}))
                for name, size in sizes.items():
                    self._sizes[f"{name}_{suffix}"] = size
                    setattr(self, f"{name}_{suffix}", nn.Parameter(torch.empty(size, **kind)))

    def reset_parameters(self) -> None:
        """Draw all weights again, by `init` and `forget_bias`."""
        forget = self.forget_bias
        if forget is None and self.init == "recommended" and self._can_open_forget_gate() and not self._starts_forget():
            forget = 1.0
        for layer in range(self.num_layers):
            for suffix in self.shape.suffixes(layer):
                end = f"_{suffix}"
                named = {k.removesuffix(end): p for k, p in self.named_parameters(recurse=False) if k.endswith(end)}
                initialise(named, self.facts, self.cell, self.init, forget, self.heads)

    def _starts_forget(self) -> bool:
        return self.cell.forget in self.cell.starts

    def _can_open_forget_gate(self) -> bool:
        return bool(self.cell.forget) and (self.bias or self.cell.forget in self.cell.vectors)

    def forward(
        self,
        x: Tensor,
        state: Any = None,
        *,
        embedding: nn.Embedding | Tensor | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
        return_states: bool = False,
        return_gates: bool = False,
        **given: Tensor,
    ):
        """Run the layers: `y, state = layer(x)`, or `y, state, trace = layer(x, return_states=True)`.

        x: (time, batch, features), (batch, time, features) with batch_first, or one sequence (time, features); or a
            PackedSequence, and y is one too.
        state: what an earlier call returned; default zeros, or the learned initial states. A tensor for a cell with one
            state, else a tuple: (layers * directions, batch, hidden) each, without batch for one sequence.
        embedding: an nn.Embedding or its weight, (tokens, input_size); x is then ids, (time, batch) or laid out as x without
            features, and the first layer reads `embedding[x]`: faster than looking it up before, the same otherwise.
        lengths: steps of each row, (batch,), any order, 0 allowed; y is 0 past them, and the state is each row's last.
        resets: bool, laid out as x without features: True drops the state before that step (a new document, an episode).
        return_states, return_gates: also return a Trace.
        given: what the cell is given at each step (`Cell.given`), by name: one number for each row, laid out as x without
            features, or one for each unit; in a bidirectional layer also a pair of these, for forward and backward.

        Returns y as x is laid out, with hidden_size (or proj_size) features a direction, and the state after the last step.
        """
        if lengths is None and resets is None and not (return_states or return_gates or given):
            plain = self._run_fast(x, state, embedding)
            if plain is not None:
                return plain
        if isinstance(x, torch.fx.Proxy):
            options = {"embedding": embedding, "lengths": lengths, "resets": resets, **given}
            options |= {"return_states": return_states or None, "return_gates": return_gates or None}
            return self._as_node(x, state, {name: value for name, value in options.items() if value is not None})
        if not torch.jit.is_tracing():
            return self._run(x, state, embedding, lengths, resets, return_states, return_gates, given)
        with warnings.catch_warnings():  # of questions about sizes, of which a trace holds only the answer
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            return self._run(x, state, embedding, lengths, resets, return_states, return_gates, given)

    def _run(
        self, x: Any, state: Any, embedding, lengths, resets, return_states: bool, return_gates: bool, given: dict
    ):
        """What `forward` returns, by the general path."""
        stack, read = self.stack(), self._read(x, embedding, lengths, resets, given)
        states = self._states_before(state, read)
        self._check_trace(return_gates)
        y, ended, kept = read.x, [], []
        y = drop.inputs(y, self.input_dropout, self.training, self.variational)
        for layer in range(self.num_layers):
            if layer:
                y = drop.between(y, self.dropout, self.training, self.variational, read.packed)
            call = self._call(stack, layer, y, states[layer], read, return_states, return_gates, state is None)
            ran = pieces.run(call, self.backend, self.checkpoint_every)
            y = ran.y + y if self.residual and layer else ran.y
            ended.append(ran.states)
            kept.append((ran.kept_states, ran.kept_gates))
        y = drop.inputs(y, self.output_dropout, self.training, self.variational)
        result = give_output(y, read, self.batch_first), give_states(ended, self.cell, self.shape, read)
        if not (return_states or return_gates):
            return result
        return *result, give_trace(kept, self.shape, read, self.batch_first)

    def explain(
        self,
        x: Tensor | None = None,
        state: Any = None,
        *,
        embedding: nn.Embedding | Tensor | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
        return_states: bool = False,
        return_gates: bool = False,
        **given: Tensor,
    ) -> Choice:
        """Which backend runs the first layer, and why the others do not: `print(layer.explain(x, lengths=lengths))`.

        Takes what `forward` takes; without x, uses one batch row of two steps.
        """
        if x is None:
            x = self.like().new_zeros(2, 1, self.input_size)
            x = x.transpose(0, 1) if self.batch_first else x
        given = given or self.blank_given(*x.shape[:2])
        stack, read = self.stack(), self._read(x, embedding, lengths, resets, given)
        states = self._states_before(state, read)
        with drop.undrawn(self.like()):
            call = self._call(stack, 0, read.x, states[0], read, return_states, return_gates, state is None)
            return choose(call, self.backend)

    def blank_given(self, *size: int) -> dict[str, Tensor]:
        """Zeros for what the cell is given, by name, each of this size."""
        return {name: self.like().new_zeros(size) for name in self.cell.call_names}

    def flatten_parameters(self) -> None:
        """Does nothing: weights need not lie side by side here. It exists because torch.nn's layers have it."""

    def __prepare_scriptable__(self) -> nn.Module:
        """What torch.jit.script reads in the layer's place."""
        raise BackendError(
            f"{self._name}: torch.jit.script reads no layer of {self.cell!r}. Use torch.jit.trace or torch.export; "
            "recurra.nn.RNN, LSTM and GRU can be scripted, as torch.nn's layers of the same weights"
        )

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """For each layer and direction its weights, as torch.nn's layers list them."""
        return [
            [w for w in direction._replace(vectors={}).flat() if w is not None]
            for layer in self.stack().weights
            for direction in layer
        ]

    def extra_repr(self) -> str:
        shown = [repr(self.cell), str(self.input_size), str(self.hidden_size)]
        plain = {"num_layers": 1, "bias": True, "heads": 1, "backend": "auto", "init": "torch", "check_finite": True}
        names = ("num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size", "residual")
        names += (
            "input_dropout",
            "output_dropout",
            "variational",
            "recurrent_dropout",
            "weight_dropout",
            "heads",
            "checkpoint_every",
            "init",
        )
        names += ("forget_bias", "learn_initial", "backend", "check_finite")
        shown += [
            f"{n}={getattr(self, n)!r}"
            for n in names
            if getattr(self, n) != plain.get(n, 0) and getattr(self, n) is not None
        ]
        shown += [f"{n}={getattr(self, n)}" for n in ("zoneout", "state_clip") if getattr(self, n)]
        return ", ".join(shown)

    def like(self) -> Tensor:
        """A tensor of the type and on the device that the layers compute in."""
        return self.weight_ih_l0

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _read(self, x: Any, embedding: Any, lengths: Any, resets: Any, numbers: dict[str, Any]) -> Inputs:
        form = self.input_size, self.batch_first, self.like()
        if embedding is not None:
            given = read_ids(self._name, x, embedding, lengths, resets, *form)
        else:
            given = read_inputs(self._name, x, lengths, resets, *form)
        if numbers or self.cell.given:
            given = given._replace(given=self._given(numbers, given))
        x, active = given.x, None
        if given.lengths is not None:  # the padding must not matter, not even NaN
            active = active_steps(given.lengths, x.shape[0])
            x = torch.where(active if given.embedding is None else active[..., 0], x, 0)
        if given.embedding is not None:
            if can_be_asked(x):
                check_ids(self._name, x, given.embedding.shape[0])
            if self.input_dropout and self.training:  # it drops single numbers of what the ids stand for
                return given._replace(x=F.embedding(x, given.embedding), embedding=None)
        elif self.check_finite and can_be_asked(x):
            check_finite(self._name, x)
        return given._replace(x=x)

    def stack(self) -> Stack:
        """The layers as they are now, for whatever runs them. Raises ShapeError for a weight that was replaced by another
        shape, or whose storage was freed or shrunk."""
        # What stands for other tensors (compiled, traced, under vmap) has no storage to look at.
        looks = not (torch.compiler.is_compiling() or is_transformed() or torch.jit.is_tracing())
        kept = self._fast.stack(self._parameters) if looks else None
        if kept is not None:
            return kept
        weights = [
            [one.like([self._weight(name, looks) for name in one.flat()]) for one in layer] for layer in self._names
        ]
        stack = Stack(self.cell, self.facts, self.shape, self._names, weights, [{} for _ in weights] if looks else [])
        if looks:
            self._fast.keep(stack, self._parameters)
        return stack

    def _weight(self, name: str | None, looks: bool) -> Tensor | None:
        if name is None:
            return None
        weight = getattr(self, name)  # not from the parameters: a parametrised weight is computed there
        if weight.shape != self._sizes[name]:
            raise ShapeError(
                f"{self._name}: `{name}` is {tuple(weight.shape)}; the layer was made for {self._sizes[name]}. "
                "Make a new layer for other widths."
            )
        if looks and type(weight) is nn.Parameter and weight.is_cpu:
            check_storage(weight, name)
        return weight

    def _as_node(self, x: torch.fx.Proxy, state: Any, options: dict[str, Any]) -> torch.fx.Proxy:
        """The layer as one node of torch.fx.symbolic_trace's graph, which by itself takes torch.nn's layers alone for such."""
        given = (x,) if state is None else (x, state)
        return x.tracer.create_proxy("call_module", x.tracer.path_of_module(self), given, options)

    def _run_fast(self, x: Any, state: Any, embedding: Any) -> tuple[Tensor, Any] | None:
        """What `forward` returns, by the fast path; None if an option stands between the layers and their equations, or
        the call is not plain."""
        if self.training and (
            self.input_dropout
            or (self.dropout and self.num_layers > 1)
            or self.output_dropout
            or self.recurrent_dropout
            or self.weight_dropout
        ):
            return None
        if self.zoneout or self.state_clip or self.residual or self.learn_initial:
            return None
        if self.backend not in ("auto", "cpu"):
            return None
        if embedding is not None:
            only = isinstance(embedding, nn.Embedding) and only_looks_up(embedding)
            x = looked_up(x, embedding.weight if only else embedding)
        return self._fast.run(self, self._parameters, x, state)

    def _initial(self, layer: int, batch: int, like: Tensor) -> list[tuple[Tensor, ...]]:
        """The states that a sequence starts from, for each direction: learned, or zeros."""
        names, widths = self.cell.state_names, self.shape.states(layer)
        if self.learn_initial:
            return [
                tuple(getattr(self, f"initial_{name}_{suffix}").expand(batch, -1) for name in names)
                for suffix in self.shape.suffixes(layer)
            ]
        return [tuple(like.new_zeros(batch, width) for width in widths) for _ in self.shape.suffixes(layer)]

    def _call(
        self,
        stack: Stack,
        layer: int,
        x: Tensor,
        states: list,
        given: Inputs,
        keep_states: bool,
        keep_gates: bool,
        fresh: bool,
    ) -> Call:
        """fresh: the states are those that a sequence starts from."""
        batch, training = x.shape[1], self.training
        weights = stack.weights[layer]
        if self.weight_dropout:
            weights = [w._replace(w_h=drop.elements(w.w_h, self.weight_dropout, training)) for w in weights]
        widths = self.shape.states(layer)
        return Call(
            self.cell,
            self.facts,
            x,
            weights,
            states,
            lengths=given.lengths,
            resets=given.resets,
            initial=[] if given.resets is None else states if fresh else self._initial(layer, batch, states[0][0]),
            options=drop.options(states, self.recurrent_dropout, self.zoneout, x.shape[0], widths, training)
            | ({"state_clip": [self.state_clip for _ in states]} if self.state_clip else {}),
            keep_states=keep_states,
            keep_gates=keep_gates,
            embedding=None if layer else given.embedding,
            kept=stack.kept[layer] if stack.kept and not self.weight_dropout else None,
            given={name: self._widened(name, part, layer) for name, part in given.given.items()},
        )

    def _given(self, numbers: dict[str, Any], inputs: Inputs) -> dict[str, Tensor]:
        """What the cell is given, checked; of pairs with a last dimension for the two directions."""
        sides = [numbers]
        if self.bidirectional and any(isinstance(part, tuple) and len(part) == 2 for part in numbers.values()):
            sides = [{n: part[d] if isinstance(part, tuple) else part for n, part in numbers.items()} for d in (0, 1)]
        read = [read_given(self._name, side, self.cell, inputs, self.batch_first) for side in sides]
        if len(read) == 1:
            return read[0]
        return {name: torch.stack(torch.broadcast_tensors(*(side[name] for side in read)), -1) for name in read[0]}

    def _widened(self, name: str, part: Tensor, layer: int) -> Tensor:
        """What the cell is given, with one number for each of a layer's units."""
        units = self.shape.hidden[layer]
        if part.shape[2] not in (1, units):
            raise ShapeError(
                f"{self._name}: `{name}` has {part.shape[2]} numbers for each step; layer {layer} has {units} units. "
                "Pass one number for each row, or one for each unit."
            )
        return part.expand(*part.shape[:2], units, *part.shape[3:])

    def _states_before(self, state: Any, given: Inputs) -> list[list[tuple[Tensor, ...]]]:
        if state is None:
            return [self._initial(layer, given.x.shape[1], given.like) for layer in range(self.num_layers)]
        states = read_states(self._name, state, self.cell, self.shape, given)
        if self.check_finite:
            check_finite_states(self._name, self.cell.state_names, state)
        return states

    def _check_trace(self, return_gates: bool) -> None:
        if return_gates and not self.facts.shown:
            raise ConfigError(
                f"{self._name}: return_gates has no effect: {self.cell!r} names no gate in s.next(...). "
                f"Name them there, such as s.next(..., {self.cell.gate_names[0]}=...)."
            )
