"""Pictures of pieces show every note."""

import numpy as np
import pytest
from helpers.pieces import CADENCE
from matplotlib.figure import Figure

from recurra.errors import ConfigError
from recurra.tasks import music
from recurra.tasks.music import picture
from recurra.tasks.music.form import Form
from recurra.tasks.music.piece import Piece


def test_a_picture_takes_the_notes_of_a_key_together():
    axes = Figure().subplots()
    picture.draw_roll(axes, Piece([[60, 64], [], [60, 65], [60]]), "four notes on three keys")
    bars = [path.vertices for collection in axes.collections for path in collection.get_paths()]
    assert len(axes.collections) == 3
    found = sorted((round(b[:, 0].min() * 16), round(b[:, 0].max() * 16), round(b[:, 1].mean())) for b in bars)
    assert found == [(0, 1, 60), (0, 1, 64), (2, 3, 65), (2, 4, 60)]


def test_pictures_show_every_note(tmp_path):
    from matplotlib.image import imread

    piece = Piece(CADENCE, Form(1))
    music.draw({"real": piece, "generated": Piece([[], []])}, tmp_path / "two.png")
    one, two = imread(piece.draw(tmp_path / "one.png")), imread(tmp_path / "two.png")
    blue = (np.abs(one[..., :3] - np.array([0x1F, 0x77, 0xB4]) / 255) < 0.02).all(-1)
    assert blue.mean() > 0.02
    assert two.shape[0] > one.shape[0]
    piece.save(tmp_path / "roll.svg")
    music.draw({"$\\frac{$": piece}, tmp_path / "dollars.png")  # no formula
    with pytest.raises(ConfigError, match=r"roll\.bmp ends in '\.bmp'"):
        piece.save(tmp_path / "roll.bmp")
