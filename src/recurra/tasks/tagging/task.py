"""Tagging as a task for the training loop: its loss, its measure."""

from torch import Tensor

from recurra.tasks.sequences.task import SequencesTask


class TaggingTask(SequencesTask):
    """A label for each step of a sequence."""

    def losses(self, scores: Tensor, lengths: Tensor | None, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.losses(scores, lengths, targets, weights)

    def right(self, scores: Tensor, lengths: Tensor | None, targets: Tensor) -> tuple[float, float]:
        found, right, steps = self.model.decode(scores, lengths), 0, 0
        for labels, want in zip(found, targets.cpu().unbind(1), strict=True):
            right += int((labels == want[: len(labels)]).sum())
            steps += len(labels)
        return right, steps
