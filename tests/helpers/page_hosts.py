"""Other hosts of the page's modules than Chromium: Node, and a Firefox as it is installed.

with node(folder) as tab: tab.evaluate("(n) => n + 1", 2)      as Playwright's pages have it
firefox(folder, "(n) => n + 1", 2)                              one question, in a browser of its own
"""

import contextlib
import http.server
import importlib.util
import json
import queue
import shutil
import subprocess
import threading
from pathlib import Path

from helpers import page

SECONDS = 120
DRIVER = """
globalThis.window = globalThis;
require("node:vm").runInThisContext(require("node:fs").readFileSync(process.argv[2], "utf8"));
const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", async (line) => {
  let answer;
  try {
    const { code, argument } = JSON.parse(line);
    answer = { value: (await (0, eval)(code)(argument)) ?? null };
  } catch (error) {
    answer = { error: String(error.stack ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\\n");
});
lines.on("close", () => process.exit());
"""


def node_program() -> str:
    """Node, or the one that Playwright brings; empty where neither is there."""
    if found := shutil.which("node"):
        return found
    package = importlib.util.find_spec("playwright")
    mine = Path(package.origin).parent / "driver" / "node" if package else None
    return str(mine) if mine and mine.is_file() else ""


class Node:
    """A process with the modules."""

    def __init__(self, process: subprocess.Popen):
        self.process = process

    def evaluate(self, code: str, argument=None):
        """The function's result; AssertionError with what it raised."""
        self.process.stdin.write(json.dumps({"code": code, "argument": argument}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "node has ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]


@contextlib.contextmanager
def node(folder: Path):
    """A Node with the modules under `window.R`."""
    bundle, driver = folder / "bundle.js", folder / "driver.cjs"
    bundle.write_text(page.script(folder), "utf-8")
    driver.write_text(DRIVER, "utf-8")
    command = [node_program(), str(driver), str(bundle)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        try:
            yield Node(process)
        finally:
            process.stdin.close()
            process.kill()


def firefox_program() -> str:
    """A Firefox; empty if none is installed."""
    return next(filter(None, map(shutil.which, ("firefox", "firefox-esr"))), "")


def firefox(folder: Path, code: str, argument=None):
    """What a function of the modules gives in Firefox. It gets the page from this process, and answers to it."""
    answers: queue.Queue = queue.Queue()
    ask = f"""<!doctype html><meta charset="utf-8"><script>{page.script(folder)}</script><script>
      Promise.resolve().then(() => ({code})({json.dumps(argument)}))
        .then((value) => ({{ value: value ?? null }}), (error) => ({{ error: String(error.stack ?? error) }}))
        .then((answer) => fetch("/", {{ method: "POST", body: JSON.stringify(answer) }}));
    </script>"""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(ask.encode())

        def do_POST(self):
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "profile").mkdir()
    address = f"http://127.0.0.1:{server.server_port}/"
    command = [firefox_program(), "--headless", "--no-remote", "--profile", str(folder / "profile"), address]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        with subprocess.Popen(command, **quiet) as process:
            try:
                answer = answers.get(timeout=SECONDS)
            finally:
                process.terminate()
    finally:
        server.shutdown()
        server.server_close()
    assert "error" not in answer, answer["error"]
    return answer["value"]
