"""native/learner.cpp as Python calls it: `Learner(model, library)` on the weights of a LanguageModel."""

import ctypes
import subprocess
from ctypes import addressof, c_double, c_long, c_uint8, c_void_p
from pathlib import Path

import numpy as np

from recurra.backends.cpu import abi, build, library
from recurra.tasks.language.model import LanguageModel
from recurra.training import TrainingConfig

NATIVE = build.native()
LearnerLayer = abi.structure("LearnerLayer")
Structure = abi.structure("Learner")
Lesson = abi.structure("Lesson", double=c_double)


def compiled(folder: Path, optimised: tuple[str, ...] = ("-O2", "-march=native")) -> ctypes.CDLL:
    """The learner with the core, as a shared library."""
    source, to = folder / "both.cpp", folder / "learner.so"
    source.write_text('#include "core.cpp"\n#include "learner.cpp"\n', "utf-8")
    flags = ["-std=c++17", *optimised, "-Wall", "-Wno-psabi", "-Wno-unknown-pragmas", "-fPIC", "-shared", "-pthread"]
    command = [*build.compiler().command, *flags, f"-I{NATIVE}", str(source), "-o", str(to)]
    subprocess.run(command, check=True)
    made = ctypes.CDLL(str(to))
    made.recurra_learner_layout.restype = ctypes.c_char_p
    library.check_layout(made.recurra_learner_layout().decode(), abi.layout_of(LearnerLayer, Structure, Lesson))
    for name in ("state", "step", "measure"):
        function = getattr(made, f"recurra_learner_{name}")
        function.restype, function.argtypes = c_long, (c_void_p, c_long if name == "state" else c_void_p)
    return made


class Learner:
    """The parameters of a model side by side, and what the native code needs to learn them."""

    def __init__(self, model: LanguageModel, native: ctypes.CDLL, config: TrainingConfig):
        self.native, self.config, self.step_count = native, config, 0
        parameters = dict(model.named_parameters())
        self.shapes = {name: tuple(p.shape) for name, p in parameters.items()}
        self.values = np.concatenate([p.detach().numpy().ravel() for p in parameters.values()]).astype(np.float32)
        self.average = self.values.copy()
        self.others = [np.zeros_like(self.values) for _ in range(3)]  # gradients and AdamW's two means
        decays = [np.full(p.numel(), p.ndim >= 2, np.uint8) for p in parameters.values()]
        self.decays = np.concatenate(decays)
        sizes = [p.numel() for p in parameters.values()]
        self.places = dict(zip(parameters, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        made = library.made(model.layers.cell)
        layers = (LearnerLayer * model.config.num_layers)()
        for k, layer in enumerate(layers):
            place = lambda name, k=k: self.places.get(f"layers.{name}_l{k}", -1)  # noqa: E731
            layer.cell = made.addresses[abi.F32]
            layer.inputs = model.config.hidden_size if k else model.config.embedding_size
            layer.units = model.config.hidden_size
            layer.residual = bool(model.config.residual and k)
            for field, name in (("w_x", "weight_ih"), ("w_h", "weight_hh"), ("b_x", "bias_ih"), ("b_h", "bias_hh")):
                setattr(layer, field, place(name))
            for index, name in enumerate(made.cell.vectors):
                layer.vectors[index] = place(name)
        self.kept = [layers, made, model]
        self.structure = Structure(
            tokens=len(model.vocabulary), embedding_size=model.config.embedding_size, layers=len(layers),
            layer=addressof(layers), parameters=self.values.ctypes.data, gradients=self.others[0].ctypes.data,
            first=self.others[1].ctypes.data, second=self.others[2].ctypes.data, average=self.average.ctypes.data,
            count=len(self.values), embedding=self.places["embedding.weight"], head=self.places["head.weight"],
            head_bias=self.places["head.bias"], decays=self.decays.ctypes.data,
        )  # fmt: skip
        self.carry = None

    def gradients(self) -> dict[str, np.ndarray]:
        """Those of the last step, by name."""
        return self._split(self.others[0])

    def parameters(self) -> dict[str, np.ndarray]:
        return self._split(self.values)

    def _split(self, values: np.ndarray) -> dict[str, np.ndarray]:
        return {
            name: values[self.places[name] :][: int(np.prod(shape))].reshape(shape)
            for name, shape in self.shapes.items()
        }

    def step(self, inputs, targets, resets=None, *, restart: bool = False, rate: float, learn: bool = True) -> float:
        """The loss of a window; with `learn` the parameters are updated. inputs, targets: (batch, time) int64."""
        batch, time = inputs.shape
        size = self.native.recurra_learner_state(addressof(self.structure), batch)
        if restart or self.carry is None or len(self.carry) != size:
            self.carry = np.zeros(size, np.float32)
        inputs = np.ascontiguousarray(inputs, np.int64)
        targets = np.ascontiguousarray(np.asarray(targets).T, np.int64)
        starts = None if resets is None else np.ascontiguousarray(np.asarray(resets).T, np.uint8)
        self.step_count += learn
        config = self.config
        lesson = Lesson(
            time=time, batch=batch, inputs=inputs.ctypes.data, targets=targets.ctypes.data,
            resets=None if starts is None else starts.ctypes.data_as(ctypes.POINTER(c_uint8)) and starts.ctypes.data,
            carry=self.carry.ctypes.data, step=self.step_count, rate=rate, beta1=config.beta1, beta2=config.beta2,
            epsilon=1e-8, weight_decay=config.weight_decay, clip=config.clip,
            keep_average=min(config.average, (1 + self.step_count) / (10 + self.step_count)),
        )  # fmt: skip
        call = self.native.recurra_learner_step if learn else self.native.recurra_learner_measure
        assert call(addressof(self.structure), addressof(lesson)) == 0
        self.norm = lesson.norm
        return lesson.loss
