"""Run by test_resume and test_signals in a process of its own, to be ended: trains the toy slowly, saving whenever it can."""

import sys
import time

from helpers.training_toy import ToyTask

from recurra.training import Interrupted, TrainingConfig, fit

CONFIG = TrainingConfig(epochs=12, lr=3e-2, save_every=1e-9, average=0.9)


def main(folder: str, pause: float) -> None:
    task = ToyTask()
    real = task.loss

    def slow(*arguments):
        time.sleep(pause)
        return real(*arguments)

    task.loss = slow
    try:
        fit(task, CONFIG, folder, listeners=[lambda event: print(event["event"], event.get("step"), flush=True)])
    except Interrupted as stopped:
        print(stopped, flush=True)
        sys.exit(stopped.exit_code)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
