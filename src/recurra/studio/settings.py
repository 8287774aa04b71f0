"""The studio's settings: where it listens, where the runs are, and how much it lets anyone ask for."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recurra import config
from recurra.errors import ConfigError, nearest
from recurra.tasks.language.config import CONFIGS, PRESETS, settings


@dataclass(frozen=True)
class Limits:
    """The most that may be asked of a studio."""

    text_bytes: int = 64 * 2**20
    """Bytes of an uploaded text."""
    kept_texts: int = 200
    """Texts kept."""
    kept_runs: int = 500
    """Runs kept."""
    trainings: int = 1
    """Trainings at the same time."""
    generations: int = 128
    """Texts being generated at the same time."""
    parameters: int = 100_000_000
    """Parameters of a model that is to be trained."""
    length: int = 100_000
    """Characters of a generated text."""
    prompt: int = 20_000
    """Characters of a prompt."""
    body_bytes: int = 2**20
    """Bytes of a request that is no text."""

    def __post_init__(self):
        config.check(self)
        for option in config.options(type(self)):
            if getattr(self, option.name) < 1:
                raise ConfigError(f"`{option.name}` is {getattr(self, option.name)!r}; expected 1 or more")


@dataclass(frozen=True)
class StudioConfig:
    """Where the studio listens and where its runs are."""

    host: str = "127.0.0.1"
    """The address to listen at; any but this machine's own needs a token, which is printed."""
    port: int = 8765
    """The port to listen at; 0 = any free one."""
    runs: Path = Path("runs")
    """The folder of the runs."""
    limits: Limits = field(default_factory=Limits)
    """The most that may be asked for."""
    token: str | None = None
    """What a request must carry; required where `host` is not this machine's own address."""

    def __post_init__(self):
        config.check(self)
        if not 0 <= self.port < 2**16:
            raise ConfigError(f"`port` is {self.port}; expected 0 (any free one) to 65535")
        if not self.token and not is_loopback(self.host):
            raise ConfigError(f"`host` is {self.host!r}, which others can reach; give a token")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address: `is_loopback("127.0.0.1")`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


PRESET = "demo"
"""What the studio trains with where nothing else is said: a minute on two cores."""

BOUNDS = {
    "embedding_size": 4096,
    "hidden_size": 4096,
    "num_layers": 16,
    "context": 4096,
    "batch_size": 4096,
    "window": 4096,
    "stride": 4096,
    "vocabulary_size": 100_000,
    "min_count": 10**6,
    "epochs": 10_000,
    "minutes": 7 * 24 * 60.0,
    "lr": 10.0,
    "weight_decay": 1000.0,
    "clip": 10**6,
    "patience": 10**6,
    "evaluate_every": 10**9,
    "sample_every": 10**9,
    "save_every": 3600.0,
    "forget_bias": 100.0,
    "seed": 2**63 - 1,
}
"""The largest value that the page may ask for, by setting."""

WITHHELD = ("encoding", "invalid", "tensorboard", "device")
"""Settings that are not the page's: texts are kept as UTF-8, and what else the machine does is its owner's to say."""


def known() -> dict[str, config.Option]:
    """The settings of a language model that the page may set, by name."""
    found = {option.name: option for cls in CONFIGS.values() for option in config.options(cls)}
    return {name: option for name, option in found.items() if name not in WITHHELD}


def training_settings(given: dict[str, Any], minutes: float | None = None) -> tuple[str, dict[str, Any]]:
    """A preset's name and the settings over it, from what a page asks for. ConfigError where it asks for what cannot be."""
    values = dict(given)
    preset = values.pop("preset", None) or PRESET
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ConfigError(f"`preset` is {preset!r}; {nearest(preset, PRESETS)}")
    if minutes is not None:
        values["minutes"] = minutes
    names = known()
    for name, value in values.items():
        if name not in names:
            raise ConfigError(f"`{name!s:.100}` is not a setting; {nearest(name, names)}")
        most = BOUNDS.get(name)
        if most is not None and isinstance(value, int | float) and not abs(value) <= most:
            raise ConfigError(f"`{name}` is {_short(value)}; expected at most {most:,}")
    settings(preset, **values)
    return preset, values


def _short(number: int | float) -> str:
    # A number of a thousand digits is no help in a message.
    return f"{number:,}" if abs(number) < 1e15 or isinstance(number, float) else "too large"
