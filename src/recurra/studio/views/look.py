"""Look inside a run's model: `recurra.inside`, as JSON."""

import asyncio
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from recurra import inside
from recurra.errors import ConfigError
from recurra.inside import ablation
from recurra.inside.described import drawing
from recurra.inside.gates import OPEN, SHUT, squashed
from recurra.inside.reading import Reading
from recurra.studio.refusal import Refused
from recurra.studio.store.models import Models
from recurra.studio.views import letters
from recurra.studio.views import look_shapes as shapes
from recurra.tasks.language import LanguageModel

WORK = 2 * 10**11
"""Multiplications of one answer, which is some ten seconds of a core."""
THREADS = 2
WAITING = 16
"""Questions that may wait while THREADS others are answered."""
POSITIONS = 64
"""Places of a text at which the gradient is taken."""


def read(body: shapes.Look, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """Read a text: what each character cost, what was expected after it, and what there is to look at."""
    return {
        "characters": reading.characters,
        "losses": _plain(reading.losses),
        "mean_loss": _plain(reading.mean_loss),
        "layers": len(reading.states),
        "units": reading.units,
        "states": reading.cell.state_names,
        "gates": list(reading.gates[0]),
        "saturating": squashed(reading.cell),
        "next": _next(reading),
    }


def units(body: shapes.Units, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """Rank the units by how much they vary, or by what they follow."""
    by = body.feature or body.sort
    ranking = inside.rank(reading, by, layer=body.layer, state=body.state, limit=body.limit)
    return {
        "units": [
            {
                "layer": one.layer,
                "unit": one.unit,
                "state": one.state,
                "variance": _plain(one.variance),
                "follows": _follows(one, body.feature)[:3],
            }
            for one in ranking.units
        ],
        "features": [
            {"name": name, "words": inside.FEATURES[name].words, "chance": _plain(chance)}
            for name, chance in ranking.chance.items()
        ],
        "left_out": ranking.left_out,
        "tried": ranking.tried,
    }


def unit(body: shapes.One, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """One unit's value after each character, and the features it follows, the strongest first."""
    values = reading.unit(body.layer, body.unit, body.state)
    state = body.state or reading.cell.state_names[0]
    ranking = inside.rank(reading, layer=body.layer, state=state)
    found = next(one for one in ranking.units if one.unit == body.unit)
    return {
        "values": _plain(values),
        "low": _plain(values.min()),
        "high": _plain(values.max()),
        "variance": _plain(found.variance),
        "follows": _follows(found),
    }


def gates(body: shapes.Gates, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """A gate's values over the text, and how often it is shut and open."""
    kept = reading.gate(body.layer, body.gate)
    chosen = body.units
    if isinstance(chosen, int):
        chosen = np.argsort(-kept.var(0), kind="stable")[:chosen].tolist()
    elif max(chosen) >= kept.shape[1]:
        raise ConfigError(f"`units` has {max(chosen)}; expected 0 to {kept.shape[1] - 1}, the units of the layer")
    saturates, shown = body.gate in squashed(reading.cell), kept[:, chosen]
    return {
        "gate": body.gate,
        "layer": body.layer,
        "first": body.first,
        "units": chosen,
        "values": _plain(shown[body.first : body.first + body.count].T),
        "saturates": saturates,
        "left_saturated": _plain((shown < SHUT).mean(0)) if saturates else None,
        "right_saturated": _plain((shown > OPEN).mean(0)) if saturates else None,
    }


def clamp(body: shapes.Clamps, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """Hold units still: what becomes of the text's loss, of what is expected after it, and of the writing."""
    held = inside.clamped(model, [inside.Clamp(**one.model_dump()) for one in body.clamps])
    after = inside.read(held, body.text)
    options = {"seed": body.seed, "temperature": body.temperature}
    return {
        "loss": {"before": _plain(reading.mean_loss), "after": _plain(after.mean_loss)},
        "losses": {"before": _plain(reading.losses), "after": _plain(after.losses)},
        "next": {"before": _next(reading)[-1], "after": _next(after)[-1]},
        "text": {
            when: one.generate(body.prompt, body.length, **options) if body.length else ""
            for when, one in (("before", model), ("after", held))
        },
    }


def effects(body: shapes.Effects, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """The units by what holding each of them does to the loss, the largest change first."""
    found = inside.effects(model, reading, state=body.state)[: body.limit]
    ranges = [reading.unit(one.clamp.layer, one.clamp.unit, one.clamp.state) for one in found]
    return {
        "units": [
            {
                "layer": one.clamp.layer,
                "unit": one.clamp.unit,
                "state": one.clamp.state,
                "value": _plain(one.clamp.value),
                "change": _plain(one.change),
                "low": _plain(values.min()),
                "high": _plain(values.max()),
            }
            for one, values in zip(found, ranges, strict=True)
        ],
        "steps": min(ablation.STEPS, len(reading.losses)),
    }


def wires(body: shapes.Wires, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """The cell's drawing with one unit's numbers, as the text was read or with one carried number changed."""
    if body.unit >= reading.units[0]:
        raise ConfigError(f"`unit` is {body.unit}; expected 0 to {reading.units[0] - 1}, the units of a layer")
    if body.change:
        reading = inside.nudge(model, reading, **body.change.model_dump())
    values = inside.wires(model, reading, body.layer, body.first, body.count)
    steps = slice(body.first, body.first + len(next(iter(values.values()))))
    return {
        "drawing": drawing(reading.cell),
        "first": body.first,
        "values": {name: _plain(kept[:, body.unit]) for name, kept in values.items()},
        "losses": _plain(reading.losses[steps]),
        "next": _next(reading)[steps],
        "loss": _plain(reading.mean_loss),
    }


def memory(body: shapes.Lags, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """How far the loss reaches back, by the norm of its gradient."""
    found = inside.memory(model, body.text, body.lags, positions=POSITIONS)
    return {
        "lags": list(range(len(found.norms))),
        # To four digits, wherever they are: what is left is often far below 0.0001.
        "norms": [float(f"{norm:.4g}") for norm in found.norms],
        "positions": found.positions,
        "words": found.words(),
    }


@dataclass(frozen=True)
class Question:
    """What can be asked of a model and its reading of a text."""

    answer: Callable[[Any, LanguageModel, Reading], dict[str, Any]]
    body: type[shapes.Look]
    answered: type[BaseModel]
    steps: Callable[[Any], int] = lambda body: len(body.text)
    """The steps of the model that the answer takes."""


QUESTIONS = {
    "read": Question(read, shapes.Look, shapes.ReadAnswer),
    "units": Question(units, shapes.Units, shapes.UnitsAnswer),
    "unit": Question(unit, shapes.One, shapes.UnitAnswer),
    "gates": Question(gates, shapes.Gates, shapes.GatesAnswer),
    "clamp": Question(
        clamp,
        shapes.Clamps,
        shapes.ClampAnswer,
        lambda body: 2 * (len(body.text) + len(body.prompt) + body.length),
    ),
    "effects": Question(
        effects,
        shapes.Effects,
        shapes.EffectsAnswer,
        lambda body: 2 * ablation.CANDIDATES * min(ablation.STEPS, len(body.text)),
    ),
    "wires": Question(wires, shapes.Wires, shapes.WiresAnswer, lambda body: 2 * len(body.text)),
    "letter": Question(
        letters.letter, shapes.Letter, shapes.LetterAnswer, lambda body: len(body.text) + 3 * inside.REACH
    ),
    "copies": Question(letters.copies, shapes.Look, shapes.CopiesAnswer),
    "memory": Question(
        memory, shapes.Lags, shapes.MemoryAnswer, lambda body: 3 * POSITIONS * (body.lags or inside.LAGS)
    ),
}
"""By the last part of the path."""


class Readings:
    """The last readings, by run, time of the weights, and text; bounded in number and in bytes."""

    def __init__(self, most: int = 8, nbytes: int = 256 * 2**20):
        self.most, self.nbytes = most, nbytes
        self._kept: OrderedDict[tuple, Reading] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple, make: Callable[[], Reading]) -> Reading:
        """The reading under a key, made where it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        reading = make()
        with self._lock:
            self._kept[key] = reading
            while len(self._kept) > self.most or sum(one.nbytes for one in self._kept.values()) > self.nbytes:
                self._kept.popitem(last=False)
        return reading


class Look:
    """Answers questions about the models of runs: `await Look(models).ask("book-1", QUESTIONS["read"], body)`."""

    def __init__(self, models: Models):
        self._models, self._readings = models, Readings()
        self._pool = ThreadPoolExecutor(THREADS, "look")
        self._places = threading.BoundedSemaphore(THREADS + WAITING)

    async def ask(self, run: str, question: Question, body: shapes.Look) -> bytes:
        """The answer as JSON, worked out in a thread.

        Refused: 404 and 409 as `Models.load` does it, 413 for more work than is allowed, 429 where too many wait.
        """
        if not self._places.acquire(blocking=False):
            raise Refused(429, f"{WAITING} questions are waiting to be answered; try again in a moment")
        answer = self._pool.submit(self._answer, run, question, body)
        # Not when the client goes away: what has begun runs to its end.
        answer.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(answer)

    def _answer(self, run: str, question: Question, body: shapes.Look) -> bytes:
        model, stamp = self._models.load_stamped(run)
        steps = max(len(body.text), question.steps(body)) * max(1, model.config.context)
        cost = sum(p.numel() for p in model.layers.parameters()) * steps
        if cost > WORK:
            raise Refused(413, f"this is {cost / WORK:.1f} times too much for so large a model; shorten the text")
        reading = self._readings.get((model.folder, stamp, body.text), lambda: inside.read(model, body.text))
        # JSON here, since it takes long enough to keep the other pages waiting.
        return json.dumps(question.answer(body, model, reading), ensure_ascii=False, allow_nan=False).encode()

    def close(self) -> None:
        """Answer no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _next(reading: Reading) -> list[list[list[Any]]]:
    """After each token the likeliest next ones with their probabilities."""
    return [[[symbol, round(p, 4)] for symbol, p in row] for row in reading.next(reading.ids.shape[1])]


def _follows(unit: inside.Unit, asked: str | None = None) -> list[dict[str, Any]]:
    """What a unit follows, the strongest first; before it the requested feature."""
    follows = sorted(unit.follows, key=lambda pair: pair[0] != asked)  # stable: the rest stays in order
    return [{"feature": name, "r": _plain(r)} for name, r in follows]


def _plain(values: Any) -> Any:
    """Numbers as JSON has them: four digits behind the point, NaN as null."""
    rounded = np.round(np.asarray(values, np.float64), 4)
    if np.isfinite(rounded).all():
        return rounded.tolist()
    return np.where(np.isfinite(rounded), rounded, None).tolist()
