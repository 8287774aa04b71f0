"""The command that shows what there is."""

from recurra.tasks import language


def test_demo_shows_a_sample_and_what_to_try(beside, home, monkeypatch):
    asked = {}

    def train(source, preset, **options):
        asked.update(source=source, preset=preset, **options)
        return language.load("book-1")

    monkeypatch.setattr("recurra.cli.demo._PROMPT", "the ")
    monkeypatch.setattr(language, "train", train, raising=False)
    out = beside("demo", "--minutes", 0.5)
    assert asked == {"source": "manual", "preset": "demo", "minutes": 0.5}
    assert "What it writes after 'the '" in out
    assert "recurra generate runs/book-1" in out
    assert "recurra train book.txt" in out
    assert "\n  recurra studio  " in out
