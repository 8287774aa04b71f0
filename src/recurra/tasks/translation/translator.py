"""Translator: fit on pairs of texts, translate others, see what it looked at."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from recurra import config
from recurra.config import whole
from recurra.errors import DataError, RunError
from recurra.fitting import folders, running
from recurra.tasks.translation.alignment import Alignment
from recurra.tasks.translation.config import CONFIGS, DEFAULTS
from recurra.tasks.translation.model import EncoderDecoder
from recurra.tasks.translation.pairs import Pair, check_pairs, check_texts, fingerprint, read_pairs, split, vocabularies
from recurra.tasks.translation.search import search
from recurra.tasks.translation.task import Languages, TranslationTask
from recurra.text import Vocabulary
from recurra.training import runs

SCHEMA = "translation/1"
_VOCABULARIES = "source.json", "target.json"
_BEAMS = 64  # more candidates than this are a slip


class Translator:
    """Learns to turn texts into others: `Translator(minutes=1).fit(pairs).translate(["3 May 1987"])`.

    out: a new folder to keep the run in; default none. quiet: show nothing; default True.
    settings: any field of TranslationConfig, PairsConfig and TrainingConfig. ConfigError for one that cannot be.

    After `fit`: model_ (the network), languages_ (the vocabularies), folder_ (None without `out`), history_ (the evaluations).
    """

    verb = "translate"

    def __init__(self, *, out: str | Path | None = None, quiet: bool = True, **values: Any):
        self.parts = config.make_parts(CONFIGS, DEFAULTS | values)
        self.out, self.quiet = out, quiet
        self.model_: EncoderDecoder | None = None

    def fit(
        self,
        pairs: Iterable[Pair],
        *,
        validation: Iterable[Pair] | None = None,
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn from pairs (text, translation), anew each time.

        validation: pairs to choose the best weights by, in place of the part `validation` of the others.
        listeners, stop: as in `recurra.training.fit`.

        DataError and DtypeError for pairs that cannot be used, RunError where the folder `out` is in use.
        """
        if self.out is not None:
            return self._train(lambda: folders.claim(self.out), pairs, validation, {}, listeners, stop)
        with tempfile.TemporaryDirectory(prefix="recurra-") as folder:
            return self._train(lambda: Path(folder), pairs, validation, {}, listeners, stop, kept=False)

    def _train(self, claim, pairs, validation, about, listeners=(), stop=None, kept=True) -> Self:
        """Train in the folder that `claim` gives once the pairs are known to be fine, or go on with the run of `about`."""
        data, training = self.parts["data"], self.parts["training"]
        device, pairs = running.device(training.device), check_pairs(pairs)
        if validation is None:
            mark, (train, valid) = fingerprint(pairs), split(pairs, data.validation, training.seed)
        else:
            train, valid = pairs, check_pairs(validation, "validation")
            mark = fingerprint(train, valid)
        if about.setdefault("fingerprint", mark) != mark:
            raise DataError("the run was begun with other pairs; it goes on only with the same ones")
        languages = Languages(*vocabularies([*train, *valid], data.unit))
        model = folders.seeded(lambda: self._network(languages), training.seed)
        # What goes on for twice as long as anything it learned from will not end well.
        self.limit_ = 2 * max(len(languages.target.encode(target)) for _, target in train)
        folder = claim()
        self._write(folder, languages, about)
        self._own(model.to(device), languages, folder if kept else None)
        task = TranslationTask(model, languages, train, valid, data.batch_size, training.seed)
        told = [lambda event: self.history_.append(event) if event["event"] == "evaluate" else None, *listeners]
        again = f"recurra translate --resume {folder}" if "sources" in about else f"resume({str(folder)!r}, pairs)"
        options = {"again": again if kept else None, "quiet": self.quiet, "listeners": told, "stop": stop}
        running.train(task, training, folder, **options)
        model.eval()
        return self

    def _network(self, languages: Languages) -> EncoderDecoder:
        source, target = languages
        return EncoderDecoder(len(source), len(target), self.parts["model"], source.unk)

    def _own(self, model: EncoderDecoder, languages: Languages, folder: Path | None) -> None:
        self.model_, self.languages_, self.folder_, self.history_ = model, languages, folder, []

    def _write(self, folder: Path, languages: Languages, about: dict[str, Any]) -> None:
        for name, vocabulary in zip(_VOCABULARIES, languages, strict=True):
            folders.write_vocabulary(folder, vocabulary, name)
        folders.write_settings(folder, SCHEMA, self.parts, limit=self.limit_, **about)

    def _fitted(self) -> EncoderDecoder:
        if self.model_ is None:
            raise RunError("this Translator has learned nothing yet; call fit(pairs), or Translator.load(folder)")
        return self.model_

    # Using it

    def translate(self, texts: Iterable[str], *, beam: int = 1) -> list[str]:
        """The translation of each text: `translate(["3 May 1987"])` → ["1987-05-03"].

        beam: candidates searched with at a time; 1 takes the likeliest token at each step. Symbols that were not learned are
        read as one unknown symbol. DataError, DtypeError and ConfigError for texts, and a beam, that cannot be.
        """
        return [self.languages_.target.decode(found) for _, found in self._found(texts, beam)]

    def _found(self, texts: Iterable[str], beam: int) -> list[tuple[np.ndarray, list[int]]]:
        """The ids of each text and of its translation."""
        model, texts = self._fitted(), check_texts(texts, "texts")
        beam = whole("beam", beam, f"a number of candidates from 1 to {_BEAMS}", 1, _BEAMS)
        source, target = self.languages_
        ids = [source.encode(text, "the text").astype(np.int64) for text in texts]
        return list(zip(ids, search(model, ids, limit=self.limit_, end=target.eod, beam=beam), strict=True))

    def alignment(self, text: str, *, beam: int = 1) -> Alignment:
        """A text's translation and what each of its tokens looked at: `alignment("3 May 1987").matrix` (10, 10)."""
        ids, found = self._found([text], beam)[0]
        source, target = self.languages_
        with torch.no_grad():
            given = torch.tensor([[target.eod, *found[:-1]]], device=self.model_.device)
            memory, going = self.model_.encode(
                torch.as_tensor(ids, device=given.device)[None], torch.tensor([len(ids)])
            )
            weights = self.model_.decode(given, memory, going)[1][0, : len(found)]
        tokens = [target.tokens[i] for i in found]
        return Alignment(target.decode(found), weights.cpu().numpy(), tokens, _shown(source, text, ids))

    def score(self, pairs: Iterable[Pair], *, beam: int = 1) -> float:
        """The share of pairs whose text is translated exactly so."""
        texts, wanted = zip(*check_pairs(pairs), strict=True)
        return sum(map(str.__eq__, self.translate(texts, beam=beam), wanted)) / len(wanted)

    # Keeping it

    def save(self, folder: str | Path) -> None:
        """Write what `load` needs: config.json, the vocabularies, model.safetensors. RunError where the folder holds a run."""
        model, folder = self._fitted(), Path(folder)
        folders.refuse_a_run(folder)
        folders.make(folder)
        self._write(folder, self.languages_, {})
        runs.write_weights(model, folder, step=None, loss=None)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open what was fitted with `out`, or saved: `Translator.load("runs/dates-1").translate(["3 May 1987"])`.

        RunError, in one line, for a folder that is missing, damaged or of another task.
        """
        folder = folders.find(folder)
        found, about = cls._described(folder)
        languages = Languages(*(folders.read_vocabulary(folder, name) for name in _VOCABULARIES))
        try:
            found.limit_ = int(about["limit"])
        except (ValueError, KeyError) as error:
            raise RunError(f"{folder} is damaged: {error!r}. Restore it from a copy, or train again") from error
        model = found._network(languages)
        runs.load_weights(model, folder)
        found._own(model.eval(), languages, folder)
        return found

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        pairs: Iterable[Pair] | None = None,
        *,
        validation: Iterable[Pair] | None = None,
        quiet: bool = True,
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Go on with a fit that was stopped, to the bits it would have had: `Translator.resume(folder, pairs)`.

        pairs, validation: the same as they were; others are a DataError. Left out, they are read again from the files that the
        run was made from. RunError where the folder is damaged, holds no run, or knows of no files.
        """
        folder = folders.find(folder)
        found, about = cls._described(folder)
        if "fingerprint" not in about:
            raise RunError(f"{folder} holds a saved model, not a run; there is nothing to go on with")
        if pairs is None:
            if "sources" not in about:
                raise RunError(f"{folder} was fitted on pairs in memory; give the same again: resume(folder, pairs)")
            pairs = read_pairs(**about["sources"])
        found.out, found.quiet = str(folder), quiet
        about = {name: about[name] for name in ("fingerprint", "sources") if name in about}
        return found._train(lambda: folder, pairs, validation, about, listeners, stop)

    @classmethod
    def from_files(
        cls,
        paths: str | Path | Sequence[str | Path],
        out: str | Path | None = None,
        *,
        quiet: bool = False,
        reading: dict[str, Any] | None = None,
        **values: Any,
    ) -> Self:
        """Fit on files of pairs, in a run's folder: `Translator.from_files(["dates.tsv"], epochs=5)`.

        paths, reading: what `read_pairs` takes. out: default runs/<name>-<number>. values: the settings.
        """
        paths = [paths] if isinstance(paths, str | Path) else list(paths)
        sources = {"paths": folders.kept(paths)} | (reading or {})
        found, pairs = cls(quiet=quiet, **values), read_pairs(paths, **(reading or {}))
        if not pairs:
            raise DataError(f"{paths[0]} is empty; expected a text, a tab and its translation on each line")

        def claim() -> Path:
            folder = folders.new(folders.name_of(paths[0])) if out is None else folders.claim(out)
            found.out = str(folder)
            return folder

        return found._train(claim, pairs, None, {"sources": sources})

    @classmethod
    def _described(cls, folder: Path) -> tuple[Self, dict[str, Any]]:
        """A Translator with a folder's settings, not yet fitted, and the rest of its config.json."""
        parts, about = folders.read_settings(folder, SCHEMA, CONFIGS, need=CONFIGS)
        return cls(**{name: value for part in parts.values() for name, value in vars(part).items()}), about


def _shown(vocabulary: Vocabulary, text: str, ids: np.ndarray) -> list[str]:
    """The tokens of a text: as they stand there where each is one character, so that unknown ones are shown too."""
    return list(text) if len(ids) == len(text) else [vocabulary.tokens[i] for i in ids]
