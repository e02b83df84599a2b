"""What disturbed a round, in words."""

from __future__ import annotations

from dataclasses import dataclass

from posebench.config import Regime
from posebench.machine.cpu import CpuDisturbance
from posebench.machine.gpu import POWER_LIMIT, GpuWatch

OTHERS = 0.25
OTHERS_SHARE = 0.02
"""Processors' worth of other programs above which a round counts as disturbed, at least, and as a
share of all processors: where there are many, some always do something."""

STOLEN = 0.05
"""Processors' worth that the host of a virtual machine may keep to itself."""


@dataclass(frozen=True)
class Judgement:
    """What the machine did during a round.

    Attributes:
        disturbances: Why the round should be repeated, in words; empty if the machine was quiet.
        remarks: What belongs to the regime and comes back if the round is repeated.
    """

    disturbances: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def judge(regime: Regime, cpu: CpuDisturbance | None, gpu: GpuWatch | None) -> Judgement:
    """Judge a round.

    A GPU of few watts runs into its power limit whenever it works without pauses: in the sustained
    regime that is how fast it is.

    Args:
        regime: Of the round.
        cpu: What the processors did besides; None if the round was too short to tell.
        gpu: What the GPU did; None without one, or if it was not watched.
    """
    disturbed = [*(_on_cpu(cpu) if cpu else ())]
    remarks: list[str] = []
    if gpu and gpu.throttling:
        usual = regime == "sustained" and gpu.throttling == (POWER_LIMIT,)
        (remarks if usual else disturbed).append(_slowed(gpu))
    if gpu and gpu.others:  # an idle one does no harm, and which it is the driver does not tell
        remarks.append(f"{gpu.others} other process(es) had the GPU open")
    return Judgement(tuple(disturbed), tuple(remarks))


def _on_cpu(cpu: CpuDisturbance) -> list[str]:
    found = []
    if cpu.others > max(OTHERS, OTHERS_SHARE * cpu.processors):
        found.append(f"other programs kept {cpu.others:.1f} processors busy")
    if cpu.stolen > STOLEN:
        found.append(f"the host of this virtual machine kept {cpu.stolen:.2f} processors")
    if cpu.throttled:
        found.append("the processors slowed down because of heat")
    return found


def _slowed(gpu: GpuWatch) -> str:
    reasons = " and ".join(gpu.throttling)
    return f"the GPU slowed down in {gpu.throttled_share:.0%} of the readings: {reasons}"
