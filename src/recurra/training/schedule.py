"""How the learning rate goes over a run: each schedule maps the part of the run that is done to a factor of `lr`."""

from math import cos, pi

from recurra.training.config import TrainingConfig


def _fall(x: float) -> float:
    """Half a cosine from 1 to 0."""
    return (1 + cos(pi * x)) / 2


def _one_cycle(up: float, down: float) -> float:
    """Half a cosine up from 1/25, half a cosine down to 0 (Smith & Topin 2017)."""
    return 1 - 0.96 * _fall(up) if up < 1 else _fall(down)


def _cosine(up: float, down: float) -> float:
    """A straight warm-up, then half a cosine down to a tenth (Loshchilov & Hutter 2016)."""
    return up if up < 1 else 0.1 + 0.9 * _fall(down)


def _linear(up: float, down: float) -> float:
    return up if up < 1 else 1 - down


def _constant(up: float, down: float) -> float:
    return up


SCHEDULES = {"one-cycle": _one_cycle, "cosine": _cosine, "linear": _linear, "constant": _constant}


def rate(config: TrainingConfig, done: float) -> float:
    """The learning rate where a part of the run is over, from 0 to 1, by steps or by the clock: `rate(config, 0.25)`."""
    up = min(done / config.warmup, 1.0) if config.warmup else 1.0
    down = max(done - config.warmup, 0.0) / (1 - config.warmup) if config.warmup < 1 else 0.0
    return config.lr * SCHEDULES[config.schedule](up, down)
