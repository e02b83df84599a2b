"""The models of a plan with their weights and boxes, ready to be loaded."""

from __future__ import annotations

from posebench.model_findings import Findings, ModelTask
from posebench.planning import Plan
from posebench.recording import scored_identity


def look_up(planned: Plan) -> list[Findings]:
    """Find weights and boxes of every model.

    Raises:
        InputError: A model has none, or does not fit the dataset.
    """
    dataset = planned.dataset
    truth, identity = dataset.ground_truth(), scored_identity(dataset)
    found = [
        Findings(ModelTask(planned.config, request, dataset, identity, truth))
        for request in planned.models
    ]
    for one in found:
        one.look_up()
    return found
