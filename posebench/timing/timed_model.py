"""One model in a worker of its own, timed round by round while the machine is watched."""

from __future__ import annotations

from posebench.config import LatencyConfig, Regime
from posebench.datasets.selection import spread
from posebench.latency.disturbance import judge
from posebench.latency.measure import Samples
from posebench.latency.rounds import TimedRound
from posebench.machine.cpu import CpuDisturbance
from posebench.machine.gpu import GpuMonitor
from posebench.machine.watch import MachineWatch
from posebench.protocols import Dataset
from posebench.worker_client import WorkerClient

_TOLD = {"warmup", "warmup_s", "samples", "pause_ms"}
"""What a worker must know, which may be of another version of posebench."""


class TimedModel:
    """A loaded model that can be timed.

    Args:
        worker: In which it was loaded. Who made it closes it.
        dataset: Gives the pictures.
        config: Of the latency.
        silence_s: Longest time without a finished run.
        machine: Watches it meanwhile.
        batch: Pictures a call; None for single ones, whose stages are told apart.
    """

    def __init__(
        self,
        worker: WorkerClient,
        dataset: Dataset,
        config: LatencyConfig,
        *,
        silence_s: float,
        machine: MachineWatch,
        batch: int | None = None,
    ) -> None:
        self._worker = worker
        self._config = config
        self._silence_s = silence_s
        self._machine = machine
        self._batch = batch
        chosen = spread(len(dataset.image_ids), config.samples)
        ids = [dataset.image_ids[position] for position in chosen]
        self._pictures = {
            "image_ids": ids,
            "paths": [str(dataset.image_path(image_id).absolute()) for image_id in ids],
        }

    def time_round(self, regime: Regime, *, process: int, position: int) -> TimedRound:
        """Time one round.

        Args:
            regime: With or without pauses.
            process: Which of the model's processes the worker is.
            position: How many models had their turn before it.

        Raises:
            WorkerFailure: The worker failed.
        """
        request = {
            **self._pictures,
            "latency": self._config.model_dump(mode="json", include=_TOLD),
            "regime": regime,
            "batch": self._batch,
        }
        self._worker.ask({"op": "warm_up", **request}, silence_s=self._silence_s)
        with self._machine.gpu() as monitor:
            reply = self._worker.ask({"op": "time_round", **request}, silence_s=self._silence_s)
        cpu = CpuDisturbance(**reply["cpu"]) if reply["cpu"] else None
        gpu = monitor.watch() if monitor else None
        judged = judge(regime, cpu, gpu)
        return TimedRound(
            regime=regime,
            process=process,
            position=position,
            samples=Samples(reply["spans"], reply["people"]),
            disturbances=judged.disturbances,
            remarks=(*judged.remarks, *_unwatched(monitor)),
            gpu=gpu,
        )


def _unwatched(monitor: GpuMonitor | None) -> list[str]:
    failure = monitor.failure if monitor else ""
    return [f"the GPU could not be watched to the end ({failure})"] if failure else []
