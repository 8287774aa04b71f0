"""Run by test_resume in a process of its own, to be killed: trains the toy slowly, saving as often as it can."""

import sys
import time

from helpers.training_toy import ToyTask

from recurra.training import TrainingConfig, fit

CONFIG = TrainingConfig(epochs=12, lr=3e-2, save_every=1e-9, average=0.9)


def main(folder: str, pause: float) -> None:
    task = ToyTask()
    real = task.loss

    def slow(*arguments):
        time.sleep(pause)
        return real(*arguments)

    task.loss = slow
    fit(task, CONFIG, folder, listeners=[lambda event: print(event["event"], event.get("step"), flush=True)])


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
