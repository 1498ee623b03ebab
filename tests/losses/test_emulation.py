"""The loss of emulations against formulas, and the peers' recipes against what their own code gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from scipy.signal import lfilter
from torch import Tensor

from fxstyle.errors import InputError
from fxstyle.losses.emulation import FLOOR, EmulationLoss
from fxstyle.losses.spectral import MultiResolutionSTFT
from fxstyle.run.conf import CONF

pytestmark = pytest.mark.unit

REFERENCE = json.loads((Path(__file__).parent / "emulation_reference.json").read_text())
ALL: dict[str, Any] = {"esr": 0.5, "dc": 0.25, "mse": 3.0, "l1": 2.0, "mrstft": 0.1}


def batch() -> tuple[Tensor, Tensor]:
    """A prediction and a target that any machine makes alike."""
    time = np.arange(8192) / 44100
    cycles = np.array([82.4, 220.0, 987.8])[:, None] * time
    target = np.array([0.3, 0.05, 0.6])[:, None] * np.tanh(3 * np.sin(2 * np.pi * cycles)) * np.exp(-4 * time)
    prediction = 0.9 * target + 0.02 * np.sin(2 * np.pi * 3.1 * cycles) + 0.02
    first, second = (torch.from_numpy(sound.astype(np.float32))[:, None] for sound in (prediction, target))
    return first, second


def recipe(name: str) -> EmulationLoss:
    """The loss of a YAML, over that of ``emulation``."""
    files = [yaml.safe_load((Path(CONF) / "loss" / f"{file}.yaml").read_text()) for file in ("emulation", name)]
    loss = instantiate(OmegaConf.merge(*files).loss, _convert_="all")
    assert isinstance(loss, EmulationLoss)
    return loss


@pytest.mark.parametrize("peer", ["agam", "nam"])
def test_the_losses_of_peers(peer: str) -> None:
    loss = recipe(f"emulation_{peer}")
    reference: dict[str, Any] = {key: value for key, value in REFERENCE[peer].items() if key != "source"}
    terms = {name: float(term) for name, term in loss.terms(*batch()).items()}
    assert {"loss": float(loss(*batch())), **terms} == pytest.approx(reference, rel=1e-4)


def test_ours_is_what_its_yaml_says() -> None:
    found = recipe("emulation")
    assert found.weights == EmulationLoss().weights
    assert found.filter is not None
    assert found.filter.coefficients == (1, -0.85)
    assert list(found.terms(*batch())) == ["esr", "dc"]


def test_terms_and_their_sum() -> None:
    prediction, target = batch()
    prediction = prediction + torch.tensor([-0.05, 0.0, 0.05])[:, None, None]
    loss = EmulationLoss(**ALL, fft_sizes=(64, 256))
    error, wanted = (prediction - target)[:, 0].double().numpy(), target[:, 0].double().numpy()
    heard, signal = (lfilter([1, -0.85], [1], sound) for sound in (error, wanted))
    expected = {
        "esr": np.sum(heard**2) / (np.sum(signal**2) + FLOOR * wanted.size),
        "dc": np.mean(error.mean(axis=1) ** 2) / (np.mean(wanted**2) + FLOOR),
        "mse": np.mean(error**2),
        "l1": np.mean(np.abs(error)),
        "mrstft": float(MultiResolutionSTFT((64, 256))(prediction, target).mean()),
    }
    found = {name: float(term) for name, term in loss.terms(prediction, target).items()}
    assert found == pytest.approx(expected, rel=1e-4)
    total = sum(ALL[name] * value for name, value in expected.items())
    assert float(loss(prediction, target)) == pytest.approx(total, rel=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.floats(0.05, 2), st.floats(-1, 2), st.integers(0, 99))
def test_esr_of_a_gain(items: int, level: float, gain: float, seed: int) -> None:
    rng = np.random.default_rng([3, seed])
    target = torch.from_numpy((level * rng.standard_normal((items, 1, 400))).astype(np.float32))
    esr = float(EmulationLoss(dc=0)(gain * target, target))
    assert esr == pytest.approx((1 - gain) ** 2, rel=0.01, abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(3)))
def test_the_order_of_items_does_not_matter(order: list[int]) -> None:
    prediction, target = batch()
    loss = EmulationLoss(**ALL)
    assert float(loss(prediction[order], target[order])) == pytest.approx(float(loss(prediction, target)), rel=1e-5)


def test_a_silent_item_does_not_explode() -> None:
    prediction, target = batch()
    target[1] = 0
    prediction[1] = 1e-3
    loss = EmulationLoss(pre_emphasis=None)
    both = loss.terms(prediction, target)["esr"]
    without = loss.terms(prediction[[0, 2]], target[[0, 2]])["esr"]
    assert float(both) == pytest.approx(float(without), rel=0.01)
    silence = torch.zeros(2, 1, 400)
    assert float(loss(silence, silence)) == 0
    assert float(loss(silence + 0.01, silence)) == pytest.approx(1e-4 / FLOOR + 1e-4 / FLOOR, rel=1e-4)


def test_gradients_reach_the_prediction_only() -> None:
    prediction, target = (sound.requires_grad_() for sound in batch())
    EmulationLoss(**ALL)(prediction, target).backward()
    assert prediction.grad is not None
    assert prediction.grad.isfinite().all()
    assert prediction.grad.any()
    assert target.grad is None


def test_half_precision_is_widened() -> None:
    prediction, target = (1e-3 * sound for sound in batch())
    loss = EmulationLoss(mse=1.0)
    found = loss(prediction.half(), target.half())
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(float(loss(prediction, target)), rel=1e-3)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"esr": -1.0}, "esr"),
        ({"l1": float("inf")}, "l1"),
        ({"dc": float("nan")}, "dc"),
        ({"esr": 0.0, "dc": 0.0}, "phase"),
        ({"esr": 0.0, "dc": 1.0, "mrstft": 1.0}, "phase"),
        ({"pre_emphasis": []}, "pre_emphasis"),
        ({"fft_sizes": []}, "fft_sizes"),
    ],
)
def test_impossible_losses_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        EmulationLoss(**options)


def test_sounds_that_differ_in_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        EmulationLoss()(torch.zeros(2, 1, 8), torch.zeros(1, 1, 8))
