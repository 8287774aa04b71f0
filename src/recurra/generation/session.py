"""A model being read from: its state, carried from call to call, for one or more rows of tokens."""

import contextlib
import threading
import weakref

import numpy as np
import torch

from recurra.errors import ConfigError, RunError, setting
from recurra.generation.tokens import NOT_FINITE
from recurra.nn import select_state

# Where the state is carried, prompts are fed this many tokens at a time: a long one needs no more memory than a short one.
_CHUNK = 256


class Session:
    """Feed tokens, get the scores of the next one; the state stays here, so sessions on one model never meet.

        session = Session(model, eod=vocabulary.eod)
        scores = session.feed(prompt)        # (1, T) ids → (1, V) float64
        session.select([0, 0, 0])            # continue with three rows
        scores = session.feed(tokens)        # (3, 1) ids → (3, V)

    Each call runs under inference mode with dropout off, and leaves the model's mode as it was.

    context: 0 carries the state; n reads the last n tokens again from a fresh state at each call.
    eod: the id that ends a document: the token after it starts from a fresh state, as in training.

    ConfigError if the model carries no state (`model.reads` says how many tokens it reads at most) and the context is none.
    """

    def __init__(self, model, *, context: int = 0, eod: int | None = None):
        most = getattr(model, "reads", None)
        if most and not 1 <= context <= most:
            raise ConfigError(
                f"{setting('context')} is {context}; expected 1 to {most}: this model carries no "
                "state, it reads its last tokens again"
            )
        self._model, self._context, self._eod = model, context, eod
        self._device = next((p.device for p in model.parameters()), torch.device("cpu"))
        self._state = None
        # What has been read and is still needed: the context, or only the last token.
        self._past = np.empty((1, 0), np.int64)

    def feed(self, ids: np.ndarray) -> np.ndarray:
        """Read ids (B, T), T ≥ 1; the scores (B, V) of the token that follows, in float64."""
        if self._context:
            ids = np.concatenate([self._past, ids], 1)[:, -self._context :]
            self._past, self._state = np.empty((len(ids), 0), np.int64), None
        # A bounded context is read at once: a model without a state would forget one part of it over the next.
        size = self._context or _CHUNK
        for at in range(0, ids.shape[1], size):
            logits = self._read(ids[:, at : at + size])
        if self._context:
            self._past = ids
        # Catches NaN and infinity, and a row where nothing is possible.
        if not np.isfinite(logits.max(-1)).all():
            raise RunError(NOT_FINITE)
        return logits

    def select(self, rows) -> None:
        """Go on with these rows, in this order; a row may be repeated."""
        rows = np.asarray(rows, np.int64)
        self._past = self._past[rows]
        if self._state is not None:
            self._state = select_state(self._state, torch.from_numpy(rows).to(self._device))

    def _read(self, ids):
        inputs = [self._tensor(ids)]
        if self._eod is not None and (starts := self._starts(ids)).any():
            inputs.append(self._tensor(starts))
        with torch.inference_mode(), evaluating(self._model):
            logits, self._state = self._model(inputs[0], self._state, *inputs[1:])
        self._past = ids[:, -1:]
        return logits[:, -1].detach().double().cpu().numpy()

    def _tensor(self, array):
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _starts(self, ids):
        """Where in ids (B, T) a document begins: right after the end of another."""
        past = np.concatenate([self._past[:, -1:], ids], 1)[:, :-1]
        # The very first token has nothing before it, and starts from a fresh state anyway.
        return np.pad(past == self._eod, ((0, 0), (ids.shape[1] - past.shape[1], 0)))


_lock = threading.Lock()
_borrowed = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def evaluating(model):
    """The model in evaluation mode; the last of several users that overlap (threads) restores its mode."""
    with _lock:
        entry = _borrowed.get(model)
        if entry is None:
            entry = _borrowed[model] = [0, [m for m in model.modules() if m.training]]
            for module in entry[1]:
                module.training = False
        entry[0] += 1
    try:
        yield
    finally:
        with _lock:
            entry[0] -= 1
            if not entry[0]:
                del _borrowed[model]
                for module in entry[1]:
                    module.training = True
