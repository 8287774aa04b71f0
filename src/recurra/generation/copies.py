"""How much of a sample is copied from the training text: the longest span, and the fraction in copied spans.

The training ids are read in pieces, so memory stays small whatever their number, and the answer is exact:
spans are found by rolling hashes and then compared.

    hash of x[i : i + n] = Σ_j x[i + j] b^j = (P[i + n] - P[i]) b^-i  mod 2^64,  with P[k] = Σ_{j<k} x[j] b^j

So one running sum gives the hashes of every window of any length. After Karp & Rabin 1987.
"""

import dataclasses

import numpy as np

CHUNK = 2**20
_TABLE_BITS = 20
# Any odd number has an inverse modulo 2^64; this one's bits are well spread.
_BASE = 0xD1342543DE82EF95


@dataclasses.dataclass(frozen=True)
class Memorisation:
    """What a sample owes to the training text; lengths and places count tokens."""

    longest: int
    """The length of the longest span that also stands in the training text; 0 where not one token does."""
    start: int
    """Where that span begins in the sample."""
    place: int
    """Where it begins in the training text, at its first occurrence."""
    share: float
    """The fraction of the sample that lies in copied spans of at least `minimum` tokens."""
    minimum: int


def memorisation(tokens, ids: np.ndarray, minimum: int = 32) -> Memorisation:
    """Compare a sample with the training text: `memorisation(sample.tokens, corpus.train).share`.

    tokens: the sample, (n,) ids. ids: the training text, (N,) of any unsigned or signed kind, usually a
        memory map.
    minimum: from this length on, in tokens, a span counts as copied. Time: a few passes over the training
        text.
    """
    tokens = np.asarray(tokens, np.int64)
    starts = np.arange(max(0, len(tokens) - minimum + 1))
    found = _places(tokens, starts, ids, minimum)
    covered = np.zeros(len(tokens) + 1, np.int64)
    for start in found:
        covered[start] += 1
        covered[start + minimum : start + minimum + 1] -= 1
    share = float((np.cumsum(covered)[: len(tokens)] > 0).mean()) if len(tokens) else 0.0
    longest, start, place = _longest(tokens, ids, found, minimum)
    return Memorisation(longest, start, place, share, minimum)


@dataclasses.dataclass(frozen=True)
class Copy:
    """A span of a sample that stands in the training text, in tokens."""

    start: int
    length: int
    place: int
    """Where it begins in the training text."""


def copied(tokens, ids: np.ndarray, minimum: int = 32) -> list[Copy]:
    """The copied spans of a sample, in order: `copied(sample.tokens, corpus.train)`. Arguments as for `memorisation`.

    Each begins where a window of `minimum` tokens stands in the text, and ends where the text continues otherwise; spans from
    different places may overlap.
    """
    tokens = np.asarray(tokens, np.int64)
    found = _places(tokens, np.arange(max(0, len(tokens) - minimum + 1)), ids, minimum)
    spans: list[Copy] = []
    for start, place in sorted(found.items()):
        if spans and start + minimum <= spans[-1].start + spans[-1].length:
            continue  # inside of the span before
        length = minimum
        most = min(len(tokens) - start, len(ids) - place)
        while length < most and tokens[start + length] == ids[place + length]:
            length += 1
        spans.append(Copy(start, length, place))
    return spans


def _longest(tokens, ids, found, minimum):
    """Bisect on the length: where a span is in the text, so is every shorter one."""
    # A copied span of n ≥ minimum tokens shows as n - minimum + 1 copied windows in a row: that bounds the
    # search.
    runs = _runs(len(tokens), found)
    best = (minimum, *min(found.items())) if found else (0, 0, 0)
    low, high = best[0], runs.max() + minimum - 1 if found else min(minimum - 1, len(tokens))
    length = high
    while low < high:
        if found:
            starts = np.flatnonzero(runs >= length - minimum + 1)
        else:
            starts = np.arange(len(tokens) - length + 1)
        hit = _places(tokens, starts, ids, length, one=True)
        if hit:
            best = (length, *next(iter(hit.items())))
            low = length
        else:
            high = length - 1
        length = (low + high + 1) // 2
    return tuple(int(value) for value in best)


def _runs(size, found):
    """For each place, how many found ones stand in a row from it on."""
    runs = np.zeros(size + 1, np.int64)
    for start in sorted(found, reverse=True):
        runs[start] = runs[start + 1] + 1
    return runs


def _places(tokens, starts, ids, length, one=False) -> dict[int, int]:
    """{start in the sample: first place in ids} of the windows of this length found in ids; or of one."""
    found = {}
    if not len(starts) or length > len(ids) or length < 1:
        return found
    powers, inverses = _powers(min(len(ids), CHUNK + length - 1))
    wanted, group = np.unique(rolling_hashes(tokens, length, *_powers(len(tokens)))[starts], return_inverse=True)
    members = [[] for _ in wanted]
    for start, which in zip(starts.tolist(), group.tolist(), strict=True):
        members[which].append(start)
    # Most windows of the text are none of ours: a look-up by the top bits rules nearly all of them out.
    shift = np.uint64(64 - _TABLE_BITS)
    table = np.zeros(2**_TABLE_BITS, bool)
    table[wanted >> shift] = True
    for at in range(0, len(ids) - length + 1, CHUNK):
        block = np.asarray(ids[at : at + CHUNK + length - 1])
        hashes = rolling_hashes(block, length, powers, inverses)
        hits = np.flatnonzero(table[hashes >> shift])
        which = np.minimum(np.searchsorted(wanted, hashes[hits]), len(wanted) - 1)
        same = (wanted[which] == hashes[hits]) & np.array([bool(m) for m in members])[which]
        for hit, k in zip(hits[same].tolist(), which[same].tolist(), strict=True):
            for start in members[k] if members[k] else ():
                if np.array_equal(block[hit : hit + length], tokens[start : start + length]):
                    found[start] = at + hit
            members[k] = [start for start in members[k] if start not in found]
            if found and one:
                return found
    return found


def _powers(count):
    """b^0 … b^count and their inverses, modulo 2^64."""
    inverse = pow(_BASE, -1, 2**64)
    return tuple(
        np.multiply.accumulate(np.concatenate([[np.uint64(1)], np.full(count, base, np.uint64)]))
        for base in (_BASE, inverse)
    )


def rolling_hashes(values, length, powers, inverses):
    terms = values.astype(np.uint64) * powers[: len(values)]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms)])
    return (sums[length:] - sums[:-length]) * inverses[: len(sums) - length]
