"""Which tokens a text starts from, and which may come next."""

import numpy as np

from recurra.errors import RunError, VocabularyError


def prompt_ids(vocabulary, prompt: str) -> np.ndarray:
    """The ids (1, T) to start from, T ≥ 1; the vocabulary's own error where it cannot read the prompt."""
    ids = np.asarray(vocabulary.encode(prompt, where="prompt"), np.int64)
    return (ids if ids.size else np.array([_start(vocabulary)]))[None]


def _start(vocabulary) -> int:
    if vocabulary.eod is not None:
        return vocabulary.eod
    try:
        newline = vocabulary.encode("\n", where="prompt")
    except VocabularyError:
        return 0
    return int(newline[-1]) if vocabulary.unk not in newline else 0


def allowed(scores: np.ndarray, vocabulary, last: np.ndarray) -> np.ndarray:
    """The scores (B, V) without what is never drawn: the unknown token, and the end of an empty document."""
    if scores.shape[-1] != len(vocabulary):
        raise RunError(
            f"the model gives {scores.shape[-1]} scores, the vocabulary has {len(vocabulary)} tokens: they "
            "are not from the same run; load both from one folder"
        )
    if vocabulary.unk is None and vocabulary.eod is None:
        return scores
    scores = scores.copy()
    if vocabulary.unk is not None:
        scores[:, vocabulary.unk] = -np.inf
    if vocabulary.eod is not None:
        scores[last == vocabulary.eod, vocabulary.eod] = -np.inf
    if np.isneginf(scores.max(-1)).any():
        raise RunError("the model leaves no token to draw: its vocabulary has nothing but special tokens")
    return scores
