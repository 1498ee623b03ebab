"""The example of docs/your-model.md, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import yaml

from tests.models.test_streaming import check_finite, check_streaming

pytestmark = pytest.mark.unit
PAGE = Path(__file__).parents[2] / "docs" / "your-model.md"


def test_the_example_streams_learns_and_has_what_the_experiments_read() -> None:
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    code = next(text for kind, text in blocks if kind == "python")
    options = yaml.safe_load(next(text for kind, text in blocks if kind == "yaml"))
    found: dict[str, type] = {}
    exec(compile(code, "bent_filter.py", "exec"), found)
    torch.manual_seed(0)
    model = found["BentFilter"](conditions=3)
    check_streaming(model)
    check_finite(model)
    audio = torch.randn(2, 1, 500)
    (model(audio, torch.eye(3)[:2]) - audio).square().mean().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.parameters())
    changed = audio.clone()
    changed[..., 100] += 1
    moved = (model(audio, torch.eye(3)[:2]) - model(changed, torch.eye(3)[:2])).abs().sum(dim=(0, 1))
    assert moved.nonzero().flatten().tolist() == list(range(100, 100 + model.receptive_field))
    assert {"lr", "segment_samples", "batch_size", "train_items", "tbptt_samples", "epochs"} == set(options["training"])
