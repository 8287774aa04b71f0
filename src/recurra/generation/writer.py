"""Tokens → exactly the requested text: length counted, stop strings found, nothing half decoded."""

import copy
import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Piece:
    """One step of a stream. The prompt comes first, as a piece without a token, if it is kept."""

    sample: int
    """Which of the samples this belongs to, from 0."""
    text: str
    """The text that became certain; empty while a character or perhaps a stop string is unfinished."""
    token: int | None = None
    """The token drawn; None for the prompt."""
    probability: float = 1.0
    """What the model gave this token, before temperature and filters."""
    start: int = 0
    """How many characters of new text came before this token."""
    finish: str | None = None
    """Why the sample ends with this piece: "length", "stop" or "document end"; None until then."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """One generated text. `tokens` and `probabilities` cover the new text only."""

    text: str
    """The prompt, unless `keep_prompt` is off, and the new text."""
    prompt: str
    continuation: str
    """The new text alone."""
    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    """What the model gave each token, before temperature and filters."""
    finish: str
    """Why it ended: "length", "stop" or "document end"."""
    seed: int | None = None
    """What to pass as `seed` to get the same again; None after a beam search, which draws nothing."""
    sample: int = 0

    @property
    def log_probability(self) -> float:
        """Of all the tokens together, under the model itself, in nats."""
        return sum(math.log(p) if p > 0 else -math.inf for p in self.probabilities)


class Writer:
    """The text of one sample: `push(token)` returns what became certain, and sets `finish` at the end.

    A stop string counts wherever the borders between tokens fall, so text that may be its beginning is held
    back.
    """

    def __init__(self, vocabulary, config):
        self._vocabulary, self._decoder, self._last = vocabulary, vocabulary.decoder(), ()
        self._length, self._by_tokens = config.length, config.unit == "tokens"
        self._stops = tuple(map(vocabulary.readable, config.stop))
        self._eod = vocabulary.eod if config.stop_at_document_end else None
        self._held = ""
        self.characters = self.tokens = 0
        self.finish = None

    def fork(self) -> "Writer":
        """A copy that goes its own way from here."""
        twin = copy.copy(self)
        # No character has more than four bytes, so the last four tokens say what the decoder is waiting for.
        twin._decoder = self._vocabulary.decoder()
        for token in self._last:
            twin._decoder.push(token)
        return twin

    @property
    def progress(self) -> float:
        """The fraction of the length that is done: 0 before the first unit, 1 before the last."""
        done = self.tokens if self._by_tokens else self.characters
        return min(1.0, done / max(1, self._length - 1))

    def push(self, token: int) -> str:
        """The text that `token` makes certain; `finish` is set where it is the last one."""
        text = self._decoder.push(token)
        self._last = (*self._last[-3:], token)
        self.tokens += 1
        if token == self._eod:
            self.finish = "document end"
        elif self._by_tokens and self.tokens == self._length:
            self.finish = "length"
        if self.finish:
            text += self._decoder.flush()
        if not self._by_tokens and self.characters + len(text) >= self._length:
            text, self.finish = text[: self._length - self.characters], "length"
        self.characters += len(text)
        return self._release(text)

    def _release(self, text: str) -> str:
        if not self._stops:
            return text
        text = self._held + text
        # The stop string that ends first, as if the text had come one character at a time.
        found = min(((text.find(s) + len(s), -len(s)) for s in self._stops if s in text), default=None)
        if found:
            self.finish = "stop"
            return text[: sum(found)]
        held = 0 if self.finish else max(_overlap(text, s) for s in self._stops)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text are the beginning of the stop string."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)


def collect(pieces: list[Piece], prompt: str, seed: int | None) -> Sample:
    """One sample's pieces as a Sample. Tokens wholly inside a stop string are left out, as their text is."""
    drawn = [piece for piece in pieces if piece.token is not None]
    new = "".join(piece.text for piece in drawn)
    if drawn[-1].finish == "stop":
        drawn = [piece for piece in drawn if piece.start < len(new)]
    return Sample(
        text="".join(piece.text for piece in pieces),
        prompt=prompt,
        continuation=new,
        tokens=tuple(piece.token for piece in drawn),
        probabilities=tuple(piece.probability for piece in drawn),
        finish=pieces[-1].finish,
        seed=seed,
        sample=pieces[-1].sample,
    )
