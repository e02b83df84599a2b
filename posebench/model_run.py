"""One model of a run, from its card to its Record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from posebench import store
from posebench.cache import atomic_path
from posebench.errors import InputError, PosebenchError
from posebench.latency.clock import Clock
from posebench.latency.rounds import Repeats, TimedRound, arrays
from posebench.machine.watch import MachineWatch
from posebench.model_findings import Findings, ModelTask
from posebench.model_scoring import lacks_parity, score, take_up
from posebench.model_worker import loaded_model
from posebench.record import Failure, Record
from posebench.recording import failure_of
from posebench.run_observer import RunObserver
from posebench.timing.timed_model import TimedModel
from posebench.worker_client import WorkerClient, WorkerFailure


@dataclass(frozen=True)
class _Outcome:
    """The Record of a model, and whether it was found as an earlier run left it."""

    record: Record
    kept: bool = False


class ModelRun:
    """One model of a run: it is scored, timed process by process, and written down.

    Args:
        task: The model.
        observer: Told what happens.
        machine: Watches it while models are timed.
        clock: Waits before a disturbed round is repeated.
    """

    def __init__(
        self, task: ModelTask, observer: RunObserver, machine: MachineWatch, clock: Clock
    ) -> None:
        self._task = task
        self._observer = observer
        self._machine = machine
        self._found = Findings(task)
        self._good: list[Record] = []
        self._foreign = False  # whether a newer posebench wrote into the folder
        self._outcome: _Outcome | None = None
        self._rounds: list[TimedRound] = []
        latency = task.config.latency
        self._repeats = Repeats(latency.repeats, latency.cool_down_s, clock)
        self._lock = ExitStack()  # keeps other runs out of the folder until the model is finished
        self._locked = False

    @property
    def to_time(self) -> bool:
        """Whether it was scored and waits to be timed."""
        return self._outcome is None

    def score(self) -> None:
        """Predict and evaluate, or take up what an earlier run found.

        What it finds is on disk when it returns; a failure becomes a Record too, but never
        replaces a good one.
        """
        task, found = self._task, self._found
        self._observer.started(task.request.label, len(task.dataset.image_ids))
        with self._failing_into_a_record():
            self._observer.stage(task.request.label, "load")
            found.look_up()
            with loaded_model(found, task.config, "accuracy") as (worker, found.loaded):
                self._lock.enter_context(store.claimed(found.folder))
                self._locked = True
                self._score(worker)

    def time_process(self, process: int, position: int) -> None:
        """Load the model into a new process and time it there, in every regime.

        Args:
            process: How often it was timed before.
            position: How many models had their turn before it since all of them began one.
        """
        task, found = self._task, self._found
        self._observer.stage(task.request.label, "latency")
        with (
            self._failing_into_a_record(),
            loaded_model(found, task.config, "latency") as (worker, loaded),
        ):
            if loaded.accuracy_id(task.dataset_id) != found.accuracy_id:
                raise InputError(
                    f"{task.request.label} was changed while the run was at work.",
                    remedy="Run it again.",
                )
            self._time_regimes(worker, process, position)

    def finish(self) -> Record:
        """The Record, which is on disk when it returns. Lets go of the folder."""
        if self._outcome is None:
            with self._failing_into_a_record():
                self._save_samples()
                record = self._found.timed(self._rounds, self._machine.notes)
                self._write(record)
                self._outcome = _Outcome(record)
        self._lock.close()
        assert self._outcome is not None, "a failure became a Record"
        self._observer.finished(self._outcome.record, kept=self._outcome.kept)
        return self._outcome.record

    @contextmanager
    def _failing_into_a_record(self) -> Iterator[None]:
        try:
            yield
        except WorkerFailure as error:
            self._fail(error.failure)
        except PosebenchError as error:
            self._fail(failure_of(error))
        except OSError as error:
            self._fail(Failure(kind="error", message=f"{type(error).__name__}: {error}"))

    def _fail(self, failure: Failure) -> None:
        record = self._found.failed(failure)
        if self._rounds:
            self._save_samples()
        self._write(record)
        self._outcome = _Outcome(record)

    def _score(self, worker: WorkerClient) -> None:
        """Score the model unless an earlier run did; done if there is nothing to time."""
        found = self._found
        assert found.accuracy_id is not None, "it is loaded"
        self._foreign = True
        self._good = store.good_records(found.folder, found.accuracy_id)
        self._foreign = False
        earlier = self._earlier()
        if earlier is None:
            score(worker, found, self._observer)
            self._good = []  # what there was names other predictions
            scored = found.scored()
            self._write(scored)
            self._good = [scored]
            if found.latency_id is None:
                self._outcome = _Outcome(scored)
        elif found.latency_id not in (None, earlier.latency_id):
            take_up(found, earlier, self._observer)
        elif lacks_parity(found, earlier):
            take_up(found, earlier, self._observer)
            compared = {"parity": found.parity, "parity_missing": found.parity_missing}
            record = earlier.model_copy(update=compared)
            self._write(record)
            self._outcome = _Outcome(record)
        else:
            self._observer.advanced(len(self._task.dataset.image_ids))
            self._outcome = _Outcome(earlier, kept=True)

    def _earlier(self) -> Record | None:
        """A good record of the same accuracy, best of the same latency too.

        One with unreadable pictures is measured anew: they may have been repaired.
        """
        usable = [r for r in self._good if r.dataset and not r.dataset.undecodable]
        wanted = self._found.latency_id
        return min(usable, key=lambda record: record.latency_id != wanted, default=None)

    def _time_regimes(self, worker: WorkerClient, process: int, position: int) -> None:
        config = self._task.config
        model = TimedModel(
            worker,
            self._task.dataset,
            config.latency,
            silence_s=config.limits.silence_s,
            machine=self._machine,
        )
        for regime in config.latency.regimes:
            once = partial(model.time_round, regime, process=process, position=position)
            self._rounds += self._repeats.measure([once])

    def _save_samples(self) -> None:
        identity = self._found.latency_id
        assert identity is not None, "only called when latency is measured"
        path = self._found.folder / store.latency_name(identity)
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays(self._rounds))

    def _write(self, record: Record) -> None:
        folder = self._found.folder
        if record.status == "ok":
            store.remove_unresolved(folder)
            store.remove_records(folder, keep=[r for r in self._good if r.latency_id])
        elif self._good or self._foreign or (self._found.loaded and not self._locked):
            return  # a failure replaces no good record, and nothing in another run's folder
        store.write_record(folder, record, store.record_name(record.latency_id))
