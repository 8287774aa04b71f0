"""One pass over a text: every state and gate at every step, each character's loss, and what was expected after it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from recurra import cells
from recurra.cells import Cell
from recurra.errors import ConfigError, DataError, RunError, setting
from recurra.generation.session import evaluating
from recurra.nn import Recurrent
from recurra.tasks.language.model import LanguageModel

# Rows of a bounded context that are read side by side, and steps that are scored at once: both bound the memory.
_ROWS, _SCORED = 256, 512


@dataclass(frozen=True, eq=False)
class Reading:
    """What a model did while it read a text of T tokens. Steps, layers and units are counted from 0."""

    cell: Cell
    characters: tuple[str, ...]
    """The tokens' texts: characters, or words, byte pairs, bytes. A character of several tokens stands at its last."""
    losses: np.ndarray
    """(T,) nats a token, float64: how surprising each one was. The first is NaN, since nothing leads to it."""
    states: list[dict[str, np.ndarray]]
    """For each layer its states by name, each (T, units): their values after the token was read."""
    gates: list[dict[str, np.ndarray]]
    """The same for the gates that the cell shows; empty for a cell without."""
    ids: np.ndarray
    """(T, k) the likeliest tokens after each one, and `chances` (T, k) their probabilities."""
    chances: np.ndarray
    symbols: tuple[str, ...]
    """The vocabulary's tokens, in the order of their ids."""

    @property
    def text(self) -> str:
        """The text that was read, as the vocabulary writes it."""
        return "".join(self.characters)

    @property
    def mean_loss(self) -> float:
        """Nats a token over the text; NaN for a single token."""
        return float(self.losses[1:].mean()) if len(self.losses) > 1 else float("nan")

    @property
    def units(self) -> list[int]:
        """Units of each layer."""
        return [layer[self.cell.state_names[0]].shape[1] for layer in self.states]

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        layers = [array for layer in (*self.states, *self.gates) for array in layer.values()]
        return sum(array.nbytes for array in (self.losses, self.ids, self.chances, *layers))

    def _repr_html_(self) -> str:
        """What a notebook shows: the text, each token shaded by its loss, and the number beside it under the pointer."""
        from recurra.inside.shaded import page

        return page(self.characters, self.losses)

    def unit(self, layer: int, unit: int, state: str | None = None) -> np.ndarray:
        """One unit's value at every step, (T,): `reading.unit(0, 17, "c")`. state: default the output, the first one.

        ConfigError for a layer, a unit or a state that is not there.
        """
        state = check_place(self.cell, self.units, layer, unit, state)
        return self.states[layer][state][:, unit]

    def gate(self, layer: int, gate: str) -> np.ndarray:
        """A gate's values at every step, (T, units): `reading.gate(0, "f")`. ConfigError if there is none."""
        check_layer(self.units, layer)
        if gate not in self.gates[layer]:
            shown = ", ".join(self.gates[layer]) or "none, for its step names no gate in s.next(...)"
            raise ConfigError(f"`gate` is {gate!r}; {self.cell!r} shows {shown}")
        return self.gates[layer][gate]

    def next(self, k: int = 8) -> list[list[tuple[str, float]]]:
        """After each token the k likeliest next ones with their probabilities: `reading.next()[0][0]` is ("e", 0.41).

        ConfigError if k is more than the `choices` that were kept.
        """
        if not 1 <= k <= self.ids.shape[1]:
            raise ConfigError(
                f"`k` is {k}; expected 1 to {self.ids.shape[1]}, the choices that were kept: read(..., choices={k})"
            )
        rows = zip(self.ids[:, :k].tolist(), self.chances[:, :k].tolist(), strict=True)
        return [[(self.symbols[i], p) for i, p in zip(*row, strict=True)] for row in rows]


def read(model: LanguageModel, text: str, *, choices: int = 8) -> Reading:
    """Read a text with a model and keep all that happens: `read(model, "To be").states[0]["h"]` is (5, units).

    text: any length; a layer costs 4 bytes per unit and step for each state and each gate.
    choices: how many of the likeliest next tokens are kept at each step; fewer where the vocabulary is smaller.

    The state is carried through the text. A model with a bounded `context` starts from zeros at each step and reads
    its last tokens, as when it generates. Raises DataError for an empty text, VocabularyError for a symbol that the
    model does not know, ConfigError for a model without recurrent layers, RunError if its weights give no finite scores.
    """
    if choices < 1:
        raise ConfigError(f"`choices` is {choices}; expected at least 1")
    ids = encode(model, text)
    with torch.inference_mode(), evaluating(model):
        parts = [_pass(model, rows, every) for rows, every in passes(ids, model.config.context)]
        hidden = torch.cat([part[0] for part in parts])
        losses, likeliest, chances = score(model, hidden, ids, min(choices, len(model.vocabulary)))
    return Reading(
        cell=model.layers.cell,
        characters=tokens(model.vocabulary, ids),
        losses=losses,
        states=_by_layer([part[1] for part in parts], model.layers.num_layers),
        gates=_by_layer([part[2] for part in parts], model.layers.num_layers),
        ids=likeliest,
        chances=chances,
        symbols=model.vocabulary.symbols,
    )


def encode(model: LanguageModel, text: str) -> np.ndarray:
    """The ids of a text, (tokens,) int64. DataError if it is empty, VocabularyError for an unknown symbol."""
    recurrent(model)
    ids = model.vocabulary.encode(text).astype(np.int64)
    if not len(ids):
        raise DataError("the text is empty, so there is nothing to look at; give at least one character")
    return ids


def recurrent(model: LanguageModel) -> Recurrent:
    """The model's recurrent layers. ConfigError for a model that is made of others."""
    if not isinstance(model.layers, Recurrent):
        raise ConfigError(
            f"this model is made of {type(model.layers).__name__} layers, which carry no state to look at;"
            " take a model with a recurrent cell"
        )
    return model.layers


def tokens(vocabulary, ids: np.ndarray) -> tuple[str, ...]:
    """The text that each token completes; a token that is no text stands as it is called, such as <unk>."""
    decoder = vocabulary.decoder()
    pieces = ((i, decoder.push(i)) for i in ids.tolist())
    return tuple(vocabulary.symbols[i] if vocabulary.bytes_of[i] is None else piece for i, piece in pieces)


def passes(ids: np.ndarray, context: int) -> Iterator[tuple[np.ndarray, bool]]:
    """Rows of ids to run from zero states, (rows, time), and whether every step counts or only each row's last one."""
    yield ids[None, : context or None], True
    if 0 < context < len(ids):
        windows = sliding_window_view(ids, context)[1:]
        for at in range(0, len(windows), _ROWS):
            yield windows[at : at + _ROWS], False


def embedded(model: LanguageModel) -> Tensor:
    """What the tokens stand for as the layers read them, (tokens, features)."""
    return model.embedding.weight * model.scale


def check_place(cell: Cell, units: list[int], layer: int, unit: int, state: str | None) -> str:
    """The state's name, the first one where it is None. ConfigError for a layer, unit or state that is not there."""
    check_layer(units, layer)
    if not 0 <= unit < units[layer]:
        raise ConfigError(f"{setting('unit')} is {unit}; expected 0 to {units[layer] - 1}, the units of layer {layer}")
    return check_state(cell, state) or cell.state_names[0]


def check_layer(units: list[int], layer: int | None) -> None:
    """ConfigError for a layer that is not there; None stands for all."""
    if layer is not None and not 0 <= layer < len(units):
        raise ConfigError(f"{setting('layer')} is {layer}; expected 0 to {len(units) - 1}, the layers of the model")


def check_state(cell: Cell, state: str | None) -> str | None:
    """The name, if it is a state's. ConfigError for another."""
    if state is not None and state not in cell.state_names:
        raise ConfigError(f"{setting('state')} is {state!r}; expected one of {cell!r}'s: {', '.join(cell.state_names)}")
    return state


def _pass(model: LanguageModel, rows: np.ndarray, every: bool) -> tuple[Tensor, dict, dict]:
    """Outputs (steps, units), and by name states and gates (layers, steps, units), of the steps that count."""
    shown = bool(cells.facts(model.layers.cell).shown)
    ids = torch.from_numpy(np.ascontiguousarray(rows.T)).to(model.device)
    y, _, trace = model.layers(ids, embedding=embedded(model), return_states=True, return_gates=shown)

    def steps(kept: Tensor) -> Tensor:  # (..., time, rows, units)
        return kept[..., 0, :] if every else kept[..., -1, :, :]

    return steps(y), *({name: steps(kept).cpu() for name, kept in part.items()} for part in trace)


def _by_layer(parts: list[dict[str, Tensor]], layers: int) -> list[dict[str, np.ndarray]]:
    whole = {name: torch.cat([part[name] for part in parts], 1).numpy() for name in parts[0]}
    return [{name: kept[layer] for name, kept in whole.items()} for layer in range(layers)]


def score(model: LanguageModel, hidden: Tensor, ids: np.ndarray, choices: int):
    """Each token's loss (T,), and the likeliest next tokens (T, k) with their probabilities."""
    targets = torch.from_numpy(ids[1:]).to(model.device)
    losses, likeliest, chances = [torch.full((1,), torch.nan, dtype=torch.float64, device="cpu")], [], []
    for at in range(0, len(hidden), _SCORED):
        logits = model.head(hidden[at : at + _SCORED]).double()
        if not bool(torch.isfinite(logits).all()):
            raise RunError(
                "the model's scores are not finite (NaN or infinity): its weights are damaged or its training diverged;"
                f" load an earlier checkpoint, or train with a lower {setting('lr')}"
            )
        logs, wanted = logits.log_softmax(-1), targets[at : at + _SCORED]
        losses.append(-logs[: len(wanted)].gather(1, wanted[:, None])[:, 0].cpu())
        best = logs.topk(choices)
        likeliest.append(best.indices.cpu())
        chances.append(best.values.exp().cpu())
    return torch.cat(losses).numpy(), torch.cat(likeliest).numpy(), torch.cat(chances).numpy()
