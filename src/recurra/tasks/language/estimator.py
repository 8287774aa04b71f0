"""A text → a language model: what is its own in the lifecycle of a run."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from recurra import tensorfiles
from recurra.config import nearest
from recurra.data import Corpus, Document, as_items, build_corpus, gather
from recurra.errors import ConfigError, setting
from recurra.fitting import running
from recurra.fitting.estimator import ModelEstimator
from recurra.fitting.tuning import Tunable
from recurra.tasks.language import finetune
from recurra.tasks.language.config import CONFIGS, SCHEMA, SEARCH, TRANSFORMER, settings
from recurra.tasks.language.evaluation import evaluate
from recurra.tasks.language.learned import Text
from recurra.tasks.language.model import LanguageModel
from recurra.tasks.language.recipe import few, few_epochs, recipe
from recurra.tasks.language.task import LanguageTask, line_ends
from recurra.training import distributed
from recurra.training.names import WEIGHTS

PRELUDE = 256
"""Tokens that are read before a text is written."""


class LanguageEstimator(Tunable, ModelEstimator):
    """Fits a LanguageModel: `LanguageEstimator(epochs=2).fit("book.txt").model.generate("Once ")`.

    What is fitted on: a file, a folder, the name of a corpus, a Document, or several of them. `recurra.train` is short for it.
    preset, overrides: a recipe (see PRESETS), and any field of TextConfig, DataConfig, LanguageConfig, TrainingConfig.
    init_from: a run, or a model, to start from, on another text: its layers and vocabulary are taken over. new_symbols: what
    becomes of symbols that it does not know: "grow" (they are added), "unk" (its <unk> token) or "error".
    """

    schema, configs, SEARCH = SCHEMA, CONFIGS, SEARCH
    command, takes = "train", "text"
    instead = f"; to train it further, start a new run from it: train(..., {setting('init_from', 'folder')})"
    Learned = Text

    def __init__(
        self,
        preset: str = "default",
        *,
        init_from: str | Path | LanguageModel | None = None,
        new_symbols: str = "grow",
        **overrides: Any,
    ):
        if new_symbols not in finetune.POLICIES:
            raise ConfigError(f"{setting('new_symbols')} is {new_symbols!r}; {nearest(new_symbols, finetune.POLICIES)}")
        self.preset, self.new_symbols, self.parent = preset, new_symbols, None
        if init_from is not None:
            self.parent = init_from if isinstance(init_from, LanguageModel) else type(self).load(init_from).model
        super().__init__(**overrides)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        self = super().load(folder)
        self.model.stored = tensorfiles.header(self.folder / WEIGHTS)[1].get("precision", "float32")
        return self

    def _checked(self, more: dict[str, Any] | None = None) -> dict[str, Any]:
        # Minutes are the most that is to be spent: a recipe that needs less has epochs in their place.
        given = {
            name: value for name, value in self._settings.items() if name != "minutes" or "epochs" not in (more or {})
        }
        values = (more or {}) | given
        return finetune.settings(self.parent, self.preset, values) if self.parent else settings(self.preset, **values)

    def check(self) -> None:
        with torch.device("meta"):  # computes nothing; any vocabulary will do
            LanguageModel(range(2), self.parts["model"])

    def store(self, data: Any, validation: Any, folder: Path) -> None:
        text, config = self.parts["text"], self.parts["data"]
        vocabulary = None
        if self.parent is not None:
            data, _ = as_items(gather(data, config), config)  # read twice: standard input is there only once
            vocabulary = finetune.grow(self.parent.vocabulary, data, self.new_symbols)
        with self.reading("reading the text") as report:
            build_corpus(data, folder, text, config, vocabulary, report, validation)

    def stored(self, folder: Path) -> Corpus:
        return Corpus.open(folder)

    def recipe(self, data: Corpus, minutes: float | None) -> tuple[dict[str, Any], str]:
        mine = self._settings
        if why := few(data.train, data.characters):
            why = f"{why}; about 100,000 make a model worth having"
            if minutes or mine.get("epochs"):
                return {}, why
            epochs = few_epochs(len(data.train))
            return {"epochs": epochs}, f"{why}: only {epochs} epoch{'s' * (epochs != 1)}"
        return self._suited(len(data.train), minutes)

    def _suited(self, tokens: int, minutes: float | None) -> tuple[dict[str, Any], str]:
        parts = self.parts
        plain = self.preset == "default" and self.parent is None and parts["data"].mode == "streams"
        if not plain or parts["model"].cell == TRANSFORMER:
            return {}, ""
        power = _power(running.device(parts["training"].device))
        found, why = recipe(tokens, minutes, power, self._settings)
        found["batch_size"] = -(-found["batch_size"] // distributed.world()) * distributed.world()
        return found, why

    def planned(self, tokens: int) -> tuple[dict[str, Any], str]:
        """The settings by part that a text of so many tokens to train on would be learned with, and why, before it is read:
        `LanguageEstimator(minutes=1.0).planned(45_000)[0]["model"].hidden_size`."""
        more, why = self._suited(tokens, self.parts["training"].minutes)
        return self._checked(more), why

    def _tune(self, data: Any, *arguments: Any, **options: Any) -> Self:
        # Each fit reads the text, and standard input is there only once.
        return super()._tune(gather(data, self.parts["data"]), *arguments, **options)

    def bound(self) -> set[str]:
        # Layers that are taken over, or tied to the embedding, have their sizes; a transformer's are bound to its heads.
        model = self.parts["model"]
        free = self.parent is None and not model.tie_weights and model.cell != TRANSFORMER
        return set() if free else {"cell", "hidden_size", "num_layers"}

    def fingerprint(self, data: Corpus) -> str:
        return f"{data.info['sha256']}-{data.info['train']}"

    def learn(self, data: Corpus) -> Text:
        return Text(data.vocabulary, prelude(data), data.items)

    def network(self, parts: dict[str, Any], learned: Text) -> LanguageModel:
        return LanguageModel(learned.vocabulary, parts["model"], prelude=learned.prelude, items=learned.items)

    def start(self, model: LanguageModel) -> bool:
        if self.parent is not None:
            finetune.start(model, self.parent)
        return self.parent is not None

    def task(self, model: LanguageModel, data: Corpus) -> LanguageTask:
        return LanguageTask(model, data, self.parts["data"], self.parts["training"].seed)

    def notes(self, data: Corpus, task: LanguageTask) -> list[str]:
        return data.notes

    def score(self, source: Any) -> float:
        """Minus the nats a character on other text: more is better. `recurra.tasks.language.evaluate` gives all measures."""
        return -evaluate(self.model, source)["nats"]

    def next(self) -> str:
        return f"recurra generate {self._named()}" + (" --samples 20" if self.learned.items else "")


def _power(device: torch.device) -> float:
    """What the device does in the time of one processor, roughly."""
    return 50.0 if device.type == "cuda" else torch.get_num_threads() ** 0.7


def prelude(corpus: Corpus) -> tuple[int, ...]:
    """Where writing begins (see `Text.prelude`): the middle of the training text, up to an empty line, or else to the end of a
    line; of a list, its first item and the end of it."""
    ids, vocabulary = corpus.train, corpus.vocabulary
    if corpus.items:
        first = np.flatnonzero(ids[: 100 * PRELUDE] == vocabulary.eod)
        return tuple(ids[: first[0] + 1].tolist()) if len(first) else ()
    middle = len(ids) // 2
    part = line_ends(vocabulary)[ids[middle : middle + 10 * PRELUDE]]
    # After an empty line begins a paragraph, a speech, a heading: what prompts begin with.
    ends = np.concatenate([np.flatnonzero(part[1:] & part[:-1]) + 1, np.flatnonzero(part)])
    if not len(ends):
        return ()  # a text of one line: nothing of it starts over
    end = middle + int(ends[0]) + 1
    return tuple(ids[max(0, end - PRELUDE) : end].tolist())


def name_of(source: Any) -> str:
    """What a source is called in a run's name: the first of several, the name of a Document."""
    first = next(iter(source), "") if isinstance(source, list | tuple) else source
    return first.name if isinstance(first, Document) else str(first)
