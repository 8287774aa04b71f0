"""Text from a model to many readers at once: each has a turn of some tokens, in the order in which they asked."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from recurra.errors import RecurraError, setting
from recurra.generation import GenerationConfig, stream
from recurra.generation.tokens import readable
from recurra.studio.refusal import Refused
from recurra.studio.settings import Limits
from recurra.studio.store.models import Models
from recurra.studio.words import in_words

TURN = 0.02
"""Seconds of a turn."""


class Writers:
    """Streams of text with a bound on their number: `async for piece in writers.write(...)`."""

    def __init__(self, models: Models, limits: Limits, threads: int):
        """limits: `generations`, `length` and `prompt` hold here. threads: that write."""
        self.writing = 0
        """Texts that are being written."""
        self._models, self._limits = models, limits
        # Its queue is first in, first out, which is what makes the turns fair.
        self._pool = ThreadPoolExecutor(threads, "writer")

    async def begin(self, run: str, prompt: str, settings: dict[str, Any]) -> "Text":
        """A text that is ready to be written; any error is raised here, before the first piece.

        Refused: 422 for a text or a prompt that is too long, 429 where too many are being written. ConfigError and
        VocabularyError for other settings and prompts that are invalid.
        """
        limits = self._limits
        for name, size, most in (
            ("length", settings["length"], limits.length),
            ("prompt", len(prompt), limits.prompt),
        ):
            if size > most:
                raise Refused(422, f"{setting(name)} is {size:,}; expected at most {most:,} characters")
        if self.writing >= limits.generations:
            raise Refused(
                429, f"{limits.generations} texts are being written, which is the limit; try again in a moment"
            )
        self.writing += 1
        began = time.monotonic()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._open, run, prompt, settings, began)
        except BaseException:
            self.writing -= 1
            raise

    def _open(self, run: str, prompt: str, settings: dict[str, Any], began: float) -> "Text":
        model = self._models.load(run)
        # A model reads as it was trained; and JavaScript, whose numbers have 53 bits, must be able to say the seed.
        own = {"context": settings["context"] or model.config.context}
        own |= {"stop_at_document_end": settings["stop_at_document_end"] or bool(getattr(model, "items", ""))}
        own |= {"seed": secrets.randbelow(2**32)} if settings["seed"] is None else {}
        config = GenerationConfig(**settings | own)
        prompt, changed = readable(model.vocabulary, prompt)
        return Text(stream(model, model.vocabulary, prompt, config), config, began, prompt, changed)

    async def turns(self, text: "Text") -> AsyncIterator[list]:
        """The pieces of a text, a turn at a time; the text counts as being written until this ends."""
        loop = asyncio.get_running_loop()
        try:
            while pieces := await loop.run_in_executor(self._pool, text.turn):
                yield pieces
        finally:
            self.writing -= 1

    async def events(self, text: "Text") -> AsyncIterator[tuple[str, Any]]:
        """The text as events: `piece`, ..., `end`, each with its data. What fails before the first one is raised."""
        begun = False
        try:
            async for pieces in self.turns(text):
                shown = [[piece.text, round(piece.probability, 4)] for piece in pieces if piece.text]
                if shown:
                    begun = True
                    yield "piece", {"text": "".join(part for part, _ in shown), "pieces": shown}
            yield "end", text.summary()
        except Exception as error:
            if not begun:
                raise
            # The answer has begun, so its status cannot say it.
            words = in_words(error) if isinstance(error, RecurraError) else str(error)
            yield "error", {"detail": str(error), "words": words}
            if not isinstance(error, RecurraError):
                raise

    async def whole(self, text: "Text", is_gone: Callable[[], Awaitable[bool]]) -> dict[str, Any] | None:
        """The text at once. is_gone: whether nobody waits for it any more, asked between turns; then it ends: None."""
        parts = []
        async with contextlib.aclosing(self.turns(text)) as turns:
            async for pieces in turns:
                parts += [piece.text for piece in pieces]
                if await is_gone():
                    return None
        return {"text": "".join(parts), **text.summary()}

    def close(self) -> None:
        """Begin no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Text:
    """A text being written."""

    def __init__(self, pieces, config: GenerationConfig, began: float, prompt: str, changed: str):
        """prompt: as the model reads it. changed: a sentence where it came in another form, else ""."""
        self._pieces, self._config, self._began = pieces, config, began
        self._prompt, self._changed = prompt, changed
        self._first, self._characters, self._reason = None, 0, None

    def turn(self) -> list:
        """The next pieces; empty at the end. The first turn is one token, since somebody waits for it."""
        if self._first is None:
            found = list(islice(self._pieces, 1))
            self._first = time.monotonic() - self._began
        else:
            found, ends = [], time.monotonic() + TURN
            for piece in self._pieces:
                found.append(piece)
                if time.monotonic() >= ends:
                    break
        for piece in found:
            self._characters += len(piece.text) if piece.token is not None else 0
            self._reason = piece.finish
        return found

    def summary(self) -> dict[str, Any]:
        """How it ended, and what it took."""
        return {
            "reason": self._reason,
            "characters": self._characters,
            "seconds": round(time.monotonic() - self._began, 3),
            "first_ms": round(1000 * (self._first or 0.0), 1),
            "seed": self._config.seed,
            "prompt": self._prompt,
            "changed": self._changed,
        }
