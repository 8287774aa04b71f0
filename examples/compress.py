"""A text, compressed by a language model with arithmetic coding: the better the model predicts, the fewer bits.

    python examples/compress.py runs/book-1 pack other.txt other.packed
    python examples/compress.py runs/book-1 unpack other.packed again.txt
    python examples/compress.py runs/book-1 compare other.txt          bits a byte beside gzip, xz and zstd

What unpacks must compute the same probabilities as what packed, to the last bit: one bit off, and the rest of the text is
noise. The engine in int8 does so on every machine (AVX-512, AVX2, plain x86, ARM), with any number of threads, one passage
at a time or many side by side. From its scores on only whole numbers are used, and sums and products of doubles, which are
the same everywhere.

A long text is cut into passages, which are read side by side. Its bytes are what the vocabulary makes of them: a symbol that
the model does not know is an error, unless it was trained with `--unknown bytes`.

Arithmetic coding: Witten, Neal & Cleary 1987.
"""

import argparse
import gzip
import lzma
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recurra.engine import Engine, Row
from recurra.errors import RecurraError, RunError
from recurra.tasks.language import native

MAGIC = b"recurra packed 1"
BITS = 32  # of the coder's interval
TOTAL = 1 << 16  # what the frequencies of all tokens sum to
PASSAGE = 20_000  # tokens, about

Scores = Callable[[np.ndarray], np.ndarray]
"""Each passage's next token (n,) → the scores of the token after it, (n, tokens) float32."""


def frequencies(scores: np.ndarray) -> np.ndarray:
    """Scores (n, V) → where each token's part of 0 to TOTAL begins, (n, V + 1) whole numbers; no part is empty."""
    below = scores.astype(np.float64) - scores.max(-1, keepdims=True)
    # exp(x) = 2^n exp(r): sums and products alone, since the C library's exp differs from machine to machine.
    n = np.rint(np.maximum(below, -40.0) * 1.4426950408889634)
    r = np.maximum(below, -40.0) - n * 0.6931471805599453
    power = np.ones_like(r)
    for k in range(12, 0, -1):
        power = power * r / k + 1.0
    weights = np.floor(np.ldexp(power, n.astype(np.int64)) * 2.0**40).astype(np.int64)
    size = scores.shape[-1]
    parts = weights * (TOTAL - size) // weights.sum(-1, keepdims=True) + 1
    ends = np.cumsum(parts, -1)
    ends += TOTAL - ends[:, -1:] - np.where(np.arange(size) < parts.argmax(-1)[:, None], TOTAL - ends[:, -1:], 0)
    return np.concatenate([np.zeros((len(ends), 1), np.int64), ends], -1)


class Packer:
    """Bits of one passage: `put(low, high)` for each token's part of TOTAL, then `end()`."""

    def __init__(self):
        self.low, self.high, self.waiting, self.bits = 0, (1 << BITS) - 1, 0, []

    def put(self, low: int, high: int) -> None:
        width = self.high - self.low + 1
        self.low, self.high = self.low + width * low // TOTAL, self.low + width * high // TOTAL - 1
        while True:
            if self.high < HALF or self.low >= HALF:
                self._bit(self.low >= HALF)
                self.low, self.high = self.low % HALF, self.high % HALF
            elif self.low >= QUARTER and self.high < HALF + QUARTER:
                self.waiting += 1
                self.low, self.high = self.low - QUARTER, self.high - QUARTER
            else:
                return
            self.low, self.high = 2 * self.low, 2 * self.high + 1

    def _bit(self, bit: bool) -> None:
        self.bits += [bit] + [not bit] * self.waiting
        self.waiting = 0

    def end(self) -> bytes:
        self.waiting += 1
        self._bit(self.low >= QUARTER)
        return np.packbits(self.bits).tobytes()


HALF, QUARTER = 1 << BITS - 1, 1 << BITS - 2


class Unpacker:
    """The same way back: `take(ends)` is the next token."""

    def __init__(self, data: bytes):
        self.bits, self.at = np.unpackbits(np.frombuffer(data, np.uint8)).tolist(), 0
        self.low, self.high, self.value = 0, (1 << BITS) - 1, 0
        for _ in range(BITS):
            self.value = 2 * self.value + self._bit()

    def _bit(self) -> int:
        self.at += 1
        return self.bits[self.at - 1] if self.at <= len(self.bits) else 0

    def take(self, ends: np.ndarray) -> int:
        width = self.high - self.low + 1
        place = ((self.value - self.low + 1) * TOTAL - 1) // width
        token = int(np.searchsorted(ends, place, "right")) - 1
        low, high = int(ends[token]), int(ends[token + 1])
        self.low, self.high = self.low + width * low // TOTAL, self.low + width * high // TOTAL - 1
        while True:
            if self.high < HALF or self.low >= HALF:
                self.low, self.high, self.value = self.low % HALF, self.high % HALF, self.value % HALF
            elif self.low >= QUARTER and self.high < HALF + QUARTER:
                self.low, self.high, self.value = (v - QUARTER for v in (self.low, self.high, self.value))
            else:
                return token
            self.low, self.high, self.value = 2 * self.low, 2 * self.high + 1, 2 * self.value + self._bit()


def by_engine(engine: Engine, passages: int, together: int = 64, threads: int | None = None, eod: int = -1) -> Scores:
    """The engine's scores for so many passages, `together` of them in a call."""
    rows = [Row(state, engine.tokens) for state in engine.start(passages)]
    last = [-1] * passages

    def scores(tokens: np.ndarray) -> np.ndarray:
        found = []
        for k, token in enumerate(tokens.tolist()):
            rows[k].call.eod = eod
            rows[k].reads(np.array([token]), last[k])
            last[k] = token
            found.append(rows[k].wants_scores())
        for first in range(0, len(tokens), together):
            engine.run(rows[first : min(first + together, len(tokens))], threads)
        return np.stack(found)

    return scores


def cut(count: int) -> list[int]:
    """The lengths of a text's passages, falling: those that are still read are always the first ones."""
    passages = max(1, round(count / PASSAGE))
    return [(count + passages - 1 - k) // passages for k in range(passages)]


def pack(ids: np.ndarray, start: int, scores_of: Callable[[int], Scores]) -> bytes:
    """Token ids (n,) → bytes. start: the token before the first. scores_of: how many passages → their scores."""
    lengths = cut(len(ids))
    passages = np.split(ids.astype(np.int64), np.cumsum(lengths)[:-1])
    packers, scores = [Packer() for _ in lengths], scores_of(len(lengths))
    tokens = np.full(len(lengths), start)
    for step in range(lengths[0]):
        going = sum(length > step for length in lengths)
        ends = frequencies(scores(tokens[:going]))
        for k in range(going):
            token = int(passages[k][step])
            packers[k].put(int(ends[k, token]), int(ends[k, token + 1]))
            tokens[k] = token
    parts = [packer.end() for packer in packers]
    sizes = struct.pack(f"<{len(parts)}I", *map(len, parts))
    return MAGIC + struct.pack("<Q", len(ids)) + sizes + b"".join(parts)


def unpack(data: bytes, start: int, scores_of: Callable[[int], Scores]) -> np.ndarray:
    """What `pack` packed. RunError for what it did not."""
    head = len(MAGIC) + 8
    if len(data) < head or data[: len(MAGIC)] != MAGIC:
        raise RunError("this was not packed by examples/compress.py")
    (count,) = struct.unpack("<Q", data[len(MAGIC) : head])
    lengths = cut(count)
    at = head + 4 * len(lengths)
    if len(data) < at or sum(sizes := struct.unpack(f"<{len(lengths)}I", data[head:at])) != len(data) - at:
        raise RunError("the packed file is damaged: its parts do not fit its length")
    unpackers = []
    for size in sizes:
        unpackers.append(Unpacker(data[at : at + size]))
        at += size
    passages, scores = [np.zeros(length, np.int64) for length in lengths], scores_of(len(lengths))
    tokens = np.full(len(lengths), start)
    for step in range(lengths[0] if count else 0):
        going = sum(length > step for length in lengths)
        ends = frequencies(scores(tokens[:going]))
        for k in range(going):
            passages[k][step] = tokens[k] = unpackers[k].take(ends[k])
    return np.concatenate(passages)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run's folder, or its name under runs/")
    parser.add_argument("what", choices=["pack", "unpack", "compare"])
    parser.add_argument("source", type=Path)
    parser.add_argument("to", type=Path, nargs="?")
    parser.add_argument("--threads", type=int, help="default: all")
    parser.add_argument("--together", type=int, default=64, help="passages in a call; default 64")
    options = parser.parse_args(arguments)
    if (options.to is None) != (options.what == "compare"):
        parser.error("pack and unpack take the file to write, compare none")
    try:
        run(options)
    except (RecurraError, OSError) as error:
        sys.exit(f"error: {error}")


def run(options: argparse.Namespace) -> None:
    model = native.open(options.run)
    engine, vocabulary = model.engine("int8"), model.vocabulary
    start, eod = (0, -1) if vocabulary.eod is None else (vocabulary.eod, vocabulary.eod)

    def scores_of(passages: int) -> Scores:
        return by_engine(engine, passages, options.together, options.threads, eod)

    data = options.source.read_bytes()
    if options.what == "unpack":
        options.to.write_bytes(vocabulary.decode(unpack(data, start, scores_of)).encode())
        return
    packed = pack(vocabulary.encode(data.decode()), start, scores_of)
    if options.what == "pack":
        options.to.write_bytes(packed)
        return
    sizes = {
        "this model": len(packed),
        "gzip -9": len(gzip.compress(data, 9)),
        "xz -9": len(lzma.compress(data, preset=9)),
    }
    try:
        import zstandard

        sizes["zstd -19"] = len(zstandard.ZstdCompressor(level=19).compress(data))
    except ImportError:
        print("zstd: not installed (pip install zstandard)")
    for name, size in sizes.items():
        print(f"{name:12}{size:>12,} bytes{8 * size / max(1, len(data)):8.3f} bits a byte")


if __name__ == "__main__":
    main()
