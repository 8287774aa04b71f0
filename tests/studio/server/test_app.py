"""The studio put together: of parts, and several in one process."""

import importlib
import pkgutil
import threading
from concurrent.futures import Executor

import pytest
from helpers.studio_support import client

import recurra.studio

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(recurra.studio.__path__, "recurra.studio.")
    if not name.endswith("__main__")
]
SHARED = (
    Executor,
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Semaphore,
    threading.Event,
    threading.Thread,
)


@pytest.mark.parametrize("module", MODULES)
def test_no_module_holds_what_studios_would_share(module):
    for name, value in vars(importlib.import_module(module)).items():
        assert not isinstance(value, SHARED), name
        cached = hasattr(value, "cache_info") and value.__module__ == module
        assert not cached, f"{name} keeps its answers for the whole process"


@pytest.mark.slow
def test_two_studios_in_one_process_know_nothing_of_each_other(tmp_path):
    with client(tmp_path / "one") as one, client(tmp_path / "two") as two:
        text = one.post("/api/texts", content=b"Once upon a time").json()["id"]
        assert one.get(f"/api/texts/{text}").status_code == 200
        assert two.get(f"/api/texts/{text}").status_code == 404
        first, second = vars(one.app.state.studio), vars(two.app.state.studio)
        same = [name for name in first if first[name] is second[name]]
        assert set(same) <= {"threads"}
