"""Settings as options: a flag over a file over a preset, each of its type."""

import json

import click
import pytest

from recurra.cli import frame, options
from recurra.config import options as options_of
from recurra.data import DataConfig
from recurra.errors import ConfigError
from recurra.generation.config import GenerationConfig
from recurra.tasks import TASKS
from recurra.tasks.music.config import CompositionConfig
from recurra.training.config import TrainingConfig

BY_COMMAND = {task.command: task for task in TASKS}


def settings_of(command):
    """The settings classes of a command, and where its task starts from other values than they do."""
    if command == "generate":
        return [GenerationConfig], {}
    task = BY_COMMAND[command].config
    parts = task.PREDICTOR | task.CLASSIFIER if command == "video" else task.CONFIGS
    more = [task.PredictorConfig] if command == "video" else [CompositionConfig] if command == "compose" else []
    return [*parts.values(), *more], getattr(task, "DEFAULTS", {})


@pytest.mark.parametrize("name", [*BY_COMMAND, "generate"])
def test_every_setting_is_an_option_with_its_sentence_and_default(recurra, name):
    # Long lines are broken, also after a hyphen.
    out = " ".join(recurra(name, "--help")[1].split()).replace("- ", "-")
    classes, own = settings_of(name)
    for cls in classes:
        for option in options_of(cls):
            if option.name == "weights":  # in a shell a column alone: --weight-col
                assert " --weight-col " in out
                continue
            flag = "--" + option.name.replace("_", "-")
            assert f" {flag} " in out
            help = options._help(option, own.get(option.name, option.default))
            assert " ".join(help.split()).replace("- ", "-") in out
            assert option.help.split("`")[0].split("\n")[0] in out
    assert f"scales it. [default: {own.get('lr', 0.005)}; more than 0]" in out or name == "generate"
    assert "[default: on]" in out or name not in ("train", "generate"), "switches say on and off"


@pytest.mark.slow
def test_a_flag_wins_over_a_file_and_a_file_over_a_preset(recurra, tmp_path):
    (tmp_path / "my.toml").write_text("hidden-size = 9\nlr = 0.002\n[training]\nepochs = 1\nseed = 7\n")
    code, out, _ = recurra("train", "book.txt", "--preset", "tiny", "--config", "my.toml", "--seed", 8, "-q")
    assert (code, out) == (0, "runs/book-1\n")
    about = json.loads((tmp_path / "runs/book-1/config.json").read_text())["settings"]
    assert about["training"]["seed"] == 8, "the flag"
    assert (about["model"]["hidden_size"], about["training"]["lr"]) == (9, 0.002), "the file"
    assert about["model"]["embedding_size"] == 16, "the preset"
    assert about["training"]["clip"] == TrainingConfig().clip, "the default"
    # The settings of a run are a file of settings.
    assert recurra("train", "book.txt", "--config", "runs/book-1/config.json", "-q")[1] == "runs/book-2\n"
    assert json.loads((tmp_path / "runs/book-2/config.json").read_text())["settings"] == about


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "--config a.json is damaged, or no JSON file: "),
        ("a.toml", "= 1", "--config a.toml is damaged, or no TOML file: "),
        ("a.json", "[1]", "--config a.json holds a list; expected settings by name"),
        ("a.json", '{"schema": "language/1"}', "--config a.json holds no settings; expected settings by name"),
        ("a.json", '{"temprature": 1}', "`temprature` is not a setting; did you mean `temperature`?"),
        ("a.json", b"\xff", "--config a.json is damaged, or no JSON file: "),
    ],
)
def test_files_that_are_no_settings(tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as error:
        options.given({}, [GenerationConfig], file.relative_to(tmp_path))
    assert words in str(error.value)


def test_given_takes_only_what_was_said():
    values = {"length": 3, "seed": None, "stop": (), "keep_prompt": False, "other": 1}
    assert options.given(values, [GenerationConfig]) == {"length": 3, "keep_prompt": False}


def test_options_have_the_types_of_their_fields(recurra):
    seen = {}

    @click.command(cls=frame.Command)
    @options.settings_options({"G": GenerationConfig, "D": DataConfig})
    def command(**values):
        seen.update(values)

    arguments = "--temperature 1:0.5 --top-k 3 --stop a --stop b --no-keep-prompt --validation 2e-1 --mode windows"
    command.main(arguments.split(), standalone_mode=False)
    values = options.given(seen, [GenerationConfig, DataConfig])
    assert values == {
        "temperature": "1:0.5",
        "top_k": 3,
        "stop": ("a", "b"),
        "keep_prompt": False,
        "validation": 0.2,
        "mode": "windows",
    }
    command.main(["--temperature", "0.5"], standalone_mode=False)
    assert seen["temperature"] == 0.5


PATHS = {  # options that take a path, of a value with a tilde
    "train book.txt --out": "~/run",
    "train": "~/book.txt",
    "train --resume run --data": "~/book.txt",
    "train book.txt --config": "~/run.toml",
    "generate --output": "~/out.txt",
    "generate --prompt-file": "~/prompt.txt",
    "evaluate run": "~/book.txt",
    "look --text": "~/book.txt",
    "compare book.txt --out": "~/run",
    "forecast --model run --to": "~/next.csv",
    "video clips --labels": "~/labels.csv",
    "compose --model run --soundfont": "~/a.sf2",
    "studio --runs": "~/runs",
}


@pytest.mark.parametrize("start", PATHS)
def test_every_path_has_the_home_folder_for_its_tilde(start, tmp_path, monkeypatch):
    """No folder named ~ is made, whatever the option: what reaches the command is below the home folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    words = [*start.split(), PATHS[start]]
    context = frame.group.make_context("recurra", words)
    name, command, rest = frame.group.resolve_command(context, [*context._protected_args, *context.args])
    values = command.make_context(name, rest).params.values()
    found = [str(one) for value in values for one in (value if isinstance(value, tuple) else [value])]
    assert str(tmp_path / "home" / PATHS[start][2:]) in found
    assert not [one for one in found if "~" in one]


def test_a_tilde_without_a_home_folder_is_wrong_use(recurra, monkeypatch, tmp_path):
    monkeypatch.setattr("recurra.paths.os.path.expanduser", str)
    for words in (("train", "book.txt", "--out", "~/run"), ("train", "~/book.txt")):
        code, out, err = recurra(*words)
        assert (code, out) == (2, "")
        assert f"{words[-1]}: ~ is the home folder, and there is none: HOME is not set; name the folder itself" in err
    assert not (tmp_path / "~").exists()
