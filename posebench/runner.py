"""One run: every model in a worker of its own, every outcome a Record.

What was finished is never lost: predictions are kept shard by shard, records are written as soon
as a model is done, and a second run with the same ``out`` takes up where the first one stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

from posebench import store
from posebench.config import RunConfig
from posebench.model_run import ModelRun, RunObserver
from posebench.pckh_run import check_wishes
from posebench.protocols import Dataset
from posebench.record import Record
from posebench.recording import scored_identity
from posebench.registry import ModelRequest


def run(
    config: RunConfig, models: Sequence[ModelRequest], dataset: Dataset, observer: RunObserver
) -> list[Record]:
    """Benchmark every model, one after another.

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
    return [
        ModelRun(config, request, dataset, identity, truth, observer).record() for request in models
    ]
