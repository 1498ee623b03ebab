"""A running LV2 plugin: its memory, its ports and its life from start to clean-up."""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.arithmetic import default_arithmetic
from fxstyle.effects.clean_memory import zeroed_memory
from fxstyle.effects.lv2.abi import EVENT_BYTES, Library, features, load_library, starting, uri_number
from fxstyle.effects.lv2.description import Description
from fxstyle.effects.lv2.routing import routes
from fxstyle.effects.lv2.vocabulary import ATOM
from fxstyle.errors import InputError

_HEAD = 8
"""Bytes of an event buffer's head: its size and its type."""


class Prepared:
    """A loaded plugin and what every instance of it needs to know, looked up once.

    Args:
        plugin: The plugin.

    Raises:
        InputError: When it does not load.
    """

    def __init__(self, plugin: Description) -> None:
        self.uri = plugin.uri
        self.functions = load_library(plugin.binary, plugin.uri, plugin.bundle)
        self.routes = {1: routes(plugin, 1), 2: routes(plugin, 2)}
        late = plugin.latency_port
        self.latency_port = None if late is None else late.index
        self.controls = [port.index for port in plugin.ports if port.kind == "control"]
        self.event_inputs = [port.index for port in plugin.select("atom", is_input=True)]
        self.event_outputs = [port.index for port in plugin.select("atom", is_input=False)]
        self.unused = [port.index for port in plugin.ports if port.kind in ("cv", "other")]
        size = max([EVENT_BYTES, *(port.bytes for port in plugin.ports)])
        self.event_words = -(-size // 8) * 2
        # An empty sequence is a head of 8 bytes, with nothing after it.
        self.no_events = np.array([_HEAD, uri_number(f"{ATOM}Sequence"), 0, 0], dtype=np.uint32)
        self.room = np.array([size - _HEAD, uri_number(f"{ATOM}Chunk")], dtype=np.uint32)


class Instance:
    """One plugin instance with all ports but the audio ones connected; it belongs to one thread at a time.

    Args:
        prepared: Which plugin.
        controls: The values of its control ports by port index, ``(ports,)`` float32, as the plugin takes them.
        sample_rate: In Hz.
        longest: Most samples of a call.
        block: Samples of every call, or ``None`` where they differ.

    Attributes:
        controls: The values that its control ports point to, its control outputs among them.

    Raises:
        InputError: When the plugin does not start.
    """

    def __init__(
        self, prepared: Prepared, controls: NDArray[np.float32], sample_rate: float, longest: int, block: int | None
    ) -> None:
        library = prepared.functions
        given = features(float(sample_rate), longest, block)
        self.controls = controls.copy()
        self._events = np.zeros((len(prepared.event_outputs), prepared.event_words), dtype=np.uint32)
        with starting, zeroed_memory(), default_arithmetic():
            handle = library.instantiate(library.descriptor, sample_rate, library.bundle, given.address)
            if not handle:
                raise InputError(
                    f"LV2 plugin {prepared.uri} does not start at {sample_rate:g} Hz: try another sample rate"
                )
            self._connect_all(prepared, handle)
            if library.activate:
                library.activate(handle)
        self._handle = handle
        self._library = library
        self._room = prepared.room
        # Ports point into these arrays, which must stay until the plugin has gone.
        self._end = weakref.finalize(self, _stop, library, handle, prepared, given, self.controls, self._events)

    def run(self, ports: list[tuple[int, int]], samples: int, block: int) -> None:
        """Process sound.

        Args:
            ports: Audio ports that move along with the sound, and the addresses at which theirs begins.
            samples: How many.
            block: Most samples of a call.
        """
        library, handle = self._library, self._handle
        if samples > block:
            # Waiting for the compiler's modules is for those who have blocks.
            from fxstyle.effects.lv2.blocks import run_blocks

            indices = np.array([port for port, _ in ports], dtype=np.uint32)
            addresses = np.array([address for _, address in ports], dtype=np.int64)
            run, connect = library.addresses
            with default_arithmetic():
                run_blocks(run, connect, handle, indices, addresses, self._events, self._room, samples, block)
            return
        for port, address in ports:
            library.connect_port(handle, port, address)
        self._events[:, :2] = self._room
        with default_arithmetic():
            library.run(handle, samples)

    def connect(self, port: int, address: int) -> None:
        """Connect an audio port to sound that does not move along, such as silence."""
        self._library.connect_port(self._handle, port, address)

    def _connect_all(self, prepared: Prepared, handle: int) -> None:
        """Connect the ports that stay where they are."""
        connect, first = prepared.functions.connect_port, self.controls.ctypes.data
        for port in prepared.controls:
            connect(handle, port, first + 4 * port)
        for port in prepared.event_inputs:
            connect(handle, port, prepared.no_events.ctypes.data)
        for port, memory in zip(prepared.event_outputs, self._events, strict=True):
            connect(handle, port, memory.ctypes.data)
        for port in prepared.unused:
            connect(handle, port, None)

    def reset(self) -> None:
        """Ask the plugin to forget the sound so far."""
        if self._library.deactivate:
            self._library.deactivate(self._handle)
        if self._library.activate:
            self._library.activate(self._handle)

    def close(self) -> None:
        """Stop the plugin and free it; a second time does nothing."""
        self._end()


def _stop(library: Library, handle: int, *kept: object) -> None:
    with starting:
        if library.deactivate:
            library.deactivate(handle)
        library.cleanup(handle)
