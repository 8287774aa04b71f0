"""One letter of a written text, as JSON: what it depended on and what else could have come; and what of the text is copied."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from recurra import inside
from recurra.data.corpora import corpus_text
from recurra.data.corpus import Corpus
from recurra.errors import ConfigError, RunError
from recurra.generation import copied
from recurra.inside.reading import Reading, encode
from recurra.models import FOLDER
from recurra.studio.views import look_shapes as shapes
from recurra.tasks.language import LanguageModel

LIKELIEST = 5
SPAN = 24
"""Tokens in a row from which on a span counts as copied."""
LONGEST = 20_000_000
"""Tokens of a training text that is searched for copies while somebody waits."""
AROUND = 60
"""Tokens of the training text that are shown on either side of a copied span's start."""


def letter(body: shapes.Letter, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """What the letter at a place depended on, and what else could have come there."""
    ends = np.cumsum([len(part) for part in reading.characters])
    if not 1 <= body.at < ends[-1]:
        raise ConfigError(f"`at` is {body.at}; expected 1 to {ends[-1] - 1}: the first letter follows from nothing")
    token = int(np.searchsorted(ends, body.at, side="right"))
    if token == 0:
        raise ConfigError("`at` is in the first token, which follows from nothing")
    found = inside.influence(model, body.text, token)
    starts = [0, *ends.tolist()]
    return {
        "start": starts[token],
        "end": starts[token + 1],
        "chance": round(float(np.exp(-reading.losses[token])), 4),
        "next": [[symbol, round(p, 4)] for symbol, p in reading.next(LIKELIEST)[token - 1]],
        "before": [
            [start, end, round(float(norm), 3)]
            for (start, end), norm in zip(pairwise(starts[found.first : token + 1]), found.norms, strict=True)
        ],
    }


def copies(body: shapes.Look, model: LanguageModel, reading: Reading) -> dict[str, Any]:
    """The spans of a text that stand word for word in what the model was trained on."""
    ids = _training_text(model)
    if ids is None or len(ids) > LONGEST:
        return {"minimum": SPAN, "spans": None, "fraction": None}
    starts = [0, *np.cumsum([len(part) for part in reading.characters]).tolist()]
    spans = copied(encode(model, body.text), ids, SPAN)
    inside_one = np.zeros(starts[-1], bool)
    for span in spans:
        inside_one[starts[span.start] : starts[span.start + span.length]] = True
    return {
        "minimum": SPAN,
        "spans": [
            {
                "start": starts[span.start],
                "end": starts[span.start + span.length],
                "source": model.vocabulary.decode(
                    np.asarray(ids[max(0, span.place - AROUND) : span.place + span.length + AROUND])
                ),
            }
            for span in spans
        ],
        "fraction": round(float(inside_one.mean()), 4),
    }


def _training_text(model: LanguageModel) -> np.ndarray | None:
    """The training text's ids; None if it did not come with the model."""
    folder = Path(model.folder)
    if folder.parent == FOLDER:
        return model.vocabulary.encode(corpus_text("manual"))
    try:
        return Corpus.open(folder).train
    except RunError:
        return None
