"""A small translation model with random weights."""

from helpers.support import randomise

from recurra.tasks.translation.config import TranslationConfig
from recurra.tasks.translation.model import EncoderDecoder


def network(attention="general", cell="lstm", feeding=False, layers=1, target=5):
    config = TranslationConfig(
        cell,
        embedding_size=4,
        hidden_size=8,
        num_layers=layers,
        attention=attention,
        input_feeding=feeding,
        dropout=0.0,
    )
    return randomise(EncoderDecoder(7, target, config)).eval()
