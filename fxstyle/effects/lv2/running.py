"""An LV2 effect on sound: instances, their audio ports and the values of their controls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.lv2.description import Description
from fxstyle.effects.lv2.instance import Instance, Prepared
from fxstyle.effects.lv2.routing import Route
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError


class Controls:
    """Turns values in units into what the plugin's control ports take.

    Args:
        plugin: The plugin.
        spec: The effect that names its controls.
    """

    def __init__(self, plugin: Description, spec: EffectSpec) -> None:
        ports = plugin.controls
        self._parameters = [(parameter, ports[parameter.native_name]) for parameter in spec.parameters]
        self._scaled = [port.index for port in ports.values() if "sampleRate" in port.hints]
        self._whole = [port.index for port in ports.values() if {"integer", "toggled"} & port.hints]
        self._start = np.zeros(len(plugin.ports), dtype=np.float64)
        for port in ports.values():
            starts = (port.default, port.low, 0.0)
            self._start[port.index] = next(value for value in starts if np.isfinite(value))

    def __call__(self, values: NDArray[np.float64], sample_rate: float) -> NDArray[np.float32]:
        """The value of each port ``(ports,)``; ports that are no controls hold zero."""
        natives = self._start.copy()
        for (parameter, port), value in zip(self._parameters, values.tolist(), strict=True):
            natives[port.index] = parameter.to_native(value)
        if self._whole:
            natives[self._whole] = np.round(natives[self._whole])
        if self._scaled:
            natives[self._scaled] *= sample_rate
        return natives.astype(np.float32)


class Spare:
    """Memory that is kept from clip to clip for what nobody hears."""

    def __init__(self) -> None:
        self._silence = self._waste = np.zeros(0, dtype=np.float32)

    def addresses(self, samples: int) -> tuple[int, int]:
        """Addresses of so many silent samples, and of room for so many that are thrown away."""
        if len(self._silence) < samples:
            self._silence = np.zeros(samples, dtype=np.float32)
            self._waste = np.zeros(samples, dtype=np.float32)
        return self._silence.ctypes.data, self._waste.ctypes.data


class Running:
    """An effect in the middle of a sound; it belongs to one thread at a time.

    Args:
        prepared: The plugin.
        channels: Channels of the sound.
        controls: Values of the control ports.
        sample_rate: In Hz.
        longest: Most samples of one call of the plugin.
        block: Samples of every call, or ``None``.
        spare: Memory for what nobody hears.

    Raises:
        InputError: For more than two channels, or when the plugin does not start.
    """

    def __init__(
        self,
        prepared: Prepared,
        channels: int,
        controls: NDArray[np.float32],
        sample_rate: float,
        longest: int,
        block: int | None,
        spare: Spare,
    ) -> None:
        self._routes = _routes(prepared, channels)
        self.longest = longest
        self._spare = spare
        self._needs_mid = any(route.needs_mid for route in self._routes)
        self._both_alike = channels == 2 and len(self._routes) == 1 and len(self._routes[0].outputs) == 1
        self._latency_port = prepared.latency_port
        self._instances: list[Instance] = []
        try:
            for _ in self._routes:
                self._instances.append(Instance(prepared, controls, sample_rate, longest, block))
        except BaseException:
            self.close()
            raise

    def step(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Go on with a contiguous piece ``(channels, n)``."""
        wet = np.empty_like(audio)
        dry = np.concatenate([audio, audio.mean(axis=0, keepdims=True)]) if self._needs_mid else audio
        for instance, route in zip(self._instances, self._routes, strict=True):
            self._run(instance, route, dry, wet)
        if self._both_alike:
            wet[1] = wet[0]
        return wet

    def latency(self) -> int:
        """Samples that the plugin says it is late."""
        if self._latency_port is None:
            return 0
        late = float(self._instances[0].controls[self._latency_port])
        return max(0, round(late)) if np.isfinite(late) else 0

    def restart(self, controls: NDArray[np.float32]) -> None:
        """Forget the sound so far and take new values, for plugins whose own reset is exact."""
        for instance in self._instances:
            instance.controls[:] = controls
            instance.reset()

    def close(self) -> None:
        """Free the plugin."""
        for instance in self._instances:
            instance.close()

    def _run(self, instance: Instance, route: Route, dry: NDArray[np.float32], wet: NDArray[np.float32]) -> None:
        samples = dry.shape[1]
        size = min(self.longest, samples)
        silence, waste = self._spare.addresses(size)
        moving = []
        for ports, rows, idle in ((route.inputs, dry, silence), (route.outputs, wet, waste)):
            first = rows.ctypes.data
            for port, row in ports:
                if row is None:
                    instance.connect(port, idle)
                else:
                    moving.append((port, first + row * rows.strides[0]))
        instance.run(moving, samples, size)


def _routes(prepared: Prepared, channels: int) -> tuple[Route, ...]:
    if channels not in prepared.routes:
        raise InputError(f"LV2 effects take mono or stereo sound, not {channels} channels: mix it down first")
    return prepared.routes[channels]
