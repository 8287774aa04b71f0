"""The live card: what a model would cost on this machine before it is trained."""

import math
from typing import Any

from recurra.config import options
from recurra.data.corpora import corpus_documents
from recurra.studio.jobs.launch import require_size
from recurra.studio.jobs.measure import weights
from recurra.studio.jobs.speed import Speeds, seconds_a_token
from recurra.studio.jobs.trainer import Trainer
from recurra.studio.settings import training_settings
from recurra.studio.shapes import CardBody
from recurra.studio.store.texts import Texts
from recurra.tasks.language.config import settings
from recurra.tasks.language.estimator import LanguageEstimator
from recurra.tasks.language.task import LOOK, SAMPLE
from recurra.text.build import expected_size
from recurra.training.clock import period
from recurra.training.loop import planned_steps

WAIT = 6.0
"""Seconds that a card waits for a first measurement."""
_TYPICAL = {"characters": 100_000, "symbols": 90}
_PER_TOKEN = {"character": 1.0, "byte": 1.0, "word": 5.5, "token": 5.5, "bpe": 3.5}
"""Characters a token, where the text has not been read: of English."""
_SHORT = 100_000
# A forward pass in an evaluation against a whole training step of as many tokens.
_FORWARD = 0.3
# Of a run by the clock, the part that goes into steps.
_LEARNING = 0.95


class Cards:
    """`Cards(texts, speeds, trainer, 10**8).card(CardBody(characters=10_000))` → the card."""

    def __init__(self, texts: Texts, speeds: Speeds, trainer: Trainer, parameters: int):
        """parameters: the most that a model may have."""
        self._texts, self._speeds, self._trainer, self._parameters = texts, speeds, trainer, parameters
        self._corpora: dict[str, dict[str, int]] = {}

    def card(self, body: CardBody) -> dict[str, Any]:
        """The card. ConfigError and CellError for invalid settings, Refused for a text that is not there."""
        text = _TYPICAL | {k: v for k in _TYPICAL if (v := getattr(body, k)) is not None}
        if body.text is not None or body.corpus is not None:
            text |= {k: v for k, v in self._texts.source(body.text, body.corpus).items() if k in text and v is not None}
        if body.corpus is not None:
            text |= self._counts(body.corpus)
        preset, values = training_settings(body.settings, body.minutes)
        first = settings(preset, **values)
        tokens = text["characters"] / _PER_TOKEN[first["text"].unit]
        parts, why = LanguageEstimator(preset, **values).planned(max(2, int(tokens * (1 - first["data"].validation))))
        model, data, training = parts["model"], parts["data"], parts["training"]
        count = require_size(parts, text["symbols"], self._parameters)
        known = self._speeds.get(model.cell, WAIT, quiet=not self._trainer.jobs)
        batch = min(data.batch_size, max(1, int(text["characters"] * (1 - data.validation)) // (data.window + 1)))
        epoch = _epoch(data, text["characters"] / _PER_TOKEN[parts["text"].unit], batch)
        steps, seconds, rate = planned_steps(training, epoch), None, None
        if known is not None:
            a_step = _step_seconds(known, weights(model, expected_size(parts["text"], text["symbols"])), batch, data)
            held_out = min(text["characters"] * data.validation, LOOK)
            looks = _look_seconds(known, a_step, held_out, batch * data.window)
            if training.minutes is not None:
                steps = max(1, round(_LEARNING * training.minutes * 60 / a_step))
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
            "words": list(_sentences(text, steps, epoch, known is None, bool(self._trainer.jobs))),
            "settings": {
                option.name: getattr(part, option.name) for part in parts.values() for option in options(type(part))
            },
            "recipe": why,
        }

    def _counts(self, corpus: str) -> dict[str, int]:
        """Characters and different characters of a corpus, counted once."""
        if corpus not in self._corpora:
            characters, symbols = 0, set()
            for document in corpus_documents(corpus):
                for chunk in document.chunks():
                    characters += len(chunk)
                    symbols.update(chunk)
            self._corpora[corpus] = {"characters": characters, "symbols": len(symbols)}
        return self._corpora[corpus]


def _epoch(data, tokens: float, batch: int) -> int:
    """Steps in a pass over the text."""
    trained = max(2, int(tokens * (1 - data.validation)))
    if data.mode == "windows":
        return max(1, math.ceil((trained - data.window) / data.stride / data.batch_size))
    return max(1, math.ceil((trained - 1) / (batch * data.window)))


def _step_seconds(known: dict[str, Any], weights: int, batch: int, data) -> float:
    return known["step"] * data.window / 32 + batch * data.window * seconds_a_token(known["points"], weights)


def _look_seconds(known: dict[str, Any], a_step: float, validation: float, tokens: int) -> float:
    """An evaluation and a sample."""
    return _FORWARD * a_step * validation / tokens + SAMPLE["length"] * known["generated"]


def _sentences(text: dict[str, int], steps: int | None, epoch: int, unmeasured: bool, busy: bool):
    if steps:
        yield f"{steps:,} steps: the text is read {_times(steps / epoch)}."
    if text["characters"] < _SHORT:
        yield f"{text['characters']:,} characters are few: the model will learn much of them by heart."
    if unmeasured:
        when = "it is measured when no training is running" if busy else "ask again in a moment"
        yield f"How fast this machine trains the cell is not known yet; {when}."


def _times(passes: float) -> str:
    return "less than once" if passes < 1 else "about once" if passes < 1.5 else f"about {passes:,.0f} times"
