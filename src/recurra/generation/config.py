"""The settings of generation: how long, how bold, when to stop."""

import dataclasses
import math
from typing import Literal

from recurra import config
from recurra.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class GenerationConfig:
    """What to generate from a prompt, and how each token is drawn."""

    length: int = 500
    """How much new text to generate, counted by `unit`; the prompt is not counted."""
    unit: Literal["characters", "tokens"] = "characters"
    """What `length` counts: characters (code points of the text) or tokens of the vocabulary."""
    temperature: float | str = 1.0
    """Boldness: 0 = always the most likely token, 1 = as the model has it, 1.0:0.5 = from 1 to 0.5 evenly."""
    top_k: int = 0
    """Draw only among the k most likely tokens; 0 = among all."""
    top_p: float = 1.0
    """Draw only among the most likely tokens that together reach this probability; 1 = among all."""
    min_p: float = 0.0
    """Leave out tokens less likely than this share of the most likely one; 0 = none."""
    repetition_penalty: float = 1.0
    """Makes tokens of the last `repetition_window` less likely, by dividing their score; 1 = off."""
    repetition_window: int = 64
    """How far back the repetition penalty looks, in tokens, prompt included."""
    seed: int | None = None
    """The same seed gives the same text; left out, one is drawn and reported."""
    stop: tuple[str, ...] = ()
    """Text at which to stop; it is not part of the result. May be given several times."""
    samples: int = 1
    """How many texts to generate, side by side."""
    beam: int = 0
    """Search for a likely text with this many candidates instead of drawing one; 0 = draw."""
    keep_prompt: bool = True
    """Whether the text begins with the prompt."""
    stop_at_document_end: bool = False
    """Whether to stop where the model ends the document; otherwise it goes on with the next one."""
    context: int = 0
    """0 = carry the state from token to token; n = read the last n tokens anew for each, which is slower."""

    def __post_init__(self):
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)
        object.__setattr__(self, "stop", stop)
        config.check(self)
        for name, (fits, expected) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not fits(value):
                raise ConfigError(f"`{name}` is {value!r}; expected {expected}")
        self.temperature_at(0.0)
        if self.beam:
            self._check_beam()

    def _check_beam(self):
        """Beam search is not a draw: what shapes the draw would have no effect, so it is refused."""
        default = {option.name: option.default for option in config.options(type(self))}
        for name in ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed"):
            if getattr(self, name) != default[name]:
                raise ConfigError(f"`{name}` has no effect with beam={self.beam}: beam search draws nothing; drop one")
        if self.samples > self.beam:
            raise ConfigError(f"`samples` is {self.samples}; expected at most beam={self.beam}, the texts it keeps")

    def temperature_at(self, progress: float) -> float:
        """The temperature at a share of the length: 0 at the first token, 1 at the last."""
        try:
            start, _, end = str(self.temperature).partition(":")
            first, last = float(start), float(end or start)
        except ValueError:
            first = last = math.nan
        if not (0 <= first < math.inf and 0 <= last < math.inf):
            raise ConfigError(
                f"`temperature` is {self.temperature!r}; expected a number from 0 up, such as 0.8, or two "
                "with a colon between them, such as 1.0:0.5, for a schedule"
            )
        return first + (last - first) * progress


# A field's range, and the words for it.
_RANGES = {
    "length": (lambda v: v >= 1, "at least 1"),
    "top_k": (lambda v: v >= 0, "0 (off) or a number of tokens"),
    "top_p": (lambda v: 0 < v <= 1, "a share above 0 and at most 1 (1 = off)"),
    "min_p": (lambda v: 0 <= v <= 1, "a share from 0 (off) to 1"),
    "repetition_penalty": (
        lambda v: 0 < v < math.inf,
        "a number above 0: above 1 avoids repetition, 1 is off",
    ),
    "repetition_window": (lambda v: v >= 1, "at least 1 token"),
    "seed": (lambda v: 0 <= v < 2**64, "a whole number from 0 to 2**64 - 1"),
    "stop": (lambda v: all(isinstance(s, str) and s for s in v), "strings of at least one character"),
    "samples": (lambda v: v >= 1, "at least 1"),
    "beam": (lambda v: v >= 0, "0 (draw) or a number of candidates"),
    "context": (lambda v: v >= 0, "0 (carry the state) or a number of tokens"),
}
