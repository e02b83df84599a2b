"""RTMO as one ONNX file that suppresses boxes in its graph, put together from the exported two."""

from __future__ import annotations

from pathlib import Path

import onnx

_SELECT = """
<ir_version: 10, opset_import: ["" : 18]>
select (float[1, N] all_scores, float[1, N, 4] all_boxes, float[1, N, K] all_seen,
        float[1, N, C] all_poses)
    => (float[M] kept_scores, float[M, 4] kept_boxes, float[M, K] kept_seen,
        float[M, C] kept_poses, int64[M] kept)
<int64[1] one = {1}, int64[1] two = {2}, int64[1] most = {300}, int64[1] zero = {0},
 float[1] overlap = {0.65}, float[1] lowest = {0.5}>
{
    classes = Unsqueeze (all_scores, one)
    rows = NonMaxSuppression (all_boxes, classes, most, overlap, lowest)
    column = Gather <axis = 1> (rows, two)
    kept = Squeeze (column, one)
    scores = Squeeze (all_scores, zero)
    boxes = Squeeze (all_boxes, zero)
    seen = Squeeze (all_seen, zero)
    poses = Squeeze (all_poses, zero)
    kept_scores = Gather (scores, kept)
    kept_boxes = Gather (boxes, kept)
    kept_seen = Gather (seen, kept)
    kept_poses = Gather (poses, kept)
}
"""
_PACK = """
<ir_version: 10, opset_import: ["" : 18]>
pack (float[M] s, float[M, 4] b, float[M, K] v, float[M, K, 2] xy)
    => (float[1, M, 5] dets, float[1, M, K, 3] keypoints)
<int64[1] zero = {0}, int64[1] last = {-1}>
{
    s1 = Unsqueeze (s, last)
    v1 = Unsqueeze (v, last)
    rows = Concat <axis = 1> (b, s1)
    poses = Concat <axis = 2> (xy, v1)
    dets = Unsqueeze (rows, zero)
    keypoints = Unsqueeze (poses, zero)
}
"""


def selecting_graph(network: Path, decoder: Path, path: Path) -> Path:
    """Write the whole of RTMO as mmdeploy lays it out: ``dets`` and ``keypoints``."""
    parts = [onnx.load(network), onnx.parser.parse_model(_SELECT), onnx.load(decoder),
             onnx.parser.parse_model(_PACK)]  # fmt: skip
    for part, prefix in zip(parts, "nsdp", strict=True):
        part.ir_version = 10
        del part.metadata_props[:]
        onnx.compose.add_prefix(part, f"{prefix}_", inplace=True)
    whole = onnx.compose.merge_models(parts[0], parts[1], io_map=[
        ("n_scores", "s_all_scores"), ("n_boxes", "s_all_boxes"),
        ("n_visibilities", "s_all_seen"), ("n_pose_vectors", "s_all_poses"),
    ])  # fmt: skip
    kept = {"s_kept_scores": "p_s", "s_kept_boxes": "p_b", "s_kept_seen": "p_v"}
    people = [("s_kept_poses", "d_pose_vectors"), ("s_kept_boxes", "d_boxes"),
              ("s_kept", "d_indices")]  # fmt: skip
    whole = onnx.compose.merge_models(
        whole, parts[2], outputs=[*kept, "d_keypoints"], io_map=people
    )
    whole = onnx.compose.merge_models(
        whole, parts[3], io_map=[*kept.items(), ("d_keypoints", "p_xy")]
    )
    for output in whole.graph.output:
        for node in whole.graph.node:
            node.output[:] = [n.replace("p_", "", 1) if n == output.name else n
                              for n in node.output]  # fmt: skip
        output.name = output.name.replace("p_", "", 1)
    onnx.save(whole, path)
    return path
