"""The command that counts what layers cost."""

import json


def test_card_counts_the_classics(beside):
    counts = {card["name"]: card["parameters"] for card in json.loads(beside("card", "--json"))}
    assert counts == {"rnn": 112, "lstm": 448, "gru": 336}
    out = beside("card", "lstm", "--layers", 2, "--batch", 3)
    assert out.startswith("4 inputs, 8 units, 2 layers\n")
    assert "batch 3" in out
    assert json.loads(beside("card", "mingru", "--json"))[0]["name"] == "mingru"
