"""bf16 only where the device is fast in it; elsewhere float32, with nearly the same answer."""

import warnings

import pytest
import torch

from plausibrain.cohorts import arithmetic
from plausibrain.cohorts.arithmetic import (
    IMAGE_THREADS,
    allow_tf32,
    arithmetic_of,
    choose_device,
    choose_precision,
    exact_float32,
    has_fast_bf16,
    image_threads,
)
from plausibrain.cohorts.errors import DataError


@pytest.fixture(params=[True, False])
def fast(request, monkeypatch):
    monkeypatch.setattr(arithmetic, "has_fast_bf16", lambda device: request.param)
    return request.param


def test_auto_takes_what_the_device_is_fast_in(fast):
    assert choose_precision("auto", "cpu") == ("bf16" if fast else "fp32")


def test_fp32_is_taken_without_a_word(fast):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose_precision("fp32", "cpu") == "fp32"


def test_bf16_where_it_is_slow_is_taken_with_a_warning(fast):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert choose_precision("bf16", "cpu") == "bf16"
    assert [str(w.message) for w in said] == (
        [] if fast else ["cpu has no bf16 arithmetic here: bf16 takes many times as long as fp32"]
    )


def test_an_unknown_precision_is_refused():
    with pytest.raises(DataError, match="expected one of fp32, bf16, got 'fp64'"):
        choose_precision("fp64", "cpu")


def test_a_processor_without_avx512_is_not_fast_in_bf16():
    if torch.backends.cpu.get_cpu_capability() == "AVX2":
        assert not has_fast_bf16("cpu")
    assert not has_fast_bf16("meta")


def test_tf32_is_allowed_in_training_and_not_where_float32_is_promised():
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    try:
        allow_tf32()
        with exact_float32():
            assert (products.allow_tf32, convolutions.allow_tf32) == (False, False)
        assert (products.allow_tf32, convolutions.allow_tf32) == (True, True)
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


@pytest.mark.parametrize("n_gpus", [0, 2])
def test_auto_is_the_gpu_where_there_is_one(n_gpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_gpus)
    assert choose_device("auto") == ("cuda" if n_gpus else "cpu")
    assert choose_device("cpu") == "cpu"
    if n_gpus:
        assert choose_device("cuda:1") == "cuda:1"
    with pytest.raises(DataError, match=r"torch finds (no|2) GPU"):
        choose_device("cuda:2")
    for wrong in ("gpu", "cuda:", "cuda:x", "cpu:0", ""):
        with pytest.raises(DataError, match="expected auto, cpu, cuda"):
            choose_device(wrong)


def test_results_of_another_arithmetic_are_told_apart(monkeypatch):
    monkeypatch.setattr(arithmetic, "has_fast_bf16", lambda device: "cuda" in str(device))
    assert arithmetic_of("cuda:1") == arithmetic_of("cuda") != arithmetic_of("cpu")


def test_an_image_gets_its_threads_whatever_there_were():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with image_threads():
            assert torch.get_num_threads() == IMAGE_THREADS
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
