"""ONNX graphs that :mod:`fxstyle.export.onnx_writer` wrote, as anybody may have sent them."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxstyle.effects.renderer import RenderError
from fxstyle.errors import InputError
from fxstyle.export.limits import LARGEST_STATE, check_rate, read_bytes

_LARGEST_BYTES = 500_000_000


@dataclass(frozen=True)
class OnnxModel:
    """A graph and what its metadata says; see :class:`fxstyle.export.emulation.TrainedEmulator` for the rest.

    Attributes:
        session: onnxruntime's, on one core.
        initial_state: The state of a channel after endless silence.
    """

    session: Any
    initial_state: tuple[NDArray[Any], ...]
    name: str
    sample_rate: int
    settings: tuple[str, ...]
    setting_conditions: tuple[tuple[float, ...], ...]
    condition_names: tuple[str, ...]
    latency: int
    scores: Mapping[str, float]
    licence: str


class OnnxPlayer:
    """A graph in onnxruntime; see :class:`fxstyle.export.player.Player`.

    Args:
        model: The graph.
        condition: ``(conditions,)``.
    """

    def __init__(self, model: OnnxModel, condition: tuple[float, ...] = ()) -> None:
        self.sample_rate = model.sample_rate
        self.latency = model.latency
        self._session = model.session
        self._initial = model.initial_state
        self._condition = {"condition": np.asarray([condition], np.float32)} if condition else {}
        self._states: list[list[NDArray[Any]]] = []

    def play(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`Player.play`; the graph plays one channel after the other."""
        self._states = self._states or [list(self._initial) for _ in block]
        played = np.empty(block.shape, np.float32)
        for channel, state in enumerate(self._states):
            inputs = {f"state_{at}": value for at, value in enumerate(state)}
            inputs["audio"] = np.ascontiguousarray(block[channel, None, None], dtype=np.float32)
            try:
                output, *state[:] = self._session.run(None, {**inputs, **self._condition})
            except Exception as error:  # onnxruntime's own errors have no common base
                raise RenderError(f"onnxruntime cannot play a block of {block.shape[1]} samples") from error
            if output.shape != (1, 1, block.shape[1]):
                raise RenderError(f"the graph gave {output.shape} for a block of {block.shape[1]} samples")
            played[channel] = output[0, 0]
        return played


def export_packages() -> tuple[Any, Any]:
    """The packages ``onnx`` and ``onnxruntime``.

    Raises:
        InputError: One is not installed.
    """
    try:
        onnx, runtime = importlib.import_module("onnx"), importlib.import_module("onnxruntime")
    except ImportError as error:
        raise InputError("ONNX needs packages that are not installed: pip install 'fxstyle[export]'") from error
    return onnx, runtime


def read_onnx(path: Path) -> OnnxModel:
    """Read a graph that fxstyle wrote.

    Raises:
        InputError: The packages are missing, or the file is damaged, too large, or not one of fxstyle's.
    """
    onnx, runtime = export_packages()
    data = read_bytes(path, _LARGEST_BYTES)
    try:
        graph = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own errors differ from release to release
        raise InputError(f"{path} is damaged or no ONNX file: export it again") from error
    _refuse_external(onnx, graph, path)
    said = {entry.key: entry.value for entry in graph.metadata_props}
    initializers = {entry.name: entry for entry in graph.graph.initializer}
    try:
        settings = tuple(str(name) for name in json.loads(said["settings"]))
        conditions = tuple(tuple(float(value) for value in row) for row in json.loads(said["setting_conditions"]))
        names = tuple(str(name) for name in json.loads(said["condition_names"]))
        rate, latency = int(json.loads(said["sample_rate"])), int(json.loads(said["latency"]))
        scores = {str(key): float(value) for key, value in json.loads(said["scores"]).items()}
        states = sum(entry.name.startswith("state_") for entry in graph.graph.input)
        state = tuple(onnx.numpy_helper.to_array(initializers[f"state_{at}"]) for at in range(states))
        name, licence = said["name"], said["licence"]
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} was not written by fxstyle export, which alone says how to play it") from error
    check_rate(rate, path)
    whole = {"audio", *(["condition"] if names else []), *(f"state_{at}" for at in range(states))}
    fits = (
        settings
        and len(settings) == len(conditions)
        and all(len(row) == len(names) and all(map(math.isfinite, row)) for row in conditions)
        and 0 <= latency <= rate
        and {entry.name for entry in graph.graph.input} == whole
        and len(graph.graph.output) == 1 + states
        and all(len(part) == 1 for part in state)
        and sum(part.size for part in state) <= LARGEST_STATE
    )
    if not fits:
        raise InputError(f"{path} says one thing and holds another: export it again")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common base
        raise InputError(f"{path} cannot be played by onnxruntime {runtime.__version__}: export it again") from error
    return OnnxModel(session, state, name, rate, settings, conditions, names, latency, scores, licence)


def _refuse_external(onnx: Any, graph: Any, path: Path) -> None:
    """Numbers in other files, and operators of other libraries, could be anything on this machine."""
    external = onnx.external_data_helper.uses_external_data
    tensors = [*graph.graph.initializer, *(t for node in graph.graph.node for a in node.attribute for t in (a.t,))]
    foreign = [entry.domain for entry in graph.opset_import if entry.domain not in ("", "ai.onnx")]
    if foreign or graph.functions or any(external(tensor) for tensor in tensors):
        raise InputError(f"{path} refers to other files or libraries: export it again with fxstyle export")
