"""Where the parts of a drawing stand: columns from left to right as the values flow, few crossings, straight wires.

After Sugiyama, Tagawa & Toda 1981, "Methods for visual understanding of hierarchical system structures": each part gets a
column, wires that pass a column get a place in it, each column is ordered by the mean of its neighbours, and the rows are
then drawn towards those neighbours as far as the parts leave room.
"""

from collections.abc import Iterable, Sequence

import numpy as np

_ORDERINGS, _ROUNDS = 24, 60


def place(
    parts: Sequence[tuple[str, str, tuple[str, ...]]], states: Iterable[str]
) -> tuple[dict[str, tuple[int, float]], dict[tuple[str, str], tuple[tuple[int, float], ...]]]:
    """(column, row) by name, and for each wire that passes columns its places there.

    parts: (name, kind, names of those it reads), each after those. states: names whose wires should be straight through.
    """
    column = _columns(parts)
    links, bends = [], {}
    for name, _, args in parts:
        for arg in args:
            between = [(arg, name, c) for c in range(column[arg] + 1, column[name])]
            bends[arg, name] = between
            column |= {bend: bend[2] for bend in between}
            chain = [arg, *between, name]
            links += zip(chain, chain[1:], strict=False)
    columns = _ordered(column, links)
    rows = _rows(columns, links, [(name, f"{name}'") for name in states])
    top = min(rows.values())
    where = {key: (column[key], round(row - top, 3)) for key, row in rows.items()}
    return (
        {name: where[name] for name, _, _ in parts},
        {wire: tuple(where[bend] for bend in between) for wire, between in bends.items() if between},
    )


def _columns(parts) -> dict:
    """As far left as its arguments allow; an operation without a name as near to its reader as it can stand."""
    column: dict = {}
    for name, kind, args in parts:
        column[name] = 0 if kind in ("input", "state") else 1 + max((column[a] for a in args), default=0)
    last = max(column.values())
    column |= {name: last for name, kind, _ in parts if kind == "new"}
    readers: dict = {}
    for name, _, args in parts:
        for arg in args:
            readers.setdefault(arg, []).append(name)
    for name, kind, _ in reversed(parts):
        moves = kind == "vector" or (kind == "op" and name.startswith("#"))
        if moves and name in readers:
            column[name] = max(column[name], min(column[reader] for reader in readers[name]) - 1)
    return column


def _ordered(column: dict, links: list) -> list[list]:
    """The columns, each ordered so that few wires cross."""
    columns: list[list] = [[] for _ in range(1 + max(column.values()))]
    for key, c in column.items():
        columns[c].append(key)
    before, after = _neighbours(links)
    best, fewest = [list(keys) for keys in columns], _crossings(columns, after)
    for turn in range(_ORDERINGS):
        forth = turn % 2 == 0
        near = before if forth else after
        for c in range(len(columns)) if forth else reversed(range(len(columns))):
            at = {key: k for keys in columns for k, key in enumerate(keys)}
            means = {key: np.mean([at[n] for n in near[key]]) if near.get(key) else at[key] for key in columns[c]}
            columns[c].sort(key=means.get)
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = [list(keys) for keys in columns], crossings
    return best


def _neighbours(links: list) -> tuple[dict, dict]:
    before, after = {}, {}
    for a, b in links:
        before.setdefault(b, []).append(a)
        after.setdefault(a, []).append(b)
    return before, after


def _crossings(columns: list[list], after: dict) -> int:
    total = 0
    for keys, following in zip(columns, columns[1:], strict=False):
        at = {key: k for k, key in enumerate(following)}
        ends = [(i, at[b]) for i, key in enumerate(keys) for b in after.get(key, ())]
        total += sum((a - c) * (b - d) < 0 for k, (a, b) in enumerate(ends) for c, d in ends[:k])
    return total


def _rows(columns: list[list], links: list, lanes: list[tuple[str, str]]) -> dict:
    """A row for each key: near its neighbours, in the columns' order, at least 1 from the next one; a bend needs half."""
    row = {key: float(k) - len(keys) / 2 for keys in columns for k, key in enumerate(keys)}
    pulls = [(a, b, 4.0 if isinstance(a, tuple) and isinstance(b, tuple) else 1.0) for a, b in links]
    # A state's number goes in on the left where it comes out on the right.
    pulls += [(a, b, 3.0) for a, b in lanes if a in row and b in row]
    near: dict = {key: [] for key in row}
    for a, b, weight in pulls:
        near[a].append((b, weight))
        near[b].append((a, weight))
    for _ in range(_ROUNDS):
        for keys in columns:
            wish = [
                sum(row[n] * w for n, w in near[key]) / sum(w for _, w in near[key]) if near[key] else row[key]
                for key in keys
            ]
            steps = [0.0]
            for a, b in zip(keys, keys[1:], strict=False):
                steps.append(steps[-1] + (0.6 if isinstance(a, tuple) and isinstance(b, tuple) else 1.0))
            row |= zip(keys, _spread(np.array(wish) - steps) + steps, strict=True)
    return {key: float(value) for key, value in row.items()}


def _spread(wish: np.ndarray) -> np.ndarray:
    """The nearest numbers that do not fall (isotonic regression, by pooling neighbours that do)."""
    pools: list[list[float]] = []
    for value in wish:
        pools.append([float(value), 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            value, count = pools.pop()
            pools[-1] = [(pools[-1][0] * pools[-1][1] + value * count) / (pools[-1][1] + count), pools[-1][1] + count]
    return np.concatenate([np.full(int(count), mean) for mean, count in pools])
