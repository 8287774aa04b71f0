"""A signal ends a run after the step; a second one at once; elsewhere than in the main thread none is caught."""

import signal
import threading

import pytest
from helpers.training_toy import ToyTask, config, run

from recurra.errors import RunError
from recurra.training import Interrupted, fit


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_after_the_step_with_everything_saved(tmp_path, number, code):
    task, before = ToyTask(), signal.getsignal(number)
    real = task.loss

    def loss(*arguments):
        if task.calls == 6:
            signal.raise_signal(number)
        return real(*arguments)

    task.loss = loss
    events = []
    with pytest.raises(Interrupted, match=f"stopped at step 7 of 30; everything is saved in {tmp_path}") as raised:
        fit(task, config(), tmp_path, listeners=[events.append])
    assert isinstance(raised.value, KeyboardInterrupt | RunError)
    assert raised.value.exit_code == code
    assert signal.getsignal(number) is before
    assert [event["event"] for event in events[-3:]] == ["save", "interrupt", "break"]


def test_a_second_ctrl_c_interrupts_at_once(tmp_path):
    task = ToyTask()

    def loss(*arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    task.loss = loss
    with pytest.raises(KeyboardInterrupt) as raised:
        fit(task, config(), tmp_path)
    assert not isinstance(raised.value, Interrupted)


def test_it_runs_outside_the_main_thread(tmp_path):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run(tmp_path, epochs=1)[2]))
    thread.start()
    thread.join()
    assert outcomes[0]["reason"] == "finished"
