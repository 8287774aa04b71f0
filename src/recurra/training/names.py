"""The files of a run that hold tensors, and their formats. Apart from `runs`, which needs PyTorch."""

STATE, WEIGHTS = "state.safetensors", "model.safetensors"
SCHEMA = {STATE: "state/1", WEIGHTS: "model/1"}
