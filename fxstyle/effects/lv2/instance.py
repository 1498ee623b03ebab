"""A running LV2 plugin: its memory, its ports and its life from start to clean-up."""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.lv2.abi import EVENT_BYTES, Features, Library, features, load_library, starting, uri_number
from fxstyle.effects.lv2.description import Description, Port
from fxstyle.effects.lv2.vocabulary import ATOM
from fxstyle.errors import InputError

_SEQUENCE_HEAD = 8


class Instance:
    """One plugin instance with all ports but the audio ones connected; it belongs to one thread at a time.

    Args:
        plugin: Which plugin.
        controls: Its control inputs' values by port index, ``(ports,)`` float32, as the plugin takes them.
        sample_rate: In Hz.
        longest: Most samples of a call.
        block: Samples of every call, or ``None`` where they differ.

    Raises:
        InputError: When the plugin does not load or does not start.
    """

    def __init__(
        self,
        plugin: Description,
        controls: NDArray[np.float32],
        sample_rate: float,
        longest: int,
        block: int | None,
    ) -> None:
        library = load_library(plugin.binary, plugin.uri, plugin.bundle)
        given = features(float(sample_rate), longest, block)
        with starting:
            handle = library.instantiate(library.descriptor, sample_rate, library.bundle, given.address)
        if not handle:
            raise InputError(f"LV2 plugin {plugin.uri} does not start at {sample_rate:g} Hz: try another sample rate")
        self.longest = longest
        self.controls = controls.copy()
        self.handle = handle
        self.run = library.run
        self.connect = library.connect_port
        self._library = library
        self._given = given
        self._events = _connect_all(plugin, library, handle, self.controls)
        self._outgoing = [memory for port, memory in self._events if not port.is_input]
        if library.activate:
            library.activate(handle)
        # Ports point into these arrays: they must not go before the plugin does.
        self._end = weakref.finalize(self, _stop, library, handle, given, self.controls, self._events)

    def before_call(self) -> None:
        """Make room for events that the plugin sends; nobody reads them."""
        for memory in self._outgoing:
            memory[0], memory[1] = memory.nbytes - _SEQUENCE_HEAD, uri_number(f"{ATOM}Chunk")

    @property
    def sends_events(self) -> bool:
        """Whether :meth:`before_call` must come before each call of ``run``."""
        return bool(self._outgoing)

    def reset(self) -> None:
        """Ask the plugin to forget the sound so far."""
        if self._library.deactivate:
            self._library.deactivate(self.handle)
        if self._library.activate:
            self._library.activate(self.handle)

    def close(self) -> None:
        """Stop the plugin and free it; a second time does nothing."""
        self._end()


def _connect_all(
    plugin: Description, library: Library, handle: int, controls: NDArray[np.float32]
) -> list[tuple[Port, NDArray[np.uint32]]]:
    """Connect the control, event and unused ports; the result is the events' memory."""
    first = controls.ctypes.data
    events = []
    for port in plugin.ports:
        if port.kind == "control":
            library.connect_port(handle, port.index, first + 4 * port.index)
        elif port.kind == "atom":
            memory = np.zeros(-(-max(EVENT_BYTES, port.bytes) // 4), dtype=np.uint32)
            # An empty sequence is a head of 8 bytes, with nothing after it.
            memory[0], memory[1] = _SEQUENCE_HEAD, uri_number(f"{ATOM}Sequence")
            library.connect_port(handle, port.index, memory.ctypes.data)
            events.append((port, memory))
        elif port.kind != "audio":
            library.connect_port(handle, port.index, None)
    return events


def _stop(library: Library, handle: int, given: Features, *kept: object) -> None:
    with starting:
        if library.deactivate:
            library.deactivate(handle)
        library.cleanup(handle)
