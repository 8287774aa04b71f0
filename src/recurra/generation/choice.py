"""Who writes a model's text: the engine where it can run the model, else Python from the model's scores."""

from typing import Any, NamedTuple

from recurra.backends.cpu.library import Unavailable
from recurra.errors import ConfigError, setting
from recurra.generation.config import GenerationConfig


class Way(NamedTuple):
    """Who writes a model's text: the engine, or Python, and then why."""

    engine: Any
    reason: str

    def __str__(self) -> str:
        if self.engine is None:
            return f"Python draws from the model's scores, many times slower, since the engine cannot run it: {self.reason}"
        return f"the engine writes, in {self.engine.precision}"


def way(model, precision: str | None = None) -> Way:
    """Who writes a model's text. precision: None for the one that the model is stored in.

    ConfigError if a precision is wanted that only the engine has, and it cannot run the model.
    """
    from recurra.engine import models

    precision = precision or getattr(model, "stored", "float32")

    try:
        return Way(models.of(model, precision), "")
    except Unavailable as reason:
        if precision != "float32":
            raise ConfigError(
                f"{setting('precision', precision)} is the engine's, which cannot run this model: {reason}. Leave it out"
            ) from reason
        return Way(None, str(reason))


def session_of(model, config: GenerationConfig, eod: int | None) -> Any:
    """A `Session` on a model, or the engine's."""
    engine = way(model, config.precision).engine
    if engine is not None:
        from recurra.generation.native import Session

        return Session(engine, context=config.context, eod=eod)
    from recurra.generation.session import Session

    return Session(model, context=config.context, eod=eod)
