"""Two processes under torchrun reach what one reaches, and resume."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import distributed_child
from helpers.processes import started
from helpers.training_toy import ToyTask

import recurra
from recurra import locks, tensorfiles
from recurra.errors import RunError
from recurra.fitting import listeners
from recurra.training import distributed, fit, runs

TESTS = Path(__file__).parents[1]


def torchrun(*arguments, processes=2):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command += ["-m", "helpers.distributed_child", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RANK": "", "WORLD_SIZE": ""}
    del environment["RANK"], environment["WORLD_SIZE"]
    done = subprocess.run(command, env=environment, cwd=TESTS, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def losses(folder, name="loss"):
    return [row[name] for row in listeners.read_metrics(folder) if row["event"] == "train"]


def state(folder):
    return tensorfiles.read(folder / runs.STATE, "state/1")


@pytest.mark.slow
@pytest.mark.soak
def test_two_processes_reach_the_losses_of_one_and_resume(tmp_path):
    one, two, broken = (tmp_path / name for name in ("one", "two", "broken"))
    for folder in (one, two, broken):
        folder.mkdir()
    fit(ToyTask(dropout=0.0), distributed_child.CONFIG, one, listeners=[listeners.metrics_file(one)])
    torchrun("toy", two, -1, 0.0)
    assert len(losses(one)) == len(losses(two)) == 40
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    assert losses(two, "norm") == pytest.approx(losses(one, "norm"), rel=1e-3)
    a, about_a = state(one)
    b, about_b = state(two)
    assert about_a["progress"]["tokens"] == about_b["progress"]["tokens"]
    for name in a:
        if name.startswith("model."):
            torch.testing.assert_close(b[name], a[name], rtol=1e-3, atol=1e-4)
    # The carried state of each process is its rows of the whole one.
    rows = torch.cat([b["rank.0.carry.0"], b["rank.1.carry.0"]], dim=1)
    torch.testing.assert_close(rows, a["rank.0.carry.0"], rtol=1e-3, atol=1e-4)

    torchrun("toy", broken, 1, 0.0)
    assert state(broken)[1]["progress"]["reason"] == "stopped"
    assert 0 < state(broken)[1]["progress"]["step"] < 40
    with pytest.raises(RunError, match="was trained by 2 processes, and now there are 1; resume with: torchrun"):
        fit(ToyTask(dropout=0.0), distributed_child.CONFIG, broken)
    torchrun("toy", broken, -1, 0.0)
    c = state(broken)[0]
    assert all(torch.equal(b[name], c[name]) for name in b if name.startswith(("model.", "optimizer.")))


@pytest.mark.slow
@pytest.mark.soak
def test_each_process_draws_its_own_dropout(tmp_path):
    torchrun("toy", tmp_path, -1, 0.5)
    saved, _ = state(tmp_path)
    assert not torch.equal(saved["rank.0.rng.cpu"], saved["rank.1.rng.cpu"])


@pytest.mark.slow
@pytest.mark.soak
def test_a_language_model_trains_in_two_processes_as_in_one(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 300)
    recurra.train(text, out=tmp_path / "one", preset="tiny", batch_size=4, epochs=2, quiet=True)
    done = torchrun("language", tmp_path / "two", text)
    assert done.stderr.count("finished after") == 1, "only rank 0 reports"
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-3)
    assert recurra.load(tmp_path / "two").generate("the ", 20, temperature=0).startswith("the ")


SAMPLE = ("translation",)
"""What `make test` runs of the tasks beside language: data of unequal lengths. `make soak` runs all."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in SAMPLE else pytest.mark.soak) for name in distributed_child.TASKS]
)
def test_every_task_trains_in_two_processes_as_in_one_and_resumes(name, tmp_path):
    one, two, broken = (tmp_path / folder for folder in ("one", "two", "broken"))
    distributed_child.task(name, one, -1)
    torchrun("task", name, two, -1)
    assert len(losses(one)) == len(losses(two)) == 20
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    torchrun("task", name, broken, 7)
    assert 0 < state(broken)[1]["progress"]["step"] < 20
    torchrun("task", name, broken, -1)
    (a, _), (b, _) = state(two), state(broken)
    assert [key for key in a if key.startswith(("model.", "optimizer.")) and not torch.equal(a[key], b[key])] == []


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_where_one_process_is_killed_the_other_ends_with_one_line(tmp_path, victim):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "helpers.distributed_child", "endless", str(tmp_path / "run")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with started(command, env=environment, cwd=TESTS, start_new_session=True, **pipes) as group:
        found = dict(group.stdout.readline().split()[1:] for _ in range(2))
        for line in group.stderr:
            if line.startswith("epoch"):  # both are in the middle of it
                break
        os.kill(int(found[str(victim)]), signal.SIGKILL)
        said = group.stderr.read()
    assert group.returncode != 0
    ours = [line for line in said.splitlines() if line.startswith("recurra:")]
    assert len(ours) == 1, said
    assert "another process of this run has ended, and so does this one" in ours[0]
    assert f"torchrun --nproc-per-node 2 -m recurra train --resume {tmp_path / 'run'}" in ours[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "train TEXT -o RUN --preset tiny --batch-size 4",
        pytest.param("train --resume RUN --data TEXT", marks=pytest.mark.soak),
    ],
)
def test_where_the_first_process_is_refused_all_end_with_one_line(tmp_path, command):
    text, run = tmp_path / "text", tmp_path / "run"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 30)
    recurra.train(text, out=run, preset="tiny", batch_size=4, epochs=1, quiet=True)
    command = command.replace("TEXT", str(text)).replace("RUN", str(run)).split()
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "recurra"]
    with locks.held(run):
        done = subprocess.run(
            [*start, *command], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
        )
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("recurra:")]
    assert f"{run} is in use: process {os.getpid()} (training) writes it" in line


def test_alone_every_exchange_is_what_it_was_given():
    assert distributed.world() == 1
    assert distributed.rank() == 0
    assert distributed.share({"a": [1, 2.5, None]}) == {"a": [1, 2.5, None]}
    assert distributed.largest([1, 0]) == [1, 0]
    assert distributed.mean([0.5]) == [0.5]
    assert distributed.gather(b"abc") == [b"abc"]
    distributed.wait()
