"""The frame of the commands: help, settings from flags and files, and one line for every error."""

import subprocess
import sys

import click
import pytest
import torch
from helpers.processes import started

from recurra.cli import frame, options
from recurra.errors import ConfigError, DataError, RunError, setting
from recurra.training import Interrupted

# A closed output


def test_what_nobody_reads_ends_a_command_silently():
    with started(
        [sys.executable, "-m", "recurra", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        child.stdout.close()
        said = child.stderr.read()
    assert (child.returncode, said) == (141, "")


# Help


@pytest.mark.parametrize("name", [*(name for name in frame.COMMANDS if name != "bench"), "bench memory"])
def test_every_command_has_help_with_examples(recurra, name):
    code, out, err = recurra(*name.split(), "--help")
    assert (code, err) == (0, "")
    assert f"Usage: recurra {name}" in out
    assert "Examples:" in out
    assert out.split("Examples:")[1].count("recurra") >= 1


def test_help_lists_the_commands_whole(recurra):
    code, out, _ = recurra("--help")
    assert code == 0
    assert "..." not in out.split("Commands:")[1], "no sentence is cut"
    assert all(f"\n  {name} " in out for name in frame.COMMANDS)
    assert recurra()[1] == out
    assert recurra("-h")[1] == out


def test_help_needs_nothing_heavy():
    code = (
        "import sys; from recurra.cli.frame import run; run(['--help']); run(['train', '--help']);"
        "print([m for m in ('torch', 'numpy', 'rich', 'matplotlib', 'pooch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version_and_module():
    done = subprocess.run([sys.executable, "-m", "recurra", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == "recurra 0.1.0\n"


# Wrong use: exit 2, one line, the nearest word, how to get help


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("trian", "no command `trian`; did you mean `train`? Help: recurra --help"),
        ("xyz", "no command `xyz`; expected one of: train, generate, evaluate, look, compare, runs"),
        ("--bogus", "no such option '--bogus'; help: recurra --help"),
        ("generate --tempreture 1", "Did you mean '--temperature'? Help: recurra generate --help"),
        ("generate --temperature hot", "--temperature is 'hot'; expected a number from 0 up, such as 0.8, or two"),
        ("generate --top-p 2", "--top-p is 2.0; expected a fraction above 0 and at most 1"),
        ("generate --unit token", "--unit is token; did you mean tokens? Help: recurra generate --help"),
        ("generate --length many", "invalid value for '--length': 'many' is not a valid integer"),
        ("generate --beam 3 --seed 1", "--seed has no effect with --beam 3"),
        ("generate --prompt a --prompt-file b", "--prompt and --prompt-file are two ways to give one prompt"),
        ("generate --probabilities -o x", "--probabilities is no text for a file; add --json, or drop --output"),
        ("generate --config no.json", "--config: there is no file no.json"),
        ("train", "TEXT is missing: name a file, a folder or a corpus, such as book.txt or manual"),
        ("train book.txt --epochs=-1", "--epochs is -1; expected 0 or more; help: recurra train --help"),
        ("train book.txt --stride 3", "--stride is 3, which has no effect with --mode streams; try --mode windows"),
        ("train book.txt --preset tinny", "--preset is 'tinny'; did you mean `tiny`?"),
        ("train --resume a --lr 1 b.txt", "--resume continues the run as it is; drop TEXT, --lr"),
        ("train book.txt --new-symbols unk", "--new-symbols has no effect without --init-from"),
        ("evaluate", "missing argument 'RUN'; help: recurra evaluate --help"),
        ("card lstn", "no cell is called 'lstn'; did you mean `lstm`?"),
        ("card --batch 0", "invalid value for '--batch': 0 is not in the range x>=1"),
        ("compare book.txt --cells gruu", "no cell is called 'gruu'; did you mean `gru`?"),
        ("train book.txt --cell gru-d", "--cell is 'gru-d', which reads dt at each step; this model has no such"),
        ("compare book.txt --cells gru,cfc", "--cells is 'cfc', which reads dt at each step; this model"),
        ("translate a.tsv --cell cfc", "--cell is 'cfc', which reads dt at each step"),
        ("bench memory --cells cfc", "--cells is 'cfc', which reads dt at each step"),
        ("compare book.txt --cells ,", "--cells is empty; name some, such as --cells rnn,lstm,gru"),
        ("compare book.txt --parameters lots", "'lots' is not a number of parameters, such as 200k, 1.5M or 200000"),
        ("compare book.txt --parameters 9223372036854775808", "is more than the 100,000,000,000 parameters that a model may"),
        ("compare book.txt --parameters 10", "--parameters is 10, but the embedding and softmax of 14 tokens leave"),
        ("train book.txt --minutes 1 --epochs 1", "--minutes and --epochs both say how long to train; drop one"),
        ("compare book.txt --minutes 1 --epochs 1", "--minutes and --epochs both say how long to train; drop one"),
        ("demo --minutes 0", "invalid value for '--minutes': 0.0 is not in the range x>0"),
    ],
)  # fmt: skip
def test_wrong_use(recurra, arguments, words):
    code, out, err = recurra(*arguments.split())
    assert (code, out) == (2, "")
    assert err.removeprefix("reading book.txt, 3.1 kB\n").startswith("recurra: error: ")
    assert words in err
    assert len([line for line in err.splitlines() if not line.startswith("reading ")]) == 1


# Failed runs: exit 1, one line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("generate nope", "there is no run 'nope'"),
        ("train bok.txt", "there is no file `bok.txt`; did you mean `book.txt`?"),
        ("train book.txt --out .", "is in use (it has files in it); choose a new one with --out"),
        ("compare book.txt --out .", "has files in it; choose a new one with --out"),
        ("corpora --fetch shakespear", "there is no corpus `shakespear`; did you mean `tinyshakespeare`?"),
        ("corpora --fetch manual", "made from this Python and is no file"),
    ],
)
def test_failed_runs(recurra, arguments, words):
    code, out, err = recurra(*arguments.split())
    assert (code, out) == (1, "")
    assert words in err
    assert len([line for line in err.splitlines() if not line.startswith("reading ")]) == 1


def _too_much() -> Exception:
    """What PyTorch raises on the CPU."""
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**57)
    return raised.value


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RunError("first line.\n  second line"), 1, "recurra: error: first line. second line"),
        (
            Interrupted(f"stopped at step 5; go on with {setting('lr')}"),
            130,
            "recurra: stopped at step 5; go on with --lr",
        ),
        (Interrupted("stopped", 15), 143, "recurra: stopped"),
        (KeyboardInterrupt(), 130, "recurra: stopped"),
        (OSError(28, "No space left on device", "x.bin"), 1, "error: x.bin: No space left on device"),
        (MemoryError(), 1, "error: out of memory; try a smaller --batch-size"),
        (_too_much(), 1, "error: out of memory; try a smaller --batch-size"),
        (KeyError("x"), 1, "error: a fault in Recurra (KeyError: 'x'); RECURRA_DEBUG=1 shows where"),
    ],
)
def test_whatever_happens_is_one_line(recurra, monkeypatch, error, code, words):
    def callback(**_):
        raise error

    monkeypatch.setattr("recurra.cli.doctor.command.callback", callback)
    got, out, err = recurra("doctor")
    assert (got, out) == (code, "")
    # click ends the line that ^C stands on.
    assert err.lstrip("\n").count("\n") == 1
    assert words in err


def test_a_warning_is_one_line_without_its_code():
    program = """
import warnings
from recurra.cli import doctor, frame

doctor.command.callback = lambda **_: warnings.warn("nothing\\nmoves")
frame.main(["doctor"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "recurra: nothing moves\n")


def test_debug_shows_the_traceback(recurra, monkeypatch):
    monkeypatch.setenv("RECURRA_DEBUG", "1")
    with pytest.raises(RunError, match="there is no run"):
        recurra("generate", "nope")


def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m recurra card --help | head -1; {sys.executable} -m recurra corpora --json | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Usage: recurra card")
    assert done.stderr == ""


def test_settings_are_called_by_their_options():
    one, windows, both = setting("out"), setting("mode", "windows"), (setting("grey", True), setting("grey", False))
    error = ConfigError(f"{one} and `batch_size`, {windows} or {both[0]}, {both[1]}, {setting('init_from', 'a run')}")
    said = "--out and `batch_size`, --mode windows or --grey, --no-grey, --init-from 'a run'"
    assert error.written(options.as_option) == said
    assert frame.explain(DataError(f"read {one}")) == (1, "error: read --out")


def written():
    """Every option of every command that names a file to be written."""
    group = frame.Commands()
    context = click.Context(group)
    for name in frame.COMMANDS:
        command = group.get_command(context, name)
        commands = {f"{name} {sub}": one for sub, one in getattr(command, "commands", {}).items()} or {name: command}
        for line, one in commands.items():
            yield from ((line, p) for p in one.params if p.name in ("to", "output", "picture", "draw"))


@pytest.mark.parametrize(("line", "option"), [(line, one.opts[-1]) for line, one in written()])
def test_a_file_that_cannot_be_written_is_refused_before_any_work(recurra, line, option, tmp_path):
    code, out, err = recurra(*line.split(), "anything", option, tmp_path / "none" / "x")
    assert (code, out) == (2, "")
    assert f"x cannot be written: there is no folder {tmp_path}/none; make it" in err
    code, _, err = recurra(*line.split(), "anything", option, "-")
    assert code == 2
    assert "- names no file; give one, or leave the option out" in err
    code, _, err = recurra(*line.split(), "anything", option, tmp_path)
    assert code == 2
    assert "is a directory" in err
