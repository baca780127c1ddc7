"""Where a training runs: one device, or several under ``accelerate launch``."""

import os
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from plausibrain.cohorts.arithmetic import allow_tf32
from plausibrain.cohorts.errors import ToolError

#: Set by ``accelerate launch`` in every process it starts.
LAUNCHED = "ACCELERATE_MIXED_PRECISION"


class Devices:
    """The device of this process, and the sums over all processes.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda`` or ``auto``; under ``accelerate launch`` each process gets its own of that kind.

    Attributes
    ----------
    device : torch.device
    rank, world : int
        Number of this process, and of all.

    Raises
    ------
    ToolError
        When several processes were started without accelerate.
    """

    def __init__(self, device: str = "auto") -> None:
        kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        allow_tf32()
        self._accelerator: Any = None
        self.device, self.rank, self.world = torch.device(kind), 0, 1
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            if find_spec("accelerate") is None:
                raise ToolError("several processes need accelerate: `pip install plausibrain[train]`")
            from accelerate import Accelerator

            self._accelerator = Accelerator(cpu=kind == "cpu")
            self.device = self._accelerator.device
            self.rank, self.world = self._accelerator.process_index, self._accelerator.num_processes
        elif LAUNCHED in os.environ and kind == "cpu":
            warnings.warn(
                "this training runs in one process: `accelerate launch --cpu` starts no more, whatever "
                "--num_processes says; on CPUs use `torchrun --nproc_per_node N -m plausibrain train`",
                stacklevel=2,
            )

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        if self._accelerator is not None:
            for tensor in tensors:
                tensor.copy_(self._accelerator.reduce(tensor, reduction="sum"))

    def wait(self) -> None:
        """Wait for all processes."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()
