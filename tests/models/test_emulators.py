"""Every emulation model of ``conf/model`` streams as it renders whole, and stays finite."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from fxstyle.errors import InputError
from fxstyle.models.echo import Echo
from fxstyle.models.emulator import Emulator
from fxstyle.models.grey_chain import GreyChain
from fxstyle.models.recurrent import Recurrent
from fxstyle.models.tcn import TCN
from fxstyle.models.wavenet import WaveNet
from fxstyle.run.conf import CONF
from fxstyle.run.emulators import build_emulator
from tests.models.test_streaming import check_finite, check_streaming

pytestmark = pytest.mark.unit
MODELS = sorted(
    path.stem
    for path in (Path(CONF) / "model").glob("*.yaml")
    if "tasks: [emulation]" in path.read_text() and path.stem != "grey_box"
)
LSTM_LFO = yaml.safe_load((Path(CONF) / "model" / "lstm_lfo.yaml").read_text())


def made(name: str, conditions: int = 2, **changed: Any) -> Emulator:
    """A model of ``conf/model`` with weights that are not those of doing nothing."""
    section = yaml.safe_load((Path(CONF) / "model" / f"{name}.yaml").read_text())
    if name == "reverb_fir":
        section["seconds"] = 0.05
    section.pop("training", None)
    torch.manual_seed(0)
    rate = 44100 if name == "reverb_fdn" else 8000
    model = build_emulator(section | changed, rate, conditions, None)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.01 * torch.randn_like(weight)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_it_streams_and_stays_finite(name: str) -> None:
    model = made(name)
    check_streaming(model, seconds=0.2)
    check_finite(model)


def test_the_lstm_with_an_lfo_streams() -> None:
    options = {key: value for key, value in LSTM_LFO.items() if key != "defaults"}
    torch.manual_seed(0)
    model = Recurrent(**(options | {"taps": 8, "conditions": 2, "sample_rate": 8000, "lfo_hz": [1.5, 4.0]}))
    check_streaming(model, seconds=0.2)
    check_finite(model)


def test_an_lfo_has_to_be_known() -> None:
    with pytest.raises(InputError, match="lfo=none"):
        Recurrent(lfo="given")


def test_the_standard_wavenet_is_that_of_the_peers() -> None:
    model = made("wavenet", conditions=0)
    assert model.receptive_field == 4093
    assert sum(weight.numel() for weight in model.parameters()) + 1 == 13_802


@pytest.mark.parametrize("model", [TCN(channels=4, dilations=(1, 2, 4)), WaveNet((4, 2), ((1, 2), (1, 4)))])
def test_the_receptive_field_is_what_a_sample_reaches(model: Emulator) -> None:
    torch.manual_seed(1)
    audio = torch.randn(1, 1, 200)
    changed = audio.clone()
    changed[..., 50] += 1
    with torch.no_grad():
        moved = (model(audio) - model(changed)).abs().flatten().nonzero().flatten()
    assert moved.min() == 50
    assert moved.max() == 50 + model.receptive_field - 1


@pytest.mark.parametrize("name", ["lstm", "wavenet"])
def test_a_model_of_one_setting_equals_the_whole_at_that_setting(name: str) -> None:
    model = made(name, conditions=3)
    setting = torch.tensor([0.2, 0.0, 0.9])
    audio = 0.3 * torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, 500)).astype(np.float32))
    with torch.no_grad():
        folded = model.fold(setting)  # type: ignore[operator]
        assert folded.conditions == 0
        assert torch.allclose(folded(audio), model(audio, setting[None]), atol=1e-6)
        assert not torch.allclose(folded(audio), model(audio, torch.zeros(1, 3)), atol=1e-4)


def test_a_chain_streams() -> None:
    torch.manual_seed(0)
    blocks = [partial(TCN, channels=4, dilations=(1, 2)), Echo]
    chain = GreyChain(blocks, conditions=2, sample_rate=8000)
    with torch.no_grad():
        for weight in chain.parameters():
            weight += 0.01 * torch.randn_like(weight)
    check_streaming(chain, seconds=0.2)
    first, second = chain.blocks
    assert chain.receptive_field == first.receptive_field + second.receptive_field - 1  # type: ignore[operator]
    audio, setting = torch.randn(2, 1, 900), torch.eye(2)
    with torch.no_grad():
        assert torch.equal(chain(audio, setting), second(first(audio, setting), setting))
