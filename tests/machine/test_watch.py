from __future__ import annotations

import pytest
from nvml_stand_in import StandInForNvml

from posebench.machine import gpu
from posebench.machine.visible_gpus import driver_index
from posebench.machine.watch import watch


@pytest.mark.parametrize(
    ("index", "environment", "expected"),
    [
        (1, {}, 1),
        (0, {"CUDA_VISIBLE_DEVICES": "2, 0"}, 2),
        (1, {"CUDA_VISIBLE_DEVICES": "2, 0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, 0),
    ],
)
def test_the_driver_knows_a_gpu_by_another_number(
    index: int, environment: dict[str, str], expected: int
) -> None:
    assert driver_index(index, environment) == expected


@pytest.mark.parametrize(
    "environment",
    [
        {"CUDA_VISIBLE_DEVICES": "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"},
        {"CUDA_VISIBLE_DEVICES": "MIG-1"},
        {"CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": ""},
        {"CUDA_VISIBLE_DEVICES": "0,-1"},
        {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"},
    ],
)
def test_what_does_not_tell_the_gpu_is_named(environment: dict[str, str]) -> None:
    (name,) = environment
    with pytest.raises(ValueError, match=rf"{name}=.*cuda:1"):
        driver_index(1, environment)


class StandInForSeveral(StandInForNvml):
    """A driver with several GPUs, which notes the ones that are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        self.asked.append(index)
        return f"GPU {index}"


def test_the_gpu_that_is_timed_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = StandInForSeveral()
    monkeypatch.setattr(gpu, "import_nvml", lambda: nvml)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert watch("cuda", 1).read_gpu is not None
    assert watch("cuda:1", 1).read_gpu is not None
    assert nvml.asked == [3, 1]


def test_a_gpu_that_is_not_known_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = StandInForSeveral()
    monkeypatch.setattr(gpu, "import_nvml", lambda: nvml)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937")
    found = watch("cuda", 1)
    assert found.read_gpu is None and not nvml.asked
    assert any("CUDA_VISIBLE_DEVICES=GPU-8932f937" in note for note in found.notes)
