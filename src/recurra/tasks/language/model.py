"""The language model: embedding → recurrent stack, or a transformer → softmax."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recurra import generation
from recurra.errors import DtypeError, ShapeError, VocabularyError
from recurra.fitting import saved
from recurra.fitting.history import History
from recurra.nn import Recurrent, Transformer
from recurra.nn.precision import coarse
from recurra.tasks.language.config import SCHEMA, TRANSFORMER, LanguageConfig
from recurra.tasks.language.learned import Text
from recurra.text import Vocabulary


class LanguageModel(nn.Module):
    """Scores for the next token: `logits, state = model(ids)`; ids (batch, time) → logits (batch, time, tokens).

    vocabulary: what the ids stand for. config: the layers. prelude, items: where writing begins, and what ends an item of a
    list; see `Text`. `history` has its evaluations, `folder` is where it was trained or loaded from, if anywhere; `stored` the
    precision of the file: "int8" of a quantised run, whose numbers stand here in float32.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        config: LanguageConfig | None = None,
        *,
        prelude: Sequence[int] = (),
        items: str = "",
    ):
        super().__init__()
        self.prelude, self.items = tuple(prelude), items
        config = config or LanguageConfig()
        self.vocabulary, self.config = vocabulary, config
        self.folder: Path | None = None
        self.history = History()
        self.stored = "float32"
        self.embedding = nn.Embedding(len(vocabulary), config.embedding_size)
        self.layers = _layers(config)
        self.head = nn.Linear(config.hidden_size, len(vocabulary))
        nn.init.zeros_(self.head.bias)
        # The layers want inputs of size 1, the softmax rows of length 1: a shared matrix has these, and is scaled for
        # the layers (Vaswani et al. 2017).
        self.scale = config.scale
        if config.tie_weights:
            nn.init.normal_(self.embedding.weight, std=1 / self.scale)
            self.head.weight = self.embedding.weight
        else:
            nn.init.xavier_uniform_(self.head.weight)

    @property
    def device(self) -> torch.device:
        return self.embedding.weight.device

    @property
    def reads(self) -> int | None:
        """The most tokens it can read at once, where it carries no state; None if it does."""
        return self.config.context if self.config.cell == TRANSFORMER else None

    def forward(
        self, ids: Tensor, state: Any = None, resets: Tensor | None = None, last: bool = False
    ) -> tuple[Tensor, Any]:
        """Scores of every next token, and the state to continue with: `logits, state = model(ids, state)`.

        ids: (batch, time) int64. state: what an earlier call returned; default zeros. resets: (batch, time) bool, True
        where a new document starts. last: score only the last step, so that logits are (batch, 1, tokens).
        ShapeError, DtypeError and VocabularyError for ids of another form.
        """
        self._check(ids)
        # Inside, time comes first: then the layers, the scores and the loss read their memory in order.
        steps = None if resets is None else resets.t()
        table = self.embedding.weight * self.scale if self.config.tie_weights else self.embedding.weight
        low = self.training and self.config.precision == "bfloat16"
        with coarse(ids, low):
            hidden, state = self.layers(ids.t().long(), state, resets=steps, embedding=table)
            logits = self.head(hidden[-1:] if last else hidden)
        return (logits.float() if low else logits).transpose(0, 1), state

    def _check(self, ids: Tensor) -> None:
        if ids.ndim != 2:
            raise ShapeError(
                f"LanguageModel: `ids` is {tuple(ids.shape)}; expected (batch, time). For one text: ids[None]"
            )
        if ids.dtype not in (torch.int64, torch.int32):
            raise DtypeError(f"LanguageModel: `ids` is {ids.dtype}; expected torch.int64, token numbers")
        # On a GPU the look would wait for it; there the embedding's own check has to do.
        if ids.device.type == "cpu" and ids.numel():
            low, high = torch.aminmax(ids)
            if low < 0 or high >= len(self.vocabulary):
                raise VocabularyError(
                    f"LanguageModel: `ids` go from {int(low)} to {int(high)}; expected 0 to"
                    f" {len(self.vocabulary) - 1}, the tokens of {self.vocabulary!r}"
                )

    def generate(self, prompt: str = "", length: int = 500, **options) -> str | list[str]:
        """Go on writing: `model.generate("Once upon ", 300, temperature=0.8)`; a list of texts with samples=3.

        length: in characters. options: the other fields of `recurra.generation.GenerationConfig`.
        """
        samples = generation.generate(self, self.vocabulary, prompt, **self._options(length, options))
        return samples[0].text if len(samples) == 1 else [sample.text for sample in samples]

    def stream(self, prompt: str = "", length: int = 500, **options) -> Iterator[str]:
        """The same, piece by piece as it is drawn: `for piece in model.stream("Once "): print(piece, end="")`."""
        pieces = generation.stream(self, self.vocabulary, prompt, **self._options(length, options))
        return (piece.text for piece in pieces)

    def _options(self, length: int, options: dict[str, Any]) -> dict[str, Any]:
        return {"length": length, "context": self.config.context, "stop_at_document_end": bool(self.items)} | options

    def explain(self, precision: str | None = None) -> str:
        """Who writes this model's text, the engine or Python, and why: `print(model.explain())`."""
        return str(generation.way(self, precision))

    def save(self, folder: str | Path) -> None:
        """Write what `load` needs into a folder: config.json, vocabulary.json, model.safetensors."""
        saved.save(folder, self, SCHEMA, {"model": self.config}, Text(self.vocabulary, self.prelude, self.items))


def _layers(config: LanguageConfig) -> nn.Module:
    output = config.dropout if config.output_dropout is None else config.output_dropout
    dropped = {"input_dropout": config.input_dropout, "output_dropout": output}
    if config.cell == TRANSFORMER:
        sizes = config.embedding_size, config.hidden_size, config.num_layers
        return Transformer(*sizes, context=config.context, dropout=config.dropout, **dropped)
    return Recurrent(
        config.cell,
        config.embedding_size,
        config.hidden_size,
        config.num_layers,
        # Between layers only; with a single one there is no such place.
        dropout=config.dropout if config.num_layers > 1 else 0.0,
        recurrent_dropout=config.recurrent_dropout,
        zoneout=config.zoneout,
        weight_dropout=config.weight_dropout,
        residual=config.residual,
        init=config.init,
        forget_bias=config.forget_bias,
        # What an embedding gives is finite unless the weights are not, and that shows in the loss.
        check_finite=False,
        **dropped,
    )
