"""Language models for the engine's tests: every kind of layer, with weights that differ."""

import torch
from torch import nn

from recurra.nn import Recurrent
from recurra.tasks.language import LanguageConfig, LanguageModel
from recurra.text import build_vocabulary

SYMBOLS = "\nabcdefghijklmnopqrstuvwxyz ,.!'"
VOCABULARY = build_vocabulary([SYMBOLS])
OPTIONS = {
    "plain": {},
    "two layers": {"num_layers": 2, "residual": True, "tie_weights": True, "embedding_size": 19},
    "zoneout": {"zoneout": 0.3, "num_layers": 2, "hidden_size": 33},
}


def language_model(cell="lstm", vocabulary=VOCABULARY, seed: int = 0, **options) -> LanguageModel:
    """A model with random weights, which writes neither one token for ever nor plain noise."""
    torch.manual_seed(seed)
    model = LanguageModel(
        vocabulary, LanguageConfig(cell=cell, **({"hidden_size": 19, "embedding_size": 13} | options))
    )
    return stirred(model)


def stirred(model: LanguageModel) -> LanguageModel:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        model.head.weight.mul_(2)
    return model.eval()


def with_layers(**options) -> LanguageModel:
    """The same with layers of options that a language model's settings do not name."""
    model = language_model(**{name: options[name] for name in ("cell",) if name in options})
    model.layers = Recurrent(options.pop("cell", "lstm"), 13, 19, 2, check_finite=False, **options)
    width = options.get("proj_size") or 19
    model.head = nn.Linear(width, len(VOCABULARY))
    return stirred(model)
