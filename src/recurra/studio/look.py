"""Look inside a run's model: `recurra.inside`, as JSON."""

import asyncio
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from recurra import inside
from recurra.errors import ConfigError
from recurra.inside.gates import OPEN, SHUT, squashed
from recurra.inside.reading import Reading
from recurra.studio import look_shapes as shapes
from recurra.studio.faults import Refused
from recurra.studio.models import Models
from recurra.studio.serving import RunID
from recurra.studio.shapes import FAULTS
from recurra.tasks.language import LanguageModel

WORK = 2 * 10**11
"""Multiplications of one answer, which is some ten seconds of a core."""
WAITING = 16
"""Questions that may wait while two are answered."""
POSITIONS = 64
"""Places of a text at which the gradient is taken."""

router = APIRouter(prefix="/api/runs/{run}/inside", tags=["inside"], responses=FAULTS)


@router.post("/read")
async def read(run: RunID, body: shapes.Look, request: Request) -> shapes.ReadAnswer:
    """Read a text: what each character cost, what was expected after it, and what there is to look at."""

    def answer(model: LanguageModel, reading: Reading) -> dict[str, Any]:
        return {
            "characters": reading.characters,
            "losses": _plain(reading.losses),
            "mean_loss": _plain(reading.mean_loss),
            "layers": len(reading.states),
            "units": reading.units,
            "states": reading.cell.state_names,
            "gates": list(reading.gates[0]),
            "saturating": squashed(reading.cell),
            "next": [[[symbol, round(p, 4)] for symbol, p in row] for row in reading.next(reading.ids.shape[1])],
        }

    return await _answered(request, run, body.text, answer)


@router.post("/units")
async def units(run: RunID, body: shapes.Units, request: Request) -> shapes.UnitsAnswer:
    """Rank the units by how much they vary, or by what they follow."""

    def answer(model: LanguageModel, reading: Reading) -> dict[str, Any]:
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

    return await _answered(request, run, body.text, answer)


@router.post("/unit")
async def unit(run: RunID, body: shapes.One, request: Request) -> shapes.UnitAnswer:
    """One unit's value after each character, and the features it follows, the strongest first."""

    def answer(model: LanguageModel, reading: Reading) -> dict[str, Any]:
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

    return await _answered(request, run, body.text, answer)


@router.post("/gates")
async def gates(run: RunID, body: shapes.Gates, request: Request) -> shapes.GatesAnswer:
    """A gate's values over the text, and how often it is shut and open."""

    def answer(model: LanguageModel, reading: Reading) -> dict[str, Any]:
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

    return await _answered(request, run, body.text, answer)


@router.post("/clamp")
async def clamp(run: RunID, body: shapes.Clamps, request: Request) -> shapes.ClampAnswer:
    """Hold units still: what becomes of the text's loss, and of the writing."""

    def answer(model: LanguageModel, reading: Reading) -> dict[str, Any]:
        held = inside.clamped(model, [inside.Clamp(**one.model_dump()) for one in body.clamps])
        after = inside.read(held, body.text, choices=1)
        options = {"seed": body.seed, "temperature": body.temperature}
        return {
            "loss": {"before": _plain(reading.mean_loss), "after": _plain(after.mean_loss)},
            "losses": _plain(after.losses),
            "text": {
                when: one.generate(body.prompt, body.length, **options) if body.length else ""
                for when, one in (("before", model), ("after", held))
            },
        }

    steps = 2 * (len(body.text) + len(body.prompt) + body.length)
    return await _answered(request, run, body.text, answer, steps)


@router.post("/memory")
async def memory(run: RunID, body: shapes.Lags, request: Request) -> shapes.MemoryAnswer:
    """How far the loss reaches back, by the norm of its gradient."""

    def answer(model: LanguageModel, reading: Reading) -> dict[str, Any]:
        found = inside.memory(model, body.text, body.lags, positions=POSITIONS)
        return {
            "lags": list(range(len(found.norms))),
            # To four digits, wherever they are: what is left is often far below 0.0001.
            "norms": [float(f"{norm:.4g}") for norm in found.norms],
            "positions": found.positions,
            "words": found.words(),
        }

    return await _answered(request, run, body.text, answer, 3 * POSITIONS * (body.lags or inside.LAGS))


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


_readings = Readings()
_pool = ThreadPoolExecutor(2, "look")
_asked = threading.BoundedSemaphore(2 + WAITING)


async def _answered(request: Request, run: str, text: str, answer: Callable, steps: int = 0) -> Any:
    """The answer to a question about a run's model and its reading of a text, worked out in a thread.

    Refused: 404 and 409 as `Models.load` does it, 413 for more work than is allowed, 429 where too many wait.
    """
    models: Models = request.app.state.studio.models

    def work() -> Response:
        model, stamp = models.load_stamped(run)
        cost = sum(p.numel() for p in model.layers.parameters()) * max(len(text), steps) * max(1, model.config.context)
        if cost > WORK:
            raise Refused(413, f"this is {cost / WORK:.1f} times too much for so large a model; shorten the text")
        reading = _readings.get((model.folder, stamp, text), lambda: inside.read(model, text))
        # JSON here, since it takes long enough to keep the other pages waiting.
        content = json.dumps(answer(model, reading), ensure_ascii=False, allow_nan=False).encode()
        return Response(content, media_type="application/json")

    if not _asked.acquire(blocking=False):
        raise Refused(429, f"{WAITING} questions are waiting to be answered; try again in a moment")
    asked = _pool.submit(work)
    # Not when the client goes away: what has begun goes on to its end.
    asked.add_done_callback(lambda _: _asked.release())
    return await asyncio.wrap_future(asked)


def _follows(unit: inside.Unit, asked: str | None = None) -> list[dict[str, Any]]:
    """What a unit follows, the strongest first; before it the feature that was asked for."""
    follows = sorted(unit.follows, key=lambda pair: pair[0] != asked)  # stable: the rest stays in order
    return [{"feature": name, "r": _plain(r)} for name, r in follows]


def _plain(values: Any) -> Any:
    """Numbers as JSON has them: four digits behind the point, NaN as null."""
    rounded = np.round(np.asarray(values, np.float64), 4)
    if np.isfinite(rounded).all():
        return rounded.tolist()
    return np.where(np.isfinite(rounded), rounded, None).tolist()
