"""Many series side by side, on a grid without gaps: what all the other modules compute with."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from recurra.errors import nearest
from recurra.tasks.forecasting.series import stamping
from recurra.tasks.forecasting.series.frequency import Frequency

_BACKENDS = ("pandas", "polars", "pyarrow", "modin", "cudf")  # those of narwhals that hold a frame in memory


@dataclass(frozen=True)
class Panel:
    """S series, N steps in all; those of series s are rows offsets[s] to offsets[s + 1] of the flat arrays."""

    freq: Frequency
    ids: list
    """S names, as they came; a tuple each where several columns name a series."""
    first: np.ndarray
    """(S,) the stamp that steps are counted from, int64 or datetime64[ns]: of months one on the day that is the series' own."""
    begin: np.ndarray
    """(S,) int64 the step of each series' first row, counted from there."""
    offsets: np.ndarray
    """(S + 1,) int64."""
    y: np.ndarray
    """(N,) float64 values."""
    seen: np.ndarray
    """(N,) bool: False if a value was missing and has been filled."""
    past: np.ndarray
    """(N, P) float64 covariates known up to the last stamp, NaN where one is missing; of words their places in `words`."""
    known: np.ndarray
    """(N, K) float64 covariates known ahead, likewise."""
    static: list[list]
    """S rows with one value a static column: a number, a word, or None if it is missing."""
    wait: np.ndarray | None = None
    """(N,) steps until y is known: a fill may use a later observation; else 0."""
    earlier: np.ndarray | None = None
    """(N,) what was known of it until then: the value before, or 0 where there was none."""
    words: list[list[str] | None] | None = None
    """Of each column of past, then of known, the words that it has; None: it holds numbers."""
    weights: np.ndarray | None = None
    """(S,) float64 how much each series counts in the loss."""

    def __post_init__(self):
        if self.weights is None:
            object.__setattr__(self, "weights", np.ones(len(self.ids)))
        if self.words is None:
            object.__setattr__(self, "words", [None] * (self.past.shape[1] + self.known.shape[1]))
        if self.wait is None:
            object.__setattr__(self, "wait", np.zeros(len(self.y), np.int64))
            object.__setattr__(self, "earlier", np.zeros(len(self.y)))

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    @property
    def owners(self) -> np.ndarray:
        """(N,) which series each step belongs to."""
        return np.repeat(np.arange(len(self.ids)), self.lengths)

    @property
    def places(self) -> np.ndarray:
        """(N,) each step's place in its series, from 0."""
        return np.arange(len(self.y)) - self.offsets[:-1][self.owners]

    def stamps(self) -> np.ndarray:
        """(N,) the stamp of each step."""
        return self.at(self.owners, self.places)

    def at(self, series: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The stamps of places in series, in the past or ahead; both (n,) int64, series in blocks."""
        cuts = np.flatnonzero(np.diff(series)) + 1
        blocks = zip(np.split(series, cuts), np.split(places, cuts), strict=True)
        parts = [self.freq.stamps(self.first[s[0]], p + self.begin[s[0]]) for s, p in blocks if len(s)]
        return np.concatenate(parts) if parts else self.first[:0]

    def stamp(self, series: int, place: int) -> Any:
        """The stamp of one place."""
        return self.at(np.array([series]), np.array([place]))[0]

    def places_of(self, series: int, stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The place of each stamp in a series, (n,) int64, and which lie between two steps, (n,) bool."""
        places, off = self.freq.positions(stamps, self.first[series])
        return places - self.begin[series], off

    def numbered(self, names: Sequence) -> np.ndarray:
        """The number of each series by its name, (n,) int64; -1 for one that is not here. 1 and "1" are one name."""
        where = {plain(name): number for number, name in enumerate(self.ids)}
        return np.array([where.get(plain(name), -1) for name in names], np.int64)

    def cut(self, lengths: np.ndarray) -> "Panel":
        """The first so many steps of each series, (S,), as they were known then."""
        late = (self.places + self.wait >= lengths[self.owners]) & (self.wait > 0)
        y, wait = np.where(late, self.earlier, self.y), np.where(late, 0, self.wait)
        then = dataclasses.replace(self, y=y, wait=wait)
        return then._kept(self.places < lengths[self.owners])

    def known_at(self, series: np.ndarray, places: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """The values at places as they were known before the cuts: three arrays that broadcast."""
        rows = self.offsets[series] + places
        wait = self.wait[rows]
        return np.where((wait > 0) & (places + wait >= cuts), self.earlier[rows], self.y[rows])

    def tail(self, steps: int) -> "Panel":
        """The last steps of each series, or all where it has fewer."""
        begin = np.maximum(self.lengths - steps, 0)
        return dataclasses.replace(self._kept(self.places >= begin[self.owners]), begin=self.begin + begin)

    def select(self, series: Sequence[int]) -> "Panel":
        """Some of the series, in the order given."""
        series = np.asarray(series, np.int64)
        rows = np.concatenate([np.arange(*self.offsets[s : s + 2]) for s in series])
        return dataclasses.replace(
            self._rows(rows, self.lengths[series]),
            ids=[self.ids[s] for s in series],
            first=self.first[series],
            begin=self.begin[series],
            static=[self.static[s] for s in series],
            weights=self.weights[series],
        )

    def joined(self, more: "Panel") -> "Panel":
        """With the steps of `more`, which has the same series, behind each series' own; its words begin with those here."""
        order = np.argsort(np.concatenate([self.owners, more.owners]), kind="stable")
        both = {name: np.concatenate([getattr(self, name), getattr(more, name)]) for name in _FLAT}
        whole = dataclasses.replace(self, words=more.words, **both)
        return whole._rows(order, self.lengths + more.lengths)

    def extended(self, steps: int, known: np.ndarray, words: list[list[str] | None] | None = None) -> "Panel":
        """With so many steps ahead behind each series, their values unknown. known: (S * steps, K). words: with those in it."""
        count = len(self.ids) * steps
        ahead = dataclasses.replace(
            self,
            offsets=np.arange(len(self.ids) + 1) * steps,
            y=np.zeros(count),
            seen=np.zeros(count, bool),
            past=np.zeros((count, self.past.shape[1])),
            known=known,
            wait=None,
            earlier=None,
            words=words or self.words,
        )
        return self.joined(ahead)

    def _kept(self, keep: np.ndarray) -> "Panel":
        return self._rows(np.flatnonzero(keep), np.bincount(self.owners[keep], minlength=len(self.ids)))

    def _rows(self, rows: np.ndarray, lengths: np.ndarray) -> "Panel":
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return dataclasses.replace(self, offsets=offsets, **{name: getattr(self, name)[rows] for name in _FLAT})


_FLAT = ("y", "seen", "past", "known", "wait", "earlier")


@dataclass(frozen=True)
class Form:
    """How frames came, so that forecasts go out the same way."""

    backend: str
    """The library of the frame: pandas, polars, pyarrow."""
    has_ids: bool
    """Whether there is a column that names the series."""
    stamps: str
    """date, int, datetime and its unit: datetime:ns (us without one), with a time zone datetime:us:UTC, where days of that zone
    are counted datetime:us:Europe/Berlin:days; or text, the unit that it goes down to, what parts day and clock, and the offset
    from UTC behind, if any: text:m:T:+02:00."""

    def __post_init__(self):
        if self.backend not in _BACKENDS:
            raise ValueError(f"`backend` is {self.backend!r}; {nearest(self.backend, _BACKENDS)}")

    @property
    def zone(self) -> str:
        """The time zone of the stamps, or the offset behind them; "" without one."""
        return (
            self.stamps.split(":", 3 if self.stamps.startswith("text") else 2)[-1].removesuffix(":days")
            if self._zoned
            else ""
        )

    @property
    def _zoned(self) -> bool:
        return self.stamps.count(":") > (2 if self.stamps.startswith("text") else 1)

    def out(self, stamps: np.ndarray) -> Any:
        """Stamps as the frames have them; those in a time zone as instants in UTC, for `frames.make`."""
        kind, *rest = self.stamps.split(":")
        if kind == "date":
            return stamps.astype("datetime64[D]").astype(object).tolist()
        if kind == "text":
            texts = np.datetime_as_string(stamps.astype(f"datetime64[{rest[0]}]"))
            return [text.replace("T", rest[1]) + self.zone for text in texts.tolist()]
        if self.stamps.endswith(":days"):
            stamps = stamping.instants(stamps, self.zone)
        return stamps.astype(f"datetime64[{rest[0] if rest else 'us'}]") if kind == "datetime" else stamps


def plain(name: Any) -> Any:
    """A name as it is compared: a table of text has "1" where another one has 1 or 1.0."""
    if isinstance(name, tuple):
        return tuple(map(plain, name))
    return str(int(name)) if isinstance(name, float) and name == int(name) else str(name)


class Series(NamedTuple):
    """The series of a frame, and how the frame came."""

    panel: Panel
    form: Form


def each(panel: Panel, function: Callable[[np.ndarray], Any]) -> list:
    """`function` on the values of each series."""
    return [function(panel.y[a:b]) for a, b in zip(panel.offsets, panel.offsets[1:], strict=False)]
