"""People cut out of pictures: COCO's and MPII's annotations, crops, augmentation, batches."""
