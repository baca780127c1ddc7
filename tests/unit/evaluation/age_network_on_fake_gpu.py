"""Train and ask the network of age and sex on a GPU that is not there; print where its results lie.

python -m tests.unit.evaluation.age_network_on_fake_gpu
"""

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import backend_registration

from plausibrain.evaluation.age_network import step_of
from plausibrain.evaluation.networks.age_sex_network import AgeSexNetwork, balanced
from tests.unit.generation_models.fake_gpu import DEVICE, Backend


def main() -> None:
    """Print the devices; an operation on tensors of two devices raises."""
    backend_registration._setup_privateuseone_for_python_backend("gpu", backend_module=Backend())
    with FakeTensorMode(allow_non_fake_inputs=True):
        network = AgeSexNetwork((1, 4, 8))
        for module in network.modules():
            for name, value in module._parameters.items():
                if value is not None:
                    module._parameters[name] = torch.nn.Parameter(value.detach().to(DEVICE))
            for name, value in module._buffers.items():
                # the count of batches is a constant, with which fake tensors compute
                module._buffers[name] = value.to(DEVICE) if value is not None and value.ndim else None
        optimizer = torch.optim.AdamW(network.parameters())
        targets = torch.rand(4, 2)
        images, weights = torch.rand(4, 12, 12, 12), balanced(targets[:, 1])
        on_device = [values.to(DEVICE) for values in (images, targets, weights)]
        loss = step_of(network, optimizer, *on_device)
        answer = network.eval()(on_device[0][:, None])
        try:
            step_of(network, optimizer, on_device[0], targets, on_device[2])
            mixed = "not seen"
        except RuntimeError:
            mixed = "refused"
    print(f"step: {loss.device.type}, prediction: {answer.device.type}, mixed: {mixed}")


if __name__ == "__main__":
    main()
