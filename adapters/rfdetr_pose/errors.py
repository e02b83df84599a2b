"""What can go wrong, as errors that say which file, what is the matter and what to do."""

from __future__ import annotations


class RFDETRPoseError(ValueError):
    """Base of the package's errors."""


class DatasetError(RFDETRPoseError):
    """A training set that cannot be used."""


class CheckpointError(RFDETRPoseError):
    """A checkpoint that cannot be read, or that belongs to another model."""
