from __future__ import annotations

import pickle

import numpy as np
import pytest
import soundfile

from fxstyle.audio.folder import FolderSource
from fxstyle.audio.mixed import MixedSource
from fxstyle.audio.synthetic import SyntheticSource
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit


@pytest.fixture
def real(make_folder, cache_dir):
    root = make_folder(*[f"{index}.wav" for index in range(6)])
    return FolderSource(root, sample_rate=8000, min_seconds=0.1, cache_dir=cache_dir)


@pytest.fixture
def generated():
    return SyntheticSource(8000, seconds=0.5, train_recordings=10, val_recordings=2, test_recordings=2)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_ratio_is_the_share_of_generated_recordings(real, generated, ratio):
    source = MixedSource(real, generated, ratio)
    recordings, weights = source.recordings("train"), source.weights("train")
    assert len(recordings) == len(weights) == len({recording.name for recording in recordings})
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()
    share = sum(
        weight for recording, weight in zip(recordings, weights, strict=True) if recording.name.startswith("generated/")
    )
    assert share == pytest.approx(ratio)


@pytest.mark.parametrize("split", ["val", "test"])
def test_validation_and_test_are_real(real, generated, split):
    source = MixedSource(real, generated, 1.0)
    names = [recording.name for recording in source.recordings(split)]
    assert names == [f"real/{recording.name}" for recording in real.recordings(split)]
    np.testing.assert_array_equal(source.weights(split), real.weights(split))


def test_reading_is_that_of_the_parts(real, generated):
    source = pickle.loads(pickle.dumps(MixedSource(real, generated, 0.5)))
    parts = [*real.recordings("train"), *generated.recordings("train")]
    for mixed, own in zip(source.recordings("train"), parts, strict=True):
        part = generated if mixed.name.startswith("generated/") else real
        np.testing.assert_array_equal(source.read(mixed, -5, 500), part.read(own, -5, 500))


def test_a_folder_of_its_own_is_the_test(real, generated, tmp_path):
    root = tmp_path / "other"
    root.mkdir()
    soundfile.write(root / "only.wav", np.full(4000, 0.25), 8000)
    source = MixedSource(real, generated, 0.5, test_root=root)
    (recording,) = source.recordings("test")
    assert recording.name == "real/only.wav"
    np.testing.assert_allclose(source.read(recording, 0, 4000), 0.25, atol=1e-4)
    np.testing.assert_array_equal(source.weights("test"), [1.0])
    assert len(source.recordings("val")) == len(real.recordings("val"))


def test_test_files_that_also_train_are_refused(real, generated):
    with pytest.raises(InputError, match="also train or validate"):
        MixedSource(real, generated, 0.5, test_root=real.root)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_wrong_ratios_are_refused(real, generated, ratio):
    with pytest.raises(InputError, match="ratio"):
        MixedSource(real, generated, ratio)


def test_different_rates_are_refused(real):
    with pytest.raises(InputError, match="8000 Hz with 1 channels"):
        MixedSource(real, SyntheticSource(16000, seconds=0.5), 0.5)


def test_notes_say_the_ratio(real, generated):
    assert MixedSource(real, generated, 0.25).notes()[0].startswith("25 % of the training clips are generated")
