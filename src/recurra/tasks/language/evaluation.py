"""How well a model predicts a text: nats, bits per character, perplexity."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from recurra.data import DataConfig, build_corpus, text_document
from recurra.data.items import as_setting
from recurra.errors import ConfigError
from recurra.generation import way
from recurra.paths import warn_left_out
from recurra.tasks.language import scoring


def evaluate(
    model: Any,
    source: Any = None,
    *,
    text: str | None = None,
    encoding: str = "utf-8",
    invalid: str = "error",
    precision: str | None = None,
) -> dict[str, float]:
    """Measure a model on a text: `evaluate(model, "other.txt")["bits_per_character"]`.

    model: a LanguageModel, or one of `recurra.tasks.language.native`. source: paths, folders, or the name of a corpus; or
    `text`, the text itself. Any length: it is read as a stream. encoding, invalid: as in DataConfig. precision: as in
    GenerationConfig.

    Returns loss (nats a token), nats (a character), bits_per_character, perplexity (a token), tokens, characters. The
    first token, which nothing leads to, is not counted. A recurrent model with a bounded context reads a whole context for
    each token, so a long text is measured at 8,192 to 16,384 evenly spaced ones; `tokens` is how many.
    ConfigError without a text or with two, or for a precision that does not run this model; DataError and VocabularyError
    where the text is unreadable or has symbols the model does not know.
    """
    if (source is None) == (text is None):
        raise ConfigError("give evaluate either `source` (paths, or the name of a corpus) or `text`, the text itself")
    # A list is read as it was trained.
    data = DataConfig(validation=0.0, items=as_setting(model.items), encoding=encoding, invalid=invalid)
    source = text_document(text) if text is not None else source
    with tempfile.TemporaryDirectory() as folder:
        corpus = build_corpus(source, Path(folder), data=data, vocabulary=model.vocabulary)
        warn_left_out("the text", Counter(corpus.info["skipped"]))
        return measure(model, corpus.ids, precision)


def measure(model: Any, ids: np.ndarray, precision: str | None = None) -> dict[str, float]:
    """The same for ids (tokens,), by the engine where it can run the model."""
    engine = way(model, precision).engine
    if engine is not None:
        return scoring.measure(engine, model.vocabulary, ids, model.vocabulary.eod, model.config.context)
    from recurra.tasks.language.measure import measure as by_torch

    was_training = model.training
    try:
        return by_torch(model.eval(), ids)
    finally:
        model.train(was_training)
