"""The live card: what a model would cost on this machine before it is trained."""

import functools
import math
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from recurra import cells
from recurra.data.corpora import corpus_documents
from recurra.errors import ConfigError
from recurra.studio import launch, shapes, speed
from recurra.studio.settings import training_settings
from recurra.tasks.language.compare import parameters
from recurra.tasks.language.config import settings
from recurra.tasks.language.task import SAMPLE
from recurra.training.clock import period
from recurra.training.loop import EPOCHS, STEPS

if TYPE_CHECKING:
    from recurra.studio.app import Studio

router = APIRouter(prefix="/api", responses=shapes.FAULTS)

WAIT = 6.0
"""Seconds that a card waits for a first measurement."""
_TYPICAL = {"characters": 100_000, "symbols": 90}
_PER_TOKEN = {"character": 1.0, "byte": 1.0, "word": 5.5, "token": 5.5, "bpe": 3.5}
"""Characters a token, where the text has not been read: of English."""
_WORDS = 10_000
_SHORT = 100_000
# A forward pass in an evaluation against a whole training step of as many tokens.
_FORWARD = 0.3


@router.post("/card", tags=["studio"])
def get_card(request: Request, body: shapes.CardBody) -> shapes.Card:
    """What a model costs: its parameters, its size, and the time to train it on a text, from this machine's speed."""
    return card(request.app.state.studio, body)


def card(studio: "Studio", body: shapes.CardBody) -> dict[str, Any]:
    """The card. ConfigError and CellError for settings that cannot be, Refused for a text that is not there."""
    text = _TYPICAL | {k: v for k in _TYPICAL if (v := getattr(body, k)) is not None}
    if body.text is not None or body.corpus is not None:
        text |= {k: v for k, v in launch.source(studio, body.text, body.corpus).items() if k in text and v is not None}
    if body.corpus is not None:
        text |= _of_corpus(body.corpus)
    preset, values = training_settings(body.settings, body.minutes)
    parts = settings(preset, **values)
    model, data, training = parts["model"], parts["data"], parts["training"]
    tokens = vocabulary_size(parts, text["symbols"])
    count = require_size(parts, text["symbols"], studio.config.limits.parameters)
    known = studio.speeds.get(model.cell, WAIT, quiet=not studio.trainer.jobs)
    batch = min(data.batch_size, max(1, int(text["characters"] * (1 - data.validation)) // (data.window + 1)))
    epoch = _epoch(data, text["characters"] / _PER_TOKEN[parts["text"].unit], batch)
    steps, seconds, rate = _steps(training, epoch), None, None
    if known is not None:
        a_step = _step_seconds(known, speed.weights(model, tokens), batch, data)
        looks = _look_seconds(known, a_step, text["characters"] * data.validation, batch * data.window)
        if training.minutes is not None:
            steps = max(
                1, round(training.minutes * 60 / (a_step + looks / period(training.evaluate_every, epoch, 2000)))
            )
        seconds = steps * a_step + looks * steps / period(training.evaluate_every, epoch, steps)
        rate = batch * (data.window if data.mode == "streams" else 1) * _PER_TOKEN[parts["text"].unit] / a_step
    if training.minutes is not None:
        seconds = training.minutes * 60
    steps = steps if training.minutes is None or known else None
    return {
        "parameters": count,
        "bytes": 4 * count,
        "seconds": seconds,
        "steps": steps,
        "speed": rate,
        "words": list(_sentences(text, steps, epoch, known is None, studio)),
    }


def require_size(parts: dict[str, Any], symbols: int, most: int) -> int:
    """The parameters of a model. ConfigError where there are too many for this studio."""
    model = parts["model"]
    cells.get(model.cell)
    tokens = vocabulary_size(parts, symbols)
    count = parameters(model, model.cell, range(tokens), model.hidden_size)
    if count > most:
        raise ConfigError(
            f"the model would have {count:,} parameters; this studio trains up to {most:,}: take a smaller"
            " `hidden_size`, fewer `num_layers`, or a smaller vocabulary"
        )
    return count


def vocabulary_size(parts: dict[str, Any], symbols: int) -> int:
    """How many tokens the vocabulary will have, as far as can be told before the text is read."""
    text = parts["text"]
    size = {"byte": 256, "character": symbols, "bpe": 4096, "word": _WORDS, "token": _WORDS}[text.unit]
    if text.vocabulary_size is not None:
        size = text.vocabulary_size if text.unit == "bpe" else min(size, text.vocabulary_size)
    return size + 256 * (text.unknown == "bytes")


@functools.cache
def _of_corpus(name: str) -> dict[str, int]:
    characters, symbols = 0, set()
    for document in corpus_documents(name):
        for chunk in document.chunks():
            characters += len(chunk)
            symbols.update(chunk)
    return {"characters": characters, "symbols": len(symbols)}


def _epoch(data, tokens: float, batch: int) -> int:
    """Steps in a pass over the text."""
    trained = max(2, int(tokens * (1 - data.validation)))
    if data.mode == "windows":
        return max(1, math.ceil((trained - data.window) / data.stride / data.batch_size))
    return max(1, math.ceil((trained - 1) / (batch * data.window)))


def _steps(training, epoch: int) -> int:
    return training.epochs * epoch or max(EPOCHS, math.ceil(STEPS / epoch)) * epoch


def _step_seconds(known: dict[str, Any], weights: int, batch: int, data) -> float:
    return known["step"] * data.window / 32 + batch * data.window * speed.seconds_a_token(known["points"], weights)


def _look_seconds(known: dict[str, Any], a_step: float, validation: float, tokens: int) -> float:
    """An evaluation and a sample."""
    return _FORWARD * a_step * validation / tokens + SAMPLE["length"] * known["generated"]


def _sentences(text: dict[str, int], steps: int | None, epoch: int, unmeasured: bool, studio: "Studio"):
    if steps:
        yield f"{steps:,} steps: the text is read {_times(steps / epoch)}."
    if text["characters"] < _SHORT:
        yield f"{text['characters']:,} characters are few: the model will learn much of them by heart."
    if unmeasured:
        busy = "; it is measured when no training goes on" if studio.trainer.jobs else "; ask again in a moment"
        yield f"How fast this machine trains the cell is not known yet{busy}."


def _times(passes: float) -> str:
    return "less than once" if passes < 1 else "about once" if passes < 1.5 else f"about {passes:,.0f} times"
