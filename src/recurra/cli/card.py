"""`recurra card`: what recurrent layers cost, side by side."""

import dataclasses

import click

from recurra.cli.frame import Command
from recurra.cli.shown import json_option, to_json

_SIZE = click.IntRange(min=1)


@click.command(
    "card",
    cls=Command,
    examples={
        "the three classics": "recurra card rnn lstm gru",
        "a larger layer, in training": "recurra card lstm mingru --input-size 64 --hidden-size 256 --batch 32 --length 128",
    },
)
@click.argument("cell", nargs=-1)
@click.option("--input-size", type=_SIZE, default=4, show_default=True, help="Features of the input at each step.")
@click.option("--hidden-size", type=_SIZE, default=8, show_default=True, help="Units of each layer.")
@click.option("--num-layers", "--layers", type=_SIZE, default=1, show_default=True, help="Layers, one above the other.")
@click.option("--batch", type=_SIZE, default=1, show_default=True, help="Rows for which the memory is given.")
@click.option("--length", type=_SIZE, default=100, show_default=True, help="Steps for which the memory is given.")
@json_option
def command(cell, input_size, hidden_size, num_layers, batch, length, as_json):
    """Show what recurrent layers cost, side by side.

    Parameters by gate, floating-point operations of one step for one row, numbers carried from step to step, and
    the memory that training needs.

    CELL is one or more cells by name; without one, rnn, lstm and gru. `recurra doctor` lists them all.
    """
    from recurra import nn
    from recurra.nn.card import Cards

    names = cell or ("rnn", "lstm", "gru")
    layers = [nn.Recurrent(name, input_size, hidden_size, num_layers) for name in names]
    cards = [nn.card(layer, batch=batch, time=length) for layer in layers]
    # By the names in the command: `rnn` is a class Elman.
    cards = Cards(dataclasses.replace(card, name=name) for card, name in zip(cards, names, strict=True))
    if as_json:
        click.echo(to_json([card.to_dict() for card in cards]))
        return
    click.echo(f"{input_size} inputs, {hidden_size} units, {num_layers} layer{'s' * (num_layers != 1)}\n\n{cards}")
