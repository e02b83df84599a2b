"""The conformance suite on one requested model, in this process."""

from __future__ import annotations

from pathlib import Path

from posebench.datasets.skeletons import COCO17
from posebench.in_process import load_in_process, pictures_in, rendered_people
from posebench.registry import ModelRequest
from posebench.testing import CheckResult, check_model

_MOST_IMAGES = 4


def check_request(
    request: ModelRequest, *, runtime: str | None, images: Path | None
) -> list[CheckResult]:
    """Load the model as a run would and check that it keeps the contract.

    Args:
        request: The model.
        runtime: Runtime to load it in; None for what its weights ask for.
        images: Folder of pictures, of which the first four are used; None for rendered people.

    Raises:
        WeightsUnavailableError: It has no weights.
        InputError: No picture in the folder.
    """
    pictures = pictures_in(images, _MOST_IMAGES) if images else rendered_people(_MOST_IMAGES)
    loaded = load_in_process(request, runtime=runtime)
    try:
        of_people = images is not None or loaded.card.skeleton == COCO17.name
        return check_model(loaded.model, loaded.card, pictures, people=of_people)
    finally:
        loaded.model.close()
