from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fxstyle.errors import InputError
from fxstyle.run import controllers
from fxstyle.run.controllers import load_controller
from tests.effects.catalogue import effect, noise
from tests.programs import CPU, FEW, SHORT, TINY, run_here

pytestmark = pytest.mark.unit

RATE = 24000
STYLE = ("experiment=style_transfer", *SHORT, *FEW, *CPU, "logger=none", "trainer.max_epochs=1", "test=false")
QUICK = ("model.controller.width=16", "model.controller.layers=1", "loss.mrstft=0", "callbacks.media=null")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A controller for one effect, one for two, a VAE, and a controller that listens with it."""
    folder = tmp_path_factory.mktemp("runs")

    commands = {
        "one": [*STYLE, *QUICK, "effects=distortion"],
        "two": [
            *STYLE,
            *QUICK,
            "effects=distortion",
            "+effects.train.gain={host: pedalboard, plugin: Gain, parameters: "
            "{gain_db: {low: -20, high: 20, default: 0}}}",
        ],
        "vae": [*TINY, "trainer.max_epochs=1", "callbacks.media=null", "test=false"],
        "listens": [
            *STYLE,
            *QUICK,
            "effects=distortion",
            "model=controller_vae",
            f"model.encoder.run='{folder / 'vae'}'",
        ],
    }
    for name, command in commands.items():
        done = run_here("train", *command, f"run_dir='{folder / name}'")
        assert done.code == 0, done.err
    return {name: folder / name for name in commands}


def test_it_proposes_for_sound_of_any_shape(runs: dict[str, Path]) -> None:
    controller = load_controller(runs["one"])
    spec = effect("distortion")
    assert controller.samples == 8192
    for channels, seconds, rate in ((1, 0.1, 16000), (2, 2.0, 44100)):
        dry, reference = noise(channels, round(seconds * rate)), noise(1, rate, seed=3)
        proposal = controller.propose(spec, dry, reference, rate)
        assert proposal.mean.shape == proposal.spread.shape == (len(spec.parameters),)
        assert np.isfinite(proposal.spread).all()
        assert ((proposal.mean >= 0) & (proposal.mean <= 1)).all()


def test_use_prepares_sound_as_training_did(runs: dict[str, Path]) -> None:
    """A clip at the level of training is heard as it is; a quieter one is brought to it, and the reference with it."""
    controller = load_controller(runs["one"])
    spec = effect("distortion")
    dry = noise(1, controller.samples, seed=1)
    dry *= 10 ** (-12 / 20) / np.abs(dry).max()
    reference = 0.5 * noise(1, controller.samples, seed=2)
    whole = controller.propose(spec, dry, reference, RATE)
    batch = controller.propose_batch(spec, dry[None], reference[None])[0]
    quiet = controller.propose(spec, 0.1 * dry, 0.1 * reference, RATE)
    assert np.allclose(whole.mean, batch.mean, atol=1e-5)
    assert np.allclose(whole.mean, quiet.mean, atol=1e-3)


def test_a_controller_of_one_effect_refuses_others(runs: dict[str, Path]) -> None:
    controller = load_controller(runs["one"])
    with pytest.raises(InputError, match="is a controller for distortion, not for ladder"):
        controller.propose(effect("ladder"), noise(1, RATE), noise(1, RATE), RATE)


def test_a_controller_of_several_takes_any(runs: dict[str, Path]) -> None:
    controller = load_controller(runs["two"])
    spec = effect("ladder")
    proposal = controller.propose(spec, noise(1, RATE), noise(1, RATE, seed=1), RATE)
    for parameter, odds in zip(spec.parameters, proposal.steps, strict=True):
        assert (odds is not None) == bool(parameter.steps)
        assert odds is None or (len(odds) == parameter.steps and odds.sum() == pytest.approx(1.0, abs=1e-4))


def test_several_windows_are_heard() -> None:
    sound = np.concatenate([level * noise(1, 100, seed=7) for level in (0.1, 1.0, 0.2, 0.9, 0.8)], axis=1)
    chosen = controllers._loudest(sound, 100)
    assert len(chosen) == 3
    assert all(
        np.array_equal(window, sound[:, 100 * n : 100 * n + 100]) for window, n in zip(chosen, (1, 3, 4), strict=True)
    )
    assert controllers._loudest(sound[:, :30], 100)[0].shape == (1, 100)


def test_a_vae_of_another_run_listens(runs: dict[str, Path]) -> None:
    trained = torch.load(runs["vae"] / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    used = torch.load(runs["listens"] / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    names = [name for name in trained if name.startswith("model.encoder")]
    assert names
    for name in names:
        assert torch.equal(trained[name], used[name.replace("model.", "model.encoder.vae.", 1)])
    # The run says by itself how its encoder is built.
    (runs["vae"] / "config.yaml").rename(runs["vae"] / "gone.yaml")
    try:
        assert load_controller(runs["listens"]).samples == 8192
    finally:
        (runs["vae"] / "gone.yaml").rename(runs["vae"] / "config.yaml")


def test_runs_of_other_tasks_are_refused(runs: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="give one of style_transfer"):
        load_controller(runs["vae"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["data.clip_samples=4096"], "was trained with data.clip_samples=8192"),
        (["sample_rate=16000"], "was trained with sample_rate=24000"),
        (["model.encoder.run='{one}'"], "is a run of the task 'style_transfer'"),
        (["model.encoder.run=nowhere"], "no such run folder"),
    ],
)
def test_encoders_that_do_not_fit_are_refused(
    runs: dict[str, Path], tmp_path: Path, change: list[str], words: str
) -> None:
    options = [*STYLE, *QUICK, "effects=distortion", "model=controller_vae", f"model.encoder.run='{runs['vae']}'"]
    changes = [option.format(one=runs["one"]) for option in change]
    done = run_here("train", *options, *changes, f"run_dir='{tmp_path / 'run'}'")
    assert done.code == 2
    assert words in done.err
    assert not (tmp_path / "run").exists()


def test_a_switch_of_many_steps_is_placed_like_a_continuous_control() -> None:
    odds = controllers._odds_around(25, 0.7, 0.05)
    assert odds is not None
    assert odds.argmax() == 17
    assert odds.sum() == pytest.approx(1.0, abs=1e-5)
    assert controllers._odds_around(0, 0.7, 0.05) is None
