"""The studio under load: many readers of text at once, and the page while a training runs.

python benchmarks/bench_studio.py                      100 readers for a minute, then 15 s of pages beside a training
python benchmarks/bench_studio.py --quick              10 readers for 5 s
"""

import asyncio
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
from report import Report, arguments

from recurra.tasks.language import LanguageModel
from recurra.tasks.language.config import LanguageConfig
from recurra.text import build_vocabulary

LENGTH, UNITS = 300, 192
PAGE, TICK = 0.1, 0.05  # seconds: what a page may take, and the pause between two
PATHS = ("/", "/api/runs", "/api/runs/model", "/static/js/main.js", "/static/css/base.css")
SYMBOLS = "".join(map(chr, range(32, 127))) + "\n"


@contextlib.contextmanager
def studio(runs: Path):
    """A studio in a process of its own: its process and its address."""
    model = LanguageModel(build_vocabulary([SYMBOLS]), LanguageConfig(embedding_size=64, hidden_size=UNITS))
    model.save(runs / "model")
    command = [sys.executable, "-m", "recurra.studio", "--port", "0", "--runs", str(runs), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def resident(process: subprocess.Popen) -> float:
    """Memory of a process, in MiB; 0 where the system does not report it."""
    try:
        pages = int(Path(f"/proc/{process.pid}/statm").read_text("ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def reader(api: httpx2.AsyncClient, ends: float, seen: dict) -> None:
    """Asks for one text after the other until the time is over."""
    headers = {"accept": "text/event-stream"}
    while time.perf_counter() < ends:
        began, first, whole = time.perf_counter(), None, False
        body = {"prompt": "the ", "length": LENGTH, "keep_prompt": False}
        try:
            async with api.stream("POST", "/api/runs/model/generate", json=body, headers=headers) as answer:
                async for line in answer.aiter_lines():
                    if line == "event: piece" and first is None:
                        first = time.perf_counter() - began
                    whole = whole or line == "event: end"
        except httpx2.HTTPError as error:
            seen["errors"].append(repr(error))
            continue
        if not whole or first is None:
            seen["errors"].append(f"status {answer.status_code}")
            continue
        seen["first"].append(first)
        seen["seconds"].append(time.perf_counter() - began)


async def load(address: str, readers: int, seconds: float) -> dict:
    """What `readers` at once see for some seconds."""
    seen = {"first": [], "seconds": [], "errors": []}
    limits = httpx2.Limits(max_connections=readers, max_keepalive_connections=readers)
    async with httpx2.AsyncClient(base_url=address, timeout=120, limits=limits) as api:
        ends = time.perf_counter() + seconds
        await asyncio.gather(*(reader(api, ends, seen) for _ in range(readers)))
    return seen


def pages(address: str, seconds: float) -> list[float]:
    """Seconds of one page after the other beside a training, in milliseconds."""
    text = (SYMBOLS * 2000).encode()
    with httpx2.Client(base_url=address, timeout=30) as api:
        sent = api.post("/api/texts", params={"name": "load"}, content=text).json()["id"]
        run = api.post("/api/runs", json={"text": sent, "minutes": 10}).json()["id"]
        while api.get(f"/api/runs/{run}").json()["state"] != "training":
            time.sleep(0.2)
        times, ends, n = [], time.perf_counter() + seconds, 0
        while time.perf_counter() < ends:
            began = time.perf_counter()
            api.get(PATHS[n % len(PATHS)]).raise_for_status()
            times.append(1000 * (time.perf_counter() - began))
            time.sleep(TICK)
            n += 1
        api.post(f"/api/runs/{run}/stop")
    return times


def main() -> int:
    options = arguments(__doc__, quick=False).parse_args()
    report = Report(__doc__, options)
    readers, seconds, beside = (10, 5.0, 5.0) if options.quick else (100, 60.0, 15.0)
    with tempfile.TemporaryDirectory() as folder, studio(Path(folder)) as (process, address):
        asyncio.run(load(address, 4, 1.0))  # what comes first is slower
        before = resident(process)
        seen = asyncio.run(load(address, readers, seconds))
        after = resident(process)
        report.say(f"{readers} readers at once for {seconds:.0f} s, {LENGTH} characters a text, lstm of {UNITS} units")
        report.table(
            "texts", "chars/s", "first ms, median", "first ms, slowest", "whole s, median", "errors", "MiB more"
        )
        report.row(
            len(seen["first"]),
            len(seen["first"]) * LENGTH / seconds,
            1000 * statistics.median(seen["first"]),
            1000 * max(seen["first"]),
            statistics.median(seen["seconds"]),
            len(seen["errors"]),
            after - before,
        )
        times = sorted(pages(address, beside))
    report.say(f"pages beside a training, {beside:.0f} s")
    report.table("pages", "ms, median", "ms, 95 of 100", "ms, slowest")
    report.row(len(times), statistics.median(times), times[int(0.95 * len(times))], times[-1])
    report.target(f"{len(seen['errors'])} errors, wanted 0: {seen['errors'][:1]}", not seen["errors"])
    report.target(f"memory grew by {after - before:.0f} MiB, wanted at most 64", after - before <= 64)
    report.target(
        f"the slowest page took {times[-1]:.0f} ms, wanted at most {1000 * PAGE:.0f}", times[-1] <= 1000 * PAGE
    )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
