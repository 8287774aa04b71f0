"""`recurra show`: a cell's equations, its gradient, and the code made from them."""

import click

from recurra.cli.frame import Command

_FORMS = {
    "equations": "The step as equations (default).",
    "gradient": "The gradient's equations, and what training keeps for it.",
    "cpp": "The C++ that is compiled for one time step, forward and backward.",
    "latex": "The equations in LaTeX; after --gradient, those of the gradient.",
}


@click.command(
    "show",
    cls=Command,
    examples={
        "a cell's equations": "recurra show gru",
        "its gradient, and what training keeps": "recurra show lstm --gradient",
        "a cell of your own as C++": "recurra --cell-file mine.py show my-cell --cpp",
    },
)
@click.argument("cell")
@click.option("--equations", "forms", flag_value="equations", multiple=True, help=_FORMS["equations"])
@click.option("--gradient", "forms", flag_value="gradient", multiple=True, help=_FORMS["gradient"])
@click.option("--cpp", "forms", flag_value="cpp", multiple=True, help=_FORMS["cpp"])
@click.option("--latex", "forms", flag_value="latex", multiple=True, help=_FORMS["latex"])
def command(cell, forms):
    """Show a cell's equations, its gradient or its code.

    They are read from the cell's step, and are what is compiled. In a gradient ∂h' is given for a new state h', and
    δv is what follows for a value v.

    CELL is a cell by name; `recurra doctor` lists them all.
    """
    from recurra import cells
    from recurra.expr.compile import generate
    from recurra.expr.differentiate import differentiate
    from recurra.expr.text import LATEX, UNICODE, aligned, equations, gradient_equations, latex
    from recurra.expr.trace import trace

    cell, forms = cells.get(cell), set(forms)
    if "cpp" in forms:
        if len(forms) > 1:
            raise click.UsageError("--cpp is given alone")
        click.echo(generate(cell).source, nl=False)
        return
    style, write = (LATEX, latex) if "latex" in forms else (UNICODE, aligned)
    graph = trace(cell, names=True)
    if "gradient" not in forms:
        click.echo(write(equations(graph, style)))
        return
    if "equations" in forms:
        click.echo(write(equations(graph, style)) + "\n")
    click.echo(write(gradient_equations(differentiate(graph), style)))
    if "latex" not in forms:
        click.echo("\n" + _kept(generate(cell).keep))


def _kept(keep) -> str:
    if not keep:
        return "Nothing is kept for the gradient."
    lines = [f"  {one.name}{'' if one.per_unit else '  (one number per row)'}" for one in keep]
    count = sum(one.per_unit for one in keep)
    return f"Kept for the gradient, {count} number{'s' * (count != 1)} per unit and step:\n" + "\n".join(lines)
