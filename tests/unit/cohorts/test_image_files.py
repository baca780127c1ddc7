"""Files that are broken by accident or on purpose."""

import gzip
import time
import tracemalloc

import nibabel as nib
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import Volume, read_volume, write_volume

SHAPE = (4, 5, 6)


@pytest.fixture(scope="module", params=[".nii", ".nii.gz", ".mgz"])
def whole(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / f"a{request.param}"
    data = np.random.default_rng(0).normal(size=SHAPE)
    return write_volume(Volume(data, np.eye(4)), path)


def test_a_file_cut_anywhere_is_refused(whole, tmp_path):
    content = whole.read_bytes()
    payload = 284 + 4 * np.prod(SHAPE) if whole.suffix == ".mgz" else None
    for length in [0, 1, 10, 200, 347, 352, len(content) // 2, len(content) - 1]:
        path = tmp_path / f"{length}{''.join(whole.suffixes)}"
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"copy it again|copy or convert it again"):
            read_volume(path)
    assert payload is None or len(gzip.decompress(content)) >= payload


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, 351), value=st.integers(0, 255))
@example(position=40, value=8)  # eight axes
@example(position=43, value=127)  # a long first axis
@example(position=70, value=32)  # complex
@example(position=108, value=255)  # data far away
def test_a_damaged_header_gives_an_image_or_a_clear_error(tmp_path_factory, position, value):
    path = tmp_path_factory.mktemp("damaged") / "a.nii"
    write_volume(Volume(np.ones(SHAPE), np.eye(4)), path)
    content = bytearray(path.read_bytes())
    content[position] = value
    path.write_bytes(content)
    assert str(path) in outcome(path)


def outcome(path) -> str:
    """What reading leads to: an image of this file, or the message of the only error that is allowed."""
    try:
        return f"{path}: {read_volume(path).shape}"
    except DataError as error:
        return str(error)


@settings(max_examples=60, deadline=None)
@given(position=st.integers(10, 2000), value=st.integers(1, 255))
def test_damaged_compressed_data_never_pass_as_an_image(tmp_path_factory, position, value):
    """The checksum at the end of the file is compared, which reading just enough bytes would not do."""
    path = tmp_path_factory.mktemp("damaged") / "a.nii.gz"
    data = np.random.default_rng(1).normal(size=(8, 8, 8))
    write_volume(Volume(data, np.eye(4)), path)
    content = bytearray(path.read_bytes())
    content[position % (len(content) - 10) + 10] ^= value
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.nii\.gz"):
        read_volume(path)


@pytest.mark.parametrize(
    "content", [b"", b"not an image at all" * 100, b"\x1f\x8b" + b"junk" * 50, b"\0" * 1000]
)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mgz"])
def test_something_else_is_refused(tmp_path, content, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"convert it again|copy it again"):
        read_volume(path)


def header(shape, dtype=np.float32) -> bytes:
    head = nib.Nifti1Header()
    head.set_data_dtype(dtype)
    head.set_data_shape(shape)
    head["vox_offset"] = 352
    head["magic"] = b"n+1"
    return head.binaryblock + b"\0" * 4


@pytest.mark.parametrize("shape", [(32_000, 32_000, 32_000), (1100, 1000, 1000)])
def test_a_header_that_announces_too_much_is_refused_before_anything_is_read(tmp_path, shape):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(header(shape)))
    with pytest.raises(DataError, match=r"expected 1 to 400,000,000; the header is broken"):
        read_volume(path)


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    """300 MB of zeros behind a small image: at most the announced bytes and 1 MB more are unpacked."""
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(header((2, 2, 2)) + b"\0" * 300_000_000, compresslevel=1))
    assert path.stat().st_size < 3_000_000
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(DataError, match="goes on after the 384 bytes that its header announces"):
        read_volume(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
    assert time.perf_counter() - start < 2


def test_an_offset_far_behind_is_refused(tmp_path):
    block = bytearray(header((2, 2, 2)))
    block[108:112] = np.float32(3e9).tobytes()
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(bytes(block)))
    with pytest.raises(DataError, match="puts the data at byte 3,000,000,000"):
        read_volume(path)


def test_padding_behind_the_data_is_tolerated(tmp_path):
    path = tmp_path / "a.nii"
    path.write_bytes(header((2, 2, 2)) + b"\0" * 32 + b"\0" * 512)
    assert read_volume(path).shape == (2, 2, 2)
