"""The choice of a device."""

import pytest
import torch

from modules.errors import InvalidRequest
from modules.model import device
from modules.model.device import pick_device


def test_the_cpu_computes_in_full_precision():
    assert pick_device("cpu").dtype == torch.float32
    assert pick_device("cpu").title == "CPU"


def test_the_fastest_device_there_is_comes_first(monkeypatch):
    monkeypatch.setitem(device.AVAILABLE, "cuda", lambda: False)
    monkeypatch.setitem(device.AVAILABLE, "mps", lambda: True)
    assert pick_device() == device.Device(torch.device("mps"), torch.float16, "MPS")
    assert pick_device(half=False).dtype == torch.float32


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setitem(device.AVAILABLE, "cuda", lambda: False)
    with pytest.raises(InvalidRequest, match="no cuda device"):
        pick_device("cuda:1")
    with pytest.raises(InvalidRequest, match="No device called 'gpu'"):
        pick_device("gpu")


def test_a_gpu_number_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setitem(device.AVAILABLE, "cuda", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InvalidRequest, match=r"no cuda:3"):
        pick_device("cuda:3")
