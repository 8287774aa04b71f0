"""One text under way: what the native code is handed, and what it hands back."""

import numpy as np

from recurra.engine import abi


class Row:
    """A row of a call of `Engine.run`: it reads tokens, then draws.

        row = Row(engine.start()[0], tokens=engine.tokens)
        row.reads(prompt)                     # the tokens to read at the next call
        row.writes(64)                        # and how many to draw after them
        engine.run([row]); row.drawn, row.chances

    state: (numbers,) float32, changed in place. What else a row has (temperature, top_k, ...) are fields of `row.call`; the
    arrays they point to are kept by `row.point`.
    """

    def __init__(self, state: np.ndarray, tokens: int):
        self.tokens = tokens
        self._kept: dict[str, np.ndarray] = {}
        self.call = abi.Row(
            previous=-1,
            eod=-1,
            never=-1,
            temperature_first=1.0,
            temperature_last=1.0,
            top_p=1.0,
            repetition_penalty=1.0,
            length=1,
        )
        self.state = self.point("state", state)

    def point(self, name: str, array: np.ndarray | None) -> np.ndarray | None:
        """Let a field point to an array, which lives as long as the row does; None: to nothing."""
        if array is None:
            self._kept.pop(name, None)
            setattr(self.call, name, None)
            return None
        assert array.flags.c_contiguous
        self._kept[name] = array
        setattr(self.call, name, array.ctypes.data)
        return array

    def reads(self, tokens: np.ndarray, previous: int = -1) -> None:
        """The tokens (n,) to read at the next call, n >= 1. previous: the one before them; -1: none."""
        given = self.point("given", np.ascontiguousarray(tokens, np.int64))
        assert given is not None
        assert len(given)
        assert given.min() >= 0
        assert given.max() < self.tokens
        self.call.given_count, self.call.previous = len(given), previous

    def writes(self, steps: int) -> None:
        """How many tokens to draw at most at the next call."""
        held = self._kept.get("drawn")
        if held is None or len(held) < steps:
            self.point("drawn", np.empty(max(steps, 1), np.int64))
            self.point("chances", np.empty(max(steps, 1), np.float64))
        self.call.steps = steps

    def wants_scores(self, every: bool = False) -> np.ndarray:
        """Have the scores after the last token read, (tokens,) float32, or after each, (n, tokens). After `reads`."""
        shape = (self.call.given_count, self.tokens) if every else (self.tokens,)
        self.call.every = every
        scores = self.point("logits", np.empty(shape, np.float32))
        assert scores is not None
        return scores

    def predicts(self, targets: np.ndarray) -> np.ndarray:
        """Have the log-probability of `targets` (n,), each after the token read in its place; -1: not of this one.
        Returns (n,) float64, filled by the call: NaN where there is no target. After `reads`."""
        assert len(targets) == self.call.given_count
        self.point("targets", np.ascontiguousarray(targets, np.int64))
        logs = self.point("target_logs", np.full(len(targets), np.nan))
        assert logs is not None
        return logs

    @property
    def drawn(self) -> np.ndarray:
        """The tokens that the last call drew."""
        return self._kept["drawn"][: self.call.made]

    @property
    def chances(self) -> np.ndarray:
        """What the model itself gave each of them."""
        return self._kept["chances"][: self.call.made]
