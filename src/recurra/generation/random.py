"""Random numbers that any language can reproduce: SplitMix64.

    state ← state + 0x9E3779B97F4A7C15     z ← state
                                           z ← (z ⊕ (z ≫ 30)) · 0xBF58476D1CE4E5B9
                                           z ← (z ⊕ (z ≫ 27)) · 0x94D049BB133111EB
                                           z ←  z ⊕ (z ≫ 31)
                                           number = (z ≫ 11) · 2^-53, in [0, 1)        all modulo 2^64

Each sample has its own stream, which starts at seed ⊕ mix(sample), where mix is the three lines with ≫.
Sample 0 is plain SplitMix64, and no sample depends on how many others are drawn beside it. A page in
JavaScript needs BigInt and the lines above, nothing else.

Steele, Lea & Flood 2014.
"""

import secrets

_MASK = 2**64 - 1


def mix(z: int) -> int:
    """Scramble 64 bits, one to one: `mix(0)` is 0."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
    return z ^ (z >> 31)


class Random:
    """The stream of numbers of one sample: `Random(seed, sample).uniform()` is the next one, in [0, 1)."""

    def __init__(self, seed: int, sample: int = 0):
        self._state = seed ^ mix(sample)

    @property
    def state(self) -> int:
        """The 64 bits that the next number is made of."""
        return self._state

    def bits(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        return mix(self._state)

    def uniform(self) -> float:
        """The next double in [0, 1): a multiple of 2^-53."""
        return (self.bits() >> 11) * 2.0**-53


def fresh_seed() -> int:
    """A seed for when none is given: short enough to read out and type in again."""
    return secrets.randbelow(2**32)
