"""The models that ship in the package: small, whole, and good enough to write words."""

import re

import pytest

from recurra import models
from recurra.data.corpora import corpus_text
from recurra.tasks import language


@pytest.mark.parametrize("folder", models.folders(), ids=lambda folder: folder.name)
def test_each_writes_words_of_the_manual(folder):
    model = language.load(folder)
    assert model.config.hidden_size == 128
    text = model.generate("The ", 2000, temperature=0.5, seed=1)
    words = re.findall(r"[a-z]{3,}", text)
    known = set(re.findall(r"[a-z]{3,}", corpus_text("manual")))
    assert len(words) > 50
    assert sum(word in known for word in words) > 0.8 * len(words)


def test_together_they_are_small():
    assert sum(path.stat().st_size for folder in models.folders() for path in folder.iterdir()) < 1e6
