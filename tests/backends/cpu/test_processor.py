"""The instruction set: the best is chosen, each can be forced, an invalid one is refused."""

import pytest
import torch

from recurra.backends.cpu import processor
from recurra.errors import BackendError
from recurra.nn import LSTM


class TestInstructionSets:
    def test_the_best_is_chosen(self, monkeypatch):
        monkeypatch.delenv("RECURRA_ISA", raising=False)
        processor.chosen.cache_clear()
        assert processor.chosen() == processor.supported()[0]

    @pytest.mark.parametrize("isa", [isa.name for isa in processor.supported()])
    def test_each_can_be_forced(self, isa, monkeypatch):
        monkeypatch.setenv("RECURRA_ISA", isa)
        processor.chosen.cache_clear()
        assert processor.chosen().name == isa
        processor.chosen.cache_clear()

    def test_an_unknown_one_names_the_valid_ones(self, monkeypatch):
        names = ", ".join(isa.name for isa in processor.supported())
        monkeypatch.setenv("RECURRA_ISA", "mmx")
        processor.chosen.cache_clear()
        with pytest.raises(BackendError, match=rf"RECURRA_ISA is 'mmx'; .*\(this processor runs: {names}\)"):
            LSTM(3, 4)(torch.zeros(2, 1, 3))
        processor.chosen.cache_clear()

    def test_one_that_the_processor_lacks(self, monkeypatch):
        monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
        monkeypatch.setattr(processor, "_features", lambda: {"avx", "avx2", "fma", "f16c", "bmi1", "bmi2"})
        monkeypatch.setenv("RECURRA_ISA", "avx512")
        processor.chosen.cache_clear()
        with pytest.raises(
            BackendError, match="RECURRA_ISA is 'avx512', which this processor lacks; it runs: avx2, x86"
        ):
            processor.chosen()
        monkeypatch.delenv("RECURRA_ISA")
        processor.chosen.cache_clear()
        assert processor.chosen().name == "avx2"
        processor.chosen.cache_clear()

    @pytest.mark.parametrize("machine", ["aarch64", "arm64"])
    def test_arm(self, machine, monkeypatch):
        monkeypatch.setattr(processor.platform, "machine", lambda: machine)
        assert [isa.name for isa in processor.known()] == ["neon"]

    def test_a_foreign_architecture_gets_a_plain_build(self, monkeypatch):
        monkeypatch.setattr(processor.platform, "machine", lambda: "riscv64")
        assert [(isa.name, isa.flags) for isa in processor.known()] == [("generic", ())]
