"""Training with Lightning: module, optimiser, averaging, validation by COCO."""

from rfdetr_pose.torchvision_import import repair_torchvision

repair_torchvision()  # Lightning imports torchvision wherever it is installed
