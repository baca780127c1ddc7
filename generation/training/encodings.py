"""What an earlier network makes of every image, kept in files, so that several processes share the work."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from plausibrain.cohorts.store import Store


class Encodings:
    """Encodings of images by a network that is not trained any more.

    Parameters
    ----------
    network : Module
        What encodes; its weights are part of the key.
    folder : Path, optional
        Of a store. Without one nothing is kept.
    """

    def __init__(self, network: nn.Module, folder: Path | None) -> None:
        self._network = network
        self._store = None if folder is None else Store(folder)
        self._weights: str | None = None

    @property
    def kept(self) -> bool:
        """Whether encodings are kept, and found by other processes."""
        return self._store is not None

    def of(self, image: Tensor, conditions: Tensor, encode: Callable[[], Tensor]) -> Tensor:
        """Return the encoding of one image, (1, …) on the CPU: the one that is kept, or else a new one.

        Parameters
        ----------
        image : Tensor, (1, 1, I, J, K)
        conditions : Tensor, (1, C)
        encode : callable
            Encodes the image.
        """
        if self._store is None:
            return encode().cpu()
        key = self._store.key(
            "encoding", self._key_of_weights(), image.cpu().numpy(), conditions.cpu().numpy()
        )
        path = self._store.get(key, ".safetensors")
        if path is not None:
            return load_file(path)["encoding"]
        with torch.no_grad():
            encoding = encode().cpu().contiguous()
        self._store.put(key, ".safetensors", lambda place: save_file({"encoding": encoding}, place))
        return encoding

    def _key_of_weights(self) -> str:
        if self._weights is None:
            state = self._network.state_dict()
            self._weights = Store.key({name: weight.cpu().numpy() for name, weight in state.items()})
        return self._weights
