"""Sigmas of the OKS: estimated for a new skeleton, and whether those in use tell models apart.

COCO defines sigma_i² = E[d_i² / s²], with d_i the distance in px of an annotator's keypoint i from
its true place, both axes together, and s² the annotated area of the person in px², over pictures
that were annotated redundantly (https://cocodataset.org/#keypoints-eval). In the OKS a keypoint's
similarity is exp(-d_i² / (2 · s² · (2 · sigma_i)²)).
"""
