"""What a notebook shows of a reading and a ranking."""

import numpy as np
from helpers.inside_by_hand import TEXT, tiny

from recurra import inside
from recurra.inside import shaded


def test_a_reading_is_the_text_shaded_by_its_losses():
    reading = inside.read(tiny(), TEXT)
    page = reading._repr_html_()
    assert page.count("<span") == len(reading.characters)
    assert f"{len(TEXT):,} tokens, {reading.mean_loss:.3f} nats each" in page
    assert page.count('title="') == len(TEXT) - 1, "nothing leads to the first"
    assert f'title="{reading.losses[1]:.2f} nats"' in page


def test_what_is_in_a_text_is_no_html():
    page = shaded.page(["<b>", "\n"], np.array([np.nan, 9.0]))
    assert "&lt;b&gt;" in page
    assert "↵\n" in page
    assert "rgba(214,90,30,0.70)" in page, "no darker than the darkest"
    assert "<b>" not in page
    assert "The first 4,000 are shown." in shaded.page(["a"] * 4001, np.ones(4001))
    assert "<i>" not in shaded.table(["<i>"], [["<i>"]], "<i>")


def test_a_ranking_is_a_table_with_what_chance_gives():
    ranking = inside.rank(inside.read(tiny(), TEXT), by="follows")
    page = ranking._repr_html_()
    feature, r = ranking.units[0].follows[0]
    assert f"<td>{feature}</td><td>{r:+.2f}</td><td>{ranking.chance[feature]:.2f}</td>" in page
    assert page.count("<tr>") == min(len(ranking.units), 20) + 1
