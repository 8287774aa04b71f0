"""The studio under load: many readers of text at once, and requests and clicks in every view while a training runs.

python benchmarks/bench_studio.py                      100 readers for a minute, then requests and clicks beside a training
python benchmarks/bench_studio.py --quick              10 readers for 5 s, fewer clicks
python benchmarks/bench_studio.py --clicks             only the clicks
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

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers import browser
from helpers.visits import FILLED
from playwright.sync_api import Error as PlaywrightError

from recurra.tasks.language import LanguageModel
from recurra.tasks.language.config import LanguageConfig
from recurra.text import build_vocabulary

LENGTH, UNITS = 300, 192
MOST, TICK = 100.0, 0.05  # milliseconds that a request or a click may take; seconds between two requests
PATHS = ("/", "/api/runs", "/api/runs/model", "/static/js/main.js", "/static/css/base.css")
LETTERS = "#coloured span:nth-child({})"
# For each view: where to click, and what on the page has to change for it.
CLICKS = {
    "write": [
        ("#foldSampling > summary", "#foldSampling"),
        ("#foldModel > summary", "#foldModel"),
    ],
    "inside": [
        ("#btnNext", ".i-text"),
        ("#unitList li:nth-child(4)", "#unitList"),
        (LETTERS.format(20), "#cursorSaid"),
        (LETTERS.format(90), "#cursorSaid"),
        ("#btnCellStep", "#cellText"),
        ("#btnCellBack", "#cellText"),
        ("#clampUnits li:nth-child(2) input", "#clampUnits"),
        ("#clampUnits li:nth-child(2) button:has-text('Silence')", "#clampUnits"),
        ("#btnPrev", ".i-text"),
        ("#btnRead", "#insideStatus"),
    ],
    "compare": [
        ("th[data-key=title] button", "#runsTable"),
        ("th[data-key=parameters] button", "#runsTable"),
        ("#btnDuel", "#duelSaidA"),
        ("#btnRefresh", "#runsSaid"),
    ],
    "learn": [
        ("#btnLessonNext", "#lessonBody"),
        ("#btnLessonBack", "#lessonBody"),
        ("#lessonSteps li:nth-child(4) button", "#lessonBody"),
        ("#lessonBody [aria-label='One letter on']", "#lessonBody"),
        ("#lessonSteps li:nth-child(1) button", "#lessonBody"),
        ("#cellList [data-cell=gru]", "#cellBody"),
        ("#cellList [data-cell=lstm]", "#cellBody"),
    ],
}
# From the time of a click, or of a slider's move, to the frame that shows the first change of what it is to change.
WATCH = """(selector) => {
    const changing = document.querySelector(selector);
    let began = null;
    window.waited = null;
    const seen = new MutationObserver(() => {
        seen.disconnect();
        requestAnimationFrame(() => {
            const after = new MessageChannel();
            after.port1.onmessage = () => (window.waited = performance.now() - began);
            after.port2.postMessage(0);
        });
    });
    const begin = ({ timeStamp }) => {
        if (began === null) seen.observe(changing, { subtree: true, childList: true, characterData: true, attributes: true });
        began ??= timeStamp;
    };
    for (const kind of ["input", "click"]) addEventListener(kind, begin, { capture: true, once: true });
}"""
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


@contextlib.contextmanager
def training(address: str):
    """A training that runs for as long as it is needed: an API to ask beside it."""
    text = (SYMBOLS * 2000).encode()
    with httpx2.Client(base_url=address, timeout=30) as api:
        sent = api.post("/api/texts", params={"name": "load"}, content=text).json()["id"]
        run = api.post("/api/runs", json={"text": sent, "minutes": 60}).json()["id"]
        while api.get(f"/api/runs/{run}").json()["state"] != "training":
            time.sleep(0.2)
        yield api
        api.post(f"/api/runs/{run}/stop")


def requests(api: httpx2.Client, seconds: float) -> list[float]:
    """How long one request after the other takes, in milliseconds."""
    times, ends, n = [], time.perf_counter() + seconds, 0
    while time.perf_counter() < ends:
        began = time.perf_counter()
        api.get(PATHS[n % len(PATHS)]).raise_for_status()
        times.append(1000 * (time.perf_counter() - began))
        time.sleep(TICK)
        n += 1
    return times


def clicks(address: str, rounds: int) -> dict[str, list[tuple[float, str]]]:
    """For each view, how long each click waited for the first change that it makes, in milliseconds; and where it was."""
    waits: dict[str, list[tuple[float, str]]] = {view: [] for view in CLICKS}
    with browser.chromium() as chromium:
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_selector("html[data-ready]")

        def click(view: str, place: str, changing: str) -> None:
            page.evaluate(WATCH, changing)
            page.click(place)
            try:
                page.wait_for_function("() => window.waited !== null")
            except PlaywrightError as error:
                raise SystemExit(
                    f"{view}: a click on {place} changed nothing in {changing}: {error.message}"
                ) from error
            waits[view].append((page.evaluate("window.waited"), place))

        for n in range(rounds):
            for view, places in CLICKS.items():
                if n or view != "write":  # which is open at first
                    click(view, f".views a[href='#{view}']", f"#view-{view}")
                page.wait_for_selector(FILLED[view], state="attached")
                for place, changing in places:
                    page.wait_for_function(
                        "(place) => !document.querySelector(place)?.disabled", arg=place.split(":has")[0]
                    )
                    click(view, place, changing)
    return waits


def readers_at_once(report: Report, process: subprocess.Popen, address: str, readers: int, seconds: float) -> None:
    """Many readers of text, and what the studio holds afterwards."""
    asyncio.run(load(address, 4, 1.0))  # what comes first is slower
    before = resident(process)
    seen = asyncio.run(load(address, readers, seconds))
    more = resident(process) - before
    report.say(f"{readers} readers at once for {seconds:.0f} s, {LENGTH} characters a text, lstm of {UNITS} units")
    report.table("texts", "chars/s", "first ms, median", "first ms, slowest", "whole s, median", "errors", "MiB more")
    report.row(
        len(seen["first"]),
        len(seen["first"]) * LENGTH / seconds,
        1000 * statistics.median(seen["first"]),
        1000 * max(seen["first"]),
        statistics.median(seen["seconds"]),
        len(seen["errors"]),
        more,
    )
    report.target(f"{len(seen['errors'])} errors, wanted 0: {seen['errors'][:1]}", not seen["errors"])
    report.target(f"memory grew by {more:.0f} MiB, wanted at most 64", more <= 64)


def beside_a_training(report: Report, address: str, seconds: float, rounds: int) -> None:
    """Requests, then clicks in every view of a page in the browser."""
    with training(address) as api:
        if seconds:
            times = sorted(requests(api, seconds))
            report.say(f"requests beside a training, {seconds:.0f} s")
            report.table("requests", "ms, median", "ms, 95 of 100", "ms, slowest")
            report.row(len(times), statistics.median(times), times[int(0.95 * len(times))], times[-1])
            report.target(f"the slowest request took {times[-1]:.0f} ms, wanted at most {MOST:.0f}", times[-1] <= MOST)
        if browser.missing():
            report.say(f"no clicks: {browser.missing()}")
            return
        waits = clicks(address, rounds)
    report.say(f"clicks beside a training, {rounds} rounds: from a click to the frame with its first change")
    report.table("view", "clicks", "ms, median", "ms, slowest", f"above {MOST:.0f} ms", "the slowest")
    for view, seen in waits.items():
        times = [wait for wait, _ in seen]
        late = sum(wait > MOST for wait in times)
        report.row(view, len(times), statistics.median(times), max(times), late, max(seen)[1])
    late = [wait for seen in waits.values() for wait, _ in seen if wait > MOST]
    report.target(f"{len(late)} clicks waited above {MOST:.0f} ms, wanted 0", not late)


def main() -> int:
    parser = arguments(__doc__, quick=False)
    parser.add_argument("--clicks", action="store_true", help="only the clicks")
    options = parser.parse_args()
    report = Report(__doc__, options)
    readers, seconds, beside, rounds = (10, 5.0, 5.0, 2) if options.quick else (100, 60.0, 15.0, 10)
    report.say(f"load of the machine when it begins: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, studio(Path(folder)) as (process, address):
        if not options.clicks:
            readers_at_once(report, process, address, readers, seconds)
        beside_a_training(report, address, 0.0 if options.clicks else beside, rounds)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
