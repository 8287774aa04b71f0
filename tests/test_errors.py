"""One root for all errors, the builtin each resembles, the settings that a message marks, and the end of its sentence."""

import ast
import errno
import pickle
import re
from pathlib import Path

import click
import pytest

import recurra
from recurra import errors
from recurra.cli.frame import group
from recurra.config import options
from recurra.errors import ConfigError, RecurraError, Setting, setting
from recurra.tasks.language.config import CONFIGS

SOURCE = Path(recurra.__file__).parent

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


def test_a_marked_setting_reads_as_in_python_and_as_the_surface_writes_it():
    error = ConfigError(f"{setting('stride')} has no effect with {setting('mode', 'streams')}")
    assert str(error) == "`stride` has no effect with mode='streams'"
    assert error.written(lambda one: f"<{one.name} {one.value}>") == "<stride > has no effect with <mode streams>"
    assert error.settings == (Setting("stride", "stride", "", ""), Setting("mode", "mode", "streams", "'streams'"))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 (our own)


def test_a_setting_with_another_name_in_python():
    error = ConfigError(f"{setting('steps', 3, python='h')} is too long")
    assert (str(error), error.settings[0].name) == ("h=3 is too long", "steps")


def test_a_message_within_another_one_keeps_its_marks():
    inner = ConfigError(f"{setting('lr')} is 0")
    outer = RecurraError(f"run 1: {inner.marked}")
    assert (str(outer), [one.name for one in outer.settings]) == ("run 1: `lr` is 0", ["lr"])
    assert RecurraError(f"run 1: {inner}").settings == ()


@pytest.mark.parametrize("value", ["{lr} \\1 %s", "a\x02b\x1fc\x03d", None, "", "two\nlines"])
def test_whatever_a_value_holds_is_shown(value):
    error = ConfigError(f"{setting('prompt', value)} and {setting('lr')}")
    assert [one.name for one in error.settings] == ["prompt", "lr"]
    assert error.settings[0].literal == repr(value)
    assert str(error) == f"prompt={value!r} and `lr`"


def command_options() -> set[str]:
    """The names of the options of all commands, and of the settings of training."""
    names = {option.name for cls in CONFIGS.values() for option in options(cls)}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        for one in (command, *getattr(command, "commands", {}).values()):
            flags = [flag for p in one.params if isinstance(p, click.Option) for flag in p.opts]
            names |= {flag[2:].replace("-", "_") for flag in flags if flag.startswith("--")}
    return names


def test_every_setting_that_a_message_marks_is_an_option():
    names, marked = command_options(), set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setting":
                marked |= {(file.name, one.value) for one in node.args[:1] if isinstance(one, ast.Constant)}
    assert len(marked) > 80
    assert {(file, name) for file, name in marked if name not in names} == set()


# Names that are also options, where a message speaks of something else: arguments of Python's alone, keys of JSON.
OTHERS = {
    ("cellfacts.py", "cell"),
    ("frames.py", "init"),
    ("classifier.py", "validation_data"),
    ("evaluation.py", "text"),
    ("forecaster.py", "validation_data"),
    ("launch.py", "epochs"),
    ("launch.py", "minutes"),
    ("texts.py", "text"),
    ("manifest.py", "text"),
    ("metrics.py", "quantiles"),
    ("moving.py", "speed"),
    ("api.py", "text"),
    ("check.py", "output"),
    ("classifier.py", "labels"),
    ("labels.py", "labels"),
    ("look.py", "unit"),
}


@pytest.mark.slow
def test_no_message_names_an_option_without_a_mark():
    names, unmarked = command_options(), set()
    for file in SOURCE.rglob("*.py"):
        if "cli" in file.parts:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                found = re.findall(r"`(\w+)`|(?<![\w.`-])(\w+)='\w", node.value)
                unmarked |= {(file.name, name) for pair in found for name in pair if name in names}
    assert unmarked <= OTHERS
    assert unmarked >= OTHERS, "these speak of nothing any more"
