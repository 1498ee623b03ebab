"""A ``.nam`` file played by NumPy alone: what an export is checked against, since it shares no code with torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.export.nam_file import NamArray, NamFile, NamLSTM, NamWaveNet

Floats = NDArray[np.float32]


class NamPlayer:
    """See :class:`fxstyle.export.player.Player`.

    Args:
        file: The file.
    """

    def __init__(self, file: NamFile) -> None:
        self.sample_rate = file.sample_rate
        self.latency = 0
        weights = _Weights(file.weights)
        self._net = (
            _WaveNet(file.architecture, weights)
            if isinstance(file.architecture, NamWaveNet)
            else _LSTM(file.architecture, weights)
        )

    def play(self, block: Floats) -> Floats:
        """See :meth:`Player.play`."""
        return self._net.play(np.asarray(block, np.float32))


class _Weights:
    """Hands out weights in the order of the file."""

    def __init__(self, weights: Floats) -> None:
        self._weights = weights
        self._at = 0

    def take(self, *shape: int) -> Floats:
        count = int(np.prod(shape))
        part = self._weights[self._at : self._at + count].reshape(shape)
        self._at += count
        return part


class _WaveNet:
    """A WaveNet that reads its whole field again for each block; before the first sample there are zeros."""

    def __init__(self, net: NamWaveNet, weights: _Weights) -> None:
        self._arrays = [(array, *_array_weights(array, weights)) for array in net.arrays]
        self._scale = weights.take(1)[0]
        self._memory = net.memory
        self._past: Floats | None = None

    def play(self, block: Floats) -> Floats:
        if self._past is None:
            self._past = np.zeros((len(block), self._memory), np.float32)
        heard = np.concatenate((self._past, block), axis=1)
        self._past = heard[:, heard.shape[1] - self._memory :]
        hidden = dry = heard[:, None]
        head = np.zeros((1, 1, 1), np.float32)
        for array, rechannel, layers, (head_weight, head_bias) in self._arrays:
            hidden = rechannel @ hidden
            for dilation, (taps, bias, mixer, mix, mix_bias) in zip(array.dilations, layers, strict=True):
                inner = _convolved(hidden, taps, dilation) + bias[:, None]
                length = inner.shape[-1]
                inner = inner + mixer[:, None] * dry[..., dry.shape[-1] - length :]
                output = _activated(array, inner)
                head = head[..., -length:] + output
                hidden = hidden[..., -length:] + mix @ output + mix_bias[:, None]
            head = head_weight @ head + head_bias[:, None]
        return (self._scale * head)[:, 0, -block.shape[1] :].astype(np.float32)


def _array_weights(
    array: NamArray, weights: _Weights
) -> tuple[Floats, list[tuple[Floats, ...]], tuple[Floats, Floats]]:
    middle = array.channels * (2 if array.gated else 1)
    rechannel = weights.take(array.channels, array.inputs)
    layers: list[tuple[Floats, ...]] = [
        (
            weights.take(middle, array.channels, array.kernel),
            weights.take(middle),
            weights.take(middle),
            weights.take(array.channels, array.channels),
            weights.take(array.channels),
        )
        for _ in array.dilations
    ]
    head = weights.take(array.head, array.channels)
    return rechannel, layers, (head, weights.take(array.head) if array.head_bias else np.zeros(array.head, np.float32))


def _convolved(audio: Floats, taps: Floats, dilation: int) -> Floats:
    """``(batch, inputs, samples)`` by ``(outputs, inputs, kernel)``, where all taps have input."""
    kernel = taps.shape[-1]
    length = audio.shape[-1] - (kernel - 1) * dilation
    parts = [taps[..., tap] @ audio[..., tap * dilation : tap * dilation + length] for tap in range(kernel)]
    return np.sum(parts, axis=0, dtype=np.float32)


def _activated(array: NamArray, inner: Floats) -> Floats:
    value = inner[:, : array.channels]
    if array.activation == "Tanh":
        value = np.tanh(value)
    elif array.activation == "ReLU":
        value = np.maximum(value, 0)
    else:
        value = np.where(value > 0, value, np.float32(0.01) * value)
    return value * _sigmoid(inner[:, array.channels :]) if array.gated else value


def _sigmoid(value: Floats) -> Floats:
    return (0.5 + 0.5 * np.tanh(0.5 * value)).astype(np.float32)


class _LSTM:
    """An LSTM that starts from the state in its file."""

    def __init__(self, net: NamLSTM, weights: _Weights) -> None:
        units = net.hidden
        self._layers = [
            tuple(weights.take(*shape) for shape in ((4 * units, size + units), (4 * units,), (units,), (units,)))
            for size in (1, *(units,) * (net.layers - 1))
        ]
        self._head, self._bias = weights.take(units), weights.take(1)[0]
        self._state: list[tuple[Floats, Floats]] = []

    def play(self, block: Floats) -> Floats:
        if not self._state:
            self._state = [
                (np.tile(hidden, (len(block), 1)), np.tile(cell, (len(block), 1)))
                for _, _, hidden, cell in self._layers
            ]
        played = np.empty_like(block)
        for at in range(block.shape[1]):
            sound = block[:, at : at + 1]
            for number, (matrix, bias, _, _) in enumerate(self._layers):
                hidden, cell = self._state[number]
                gates = np.concatenate((sound, hidden), axis=1) @ matrix.T + bias
                enter, forget, new, leave = np.split(gates, 4, axis=1)
                cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(new)
                sound = _sigmoid(leave) * np.tanh(cell)
                self._state[number] = (sound, cell)
            played[:, at] = sound @ self._head + self._bias
        return played
