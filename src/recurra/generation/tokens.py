"""Which tokens a text starts from, and which may come next."""

import unicodedata
import warnings

import numpy as np

from recurra.errors import RunError, VocabularyError, setting
from recurra.generation.config import GenerationConfig


def readable(vocabulary, prompt: str) -> tuple[str, str]:
    """The prompt in the form of Unicode that the model was trained in, and a sentence where it came in another one, else ""."""
    read = vocabulary.readable(prompt) if isinstance(prompt, str) else prompt
    if read == prompt:
        return read, ""
    form = "composed (Unicode NFC)" if unicodedata.is_normalized("NFC", read) else "taken apart (Unicode NFD)"
    return read, f"the prompt was {form}: so the model was trained, and it looks the same"


def read_prompt(vocabulary, prompt: str) -> str:
    """The same, with the sentence as a warning."""
    read, changed = readable(vocabulary, prompt)
    if changed:
        warnings.warn(changed, stacklevel=4)
    return read


def prompt_ids(vocabulary, prompt: str) -> np.ndarray:
    """The ids (1, T) to start from, T ≥ 1; the vocabulary's own error where it cannot read the prompt."""
    ids = np.asarray(vocabulary.encode(prompt, where="prompt"), np.int64)
    return (ids if ids.size else np.array([_start(vocabulary)]))[None]


def warm_ids(model, vocabulary, prompt: str, config: GenerationConfig) -> tuple[np.ndarray, int]:
    """The same behind the model's prelude, if it has one and is to start there; and how many of the ids are the prompt's."""
    ids = prompt_ids(vocabulary, prompt)
    prelude = np.array(getattr(model, "prelude", ()) if config.start == "warm" else (), np.int64)[None]
    if prelude.size and not prompt and prelude[0, -1] == ids[0, -1]:
        return prelude, 1  # it ends as a start begins
    return np.concatenate([prelude, ids], 1), ids.shape[1]


def _start(vocabulary) -> int:
    if vocabulary.eod is not None:
        return vocabulary.eod
    try:
        newline = vocabulary.encode("\n", where="prompt")
    except VocabularyError:
        return 0
    return int(newline[-1]) if vocabulary.unk not in newline else 0


NOT_FINITE = (
    "the model's scores are not finite (NaN or infinity), so nothing can be drawn: its weights "
    f"are damaged or its training diverged; load an earlier checkpoint, or train with a lower {setting('lr')}"
)
NOTHING_LEFT = "the model leaves no token to draw: its vocabulary has nothing but special tokens"


def check_size(scores: int, vocabulary) -> None:
    """RunError if a model gives more or fewer scores than the vocabulary has tokens."""
    if scores != len(vocabulary):
        raise RunError(
            f"the model gives {scores} scores, the vocabulary has {len(vocabulary)} tokens: they "
            "are not from the same run; load both from one folder"
        )


def biases(vocabulary, config: GenerationConfig) -> np.ndarray:
    """What `logit_bias` adds to each token's score, (V,). VocabularyError for a text that is not one token."""
    added = np.zeros(len(vocabulary))
    for text, number in config.biases():
        ids = vocabulary.encode(text, where=setting("logit_bias"))
        if len(ids) != 1:
            raise VocabularyError(
                f"{setting('logit_bias')} names {text!r}, which is {len(ids)} tokens of this model; expected a text that is one"
            )
        added[ids[0]] += number
    return added


def allowed(scores: np.ndarray, vocabulary, last: np.ndarray) -> np.ndarray:
    """The scores (B, V) without what is never drawn: the unknown token, and the end of an empty document."""
    check_size(scores.shape[-1], vocabulary)
    if vocabulary.unk is None and vocabulary.eod is None:
        return scores
    scores = scores.copy()
    if vocabulary.unk is not None:
        scores[:, vocabulary.unk] = -np.inf
    if vocabulary.eod is not None:
        scores[last == vocabulary.eod, vocabulary.eod] = -np.inf
    if np.isneginf(scores.max(-1)).any():
        raise RunError(NOTHING_LEFT)
    return scores
