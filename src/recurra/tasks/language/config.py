"""The settings of a language model, and the named recipes that set all parts at once."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from recurra import config
from recurra.config import Fraction, Range
from recurra.data.config import DataConfig
from recurra.errors import ConfigError, setting
from recurra.fitting.cellname import CellName
from recurra.fitting.space import Between, Space
from recurra.text.config import TextConfig
from recurra.training.config import TrainingConfig, with_lengths

TRANSFORMER = "transformer"
"""In place of a cell's name: PyTorch's transformer layers, for comparison."""

# What only recurrent layers have.
_RECURRENT = ("recurrent_dropout", "zoneout", "weight_dropout", "residual", "init", "forget_bias")


@dataclass(frozen=True)
class LanguageConfig:
    """Embedding → recurrent stack → dropout → softmax."""

    cell: CellName = "lstm"
    """The recurrent cell, by name: rnn, lstm, gru and the others that `recurra doctor` lists; or transformer."""
    embedding_size: Annotated[int, Range(1, form=4096)] = 128
    """Length of each token's vector, in units."""
    hidden_size: Annotated[int, Range(1, form=4096)] = 512
    """Units of each recurrent layer."""
    num_layers: Annotated[int, Range(1, form=16)] = 1
    """Recurrent layers, one above the other."""
    dropout: Fraction = 0.4
    """Part of the units left out between the layers while training, and before the softmax unless output_dropout is set."""
    input_dropout: Fraction = 0.2
    """Part of the embedding's units left out while training."""
    output_dropout: Fraction | None = None
    """Part of the last layer's units left out before the softmax while training; not set = as dropout."""
    recurrent_dropout: Fraction = 0.0
    """Part of the units left out on the way to the next step while training, the same ones in a whole window."""
    zoneout: Fraction = 0.0
    """Chance that a unit keeps its last value for a step while training."""
    weight_dropout: Fraction = 0.0
    """Part of the recurrent weights left out while training, the same ones in a whole window."""
    residual: bool = False
    """Add each layer's input to its output, from the second layer on."""
    tie_weights: bool = False
    """Share one matrix between the embedding and the softmax; embedding_size must equal hidden_size."""
    init: str = "recommended"
    """How the recurrent weights start, by name: recommended (Glorot, orthogonal) or torch (PyTorch's own)."""
    forget_bias: Annotated[float | None, Range(-100, 100)] = None
    """Start of the forget gate's bias; not set = 1 for cells of the LSTM family, which lets them remember from the start."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What is multiplied in while training; bfloat16 is up to twice as fast where the processor has it, a little coarser.
    Evaluation and generation stay in float32."""
    context: Annotated[int, Range(0, form=4096)] = 0
    """Tokens that generation re-reads at each step from a zero state. 0 = the state is carried, as it should be; a transformer,
    which has none, re-reads a window."""

    def __post_init__(self):
        config.check(self)
        if self.cell == TRANSFORMER:
            config.require(self, "context", self.context >= 1, "1 or more: a transformer carries no state")
            for option in config.options(LanguageConfig):
                if option.name in _RECURRENT and getattr(self, option.name) != option.default:
                    raise ConfigError(
                        f"{setting(option.name)} has no effect on {setting('cell', TRANSFORMER)}; leave it out"
                    )
        if self.tie_weights and self.embedding_size != self.hidden_size:
            raise ConfigError(
                f"{setting('tie_weights')} shares one matrix, but embedding_size is {self.embedding_size} and hidden_size"
                f" {self.hidden_size}; make them equal"
            )

    @property
    def scale(self) -> float:
        """What the embedding is multiplied by."""
        return self.embedding_size**0.5 if self.tie_weights else 1.0


SCHEMA = "language/2"

CONFIGS = {"text": TextConfig, "data": DataConfig, "model": LanguageConfig, "training": TrainingConfig}
"""The four parts of a run's settings, by their name in config.json. No two parts share a field's name."""

SEARCH: Space = {
    "cell": ("lstm", "gru", "mingru", "slstm"),
    "hidden_size": Between(64, 768, step=32),
    "num_layers": (1, 2),
    "dropout": Between(0.0, 0.6, even=True),
    "input_dropout": Between(0.0, 0.4, even=True),
    "lr": Between(1e-3, 3e-2),
    "weight_decay": Between(1e-3, 0.5),
}
"""What `tune` tries."""

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # A published browser program, setting by setting: it has no validation part, no clipping and no dropout, and
    # samples with the last 100 characters as context. Its Adam is Keras's: rate 0.001, decays 0.9 and 0.999.
    "classic": {
        "mode": "windows",
        "window": 100,
        "stride": 1,
        "batch_size": 64,
        "validation": 0.0,
        "cell": "lstm",
        "embedding_size": 64,
        "hidden_size": 128,
        "num_layers": 1,
        "dropout": 0.0,
        "input_dropout": 0.0,
        "context": 100,
        "epochs": 20,
        "optimizer": "adam",
        "lr": 1e-3,
        "beta2": 0.999,
        "schedule": "constant",
        "warmup": 0.0,
        "weight_decay": 0.0,
        "average": 0.0,
        "clip": 0.0,
        "monitor": "training",
        "patience": 3,
    },
    # A minute on two cores.
    "demo": {
        "minutes": 1.0,
        "embedding_size": 64,
        "hidden_size": 192,
        "dropout": 0.0,
        "input_dropout": 0.0,
        "lr": 1e-2,
        "warmup": 0.2,
        "weight_decay": 0.01,
        "average": 0.0,
    },
    # Small models, briefly trained: what `recurra compare` starts from. Two layers, because some cells need them.
    "compare": {
        "embedding_size": 64,
        "num_layers": 2,
        "dropout": 0.1,
        "input_dropout": 0.0,
        "weight_decay": 0.01,
        "average": 0.0,
    },
    # A second or two: to see that everything works.
    "tiny": {
        "embedding_size": 16,
        "hidden_size": 32,
        "dropout": 0.0,
        "input_dropout": 0.0,
        "batch_size": 8,
        "window": 32,
        "epochs": 1,
        "lr": 1e-2,
        "warmup": 0.2,
        "weight_decay": 0.01,
        "average": 0.0,
    },
}
"""Named recipes: what each changes in the defaults of the four parts."""


def settings(preset: str = "default", **overrides) -> dict[str, Any]:
    """The four parts' settings from a preset and what overrides it: `settings("tiny", epochs=2)["training"].epochs`.

    Epochs take the place of a preset's minutes, and the other way round.
    Raises ConfigError for an unknown preset, a setting that no part has (with the nearest), or an invalid value.
    """
    if preset not in PRESETS:
        raise ConfigError(f"{setting('preset')} is {preset!r}; {config.nearest(preset, PRESETS)}")
    values = with_lengths(PRESETS[preset], overrides)
    if values.get("mode") == "windows" or values.get("cell") == TRANSFORMER:
        # Trained from zero states on so many tokens, it is to generate from as many.
        values.setdefault("context", values.get("window", DataConfig.window))
    parts = config.make_parts(CONFIGS, values)
    window, model = parts["data"].window, parts["model"]
    if model.cell == TRANSFORMER and window > model.context:
        raise ConfigError(
            f"{setting('window')} is {window}, longer than {setting('context')}, {model.context}, "
            "which a transformer reads; make them equal"
        )
    return parts
