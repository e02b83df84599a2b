"""Which pictures a process takes in an epoch, and in which order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class EpochSampler(Sampler[int]):
    """Another order each epoch, shared out to processes without repetition.

    In training a key is ``epoch · length + position``, so that a dataset can seed its augmentation
    with both.

    Args:
        length: Number of pictures.
        seed: Of the order; None keeps the pictures' own order and epoch 0.
        rank: Of this process.
        processes: Number of processes.
    """

    def __init__(
        self, length: int, seed: int | None = None, rank: int = 0, processes: int = 1
    ) -> None:
        self._length, self._seed, self._rank, self._processes = length, seed, rank, processes
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        if self._seed is None:
            return len(range(self._rank, self._length, self._processes))
        # Training steps are taken together: every process needs the same number of pictures.
        return self._length // self._processes

    def __iter__(self) -> Iterator[int]:
        if self._seed is None:
            return iter(range(self._rank, self._length, self._processes))
        order = np.random.default_rng([self._seed, self._epoch]).permutation(self._length)
        mine = order[self._rank :: self._processes][: len(self)]
        return iter((self._epoch * self._length + mine).tolist())
