"""The area of a person that is annotated with a box but without a segment."""

from __future__ import annotations

from posebench.types import Float64Array

AREA_PER_BOX_AREA = 0.53
"""Share of the box that stands in for the segment, as in xtcocotools, CrowdPose and Ultralytics.

Figures are not comparable with those on COCO's own annotations of the same pictures, where the
area is that of the segment.
"""

BOX_AREA_SOURCE = f"{AREA_PER_BOX_AREA} x box"


def areas_from_boxes(boxes: Float64Array) -> Float64Array:
    """(G,) px² of (G, 4) boxes x, y, width, height."""
    areas: Float64Array = boxes[:, 2] * boxes[:, 3] * AREA_PER_BOX_AREA
    return areas
