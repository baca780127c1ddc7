"""Bytes of image files in and out, with every check that protects the reader from a broken or hostile file.

`plausibrain.cohorts.volumes` is the only user. The header is checked before any data are decompressed, no
more is decompressed than the header announces, and a compressed file is read to its end, so that its
checksum counts.
"""

import gzip
import io
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import write_atomic
from plausibrain.cohorts.text_files import require_regular_file

MAX_VOXELS = 400_000_000
"""About three times a whole head at 0.5 mm: anything larger is a broken header and would take gigabytes."""
MAX_FILE_BYTES = 8 * MAX_VOXELS + 100_000_000
"""As many voxels of eight bytes, and the largest header."""
_MAX_OFFSET = 100_000_000
_SLACK = 1_000_000
_SIZEOF_HDR = {"nifti1": 348, "nifti2": 540, "mgh": 284}
_CLASSES: dict[str, Any] = {"nifti1": nib.Nifti1Image, "nifti2": nib.Nifti2Image, "mgh": nib.MGHImage}
_ENDINGS = {".nii": "nifti", ".nii.gz": "nifti", ".mgh": "mgh", ".mgz": "mgh"}
_COMPRESSED = (".nii.gz", ".mgz")
_BROKEN = (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError, OverflowError, ArithmeticError)


class Decoded(NamedTuple):
    """What an image file holds: data as stored and scaled, affine (4, 4) in mm, and remarks on the header."""

    data: np.ndarray
    affine: np.ndarray
    remarks: tuple[str, ...]


def read_bytes(path: Path) -> bytes:
    """Return the content of an image file, which may be compressed.

    Raises
    ------
    DataError
        For another ending, a file that is absent or cannot be read, or one that no image fills.
    """
    image_ending(path)
    try:
        require_regular_file(path)
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DataError(
                f"{path}: has {path.stat().st_size:,} bytes; one image has at most {MAX_FILE_BYTES:,}"
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def decode(path: Path, content: bytes | None = None) -> Decoded:
    """Image of a NIfTI-1, NIfTI-2 or MGH file.

    Parameters
    ----------
    path : Path
        Ends in ``.nii``, ``.nii.gz``, ``.mgz`` or ``.mgh``.
    content : bytes, optional
        Of the file, where it was read before.

    Returns
    -------
    Decoded
        The data have three axes; a trailing axis of length one is dropped. Integers are scaled by slope and
        intercept.

    Raises
    ------
    DataError
        For anything that is not one whole three-dimensional scalar image.
    """
    ending = image_ending(path)
    with _broken_is_an_error(path):
        if content is None:
            require_regular_file(path)
        with _open(path, ending, content) as stream:
            form = _check_header(path, stream.read(540), ending)
        with np.errstate(
            all="ignore"
        ):  # a broken header is found by the checks, not by a floating-point warning
            image = _load(path, ending, form, content)
            data = _squeeze(np.asanyarray(image.dataobj), path)
            return Decoded(data, _checked_affine(image, path), _remarks(image))


def decode_affine(path: Path) -> np.ndarray:
    """Affine of an image file, (4, 4), from its header alone: nothing else is read.

    Raises
    ------
    DataError
        As `decode`, for what its header shows.
    """
    ending = image_ending(path)
    with _broken_is_an_error(path), np.errstate(all="ignore"):
        require_regular_file(path)
        with _open(path, ending) as stream:
            start = stream.read(540)
        form = _check_header(path, start, ending)
        header = _CLASSES[form].header_class(start[: _SIZEOF_HDR[form]], check=False)
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
        check_affine(affine, str(path))
        return affine


@contextmanager
def _broken_is_an_error(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the path") from error
    except (*_BROKEN, HeaderDataError, nib.filebasedimages.ImageFileError) as error:
        raise DataError(
            f"{path}: not a whole, readable image ({_first_line(error)}); copy or convert it again"
        ) from error


def encode(data: np.ndarray, affine: np.ndarray, path: Path) -> Path:
    """Write an image atomically; NIfTI-1 or MGH by the ending of the path.

    Parameters
    ----------
    data : ndarray, (I, J, K)
        Of a type that the format knows.
    affine : ndarray, (4, 4)
        Voxel indices to world mm, RAS+.
    path : Path
        Where the file shall be.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        For another ending.
    """
    if _ENDINGS[image_ending(path)] == "mgh":
        return write_atomic(path, nib.MGHImage(data, affine).to_filename)
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    if not np.allclose(image.get_qform(), affine, atol=1e-3):  # a sheared grid has no quaternion
        image.set_qform(None, code=0)
    image.header.set_xyzt_units("mm")
    return write_atomic(path, image.to_filename)


def image_ending(path: Path) -> str:
    """Return the ending of an image path, in lower case.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    str
        One of ``.nii``, ``.nii.gz``, ``.mgz``, ``.mgh``.

    Raises
    ------
    DataError
        For another ending.
    """
    name = path.name.lower()
    for ending in (".nii.gz", ".nii", ".mgz", ".mgh"):
        if name.endswith(ending):
            return ending
    raise DataError(f"{path}: an image ends in .nii, .nii.gz or .mgz; convert it first")


def _open(path: Path, ending: str, content: bytes | None = None) -> IO[bytes]:
    if content is not None:
        stream: IO[bytes] = io.BytesIO(content)
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream)) if ending in _COMPRESSED else stream
    return cast(IO[bytes], gzip.open(path, "rb")) if ending in _COMPRESSED else path.open("rb")


def _check_header(path: Path, start: bytes, ending: str) -> str:
    """Name of the format, after its sizes were found possible."""
    form = _form(start, ending)
    block = start[: _SIZEOF_HDR[form]]
    if len(block) < _SIZEOF_HDR[form]:
        raise DataError(f"{path}: ends inside its header ({len(start)} bytes); copy or convert it again")
    header = _CLASSES[form].header_class(block, check=False)
    _check_shape(tuple(int(size) for size in header.get_data_shape()), path)
    _check_type(header.get_data_dtype(), path)
    if not 0 <= _offset(header) <= _MAX_OFFSET:
        raise DataError(
            f"{path}: its header puts the data at byte {_offset(header):,.0f}; the header is broken, "
            "convert it again"
        )
    return form


def _form(start: bytes, ending: str) -> str:
    if _ENDINGS[ending] == "mgh":
        return "mgh"
    sizes = {int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")}
    return "nifti2" if 540 in sizes else "nifti1"


def _offset(header: Any) -> float:
    return 284.0 if isinstance(header, nib.freesurfer.mghformat.MGHHeader) else float(header["vox_offset"])


def _check_shape(shape: tuple[int, ...], path: Path) -> None:
    extent = " x ".join(map(str, shape)) or "no axes"
    if any(size < 1 for size in shape) or math.prod(shape) > MAX_VOXELS:
        raise DataError(
            f"{path}: its header says {extent} voxels, expected 1 to {MAX_VOXELS:,}; the header is broken, "
            "convert it again"
        )
    if len(shape) < 3:
        raise DataError(f"{path}: has shape {extent}; expected three axes, one whole volume")
    if len(shape) == 4 and shape[2] == 1 < shape[3]:
        raise DataError(
            f"{path}: holds {shape[3]} slices of {shape[0]} x {shape[1]} ({extent}), as MONAI's SaveImage "
            "writes a volume whose first axis it takes for channels (the port of the brain bundle does so); "
            "move the last axis to the front and state an affine, or sample with `plausibrain generate "
            "--model monai_bundle`"
        )
    if math.prod(shape[3:]) != 1:
        raise DataError(
            f"{path}: holds {math.prod(shape[3:])} volumes ({extent}); extract one, for example with `fslroi`"
        )


def _check_type(dtype: np.dtype[Any], path: Path) -> None:
    if dtype.fields is not None or dtype.kind not in "iuf":
        kind = "colour" if dtype.fields is not None else "complex" if dtype.kind == "c" else str(dtype)
        raise DataError(f"{path}: holds {kind} values; expected one number per voxel, convert it first")


def _load(path: Path, ending: str, form: str, content_bytes: bytes | None = None) -> Any:
    with _open(path, ending, content_bytes) as stream:
        header = _CLASSES[form].header_class(stream.read(_SIZEOF_HDR[form]), check=False)
        n_bytes = int(_offset(header)) + math.prod(header.get_data_shape()) * header.get_data_dtype().itemsize
        stream.seek(0)
        content = stream.read(n_bytes + _SLACK)
    if len(content) < n_bytes:
        raise DataError(f"{path}: is cut off, {len(content):,} of {n_bytes:,} bytes are there; copy it again")
    if len(content) == n_bytes + _SLACK:
        raise DataError(
            f"{path}: goes on after the {n_bytes:,} bytes that its header announces; convert it again"
        )
    return _CLASSES[form].from_bytes(content)


def _squeeze(data: np.ndarray, path: Path) -> np.ndarray:
    _check_shape(data.shape, path)
    return data.reshape(data.shape[:3])


def _checked_affine(image: Any, path: Path) -> np.ndarray:
    affine = np.asarray(image.affine, dtype=np.float64)
    check_affine(affine, str(path))
    return affine


def check_affine(affine: np.ndarray, where: str) -> None:
    """Refuse an affine that does not map a grid to the world.

    Parameters
    ----------
    affine : ndarray
        Should be (4, 4), finite and invertible.
    where : str
        File or argument, for the message.

    Raises
    ------
    DataError
        When it is not.
    """
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise DataError(f"{where}: its affine is not a finite 4 x 4 matrix; repair the header")
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if sizes.min() < 1e-6 or abs(np.linalg.det(affine[:3, :3] / sizes)) < 1e-6:
        raise DataError(
            f"{where}: its affine is singular (voxel sizes {np.round(sizes, 6).tolist()} mm); repair the "
            "header"
        )


def _remarks(image: Any) -> tuple[str, ...]:
    if not isinstance(image, nib.Nifti1Image):
        return ()
    sform, sform_code = image.header.get_sform(coded=True)
    qform, qform_code = image.header.get_qform(coded=True)
    remarks = []
    if sform_code and qform_code and not np.allclose(sform, qform, atol=1e-2):
        remarks.append("sform and qform disagree; the sform was used")
    if not sform_code and not qform_code:
        remarks.append("the header states no orientation; left and right are a guess")
    elif np.array_equal(image.affine, np.eye(4)):
        remarks.append(
            "the header holds an identity matrix: voxels of 1 mm and RAS, though nobody may mean it"
        )
    unit = image.header.get_xyzt_units()[0]
    if unit not in ("mm", "unknown"):
        remarks.append(f"the header says its lengths are in {unit}; they were read as mm")
    return tuple(remarks)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
