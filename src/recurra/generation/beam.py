"""Beam search: the text that the model finds most likely, as far as a few candidates show."""

import dataclasses

import numpy as np

from recurra.errors import ConfigError, setting
from recurra.generation.choice import session_of
from recurra.generation.config import GenerationConfig
from recurra.generation.tokens import allowed, read_prompt, warm_ids
from recurra.generation.writer import Piece, Sample, Writer, collect


def beam_search(model, vocabulary, prompt: str, config: GenerationConfig) -> list[Sample]:
    """The `config.samples` best of `config.beam` candidates, best first. Arguments as for `stream`.

    Each step extends every candidate by every token and keeps the `beam` most likely. Candidates that end at a
    stop string or a document end differ in length, so they are compared by mean log-probability per token.
    """
    if not config.beam:
        raise ConfigError(f"{setting('beam')} is 0; expected the number of candidates to search with, such as 8")
    prompt = read_prompt(vocabulary, prompt)
    ids, _ = warm_ids(model, vocabulary, prompt, config)
    session = session_of(model, config, vocabulary.eod)
    kept, tokens = [_Candidate(Writer(vocabulary, config), int(ids[0, -1]))], ids
    while live := [candidate for candidate in kept if not candidate.writer.finish]:
        scores = session.feed(tokens)
        chances = _log_softmax(scores)
        shaped = _log_softmax(allowed(scores, vocabulary, np.array([candidate.token for candidate in live])))
        totals = np.array([[candidate.score] for candidate in live]) + shaped
        extended = [
            live[row].extend(row, token, totals[row, token], chances[row, token])
            for row, token in _best(totals, config.beam)
        ]
        finished = [candidate for candidate in kept if candidate.writer.finish]
        kept = sorted(finished + extended, key=_Candidate.mean, reverse=True)[: config.beam]
        going = [candidate for candidate in kept if not candidate.writer.finish]
        tokens = np.array([[candidate.token] for candidate in going])
        session.select([candidate.row for candidate in going])
    return [candidate.sample(prompt, config, rank) for rank, candidate in enumerate(kept[: config.samples])]


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """One text under way. The pieces are a linked list, because candidates share their beginnings."""

    writer: Writer
    token: int
    score: float = 0.0
    row: int = 0
    pieces: tuple | None = None

    def mean(self):
        return self.score / self.writer.tokens

    def extend(self, row, token, score, chance):
        writer = self.writer.fork()
        text = writer.push(token)
        piece = Piece(0, text, token, float(np.exp(chance)), self.writer.characters, writer.finish)
        return _Candidate(writer, token, float(score), row, (piece, self.pieces))

    def sample(self, prompt, config, rank):
        pieces, rest = [], self.pieces
        while rest:
            piece, rest = rest
            pieces.append(dataclasses.replace(piece, sample=rank))
        shown = [Piece(rank, prompt)] if config.keep_prompt else []
        return collect(shown + pieces[::-1], prompt, None)


def _log_softmax(scores):
    below = scores - scores.max(-1, keepdims=True)
    return below - np.log(np.exp(below).sum(-1, keepdims=True))


def _best(totals, count):
    """Where the `count` highest finite totals (R, V) are: pairs, highest first, ties to the lower place."""
    flat = totals.ravel()
    count = min(count, int(np.isfinite(flat).sum()))
    places = np.flatnonzero(flat >= np.partition(flat, -count)[-count])
    places = places[np.argsort(-flat[places], kind="stable")][:count]
    return [divmod(place, totals.shape[1]) for place in places.tolist()]
