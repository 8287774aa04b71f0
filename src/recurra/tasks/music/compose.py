"""State → the next step's keys → state → ...: a new piece."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recurra import config as settings
from recurra.config import whole
from recurra.errors import ConfigError, setting
from recurra.generation.random import fresh_seed
from recurra.tasks.music.config import CompositionConfig
from recurra.tasks.music.form import KEYS
from recurra.tasks.music.piece import Piece

# Steps drawn side by side, and how often anew, until one has as many keys as asked for.
_DRAWS, _TRIES = 32, 8


def compose(model: nn.Module, prompt: Piece | str | Path | None, seed: int | None, **options: Any) -> Piece:
    """See `MusicModel.compose`."""
    config = settings.make(CompositionConfig, options)
    if config.prompt_length and prompt is None:
        raise ConfigError(f"{setting('prompt_length')} has no effect without a prompt; give one, or drop it")
    seed = fresh_seed() if seed is None else seed
    seed = whole("seed", seed, "a whole number from 0 up", 0, 2**63 - 1)
    start = _read(model, prompt, config)
    form = start.form if start is not None else model.form
    told = {name: getattr(config, name) for name in ("tempo", "programme") if getattr(config, name) is not None}
    steps = form.steps(config.length, config.unit)
    roll = _draw(model, None if start is None else start.roll, steps, config, seed)
    if start is not None and config.keep_prompt:
        roll = np.concatenate([start.roll, roll])
    return Piece(roll, replace(form, **told), f"composed-{seed}")


def _read(model: nn.Module, prompt: Piece | str | Path | None, config: CompositionConfig) -> Piece | None:
    """The prompt in the model's own steps."""
    if prompt is None:
        return None
    steps_per_beat = model.form.steps_per_beat
    if not isinstance(prompt, Piece):
        from recurra.tasks.music.sources import read_piece

        prompt = read_piece(prompt, steps_per_beat)
    elif prompt.form.steps_per_beat != steps_per_beat:
        raise ConfigError(
            f"the prompt has {prompt.form.steps_per_beat} steps a beat, and the model was trained with {steps_per_beat};"
            " read the prompt from a MIDI file, which has no steps of its own"
        )
    return prompt.cut(prompt.form.steps(config.prompt_length, config.unit)) if config.prompt_length else prompt


def _draw(model: nn.Module, prompt: np.ndarray | None, steps: int, config: CompositionConfig, seed: int) -> np.ndarray:
    """The new steps, (steps, 88) bool."""
    random = torch.Generator().manual_seed(seed)
    was_training, drawn = model.training, []
    model.eval()
    with torch.no_grad():
        read = np.zeros((1, KEYS), bool)  # as in training, a step of silence comes before the first
        if prompt is not None:
            read = np.concatenate([read, prompt])
        keys, state = torch.from_numpy(read).to(model.device, torch.float32), None
        for _ in range(steps):
            hidden, state = model(keys[:, None], state)
            chosen = _next(model, hidden[-1, 0], config, random)
            drawn.append(chosen.numpy())
            keys = chosen.to(model.device, torch.float32)[None]
    model.train(was_training)
    return np.stack(drawn)


def _next(model: nn.Module, hidden: Tensor, config: CompositionConfig, random: torch.Generator) -> Tensor:
    """One step's keys, (88,) bool: drawn, and drawn anew until the number of voices fits."""
    low, high = config.min_voices, config.voices or KEYS
    bounded = low > 0 or high < KEYS
    for _ in range(_TRIES if bounded else 1):
        uniform = torch.rand(_DRAWS if bounded else 1, KEYS, dtype=torch.float64, generator=random)
        drawn, likely = model.head.draw(hidden, uniform.to(hidden.device), config.temperature, config.min_p)
        voices = drawn.sum(1)
        fits = (voices >= low) & (voices <= high)
        if fits.any():
            return drawn[fits][0].cpu()
    return _nearest(drawn[0].cpu(), likely[0].cpu(), low, high)


def _nearest(drawn: Tensor, likely: Tensor, low: int, high: int) -> Tensor:
    """The keys with the least likely left out, or the likeliest added, until the number of voices fits."""
    voices = min(max(int(drawn.sum()), low), high)
    keys = torch.zeros_like(drawn)
    keys[(likely + drawn.double()).argsort(descending=True, stable=True)[:voices]] = True
    return keys
