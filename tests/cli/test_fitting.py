"""The builder of the commands that fit, use and resume: which options belong together."""

import click
import pytest

from recurra.cli import classify, compose, fitting, forecast, regress, tag, train, transcribe, translate, video
from recurra.cli.frame import Command, run

COMMANDS = [
    module.command for module in (train, forecast, classify, regress, tag, transcribe, video, compose, translate)
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_has_its_modes(command):
    modes = {p.name: getattr(p, "modes", None) for p in command.params}
    assert modes["resume"] == modes["moved"] == (fitting.RESUME,)
    assert fitting.RESUME not in modes[command.params[0].name]
    assert modes["out"] == (fitting.FIT,)
    known = {fitting.FIT, fitting.USE, fitting.RESUME, *command.extra}
    assert all(mode is None or set(mode) <= known for mode in modes.values()), modes
    settings = [p for p in command.params if getattr(p, "section", "") == "Training"]
    assert settings
    assert all(fitting.FIT in p.modes for p in settings)
    assert [p.name for p in settings if fitting.RESUME in p.modes] == ["epochs"], "a finished run may be trained longer"
    assert modes["more_minutes"] == (fitting.RESUME,)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("classify a.csv --resume x", "--resume continues the run as it is; drop DATA"),
        ("tag --resume x --lr 1 -o y", "--resume continues the run as it is; drop --out, --lr"),
        ("tag a --model x --epochs 1", "--model uses a run as it was fitted; drop --epochs"),
        ("translate a.tsv --to x", "without --model, DATA is learned from; drop --to"),
        ("translate a.tsv --data b", "without --model, DATA is learned from; drop --data"),
        ("translate --model x --data b", "--model uses a run as it was fitted; drop --data"),
        ("compose a --no-keep-prompt", "without --model, DATA is learned from; drop --keep-prompt"),
        ("train", "TEXT is missing: name a file"),
        ("translate", "DATA is missing: name files of pairs"),
        ("translate --model x", "DATA is missing: name files of pairs"),
        ("train --lr 0 --resume x", "--resume continues the run as it is; drop --lr"),
    ],
)
def test_what_does_not_go_together_is_one_line(line, words, capsys):
    assert run(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("a.txt", "reading a.txt, 17 bytes\n"),
        ("b.txt", "reading b.txt, 230 kB\n"),
        ("c.txt", "reading c.txt, 5.1 MB\n"),
        ("folder", "reading folder\n"),
        ("manual", "reading manual\n"),
        ("-", "reading standard input\n"),
    ],
)
def test_the_first_line_comes_before_anything_is_read(source, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, size in {"a.txt": 17, "b.txt": 230_000, "c.txt": 5_100_000}.items():
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "folder").mkdir()

    def imported(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Command, "invoke", imported)
    assert run(["train", source]) == 130
    assert capsys.readouterr().err.replace("\n\n", "\n") == line + "recurra: stopped\n"
    assert run(["train", source, "--quiet"]) == 130
    assert capsys.readouterr().err.strip() == "recurra: stopped"


def test_a_default_is_not_an_option_that_was_given(capsys):
    assert run(["translate", "no-such.tsv"]) == 1  # --beam has a default, and belongs to --model
    assert "no-such.tsv" in capsys.readouterr().err
    assert run(["compose", "--resume", "no-such-run"]) == 1
    assert "no run" in capsys.readouterr().err


def test_help_names_what_every_such_command_has():
    for command in COMMANDS:
        text = command.get_help(click.Context(command, info_name=command.name, **command.context_settings))
        assert all(flag in text for flag in ("--resume RUN", "--data PATH", "--out PATH", "--json", "--config PATH"))
