"""The model against its own steps: the decoder, attention, input feeding, padding."""

import pytest
import torch
from helpers.support import assert_close
from helpers.translators import network

from recurra.errors import ConfigError
from recurra.tasks.translation import Translator, reversed_words

# Of a model that learned next to nothing, most translations are cut.
pytestmark = pytest.mark.filterwarnings("ignore:.*translations are cut")
PAIRS = reversed_words(60, longest=4)
TINY = dict(
    hidden_size=12, embedding_size=8, epochs=2, batch_size=16, average=0.0, unit="character", monitor="validation"
)
KINDS = ["additive", "dot", "general", "multi-head"]


@pytest.mark.parametrize("feeding", [False, True])
@pytest.mark.parametrize("attention", KINDS)
def test_the_decoder_goes_step_by_step_as_at_once(attention, feeding):
    model = network(attention, feeding=feeding, layers=2)
    source, lengths = torch.tensor([[1, 2, 3, 4], [6, 5, 0, 0]]), torch.tensor([4, 2])
    tokens = torch.tensor([[0, 1, 2], [0, 4, 3]])
    whole, weights, _ = model.decode(tokens, *model.encode(source, lengths))
    memory, going = model.encode(source, lengths)
    steps = []
    for token in tokens.unbind(1):
        logits, looked, going = model.decode(token[:, None], memory, going)
        steps.append((logits, looked))
    assert_close([torch.cat(part, 1) for part in zip(*steps, strict=True)], [whole, weights], 1e-5)
    assert weights[1, :, 2:].eq(0).all()


@pytest.mark.parametrize("cell", ["rnn", "gru", "mingru", "peephole-lstm"])
def test_padding_changes_nothing(cell):
    model = network(cell=cell)
    tokens = torch.tensor([[0, 4, 3]])
    alone = model(torch.tensor([[6, 5]]), torch.tensor([2]), tokens)
    beside = model(torch.tensor([[1, 2, 3, 4], [6, 5, 3, 3]]), torch.tensor([4, 2]), tokens.repeat(2, 1))
    assert_close(beside[1:], alone, 1e-5)


def test_the_decoder_starts_from_both_ends_of_the_text():
    model = network()
    source, lengths = torch.tensor([[1, 2, 3]]), torch.tensor([3])
    states, (h, c) = model.encoder(source.t(), embedding=model.source_embedding)
    _, going = model.encode(source, lengths)
    assert torch.equal(going.state[0], torch.cat([states[-1, :, :4], states[0, :, 4:]], 1)[None])
    assert torch.equal(going.state[1][0], torch.cat([c[0], c[1]], 1))


def test_input_feeding_tells_the_next_step():
    fed, plain = network(feeding=True), network()
    assert fed.decoder.input_size == plain.decoder.input_size + 8
    fed.load_state_dict(
        plain.state_dict() | {"decoder.weight_ih_l0": torch.cat([plain.decoder.weight_ih_l0, torch.zeros(32, 8)], 1)}
    )
    given = torch.tensor([[1, 2, 3]]), torch.tensor([3]), torch.tensor([[0, 1, 2]])
    assert_close(fed(*given), plain(*given), 1e-5)  # what is fed has no weight
    with torch.no_grad():
        fed.decoder.weight_ih_l0[:, 4:] = 0.5
    assert_close(fed(*given)[:, 0], plain(*given)[:, 0], 1e-5)
    assert not torch.allclose(fed(*given)[:, 1], plain(*given)[:, 1])


def test_without_attention_the_start_is_all_that_is_known_of_the_text():
    model = network("none")
    tokens = torch.tensor([[0, 1, 2]])
    memory, going = model.encode(torch.tensor([[1, 2, 3]]), torch.tensor([3]))
    whole, weights, _ = model.decode(tokens, memory, going)
    assert weights.shape == (1, 3, 0)
    y, _ = model.decoder(tokens.t(), going.state, embedding=model.target_embedding)
    assert_close(
        whole, model.head(torch.tanh(y.transpose(0, 1) @ model.together.weight.t() + model.together.bias)), 1e-5
    )
    first = [model.decode(tokens[:, :1], memory, going)]
    for step in (1, 2):
        first.append(model.decode(tokens[:, step : step + 1], memory, first[-1][2]))
    assert_close(torch.cat([logits for logits, _, _ in first], 1), whole, 1e-5)


def test_a_translator_without_attention_learns_and_looks_at_nothing(tmp_path):
    model = Translator(attention="none", **TINY).fit(PAIRS)
    model.save(tmp_path / "kept")
    found = Translator.load(tmp_path / "kept").alignment("abc", beam=3)
    assert found.output == model.translate(["abc"], beam=3)[0]
    assert found.matrix.shape == (len(found.target), 0)
    with pytest.raises(ConfigError, match="a model with attention='none' looks at nothing"):
        found.draw(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="`input_feeding` has no effect with attention='none'"):
        Translator(attention="none", input_feeding=True).fit(PAIRS)
