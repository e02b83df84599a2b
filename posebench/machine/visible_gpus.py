"""Which GPU a CUDA device is among those that the driver's library (NVML) numbers."""

from __future__ import annotations

from collections.abc import Mapping

ORDER_VARIABLE = "CUDA_DEVICE_ORDER"
BY_SLOT = "PCI_BUS_ID"
"""The order that NVML has, too."""
VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"


def driver_index(index: int, environment: Mapping[str, str]) -> int:
    """The driver's number of a GPU.

    Args:
        index: As CUDA counts in a worker.
        environment: That of this process.

    Raises:
        ValueError: What CUDA goes by does not tell.
    """
    order = environment.get(ORDER_VARIABLE, BY_SLOT)
    if order != BY_SLOT:
        raise ValueError(
            f"{ORDER_VARIABLE}={order} does not tell which GPU is cuda:{index}; unset it."
        )
    visible = environment.get(VISIBLE_VARIABLE)
    if visible is None:
        return index
    numbers = [number.strip() for number in visible.split(",")]
    if not all(number.isdecimal() for number in numbers) or index >= len(numbers):
        raise ValueError(
            f"{VISIBLE_VARIABLE}={visible} does not tell which GPU is cuda:{index}; "
            "list numbers as nvidia-smi has them."
        )
    return int(numbers[index])
