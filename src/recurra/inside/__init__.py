"""Look inside a language model: what each unit does while the model reads a text.

    reading = read(model, text)              every state and gate at every step, the loss of each character
    rank(reading, by="follows")              the units by what they follow: quotes, brackets, the place in the line
    saturation(reading)                      how often each gate is shut or wide open
    clamp(model, text, [Clamp(0, 17)])       what becomes of the loss, and of the writing, with a unit held still
    effects(model, reading)                  the units by what holding each of them does to the loss
    wires(model, reading)                    the number at each place of the cell's drawing (`wiring`), at every step
    nudge(model, reading, 7, 0, 17, 1.5)     what follows when one carried number is another
    influence(model, text, 120)              which letters mattered for the one at 120
    memory(model, text)                      how far back the loss reaches: gradient norm by lag

It works with every cell, a user's own included. Names are loaded when first used.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "reading": "Reading read",
        "features": "FEATURES Feature",
        "ranking": "Ranking Unit rank",
        "gates": "Saturation saturation",
        "clamps": "Clamp Effect clamp clamped",
        "ablation": "UnitEffect effects",
        "drawing": "Part Wiring wiring",
        "flow": "nudge wires",
        "causes": "REACH Influence influence",
        "lags": "LAGS Memory memory",
    },
)
