"""From images to a grid of codes and back: the vector-quantised autoencoder of BrainSynth."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from plausibrain.generation.brainsynth.codebook import Codebook, straight_through
from plausibrain.generation.brainsynth.convolutions import Decoder, Encoder
from plausibrain.generation.networks.metadata_effect import MetadataEffect


class Coded(NamedTuple):
    """An image on the grid of codes.

    Attributes
    ----------
    vectors : Tensor, (B, C, i, j, k)
        What the encoder says of the image.
    effect : Tensor, (B, C, i, j, k)
        What the conditions explain of it.
    indices : Tensor of int64, (B, n_books, i, j, k)
        Codes of the rest.
    """

    vectors: Tensor
    effect: Tensor
    indices: Tensor

    @property
    def rest(self) -> Tensor:
        """What the conditions do not explain, (B, C, i, j, k): this is quantised."""
        return self.vectors - self.effect


class CodeAutoencoder(nn.Module):
    """Encoder, metadata effect, codebooks and decoder.

    What the conditions explain linearly is taken away before quantising and added again before decoding, so
    that codes stand for a residual free of metadata, and a request acts on the image even where codes stay.

    Parameters
    ----------
    cells : sequence of int
        Sizes of the grid of codes.
    n_conditions : int
    channels : sequence of int
        From fine to coarse; each after the first halves the sizes.
    n_books, n_codes, code_width : int
        As in `Codebook`.
    edge, groups : int
        As in `plausibrain.generation.brainsynth.convolutions.Encoder`.
    """

    def __init__(
        self,
        cells: Sequence[int],
        *,
        n_conditions: int,
        channels: Sequence[int],
        n_books: int,
        n_codes: int,
        code_width: int,
        edge: int,
        groups: int,
    ) -> None:
        super().__init__()
        i, j, k = cells
        self.cells, self.stride = (i, j, k), int(edge * 2 ** (len(channels) - 1))
        width = n_books * code_width
        self.encoder = Encoder(channels, width=width, edge=edge, groups=groups)
        self.decoder = Decoder(channels, width=width, edge=edge, groups=groups)
        self.codebook = Codebook(n_books, n_codes, code_width)
        self.effect = MetadataEffect(n_conditions, width, self.cells)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the images."""
        i, j, k = (size * self.stride for size in self.cells)
        return i, j, k

    def encode(self, images: Tensor, conditions: Tensor) -> Coded:
        """Return vectors, effect of the conditions, and codes of the rest, all on the grid of codes."""
        vectors, effect = self.encoder(images).float(), self.effect(conditions)
        return Coded(vectors, effect, self.codebook.nearest((vectors - effect).detach()))

    def rebuild(self, codes: Coded) -> Tensor:
        """Return images, (B, 1, I, J, K), of coded ones; gradients pass the codes to the encoder."""
        vectors = straight_through(codes.rest, self.codebook.look_up(codes.indices))
        result: Tensor = self.decoder(vectors + codes.effect)
        return result

    def decode(self, indices: Tensor, conditions: Tensor) -> Tensor:
        """Return images, (B, 1, I, J, K), of codes under scaled conditions."""
        result: Tensor = self.decoder(self.codebook.look_up(indices) + self.effect(conditions))
        return result
