"""Fine-tuning: start from a trained model, on another text, with symbols it may never have seen."""

import dataclasses
from itertools import chain
from typing import Any

import torch

from recurra.data import Document
from recurra.errors import ConfigError, VocabularyError, setting
from recurra.fitting import folders
from recurra.tasks.language import config
from recurra.tasks.language.config import CONFIGS, SCHEMA
from recurra.tasks.language.model import LanguageModel
from recurra.text import TextConfig, Vocabulary

POLICIES = ("grow", "error", "unk")

# What changes how the weights are trained, and not what they compute, may be chosen again.
_FREE = (
    *("dropout", "input_dropout", "output_dropout", "recurrent_dropout", "zoneout", "weight_dropout"),
    "precision",
)


def settings(parent: LanguageModel, preset: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """The four parts' settings: the parent's layers, and the preset and overrides for all else.

    ConfigError for an override that would change the layers or the vocabulary, which are the parent's.
    """
    layers, text = dataclasses.asdict(parent.config), _text(parent)
    if parent.reads:  # a transformer: it has a place for each token of its context, and not one more
        _refuse_others(overrides, {name: layers[name] for name in ("cell", "context")})
        overrides = {"cell": parent.config.cell, "context": parent.reads, "window": parent.reads} | overrides
    parts = config.settings(preset, **{name: value for name, value in overrides.items() if name not in text})
    # What generation reads follows from how the model is trained now.
    layers["context"] = parts["model"].context
    layers |= {name: overrides[name] for name in _FREE if name in overrides}
    _refuse_others(overrides, layers | text)
    return parts | {"text": TextConfig(**text), "model": config.LanguageConfig(**layers)}


def _text(parent: LanguageModel) -> dict[str, Any]:
    """How the parent's text was cut into tokens; of a saved model, which does not say, what its vocabulary shows."""
    kept = folders.read_settings(parent.folder, SCHEMA, CONFIGS)[0].get("text") if parent.folder else None
    if kept:
        return dataclasses.asdict(kept)
    vocabulary = parent.vocabulary
    unknown = "unk" if vocabulary.unk is not None else "bytes" if vocabulary.spelled is not None else "error"
    return dataclasses.asdict(TextConfig(unit=vocabulary.unit, nfc=vocabulary.nfc, unknown=unknown))


def _refuse_others(overrides: dict[str, Any], kept: dict[str, Any]) -> None:
    for name, value in kept.items():
        if overrides.get(name, value) != value:
            raise ConfigError(
                f"{setting(name)} is {overrides[name]!r}, but the model to start from has {value!r}; leave it out"
            )


def grow(vocabulary: Vocabulary, documents: list[Document], policy: str) -> Vocabulary:
    """The vocabulary for a new text: the same, or with its new symbols behind the old ones, and an end of document
    where there are several."""
    if policy == "unk" and vocabulary.unk is None:
        raise VocabularyError(
            f"{setting('new_symbols', 'unk')}, but the model to start from has no <unk> token; use "
            "'grow', or train the first model"
            f" with {setting('unknown', 'unk')}"
        )
    if policy != "grow":
        return vocabulary
    chunks = chain.from_iterable(document.chunks() for document in documents)
    return vocabulary.extend(chunks, documents=len(documents) > 1)


@torch.no_grad()
def start(model: LanguageModel, parent: LanguageModel) -> None:
    """Give a new model its parent's weights; rows of symbols that the parent did not know keep their own."""
    known = len(parent.vocabulary)
    for (name, new), old in zip(model.named_parameters(), parent.parameters(), strict=True):
        if name.startswith(("embedding.", "head.")):
            new[:known] = old.to(new.device)
        else:
            new.copy_(old)
    # A symbol that was never seen is as likely as the rarest known one, not as an average one.
    model.head.bias[known:] = parent.head.bias.min()
