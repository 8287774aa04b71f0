"""accelerate(model): every torch.nn recurrent layer of a model becomes Recurra's, in place, sharing its weights."""

from dataclasses import dataclass, field

from torch import nn

from recurra.nn.layers import GRU, LSTM, RNN
from recurra.nn.recurrent import Recurrent

CLASSES = {nn.RNN: RNN, nn.LSTM: LSTM, nn.GRU: GRU}
CELLS = (nn.RNNCellBase,)


@dataclass
class Accelerated:
    """What `accelerate` did: `print(accelerate(model))`."""

    model: nn.Module
    """The model; a new layer if the model itself was one torch.nn recurrent layer."""
    replaced: list[str] = field(default_factory=list)
    """Names of the layers that are Recurra's now."""
    left: dict[str, str] = field(default_factory=dict)
    """Names of the recurrent layers that stayed → why."""

    def __str__(self) -> str:
        lines = [f"replaced {len(self.replaced)}: {', '.join(self.replaced) or 'nothing'}"]
        return "\n".join(lines + [f"left {name}: {why}" for name, why in self.left.items()])


def accelerate(model: nn.Module) -> Accelerated:
    """Replace every torch.nn.RNN, LSTM and GRU inside `model`, in place: `print(recurra.accelerate(model))`.

    The new layers hold the very same Parameter objects, so optimisers, state_dicts and tied weights go on working, and give
    the same results. What cannot be replaced stays, and the report says why: subclasses (also weight-normed layers, whose
    class PyTorch changes), layers with hooks, and cells, which run one step at a time.
    """
    report = Accelerated(model)
    done: dict[nn.Module, nn.Module] = {}  # one layer used in two places stays one layer
    if type(model) in CLASSES:
        reason = _why_not(model)
        if reason is None:
            return Accelerated(_convert(model), ["(the model itself)"])
        return Accelerated(model, left={"(the model itself)": reason})
    for path, parent in list(model.named_modules()):
        for name, child in list(parent._modules.items()):  # named_children leaves out a layer's second place
            full = f"{path}.{name}" if path else name
            if isinstance(child, Recurrent) or not isinstance(child, (nn.RNNBase, *CELLS)):
                continue
            if child not in done:
                reason = _why_not(child)
                if reason:
                    report.left[full] = reason
                    continue
                done[child] = _convert(child)
            setattr(parent, name, done[child])
            report.replaced.append(full)
    return report


def _why_not(layer: nn.Module) -> str | None:
    if isinstance(layer, CELLS):
        return f"{type(layer).__name__} runs one step at a time; recurra.nn.Recurrent runs whole sequences"
    if type(layer) not in CLASSES:
        return f"{type(layer).__name__} is not exactly a torch.nn layer, and may do more"
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if any(getattr(layer, kind, None) for kind in hooks):
        return "it has hooks, which would be lost"
    if layer.num_layers > 1 and layer.dropout == 1:
        return "dropout=1 lets nothing through to the layer above, which is refused here"
    if set(dict(layer.named_parameters())) != {name for names in layer._all_weights for name in names}:
        return "its weights are not its own parameters (weight normalisation, pruning or the like)"
    return None


def _convert(layer: nn.RNNBase) -> Recurrent:
    """The same layer as Recurra's, holding the same parameters. NaN goes through it as it did, unrefused."""
    names = ("num_layers", "bias", "batch_first", "bidirectional")
    options = {name: getattr(layer, name) for name in names}
    if isinstance(layer, nn.LSTM):
        options["proj_size"] = layer.proj_size
    if isinstance(layer, nn.RNN):
        options["nonlinearity"] = layer.nonlinearity
    dropout = layer.dropout if layer.num_layers > 1 else 0.0
    new = CLASSES[type(layer)](
        layer.input_size, layer.hidden_size, dropout=dropout, check_finite=False, device="meta", **options
    )
    for name, parameter in layer.named_parameters():
        setattr(new, name, parameter)
    return new.train(layer.training)
