"""A few of pedalboard's effects in torch, whose exact gradients show how good an estimate is."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

Values = dict[str, Tensor]
"""Values in units by parameter, ``(batch,)`` each."""


def to_units(spec: EffectSpec, parameters: Tensor) -> Values:
    """Map positions ``(batch, parameters)`` to units, as :meth:`EffectSpec.to_units` does; held ones are constant."""
    values = {}
    for place, parameter in enumerate(spec.parameters):
        if parameter.kind == "continuous":
            position = parameters[:, place].double().clamp(0.0, 1.0)
            low, high = parameter.low, parameter.high
            linear = parameter.scale == "linear"
            value = low + (high - low) * position if linear else low * (high / low) ** position
        else:
            fixed = spec.to_units(parameters.detach().double().cpu().numpy())[:, place]
            value = torch.from_numpy(fixed).to(parameters.device)
        values[parameter.name] = value
    return values


def render_twin(spec: EffectSpec, audio: Tensor, parameters: Tensor, sample_rate: int, preroll: int = 0) -> Tensor:
    """Render ``(batch, channels, preroll + samples)`` with positions ``(batch, parameters)``, differentiably.

    Agrees with the effect itself to about 1e-4 of its level. Chains are rendered link by link; the time of a delay is
    a whole number of samples and has no gradient.

    Raises:
        InputError: The effect has no twin, or is a chain whose links can be bypassed.
    """
    return _render(spec, audio.double(), parameters, sample_rate)[..., preroll:].float()


def _render(spec: EffectSpec, audio: Tensor, parameters: Tensor, sample_rate: int) -> Tensor:
    if spec.host == "chain":
        if any(not parameter.held for parameter in spec.parameters[-len(spec.links) :]):
            raise InputError(f"effect {spec.name!r} has no differentiable twin: its links can be bypassed")
        first = 0
        for link in spec.links:
            own = parameters[:, first : first + len(link.parameters)]
            audio, first = _render(link, audio, own, sample_rate), first + len(link.parameters)
        return audio
    if spec.host != "pedalboard" or spec.plugin not in _TWINS:
        raise InputError(
            f"effect {spec.name!r} has no differentiable twin; only {', '.join(_TWINS)} of pedalboard have"
        )
    return _TWINS[spec.plugin](audio, to_units(spec, parameters), sample_rate)


def _decibels(value: Tensor) -> Tensor:
    """Factors ``(batch, 1, 1)``."""
    return (10.0 ** (value / 20.0))[:, None, None]


def _gain(audio: Tensor, values: Values, sample_rate: int) -> Tensor:
    return audio * _decibels(values["gain_db"])


def _distortion(audio: Tensor, values: Values, sample_rate: int) -> Tensor:
    return torch.tanh(audio * _decibels(values["drive_db"]))


def _clipping(audio: Tensor, values: Values, sample_rate: int) -> Tensor:
    limit = _decibels(values["threshold_db"])
    return torch.minimum(torch.maximum(audio, -limit), limit)


def _delay(audio: Tensor, values: Values, sample_rate: int) -> Tensor:
    """Echoes at whole samples; each item has as many as fit."""
    feedback, mix = values["feedback"], values["mix"]
    rendered = []
    for item, seconds in enumerate(values["delay_seconds"].tolist()):
        # The effect multiplies in single precision before it drops the fraction.
        delay = int(torch.tensor(seconds, dtype=torch.float32) * sample_rate)
        dry = audio[item]
        echoes, level = torch.zeros_like(dry), torch.ones_like(mix[item])
        for shift in range(delay, dry.shape[-1], delay):
            echoes = echoes + level * torch.nn.functional.pad(dry[..., :-shift], (shift, 0))
            level = level * feedback[item]
        rendered.append((1.0 - mix[item]) * dry + mix[item] * echoes)
    return torch.stack(rendered)


def _first_order(audio: Tensor, values: Values, sample_rate: int, high: bool) -> Tensor:
    """A bilinear-transformed RC filter."""
    slope = torch.tan(math.pi * values["cutoff_frequency_hz"] / sample_rate)
    ones = torch.ones_like(slope)
    zeros = (ones, -ones) if high else (slope, slope)
    return _filter(audio, torch.stack(zeros, -1), torch.stack((slope + 1.0, slope - 1.0), -1))


def _peak(audio: Tensor, values: Values, sample_rate: int) -> Tensor:
    """A peaking equaliser (Bristow-Johnson's cookbook)."""
    angle = 2.0 * math.pi * values["cutoff_frequency_hz"] / sample_rate
    root, width = 10.0 ** (values["gain_db"] / 40.0), torch.sin(angle) / (2.0 * values["q"])
    middle = -2.0 * torch.cos(angle)
    zeros = torch.stack((1.0 + width * root, middle, 1.0 - width * root), -1)
    return _filter(audio, zeros, torch.stack((1.0 + width / root, middle, 1.0 - width / root), -1))


def _filter(audio: Tensor, zeros: Tensor, poles: Tensor) -> Tensor:
    """Filter through the frequency domain with coefficients ``(batch, order + 1)``."""
    size = 2 * audio.shape[-1]
    response = torch.fft.rfft(zeros, size) / torch.fft.rfft(poles, size)
    return torch.fft.irfft(torch.fft.rfft(audio, size) * response[:, None], size)[..., : audio.shape[-1]]


_TWINS: dict[str, Callable[[Tensor, Values, int], Tensor]] = {
    "Gain": _gain,
    "Distortion": _distortion,
    "Clipping": _clipping,
    "Delay": _delay,
    "LowpassFilter": partial(_first_order, high=False),
    "HighpassFilter": partial(_first_order, high=True),
    "PeakFilter": _peak,
}
