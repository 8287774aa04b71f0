"""The studio's settings: where it listens, where the runs are, and how much it lets anyone ask for."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from recurra import config
from recurra.config import Count, Range
from recurra.errors import ConfigError, nearest, setting
from recurra.tasks.language.config import CONFIGS, PRESETS, settings


@dataclass(frozen=True)
class Limits:
    """The most that may be asked of a studio."""

    text_bytes: Count = 64 * 2**20
    """Bytes of an uploaded text."""
    kept_texts: Count = 200
    """Texts kept."""
    kept_runs: Count = 500
    """Runs kept."""
    trainings: Count = 1
    """Trainings at the same time."""
    generations: Count = 128
    """Texts being generated at the same time."""
    parameters: Count = 100_000_000
    """Parameters of a model that is to be trained."""
    length: Count = 100_000
    """Characters of a generated text."""
    prompt: Count = 20_000
    """Characters of a prompt."""
    body_bytes: Count = 2**20
    """Bytes of a request that is no text."""

    def __post_init__(self):
        config.check(self)


@dataclass(frozen=True)
class StudioConfig:
    """Where the studio listens and where its runs are."""

    host: str = "127.0.0.1"
    """The address to listen at; any but this machine's own needs a token, which is printed."""
    port: Annotated[int, Range(0, 2**16 - 1)] = 8765
    """The port to listen at; 0 = any free one."""
    runs: Path = Path("runs")
    """The folder of the runs."""
    limits: Limits = field(default_factory=Limits)
    """The upper limits of a request."""
    allow: tuple[str, ...] = ()
    """Further names that the page may be opened by, as a proxy or a tunnel has them: host names without a port."""
    token: str | None = None
    """What the owner's requests carry; required where `host` is not this machine's own address."""
    guest_token: str | None = None
    """What a guest's requests carry, who may look and let models write, and nothing else; not set: there are no guests."""

    def __post_init__(self):
        config.check(self)
        if not self.token and not is_loopback(self.host):
            raise ConfigError(f"{setting('host')} is {self.host!r}, which others can reach; give a token")
        if self.guest_token and self.token in (None, self.guest_token):
            raise ConfigError("with a `guest_token` the owner needs a `token` too, another one")
        for name in self.allow:
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    f"{setting('allow')} has {name!r}; expected a host name without port and path, such as box.example.org"
                )
        object.__setattr__(self, "allow", tuple(name.lower() for name in self.allow))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address: `is_loopback("127.0.0.1")`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


_NAME = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+\]")

PRESET = "default"
"""The recipe that the studio trains by: what the text and the time suggest."""
MINUTES = 1.0
"""How long the studio trains, unless the request sets a time or epochs."""
TUNING = "demo"
"""The recipe that it trains on by, from a model's weights: briefly, and without dropout."""

WITHHELD = ("encoding", "invalid", "tensorboard", "device")
"""Settings that are not the page's: texts are kept as UTF-8, and what else the machine does is its owner's to say."""


def known() -> dict[str, config.Option]:
    """The settings of a language model that the page may set, by name."""
    found = {option.name: option for cls in CONFIGS.values() for option in config.options(cls)}
    return {name: option for name, option in found.items() if name not in WITHHELD}


def training_settings(
    given: dict[str, Any], minutes: float | None = None, *, tuning: bool = False
) -> tuple[str, dict[str, Any]]:
    """A preset's name and the settings over it, from a page's request. ConfigError if it is invalid.

    tuning: whether the training begins with a model's weights."""
    values = dict(given)
    preset = values.pop("preset", None)
    if preset is None:
        preset = TUNING if tuning else PRESET
        values = ({} if values.get("epochs") else {"minutes": MINUTES}) | values
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ConfigError(f"{setting('preset')} is {preset!r}; {nearest(preset, PRESETS)}")
    if minutes is not None:
        values["minutes"] = minutes
    names = known()
    for name, value in values.items():
        if name not in names:
            raise ConfigError(f"`{name!s:.100}` is not a setting; {nearest(name, names)}")
        most = names[name].range and names[name].range.form
        if most is not None and isinstance(value, int | float) and not value <= most:
            raise ConfigError(f"{setting(name)} is {config.shown(value)}; expected at most {most:,}")
    settings(preset, **values)
    return preset, values
