"""Training with Lightning, on the trainer that RF-DETR Pose's runs have too."""

from rfdetr_pose.torchvision_import import repair_torchvision

repair_torchvision()  # Lightning imports torchvision wherever it is installed
