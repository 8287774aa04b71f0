"""What the tests of data share."""

import pytest

from recurra.data import fetch as fetch_module


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_module, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("RECURRA_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"
