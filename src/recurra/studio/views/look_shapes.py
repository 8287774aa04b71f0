"""What is asked of the look inside, and what it answers, as OpenAPI describes it. Numbers have four digits behind the point."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from recurra.studio.shapes import Body

TEXT, LAGS, SAMPLE, CLAMPS, UNITS, STEPS = 5000, 300, 2000, 64, 1000, 400
"""The upper limits of a request: characters, lags, characters written under a clamp, units held, units listed, steps of a
cell's drawing."""

Index = Annotated[int, Field(ge=0, le=10**6)]
Name = Annotated[str, Field(max_length=100)]


class Look(Body):
    """A text for the model to read."""

    text: Annotated[str, Field(min_length=1, max_length=TEXT)]


class Units(Look):
    """Which units, and in which order."""

    layer: Index | None = None
    state: Name | None = None
    sort: Literal["variance", "follows"] = "variance"
    feature: Name | None = None
    """Sort by how well this one is followed."""
    limit: Annotated[int, Field(ge=1, le=UNITS)] = 50


class One(Look):
    """One unit."""

    layer: Index = 0
    unit: Index
    state: Name | None = None
    """Not given: the output."""


class Gates(Look):
    """A gate's values at `count` characters from `first` on."""

    layer: Index = 0
    gate: Name
    first: Index = 0
    count: Annotated[int, Field(ge=1, le=TEXT)] = 500
    units: Annotated[int, Field(ge=1, le=UNITS)] | Annotated[list[Index], Field(min_length=1, max_length=UNITS)] = 64
    """Their numbers, or how many of those that vary most."""


class Held(Body):
    """A unit, and what it is held at."""

    layer: Index = 0
    unit: Index
    state: Name | None = None
    """Not given: the output."""
    value: Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)] = 0.0
    """0 silences it."""


class Clamps(Look):
    """Units to hold, and what to write with and without them."""

    clamps: Annotated[list[Held], Field(min_length=1, max_length=CLAMPS)]
    prompt: Annotated[str, Field(max_length=TEXT)] = ""
    length: Annotated[int, Field(ge=0, le=SAMPLE)] = 200
    """0: write nothing."""
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = 1
    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.8


class Effects(Look):
    """The units to try."""

    state: Name | None = None
    """Not given: the last one, which the cell carries."""
    limit: Annotated[int, Field(ge=1, le=CLAMPS)] = 8


class Change(Body):
    """One carried number, changed on its way from a step to the next."""

    at: Index
    """The step after which it is changed, from 0."""
    layer: Index = 0
    unit: Index
    state: Name | None = None
    """Not given: the output."""
    value: Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class Wires(Look):
    """One unit of the cell's drawing, at `count` characters from `first` on."""

    layer: Index = 0
    unit: Index = 0
    first: Index = 0
    count: Annotated[int, Field(ge=1, le=STEPS)] = 100
    change: Change | None = None


class Letter(Look):
    """A letter of a text that was written."""

    at: Index
    """Its place in the text, in characters from 0."""


class Lags(Look):
    """How far to look back."""

    lags: Annotated[int, Field(ge=1, le=LAGS)] | None = None
    """Not given: 100, or as far as the text goes."""


class ReadAnswer(BaseModel):
    """What happened at each character, and what there is to look at."""

    characters: list[str]
    losses: list[float | None]
    """Nats a token; the first is null, since nothing leads to it."""
    mean_loss: float | None
    layers: int
    units: list[int]
    """Of each layer."""
    states: list[str]
    gates: list[str]
    saturating: list[str]
    """The gates that stay between 0 and 1."""
    next: list[list[tuple[str, float]]]
    """After each character the likeliest next ones."""


class Follows(BaseModel):
    """Pearson's r of a unit with a feature of the text."""

    feature: str
    r: float


class RankedUnit(BaseModel):
    """A unit and the three features that it follows best; first the requested one."""

    layer: int
    unit: int
    state: str
    variance: float
    follows: list[Follows]


class FeatureWords(BaseModel):
    """A feature of the text."""

    name: str
    words: str
    chance: float
    """The largest |r| of any unit with the feature at the wrong places: believe what is well above."""


class UnitsAnswer(BaseModel):
    """The units in order."""

    units: list[RankedUnit]
    features: list[FeatureWords]
    left_out: list[str]
    """Features that are the same all through the text."""
    tried: int
    """Units that were looked at."""


class UnitAnswer(BaseModel):
    """One unit's value after each character."""

    values: list[float]
    low: float
    high: float
    variance: float
    follows: list[Follows]


class GatesAnswer(BaseModel):
    """A gate's values, a row for each unit, and over the whole text how often it is shut (< 0.1) and open (> 0.9)."""

    gate: str
    layer: int
    first: int
    units: list[int]
    values: list[list[float]]
    saturates: bool
    """Whether the gate stays between 0 and 1; otherwise the fractions are null."""
    left_saturated: list[float] | None
    right_saturated: list[float] | None


class BeforeAfter(BaseModel):
    """Mean loss in nats a token; null for a text of one."""

    before: float | None
    after: float | None


class LossesBeforeAfter(BaseModel):
    """Nats of each token; the first is null."""

    before: list[float | None]
    after: list[float | None]


class NextBeforeAfter(BaseModel):
    """The likeliest next ones after the text's end."""

    before: list[tuple[str, float]]
    after: list[tuple[str, float]]


class ClampAnswer(BaseModel):
    """What becomes of the loss, of what is expected, and of the writing."""

    loss: BeforeAfter
    losses: LossesBeforeAfter
    next: NextBeforeAfter
    text: dict[Literal["before", "after"], str]
    """From the prompt on; empty if nothing was to be written."""


class EffectShape(BaseModel):
    """A unit, and the value of its range in the text at which holding it changes the loss most."""

    layer: int
    unit: int
    state: str
    value: float
    change: float
    """Mean loss with the unit held less that without, nats a token."""
    low: float
    high: float


class EffectsAnswer(BaseModel):
    """The units by what holding each does, the largest change first."""

    units: list[EffectShape]
    steps: int
    """Tokens, from the text's beginning, on which it was measured."""


class PartShape(BaseModel):
    """One place of a cell's drawing: see `recurra.inside.Part`."""

    name: str
    kind: Literal["input", "state", "vector", "sum", "product", "op", "new"]
    label: str
    args: list[str]
    valve: bool
    column: int
    row: float


class Bend(BaseModel):
    """A wire that passes columns, and where."""

    start: str
    end: str
    places: list[tuple[int, float]]


class Symbol(BaseModel):
    """A piece of the equations; `part`: the place of the drawing that it stands for."""

    text: str
    part: str | None


class Drawing(BaseModel):
    """A cell's step as a drawing, and its equations, line by line."""

    parts: list[PartShape]
    bends: list[Bend]
    equations: list[list[Symbol]]


class WiresAnswer(BaseModel):
    """The drawing, and for each part of it but the letter the unit's number at each of the steps."""

    drawing: Drawing
    first: int
    values: dict[str, list[float]]
    losses: list[float | None]
    """Of the same steps: with the change, where there is one."""
    next: list[list[tuple[str, float]]]
    loss: float | None
    """Mean over the whole text, nats a token."""


class LetterAnswer(BaseModel):
    """What a letter depended on, and what else could have come. Places count characters from 0."""

    start: int
    end: int
    """The token that the letter is of: one character, or a word, or a byte pair."""
    chance: float
    next: list[tuple[str, float]]
    """The likeliest tokens there."""
    before: list[tuple[int, int, float]]
    """(start, end, how much it mattered, from 0 to 1) of each earlier token that was looked at."""


class CopiedSpan(BaseModel):
    """A span that stands word for word in the training text."""

    start: int
    end: int
    source: str
    """The place in the training text, with the text around it."""


class CopiesAnswer(BaseModel):
    """What of a text is copied; null where the training text is not here, or too long to search while somebody waits."""

    minimum: int
    """Tokens from which on a span counts."""
    spans: list[CopiedSpan] | None
    fraction: float | None
    """Of the characters."""


class MemoryAnswer(BaseModel):
    """Mean norm of the loss's gradient with respect to the input so many tokens before, relative to lag 0."""

    lags: list[int]
    norms: list[float]
    positions: int
    words: list[str]
