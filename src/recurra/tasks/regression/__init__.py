"""Numbers for each sequence: numbers over time, or texts.

    model = SequenceRegressor(epochs=20).fit(X, y)      y: a number each, or an array (sequences, outputs)
    model.predict(X)                                    the interface of scikit-learn, in the units of y

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__, {"config": "RegressorConfig", "task": "RegressionTask", "estimator": "SequenceRegressor"}
)
