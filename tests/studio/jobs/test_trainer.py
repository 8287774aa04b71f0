"""Real trainings in the studio: started, followed, stopped, killed, found again, trained on."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from helpers.processes import started
from helpers.studio_support import LONG, TEXT, TINY, client, events, save_model, send, start, train_here, wait

from recurra.cli import frame
from recurra.studio.jobs import trainer
from recurra.studio.server import events as server_events
from recurra.tasks import language

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with client(tmp_path_factory.mktemp("runs")) as found:
        yield found


@pytest.fixture(scope="module")
def followed(api):
    """The events of a training, from its start to its end."""
    run = start(api, title="Cats & <dogs>")
    return run, events(api.get(f"/api/runs/{run}/events").text)


@pytest.fixture(scope="module")
def done(api, followed):
    """A finished run: the one that was followed."""
    return wait(api, followed[0], "finished", "failed")


@pytest.fixture(scope="module")
def here(api):
    """Another studio of the same runs, which trains in this process: for what is asked of the training alone."""
    return train_here(client(api.app.state.studio.runs.root))


@pytest.fixture(autouse=True)
def _nothing_goes_on(request):
    yield
    if "api" in request.fixturenames:
        studio = request.getfixturevalue("api").app.state.studio
        for run in list(studio.trainer.jobs):
            assert studio.trainer.stop(run, wait=60)


def test_a_training_from_start_to_text(api, done):
    assert done["error"] is None
    assert (done["id"], done["title"]) == ("Cats-dogs-1", "Cats & <dogs>")
    assert (done["state"], done["progress"], done["step"]) == ("finished", 1.0, done["steps"])
    assert done["epoch"] == pytest.approx(done["epochs"])
    assert done["text"] == {"id": send(api), "corpus": None, "name": "cats.txt", "characters": len(TEXT)}
    assert done["settings"]["hidden_size"] == done["units"] == 8
    whole = api.get(f"/api/runs/{done['id']}").json()
    valid = whole["history"]["valid"]
    assert done["loss"] == min(point["loss"] for point in valid)
    assert done["bits_per_character"] == pytest.approx(done["loss"] / 0.6931472)
    assert whole["history"]["train"][-1]["step"] == done["steps"]
    assert {point["step"] for point in whole["samples"]} == {point["step"] for point in valid} | {1, 10, 30}
    # A folder that the command line knows too.
    model = language.load(api.app.state.studio.runs.root / done["id"])
    assert done["parameters"] == sum(p.numel() for p in model.parameters())
    found = api.post(f"/api/runs/{done['id']}/generate", json={"prompt": "the", "length": 20, "seed": 1}).json()
    assert found["text"] == model.generate("the", 20, seed=1)


def test_the_events_of_a_training(api, followed):
    run, found = followed
    names = [name for name, _ in found]
    assert (names[0], names[-1]) == ("snapshot", "end")
    assert {"state", "progress", "train", "evaluate", "sample"} <= set(names)
    assert found[0][1]["state"] in ("waiting", "training")
    assert found[-1][1]["run"] == {
        k: v for k, v in api.get(f"/api/runs/{run}").json().items() if k in found[-1][1]["run"]
    }
    whole = api.get(f"/api/runs/{run}").json()
    for kind, curve in (("train", whole["history"]["train"]), ("evaluate", whole["history"]["valid"])):
        shown = found[0][1]["history"]["train" if kind == "train" else "valid"] + [d for n, d in found if n == kind]
        assert shown == curve
    progress = next(data for name, data in found if name == "progress")
    assert progress.keys() == {"step", "steps", "progress", "epoch", "loss", "speed", "left", "seconds"}


def test_a_second_start_is_refused_in_words(api):
    run = start(api, LONG, title="first")
    answer = api.post("/api/runs", json={"text": send(api), "settings": TINY})
    assert answer.status_code == 409
    assert answer.json()["detail"] == "“first” is being trained; wait until it is done, or stop it first"
    answer = api.post("/api/comparisons", json={"text": send(api), "cells": ["rnn"]})
    assert answer.status_code == 409
    assert api.delete(f"/api/runs/{run}").status_code == 409
    assert api.post(f"/api/runs/{run}/continue").json()["detail"] == f"`{run}` is being trained"
    renamed = api.patch(f"/api/runs/{run}", json={"title": "second"}).json()
    assert renamed["title"] == "second"
    wait(api, run, "training")
    stopped = api.post(f"/api/runs/{run}/stop").json()
    assert (stopped["state"], stopped["title"]) == ("stopped", "second")


def test_a_command_cannot_resume_what_the_studio_trains(api, capsys):
    run = start(api, LONG)
    wait(api, run, "training")
    while not api.get(f"/api/runs/{run}").json()["step"]:
        time.sleep(0.02)
    studio = api.app.state.studio
    assert frame.run(["train", "--resume", str(studio.runs.root / run)]) == 1
    process = studio.trainer.jobs[run].process.pid
    assert f"is in use: process {process} (training in the studio) writes it" in capsys.readouterr().err
    assert api.get(f"/api/runs/{run}").json()["state"] == "training"


@pytest.fixture
def elsewhere(api):
    """A stopped run of the studio, which a process of another program holds: its id and the process."""
    other = train_here(client(api.app.state.studio.runs.root), stopping=lambda event: event["event"] == "progress")
    run = start(other, LONG)
    assert api.get(f"/api/runs/{run}").json()["state"] == "stopped"
    hold = "import sys\nfrom recurra import locks\nwith locks.held(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, api.app.state.studio.runs.root / run]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield run, process
        process.kill()


def test_a_run_that_trains_elsewhere(api, elsewhere):
    run, process = elsewhere
    assert wait(api, run, "training", seconds=5)["error"] is None
    assert {found["state"] for found in api.get("/api/runs").json()["runs"] if found["id"] == run} == {"training"}
    who = f"`{run}` is being trained by process {process.pid} (training)"
    for answer, words in (
        (api.post(f"/api/runs/{run}/stop"), f"{who}, not by this studio; stop it there"),
        (api.post(f"/api/runs/{run}/continue"), f"{who}; stop it there first"),
        (api.delete(f"/api/runs/{run}"), f"{who}; stop it there first"),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (409, words)
    assert language.load(api.app.state.studio.runs.root / run)
    process.kill()
    process.wait()
    assert api.get(f"/api/runs/{run}").json()["state"] == "stopped"
    assert api.delete(f"/api/runs/{run}").status_code == 204


def test_the_events_of_a_run_that_trains_elsewhere_are_snapshots(api, elsewhere, monkeypatch):
    run, process = elsewhere
    monkeypatch.setattr(server_events, "BEAT", 0.05)
    threading.Timer(1.0, process.kill).start()
    names = [name for name, _ in events(api.get(f"/api/runs/{run}/events").text)]
    assert names[:3] == ["snapshot"] * 3
    assert names[-1] == "end"


def test_stop_keeps_and_continue_goes_on(api):
    run = start(api, LONG)
    wait(api, run, "training")
    while not api.get(f"/api/runs/{run}").json()["step"]:
        time.sleep(0.02)
    stopped = api.post(f"/api/runs/{run}/stop").json()
    assert stopped["state"] == "stopped"
    assert 0 < stopped["step"] < stopped["steps"]
    assert len(api.post(f"/api/runs/{run}/generate", json={"length": 10}).json()["text"]) == 10
    refused = api.post(f"/api/runs/{run}/continue", json={"epochs": 3})
    assert refused.status_code == 422
    assert "resumes with the settings it began with" in refused.json()["detail"]
    assert api.post(f"/api/runs/{run}/continue").status_code == 200
    going = wait(api, run, "training")
    assert going["id"] == run
    while api.get(f"/api/runs/{run}").json()["step"] <= stopped["step"]:
        time.sleep(0.02)
    assert api.post(f"/api/runs/{run}/stop").json()["step"] > stopped["step"]
    assert api.delete(f"/api/runs/{run}").status_code == 204


def test_a_finished_run_is_trained_on_as_a_new_one(here, done):
    found = here.post(f"/api/runs/{done['id']}/continue", json={"epochs": 1}).json()
    assert (found["parent"], found["title"]) == (done["id"], done["title"])
    assert found["id"] != done["id"]
    after = wait(here, found["id"], "finished", "failed")
    assert after["error"] is None
    first = here.get(f"/api/runs/{found['id']}").json()["history"]["valid"][0]
    # It begins where the other one ended, not at chance.
    assert first["loss"] < done["loss"] + 0.3


@pytest.mark.slow
def test_another_text_with_new_symbols_from_there(here, done):
    text = send(here, TEXT.replace("dog", "Käse"), "cheese")
    after = wait(here, start(here, text=text, parent=done["id"]), "finished", "failed")
    assert after["error"] is None
    assert after["vocabulary"]["size"] == done["vocabulary"]["size"] + 2


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_trainer_is_told_of_and_goes_on(api):
    run = start(api, LONG)
    wait(api, run, "training")
    os.kill(api.app.state.studio.trainer.jobs[run].process.pid, signal.SIGKILL)
    found = wait(api, run, "failed")
    assert found["error"] == "the training was killed (SIGKILL); perhaps memory ran out; its last checkpoint is kept"
    assert api.post(f"/api/runs/{run}/continue").status_code == 200
    going = wait(api, run, "training")
    assert going["error"] is None
    api.post(f"/api/runs/{run}/stop")


def test_a_training_that_cannot_begin_says_why(api):
    # What only reading the text shows.
    text = send(api, "ab" * 9)
    run = start(api, TINY | {"unit": "bpe", "vocabulary_size": 300}, text)
    found = wait(api, run, "failed")
    assert "the text is 1 bpe token long; training needs at least 2" in found["error"]
    assert "has no checkpoint" in api.post(f"/api/runs/{run}/continue").json()["detail"]
    assert run in [one["id"] for one in api.get("/api/runs").json()["runs"]]
    assert api.delete(f"/api/runs/{run}").status_code == 204


@pytest.mark.slow
def test_a_fault_in_the_trainer_is_told_in_one_line(api, monkeypatch, tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("raise OSError('no cells today')")
    monkeypatch.setattr(api.app.state.studio.trainer, "cells", [str(bad)])
    found = wait(api, start(api), "failed")
    assert found["error"] == "OSError: no cells today"


@pytest.mark.slow
def test_a_users_cell_is_trained(api, tmp_path):
    from recurra import cells
    from recurra.cli import cellfile

    file = tmp_path / "mine.py"
    file.write_text(
        "from recurra.cells import Cell, register\nfrom recurra.expr import tanh\n\n"
        "class Mine(Cell):\n    gates = 'n'\n\n    def step(self, x, h, s):\n"
        "        return s.next(h=0.5 * s.h + 0.5 * tanh(x.n + h.n))\n\nregister('mine', Mine)\n"
    )
    with cells.registered():
        cellfile.load(type("Context", (), {"resilient_parsing": False})(), None, (file,))
        with client(tmp_path / "runs") as other:
            assert other.app.state.studio.trainer.cells == [str(file)]
            found = wait(other, start(other, TINY | {"cell": "mine"}), "finished", "failed")
            assert (found["error"], found["cell"]) == (None, "mine")


@pytest.mark.slow
def test_a_new_studio_finds_the_runs(tmp_path):
    with client(tmp_path) as first:
        run = start(first, LONG)
        wait(first, run, "training")
    # The first one has ended, and its training is saved.
    with client(tmp_path) as second:
        found = second.get(f"/api/runs/{run}").json()
        assert (found["state"], found["error"]) == ("stopped", None)
        assert second.get(f"/api/texts/{found['text']['id']}").status_code == 200
        second.post(f"/api/runs/{run}/continue")
        wait(second, run, "training")
        assert first.app.state.studio.interrupted == [run]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_trainer_whose_studio_died_saves_and_ends(tmp_path):
    """What a killed studio leaves: the other end of the trainer's pipes is gone."""
    with client(tmp_path) as api:
        run = start(api, LONG)
        wait(api, run, "training")
        job = api.app.state.studio.trainer.jobs[run]
        before = job.process
        before.stdin.close()  # as the system does it for a process that is gone
        assert before.wait(30) == 0
        assert wait(api, run, "stopped")["error"] is None


@pytest.mark.slow
def test_a_stubborn_trainer_is_killed_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "PATIENCE", 0.1)
    with client(tmp_path) as api:
        run = start(api, LONG)
        wait(api, run, "training")
        job = api.app.state.studio.trainer.jobs[run]
        os.kill(job.process.pid, signal.SIGSTOP)
    assert job.process.returncode == -signal.SIGKILL


@pytest.mark.soak
def test_memory_does_not_grow(tmp_path):
    save_model(tmp_path / "cats", units=64)
    with client(tmp_path) as api:
        text = send(api)

        def generate(times):
            for n in range(times):
                api.post("/api/runs/cats/generate", json={"length": 200, "seed": n})

        def train(times):
            for _ in range(times):
                run = start(api, TINY | {"epochs": 1, "hidden_size": 4}, text)
                wait(api, run, "finished")

        generate(10)
        train(1)
        before, threads = _objects(), threading.active_count()
        runs = 10
        generate(10 * runs)
        train(runs)
        assert _objects() - before < 100 * runs  # some dozens a run are what its description is made of
        assert threading.active_count() <= threads + 2
        assert not api.app.state.studio.hub._listeners


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())
