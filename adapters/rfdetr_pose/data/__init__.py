"""Training data: COCO-keypoint and YOLO-pose folders, augmentation, batches."""
