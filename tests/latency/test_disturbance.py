from __future__ import annotations

from dataclasses import replace

import pytest

from posebench.config import Regime
from posebench.latency.disturbance import OTHERS, STOLEN, Judgement, judge
from posebench.machine.cpu import CpuDisturbance
from posebench.machine.gpu import GpuState, GpuWatch, summarise, throttling_of

QUIET = CpuDisturbance(others=0.02, stolen=0.0, throttled=0)
COOL = GpuState(1590, 5000, 50, 40.0, (), 0)
IDLE, USER, POWER, HEAT = 0x1, 0x2, 0x4, 0x40


def seen(*reasons: int) -> GpuWatch:
    """Readings of a GPU with these bits set."""
    return summarise([replace(COOL, throttling=throttling_of(bits)) for bits in reasons])


def test_a_quiet_machine_disturbs_nobody() -> None:
    assert judge("paced", QUIET, seen(0, IDLE, USER)) == Judgement()
    assert judge("sustained", None, None) == Judgement()


@pytest.mark.parametrize(
    ("cpu", "said"),
    [
        (replace(QUIET, others=OTHERS + 0.05), "other programs kept 0.3 processors busy"),
        (replace(QUIET, stolen=STOLEN + 0.02), "the host of this virtual machine kept 0.07"),
        (replace(QUIET, throttled=2), "the processors slowed down because of heat"),
    ],
)
def test_a_planted_disturbance_of_the_processors_is_named(cpu: CpuDisturbance, said: str) -> None:
    (reason,) = judge("sustained", cpu, None).disturbances
    assert reason.startswith(said)


def test_as_much_as_is_allowed_is_no_disturbance() -> None:
    cpu = CpuDisturbance(others=OTHERS, stolen=STOLEN, throttled=None)
    assert judge("sustained", cpu, None) == Judgement()


@pytest.mark.parametrize("regime", ["paced", "sustained"])
def test_heat_disturbs_in_every_regime(regime: Regime) -> None:
    (reason,) = judge(regime, QUIET, seen(0, HEAT, POWER, 0)).disturbances
    assert "slowed down in 50% of the readings" in reason
    assert "hardware thermal limit and power limit" in reason


def test_the_power_limit_belongs_to_the_sustained_regime() -> None:
    sustained = judge("sustained", QUIET, seen(POWER, POWER))
    assert sustained.disturbances == ()
    assert "100% of the readings: power limit" in sustained.remarks[0]
    assert judge("paced", QUIET, seen(POWER, POWER)).disturbances == sustained.remarks


def test_another_process_on_the_gpu_is_told() -> None:
    judged = judge("sustained", QUIET, replace(seen(0), others=1))
    assert judged == Judgement((), ("1 other process(es) had the GPU open",))


def test_where_processors_are_many_some_always_do_something() -> None:
    busy = CpuDisturbance(others=1.0, stolen=0.0, throttled=0, processors=64)
    assert judge("sustained", busy, None) == Judgement()
    assert judge("sustained", replace(busy, others=1.5), None).disturbances
