"""From scores a step to text: greedy, or a prefix beam search; both read the steps as they come.

In connectionist temporal classification (Graves et al. 2006) a step says a symbol or nothing, the blank; the same
symbol in neighbouring steps is one. So a text's symbols are short spikes between blanks.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recurra.config import whole
from recurra.text import Vocabulary

BRIEF = 0.05  # seconds: no word is shorter, and a symbol may be heard so much before the sound rises
BLANK = 0  # symbol k of the vocabulary has the score k + 1
_HALF = math.log(0.5)
LEAST = -12.0  # log probability below which the search looks at no symbol


@dataclass(frozen=True)
class Spike:
    """One symbol as it was heard: what, when (seconds, the middle of its likeliest step), and how sure (0 to 1)."""

    symbol: str
    time: float
    probability: float


@dataclass(frozen=True)
class Word:
    """A word and its times, in seconds: from its first symbol until the sound falls off, or the next word begins."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Transcript:
    """What was heard in a recording: its spikes in order of time, how long it is, and when it sounds (from, to), in seconds."""

    spikes: tuple[Spike, ...]
    seconds: float
    sounding: tuple[tuple[float, float], ...] = ()

    @cached_property
    def text(self) -> str:
        return " ".join("".join(spike.symbol for spike in self.spikes).split())

    @cached_property
    def words(self) -> list[Word]:
        """The words, in order.

        A symbol is heard at one moment, often near a word's beginning: it ends where what sounds at its last symbol does.
        """
        words: list[tuple[str, float, float]] = []
        begin = True
        for spike in self.spikes:
            begin = begin or spike.symbol[:1].isspace()
            if not (symbol := spike.symbol.strip()):
                continue
            before = ("", spike.time, spike.time) if begin else words.pop()
            words.append((before[0] + symbol, before[1], spike.time))
            begin = spike.symbol[-1:].isspace()
        ends = [*(start for _, start, _ in words), self.seconds][1:]
        return [
            Word(text, start, self._end(start, last, until))
            for (text, start, last), until in zip(words, ends, strict=True)
        ]

    def _end(self, start: float, last: float, until: float) -> float:
        end = next((end for begin, end in self.sounding if begin <= last + BRIEF and end > last), last)
        return min(max(end, start + BRIEF), max(until, last))


class Greedy:
    """The likeliest symbol of each step: `Greedy().feed(log_probs)`; log_probs (steps, symbols) float."""

    def __init__(self):
        self.found: list[tuple[int, int, float]] = []  # symbol, step, log probability
        self.step, self._last = 0, BLANK

    def feed(self, log_probs: np.ndarray) -> None:
        best = log_probs.argmax(1)
        for symbol, score in zip(best.tolist(), log_probs[np.arange(len(best)), best].tolist(), strict=True):
            if symbol != BLANK:
                if symbol != self._last:
                    self.found.append((symbol, self.step, score))
                elif score > self.found[-1][2]:
                    self.found[-1] = symbol, self.step, score
            self._last = symbol
            self.step += 1


class _Prefix:
    """A text that may have been said so far: a symbol after another prefix, and when it was said.

    path: (the path before, symbol, step, log probability), at the step where the symbol is likeliest.
    """

    __slots__ = ("key", "most", "parent", "path", "symbol")

    def __init__(self, parent: "_Prefix | None", symbol: int, key: int = 0):
        self.parent, self.symbol, self.key = parent, symbol, key
        self.path: tuple | None = None
        self.most = -math.inf


class Beam:
    """Prefix beam search: the `width` likeliest texts, each over all the ways it can be spoken, step by step.

    So it finds texts that are likely in many ways at once, which the greedy reading misses. Hannun et al. 2014
    (arXiv:1408.2873), without a language model.
    """

    def __init__(self, width: int):
        self.width, self.step = width, 0
        # Each prefix with the log probabilities of its ways that end in a blank, and in its last symbol.
        self._beam: dict[_Prefix, tuple[float, float]] = {_Prefix(None, BLANK): (0.0, -math.inf)}

    def feed(self, log_probs: np.ndarray) -> None:
        for row in log_probs:
            likely = [int(symbol) for symbol in np.flatnonzero(row > LEAST) if symbol != BLANK]
            self._beam = self._advance(row.tolist(), likely)
            self.step += 1

    def _advance(self, row: list[float], likely: list[int]) -> dict[_Prefix, tuple[float, float]]:
        # By what they say: a prefix may have been dropped and come back, and its longer ones are still the same.
        known = {prefix.key: prefix for prefix in self._beam}
        blank, spoken = dict[_Prefix, float](), dict[_Prefix, float]()
        for prefix, (ends_blank, ends_spoken) in self._beam.items():
            total = _add(ends_blank, ends_spoken)
            blank[prefix] = total + row[BLANK]
            if prefix.symbol != BLANK:
                spoken[prefix] = _add(spoken.get(prefix, -math.inf), ends_spoken + row[prefix.symbol])
            for symbol in likely:
                key = hash((prefix.key, symbol))
                longer = known.get(key)
                if longer is None:
                    longer = known[key] = _Prefix(prefix, symbol, key)
                # The same symbol again is a second one only after a blank.
                before = ends_blank if symbol == prefix.symbol else total
                spoken[longer] = _add(spoken.get(longer, -math.inf), before + row[symbol])
        both = {p: (blank.get(p, -math.inf), spoken.get(p, -math.inf)) for p in blank | spoken}
        best = sorted(both, key=lambda p: _add(*both[p]), reverse=True)[: self.width]
        most = _add(*both[best[0]])
        # The step where the symbol is likeliest, among those that most ways lead to: of two symbols that are the same, a
        # step that few lead to may be the other one's. The paths are those before this step, so that times only grow.
        says = {prefix: min(both[prefix][1] - row[prefix.symbol], _HALF) + row[prefix.symbol] for prefix in best}
        found = [
            (p, (p.parent.path, p.symbol, self.step, row[p.symbol])) for p in best if p.parent and says[p] > p.most
        ]
        for prefix, path in found:
            prefix.most, prefix.path = says[prefix], path
        # Only differences count; kept near 0, they do not lose digits over an hour.
        return {prefix: (both[prefix][0] - most, both[prefix][1] - most) for prefix in best}

    @property
    def found(self) -> list[tuple[int, int, float]]:
        """The likeliest text's symbols, each with its step and log probability there."""
        path, found = max(self._beam, key=lambda p: _add(*self._beam[p])).path, []
        while path is not None:
            found.append(path[1:])
            path = path[0]
        return found[::-1]


def _add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    low, high = (a, b) if a < b else (b, a)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def decoder(beam: int) -> Greedy | Beam:
    """The decoder for a width: 0 = greedy. ConfigError for what is no width."""
    beam = whole("beam", beam, "a whole number, 1 or more, or 0 for greedy", 0)
    return Beam(beam) if beam else Greedy()


def spikes(
    found: list[tuple[int, int, float]], vocabulary: Vocabulary, times: tuple[float, float], end: float
) -> tuple[Spike, ...]:
    """A decoder's symbols as spikes. times: seconds from step to step, and to the middle of the first; none is past `end`."""
    text, (step, first) = vocabulary.decoder(), times
    return tuple(Spike(text.push(s - 1), min(first + k * step, end), math.exp(min(p, 0.0))) for s, k, p in found)
