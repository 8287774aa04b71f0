"""Count what the architecture promises, in one checkout or in two side by side.

    python tools/structure.py                          this checkout
    python tools/structure.py ../before .              two columns
    python tools/structure.py --list                   below the table, the files and names behind the counts

Rules, the same for every checkout:

lines           lines of code: without blanks, comments, docstrings and imports.
maths           a task's modules in MATHS: networks, losses, measures, decoding; `task` is its loop over batches.
plumbing        all other lines of a task's package: settings, reading the user's data, files of runs, the public class.
shared plumbing modules of `tasks/` itself, the room `fitting/`, and SHARED, in `training/` or wherever they moved to.
lifecycle       of the plumbing: `fitting/` (but for SHARED) and LIFECYCLE_MODULES whole; elsewhere the functions in
                LIFECYCLE, leading underscores aside: claim a folder, check early, fingerprint, split, seed, build,
                write settings, train, say how to continue, load, save, resume.
registrations   files outside a task's package that name it: its commands and other modules that import it; every list
                of tasks (a file that names three or more) in src, pyproject, docs, README, CONTRIBUTING and tests; guide
                pages that import it. Pages made from the code and CHANGELOG do not count.
circles         strongly connected components of more than one module. Imports inside functions and for type checkers
                count, and names loaded when first used lead to the module that holds them.
mirrored        tests/a/test_b.py beside src/recurra/a/b.py, or a/b.* of the checkout (native/core.h, tools/structure.py).
touched         files that name an operation of the equations (`softplus`; in expr, backends, page, native), an option of the
                layers (`zoneout`; in nn, backends, native), a cell (`minlstm`, `MinLSTM`; in src, guide, README).
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

TASKS = {
    "language": ("train", "generate", "evaluate"),
    "forecasting": ("forecast",),
    "classification": ("classify",),
    "tagging": ("tag",),
    "speech": ("transcribe",),
    "video": ("video",),
    "music": ("compose",),
    "translation": ("translate",),
    "memory": ("bench",),
    "regression": ("regress",),
}
"""A task's package, and its commands."""
MATHS = {
    *("model", "task", "measure", "metrics", "scoring", "encoder", "finetune"),
    *("heads", "windows", "baselines", "calendar", "predicting", "frequency", "filling", "panel"),
    *("features", "decode", "mix", "resample", "stream", "moving"),
    *("chord", "compose", "problems", "search", "alignment", "toys"),
}
SHARED = {"listeners", "progress", "runs", "files", "signals", "distributed"}
LIFECYCLE_MODULES = {"folder", "folders", "running", "runner", "runs"}
LIFECYCLE = {
    *("check_early", "refuse_without_files", "fingerprint", "split", "held_out", "temporary", "take", "name"),
    *("prepare", "set_up", "settings", "about", "write", "notes", "described", "own", "kept", "remember", "sources"),
    *("fit", "train", "run", "resume", "load", "open", "opened", "save", "paths", "from_files", "set_history"),
    *("fitted", "like_fitted", "need_fit"),
}
TOKENS_WITHOUT_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def code_lines(source: str) -> set[int]:
    """The numbers of the lines that hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in TOKENS_WITHOUT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        string = (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )
        if string or isinstance(node, ast.Import | ast.ImportFrom):
            lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return lines


def lifecycle_lines(source: str) -> int:
    """Lines of code in the functions whose names are in LIFECYCLE, nested ones once."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.strip("_") in LIFECYCLE:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines.update(range(first, node.end_lineno + 1))
    return len(lines & code_lines(source))


class Checkout:
    """One checkout: its files, read once."""

    def __init__(self, root: Path):
        self.root, self.package = root, root / "src/recurra"
        if not self.package.is_dir():
            sys.exit(f"{root} has no src/recurra; name a checkout of Recurra")
        self.modules = {self._module(path): path for path in sorted(self.package.rglob("*.py"))}
        self.source = {name: path.read_text(encoding="utf-8") for name, path in self.modules.items()}
        self.packages = {name for name, path in self.modules.items() if path.name == "__init__.py"}
        self.tests = sorted((root / "tests").rglob("test_*.py"))
        self.tasks = [task for task in TASKS if f"recurra.tasks.{task}" in self.modules]

    def _module(self, path: Path) -> str:
        parts = path.relative_to(self.package.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def relative(self, paths: Iterable[Path]) -> list[str]:
        """Paths as the checkout names them, sorted."""
        return sorted(str(path.relative_to(self.root)) for path in paths)

    def under(self, package: str) -> list[str]:
        """A package's modules, its own first."""
        return [name for name in self.modules if f"{name}.".startswith(f"recurra.{package}.")]


def plumbing(checkout: Checkout) -> dict[str, Counter]:
    """Lines of maths, plumbing and lifecycle, by task and by package that tasks share."""
    table = {task: Counter() for task in checkout.tasks} | {"shared": Counter()}
    for name, source in checkout.source.items():
        room, *inner = name.split(".")[1:] or [""]
        stem = inner[-1] if inner else room
        if room in ("training", "files") and stem in SHARED:
            table["shared"]["plumbing"] += len(code_lines(source))
        elif room in ("tasks", "fitting"):
            package = (
                inner[0]
                if room == "tasks" and f"recurra.tasks.{'.'.join(inner[:1])}" in checkout.packages
                else "shared"
            )
            kind = "maths" if stem in MATHS and package != "shared" else "plumbing"
            count = table.setdefault(package, Counter())
            count[kind] += len(code_lines(source))
            if kind == "plumbing":
                whole = (room == "fitting" and stem not in SHARED) or stem in LIFECYCLE_MODULES
                count["lifecycle"] += len(code_lines(source)) if whole else lifecycle_lines(source)
    return table


def imports(checkout: Checkout) -> dict[str, set[str]]:
    """The modules that each module imports, anywhere in it; a name loaded when first used leads to the module that holds it."""
    homes = {name: _lazy_names(source) for name, source in checkout.source.items() if name in checkout.packages}
    graph: dict[str, set[str]] = {}
    for name, source in checkout.source.items():
        targets = graph.setdefault(name, set())
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                targets.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{homes.get(node.module, {}).get(alias.name, alias.name)}"
                    targets.add(inner if inner in checkout.modules else node.module)
    return {
        name: {target for target in targets if target in checkout.modules} - {name} for name, targets in graph.items()
    }


def _lazy_names(source: str) -> dict[str, str]:
    """Name → module, from `lazy.names(__name__, {"module": "Name Name"})`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy.names" and isinstance(node.args[1], ast.Dict):
            pairs = ast.literal_eval(node.args[1])
            return {name: module for module, names in pairs.items() for name in names.split() or [module]}
    return {}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in order:
                visit(target)
                lowest[name] = min(lowest[name], lowest[target])
            elif target in stack:
                lowest[name] = min(lowest[name], order[target])
        if lowest[name] == order[name]:
            at = stack.index(name)
            components.append(sorted(stack[at:]))
            del stack[at:]

    for name in graph:
        if name not in order:
            visit(name)
    return sorted(component for component in components if len(component) > 1)


def registrations(checkout: Checkout) -> dict[str, list[str]]:
    """The files outside a task's package that name it, by task."""
    root = checkout.root
    lists = [*checkout.modules.values(), *(root / name for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"))]
    lists += [*root.glob("docs/*.*"), *root.glob("docs/decisions/*.md"), *checkout.tests]
    text = {path: path.read_text(encoding="utf-8") for path in lists if path.is_file()}
    named = {path: {task for task in checkout.tasks if _lists(task, words)} for path, words in text.items()}
    places: dict[str, list[str]] = {}
    for task in checkout.tasks:
        own = checkout.package / "tasks" / task
        imported = re.compile(rf"\brecurra\.tasks\.{task}\b")
        pages = [page for page in root.glob("docs/guide/*.md") if imported.search(page.read_text(encoding="utf-8"))]
        outside = [path for path in text if path.is_relative_to(checkout.package) and not path.is_relative_to(own)]
        importing = [path for path in outside if imported.search(text[path])]
        listing = [
            path for path, tasks in named.items() if task in tasks and len(tasks) > 2 and not path.is_relative_to(own)
        ]
        places[task] = checkout.relative({*pages, *importing, *listing})
    return places


def _lists(task: str, text: str) -> bool:
    names = "|".join((task, *TASKS[task]))
    quoted, extra, command = rf"""["'`](?:{names})["'`]""", rf"^(?:{names}) = \[", rf"\brecurra (?:{names})\b"
    return bool(re.search(rf"{quoted}|{extra}|{command}|\btasks[./]{task}\b", text, re.M))


def mirrored(checkout: Checkout) -> tuple[list[str], list[str]]:
    """Test modules that stand where their module stands, and source modules with such a test."""
    tests, modules = set(), set()
    for path in checkout.tests:
        folder = path.relative_to(checkout.root / "tests").parent
        stem = path.stem.removeprefix("test_")
        module = checkout.package / folder / f"{stem}.py"
        beside = [*(checkout.root / folder).glob(f"{stem}.*"), *path.parent.glob(f"{stem}.py")]
        if module.is_file():
            modules.add(module)
        if module.is_file() or beside:
            tests.add(path)
    return checkout.relative(tests), checkout.relative(modules)


def touched(checkout: Checkout) -> dict[str, list[str]]:
    """The files that name a typical operation, layer option and cell, outside the tests."""

    def naming(pattern: str, *globs: str) -> list[str]:
        suffixes = (".py", ".h", ".cpp", ".js", ".md")
        files = {path for each in globs for path in checkout.root.glob(each) if path.suffix in suffixes}
        return checkout.relative(p for p in files if re.search(rf"\b(?:{pattern})\b", p.read_text(encoding="utf-8")))

    lower = ("src/recurra/backends/**/*", "native/*")
    return {
        "operation": naming("softplus", "src/recurra/expr/**/*", "src/recurra/page/**/*", *lower),
        "layer option": naming("zoneout", "src/recurra/nn/**/*", *lower),
        "cell": naming("minlstm|MinLSTM", "src/recurra/**/*", "docs/guide/*", "README.md"),
    }


Rows = dict[str, tuple[int | str, list[str]]]


def rows(checkout: Checkout) -> Rows:
    """The table: what is counted → (the count, the files or names behind it)."""
    table: Rows = {}
    lines = plumbing(checkout)
    total = sum(lines.values(), Counter())
    for name, count in lines.items():
        table[f"plumbing, {name}"] = count["plumbing"], []
    table["plumbing, all"] = total["plumbing"], []
    table["  of it the lifecycle"] = total["lifecycle"], [f"{name} {c['lifecycle']}" for name, c in lines.items()]
    table["maths and loops of the tasks"] = total["maths"], [f"{name} {c['maths']}" for name, c in lines.items()]
    table["lines of the commands"] = sum(len(code_lines(checkout.source[name])) for name in checkout.under("cli")), []
    table["modules"] = len(checkout.modules), []
    rooms = dict.fromkeys(name.split(".")[1] for name in checkout.packages if name.count("."))
    for room in sorted(rooms):
        modules = checkout.under(room)
        packages = [name for name in modules if name in checkout.packages]
        table[f"modules in packages, {room}"] = f"{len(modules)} in {len(packages)}", packages[1:]
    sizes = {name: len(source.splitlines()) for name, source in checkout.source.items()}
    table["longest module, lines"] = max(sizes.values()), [max(sizes, key=sizes.__getitem__)]
    places = registrations(checkout)
    for task, files in places.items():
        table[f"registrations, {task}"] = len(files), files
    found = circles(imports(checkout))
    table["import circles"] = len(found), [" ↔ ".join(names) for names in found]
    tests, modules = mirrored(checkout)
    rest = sorted(set(checkout.relative(checkout.tests)) - set(tests))
    table["test modules that mirror a module"] = f"{len(tests)} of {len(checkout.tests)}", rest
    coded = [checkout.modules[name] for name in checkout.modules if name not in checkout.packages]
    without = sorted(set(checkout.relative(coded)) - set(modules))
    table["modules with a test of their own"] = f"{len(modules)} of {len(coded)}", without
    for what, files in touched(checkout).items():
        table[f"files touched by one {what}"] = len(files), files
    return table


def show(names: list[str], tables: list[Rows], details: bool, write: Callable[[str], object] = print) -> None:
    """Write the tables side by side, a column for each checkout, then what is behind the counts."""
    keys = list(dict.fromkeys(key for table in tables for key in table))
    width = max(map(len, keys))
    write(" " * width + "".join(f"  {name[-16:]:>16}" for name in names))
    for key in keys:
        write(f"{key:<{width}}" + "".join(f"  {table[key][0] if key in table else '-':>16}" for table in tables))
    for name, table in zip(names, tables, strict=True) if details else ():
        for key, (count, behind) in table.items():
            if behind:
                write(f"\n{name}: {key}: {count}")
                for line in behind:
                    write(f"  {line}")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", nargs="*", type=Path, help="folders of checkouts (default: this one)")
    parser.add_argument("--list", action="store_true", help="the files and names behind the counts too")
    given = parser.parse_args(arguments)
    paths = given.checkouts or [Path(__file__).resolve().parents[1]]
    names = [path.resolve().name for path in paths]
    show(names, [rows(Checkout(path.resolve())) for path in paths], given.list)


if __name__ == "__main__":
    main(sys.argv[1:])
