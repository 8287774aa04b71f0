"""Batches of pieces: transposed, cut into passages."""

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


def test_long_pieces_are_cut_into_passages():
    made = task.MusicTask(
        MusicModel(MusicConfig(hidden_size=4)), {"train": [scale(25)], "valid": []}, MusicDataConfig(passage=10)
    )
    assert [len(passage) for passage in made.passages] == [10, 10, 5]
