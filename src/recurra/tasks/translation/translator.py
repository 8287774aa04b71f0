"""Translator: fit on pairs of texts, translate others, see what it looked at."""

import warnings
from collections.abc import Iterable, Sequence
from shlex import quote
from typing import Any

import numpy as np
import torch

from recurra.config import whole
from recurra.errors import ConfigError, DataError, setting
from recurra.fitting.estimator import Estimator
from recurra.fitting.report import compared, shortened
from recurra.fitting.split import Halves
from recurra.tasks.translation import scores
from recurra.tasks.translation.alignment import Alignment
from recurra.tasks.translation.config import CONFIGS, DEFAULTS
from recurra.tasks.translation.model import EncoderDecoder
from recurra.tasks.translation.neighbours import Neighbours
from recurra.tasks.translation.pairs import Pair, check_pairs, check_texts, read_pairs, short
from recurra.tasks.translation.scores import measures
from recurra.tasks.translation.search import copies_in, search
from recurra.tasks.translation.task import Languages, TranslationTask
from recurra.text import Vocabulary

_BEAMS, _PENALTY = 64, 10.0  # more candidates, or a higher power, are a slip

SOME = 24
"""Held-out pairs that are kept for `report`."""


class TranslationCut(UserWarning):
    """A translation that reached the longest that is written."""


class Translator(Estimator):
    """Learns to turn texts into others: `Translator(minutes=1).fit(pairs).translate(["3 May 1987"])`.

    pairs: (text, translation) each. settings: any field of TranslationConfig, PairsConfig and TrainingConfig.
    """

    schema, configs, defaults = "translation/3", CONFIGS, DEFAULTS
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

    def check(self) -> None:
        scores.check(self.parts["training"].monitor)

    def learn(self, data: Halves) -> Languages:
        return Languages.learn(data.train, self.parts["data"])

    def network(self, parts: dict[str, Any], learned: Languages) -> EncoderDecoder:
        return EncoderDecoder(len(learned.source), len(learned.target), parts["model"])

    def task(self, model: EncoderDecoder, data: Halves) -> TranslationTask:
        size, seed = self.parts["data"].batch_size, self.parts["training"].seed
        self._state.examples = data.valid[:SOME]
        return TranslationTask(model, self.learned, data.train, data.valid, size, seed)

    def examples(self) -> list[str]:
        pairs = self._fitted().examples or []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TranslationCut)
            found = self.translate([text for text, _ in pairs]) if pairs else []
        return compared((shortened(a), shortened(f), shortened(b)) for (a, b), f in zip(pairs, found, strict=True))

    def next(self) -> str:
        pairs = self._fitted().examples or [("TEXT", "")]
        # A short one, as it has to be pasted.
        return f"recurra translate {quote(min((text for text, _ in pairs), key=len))} --model {self._named()}"

    def translate(self, texts: Iterable[str], *, beam: int = 4, length_penalty: float = 1.0) -> list[str]:
        """The translation of each text: `translate(["3 May 1987"])` → ["1987-05-03"].

        beam: candidates searched with at a time; 1 takes the likeliest token at each step. length_penalty: they are compared by
        their log-probability divided by their length to this power; less than 1 prefers shorter ones. Symbols that were not
        learned are read as one unknown symbol. A translation is at most twice as long as any that was learned from; of one that
        is cut there, with a warning. DataError, DtypeError and ConfigError for texts and settings that are invalid.
        """
        return [self.learned.write(found) for _, found in self._found(texts, beam, length_penalty)]

    def _found(self, texts: Iterable[str], beam: int, length_penalty: float) -> list[tuple[np.ndarray, list[int]]]:
        """The ids of each text and of its translation."""
        model, texts, learned = self.model, check_texts(texts, "texts"), self.learned
        beam = whole("beam", beam, f"a number of candidates from 1 to {_BEAMS}", 1, _BEAMS)
        if not 0 <= length_penalty <= _PENALTY:
            raise ConfigError(f"{setting('length_penalty')} is {length_penalty}; expected 0 to {_PENALTY}")
        ids, end, never = [learned.read(text) for text in texts], learned.target.eod, learned.target.unk
        more = {"never": never, "length_penalty": length_penalty, "copies": [copies_in(text) for text in texts]}
        found = search(model, ids, limit=learned.limit, end=end, beam=beam, **more)
        if cut := [i for i, one in enumerate(found) if len(one) == learned.limit]:
            warnings.warn(
                f"{len(cut)} of {len(found)} translations are cut, the first of {short(texts[cut[0]])}: at most"
                f" {learned.limit:,} tokens are written, twice as many as any pair has. Translate long texts by sentences",
                TranslationCut,
                stacklevel=3,
            )
        return list(zip(ids, found, strict=True))

    def alignment(self, text: str, *, beam: int = 4, length_penalty: float = 1.0) -> Alignment:
        """A text's translation and what each of its tokens looked at: `alignment("3 May 1987").matrix` (10, 10)."""
        ids, found = self._found([text], beam, length_penalty)[0]
        source, target = self.learned.source, self.learned.target
        with torch.no_grad():
            given = torch.tensor([[target.eod, *found[:-1]]], device=self.model.device)
            memory, going = self.model.encode(
                torch.as_tensor(ids, device=given.device)[None], torch.tensor([len(ids)], device="cpu")
            )
            weights = self.model.decode(given, memory, going)[1][0, : len(found)]
        tokens = [target.tokens[i] for i in found]
        return Alignment(self.learned.write(found), weights.cpu().numpy(), tokens, _shown(source, text, ids))

    def evaluate(self, pairs: Iterable[Pair], *, beam: int = 4, length_penalty: float = 1.0) -> dict[str, float]:
        """How near the translations of some texts come to the right ones: `evaluate(pairs)["chrf"]`.

        accuracy: the fraction that is exactly right. Where sacrebleu is installed, from 0 to 100: chrf, bleu, and nearest_chrf,
        what the translation of the nearest learned text would have.
        """
        texts, wanted = zip(*check_pairs(pairs), strict=True)
        return self.compared(texts, self.translate(texts, beam=beam, length_penalty=length_penalty), wanted)

    def compared(self, texts: Sequence[str], found: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
        """The same for translations that were made."""
        measured = measures(found, wanted)
        if "chrf" in measured:
            near = Neighbours(self.learned.memory.pairs)
            measured["nearest_chrf"] = scores.scores([near.of(text)[1] for text in texts], wanted)["chrf"]
        return measured

    def score(self, pairs: Iterable[Pair], *, beam: int = 4, length_penalty: float = 1.0) -> float:
        """The fraction of pairs whose text is translated exactly so."""
        return self.evaluate(pairs, beam=beam, length_penalty=length_penalty)["accuracy"]


def _shown(vocabulary: Vocabulary, text: str, ids: np.ndarray) -> list[str]:
    """The tokens of a text: as they stand there where each is one character, so that unknown ones are shown too."""
    if len(ids) == len(text):
        return list(text)
    return [vocabulary.tokens[i] if i < len(vocabulary) else "?" for i in ids]
