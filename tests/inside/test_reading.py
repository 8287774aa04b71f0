"""Looking inside: readings and gates against the same run written out in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.inside_by_hand import CELLS, OPTIONS, TEXT, assert_reading, by_hand, encode, tiny

from recurra import inside
from recurra.errors import ConfigError, DataError, RunError, VocabularyError
from recurra.text import TextConfig


@pytest.mark.filterwarnings("ignore:Stubborn")  # it runs by its equations, which is told once
@pytest.mark.parametrize("cell", CELLS)
def test_reading_equals_the_equations(cell):
    model = tiny(cell)
    ids = encode(model)
    assert_reading(inside.read(model, TEXT), by_hand(model, ids), ids)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_reading_equals_the_equations_with_every_option(options):
    model = tiny("lstm", **options)
    ids = encode(model)
    assert_reading(inside.read(model, TEXT), by_hand(model, ids), ids)


def test_a_bounded_context_starts_from_zeros_at_each_step():
    model = tiny("gru", context=6)
    ids, reading = encode(model), inside.read(model, TEXT)
    assert len(reading.losses) == len(ids)
    for t in range(len(ids)):
        want = by_hand(model, ids[max(0, t - 5) : t + 1])
        np.testing.assert_allclose(reading.states[1]["h"][t], want["states"][1, "h"][-1].detach(), rtol=1e-9)
        np.testing.assert_allclose(reading.gates[0]["z"][t], want["gates"][0, "z"][-1].detach(), rtol=1e-9)
        if t + 1 < len(ids):
            loss = F.cross_entropy(want["logits"][-1], ids[t + 1]).item()
            assert reading.losses[t + 1] == pytest.approx(loss, rel=1e-9)


def test_a_long_text_is_scored_in_parts(monkeypatch):
    model = tiny()
    whole = inside.read(model, TEXT)
    monkeypatch.setattr("recurra.inside.reading._SCORED", 7)
    parts = inside.read(model, TEXT)
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-12)
    np.testing.assert_array_equal(parts.ids, whole.ids)


def test_next_gives_the_likeliest_symbols():
    model = tiny()
    reading = inside.read(model, TEXT, choices=3)
    chances = by_hand(model, encode(model))["logits"].softmax(-1)
    best, ids = chances.topk(3)
    for t, row in enumerate(reading.next(3)):
        assert [symbol for symbol, _ in row] == [model.vocabulary.symbols[i] for i in ids[t]]
        assert [p for _, p in row] == pytest.approx(best[t].tolist(), rel=1e-9)
    assert reading.next(1)[5] == reading.next(3)[5][:1]
    with pytest.raises(
        ConfigError, match=r"`k` is 4; expected 1 to 3, the choices that were kept: read\(..., choices=4\)"
    ):
        reading.next(4)


def test_one_character_has_states_and_no_loss():
    reading = inside.read(tiny(), "t")
    assert reading.states[0]["h"].shape == (1, 5)
    assert np.isnan(reading.losses).tolist() == [True]
    assert np.isnan(reading.mean_loss)
    assert reading.characters == ("t",)


def test_reading_leaves_the_model_as_it_was():
    model = tiny("lstm", dropout=0.5).train()
    inside.read(model, TEXT)
    assert model.training
    assert model.layers.training


TOKENS = {
    "word": "The cat. The cat, naïve",
    "byte": "naïve 猫",
    "bpe": "low lower lowest naïve 猫 low lower",
    "character": "naïve 猫",
}


@pytest.mark.parametrize("unit", TOKENS)
def test_tokens_of_every_unit_join_to_the_text(unit):
    text = TOKENS[unit]
    model = tiny(text=text, form=TextConfig(unit))
    reading = inside.read(model, text)
    assert reading.text == text
    assert len(reading.characters) == len(reading.losses) == len(model.vocabulary.encode(text))
    if unit == "byte":  # a character stands at its last byte
        assert reading.characters[2:5] == ("", "ï", "v")


def test_an_unknown_symbol_stands_as_it_is_called():
    model = tiny(form=TextConfig(unknown="unk"))
    assert inside.read(model, "to ß").characters == ("t", "o", " ", "<unk>")


def test_what_cannot_be_read_is_said():
    model = tiny()
    with pytest.raises(
        DataError, match="the text is empty, so there is nothing to look at; give at least one character"
    ):
        inside.read(model, "")
    with pytest.raises(VocabularyError, match=r"'ß' \(U\+00DF\) at offset 3"):
        inside.read(model, "to ß")
    with pytest.raises(ConfigError, match="`choices` is 0; expected at least 1"):
        inside.read(model, "to", choices=0)
    with torch.no_grad():
        model.head.bias[0] = torch.nan
    with pytest.raises(RunError, match="scores are not finite"):
        inside.read(model, "to")


def test_a_model_of_other_layers_is_refused():
    model = tiny()
    model.layers = torch.nn.Linear(4, 5)
    for look in (inside.read, inside.memory, lambda model, text: inside.clamped(model, [])):
        with pytest.raises(ConfigError, match="this model is made of Linear layers, which carry no state to look at"):
            look(model, TEXT)


def test_what_is_not_there_is_said():
    reading = inside.read(tiny(), TEXT)
    assert reading.unit(1, 4).tolist() == reading.states[1]["h"][:, 4].tolist()
    assert reading.unit(1, 4, "c").tolist() == reading.states[1]["c"][:, 4].tolist()
    assert reading.gate(1, "f") is reading.gates[1]["f"]
    with pytest.raises(ConfigError, match="`layer` is 2; expected 0 to 1, the layers of the model"):
        reading.unit(2, 0)
    with pytest.raises(ConfigError, match="`unit` is 5; expected 0 to 4, the units of layer 0"):
        reading.unit(0, 5)
    with pytest.raises(ConfigError, match=r"`state` is 'x'; expected one of LSTM\(\)'s: h, c"):
        reading.unit(0, 0, "x")
    with pytest.raises(ConfigError, match=r"`gate` is 'z'; LSTM\(\) shows i, f, g, o"):
        reading.gate(0, "z")
    with pytest.raises(ConfigError, match="shows none, for its step names no gate"):
        inside.read(tiny("rnn"), TEXT).gate(0, "n")
