"""From one text to another: spellings of dates to one form, names to their sounds, a sentence to its translation.

    model = Translator(minutes=1).fit(pairs)      pairs: [("3 May 1987", "1987-05-03"), ...]
    model.translate(["May 5th, 2001"])            ["2001-05-05"]
    model.alignment("May 5th, 2001").draw("alignment.png")

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "PairsConfig TranslationConfig",
        "model": "EncoderDecoder",
        "pairs": "read_pairs",
        "toys": "dates reversed_words",
        "alignment": "Alignment",
        "translator": "Translator",
    },
)
