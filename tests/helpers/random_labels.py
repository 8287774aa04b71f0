"""Labelled sequences at random, as people have them, and what is right for them.

case = random_case(random.Random(3))        sequences, labels, and what was drawn
problems(case, folder)                      what the estimators of labels do with it that is not right, in lines
"""

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.files import read_files
from recurra.tasks.tagging import SequenceTagger
from recurra.tasks.tagging.conll import read_lines

TINY = {"hidden_size": 6, "epochs": 1, "batch_size": 8, "dropout": 0.0, "validation": 0.0}
NAMES = ["001", "007", "1.10", "true", "1e5", "NA", "b", "Zürich", "2024-01-01", "-1", "nan"]
KINDS = ["text", "text", "integer", "negative", "whole float", "bool"]
FORMS = ["list", "array", "pandas", "category", "polars"]


@dataclass
class Case:
    """Sequences with a label each, in the form of the user and as plain lists."""

    X: Any
    y: Any
    rows: list[np.ndarray]
    labels: list
    unit: float
    far: float
    about: str


def random_case(random: Random) -> Case:
    """Sequences and labels, and what was drawn for them."""
    draw = np.random.default_rng(random.randrange(10**6))
    features, count = random.randrange(1, 4), random.randrange(12, 30)
    constant = random.random() < 0.3
    rows = [draw.normal(size=(random.randrange(4, 9), features)) for _ in range(count)]
    rows = [np.concatenate([row, np.full((len(row), 1), 1.1)], 1) if constant else row for row in rows]
    kind, form = random.choice(KINDS), random.choice(FORMS)
    pool = {
        "text": random.sample(NAMES, random.randrange(2, 5)),
        "integer": random.sample([1, 2, 10, 77, 1000], 3),
        "negative": [-1, 0, 5],
        "whole float": [1.0, 2.0, 100000.0],
        "bool": [True, False],
    }[kind]
    labels = [*pool, *(random.choice(pool) for _ in range(count - len(pool)))]
    unit, far = random.choice([1e-12, 1e-3, 1.0, 1e6, 1e12]), random.choice([0.0, 0.0, 1e3, 1.7e8])
    y = {
        "list": lambda: list(labels),
        "array": lambda: np.array(labels),
        "pandas": lambda: pd.Series(labels, index=range(7, 7 + count)),
        "category": lambda: pd.Series(labels).astype("category"),
        "polars": lambda: pl.Series(labels),
    }[form]()
    X = rows
    if random.random() < 0.2:
        X = [[[Decimal(repr(float(one))) for one in step] for step in row] for row in rows]
    about = f"{kind}, {form}, {pool}, {features} features{', one constant' * constant}, units of {unit:g} from {far:g}"
    return Case(X, y, rows, labels, unit, far, about)


def problems(case: Case, folder: Path) -> list[str]:
    """What is not right, in lines: labels, units, and files."""
    found = []
    for look in (_numbers, _files):
        try:
            found += look(case, folder)
        except Exception as error:  # data that cannot be read is a problem too
            found.append(f"{type(error).__name__}: {' '.join(str(error).split())[:160]}")
    return [f"{problem}   {case.about}" for problem in found]


def _same(found: Any, want: list) -> bool:
    """Whether labels are those, of their own type: 1 is not "1", and True is not 1."""
    found = np.asarray(found).tolist()
    return found == want and [type(one) for one in found] == [type(one) for one in want]


def _numbers(case: Case, folder: Path) -> list[str]:
    found, classes = [], sorted(set(case.labels))
    model = SequenceClassifier(**TINY).fit(case.X, case.y)
    chances = model.predict_proba(case.X)
    model.save(folder / "run")
    for one in (model, SequenceClassifier.load(folder / "run")):
        if not _same(one.classes_, classes):
            found.append(f"classes {one.classes_.tolist()} for {classes}")
        if not _same(
            sorted(set(one.predict(case.X).tolist())), sorted(set(one.predict(case.X).tolist()) & set(classes))
        ):
            found.append(f"predicted {sorted(set(one.predict(case.X).tolist()))} for {classes}")
        if not np.array_equal(one.predict_proba(case.X), chances):
            found.append("other probabilities from disk")
    moved = [(row + case.far) * case.unit for row in case.rows]
    other = SequenceClassifier(**TINY).fit(moved, case.y).predict_proba(moved)
    if not np.allclose(other, chances, atol=1e-3):
        found.append(f"another unit or origin moves probabilities by {np.abs(other - chances).max():.2g}")
    steps = [[label] * len(row) for row, label in zip(case.rows, case.labels, strict=True)]
    tagger = SequenceTagger(**TINY).fit(case.X, steps)
    if not _same(tagger.classes_, classes):
        found.append(f"classes of steps {tagger.classes_.tolist()} for {classes}")
    measured = [row[:, 0] for row in case.rows]
    if not _refused(lambda: SequenceTagger(**TINY).fit(case.X, measured)):
        found.append("measured numbers are taken as labels of steps")
    return found


def _refused(call: Any) -> bool:
    try:
        call()
    except ValueError:
        return True
    return False


def _files(case: Case, folder: Path) -> list[str]:
    """Names of labels through a table and through a CoNLL file with comments."""
    found, names = [], [str(label) for label in case.labels]
    with open(folder / "a.csv", "w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *([f"text {k}", name] for k, name in enumerate(names))])
    if read_files(folder / "a.csv")[1].tolist() != names:
        found.append(f"labels of a table {read_files(folder / 'a.csv')[1].tolist()[:3]} for {names[:3]}")
    text = "".join(f"# sent_id = {k}\n# {'doc ' * (k % 3)}\nword {name}\n# {name}\n\n" for k, name in enumerate(names))
    (folder / "a.conll").write_text(text, "utf-8")
    X, y, layout = read_lines(folder / "a.conll")
    if [["word", "#"]] * len(names) != X or y != [[name, name] for name in names]:
        found.append(f"sentences {X[:2]} {y[:2]} for word and # with {names[:1]}")
    if sum(line is None for line in layout) != 2 * len(names) or len(layout) != len(text.splitlines()):
        found.append("lines of comments are lost")
    return found
