"""One root for all errors, the builtin each resembles, and the end of an error's sentence."""

import errno

import pytest

import recurra
from recurra import errors

BUILTIN = {
    "ShapeError": ValueError,
    "DtypeError": TypeError,
    "ConfigError": ValueError,
    "CellError": TypeError,
    "TraceError": TypeError,
    "BackendError": RuntimeError,
    "DataError": ValueError,
    "VocabularyError": ValueError,
    "RunError": RuntimeError,
    "DivergenceError": RuntimeError,
    "NotFittedError": ValueError,
}


def test_the_table_names_every_error():
    classes = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, errors.RecurraError)}
    assert classes == {*BUILTIN, "RecurraError"}


@pytest.mark.parametrize(("name", "builtin"), BUILTIN.items())
def test_the_root_and_the_builtin_catch_it(name, builtin):
    error = getattr(errors, name)
    for kind in (recurra.RecurraError, builtin):
        with pytest.raises(kind, match="what came"):
            raise error("what came")


def test_not_fitted_is_scikit_learns_too():
    from sklearn.exceptions import NotFittedError

    for kind in (NotFittedError, errors.NotFittedError, AttributeError):
        with pytest.raises(kind, match="call fit"):
            raise errors.not_fitted("call fit")


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("lstn", "did you mean `lstm`?"),
        ("transformer", "expected one of: lstm, gru, 3"),
        (None, "expected one of: lstm, gru, 3"),
        (3, "did you mean `3`?"),
    ],
)
def test_the_nearest_word_or_all_of_them(word, words):
    assert errors.nearest(word, ["lstm", "gru", 3]) == words


def test_advice_fits_the_cause():
    causes = {errno.ENOSPC: "Free some space", errno.EROFS: "can only be read", errno.EACCES: "may not write there"}
    causes |= {errno.ENOENT: "was deleted or moved", errno.EMFILE: "`ulimit -n`", errno.EPIPE: "Choose another folder"}
    for code, words in causes.items():
        assert words in errors.advice(OSError(code, "no"))
