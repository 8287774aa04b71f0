"""The language model on real text: it beats what counting characters can know, in well under a minute."""

import pytest

import recurra
from recurra.tasks.language import evaluate


@pytest.mark.slow
def test_a_short_training_learns_more_than_pairs_of_characters(real_data, tmp_path):
    """One pass over half a million characters; the entropy of a character given the one before is 2.45 nats here."""
    text = real_data("tinyshakespeare/input.txt").read_text(encoding="utf-8")
    model = recurra.train(
        text=text[:500_000], out=tmp_path / "run", preset="demo", minutes=None, epochs=1, hidden_size=96, quiet=True
    )
    measured = evaluate(model, text=text[-50_000:])
    assert measured["nats"] < 2.1
    sample = model.generate("ROMEO:\n", length=400, seed=1, temperature=0.7)
    words = [word.strip(".,:;!?'-").lower() for word in sample.split()]
    known = set(text.lower().replace("\n", " ").split(" "))
    known |= {word.strip(".,:;!?'-") for word in known}
    assert sum(word in known for word in words) / len(words) > 0.6, sample
