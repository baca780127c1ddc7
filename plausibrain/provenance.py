"""Where numbers come from: versions, hardware, input hashes and the protocol fingerprint."""

import hashlib
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from plausibrain.analysis.weights import subjects_hash
from plausibrain.cohorts.cohort import Cohort

PACKAGES = (
    "plausibrain",
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "scikit-learn",
    "pot",
    "torch",
    "monai",
    "nibabel",
)
METRIC_VERSION = 1
"""Raised whenever a headline changes its definition: runs before and after are then not comparable."""


def fingerprint(protocol: dict[str, Any]) -> str:
    """Return the hash of a protocol: runs with different fingerprints are never compared.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(protocol, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that computes."""
    releases = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            releases[name] = version(name)
        except PackageNotFoundError:
            releases[name] = "not installed"
    return releases


def hardware() -> dict[str, Any]:
    """Return processor, cores and memory."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(pages * size / 2**30, 1),
        "byte_order": sys.byteorder,
    }


def describe_cohort(cohort: Cohort) -> dict[str, Any]:
    """Return what identifies a cohort: name, source, size, hashes of its subjects and of its content."""
    subjects = cohort.subjects
    return {
        "name": cohort.name,
        "source": str(cohort.source),
        "segmenter": cohort.segmenter,
        "n_rows": len(subjects),
        "n_subjects": int(subjects["subject"].nunique()),
        "subjects_hash": subjects_hash(
            subjects.loc[subjects["status"] == "ok", "subject"].to_numpy(dtype=str)
        ),
        "content_hash": _content_hash(cohort),
    }


def _content_hash(cohort: Cohort) -> str:
    digest = hashlib.sha256()
    for table in (cohort.subjects[["participant_id", "subject", "age", "sex"]], cohort.volumes):
        if table is not None:
            digest.update(",".join(map(str, table.columns)).encode())
            digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return digest.hexdigest()
