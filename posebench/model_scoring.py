"""The accuracy of one model: its predictions, their figures, and its parity with FP32."""

from __future__ import annotations

from posebench.errors import PosebenchError
from posebench.evaluation import evaluate
from posebench.loading import LoadedModel
from posebench.model_findings import Findings
from posebench.model_worker import loaded_model
from posebench.parity_run import find_parity, fp32_config, is_reduced
from posebench.pckh_evaluation import evaluate_pckh
from posebench.predictions import read_predictions, to_detections
from posebench.record import BoxesInfo, Record, TaskAccuracy
from posebench.recording import boxes_info
from posebench.run_observer import RunObserver
from posebench.shards import PassNotes, predict_dataset
from posebench.store import BOX_MATCHES, HEAD_DISTANCES, MATCHES
from posebench.worker_client import WorkerClient, WorkerFailure


def score(worker: WorkerClient, found: Findings, observer: RunObserver) -> None:
    """Predict the dataset and evaluate it. What it finds is added to ``found``.

    Raises:
        WorkerFailure: The worker failed, or too many pictures cannot be read.
    """
    loaded, task = _loaded(found), found.task
    if loaded.untrained:
        observer.advanced(len(task.dataset.image_ids))
    else:
        observer.stage(task.request.label, "predict")
        folder, limits = found.folder / "predictions", task.config.limits
        found.notes = predict_dataset(worker, task.dataset, folder, limits, observer.advanced)
        observer.stage(task.request.label, "evaluate")
        found.accuracy = _evaluate(found)
    found.looked = _boxes_info(found)
    _compare(found, observer)


def take_up(found: Findings, earlier: Record, observer: RunObserver) -> None:
    """Go on from the predictions and the accuracy of an earlier run."""
    observer.advanced(len(found.task.dataset.image_ids))
    peak = earlier.measured.peak_memory_mb if earlier.measured else None
    found.notes = PassNotes(peak_memory_mb=peak)
    found.accuracy = earlier.accuracy
    found.looked = _boxes_info(found)
    if lacks_parity(found, earlier):
        _compare(found, observer)
    else:
        found.parity, found.parity_missing = earlier.parity, earlier.parity_missing


def lacks_parity(found: Findings, earlier: Record) -> bool:
    """Whether an earlier run was not asked for the parity that this one is."""
    known = earlier.parity is not None or earlier.parity_missing
    return not known and _is_wanted(found)


def _loaded(found: Findings) -> LoadedModel:
    assert found.loaded is not None, "only called once it is loaded"
    return found.loaded


def _evaluate(found: Findings) -> dict[str, TaskAccuracy]:
    protocol, task, folder = _loaded(found).protocol, found.task, found.folder
    predictions = read_predictions(folder / "predictions")
    if protocol.pckh is not None:
        joints, accuracy = evaluate_pckh(task.dataset, predictions, protocol.pckh)
        joints.save(folder / HEAD_DISTANCES)
        return accuracy
    detections = to_detections(predictions, task.truth.image_ids)
    scored, accuracy = evaluate(task.truth, detections, protocol.evaluation)
    scored.matches.save(folder / MATCHES)
    if scored.box_matches is not None:
        scored.box_matches.save(folder / BOX_MATCHES)
    return accuracy


def _boxes_info(found: Findings) -> BoxesInfo | None:
    """What the people's boxes were; their AP if the model was scored."""
    if found.boxes is None:
        return None
    loaded, folder = _loaded(found), found.folder / "predictions"
    looked_into = None if loaded.untrained else read_predictions(folder).boxes_looked_into()
    return boxes_info(found.boxes, loaded, looked_into, found.task.truth)


def _is_wanted(found: Findings) -> bool:
    return is_reduced(_loaded(found)) and found.task.config.parity_images > 0


def _compare(found: Findings, observer: RunObserver) -> None:
    """With the same network in FP32, in a process of its own; why not, if that is impossible."""
    if not _is_wanted(found):
        return
    loaded, task = _loaded(found), found.task
    observer.stage(task.request.label, "parity")
    try:
        config = fp32_config(task.config, loaded)
        with loaded_model(found, config, "fp32") as (worker, fp32):
            found.parity = find_parity(worker, fp32, loaded, config, task.dataset, found.folder)
    except WorkerFailure as error:
        found.parity_missing = error.failure.message
    except PosebenchError as error:
        found.parity_missing = str(error.args[0])
