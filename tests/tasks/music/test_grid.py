"""The grid of a MIDI file is chosen from its notes."""

import numpy as np
import pytest
from helpers.pieces import midi_file, note

from recurra.tasks import music


def tune(path, lengths, start=60, ticks=480):
    """A file of one key struck again and again, without a gap: lengths in beats."""
    return midi_file(path, [one for beats in lengths for one in note(start, 0, round(beats * ticks))], ticks)


@pytest.mark.parametrize(
    ("lengths", "grid"),
    [
        ([1, 1, 2, 0.5, 0.5], 4),
        ([0.25] * 16, 4),
        ([1 / 3] * 12, 6),
        ([1 / 3, 1 / 3, 1 / 3, 0.25, 0.25, 0.25, 0.25], 12),
        ([0.125] * 16, 8),
        ([1 / 32] * 64, 32),
        ([1] * 200 + [1 / 3] * 3, 4),  # one triplet among 200 quarters is within what may be off
    ],
    ids=str,
)
@pytest.mark.parametrize("ticks", [480, 96])
def test_the_grid_is_the_coarsest_that_the_notes_lie_on(tmp_path, lengths, grid, ticks):
    piece = music.read_midi(tune(tmp_path / "a.mid", lengths, ticks=ticks))
    assert piece.form.steps_per_beat == grid
    assert len(piece.notes()) == len(lengths)


def test_free_playing_gets_the_grid_that_keeps_its_notes(tmp_path):
    random = np.random.default_rng(0)
    slow, fast = random.uniform(0.6, 1.1, 100), random.uniform(0.05, 0.3, 100)
    assert music.read_midi(tune(tmp_path / "a.mid", slow)).form.steps_per_beat == 4
    piece = music.read_midi(tune(tmp_path / "b.mid", fast))
    assert piece.form.steps_per_beat > 4
    assert len(piece.notes()) >= 98
