"""Translator: fit on pairs of texts, translate others, see what it looked at."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from recurra.config import whole
from recurra.errors import DataError
from recurra.fitting.estimator import Estimator
from recurra.fitting.split import Halves
from recurra.tasks.translation.alignment import Alignment
from recurra.tasks.translation.config import CONFIGS, DEFAULTS
from recurra.tasks.translation.model import EncoderDecoder
from recurra.tasks.translation.pairs import Pair, check_pairs, check_texts, read_pairs, vocabularies
from recurra.tasks.translation.search import search
from recurra.tasks.translation.task import Languages, TranslationTask
from recurra.text import Vocabulary

_BEAMS = 64  # more candidates than this are a slip


class Translator(Estimator):
    """Learns to turn texts into others: `Translator(minutes=1).fit(pairs).translate(["3 May 1987"])`.

    pairs: (text, translation) each. settings: any field of TranslationConfig, PairsConfig and TrainingConfig.
    """

    schema, configs, defaults = "translation/2", CONFIGS, DEFAULTS
    command, takes = "translate", "pairs"
    Learned = Languages

    @staticmethod
    def read_files(paths: list[str], swap: bool = False) -> list[Pair]:
        pairs = read_pairs(paths, swap)
        if not pairs:
            raise DataError(f"{paths[0]} is empty; expected a text, a tab and its translation on each line")
        return pairs

    def read(self, data: Any, name: str) -> list[Pair]:
        return check_pairs(data, name)

    def learn(self, data: Halves) -> Languages:
        source, target = vocabularies([*data.train, *data.valid], self.parts["data"].unit)
        return Languages(source, target, 2 * max(len(target.encode(text)) for _, text in data.train))

    def network(self, parts: dict[str, Any], learned: Languages) -> EncoderDecoder:
        return EncoderDecoder(len(learned.source), len(learned.target), parts["model"], learned.source.unk)

    def task(self, model: EncoderDecoder, data: Halves) -> TranslationTask:
        size, seed = self.parts["data"].batch_size, self.parts["training"].seed
        return TranslationTask(model, self.learned, data.train, data.valid, size, seed)

    def translate(self, texts: Iterable[str], *, beam: int = 1) -> list[str]:
        """The translation of each text: `translate(["3 May 1987"])` → ["1987-05-03"].

        beam: candidates searched with at a time; 1 takes the likeliest token at each step. Symbols that were not learned are
        read as one unknown symbol. DataError, DtypeError and ConfigError for texts, and a beam, that cannot be.
        """
        return [self.learned.target.decode(found) for _, found in self._found(texts, beam)]

    def _found(self, texts: Iterable[str], beam: int) -> list[tuple[np.ndarray, list[int]]]:
        """The ids of each text and of its translation."""
        model, texts = self.model, check_texts(texts, "texts")
        beam = whole("beam", beam, f"a number of candidates from 1 to {_BEAMS}", 1, _BEAMS)
        source, target = self.learned.source, self.learned.target
        ids = [source.encode(text, "the text").astype(np.int64) for text in texts]
        return list(zip(ids, search(model, ids, limit=self.learned.limit, end=target.eod, beam=beam), strict=True))

    def alignment(self, text: str, *, beam: int = 1) -> Alignment:
        """A text's translation and what each of its tokens looked at: `alignment("3 May 1987").matrix` (10, 10)."""
        ids, found = self._found([text], beam)[0]
        source, target = self.learned.source, self.learned.target
        with torch.no_grad():
            given = torch.tensor([[target.eod, *found[:-1]]], device=self.model.device)
            memory, going = self.model.encode(torch.as_tensor(ids, device=given.device)[None], torch.tensor([len(ids)]))
            weights = self.model.decode(given, memory, going)[1][0, : len(found)]
        tokens = [target.tokens[i] for i in found]
        return Alignment(target.decode(found), weights.cpu().numpy(), tokens, _shown(source, text, ids))

    def score(self, pairs: Iterable[Pair], *, beam: int = 1) -> float:
        """The fraction of pairs whose text is translated exactly so."""
        texts, wanted = zip(*check_pairs(pairs), strict=True)
        return sum(map(str.__eq__, self.translate(texts, beam=beam), wanted)) / len(wanted)


def _shown(vocabulary: Vocabulary, text: str, ids: np.ndarray) -> list[str]:
    """The tokens of a text: as they stand there where each is one character, so that unknown ones are shown too."""
    return list(text) if len(ids) == len(text) else [vocabulary.tokens[i] for i in ids]
