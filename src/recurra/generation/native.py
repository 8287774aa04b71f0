"""The same by the engine: many tokens a call, nothing of Python between them. What it draws is what `reference` draws."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from recurra.engine import Row, abi
from recurra.errors import RunError
from recurra.generation.config import GenerationConfig
from recurra.generation.random import Random
from recurra.generation.tokens import NOT_FINITE, NOTHING_LEFT, biases, check_size
from recurra.generation.writer import Piece, Writer

# Tokens of a call: the first character comes at once, and what is drawn past a stop string stays little.
_STEPS = (1, 8, 64, 256)
_ERRORS = {abi.NOT_FINITE: NOT_FINITE, abi.NOTHING_LEFT: NOTHING_LEFT}


def pieces(
    engine, vocabulary, prompt: str, ids: np.ndarray, config: GenerationConfig, at_once: int, own: int = 0
) -> Iterator[Piece]:
    """Each sample's pieces, in the order of `reference.pieces`. engine: a `recurra.engine.Engine`; the rest as there."""
    check_size(engine.tokens, vocabulary)
    common = _Common(vocabulary, config)
    for first in range(0, config.samples, at_once):
        start = _read(engine, ids[0], vocabulary, config)
        samples = range(first, min(first + at_once, config.samples))
        texts = [_Text(engine, common, k, ids[0], own or len(ids[0]), start) for k in samples]
        if config.keep_prompt and prompt:
            yield from (Piece(text.sample, prompt) for text in texts)
        turn = 0
        while texts:
            for text in texts:
                text.prepare(_STEPS[min(turn, len(_STEPS) - 1)])
            engine.run([text.row for text in texts])
            for step in range(max(text.row.call.made for text in texts)):
                yield from (piece for text in texts if (piece := text.push(step)))
            for text in texts:
                raise_for(text.row.call.status)
            texts, turn = [text for text in texts if not text.writer.finish], turn + 1


def raise_for(status: int) -> None:
    """RunError if a row's turn ended badly."""
    if status != abi.GOOD:
        raise RunError(_ERRORS[status])


def _read(engine, ids: np.ndarray, vocabulary, config: GenerationConfig) -> np.ndarray:
    """The state after all tokens of the prompt but the last; with a bounded context every step reads them again."""
    state = engine.start()[0]
    if len(ids) > 1 and not config.context:
        row = Row(state, engine.tokens)
        row.call.eod = _id(vocabulary.eod)
        row.reads(ids[:-1])
        engine.run([row])
    return state


def _id(token: int | None) -> int:
    return -1 if token is None else token


class _Common:
    """What the texts of a call share: the settings, as the engine reads them."""

    def __init__(self, vocabulary, config: GenerationConfig):
        self.vocabulary, self.config = vocabulary, config
        self.bias = biases(vocabulary, config) if config.logit_bias else None
        self.pause = _pauses(vocabulary, config)
        self.units = None if config.unit == "tokens" else _characters(vocabulary)
        first, last = config.temperature_at(0.0), config.temperature_at(1.0)
        # A token may hold a part of a character: how far the text is, only its decoder knows.
        self.one_by_one = bool(config.context) or (config.unit != "tokens" and self.units is None and first != last)
        self.fields = {
            "eod": _id(vocabulary.eod),
            "never": _id(vocabulary.unk),
            "temperature_first": first,
            "temperature_last": last,
            "length": config.length,
            "top_k": config.top_k,
            "top_p": config.top_p,
            "min_p": config.min_p,
            "repetition_penalty": config.repetition_penalty,
            "presence_penalty": config.presence_penalty,
            "frequency_penalty": config.frequency_penalty,
        }


class _Text:
    """One sample on its way."""

    def __init__(self, engine, common: _Common, sample: int, ids: np.ndarray, own: int, start: np.ndarray):
        config = common.config
        self.sample, self.common, self.start = sample, common, start
        self.writer = Writer(common.vocabulary, config)
        self.past = deque(ids.tolist(), maxlen=config.context or 2)
        self.row = Row(start.copy(), engine.tokens)
        for name, value in common.fields.items():
            setattr(self.row.call, name, value)
        self.row.call.random = Random(config.seed, sample).state
        self.row.point("bias", common.bias)
        self.row.point("pause", common.pause)
        self.row.point("units", common.units)
        if config.repetition_penalty != 1:
            recent = ids[-min(own, config.repetition_window) :]
            ring = self.row.point("recent", np.zeros(config.repetition_window, np.int64))
            ring[: len(recent)] = recent
            self.row.call.window, self.row.call.recent_count = config.repetition_window, len(recent)
        if config.presence_penalty or config.frequency_penalty:
            self.row.point("counts", np.zeros(engine.tokens, np.int64))

    def prepare(self, most: int) -> None:
        """Read what was drawn last, and draw at most so many tokens after it."""
        config, writer = self.common.config, self.writer
        done = writer.tokens if config.unit == "tokens" else writer.characters
        self.row.call.done = done
        mean = max(1.0, done / writer.tokens) if writer.tokens else 1.0
        self.row.writes(1 if self.common.one_by_one else max(1, min(most, round((config.length - done) / mean))))
        if config.context:
            self.row.state[:] = self.start
            self.row.reads(np.array(self.past))
        else:
            previous = self.past[0] if len(self.past) > 1 else -1
            self.row.reads(np.array([self.past[-1]]), previous)

    def push(self, step: int) -> Piece | None:
        """The piece of a token that the call drew; None past the last one, and past the text's end."""
        if self.writer.finish or step >= self.row.call.made:
            return None
        start = self.writer.characters
        token, chance = int(self.row.drawn[step]), float(self.row.chances[step])
        text = self.writer.push(token)
        self.past.append(token)
        return Piece(self.sample, text, token, chance, start, self.writer.finish)


def _pauses(vocabulary, config: GenerationConfig) -> np.ndarray | None:
    """The tokens at which a text may end before its length: those with the last byte of a stop string."""
    ends = {stop.encode("utf-8", "surrogatepass")[-1] for stop in config.stop}
    eod = vocabulary.eod if config.stop_at_document_end else None
    if not ends and eod is None:
        return None
    pause = np.array([bool(ends.intersection(piece or b"")) for piece in vocabulary.bytes_of], np.uint8)
    if eod is not None:
        pause[eod] = 1
    return pause


def _characters(vocabulary) -> np.ndarray | None:
    """How many characters each token has; None if one may hold a part of a character."""
    try:
        return np.array([len((piece or b"").decode()) for piece in vocabulary.bytes_of], np.int64)
    except UnicodeDecodeError:
        return None


class Session:
    """`recurra.generation.Session` by the engine: feed tokens, get the scores of the next one."""

    def __init__(self, engine, *, context: int = 0, eod: int | None = None):
        self._engine, self._context, self._eod = engine, context, _id(eod)
        self._states = engine.start()
        self._past = np.empty((1, 0), np.int64)

    def feed(self, ids: np.ndarray) -> np.ndarray:
        """Read ids (B, T), T >= 1; the scores (B, V) of the token that follows, in float64."""
        if self._context:
            ids = np.concatenate([self._past, ids], 1)[:, -self._context :]
            self._states, self._past = self._engine.start(len(ids)), ids[:, :0]
        rows, scores = [], []
        for state, past, given in zip(self._states, self._past, ids, strict=True):
            row = Row(state, self._engine.tokens)
            row.call.eod = self._eod
            row.reads(given, int(past[-1]) if len(past) else -1)
            scores.append(row.wants_scores())
            rows.append(row)
        self._engine.run(rows)
        self._past = ids if self._context else ids[:, -1:]
        logits = np.stack(scores).astype(np.float64)
        if not np.isfinite(logits.max(-1)).all():
            raise RunError(NOT_FINITE)
        return logits

    def select(self, rows) -> None:
        """Go on with these rows, in this order; a row may be repeated."""
        rows = np.asarray(rows, np.int64)
        self._past, self._states = self._past[rows], np.ascontiguousarray(self._states[rows])
