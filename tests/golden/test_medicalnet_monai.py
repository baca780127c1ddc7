"""The residual network against MONAI's, where both are defined alike: up to the second stage."""

import torch
from monai.networks.nets import ResNet

from plausibrain.evaluation.networks.medicalnet import MedicalResNet, medical_resnet


def test_first_two_stages_are_those_of_monai():
    """monai 1.6.1; MONAI halves the resolution after the second stage, Med3D widens the field by dilation."""
    torch.manual_seed(1)
    theirs = ResNet(
        "basic", [1, 1, 1, 1], [64, 128, 256, 512], n_input_channels=1, conv1_t_stride=2, num_classes=2
    ).eval()
    weights = {name: value.clone() for name, value in theirs.state_dict().items() if name[:3] != "fc."}
    biases = {name: weights.pop(name) for name in list(weights) if name.endswith("downsample.0.bias")}
    with torch.no_grad():
        for name, bias in biases.items():  # MONAI's projection has a bias; move it into the norm that follows
            weights[name.replace("0.bias", "1.running_mean")] -= bias
    ours: MedicalResNet = medical_resnet(weights)
    image = torch.rand(1, 1, 24, 24, 24)
    with torch.no_grad():
        x = theirs.maxpool(theirs.act(theirs.bn1(theirs.conv1(image))))
        y = torch.nn.functional.max_pool3d(torch.relu(ours.bn1(ours.conv1(image))), 3, 2, 1)
        torch.testing.assert_close(y, x)
        for stage in ("layer1", "layer2"):
            x, y = theirs.get_submodule(stage)(x), ours.get_submodule(stage)(y)
            torch.testing.assert_close(y, x, rtol=1e-4, atol=1e-5)
