"""ONNX graphs: written, played by onnxruntime alone, and refused where they would play something else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from fxstyle.errors import InputError
from fxstyle.export import onnx_writer
from fxstyle.export.emulation import TrainedEmulator
from fxstyle.export.onnx_writer import write_onnx
from fxstyle.export.settings import Setting, freeze
from fxstyle.models.emulator import Emulator
from fxstyle.models.recurrent import Recurrent
from fxstyle.models.tcn import TCN
from tests.export.models import RATE, Clock, Forgetful, Loop, Outside, lively, lstm, trained, wavenet

pytestmark = pytest.mark.unit

MODELS = {
    "wavenet": wavenet(),
    "wavenet with presets": wavenet(2, gated=True),
    "lstm": lstm(2, layers=2),
    "gru": lively(Recurrent(hidden=3, cell="gru", skip=True)),
    "lstm with taps and LFO": lively(Recurrent(hidden=3, taps=3, lfo="given", lfo_hz=[2.0], sample_rate=RATE)),
    "clock": Clock(),
}


def played(path: Path, audio: np.ndarray, blocks: list[int], condition: np.ndarray | None = None) -> np.ndarray:
    """As another program does it, which only knows the graph: at first, the state is left out."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    state: dict[str, np.ndarray] = {}
    parts, at = [], 0
    for block in blocks:
        inputs = {"audio": audio[..., at : at + block], **state}
        if condition is not None:
            inputs["condition"] = condition
        result = dict(zip(outputs, session.run(outputs, inputs), strict=True))
        parts.append(result["output"])
        state = {name.removeprefix("next_"): value for name, value in result.items() if name != "output"}
        at += block
    assert at == audio.shape[-1]
    return np.concatenate(parts, axis=-1)


@pytest.mark.parametrize("name", MODELS)
def test_a_graph_plays_what_the_model_plays(name: str, tmp_path: Path) -> None:
    emulation = trained(MODELS[name])
    assert write_onnx(emulation, tmp_path / "x.onnx", "run") < 1e-5
    audio = 0.5 * torch.randn(1, 1, 1000, generator=torch.Generator().manual_seed(1))
    for at, row in enumerate(emulation.setting_conditions):
        condition = torch.tensor([row]) if row else None
        with torch.no_grad():
            wanted = emulation.model(audio, condition).numpy()
        blocks = [[1000], [1, 64, 256, 3, 676]][at % 2]
        got = played(tmp_path / "x.onnx", audio.numpy(), blocks, None if condition is None else condition.numpy())
        np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["x.onnx"]


def test_the_graph_says_what_it_is(tmp_path: Path) -> None:
    write_onnx(trained(wavenet(2)), tmp_path / "x.onnx", "my_run")
    graph = onnx.load(str(tmp_path / "x.onnx"))
    onnx.checker.check_model(graph)
    said = {entry.key: entry.value for entry in graph.metadata_props}
    assert graph.producer_name == "fxstyle"
    assert (said["name"], said["licence"], said["source"], said["model"]) == ("drive", "CC0", "my_run", "WaveNet")
    assert (json.loads(said["sample_rate"]), json.loads(said["latency"])) == (RATE, 0)
    assert json.loads(said["settings"]) == ["a", "b"]
    assert json.loads(said["setting_conditions"]) == [[1.0, 0.0], [0.0, 1.0]]
    assert json.loads(said["scores"]) == {"val/esr/macro": 0.25}
    shapes = {
        entry.name: [d.dim_param or d.dim_value for d in entry.type.tensor_type.shape.dim]
        for entry in (*graph.graph.input, *graph.graph.output)
    }
    assert shapes["audio"] == [1, 1, "samples"]
    assert shapes["output"][2] == "samples"
    assert shapes["condition"] == [1, 2]
    assert not [entry.domain for entry in graph.opset_import if entry.domain]


def test_a_frozen_model_needs_no_condition(tmp_path: Path) -> None:
    emulation = trained(Recurrent(hidden=2, conditions=2, lfo="given", lfo_hz=[1.0, 2.0], sample_rate=RATE).eval())
    write_onnx(freeze(emulation, Setting("b", (0.0, 1.0))), tmp_path / "x.onnx", "run")
    graph = onnx.load(str(tmp_path / "x.onnx"))
    assert "condition" not in [entry.name for entry in graph.graph.input]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Outside(), "is a Outside and it computes sample after sample outside torch"),
        (Loop(), "is a Loop and it goes through the samples of a block one by one"),
        (Forgetful(), "plays something else than the model in torch"),
    ],
)
def test_what_cannot_be_a_graph_is_refused_and_nothing_is_left(model: Emulator, reason: str, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_text("before")
    with pytest.raises(InputError, match=reason):
        write_onnx(trained(model), tmp_path / "x.onnx", "run")
    assert [path.name for path in tmp_path.iterdir()] == ["x.onnx"]
    assert (tmp_path / "x.onnx").read_text() == "before"


def test_every_setting_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = onnx_writer.read_onnx

    def mixed_up(path: Path) -> object:
        graph = right(path)
        names = list(graph.setting_conditions)
        object.__setattr__(graph, "session", Swapped(graph.session))
        assert len(names) == 2
        return graph

    class Swapped:
        """Plays the second preset like the first."""

        def __init__(self, session: onnxruntime.InferenceSession) -> None:
            self._session = session

        def run(self, names: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            inputs["condition"] = np.tile(np.float32([1, 0]), (len(inputs["audio"]), 1))
            return self._session.run(names, inputs)

    monkeypatch.setattr(onnx_writer, "read_onnx", mixed_up)
    with pytest.raises(InputError, match="plays something else"):
        write_onnx(trained(wavenet(2)), tmp_path / "x.onnx", "run")


def test_a_convolutional_net_of_the_usual_size(tmp_path: Path) -> None:
    emulation: TrainedEmulator = trained(lively(TCN(channels=4, kernel=3, conditions=2)))
    assert write_onnx(emulation, tmp_path / "x.onnx", "run") < 1e-5
