"""Fine-tuning: start from a trained model, on another text, with symbols it may never have seen."""

import dataclasses
from itertools import chain
from typing import Any

import torch

from recurra.data import Document
from recurra.errors import ConfigError, VocabularyError
from recurra.tasks.language import config as settings_of
from recurra.tasks.language.folder import build
from recurra.tasks.language.model import LanguageModel
from recurra.text import Vocabulary

POLICIES = ("grow", "error", "unk")

# What changes how the weights are trained, and not what they compute, may be chosen anew.
_FREE = (
    *("dropout", "input_dropout", "output_dropout", "recurrent_dropout", "zoneout", "weight_dropout"),
    "precision",
)


def settings(parent: LanguageModel, preset: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """The four parts' settings: the parent's layers, and the preset and overrides for all else.

    ConfigError for an override that would change the layers or the vocabulary, which are the parent's.
    """
    given, free = overrides, _FREE
    if parent.reads:  # a transformer: it has a place for each token of its context, and not one more
        given = {"cell": parent.config.cell, "context": parent.reads, "window": parent.reads} | overrides
    else:
        free = (*free, "context")
    parts = settings_of.settings(preset, **given)
    kept = {}
    for name, value in dataclasses.asdict(parent.config).items():
        if name in free and name in overrides:
            kept[name] = overrides[name]
        elif name in overrides and overrides[name] != value:
            raise ConfigError(
                f"`{name}` is {overrides[name]!r}, but the model to start from has {value!r}; leave it out"
            )
        else:
            kept[name] = value
    # What generation reads follows from how the model is trained now.
    kept["context"] = parts["model"].context
    vocabulary = parent.vocabulary
    for name in ("unit", "nfc"):
        if name in overrides and overrides[name] != getattr(vocabulary, name):
            raise ConfigError(
                f"`{name}` is {overrides[name]!r}, but the model to start from has {getattr(vocabulary, name)!r};"
                " leave it out"
            )
    text = dataclasses.replace(parts["text"], unit=vocabulary.unit, nfc=vocabulary.nfc)
    return parts | {"text": text, "model": settings_of.LanguageConfig(**kept)}


def grow(vocabulary: Vocabulary, documents: list[Document], policy: str) -> Vocabulary:
    """The vocabulary for a new text: the same, or with its new symbols behind the old ones, and an end of document
    where there are several."""
    if policy == "unk" and vocabulary.unk is None:
        raise VocabularyError(
            "new_symbols='unk', but the model to start from has no <unk> token; use 'grow', or train the first model"
            " with unknown='unk'"
        )
    if policy != "grow":
        return vocabulary
    chunks = chain.from_iterable(document.chunks() for document in documents)
    return vocabulary.extend(chunks, documents=len(documents) > 1)


def start(parent: LanguageModel, vocabulary: Vocabulary, parts: dict[str, Any]) -> LanguageModel:
    """A model with the parent's weights; rows of symbols that the parent did not know are new."""
    model = build(vocabulary, parts["model"], parts["training"].seed)
    known = len(parent.vocabulary)
    with torch.no_grad():
        for (name, new), old in zip(model.named_parameters(), parent.parameters(), strict=True):
            if name.startswith(("embedding.", "head.")):
                new[:known] = old
            else:
                new.copy_(old)
        # A symbol that was never seen is as likely as the rarest known one, not as an average one.
        model.head.bias[known:] = parent.head.bias.min()
    return model
