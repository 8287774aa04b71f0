"""The network of a tagger: the random field against all paths, and how sequences count."""

import itertools

import pytest
import torch

from recurra.tasks.sequences.config import EncoderConfig
from recurra.tasks.sequences.encoder import Encoder
from recurra.tasks.tagging import Tagger, TaggerConfig


def network(classes, crf=False):
    config = EncoderConfig(hidden_size=4)
    return Tagger(classes, config, TaggerConfig(crf=crf), Encoder(2, config, tokens=False))


def mean(model, scores, lengths, targets, weights=None):
    weights = torch.ones(scores.shape[1]) if weights is None else weights
    total, count = model.losses(scores, lengths, targets, weights)
    return (total / count).item()


def field(classes=3):
    torch.manual_seed(0)
    model = network(classes, crf=True).eval()
    for parameter in model.crf.parameters():
        torch.nn.init.normal_(parameter)
    return model


def path_score(crf, scores, path):
    total = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
    total = total + sum(scores[t, k] for t, k in enumerate(path))
    return total + sum(crf.transitions[a, b] for a, b in itertools.pairwise(path))


def test_the_field_is_what_adding_up_all_paths_gives():
    model, lengths = field(), torch.tensor([4, 2])
    scores = torch.randn(4, 2, 3)
    targets = torch.tensor([[0, 2], [1, 1], [2, 0], [1, 0]])
    total = 0.0
    best, shares = list(model.decode(scores, lengths)), model.probabilities(scores, lengths)
    for b, steps in enumerate(lengths.tolist()):
        paths = list(itertools.product(range(3), repeat=steps))
        values = torch.stack([path_score(model.crf, scores[:, b], path) for path in paths])
        total += torch.logsumexp(values, 0) - path_score(model.crf, scores[:, b], targets[:steps, b].tolist())
        assert best[b].tolist() == list(paths[values.argmax()])
        chance = values.softmax(0)
        for t in range(steps):
            for k in range(3):
                want = sum(p for p, path in zip(chance, paths, strict=True) if path[t] == k)
                assert shares[t, b, k].item() == pytest.approx(want.item(), abs=1e-5)
    assert mean(model, scores, lengths, targets) == pytest.approx(total.item() / 6, rel=1e-5)


def test_without_the_field_padding_counts_for_nothing():
    model = network(3)
    scores, targets = torch.randn(4, 2, 3), torch.zeros(4, 2, dtype=torch.int64)
    scores[2:, 1] = 1e6
    want = -torch.cat([scores[:, 0], scores[:2, 1]]).log_softmax(1)[:, 0].mean()
    assert mean(model, scores, torch.tensor([4, 2]), targets) == pytest.approx(want.item())


@pytest.mark.parametrize("crf", [False, True])
def test_a_sequence_counts_as_its_weight_says(crf):
    model = network(3, crf)
    scores, targets, lengths = torch.randn(5, 3, 3), torch.randint(3, (5, 3)), torch.tensor([5, 2, 4])
    chosen = torch.tensor([0, 2, 2])
    got = mean(model, scores, lengths, targets, torch.tensor([1.0, 0.0, 2.0]))
    assert got == pytest.approx(mean(model, scores[:, chosen], lengths[chosen], targets[:, chosen]))
    assert [part.item() for part in model.losses(scores, lengths, targets, torch.zeros(3))] == [0, 0]
