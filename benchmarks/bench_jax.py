"""One layer against JAX: lax.scan under jit, forward and value_and_grad, 16 sizes, LSTM, GRU and RNN.

    python benchmarks/bench_jax.py            about ten minutes on two cores; needs `pip install 'recurra[bench]'`
    python benchmarks/bench_jax.py --quick

Both sides in one process, in turns, with a rest between them, because threads of either keep spinning for a moment. XLA
takes its number of threads from the cores that the process may use when it starts; so each number of threads is a
process of its own, bound to as many cores. Compile times are JAX's, for the training step, and are not in the ratios.
"""

import json
import os
import subprocess
import sys
import time

from layers import GATES, OURS, QUICK, SIZES, TIME, Comparison, check, forward, pair, train
from pairs import header, installed, paired
from report import Report, arguments

PEER = "JAX"
TARGETS = {(kind, mode): (1.6, 1.6) for kind in GATES for mode in ("training", "forward")}


def case(kind: str, mode: str, batch: int, hidden: int, seconds: float, unroll: int) -> tuple[dict, float]:
    """The times of both, and what JAX took to compile."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    import torch
    from jax_layers import functions

    torch.manual_seed(0)
    _, ours = pair(kind, hidden, hidden)
    x = torch.randn(TIME, batch, hidden, requires_grad=True)
    dy = torch.randn(TIME, batch, hidden)
    weights = [jnp.asarray(w.detach().numpy()) for w in ours.parameters()]
    jax_x, jax_dy = jnp.asarray(x.detach().numpy()), jnp.asarray(dy.numpy())
    infer, learn = functions(kind, unroll)

    def theirs():
        if mode == "forward":
            return [infer(weights, jax_x).block_until_ready()]
        (_, y), (dweights, dx) = jax.block_until_ready(learn(weights, jax_x, jax_dy))
        return [y, dx, *dweights]

    def our():
        return [forward(ours, x)] if mode == "forward" else train(ours, x, dy)

    start = time.perf_counter()
    want = theirs()
    compiled = time.perf_counter() - start
    check(our(), [torch.from_numpy(np.array(part)) for part in want])
    return paired({PEER: theirs, OURS: our}, seconds, least=2, pause=0.02), compiled


def measure(options) -> None:
    """In the child: one number of threads; a line of JSON for each case."""
    threads = options.threads[0]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import torch

    torch.set_num_threads(threads)
    for kind in options.kinds:
        for mode in options.modes:
            for size in QUICK if options.quick else SIZES:
                seconds, compiled = case(kind, mode, *size, options.seconds, options.unroll)
                print(json.dumps([kind, mode, threads, size, seconds, compiled]), flush=True)


def main() -> int:
    parser = arguments(__doc__, quick=False, seconds=1.2, threads=[2, 1])
    parser.set_defaults(seconds=0.8)
    parser.add_argument("--kinds", nargs="+", choices=list(GATES), default=list(GATES))
    parser.add_argument("--modes", nargs="+", choices=["training", "forward"], default=["training", "forward"])
    parser.add_argument("--unroll", type=int, default=1, help="lax.scan's; on CPUs 1 was the fastest as a whole")
    parser.add_argument("--child", action="store_true", help="measure and print JSON (what the script starts itself)")
    options = parser.parse_args()
    if not installed("jax"):
        print("JAX is not here, so there is nothing to compare with: pip install 'recurra[bench]'")
        return 0
    if options.child:
        measure(options)
        return 0
    report = Report(__doc__, options)
    report.say(header("jax", "jaxlib"))
    comparison, compiled = Comparison(report, PEER), []
    for threads in options.threads:
        command = [sys.executable, *sys.argv, "--child", "--threads", str(threads)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for line in child.stdout:
                kind, mode, threads, size, seconds, took = json.loads(line)
                comparison.add(kind, mode, threads, tuple(size), seconds)
                compiled += [took] * (mode == "training")
        if child.returncode:
            raise SystemExit(f"the process for {threads} threads ended with {child.returncode}")
    comparison.summary(TARGETS)
    if compiled:
        report.say(f"JAX compiled a training step in {min(compiled):.1f} to {max(compiled):.1f} s, not counted above.")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
