"""The structures that the segmentation network tells apart, in the order of its channels.

The network does not know left from right; the side is one more channel.
"""

#: FreeSurfer ids in the order of the network's channels: (left or only id, right id or None).
CHANNELS: tuple[tuple[int, int | None], ...] = (
    (0, None),
    (2, 41),
    (3, 42),
    (4, 43),
    (5, 44),
    (7, 46),
    (8, 47),
    (10, 49),
    (11, 50),
    (12, 51),
    (13, 52),
    (14, None),
    (15, None),
    (16, None),
    (17, 53),
    (18, 54),
    (24, None),
    (26, 58),
    (28, 60),
)
N_STRUCTURES = len(CHANNELS)
