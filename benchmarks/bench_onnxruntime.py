"""Forward of one layer against inference engines: ONNX Runtime, and OpenVINO, which runs oneDNN's own primitives.

    python benchmarks/bench_onnxruntime.py            about seven minutes on two cores; needs `pip install 'recurra[bench]'`
    python benchmarks/bench_onnxruntime.py --quick

The layer is one ONNX operator (LSTM, GRU with linear_before_reset, RNN), weights constant: both engines pack them once,
when the session is made; our layer takes them as they are in every call, since they may have been trained in between.
100 steps, inputs as wide as the hidden units, float32; in turns, with a rest, because the engines' threads spin.

oneDNN: PyTorch gives out its LSTM primitive alone, so GRU and RNN are reached through OpenVINO. With ONEDNN_VERBOSE=1 it
shows one primitive a call, `rnn,brgemm:avx512_core,forward_inference`; OpenVINO 2026.4 holds oneDNN 3.13.
"""

import sys

import torch
from layers import GATES, OURS, QUICK, SIZES, TIME, Comparison, check, forward, pair
from pairs import header, installed, paired
from report import Report, arguments

RUNTIME, VINO = "ONNX RT", "OpenVINO"
PACKAGES = {RUNTIME: "onnxruntime", VINO: "openvino"}


def session(peer: str, layer: torch.nn.Module, threads: int, shape: tuple[int, int, int]):
    from onnx_layers import graph, onnxruntime_session, openvino_session

    if peer == RUNTIME:
        return onnxruntime_session(graph(layer), threads)
    return openvino_session(graph(layer), threads, shape)


def case(peer: str, kind: str, threads: int, batch: int, hidden: int, seconds: float) -> dict[str, list[float]]:
    torch.manual_seed(0)
    theirs, ours = pair(kind, hidden, hidden)
    x = torch.randn(TIME, batch, hidden)
    run, given = session(peer, theirs, threads, (TIME, batch, hidden)), x.numpy()
    check([forward(ours, x)], [torch.from_numpy(run(given).copy())])
    return paired({peer: lambda: run(given), OURS: lambda: forward(ours, x)}, seconds, pause=0.03)


def main() -> int:
    parser = arguments(__doc__, quick=False, seconds=1.2, threads=[2, 1])
    parser.set_defaults(seconds=0.8)
    parser.add_argument("--kinds", nargs="+", choices=list(GATES), default=list(GATES))
    options = parser.parse_args()
    peers = [peer for peer, package in PACKAGES.items() if installed("onnx", package)]
    if not peers:
        print("Neither ONNX Runtime nor OpenVINO is here: pip install 'recurra[bench]'")
        return 0
    report = Report(__doc__, options)
    report.say(header("onnx", *(PACKAGES[peer] for peer in peers)))
    for peer in peers:
        comparison = Comparison(report, peer)
        for threads in options.threads:
            torch.set_num_threads(threads)
            for kind in options.kinds:
                for size in QUICK if options.quick else SIZES:
                    try:
                        seconds = case(peer, kind, threads, *size, options.seconds)
                    except RuntimeError as fault:  # OpenVINO's RNN with two threads, for one
                        report.say(f"{peer} cannot run {kind} at {size}: {str(fault).strip().splitlines()[-1]}")
                        break
                    comparison.add(kind, "forward", threads, size, seconds)
        comparison.summary({(kind, "forward"): (1.0, 1.0) for kind in ("LSTM", "GRU")})
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
