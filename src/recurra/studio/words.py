"""What the page calls each setting, and in which group of its form it stands: the one table of names and words.

Forms, cards, tables and errors take their words here; scripts and the command line use the names.
"""

import re

from recurra.errors import RecurraError, VocabularyError
from recurra.text.vocabulary import name

TRAINING = {
    "Size": {
        "cell": "Cell",
        "num_layers": "Layers",
        "hidden_size": "Units per layer",
        "embedding_size": "Length of a token’s vector",
    },
    "Time": {
        "minutes": "Minutes",
        "epochs": "Epochs",
        "seed": "Seed",
        "patience": "Stop early after",
    },
    "Against learning by heart": {
        "dropout": "Dropout",
        "input_dropout": "Dropout of the input",
        "output_dropout": "Dropout before the output",
        "recurrent_dropout": "Dropout from step to step",
        "zoneout": "Zoneout",
        "weight_dropout": "Dropout of recurrent weights",
        "weight_decay": "Weight decay",
        "average": "Running mean of the weights",
    },
    "Learning": {
        "optimizer": "Optimizer",
        "lr": "Learning rate",
        "schedule": "Course of the learning rate",
        "warmup": "Warm-up",
        "beta1": "Decay of the mean gradient",
        "beta2": "Decay of the squared gradient",
        "clip": "Largest gradient",
        "precision": "Precision",
    },
    "Reading the text": {
        "unit": "A token is",
        "vocabulary_size": "Most tokens",
        "min_count": "Fewest occurrences",
        "unknown": "Unknown symbols",
        "nfc": "Compose letters and accents",
        "items": "The text is a list",
        "mode": "Order of reading",
        "batch_size": "Passages side by side",
        "window": "Tokens per update",
        "stride": "Tokens between windows",
        "validation": "Held out",
        "reset_documents": "Start over at each document",
        "fresh_starts": "Starts from zero",
        "context": "Tokens read again",
    },
    "Inside the layers": {
        "residual": "Add each layer’s input",
        "tie_weights": "Share embedding and output",
        "init": "First weights",
        "forget_bias": "First bias of the forget gate",
    },
    "Watching": {
        "monitor": "What the best weights are best at",
        "evaluate_every": "Steps between evaluations",
        "sample_every": "Steps between samples",
        "save_every": "Seconds between saves",
    },
}
"""The settings of a training, by group."""

WRITING = {
    "Beginning and end": {
        "length": "Characters",
        "seed": "Seed",
        "stop": "Stop at",
        "stop_at_document_end": "Stop at a document’s end",
        "start": "Begin from",
    },
    "Which tokens may come": {
        "top_k": "Only the likeliest (top-k)",
        "top_p": "Only the likeliest part (top-p)",
        "min_p": "None far less likely (min-p)",
        "logit_bias": "Rarer or more often",
    },
    "Against repetition": {
        "repetition_penalty": "Repetition penalty",
        "repetition_window": "How far back it looks",
        "presence_penalty": "Penalty once it came",
        "frequency_penalty": "Penalty each time it came",
    },
    "Arithmetic": {"precision": "Precision"},
    # What the page sets elsewhere, or always in one way.
    "": {
        "temperature": "Boldness",
        "keep_prompt": "Begin with the prompt",
        "unit": "Length in",
        "context": "Tokens read again",
    },
}
"""The settings of writing, by group; those without one stand in no form."""

NAMES = {name: words for form in (WRITING, TRAINING) for group in form.values() for name, words in group.items()}
"""A setting's words by its name; where training and writing share a name, training's."""

# In a sentence, a name that no sentence would have as a word.
_BARE = re.compile(r"\b(?:[a-z]+(?:_[a-z]+)+|lr|beta[12])\b")
_QUOTED = re.compile(r"`(\w+)`")


def in_words(error: RecurraError) -> str:
    """An error's message with words for the names of settings: “Learning rate” is 0; expected more than 0.

    Of symbols that a model has no token for, a sentence without code points and with what a visitor can do.
    """
    if isinstance(error, VocabularyError) and error.symbols:
        listed = ", ".join(
            f"“{one}”" if one.isprintable() and not one.isspace() else name(one) for one in error.symbols[:5]
        )
        more = f" and {len(error.symbols) - 5} more" if len(error.symbols) > 5 else ""
        return f"This model has never seen {listed}{more}: write something else, or take another model"
    return _bare_in_words(error.written(lambda one: _words(one.name) + (f" {one.value}" if one.value else "")))


def help_in_words(sentence: str) -> str:
    """The same for the sentence under an option, which has names in backticks."""
    return _bare_in_words(_QUOTED.sub(lambda match: _words(match[1]), sentence))


def _bare_in_words(sentence: str) -> str:
    return _BARE.sub(lambda match: _words(match[0]) if match[0] in NAMES else match[0], sentence)


def _words(name: str) -> str:
    return f"“{NAMES[name]}”" if name in NAMES else f"`{name}`"
