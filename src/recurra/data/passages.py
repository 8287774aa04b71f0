"""Into how many passages a text is cut, to be read side by side; apart from `streams`, which needs PyTorch."""

from recurra.errors import ConfigError, setting


def fit(batch_size: int, tokens: int, window: int, world: int = 1) -> int:
    """How many streams a text of so many tokens is cut into: batch_size, or fewer so that each has about 8 windows.

    A reduced number is a power of two, so that 1, 2, 4 ... processes cut a text alike; or else their multiple.
    """
    if batch_size % world:
        raise ConfigError(f"{setting('batch_size')} is {batch_size}; expected a multiple of the {world} processes")
    enough = tokens // (8 * window)
    if enough >= batch_size:
        return batch_size
    power = 1 << max(enough, 1).bit_length() - 1
    return min(batch_size, max(power // world, 1) * world)
