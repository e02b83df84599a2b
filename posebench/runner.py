"""One run: every model in workers of its own, every outcome a Record.

All models are scored first. Then those that are to be timed take turns, one process of one model
at a time, so that no other model is in memory and drift of the machine favours none.

What was finished is never lost: predictions are kept shard by shard, the accuracy of a model is
written as soon as it is known, and a second run with the same ``out`` takes up where the first one
stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

from posebench import store
from posebench.config import LatencyConfig, RunConfig
from posebench.latency.clock import Clock, SystemClock
from posebench.latency.rounds import turns
from posebench.machine.watch import MachineWatch, watch
from posebench.model_findings import ModelTask
from posebench.model_run import ModelRun
from posebench.pckh_run import check_wishes
from posebench.protocols import Dataset
from posebench.record import Record
from posebench.recording import scored_identity
from posebench.registry import ModelRequest
from posebench.run_observer import RunObserver


def run(
    config: RunConfig,
    requests: Sequence[ModelRequest],
    dataset: Dataset,
    observer: RunObserver,
    *,
    machine: MachineWatch | None = None,
    clock: Clock | None = None,
) -> list[Record]:
    """Benchmark every model.

    Args:
        config: Of the run.
        requests: The models.
        dataset: To be predicted.
        observer: Told what happens.
        machine: Watches it while models are timed; None for this one.
        clock: Waits before a disturbed round is repeated; None for this machine's.

    Returns:
        One Record a model, in order. They are written below ``config.out`` as they are made.

    Raises:
        InputError: ``config.out`` cannot be written, or the dataset is scored by PCKh and the run
            has no annotated boxes. Whatever goes wrong with a model is in its
            Record instead.
    """
    check_wishes(config, dataset)
    store.check_writable(config.out)
    truth = dataset.ground_truth()
    identity = scored_identity(dataset)
    machine = machine or watch(config.device, config.threads)
    clock = clock or SystemClock()
    models = [
        ModelRun(ModelTask(config, request, dataset, identity, truth), observer, machine, clock)
        for request in requests
    ]
    done: dict[int, Record] = {}
    for index, model in enumerate(models):
        model.score()
        if not model.to_time:
            done[index] = model.finish()
    timed = [index for index, model in enumerate(models) if model.to_time]
    _time([models[index] for index in timed], config.latency, observer)
    done |= {index: models[index].finish() for index in timed}
    return [done[index] for index in range(len(models))]


def _time(models: Sequence[ModelRun], config: LatencyConfig, observer: RunObserver) -> None:
    """Time every model in as many processes as it takes; one that fails has no further turn."""
    if not models:
        return
    observer.timing(len(models) * config.processes)
    for process, order in enumerate(turns(len(models), config.processes, config.seed)):
        for position, index in enumerate(order):
            if models[index].to_time:
                models[index].time_process(process, position)
            observer.timed()
