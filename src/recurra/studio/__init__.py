"""The studio: a local page on which language models are trained, watched, read from and looked into.

    create_app(StudioConfig(runs="runs"))     the ASGI application; `recurra studio` serves it

It has no model code of its own: it calls tasks, generation and inside. Training runs in a process of its own.

    settings  what can be set, and the limits         guard     who may ask, and how much; faults: the words
    app       the parts put together                  serving   the JSON; shapes: what goes over the wire
    texts     uploaded texts, by their SHA-256        runs      the folders; describe, history: what one holds
    launch    from a request to a training            trainer   the process; worker: its other side; events: its news
    models    models kept open                        writing   text, streamed fairly to many
    card      what a model would cost; speed          comparisons, about, look

Names are loaded when first used: the settings need neither PyTorch nor FastAPI.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(__name__, {"settings": "Limits StudioConfig", "app": "create_app"})
