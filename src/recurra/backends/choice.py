"""Which backend runs a call: the first that can, and why those before it cannot."""

from dataclasses import dataclass

from recurra.backends import equations, kernels
from recurra.backends.call import Call, Ran
from recurra.backends.cpu import layer as cpu
from recurra.errors import BackendError, nearest

BACKENDS = {backend.NAME: backend for backend in (cpu, kernels, equations)}


@dataclass(frozen=True)
class Choice:
    """Which backend runs a call, and why those before it in the order do not."""

    name: str
    passed_over: dict[str, str]

    def __str__(self) -> str:
        reasons = [f"not {name}: {why}" for name, why in self.passed_over.items()]
        return "; ".join([self.name, *reasons])


def check_name(name: str) -> str:
    """`name` if it is "auto" or a backend's; BackendError otherwise."""
    if name not in ("auto", *BACKENDS):
        raise BackendError(f"backend is {name!r}; {nearest(name, ('auto', *BACKENDS))}")
    return name


def choose(call: Call, prefer: str = "auto") -> Choice:
    """The backend that will run `call`: the one named by `prefer`, or with "auto" the first that can.

    Raises BackendError if the named one cannot run it.
    """
    if prefer != "auto":
        reason = BACKENDS[check_name(prefer)].why_not(call)
        if reason:
            raise BackendError(f"backend {prefer!r} cannot run this: {reason}. Use backend='auto' or 'equations'")
        return Choice(prefer, {})
    passed_over = {}
    for name, backend in BACKENDS.items():
        reason = backend.why_not(call)
        if reason is None:
            return Choice(name, passed_over)
        passed_over[name] = reason
    raise BackendError(f"no backend can run this: {passed_over}")


def run(call: Call, prefer: str = "auto") -> Ran:
    """Run one layer over a sequence by the backend that `choose` takes."""
    backend = BACKENDS["cpu"]
    if prefer != "auto" or backend.why_not(call) is not None:  # most calls need no more than this one question
        backend = BACKENDS[choose(call, prefer).name]
    if call.embedding is not None and not backend.READS_TOKENS:
        call = call.embedded()
    return backend.run(call)
