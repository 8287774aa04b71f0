"""A label for each step of a sequence: words, characters, or numbers over time.

    model = SequenceTagger(crf=True).fit(X, y)      X: lists of words, texts (a step a character), or arrays (steps, features)
    model.predict(X)                                labels of each step
    span_f1(y, model.predict(X))                    for tags such as B-PER I-PER O

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "TaggerConfig",
        "model": "Tagger",
        "task": "TaggingTask",
        "scoring": "span_f1 spans",
        "estimator": "SequenceTagger",
    },
)
