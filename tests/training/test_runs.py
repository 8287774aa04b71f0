"""The state of a run on disk: of one run only, whole, and the last one after a full disk."""

import pytest
import torch
from helpers.training_toy import ToyTask, of, run, weights

from recurra import files, tensorfiles
from recurra.errors import RunError
from recurra.training import runs


def test_another_run_in_the_folder_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(RunError, match="was trained with epochs=3, but epochs=4 is set now"):
        run(tmp_path, epochs=4)
    task = ToyTask()
    task.model.head = torch.nn.Linear(8, 6)
    with pytest.raises(RunError, match=r"`head.weight` is \(5, 8\).*this model has \(6, 8\)"):
        run(tmp_path, task)


def test_a_state_that_lacks_a_part_is_one_line(tmp_path):
    run(tmp_path)
    state, about = tensorfiles.read(tmp_path / runs.STATE, "state/1")
    state.pop("rank.0.totals")
    tensorfiles.write(tmp_path / runs.STATE, state, about)
    with pytest.raises(RunError, match="damaged, or of another version"):
        run(tmp_path)


def test_a_full_disk_leaves_the_last_state(tmp_path, monkeypatch):
    real, writes = files.os.fsync, []

    def fsync(handle):
        writes.append(handle)
        if len(writes) > 12:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(files.os, "fsync", fsync)
    with pytest.raises(RunError, match=r"No space left on device\. The one written before is intact"):
        run(tmp_path, save_every=1e-9)
    monkeypatch.setattr(files.os, "fsync", real)
    (tmp_path / "whole").mkdir()
    run(tmp_path / "whole", save_every=1e-9)
    _, events, _ = run(tmp_path, save_every=1e-9)
    assert of(events, "start")[0]["step"] > 0
    a, b = weights(tmp_path), weights(tmp_path / "whole")
    assert all(torch.equal(a[name], b[name]) for name in a)
