"""The settings of generation: how long, how bold, when to stop."""

import dataclasses
import math
from typing import Annotated, Literal

from recurra import config
from recurra.config import Count, Range
from recurra.errors import ConfigError, setting

_OF_A_DRAW = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty")
_OF_A_DRAW += ("frequency_penalty", "logit_bias", "seed")


@dataclasses.dataclass(frozen=True)
class GenerationConfig:
    """What to generate from a prompt, and how each token is drawn."""

    length: Count = 500
    """How much new text to generate, counted by `unit`; the prompt is not counted."""
    unit: Literal["characters", "tokens"] = "characters"
    """What `length` counts: characters (code points of the text) or tokens of the vocabulary."""
    temperature: Annotated[float | str, Range(0)] = 1.0
    """Boldness: 0 = always the most likely token, 1 = as the model has it, 1.0:0.5 = from 1 to 0.5 evenly."""
    top_k: Annotated[int, Range(0, words="{} tokens")] = 0
    """Draw only among the k most likely tokens; 0 = among all."""
    top_p: Annotated[float, Range(above=0, most=1, words="a fraction {}")] = 1.0
    """Draw only among the most likely tokens that together reach this probability; 1 = among all."""
    min_p: Annotated[float, Range(0, 1, words="a fraction, {}")] = 0.0
    """Leave out tokens less likely than this fraction of the most likely one; 0 = none."""
    repetition_penalty: Annotated[float, Range(above=0)] = 1.0
    """Makes tokens of the last `repetition_window` less likely, by dividing their score; 1 = off."""
    repetition_window: Annotated[int, Range(1, words="{} tokens", form=10_000)] = 64
    """How far back the repetition penalty looks, in tokens, prompt included."""
    presence_penalty: Annotated[float, Range(-100, 100)] = 0.0
    """Taken from the score of every token that the new text has already; 0 = off."""
    frequency_penalty: Annotated[float, Range(-100, 100)] = 0.0
    """Taken from a token's score for each time the new text has it; 0 = off."""
    logit_bias: tuple[str, ...] = ()
    """Added to a token's score, as TOKEN=NUMBER: e=-2 makes an e rarer, e=-100 keeps it out. May be given several times."""
    seed: Annotated[int | None, Range(0, 2**64 - 1, words="a whole number, {}", form=2**53 - 1)] = None
    """The same seed gives the same text; left out, one is drawn and reported."""
    stop: tuple[str, ...] = ()
    """Text at which to stop; it is not part of the result. May be given several times."""
    samples: Count = 1
    """How many texts to generate, side by side."""
    beam: Annotated[int, Range(0, words="{} candidates")] = 0
    """Search for a likely text with this many candidates instead of drawing one; 0 = draw."""
    keep_prompt: bool = True
    """Whether the text begins with the prompt."""
    stop_at_document_end: bool = False
    """Whether to stop where the model ends the document; otherwise it starts the next one. A model of items stops."""
    start: Literal["warm", "zero"] = "warm"
    """Where writing begins: warm = as if it continued a place of the training text, some hundred characters that the run
    keeps, which are not part of the result; zero = from a zero state, where first characters are poorer."""
    precision: Literal["float32", "bfloat16", "int8"] | None = None
    """What the engine multiplies in: bfloat16 and int8 are faster and a little coarser, and int8 gives the same text on every
    machine; left out, int8 for a quantised run, else float32."""
    context: Annotated[int, Range(0, words="{} tokens", form=4096)] = 0
    """0 = carry the state from token to token; n = read the last n tokens again for each, which is slower."""

    def __post_init__(self):
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)
        object.__setattr__(self, "stop", stop)
        texts = all(isinstance(text, str) and text for text in stop)
        config.require(self, "stop", texts, "strings of at least one character")
        bias = self.logit_bias
        if isinstance(bias, dict):
            bias = tuple(f"{text}={number}" for text, number in bias.items())
        object.__setattr__(self, "logit_bias", (bias,) if isinstance(bias, str) else tuple(bias))
        self.biases()
        # Before the check of all: its words speak of schedules too.
        self.temperature_at(0.0)
        config.check(self)
        if self.beam:
            self._check_beam()

    def _check_beam(self):
        """Beam search is not a draw: what shapes the draw would have no effect, so it is refused."""
        default = {option.name: option.default for option in config.options(type(self))}
        for name in _OF_A_DRAW:
            if getattr(self, name) != default[name]:
                raise ConfigError(
                    f"{setting(name)} has no effect with {setting('beam', self.beam)}: beam search draws nothing; drop one"
                )
        if self.samples > self.beam:
            raise ConfigError(
                f"{setting('samples')} is {self.samples}; expected at most {setting('beam', self.beam)}, the texts it keeps"
            )

    def biases(self) -> list[tuple[str, float]]:
        """The tokens of `logit_bias`, as text, and what is added to their scores."""
        found = []
        for entry in self.logit_bias:
            text, _, number = entry.rpartition("=") if isinstance(entry, str) else ("", "", "")
            try:
                value = float(number)
            except ValueError:
                value = math.nan
            if not text or not math.isfinite(value):
                raise ConfigError(
                    f"{setting('logit_bias')} has {entry!r}; expected a token and a number with = between them, such as e=-2"
                )
            found.append((text, value))
        return found

    def temperature_at(self, progress: float) -> float:
        """The temperature at a fraction of the length: 0 at the first token, 1 at the last."""
        try:
            start, _, end = str(self.temperature).partition(":")
            first, last = float(start), float(end or start)
        except ValueError:
            first = last = math.nan
        if not (0 <= first < math.inf and 0 <= last < math.inf):
            raise ConfigError(
                f"{setting('temperature')} is {self.temperature!r}; expected a number from 0 up, such as 0.8, or two "
                "with a colon between them, such as 1.0:0.5, for a schedule"
            )
        return first + (last - first) * progress
