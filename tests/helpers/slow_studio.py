"""The studio, as `python -m recurra.studio`, whose JSON comes to a browser up to 1.5 seconds late, each answer by itself.

    RECURRA_SLOW_STUDIO=1 make test              or pytest on tests/studio/browser alone

What the page or a test takes for granted about the order or the time of answers fails so. On a machine with little to do, each
answer comes before the next press; on a busy one it does not.
"""

import asyncio
import random
import sys

from starlette.types import ASGIApp, Receive, Scope, Send

from recurra.cli import main
from recurra.studio.server import app

LATE = (0, 0, 0.3, 0.7, 1.5)  # seconds, drawn for each answer


class Late:
    """ASGI middleware: questions of a browser wait. A test's own questions do not."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        browser = any(name == b"user-agent" and b"Mozilla" in value for name, value in scope.get("headers", ()))
        if browser and scope["path"].startswith("/api/"):
            await asyncio.sleep(random.choice(LATE))
        await self.app(scope, receive, send)


def late(config=None):
    made = create_app(config)
    made.add_middleware(Late)
    return made


create_app, app.create_app = app.create_app, late
main(["studio", *sys.argv[1:]])
