"""What the tasks on sequences share: classification, tagging and regression.

    config         settings of the encoder, of the data, and of networks that make one vector of a sequence
    rows, labels   what the user hands over → rows and labels, checked     reader   what is stored beside the weights
    encoder, many_to_one   the networks     task   batches and losses     estimator   the scikit-learn estimators' base

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "EncoderConfig ManyToOneConfig SequencesConfig",
        "encoder": "Encoder",
        "many_to_one": "ManyToOne",
        "estimator": "Labelled SequenceEstimator",
    },
)
