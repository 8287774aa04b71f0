"""Batches of pieces: transposed, cut into passages."""

import numpy as np
import torch
from helpers.pieces import scale

from recurra.tasks.music import task
from recurra.tasks.music.config import MusicConfig, MusicDataConfig
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.piece import Piece


def test_transposition_keeps_every_note_and_repeats_by_epoch_and_batch():
    pieces = {"train": [scale(8, 22), scale(8, 88), Piece([[], []])], "valid": []}
    made = task.MusicTask(
        MusicModel(MusicConfig(hidden_size=4)), pieces, MusicDataConfig(batch_size=3, transpose=6), seed=3
    )
    assert made.rooms == [(-1, 6), (-6, 1), (0, 0)]
    seen = set()
    for epoch in range(40):
        keys, lengths = made.batch(epoch, 0)
        assert torch.equal(keys, made.batch(epoch, 0)[0])
        assert keys.sum() == 32
        seen |= {int(row.nonzero()[0]) + 21 for row in keys[0] if row.any()}
    assert seen == {*range(21, 29), *range(82, 90)}


def test_keys_that_are_struck_again_move_with_the_others():
    struck = np.zeros((4, 88), bool)
    struck[2, 60 - 21] = True
    model = MusicModel(MusicConfig(hidden_size=4), strikes=True)
    parts = {"train": [Piece([[60]] * 4, struck=struck)], "valid": []}
    made = task.MusicTask(model, parts, MusicDataConfig(batch_size=1, transpose=6, passage=3), seed=3)
    assert [rows[:, 88:].sum() for rows in made.passages] == [1, 0]
    for epoch in range(8):
        for index in range(made.steps):
            rows = made.batch(epoch, index)[0][:, 0]
            again = rows[:, 88:].nonzero()[:, 1]
            assert (rows[:, :88].nonzero()[0, 1] == again).all()
            assert len(again) == (len(rows) == 3)


def test_long_pieces_are_cut_into_passages():
    made = task.MusicTask(
        MusicModel(MusicConfig(hidden_size=4)), {"train": [scale(25)], "valid": []}, MusicDataConfig(passage=10)
    )
    assert [len(passage) for passage in made.passages] == [10, 10, 5]
