"""The network of speech: lookahead, and rows that do not see their padding."""

import pytest
import torch
from helpers.support import assert_close

from recurra.tasks.speech.config import settings
from recurra.tasks.speech.model import Lookahead, SpeechModel

pytest.importorskip("kaldi_native_fbank")


def test_the_lookahead_is_a_sum_over_the_next_steps():
    layer, x = Lookahead(units=3, ahead=2).double(), torch.randn(7, 2, 3, dtype=torch.float64)
    assert torch.equal(layer(x), x[:5]), "it starts as no convolution"
    torch.nn.init.normal_(layer.weight)
    want = sum(x[j : j + 5] * layer.weight[j] for j in range(3))
    assert_close(layer(x), want.detach(), 1e-12)


def test_rows_of_a_batch_do_not_see_their_padding():
    model = SpeechModel(4, settings(hidden_size=8, mels=5, stack=2, dropout=0.0)["model"]).eval()
    frames = torch.randn(3, 21, 5)
    lengths = torch.tensor([21, 8, 1])
    scores, steps = model(frames, lengths)
    assert steps.tolist() == [10, 4, 0]
    for row, length in enumerate(lengths.tolist()):
        alone, _ = model(frames[row : row + 1, :length], lengths[row : row + 1])
        assert alone.shape[0] == length // 2
        if length > 1:
            assert_close(scores[: length // 2, row], alone[:, 0].detach(), 1e-5)
