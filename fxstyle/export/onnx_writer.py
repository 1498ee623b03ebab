"""A trained model as an ONNX graph whose state goes in and comes out with every block."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fxstyle import __version__
from fxstyle.effects.renderer import RenderError
from fxstyle.errors import InputError
from fxstyle.export.emulation import TrainedEmulator
from fxstyle.export.onnx_reader import OnnxPlayer, export_packages, read_onnx
from fxstyle.export.player import TorchPlayer
from fxstyle.export.settings import model_kind
from fxstyle.export.verification import BLOCKS, check_difference, largest_difference
from fxstyle.models.emulator import Emulator
from fxstyle.writing import replacing

_OPSET = 17
# Long enough that a model which takes another way for short blocks takes that for long ones.
_TRACED_SAMPLES = 256


def write_onnx(emulation: TrainedEmulator, path: Path, source: str) -> float:
    """Write a model; it appears under its name only when it plays what the model in torch plays.

    The graph plays one channel. It takes ``audio`` ``(1, 1, samples)`` of any length, ``condition`` ``(1, conditions)``
    where the model has one, and ``state_0`` and so on; it gives ``output`` and ``next_state_0`` and so on, which go
    into the next block. At the first block a state may be left out, which stands for endless silence.

    Args:
        emulation: The model; see :func:`fxstyle.export.settings.freeze` for one setting of it.
        path: The file.
        source: What it was made from, for its metadata.

    Returns:
        The largest difference from torch that was found.

    Raises:
        InputError: The packages are missing, the model cannot be an ONNX graph, or the graph plays something else.
    """
    onnx, _ = export_packages()
    model = emulation.model
    with replacing(path) as part:
        _trace(emulation, part)
        graph = onnx.load(str(part), load_external_data=False)
        for at, state in enumerate(model.initial_state(1)):
            graph.graph.initializer.append(onnx.numpy_helper.from_array(state.detach().cpu().numpy(), f"state_{at}"))
        graph.producer_name, graph.producer_version = "fxstyle", __version__
        onnx.helper.set_model_props(graph, _metadata(emulation, source))
        part.write_bytes(graph.SerializeToString())
        difference = _difference(emulation, part)
        check_difference(difference, str(path))
    return difference


class _Step(nn.Module):
    """One block of a model, with the state as flat inputs and outputs."""

    def __init__(self, model: Emulator) -> None:
        super().__init__()
        self.model = model

    def forward(self, audio: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        condition, state = (rest[0], rest[1:]) if self.model.conditions else (None, rest)
        output, after = self.model.stream(audio, tuple(state), condition)
        return (output, *after)


def _trace(emulation: TrainedEmulator, path: Path) -> None:
    model = emulation.model
    state = model.initial_state(1)
    audio = 0.1 * torch.randn(1, 1, _TRACED_SAMPLES, generator=torch.Generator().manual_seed(0))
    condition = []
    if model.conditions:
        condition = [torch.tensor([emulation.setting_conditions[0]])]
    inputs = ["audio", *(["condition"] if condition else []), *(f"state_{at}" for at in range(len(state)))]
    outputs = ["output", *(f"next_state_{at}" for at in range(len(state)))]
    arguments = tuple(tensor.to(model.device) for tensor in (audio, *condition, *state))
    with _explained(emulation), _quiet(), torch.no_grad():
        # The newer exporter unrolls recurrent nets: it takes a minute and writes a graph of one length.
        torch.onnx.export(
            _Step(model).eval(),
            arguments,
            str(path),
            dynamo=False,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={"audio": {2: "samples"}, "output": {2: "samples"}},
            opset_version=_OPSET,
            autograd_inlining=False,
        )


@contextmanager
def _explained(emulation: TrainedEmulator) -> Iterator[None]:
    """Say in one sentence why a model cannot be a graph."""
    kind = model_kind(emulation.model)
    try:
        yield
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        python = re.search(r"Couldn't export Python operator (\S+)", str(error))
        operator = re.search(r"operator '?aten::(\w+)", str(error))
        reason = "ONNX cannot express what it computes"
        if python:
            reason = (
                f"it computes sample after sample outside torch ({python[1].strip('_')}), for which ONNX is too poor"
            )
        elif isinstance(error, RenderError):
            reason = "it goes through the samples of a block one by one, so that its graph fits no other length"
        elif operator:
            reason = f"it uses {operator[1]}, for which ONNX has no operator"
        raise InputError(
            f"{emulation.name!r} cannot be exported to ONNX, because its model is a {kind} and {reason}: "
            "play it by fxstyle apply, or train model=wavenet or model=lstm"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks; what is traced wrongly is found by comparing."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _metadata(emulation: TrainedEmulator, source: str) -> dict[str, str]:
    values: dict[str, Any] = {
        "sample_rate": emulation.sample_rate,
        "latency": emulation.latency,
        "settings": emulation.settings,
        "setting_conditions": emulation.setting_conditions,
        "condition_names": emulation.condition_names,
        "lfo_hz": emulation.lfo_hz,
        "scores": dict(emulation.scores),
    }
    texts = {"name": emulation.name, "licence": emulation.licence, "model": model_kind(emulation.model)}
    return {**texts, "source": source, **{key: json.dumps(value) for key, value in values.items()}}


def _difference(emulation: TrainedEmulator, path: Path) -> float:
    """Largest difference over all settings: all blocks at the first, one size at each other."""
    with _explained(emulation):
        exported = read_onnx(path)
        worst = 0.0
        for at, condition in enumerate(emulation.setting_conditions):
            difference = largest_difference(
                partial(TorchPlayer, emulation.model, emulation.sample_rate, condition),
                partial(OnnxPlayer, exported, condition),
                BLOCKS[1:2] if at else BLOCKS,
            )
            worst = max(worst, difference)
    return worst
