"""A label for each sequence: numbers over time, or texts.

    model = SequenceClassifier(epochs=20).fit(X, y)     X: a list of arrays (steps, features) of any lengths, or texts
    model.predict(X)                                    the interface of scikit-learn
    SequenceClassifier.load("runs/names-1")             what was fitted with `fit(..., out=)`

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "ClassifierConfig",
        "task": "ClassificationTask",
        "estimator": "SequenceClassifier",
    },
)
