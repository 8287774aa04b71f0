"""Language models: a text → a model that continues it.

    model = train("book.txt")           a run in runs/book-1
    model = load("runs/book-1")         the same again, later
    print(model.generate("Once "))
    evaluate(model, "other.txt")        nats and bits per character, perplexity

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "LanguageConfig PRESETS settings",
        "model": "LanguageModel",
        "task": "LanguageTask",
        "evaluation": "evaluate",
        "estimator": "LanguageEstimator",
        "api": "load resume train",
    },
)
