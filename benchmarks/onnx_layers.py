"""torch.nn's LSTM, GRU and RNN as ONNX graphs, each one operator with the weights as constants, and sessions that run them."""

import sys

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

# Which of torch.nn's row blocks stand where in ONNX's weights: i o f c from i f g o, and z r h from r z n.
ORDER = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}


def graph(layer: torch.nn.RNNBase) -> bytes:
    """A one-layer, one-direction torch.nn layer as a model: x (time, batch, inputs) → y (time, 1, batch, hidden)."""
    kind, hidden = type(layer).__name__, layer.hidden_size

    def ordered(weight: torch.Tensor) -> np.ndarray:
        blocks = weight.detach().chunk(len(ORDER[kind]))
        return torch.cat([blocks[k] for k in ORDER[kind]]).numpy()

    w_x, w_h, b_x, b_h = map(ordered, layer.parameters())
    constants = {"w": w_x[None], "r": w_h[None], "b": np.concatenate([b_x, b_h])[None]}
    options = {"hidden_size": hidden}
    if kind == "GRU":
        options["linear_before_reset"] = 1  # torch.nn's GRU, not the original one
    node = helper.make_node(kind, ["x", *constants], ["y"], **options)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["time", "batch", layer.input_size])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["time", 1, "batch", hidden])
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    model = helper.make_model(
        helper.make_graph([node], kind.lower(), [x], [y], initializers),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def onnxruntime_session(model: bytes, threads: int):
    """A function x → y on ONNX Runtime with so many threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0][:, 0]


def openvino_session(model: bytes, threads: int, shape: tuple[int, int, int]):
    """A function x → y on OpenVINO, in float32: left alone it computes in bf16 where the processor has it."""
    sys.modules.setdefault("openvino_telemetry", None)  # importing OpenVINO would report that to its makers
    import openvino

    core = openvino.Core()
    read = core.read_model(model)
    read.reshape(list(shape))
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }
    request = core.compile_model(read, "CPU", settings).create_infer_request()
    return lambda x: request.infer({"x": x}, share_inputs=True, share_outputs=True)[0][:, 0]
