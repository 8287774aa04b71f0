"""What a notebook shows of a look inside: a text shaded by its losses, and a table, in plain HTML."""

import html
from collections.abc import Sequence

import numpy as np

MOST = 4000
"""Tokens that are shown."""
_SCALE = 5.0  # nats of the darkest shade


def page(tokens: Sequence[str], losses: np.ndarray) -> str:
    """Tokens, each shaded by its loss in nats (NaN: none); the loss itself is under the pointer."""
    parts = []
    for token, loss in zip(tokens[:MOST], losses[:MOST].tolist(), strict=True):
        text = html.escape(token).replace("\n", "↵\n")
        known = loss == loss  # no NaN
        shade = min(loss / _SCALE, 1.0) * 0.7 if known else 0.0
        title = f' title="{loss:.2f} nats"' if known else ""
        parts.append(f'<span style="background:rgba(214,90,30,{shade:.2f})"{title}>{text}</span>')
    mean = float(np.nanmean(losses)) if np.isfinite(losses).any() else float("nan")
    more = f" The first {MOST:,} are shown." if len(tokens) > MOST else ""
    about = f"{len(tokens):,} tokens, {mean:.3f} nats each: the darker, the more surprising.{more}"
    return f'<p>{about}</p><pre style="white-space:pre-wrap" dir="auto">{"".join(parts)}</pre>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]], below: str = "") -> str:
    """A table of texts."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" + (
        f"<p>{html.escape(below)}</p>" if below else ""
    )
