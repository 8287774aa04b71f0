"""The studio: a local page on which language models are trained, watched, read from and looked into.

    create_app(StudioConfig(runs="runs"))     the ASGI application; `recurra studio` serves it

It has no model code of its own: it calls tasks, generation and inside. Training runs in a process of its own. Each room
imports those above it:

    settings, shapes, refusal   what can be set, what goes over the wire, and why a request is refused
    store/    what is on disk:  texts, runs (live: those in training; describe, history: what a folder holds), models
    jobs/     training:         launch (from a request to a job), trainer (the process), worker (its other side), hub (its
                                news), comparisons, speed (of this machine; measure: how it is measured)
    views/    what a page sees: about (the forms), card (what a model costs), writing (text), look (inside a model)
    server/   HTTP:             app (all of it put together), guard (who may ask), serving, inside (the JSON), events,
                                faults
    static/   the page

Names are loaded when first used: the settings need neither PyTorch nor FastAPI.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(__name__, {"settings": "Limits StudioConfig", "server.app": "create_app"})
