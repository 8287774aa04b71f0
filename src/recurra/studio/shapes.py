"""What goes over the wire: the bodies that are asked with, and the answers, as OpenAPI describes them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from recurra import config
from recurra.generation.config import GenerationConfig

ID = Annotated[str, Field(max_length=100)]
Minutes = Annotated[float, Field(gt=0, le=7 * 24 * 60, allow_inf_nan=False)]


class Body(BaseModel):
    """What a request says; what it may not say is refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Text(BaseModel):
    """A text that was sent."""

    id: str
    """Its SHA-256."""
    name: str
    characters: int
    symbols: int
    """Different characters."""
    bytes: int
    """As UTF-8."""
    start: str
    """Its first 300 characters."""


class RunText(BaseModel):
    """The text of a run."""

    id: str | None
    corpus: str | None
    name: str | None
    characters: int | None


class RunVocabulary(BaseModel):
    """The tokens of a run."""

    unit: str | None
    size: int | None


class Run(BaseModel):
    """A run; what is not known, or not yet, is null."""

    id: str
    title: str
    state: Literal["waiting", "training", "finished", "stopped", "failed", "model"]
    error: str | None = None
    packaged: bool = False
    """Whether it ships with Recurra."""
    cell: str
    layers: int
    units: int
    parameters: int | None = None
    bytes: int | None = None
    """Of the weights' file."""
    seed: int | None = None
    settings: dict[str, Any]
    changed: dict[str, Any] = {}
    """Of the settings, those that somebody set to something else than the defaults."""
    recipe: str = ""
    """Which of them were chosen for the text and the time, and why; empty if none were."""
    text: RunText
    created: str
    """ISO 8601, UTC."""
    seconds: float = 0.0
    """Spent in training."""
    step: int = 0
    steps: int = 0
    """0 until it is known."""
    progress: float = 0.0
    """Part of the steps that is done, 0 to 1."""
    epoch: float = 0.0
    epochs: float | None = None
    loss: float | None = None
    """Best so far, in nats a character: on the validation part, or the training loss where there is none."""
    bits_per_character: float | None = None
    perplexity: float | None = None
    """A token."""
    speed: float | None = None
    """Characters a second."""
    left: float | None = None
    """Seconds."""
    parent: str | None = None
    """The run whose weights it began with."""
    group: str | None = None
    """The comparison it is part of."""
    vocabulary: RunVocabulary


class RunDetail(Run):
    """A run with what was measured on the way."""

    history: dict[Literal["train", "valid"], list[dict[str, Any]]]
    """train: step, seconds, loss. valid: also training_loss, bits_per_character, best, better."""
    samples: list[dict[str, Any]]
    """step, text."""


class RunList(BaseModel):
    """All runs, the newest first."""

    runs: list[Run]
    packaged: list[Run]
    """Models that ship with Recurra: to write with and to look into."""


class Source(Body):
    """A text: one that was sent, or a corpus by name."""

    text: ID | None = None
    corpus: ID | None = None


class NewRun(Source):
    """A run to start."""

    title: Annotated[str, Field(max_length=200)] | None = None
    settings: dict[str, Any] = {}
    """Any of the settings in `form`, and `preset`."""
    minutes: Minutes | None = None
    parent: ID | None = None
    """A run to start from, in place of new weights."""


class Continue(Body):
    """How long to train a finished run on; a stopped one resumes with the settings it began with."""

    minutes: Minutes | None = None
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = None


class Rename(Body):
    """A new title."""

    title: Annotated[str, Field(min_length=1, max_length=200)]


class CardBody(Body):
    """A model to count the cost of."""

    text: ID | None = None
    corpus: ID | None = None
    characters: Annotated[int, Field(ge=2, le=10**10)] | None = None
    symbols: Annotated[int, Field(ge=1, le=10**6)] | None = None
    settings: dict[str, Any] = {}
    minutes: Minutes | None = None


class Card(BaseModel):
    """What a model costs on this machine."""

    parameters: int
    bytes: int
    """Of the weights."""
    seconds: float | None
    """To train it; null while this machine's speed is being measured."""
    steps: int | None
    speed: float | None
    """Characters a second."""
    words: list[str]
    settings: dict[str, Any]
    """All settings that it would be trained with."""
    recipe: str
    """Which of them were chosen for the text and the time, and why; empty if none were."""


class NewComparison(Source):
    """Cells to compare on one text."""

    cells: Annotated[list[ID], Field(min_length=1, max_length=16)]
    parameters: Annotated[int, Field(ge=1, le=10**9)] = 200_000
    """Of each model, embedding and softmax included."""
    minutes: Minutes = 1.0
    """For each training."""
    times: Annotated[int, Field(ge=1, le=10)] = 2
    """Trainings of each cell, with seeds of their own: only what is repeated shows how much of a difference is chance."""
    settings: dict[str, Any] = {}


class ComparisonStarted(BaseModel):
    """A comparison that has begun."""

    id: str
    runs: list[str]


class Comparison(BaseModel):
    """A comparison: a row for each cell, and what follows from the numbers."""

    id: str
    state: Literal["waiting", "training", "finished", "stopped", "failed"]
    trainings: int
    """In all."""
    done: int
    """Of those."""
    rows: list[dict[str, Any]]
    """cell, units, parameters, state, runs, done (trainings); means of nats, bits, speed, seconds, steps; each, speeds: their
    values for each training."""
    best: list[str]
    """The cells that none is better than by more than chance explains; empty if that is not known."""
    words: list[str]


class Generated(BaseModel):
    """A text that was written."""

    text: str
    reason: str | None
    """length, stop or document end."""
    characters: int
    seconds: float
    first_ms: float
    seed: int
    prompt: str
    """As the model read it."""
    changed: str
    """A sentence where that is another form of Unicode than the one that was sent; else empty."""


class Fault(BaseModel):
    """Why a request was not answered."""

    detail: str
    """With the names of settings, as scripts use them."""
    words: str
    """The same in the words of the page."""


_FAULTS = {
    401: "The token is missing.",
    403: "Not from this studio's own page.",
    404: "Nothing is there.",
    408: "The body came too slowly.",
    409: "It cannot be done now: the words say why.",
    413: "Too long.",
    415: "Not JSON.",
    422: "Something in the request is invalid: the message names it.",
    429: "Too many at once.",
}
FAULTS = {status: {"model": Fault, "description": words} for status, words in _FAULTS.items()}
"""What every endpoint may answer instead."""


_TEXTS = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=16)]


def _generation_field(option: config.Option) -> tuple[Any, Any]:
    several = isinstance(option.default, tuple)
    kind = _TEXTS if several else option.type
    if option.choices:
        kind = Literal[option.choices]
    if option.type is int:
        kind = Annotated[int, Field(ge=0, le=option.range.form or 10**9)]
    return kind | None if option.optional else kind, list(option.default) if several else option.default


GENERATION = tuple(o for o in config.options(GenerationConfig) if o.name not in ("samples", "beam"))
"""The settings of generation that the page may set: it writes one text, as it is drawn."""
Generate = create_model(
    "Generate",
    __base__=Body,
    __doc__="What to write, and how.",
    prompt=(str, ""),
    **{option.name: _generation_field(option) for option in GENERATION},
)
