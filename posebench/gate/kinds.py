"""What tells Records of one label apart, as tables keep them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from posebench.record import Record


@dataclass(frozen=True)
class Kind:
    """The candidate's own choices besides the label; None where a failed run does not tell.

    Attributes:
        boxes: Whose boxes a top-down model looked into; empty for a model of whole pictures.
        runtime: Name of the runtime.
        device: Of the runtime.
        precision: Of the network.
        flip_test: Whether heat maps of the mirror image were averaged in; ``yes`` or ``no``.
    """

    boxes: str | None
    runtime: str | None
    device: str | None
    precision: str | None
    flip_test: str | None

    @classmethod
    def of(cls, record: Record) -> Kind:
        """The kind of a Record."""
        runtime, protocol = record.runtime, record.protocol
        unknown = None if record.status != "ok" else ""
        return cls(
            boxes=record.boxes.label if record.boxes else unknown,
            runtime=runtime.name if runtime else None,
            device=runtime.device if runtime else None,
            precision=runtime.precision if runtime else None,
            flip_test=("yes" if protocol.augmentation.flip_test else "no") if protocol else None,
        )

    def fits(self, other: Kind) -> bool:
        """Whether the two agree in all that both tell."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return all(one == two or None in (one, two) for one, two in pairs)

    @property
    def with_boxes(self) -> str:
        """As tables say it after a label; empty without boxes."""
        return f", boxes of {self.boxes}" if self.boxes else ""

    @property
    def ran(self) -> str:
        """In what it ran, e.g. ``onnxruntime cpu fp32``."""
        flipped = "flip test" if self.flip_test == "yes" else None
        return " ".join(filter(None, (self.runtime, self.device, self.precision, flipped)))

    @property
    def words(self) -> str:
        """All of it."""
        return f"{self.with_boxes} ({self.ran})" if self.ran else self.with_boxes


def names(labels: Sequence[tuple[str, Kind]]) -> list[str]:
    """A name for each model of a dataset: with whose boxes and in what it ran if need be."""
    found = [label for label, _ in labels]
    boxes = [kind.with_boxes for _, kind in labels]
    runs = [f" ({kind.ran})" if kind.ran else "" for _, kind in labels]
    for suffixes in (boxes, runs):
        found = [
            name if found.count(name) == 1 else f"{name}{suffix}"
            for name, suffix in zip(found, suffixes, strict=True)
        ]
    return found
