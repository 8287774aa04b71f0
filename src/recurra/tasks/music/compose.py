"""State → the next step's keys → state → ...: a new piece."""

import warnings
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
from recurra.tasks.music.form import KEYS, key_name
from recurra.tasks.music.piece import Piece

# Steps drawn side by side, and how often again, until one has as many keys as requested.
_DRAWS, _TRIES = 32, 8
# Chords drawn to find the likeliest one: it is among them if its probability is a few hundredths.
_CHORDS = 128


def compose(model: nn.Module, prompt: Piece | str | Path | None, seed: int | None, **options: Any) -> Piece:
    """See `MusicModel.compose`."""
    config = settings.make(CompositionConfig, options)
    if config.prompt_length and prompt is None:
        raise ConfigError(f"{setting('prompt_length')} has no effect without a prompt; give one, or drop it")
    seed = fresh_seed() if seed is None else seed
    seed = whole("seed", seed, "a whole number from 0 up", 0, 2**63 - 1)
    start = _read(model, prompt, config)
    form = start.form if start is not None else model.form
    overrides = {name: getattr(config, name) for name in ("tempo", "programme") if getattr(config, name) is not None}
    steps = form.steps(config.length, config.unit)
    read = np.zeros((0, model.width), bool) if start is None else start.rows(model.strikes)
    rows = np.concatenate([read, _draw(model, read, steps, config, seed)])
    kept = 0 if config.keep_prompt else len(read)
    piece = Piece.from_rows(rows, replace(form, **overrides), f"composed-{seed}").part(kept)
    if config.temperature == 0:
        _report_stillness(piece, len(piece) - steps)
    return piece


def _report_stillness(piece: Piece, new: int) -> None:
    """Warn where a piece of the likeliest chords stands still: at its step `new` the new part begins."""
    last = max((at for *times, _ in piece.notes() for at in times if at < len(piece)), default=0)
    still = len(piece) - max(last, new)
    held = "+".join(key_name(key) for key in piece.steps()[-1])
    # A chord may well be held for two bars; silence is no music.
    if still < max(piece.form.steps(2, "bars") if held else 2, (len(piece) - new) / 2):
        return
    warnings.warn(
        f"temperature 0 takes the likeliest chord of every step, and for the last {still:,} of {len(piece) - new:,} steps"
        f" that is {f'to hold {held}' if held else 'silence'}; a temperature such as 0.8 draws others too",
        stacklevel=4,
    )


def _read(model: nn.Module, prompt: Piece | str | Path | None, config: CompositionConfig) -> Piece | None:
    """The prompt in the model's own steps."""
    if prompt is None:
        return None
    steps_per_beat = model.form.steps_per_beat
    if not isinstance(prompt, Piece):
        from recurra.tasks.music.sources import read_piece

        prompt, _ = read_piece(prompt, steps_per_beat)
    elif prompt.form.steps_per_beat != steps_per_beat:
        raise ConfigError(
            f"the prompt has {prompt.form.steps_per_beat} steps a beat, and the model was trained with {steps_per_beat};"
            " read the prompt from a MIDI file, which has no steps of its own"
        )
    return prompt.cut(prompt.form.steps(config.prompt_length, config.unit)) if config.prompt_length else prompt


def _draw(model: nn.Module, prompt: np.ndarray, steps: int, config: CompositionConfig, seed: int) -> np.ndarray:
    """The new steps, (steps, 88 or 176) bool. prompt: the rows before them."""
    random = torch.Generator().manual_seed(seed)
    was_training, drawn = model.training, []
    model.eval()
    with torch.no_grad():
        # As in training, a step of silence comes before the first.
        read = np.concatenate([np.zeros((1, model.width), bool), prompt])
        rows, state = torch.from_numpy(read).to(model.device), None
        for _ in range(steps):
            hidden, state = model(rows[:, None].float(), state)
            # The likeliest beginning may be silence, and after that silence again: the likeliest piece begins with a sound.
            low = max(config.min_voices, config.temperature == 0 and not drawn and not prompt.any())
            before = rows[-1, :KEYS] if model.strikes else None
            chosen = _next(model.head, hidden[-1, 0], before, config, low, random)
            drawn.append(chosen.numpy())
            rows = chosen.to(model.device)[None]
    model.train(was_training)
    return np.stack(drawn)


def _next(
    head: nn.Module,
    hidden: Tensor,
    before: Tensor | None,
    config: CompositionConfig,
    low: int,
    random: torch.Generator,
) -> Tensor:
    """One step's row: drawn, and drawn again until the number of voices, at least `low`, fits; or the likeliest."""
    width, high = head.output.out_features, config.voices or KEYS

    def draw(count: int, temperature: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
        uniform = torch.rand(count, width, dtype=torch.float64, generator=random, device="cpu").to(hidden.device)
        return head.draw(hidden, uniform, temperature, config.min_p, before)

    if config.temperature == 0:
        # Key by key the likelier state is no likely chord: where each of two notes has 40 %, that is silence.
        greedy, likely = draw(1, 0.0, random)
        chords, _ = draw(_CHORDS, 1.0, torch.Generator().manual_seed(0))
        chords = torch.cat([_nearest(greedy[0], likely[0], low, high)[None], chords])
        chords = chords[_fits(chords, low, high)]
        past = None if before is None else before.expand(len(chords), -1)
        nats = head.nats(hidden.expand(len(chords), -1), chords.to(hidden.dtype), past)
        return chords[nats.argmin()].cpu()
    bounded = low > 0 or high < KEYS
    for _ in range(_TRIES if bounded else 1):
        drawn, likely = draw(_DRAWS if bounded else 1, config.temperature, random)
        fits = _fits(drawn, low, high)
        if fits.any():
            return drawn[fits][0].cpu()
    return _nearest(drawn[0], likely[0], low, high).cpu()


def _fits(rows: Tensor, low: int, high: int) -> Tensor:
    voices = rows[:, :KEYS].sum(1)
    return (voices >= low) & (voices <= high)


def _nearest(drawn: Tensor, likely: Tensor, low: int, high: int) -> Tensor:
    """The keys with the least likely left out, or the likeliest added, until the number of voices fits."""
    sounding, likely = drawn[:KEYS], likely[:KEYS]
    voices = min(max(int(sounding.sum()), low), high)
    keys = torch.zeros_like(sounding)
    keys[(likely + sounding.double()).argsort(descending=True, stable=True)[:voices]] = True
    return torch.cat([keys, drawn[KEYS:] & keys]) if len(drawn) > KEYS else keys
