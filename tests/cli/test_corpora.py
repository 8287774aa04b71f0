"""The command that lists corpora."""

import json


def test_corpora_lists_and_fetches(beside, home, monkeypatch):
    rows = {row["name"]: row for row in json.loads(beside("corpora", "--json"))}
    assert rows["manual"]["here"]
    assert len(rows["tinyshakespeare"]["sha256"]) == 64
    assert all(name in beside("corpora") for name in rows)
    monkeypatch.setattr("recurra.data.corpora.corpus_path", lambda name: home / name)
    assert beside("corpora", "--fetch", "tinyshakespeare") == f"tinyshakespeare: {home}/tinyshakespeare\n"
    assert json.loads(beside("corpora", "--fetch", "a", "--json")) == {"a": f"{home}/a"}
