"""A studio with a browser in front of it, for the tests of the page and for the pictures in the docs."""

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What the browser itself can tell of a page, kept where a test can read it.
WATCH = """
window.seen = { blocked: [], shift: 0 };
addEventListener("securitypolicyviolation", (e) => window.seen.blocked.push(`${e.violatedDirective} ${e.blockedURI}`));
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.seen.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def missing() -> str:
    """What is not there of what a browser test needs; empty if all is."""
    for package in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed: pip install -e '.[dev]'"
    return "" if shutil.which("chromium") else "no chromium here: tools/system_packages.sh installs it"


def need() -> None:
    """Skip where there is no browser; in CI it is part of the machine, and its absence a fault."""
    if reason := missing():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)


@contextlib.contextmanager
def studio(runs: Path, *options: str):
    """A studio in a process of its own; its address, without a slash at the end."""
    slow = bool(os.environ.get("RECURRA_SLOW_STUDIO"))
    begin = [str(Path(__file__).with_name("slow_studio.py"))] if slow else ["-m", "recurra.studio"]
    command = [sys.executable, *begin, "--port", "0", "--no-browser", "--runs", str(runs), *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            line = process.stdout.readline()
            address = line.split()[-1].rstrip("/") if "http" in line else ""
            assert address, f"the studio did not start: {line!r}"
            yield address
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def chromium():
    """Debian's browser under Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def ask(address: str, path: str, body: dict | None = None):
    """One question to the studio's JSON: `ask(address, "runs")["runs"]`; a body makes it a POST."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address}/api/{quote(path, safe='/?&=%')}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def send(address: str, name: str, text: str) -> dict:
    """Store a text: `send(address, "book.txt", "Once upon ...")["id"]`."""
    request = urllib.request.Request(f"{address}/api/texts?name={name}", text.encode(), {"Content-Type": "text/plain"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def train(address: str, seconds: float = 600, **body) -> dict:
    """Train a run through the JSON, to its end: `train(address, corpus="manual", minutes=0.05)`."""
    run = ask(address, "runs", body)
    for _ in range(int(10 * seconds)):
        run = ask(address, f"runs/{run['id']}")
        if run["state"] not in ("waiting", "training"):
            assert run["state"] == "finished", run["error"]
            return run
        time.sleep(0.1)
    raise AssertionError(f"{run['id']} was not done after {seconds} s")


def runs(address: str) -> set[str]:
    """The ids of the runs."""
    return {run["id"] for run in ask(address, "runs")["runs"]}


def tidy(address: str, kept: set[str], seconds: float = 240) -> None:
    """Stop whatever is being trained, wait until it has ended, and delete all runs but those that are kept."""
    ends = time.monotonic() + seconds
    while going := [r["id"] for r in ask(address, "runs")["runs"] if r["state"] in ("waiting", "training")]:
        assert time.monotonic() < ends, going
        for run in going:
            with contextlib.suppress(urllib.error.HTTPError):  # it has ended meanwhile
                ask(address, f"runs/{run}/stop", {})
        time.sleep(0.2)
    for run in runs(address) - kept:
        urllib.request.urlopen(urllib.request.Request(f"{address}/api/runs/{quote(run)}", method="DELETE")).close()


class Visit:
    """A page that is watched: what it asked for, what it complained about."""

    def __init__(self, context, address: str):
        self.address, self.page = address, context.new_page()
        self.requests, self.complaints = [], []
        self.page.add_init_script(WATCH)
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, view: str = "write"):
        """Go to a view and wait until it is there."""
        self.page.goto(f"{self.address}/#{view}")
        self.page.wait_for_selector("html[data-ready]")
        return self.page

    def asked(self, method: str, path: str) -> int:
        """How often a path was asked for."""
        return sum(r.method == method and urlsplit(r.url).path == path for r in self.requests)

    def check(self, *expected: int) -> None:
        """No complaint, no block, no request to another host; expected: statuses that the browser may complain about."""
        told = [c for c in self.complaints if not any(f"status of {status} " in c for status in expected)]
        assert not told, told
        assert self.page.evaluate("window.seen.blocked") == []
        hosts = {
            urlsplit(r.url).netloc for r in self.requests if urlsplit(r.url).scheme in ("http", "https", "ws", "wss")
        }
        assert hosts == {urlsplit(self.address).netloc}
