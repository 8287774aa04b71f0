"""How near translations come to the right ones: chrF and BLEU, by sacrebleu."""

import importlib.util
from collections.abc import Sequence

from recurra.errors import ConfigError, setting
from recurra.text.forms import composed


def is_there() -> bool:
    """Whether sacrebleu is installed."""
    return importlib.util.find_spec("sacrebleu") is not None


def check(monitor: str) -> None:
    """ConfigError if the measure that is to choose the weights is not available."""
    if monitor in ("chrf", "bleu") and not is_there():
        raise ConfigError(
            f"{setting('monitor', monitor)} needs sacrebleu, which is missing. Install it: pip install 'recurra[translate]', or"
            f" choose the weights by {setting('monitor', 'validation')}"
        )


def scores(found: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
    """chrF (Popović 2015) and BLEU (Papineni et al. 2002) of texts against the right ones, from 0 to 100: more is better.

    BLEU counts sequences of up to four words; where no right text has so many, as many as the longest has, or it would be 0.
    Texts that look the same count as the same: both are composed first.
    """
    import sacrebleu

    found, right = [composed(text) for text in found], [composed(text) for text in wanted]
    orders = sum(total > 0 for total in sacrebleu.BLEU(force=True).corpus_score(right, [right]).totals)
    bleu = sacrebleu.BLEU(force=True, max_ngram_order=max(1, orders))
    return {
        "chrf": sacrebleu.corpus_chrf(found, [right]).score,
        "bleu": bleu.corpus_score(found, [right]).score,
    }


def measures(found: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
    """The fraction that is exactly right, `accuracy`, and where sacrebleu is installed `scores`."""
    right = sum(composed(a) == composed(b) for a, b in zip(found, wanted, strict=True))
    return {"accuracy": right / len(wanted)} | (scores(found, wanted) if is_there() else {})
