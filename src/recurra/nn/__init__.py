"""Recurrent layers: RNN, LSTM and GRU as in torch.nn, and Recurrent for every cell."""

from recurra.nn.accelerate import accelerate, restore
from recurra.nn.attention import Attention
from recurra.nn.card import card
from recurra.nn.convolutional import ConvGRU, ConvLSTM, ConvRecurrent
from recurra.nn.initialise import INITIALISERS
from recurra.nn.layers import GRU, LSTM, RNN
from recurra.nn.layout import Trace
from recurra.nn.mixture import Mixture, MixtureDensity
from recurra.nn.pooling import Pooling
from recurra.nn.recurrent import Recurrent
from recurra.nn.state import detach_state, map_state, select_state
from recurra.nn.transformer import Transformer

__all__ = [
    "GRU",
    "INITIALISERS",
    "LSTM",
    "RNN",
    "Attention",
    "ConvGRU",
    "ConvLSTM",
    "ConvRecurrent",
    "Mixture",
    "MixtureDensity",
    "Pooling",
    "Recurrent",
    "Trace",
    "Transformer",
    "accelerate",
    "card",
    "detach_state",
    "map_state",
    "restore",
    "select_state",
]
