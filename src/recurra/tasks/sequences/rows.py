"""What users call sequences → rows that a model reads: arrays of numbers, or ids of tokens; anything else is refused."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from torch import Tensor

from recurra.errors import DataError, DtypeError, ShapeError
from recurra.tasks.sequences.config import SequencesConfig
from recurra.tasks.standard import moments, standardised
from recurra.text import TextConfig, Vocabulary, build_vocabulary

Rows = Sequence[np.ndarray]
"""One array a sequence: (steps, features) numbers, or (steps,) ids."""


def read(X: Any, name: str = "X") -> list[str] | Rows:
    """Texts as a list of str, or numbers as rows (steps, features): `read([[1, 2, 3], [4, 5]])[0].shape` → (3, 1).

    float32 where they came so, else float64: what is far from 0 is scaled before it is rounded.

    X: texts; arrays (steps,) or (steps, features) of any lengths; one array (sequences, steps) or (sequences, steps,
    features); or a frame. NaN is a missing value, and so are None, pandas' NA and what a mask hides. DataError, ShapeError,
    DtypeError if it is none of these, or holds infinity, an empty sequence or one without any value.
    """
    if hasattr(X, "toarray"):
        raise DtypeError(f"`{name}` is a sparse matrix; sequences are dense: {name}.toarray()")
    if isinstance(X, str | bytes):
        raise DtypeError(f"`{name}` is one {type(X).__name__}; expected a list of sequences: [{name}]")
    X = _of_frame(X)
    if isinstance(X, Tensor):
        X = X.detach().cpu().numpy()
    X = _unmasked(X)
    if not hasattr(X, "__len__") and hasattr(X, "__array__"):
        X = np.asarray(X)
    if not hasattr(X, "__len__") or isinstance(X, Mapping | Set):
        raise DtypeError(f"`{name}` is {type(X).__name__}; expected a list of sequences, or an array")
    if (isinstance(X, np.ndarray) and X.ndim == 0) or not len(X):
        raise DataError(f"`{name}` is empty: 0 sequences, i.e. 0 sample(s); at least 1 is required")
    if isinstance(X[0], str):
        return _texts(X, name)
    if isinstance(X, np.ndarray) and X.dtype != object:
        return _array(X, name)
    return _rows(X, name)


def _of_frame(X: Any) -> Any:
    """A column or a frame of pandas or polars as an array, or as arrays (steps, features) where a frame holds series.

    As sktime has them: an index of sequences and steps, with a column a feature, or cells that are series themselves.
    """
    if not hasattr(X, "to_numpy"):
        return X
    if hasattr(X, "columns") and getattr(getattr(X, "index", None), "nlevels", 1) == 2:
        return [_values(part) for _, part in X.groupby(level=0, sort=False)]
    values = _values(X)
    if values.ndim == 2 and values.size and all(hasattr(cell, "to_numpy") for cell in values[0]):
        return [np.stack([_values(cell) for cell in row], 1) for row in values]
    return values


def _values(frame: Any) -> np.ndarray:
    """A frame's values, with NaN for what is missing: pandas would leave its NA, which is no number."""
    return frame.to_numpy(na_value=np.nan) if hasattr(frame, "isna") else frame.to_numpy()


def _texts(X: Any, name: str) -> list[str]:
    for i, text in enumerate(X):
        if not isinstance(text, str):
            raise DtypeError(f"`{name}[{i}]` is {type(text).__name__}; expected a text, as `{name}[0]` is")
        if not text.strip():
            raise DataError(f"`{name}[{i}]` is an empty text; leave it out")
    return [str(text) for text in X]


def _array(X: np.ndarray, name: str) -> np.ndarray:
    """(sequences, steps, features) float32 or float64, of which each part is a row."""
    if X.ndim == 1:
        raise ShapeError(
            f"`{name}` is {X.shape}, a single sequence; expected (sequences, steps) or (sequences, steps, features)."
            f" Reshape your data: {name}[None]"
        )
    if X.ndim not in (2, 3):
        raise ShapeError(f"`{name}` is {X.shape}; expected (sequences, steps) or (sequences, steps, features)")
    if not X.size:
        raise DataError(f"`{name}` holds no numbers: 0 feature(s) (shape={X.shape}) while a minimum of 1 is required.")
    X = X[..., None] if X.ndim == 2 else X
    numbers = _numbers(X, name)
    _refuse_infinite(numbers, name)
    if (empty := np.flatnonzero(np.isnan(numbers).all((1, 2)))).size:
        raise _without_values(f"{name}[{empty[0]}]")
    return numbers


def _rows(X: Any, name: str) -> list[np.ndarray]:
    rows = []
    for i, row in enumerate(X):
        where = f"{name}[{i}]"
        if isinstance(row, Tensor):
            row = row.detach().cpu().numpy()
        try:
            row = np.asarray(_values(row) if hasattr(row, "to_numpy") else _unmasked(row))
        except ValueError:
            raise ShapeError(
                f"`{where}` is ragged; expected one row of numbers, (steps,) or (steps, features)"
            ) from None
        row = row[:, None] if row.ndim == 1 else row
        if row.ndim != 2:
            raise ShapeError(
                f"`{where}` is {row.shape}; expected (steps,) or (steps, features). Reshape your data where it is one"
                f" sequence: [{name}]"
            )
        if not row.size:
            raise DataError(f"`{where}` is empty, {row.shape[0]} steps of {row.shape[1]} features; leave it out")
        if rows and row.shape[1] != rows[0].shape[1]:
            raise ShapeError(f"`{where}` has {row.shape[1]} features, but `{name}[0]` has {rows[0].shape[1]}")
        numbers = _numbers(row, where)
        _refuse_infinite(numbers, where)
        if np.isnan(numbers).all():
            raise _without_values(where)
        rows.append(numbers)
    return rows


def _without_values(where: str) -> DataError:
    return DataError(f"`{where}` has no value, it is NaN at every step; leave the sequence out")


def _unmasked(values: Any) -> Any:
    """A masked array with NaN for what its mask hides; anything else as it is."""
    if not np.ma.is_masked(values):
        return values
    kind = np.result_type(values.dtype, np.float32) if values.dtype.kind in "biuf" else object
    return values.astype(kind).filled(np.nan)


def _numbers(values: np.ndarray, where: str) -> np.ndarray:
    if values.dtype.kind in "mM":
        raise DtypeError(
            f"`{where}` holds {values.dtype}; expected numbers. Give times as the numbers they matter by, such as the hour"
        )
    if values.dtype.kind == "c":
        raise DataError(f"`{where}` is complex. Complex data not supported; give the two parts as two features")
    try:
        return np.ascontiguousarray(values, np.float32 if values.dtype == np.float32 else np.float64)
    except (TypeError, ValueError):
        kinds = {type(value).__name__ for value in values.flat[:100].tolist()}
        raise DtypeError(
            f"`{where}` holds {', '.join(sorted(kinds))}; expected numbers: argument must be a string or a number, and"
            " texts in a list of str"
        ) from None


def _refuse_infinite(numbers: np.ndarray, where: str) -> None:
    """DataError if numbers hold infinity, or what is infinite in float32: the first place."""
    wrong = np.abs(numbers) > np.finfo(np.float32).max
    if not wrong.any():
        return
    place = tuple(np.argwhere(wrong)[0])
    at, value = ", ".join(map(str, place)), numbers[place]
    kind = "infinity" if np.isinf(value) else f"{value:g}, which float32 cannot hold"
    raise DataError(f"`{where}[{at}]` is {kind}; expected finite numbers, and NaN where a value is missing")


def vocabulary_of(texts: list[str], unit: str, config: SequencesConfig) -> Vocabulary:
    """The tokens of some texts; for characters and words with <unk> for all others."""
    counted = unit in ("character", "word")
    sizes = {"min_count": config.min_count, "vocabulary_size": config.vocabulary_size} if unit != "byte" else {}
    text = TextConfig(unit=unit, nfc=True, unknown="unk" if counted else "error", **sizes)
    return build_vocabulary((plain(text, unit, config) + "\n" for text in texts), text)


def plain(text: str, unit: str, config: SequencesConfig) -> str:
    """A text as its tokens are cut: a word's token has the space before it, so here the first word has one too."""
    text = text.lower() if config.lowercase else text
    return " " + " ".join(text.split()) if unit == "word" else text


def encode(texts: list[str], vocabulary: Vocabulary, config: SequencesConfig) -> list[np.ndarray]:
    """Ids of each text, (tokens,) int64."""
    where = "X[{}]".format
    return [
        vocabulary.encode(plain(text, vocabulary.unit, config), where(i)).astype(np.int64)
        for i, text in enumerate(texts)
    ]


def scale_each(rows: Rows) -> list[np.ndarray]:
    """Every feature of every sequence at mean 0 and standard deviation 1, float32; a constant one at 0. NaN stays."""
    return [standardised(row, *moments([row])) for row in rows]


def weights(given: Any, count: int) -> np.ndarray:
    """How much each of so many sequences counts, (count,) float32: as given, or 1.

    ShapeError, DtypeError, DataError if it is not a number each, 0 or more, or where none counts.
    """
    if given is None:
        return np.ones(count, np.float32)
    try:
        found = np.asarray(given, np.float32)
    except (TypeError, ValueError):
        raise DtypeError("`sample_weight` holds something else than numbers") from None
    if found.shape != (count,):
        raise ShapeError(f"`sample_weight` is {found.shape}; expected ({count},), one for each sequence")
    wrong = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(wrong):
        raise DataError(f"`sample_weight[{wrong[0]}]` is {found[wrong[0]]:g}; expected a number, 0 or more")
    if not found.any():
        raise DataError("every `sample_weight` is zero; nothing could be learned")
    return found
