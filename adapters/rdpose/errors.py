"""What can go wrong, as errors that say which file, what is the matter and what to do."""

from __future__ import annotations


class RDPoseError(ValueError):
    """Base of the package's errors."""


class DatasetError(RDPoseError):
    """A data set that cannot be used."""


class CheckpointError(RDPoseError):
    """A checkpoint that cannot be read, or that belongs to another network."""
