from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fxstyle.audio.levels import Level
from fxstyle.audio.source import Recording, Split
from fxstyle.data import dataset as dataset_module
from fxstyle.data.dataset import Batch, EffectDataset
from fxstyle.effects.hosts import build
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from tests.data.sounds import EFFECTS, GAIN, LENGTH, RATE, Noises, plan_of

pytestmark = pytest.mark.unit

PREROLL = 300
DATASET = EffectDataset(Noises(), plan_of(Noises()), EFFECTS, ThreadRenderer(1), Level(jitter_db=3.0), PREROLL)
KEYS = [plan_of(Noises()).key(epoch, index, (index + epoch) % 3) for epoch in (0, 4) for index in range(6)]


def made(
    source: Noises | None = None,
    effects: tuple[EffectSpec, ...] = EFFECTS,
    level: Level | None = None,
    split: Split = "train",
) -> EffectDataset:
    source = source or Noises()
    return EffectDataset(source, plan_of(source, split), effects, ThreadRenderer(1), level or Level(), PREROLL)


class Counted(Noises):
    reads = 0

    def read(self, recording: Recording, start: int, length: int) -> NDArray[np.float32]:
        self.reads += 1
        return super().read(recording, start, length)


def rows(batch: Batch) -> list[dict[str, torch.Tensor]]:
    return [{name: value[item] for name, value in batch.items()} for item in range(len(batch["index"]))]


def assert_equal(one: Batch, other: Batch) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_shapes_and_types() -> None:
    batch = DATASET.__getitems__(KEYS)
    assert batch.keys() == Batch.__annotations__.keys()
    count = len(KEYS)
    for name in ("dry", "wet"):
        assert batch[name].shape == (count, 1, LENGTH)
        assert batch[name].dtype == torch.float32
    assert batch["parameters"].shape == batch["parameter_mask"].shape == (count, 4)
    assert batch["parameters"].dtype == torch.float32
    assert batch["parameter_mask"].dtype == torch.bool
    for name in ("effect", "recording", "start", "index", "rejected"):
        assert batch[name].shape == (count,)
        assert batch[name].dtype == torch.int64
    assert batch["effect"].tolist() == [key.effect for key in KEYS]
    assert not batch["rejected"].any()


def test_masks_say_which_controls_exist_and_move() -> None:
    batch = DATASET.__getitems__(KEYS[:3])
    assert batch["parameter_mask"].tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, False, False],
    ]
    assert batch["parameters"][0, 1:].tolist() == [0, 0, 0]
    # A held control is told, but not to be learnt.
    assert batch["parameters"][2, 2].item() == EFFECTS[2].defaults[2]


def test_wet_is_the_effect_of_the_dry_sound_with_its_preroll() -> None:
    batch = made(level=Level("none")).__getitems__(KEYS)
    source = Noises()
    for key, row in zip(KEYS, rows(batch), strict=True):
        recording = source.recordings("train")[key.recording]
        warm = source.read(recording, key.start - PREROLL, PREROLL + LENGTH)
        spec = EFFECTS[key.effect]
        wet = build(spec)(warm, spec.to_units(row["parameters"].numpy()), RATE)
        np.testing.assert_array_equal(row["wet"].numpy(), wet[:, PREROLL:])
        np.testing.assert_array_equal(row["dry"].numpy(), source.read(recording, key.start, LENGTH))


def test_the_same_keys_give_the_same_bits() -> None:
    first = DATASET.__getitems__(KEYS)
    DATASET.__getitems__(KEYS[::-2])
    assert_equal(DATASET.__getitems__(KEYS), first)
    assert_equal(pickle.loads(pickle.dumps(DATASET)).__getitems__(KEYS), first)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(len(KEYS))), st.integers(1, len(KEYS)))
def test_a_clip_does_not_depend_on_its_batch(order: list[int], size: int) -> None:
    together = rows(DATASET.__getitems__(KEYS))
    for item, row in zip(order[:size], rows(DATASET.__getitems__([KEYS[i] for i in order[:size]])), strict=True):
        for name, value in row.items():
            assert torch.equal(value, together[item][name]), name


def test_one_key_is_a_batch_of_one() -> None:
    assert_equal(DATASET[KEYS[2]], DATASET.__getitems__([KEYS[2]]))


def test_settings_change_with_the_epoch_and_the_place() -> None:
    drawn = DATASET.__getitems__([replace(KEYS[0], epoch=epoch, index=i) for epoch in range(4) for i in range(4)])
    assert len(set(drawn["parameters"][:, 0].tolist())) == 16


def test_the_level_is_set_once_and_before_the_effect() -> None:
    source = Noises()
    loud = made(source, level=Level("peak", target_db=-6.0)).__getitems__(KEYS)
    soft = made(source, level=Level("peak", target_db=-26.0)).__getitems__(KEYS)
    gain = loud["effect"] == 0
    drive = loud["effect"] == 1
    torch.testing.assert_close(loud["dry"], 10 * soft["dry"])
    torch.testing.assert_close(loud["wet"][gain], 10 * soft["wet"][gain])
    # Distortion compresses: a wet sound that followed the dry level would have been normalised after the effect.
    ratio = loud["wet"][drive].square().mean(dim=(1, 2)).sqrt() / soft["wet"][drive].square().mean(dim=(1, 2)).sqrt()
    assert (ratio < 9.9).all()
    assert (ratio > 1.0).all()
    # A plain gain below 0 dB stays below the dry sound.
    peak = loud["wet"][gain].abs().amax(dim=(1, 2)) / loud["dry"][gain].abs().amax(dim=(1, 2))
    asked = 10 ** (GAIN.to_units(loud["parameters"][gain].numpy())[:, 0] / 20)
    np.testing.assert_allclose(peak.numpy(), asked, rtol=1e-3)


def test_jitter_is_part_of_the_key() -> None:
    still, moving = made(level=Level()), made(level=Level(jitter_db=6.0))
    change = moving.__getitems__(KEYS)["dry"].abs().amax(dim=(1, 2)) / still.__getitems__(KEYS)["dry"].abs().amax(
        dim=(1, 2)
    )
    decibels = 20 * torch.log10(change)
    assert decibels.abs().max() <= 6.001
    assert decibels.std() > 1
    torch.testing.assert_close(moving.__getitems__(KEYS)["parameters"], still.__getitems__(KEYS)["parameters"])


def test_stereo_stays_stereo() -> None:
    batch = made(Noises(channels=2)).__getitems__(KEYS[:3])
    assert batch["wet"].shape == (3, 2, LENGTH)
    assert not torch.equal(batch["wet"][:, 0], batch["wet"][:, 1])


SILENT = Noises(silent=frozenset({"train0", "train2"}))


def test_unusable_clips_are_drawn_again_and_counted() -> None:
    keys = [plan_of(SILENT).key(0, index, index % 3) for index in range(24)]
    batch = made(SILENT).__getitems__(keys)
    again = torch.tensor([key.recording != 1 for key in keys])
    assert 5 < int(again.sum()) < 20
    assert torch.equal(batch["rejected"] > 0, again)
    assert (batch["recording"] == 1).all()
    assert batch["wet"].abs().amax(dim=(1, 2)).min() > 1e-3
    assert batch["index"].tolist() == list(range(24))
    assert batch["effect"].tolist() == [index % 3 for index in range(24)]
    for key, row in zip(keys, rows(batch), strict=True):
        attempt = int(row["rejected"])
        replacement = plan_of(SILENT).key(0, key.index, key.effect, attempt)
        assert (row["recording"].item(), row["start"].item()) == (replacement.recording, replacement.start)
        spec = EFFECTS[key.effect]
        drawn = spec.sample(key.rng(attempt))
        np.testing.assert_array_equal(row["parameters"].numpy()[: len(drawn)], drawn)


def test_clips_drawn_again_do_not_depend_on_their_batch() -> None:
    keys = [plan_of(SILENT).key(0, index, index % 3) for index in range(24)]
    together = rows(made(SILENT).__getitems__(keys))
    for key, row in zip(keys, together, strict=True):
        for name, value in rows(made(SILENT)[key])[0].items():
            assert torch.equal(value, row[name]), name


def test_a_hopeless_effect_is_named() -> None:
    hush = EffectSpec("hush", "pedalboard", "Gain", (Parameter("gain_db", -120, -110, -115, unit="dB"),))
    source = Counted()
    with pytest.raises(
        InputError, match=r"effect 'hush': 21 clips in a row .* recording 'train\d' with gain_db -11"
    ) as e:
        made(source, effects=(GAIN, hush)).__getitems__([KEYS[0], replace(KEYS[1], effect=1)])
    assert "effects.hush.parameters" in str(e.value)
    assert source.reads == 2 + dataset_module.RETRIES


def test_effects_without_controls() -> None:
    invert = EffectSpec("invert", "pedalboard", "Invert")
    batch = made(effects=(invert,)).__getitems__([replace(key, effect=0) for key in KEYS[:2]])
    assert batch["parameters"].shape == (2, 1)
    assert not batch["parameter_mask"].any()
    torch.testing.assert_close(batch["wet"], -batch["dry"])


def test_before_is_the_sound_that_precedes_the_clip() -> None:
    batch = DATASET.__getitems__(KEYS)
    later = [replace(key, start=key.start + 100) for key in KEYS]
    flat = EffectDataset(Noises(), plan_of(Noises()), EFFECTS, ThreadRenderer(1), Level(kind="none"), PREROLL)
    one, other = flat.__getitems__(KEYS), flat.__getitems__(later)
    assert batch["before"].shape == (len(KEYS), 1, PREROLL)
    assert torch.equal(torch.cat((one["before"], one["dry"]), dim=2)[..., 100:-1], _whole(other)[..., : -100 - 1])


def _whole(batch: Batch) -> torch.Tensor:
    return torch.cat((batch["before"], batch["dry"]), dim=2)


def test_a_share_of_the_clips_stays_dry() -> None:
    keys = [plan_of(Noises()).key(0, index, 0) for index in range(200)]
    half = EffectDataset(Noises(), plan_of(Noises()), EFFECTS, ThreadRenderer(1), Level(), PREROLL, 0.5)
    batch, wet = half.__getitems__(keys), made().__getitems__(keys)
    dry = batch["bypassed"]
    assert 70 < int(dry.sum()) < 130
    assert torch.equal(batch["wet"][dry], batch["dry"][dry])
    assert torch.equal(batch["wet"][~dry], wet["wet"][~dry])
    assert not wet["bypassed"].any()
