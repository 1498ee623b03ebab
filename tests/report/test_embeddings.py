from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor

from fxstyle.audio.levels import Level
from fxstyle.data.dataset import EffectDataset
from fxstyle.data.keys import ClipPlan
from fxstyle.effects.renderer import ThreadRenderer
from fxstyle.features.timbre import timbre
from fxstyle.models.spectrogram import Spectrogram
from fxstyle.models.vae import SpectrogramVAE
from fxstyle.report.embeddings import (
    BATCH,
    Clips,
    SpectrogramPCA,
    cepstra,
    collect,
    components,
    encoder,
    flat_spectrograms,
    mono,
    retrieval_pairs,
)
from tests.data.sounds import EFFECTS, RATE, Noises

pytestmark = pytest.mark.unit

LENGTH = 4096
CPU = torch.device("cpu")


def dataset_of(channels: int = 1, silent: frozenset[str] = frozenset()) -> EffectDataset:
    source = Noises(channels, silent, lengths=(9000, 12000, 8000))
    plan = ClipPlan("test", source.recordings("test"), source.weights("test"), LENGTH, 3)
    return EffectDataset(source, plan, EFFECTS, ThreadRenderer(1), Level(), 400)


def levels(wet: Tensor) -> NDArray[np.float64]:
    return wet.square().mean(dim=(1, 2)).double().numpy()[:, None]


def sounds(wet: Tensor) -> NDArray[np.float64]:
    return wet.flatten(1).double().numpy()


def model_of(channels: int = 1) -> SpectrogramVAE:
    torch.manual_seed(0)
    return SpectrogramVAE(Spectrogram(256, 256, 128, 0.3), LENGTH, channels, (4, 8), 5)


@pytest.mark.parametrize(("clips", "bins"), [(12, 300), (40, 20000), (24, 16384), (9, 16385)])
def test_principal_components_equal_those_of_scikit_learn(clips: int, bins: int) -> None:
    random = np.random.default_rng(clips)
    shapes = random.standard_normal((6, bins)) * np.array([8, 5, 3, 2, 1, 0.5])[:, None]
    made = (
        random.standard_normal((2 * clips, 6)) @ shapes + 0.1 * random.standard_normal((2 * clips, bins)) + 1.5
    ) / 10
    known, asked = made[:clips].astype(np.float16), made[clips:].astype(np.float16)
    ours = SpectrogramPCA(known, 5)
    theirs = PCA(5, svd_solver="full").fit(known.astype(np.float64))
    np.testing.assert_allclose(ours.mean, theirs.mean_, atol=1e-3)
    np.testing.assert_allclose(ours.axes.T @ ours.axes, np.eye(5), atol=1e-3)
    for one, other in ((ours(known), theirs.transform(known)), (ours(asked), theirs.transform(asked))):
        signs = np.sign((one * other).sum(axis=0))
        np.testing.assert_allclose(one * signs, other, atol=2e-3 * np.abs(other).max())


def test_there_are_no_more_components_than_clips_span() -> None:
    made = np.random.default_rng(0).standard_normal((7, 50)).astype(np.float16)
    assert SpectrogramPCA(made, 128)(made).shape == (7, 6)
    same = SpectrogramPCA(np.ones((4, 50), np.float16), 2)
    assert np.isfinite(same(np.ones((3, 50), np.float16))).all()


@pytest.mark.parametrize("channels", [1, 2])
def test_arms_embed_a_batch(channels: int) -> None:
    model = model_of(channels)
    wet = torch.randn((3, channels, LENGTH), generator=torch.Generator().manual_seed(1))
    embedded = encoder(model, CPU)(wet)
    with torch.inference_mode():
        np.testing.assert_allclose(embedded, model(wet).mean.double(), rtol=1e-6)
    flat = flat_spectrograms(model, CPU)
    assert flat(wet).shape == (3, channels * 128 * (LENGTH // 128))
    assert flat(wet).dtype == np.float16
    pca = SpectrogramPCA(flat(wet), 2)
    np.testing.assert_allclose(components(pca, flat)(wet), pca(flat(wet)))
    assert cepstra(RATE)(wet).shape[0] == 3
    np.testing.assert_allclose(mono(wet), wet.mean(dim=1))


@pytest.mark.parametrize("channels", [1, 2])
def test_clips_are_collected_in_order(channels: int) -> None:
    dataset = dataset_of(channels)
    keys = dataset.plan.fixed(2 * BATCH + 1, range(3))
    done: list[int] = []
    clips = collect(dataset, keys, {"model": levels, "sound": sounds}, done.append)
    assert done == [BATCH, BATCH, 1]
    assert clips.effect.tolist() == [index % 3 for index in range(len(keys))]
    assert clips.keys == keys
    for place in (0, BATCH, 2 * BATCH):
        batch = dataset.__getitems__([keys[place]])
        np.testing.assert_array_equal(clips.wet["sound"][place], sounds(batch["wet"])[0])
        np.testing.assert_allclose(clips.dry[place], levels(batch["dry"])[0])
        np.testing.assert_array_equal(clips.parameters[place], batch["parameters"][0])
        described = timbre(mono(batch["wet"]), RATE)
        np.testing.assert_allclose(clips.wet_timbre[place], [described.brightness[0], described.depth[0]])
        described = timbre(mono(batch["dry"]), RATE)
        np.testing.assert_allclose(clips.dry_timbre[place], [described.brightness[0], described.depth[0]])
        assert clips.recording[place] == dataset.plan.recordings[keys[place].recording].name


def test_replaced_clips_name_what_was_rendered() -> None:
    dataset = dataset_of(silent=frozenset({"test0", "test2"}))
    keys = dataset.plan.fixed(12, range(3))
    assert {key.recording for key in keys} != {1}
    clips = collect(dataset, keys, {"model": levels}, lambda done: None)
    assert set(clips.recording) == {"test1"}
    assert {key.recording for key in clips.keys} == {1}
    assert (clips.dry > 0).all()


def clips_of(dataset: EffectDataset, count: int = 12) -> Clips:
    return collect(dataset, dataset.plan.fixed(count, range(3)), {"model": levels}, lambda done: None)


def test_candidates_share_the_content_and_the_query_has_another() -> None:
    dataset = dataset_of()
    contents, effects = 3, (0, 2)
    pairs = retrieval_pairs(dataset, clips_of(dataset), effects, {"model": sounds}, contents, seed=5)
    queries, candidates = pairs.queries["model"], pairs.candidates["model"]
    assert queries.shape == (contents * 2, LENGTH)
    assert candidates.shape == (contents * 2, 2, LENGTH)
    for content in range(contents):
        first, second = 2 * content, 2 * content + 1
        # The candidates of both queries are the same two sounds; each has its own effect first.
        np.testing.assert_array_equal(candidates[first, 0], candidates[second, 1])
        np.testing.assert_array_equal(candidates[first, 1], candidates[second, 0])
        assert not np.array_equal(candidates[first, 0], candidates[first, 1])
        assert pairs.recording[first] == pairs.recording[second]
    # A gain changes the level alone: content and effect of what was rendered can be told from the sound.
    for gained, echoed in zip(candidates[::2, 0], candidates[1::2, 0], strict=True):
        ratio = gained / np.where(gained == 0, 1, gained)
        assert np.isfinite(ratio).all()
        assert abs(np.corrcoef(gained, echoed)[0, 1]) > 0.2
    for query, own in zip(queries[::2], candidates[::2, 0], strict=True):
        assert abs(np.corrcoef(query, own)[0, 1]) < 0.1


def test_pairs_are_a_function_of_the_seed() -> None:
    dataset = dataset_of()
    clips = clips_of(dataset)

    def made(seed: int) -> Any:
        return retrieval_pairs(dataset, clips, (0, 1, 2), {"model": sounds}, 2, seed)

    np.testing.assert_array_equal(made(1).candidates["model"], made(1).candidates["model"])
    assert not np.array_equal(made(1).queries["model"], made(2).queries["model"])
    assert set(made(1).recording) <= {"test0", "test1", "test2"}
