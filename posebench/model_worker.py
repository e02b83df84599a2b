"""A worker with one model loaded in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from posebench import store
from posebench.checkpoints import TRUST_CONFIGS_VARIABLE, TRUST_VARIABLE
from posebench.config import RunConfig
from posebench.loading import LoadedModel, load_model
from posebench.machine.visible_gpus import BY_SLOT, ORDER_VARIABLE
from posebench.model_findings import Findings
from posebench.worker_client import WorkerClient


@contextmanager
def loaded_model(
    found: Findings, config: RunConfig, purpose: str
) -> Iterator[tuple[WorkerClient, LoadedModel]]:
    """Load a model into a process of its own, which ends with the block.

    Args:
        found: The model, its weights and its boxes.
        config: How it is run, which may differ from the run's own.
        purpose: What for; it names the log.

    Raises:
        WorkerFailure: It could not be loaded.
        InputError: It does not run where the configuration wants it.
    """
    task = found.task
    assert found.weights is not None, "only called with weights"
    worker = WorkerClient(
        config.out / "logs" / f"{store.slug(task.request.label)}-{purpose}.log",
        interpreter=config.interpreter,
        environment={
            TRUST_VARIABLE: ",".join(config.trust_checkpoints),
            TRUST_CONFIGS_VARIABLE: ",".join(config.trust_configs),
            "OMP_NUM_THREADS": str(config.threads),  # what native models go by
            # CUDA counts the fastest GPU first, the driver's tools count by slot.
            ORDER_VARIABLE: os.environ.get(ORDER_VARIABLE, BY_SLOT),
        },
    )
    try:
        loaded = load_model(worker, task.request, found.weights, config, task.dataset, found.boxes)
        yield worker, loaded
    except BaseException:
        worker.kill()
        raise
    worker.close()
