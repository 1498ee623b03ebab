"""Metrics of training against plain means, in one process and in two."""

from pathlib import Path

import pytest
import torch
import torch.distributed
import torch.multiprocessing

from fxstyle.metrics.per_effect import ActiveUnits, PerEffectMean

pytestmark = pytest.mark.unit


def batches() -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Six batches; the first process, which gets every other one, never sees effect 2, and nobody sees effect 4."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for index in range(6):
        effect = torch.randint(0, 2, (8,), generator=generator)
        if index % 2:
            effect[:4] = torch.tensor([2, 3, 2, 3])
        values = torch.randn(8, generator=generator)
        values[index] = torch.nan
        made.append((values, effect, 0.02 * torch.rand(8, 5, generator=generator)))
    return made


def measure(selected: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]) -> dict[str, torch.Tensor]:
    mean, active = PerEffectMean(5), ActiveUnits(5)
    for values, effect, divergence in selected:
        mean.update(values, effect)
        active.update(divergence)
    with mean.sync_context():
        missing = mean.missing.clone()
    return {"mean": mean.compute(), "macro": mean.macro(), "missing": missing, "active": active.compute()}


def run_rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.save(measure(batches()[rank::2]), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_means_per_effect_and_over_effects() -> None:
    found = measure(batches())
    values, effect = (torch.cat([batch[part] for batch in batches()]) for part in (0, 1))
    for index in range(4):
        chosen = values[effect == index]
        torch.testing.assert_close(found["mean"][index], chosen.nanmean())
        assert found["missing"][index] == chosen.isnan().sum()
    assert found["mean"][4].isnan()
    assert found["missing"].sum() == 6
    torch.testing.assert_close(found["macro"], found["mean"][:4].mean())
    divergence = torch.cat([batch[2] for batch in batches()]).mean(dim=0)
    assert 0 < found["active"] == (divergence > 0.01).sum() < 5


def test_two_processes_equal_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(run_rank, args=(str(tmp_path),), nprocs=2)
    alone = measure(batches())
    for rank in range(2):
        together = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert together.keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(together[name], value, equal_nan=True)


def test_reset_forgets_and_nothing_seen_is_nan() -> None:
    metric = PerEffectMean(3)
    metric.update(torch.ones(2), torch.tensor([0, 1]))
    metric.reset()
    metric.update(torch.full((1,), 4.0), torch.tensor([2]))
    torch.testing.assert_close(metric.compute(), torch.tensor([torch.nan, torch.nan, 4.0]), equal_nan=True)
    empty = PerEffectMean(3)
    empty.update(torch.zeros(0), torch.zeros(0, dtype=torch.long))
    assert empty.compute().isnan().all()
    assert empty.macro().isnan()


def test_infinite_values_show() -> None:
    metric = PerEffectMean(2)
    metric.update(torch.tensor([torch.inf, 1.0]), torch.tensor([0, 1]))
    assert metric.compute().tolist() == [torch.inf, 1.0]


def test_gradients_are_not_kept() -> None:
    metric, active = PerEffectMean(1), ActiveUnits(2)
    metric.update(torch.ones(2, requires_grad=True), torch.zeros(2, dtype=torch.long))
    active.update(torch.ones(2, 2, requires_grad=True))
    assert not metric.total.requires_grad
    assert not active.total.requires_grad


def test_shapes_and_effects_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="must both be"):
        PerEffectMean(2).update(torch.ones(3, 1), torch.zeros(3, dtype=torch.long))
    with pytest.raises((IndexError, RuntimeError), match="index"):
        PerEffectMean(2).update(torch.ones(1), torch.tensor([2]))
