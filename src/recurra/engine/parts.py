"""What a language model is made of, as numpy arrays: from a run's folder or from a model in memory, and in int8."""

from dataclasses import dataclass, field, replace

import numpy as np

from recurra.cells.base import Cell


@dataclass(frozen=True)
class Whole:
    """A matrix in int8: row n is `numbers[n] * scale[n]`, numbers from -127 to 127."""

    numbers: np.ndarray
    scale: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.numbers.shape

    def floats(self) -> np.ndarray:
        """The same in float32."""
        return self.numbers.astype(np.float32) * self.scale[:, None]


Weight = np.ndarray | Whole


@dataclass(frozen=True)
class LayerParts:
    """One recurrent layer. H units, P outputs, X and G gates of W_x and of W_h."""

    cell: Cell
    w_x: Weight
    """(X*H, I)."""
    w_h: Weight | None = None
    """(G*H, P)."""
    b_x: np.ndarray | None = None
    b_h: np.ndarray | None = None
    w_r: Weight | None = None
    """(P, H): a projection."""
    vectors: dict[str, np.ndarray] = field(default_factory=dict)
    initial: dict[str, np.ndarray] = field(default_factory=dict)
    """State → what it starts from; none: zeros."""
    zone: tuple[float, ...] = ()
    """For each state the fraction of its old value that is kept."""
    residual: bool = False
    """Whether the layer's input is added to its output."""


@dataclass(frozen=True)
class ModelParts:
    """Embedding → layers → scores, all float32 or int8."""

    embedding: Weight
    """(tokens, I)."""
    layers: tuple[LayerParts, ...]
    head: Weight
    """(tokens, P)."""
    head_bias: np.ndarray | None = None
    scale: float = 1.0
    """What the embedding is multiplied by."""


def whole(weight: Weight) -> Whole:
    """A matrix in int8, its rows scaled by their largest number: the same on every machine.

    A scale has 16 significant bits, so that 127 times it is a float: `whole(w.floats())` is `w`.
    """
    if isinstance(weight, Whole):
        return weight
    largest = np.ascontiguousarray(np.abs(weight).max(-1, initial=0), np.float32)
    scale = largest / np.float32(127)
    scale = ((scale.view(np.uint32) + np.uint32(255)) & ~np.uint32(255)).view(np.float32)
    safe = np.where(scale > 0, scale, np.float32(1))
    # A row of numbers that are too small for a scale is nothing.
    numbers = np.where(scale[:, None] > 0, np.clip(np.rint(weight / safe[:, None]), -127, 127), 0)
    return Whole(numbers.astype(np.int8), scale)


def quantised(parts: ModelParts) -> ModelParts:
    """The same model with every matrix in int8; vectors and biases stay as they are."""
    layers = [
        replace(layer, **{name: whole(w) for name in ("w_x", "w_h", "w_r") if (w := getattr(layer, name)) is not None})
        for layer in parts.layers
    ]
    tied = parts.head is parts.embedding
    embedding = whole(parts.embedding)
    return replace(parts, embedding=embedding, layers=tuple(layers), head=embedding if tied else whole(parts.head))


def floats(weight: Weight) -> np.ndarray:
    """A matrix in float32."""
    return weight.floats() if isinstance(weight, Whole) else np.ascontiguousarray(weight, np.float32)
