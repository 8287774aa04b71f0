"""Defaults that fit a text and a time; that the user's settings win; texts that nothing can be learned from."""

import pytest

import recurra
from recurra.tasks.language.recipe import few, few_epochs, recipe

SENTENCE = "the cat sat on a mat while dogs ran far over hills and came back at night to eat what was left of it"
WORDS = SENTENCE.split(" ")
TEXT = " ".join(WORDS[(k * k + 3 * k) % len(WORDS)] + "\n" * (k % 9 == 0) for k in range(2000))


def train(tmp_path, capsys, text=TEXT, name="run", **settings):
    """The run's settings, and what was shown."""
    rows = []
    recurra.train(text=text, out=tmp_path / name, quiet=False, listeners=[rows.append], save_every=1e9, **settings)
    found = recurra.tasks.language.LanguageEstimator.load(tmp_path / name).parts
    return {k: v for part in found.values() for k, v in vars(part).items()}, capsys.readouterr().err, rows


@pytest.mark.parametrize("minutes", [None, 0.1, 1.0, 10.0])
def test_longer_texts_get_wider_models_and_more_time_too(minutes):
    found = [recipe(tokens, minutes, 1.0, {})[0] for tokens in (500, 5000, 50_000, 500_000, 5_000_000)]
    for name, sign in (("hidden_size", 1), ("batch_size", 1), ("lr", -1))[: 3 if minutes is None else 1]:
        values = [sign * one[name] for one in found]
        assert values == sorted(values), name
    units = [recipe(10**6, minutes, 1.0, {})[0]["hidden_size"] for minutes in (0.1, 1.0, 10.0, 100.0)]
    assert units == sorted(units)
    assert all(0 <= one["dropout"] <= 0.5 and 64 <= one["hidden_size"] <= 512 for one in found)


def test_the_plain_defaults_are_those_of_a_long_text():
    found, why = recipe(1_000_000, None, 1.0, {})
    want = {
        "hidden_size": 512,
        "embedding_size": 128,
        "batch_size": 32,
        "lr": 0.005,
        "dropout": 0.4,
        "input_dropout": 0.2,
    }
    assert found == want | {"warmup": 0.1, "epochs": 8, "minutes": None, "patience": 0}
    assert (
        why
        == "for 1,000,000 tokens: 512 units, 32 streams, rate 0.005, dropout 0.4, 8 epochs; a long text takes a wide model"
    )


def test_more_time_than_a_short_text_needs_is_not_spent():
    found, why = recipe(45_000, 5.0, 1.0, {})
    assert (found["minutes"], found["epochs"], found["patience"]) == (None, 30, 10)
    assert why.endswith("30 epochs; it would learn the text by heart in the rest of the time")
    assert "minutes" not in recipe(45_000, 0.1, 1.0, {})[0]
    assert "in that time" in recipe(10**6, 0.1, 1.0, {})[1]


@pytest.mark.slow
def test_the_users_settings_win_and_the_others_agree_with_them(tmp_path, capsys):
    settings, shown, _ = train(tmp_path, capsys, epochs=1, hidden_size=16, dropout=0.0)
    assert (settings["hidden_size"], settings["epochs"], settings["dropout"]) == (16, 1, 0.0)
    assert settings["batch_size"] == 4
    assert "for 7,698 tokens: 4 streams, rate 0.02; a wider model" in shown
    settings, shown, _ = train(
        tmp_path, capsys, name="tied", epochs=1, hidden_size=16, embedding_size=16, tie_weights=True
    )
    assert settings["embedding_size"] == 16
    settings, shown, _ = train(tmp_path, capsys, name="preset", preset="tiny", epochs=1)
    assert "streams" not in shown


@pytest.mark.slow
def test_minutes_that_a_short_text_does_not_need_are_epochs(tmp_path, capsys):
    _, shown, rows = train(tmp_path, capsys, text=TEXT[:1500], minutes=30.0, hidden_size=8)
    assert "60 epochs; it would learn the text by heart in the rest of the time" in shown
    assert rows[-1]["reason"] in ("finished", "patience")
    assert next(row for row in rows if row["event"] == "start")["minutes"] is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("abc", "3 characters are too few to learn from; about 100,000 make a model worth having: only 100 epochs"),
        pytest.param("a line, and nothing else.\n", "26 characters are too few to learn from", marks=pytest.mark.soak),
        ("word " * 3000, "the text is one passage again and again; about 100,000 make"),
    ],
    ids=["three characters", "one line", "one word repeated"],
)
def test_what_nothing_can_be_learned_from_is_reported_and_soon_done(tmp_path, capsys, text, why):
    _, shown, rows = train(tmp_path, capsys, text=text, hidden_size=8, items="off")
    assert why in shown
    assert rows[-1]["step"] <= 150
    _, shown, _ = train(tmp_path, capsys, text=text, name="minutes", hidden_size=8, items="off", minutes=0.005)
    assert why.split(";")[0] in shown


def test_other_texts_are_not(tmp_path):
    from recurra.data import build_corpus, text_document

    assert few(build_corpus(text_document(TEXT), tmp_path).ids, len(TEXT)) == ""
    assert few_epochs(1) == 100
    assert few_epochs(13_500) == 1
