"""Test clips as every arm of the latent study sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxstyle.data.dataset import Batch, EffectDataset
from fxstyle.data.keys import ClipKey
from fxstyle.features.style import mfcc_statistics
from fxstyle.features.timbre import timbre
from fxstyle.models.vae import SpectrogramVAE

Floats = NDArray[np.float64]
Embed = Callable[[Tensor], NDArray[Any]]
"""``wet (batch, channels, samples) -> (batch, dimensions)``."""

COMPONENTS = 128
BATCH = 12


@dataclass
class Clips:
    """Rendered clips, as far as the study needs them.

    Attributes:
        effect: Effect index ``(n,)``.
        recording: Name of the recording ``(n,)``.
        keys: Where each clip's content lies.
        parameters: Positions ``(n, max_parameters)``.
        wet: Embeddings of the wet sound by arm, ``(n, dimensions)``.
        dry: The model's embeddings of the dry sound ``(n, dimensions)``.
        wet_timbre: Brightness and depth of the wet sound ``(n, 2)``.
        dry_timbre: The same of the dry sound.
    """

    effect: NDArray[np.int64]
    recording: NDArray[np.str_]
    keys: list[ClipKey]
    parameters: NDArray[np.float32]
    wet: dict[str, Floats]
    dry: Floats
    wet_timbre: Floats
    dry_timbre: Floats


class SpectrogramPCA:
    """Principal components of whole normalised spectrograms: what a linear model without training makes of them.

    Fitted through the Gram matrix, since clips are far fewer than bins.

    Args:
        spectrograms: ``(n, bins x frames)`` in half precision.
        components: How many to keep; fewer where there are fewer clips.
    """

    def __init__(self, spectrograms: NDArray[np.floating], components: int) -> None:
        self.mean = spectrograms.mean(axis=0, dtype=np.float32)
        gram = np.zeros((len(spectrograms), len(spectrograms)), dtype=np.float64)
        blocks = range(0, spectrograms.shape[1], 16384)
        for first in blocks:
            part = spectrograms[:, first : first + 16384].astype(np.float32) - self.mean[first : first + 16384]
            gram += part @ part.T
        values, vectors = np.linalg.eigh(gram)
        kept = np.argsort(values)[::-1][: min(components, len(values) - 1)]
        scaled = (vectors[:, kept] / np.sqrt(np.maximum(values[kept], 1e-12))).astype(np.float32)
        self.axes = np.concatenate(
            [(spectrograms[:, f : f + 16384].astype(np.float32) - self.mean[f : f + 16384]).T @ scaled for f in blocks]
        )

    def __call__(self, spectrograms: NDArray[np.floating]) -> Floats:
        """Project ``(n, bins x frames)`` to ``(n, components)``."""
        return ((spectrograms.astype(np.float32) - self.mean) @ self.axes).astype(np.float64)


def batches(dataset: EffectDataset, keys: Sequence[ClipKey]) -> Iterator[tuple[list[ClipKey], Batch]]:
    """Render keys in batches."""
    for first in range(0, len(keys), BATCH):
        some = list(keys[first : first + BATCH])
        yield some, dataset.__getitems__(some)


def encoder(model: SpectrogramVAE, device: torch.device) -> Embed:
    """Posterior means of a VAE."""
    model = model.to(device).eval()

    def embed(wet: Tensor) -> Floats:
        with torch.inference_mode():
            return model(wet.to(device)).mean.double().cpu().numpy()

    return embed


def flat_spectrograms(model: SpectrogramVAE, device: torch.device) -> Embed:
    """The model's own input, flattened to ``(batch, bins x frames)`` in half precision."""

    def embed(wet: Tensor) -> NDArray[np.float16]:
        with torch.inference_mode():
            return model.spectrogram(wet.to(device)).flatten(1).half().cpu().numpy()

    return embed


def components(pca: SpectrogramPCA, flat: Embed) -> Embed:
    """Principal components of the model's input."""
    return lambda wet: pca(flat(wet))


def cepstra(sample_rate: int) -> Embed:
    """MFCC statistics."""
    return lambda wet: mfcc_statistics(mono(wet), sample_rate)


def mono(audio: Tensor) -> NDArray[np.float32]:
    """Mono sum ``(batch, samples)``."""
    return audio.mean(dim=1).numpy()


def collect(
    dataset: EffectDataset, keys: Sequence[ClipKey], arms: dict[str, Embed], progress: Callable[[int], None]
) -> Clips:
    """Render and embed clips.

    Args:
        dataset: Renders the keys.
        keys: Clips to collect.
        arms: Embeddings by arm; must hold ``model``.
        progress: Told how many clips have been done.
    """
    rate = dataset.source.sample_rate
    wet: dict[str, list[NDArray[Any]]] = {name: [] for name in arms}
    dry: list[Floats] = []
    wet_timbre: list[Floats] = []
    dry_timbre: list[Floats] = []
    parameters: list[NDArray[np.float32]] = []
    effect: list[NDArray[np.int64]] = []
    used: list[ClipKey] = []
    for some, batch in batches(dataset, keys):
        for name, embed in arms.items():
            wet[name].append(embed(batch["wet"]))
        dry.append(arms["model"](batch["dry"]))
        for store, sound in ((wet_timbre, batch["wet"]), (dry_timbre, batch["dry"])):
            described = timbre(mono(sound), rate)
            store.append(np.stack([described.brightness, described.depth], axis=1))
        parameters.append(batch["parameters"].numpy())
        effect.append(batch["effect"].numpy())
        for key, recording, start in zip(some, batch["recording"].tolist(), batch["start"].tolist(), strict=True):
            used.append(replace(key, recording=recording, start=start))
        progress(len(some))
    return Clips(
        effect=np.concatenate(effect),
        recording=np.array([dataset.plan.recordings[key.recording].name for key in used]),
        keys=used,
        parameters=np.concatenate(parameters),
        wet={name: np.concatenate(values) for name, values in wet.items()},
        dry=np.concatenate(dry),
        wet_timbre=np.concatenate(wet_timbre),
        dry_timbre=np.concatenate(dry_timbre),
    )


@dataclass(frozen=True)
class Pairs:
    """Queries for retrieval with content-matched distractors.

    Attributes:
        queries: By arm, ``(q, dimensions)``.
        candidates: By arm, ``(q, c, dimensions)``; the first is the positive.
        recording: The query's recording ``(q,)``.
    """

    queries: dict[str, Floats]
    candidates: dict[str, Floats]
    recording: NDArray[np.str_]


def retrieval_pairs(
    dataset: EffectDataset, clips: Clips, effects: Sequence[int], arms: dict[str, Embed], contents: int, seed: int
) -> Pairs:
    """Render two contents through the same settings of each effect.

    The query is content A through effect e. Its positive is content B through the same settings; the distractors are
    the same content B through the other effects, so that content cannot tell the candidates apart.

    Args:
        dataset: Renders.
        clips: Where contents are taken from.
        effects: Indices of the effects, at least two.
        arms: Embeddings by arm.
        contents: Pairs of contents; each gives one query for each effect.
        seed: Seeds the choice.
    """
    queries: dict[str, list[Floats]] = {name: [] for name in arms}
    candidates: dict[str, list[Floats]] = {name: [] for name in arms}
    recordings: list[str] = []
    for index in range(contents):
        rng = np.random.default_rng([seed, len(effects), index])
        first = int(rng.integers(len(clips.keys)))
        others = np.flatnonzero(clips.recording != clips.recording[first])
        second = int(rng.choice(others)) if len(others) else first
        positions = np.stack(
            [np.pad(s := dataset.effects[e].sample(rng), (0, dataset.max_parameters - len(s))) for e in effects]
        )
        wet = [_through(dataset, clips.keys[place], effects, positions, rng) for place in (first, second)]
        for name, embed in arms.items():
            a, b = embed(wet[0]), embed(wet[1])
            for own in range(len(effects)):
                rest = [other for other in range(len(effects)) if other != own]
                queries[name].append(a[own])
                candidates[name].append(np.concatenate([b[own : own + 1], b[rest]]))
        recordings += [str(clips.recording[first])] * len(effects)
    return Pairs(
        {name: np.stack(values) for name, values in queries.items()},
        {name: np.stack(values) for name, values in candidates.items()},
        np.array(recordings),
    )


def _through(
    dataset: EffectDataset,
    key: ClipKey,
    effects: Sequence[int],
    positions: NDArray[np.float32],
    rng: np.random.Generator,
) -> Tensor:
    """One content through several effects: ``(effects, channels, samples)``."""
    dry = np.empty((dataset.source.channels, dataset.preroll + key.length), dtype=np.float32)
    dataset.read(key, rng, dry)
    specs = [dataset.effects[e] for e in effects]
    audio = np.repeat(dry[None], len(effects), axis=0)
    rendered = dataset.renderer.render(specs, audio, positions[:, None], dataset.source.sample_rate, dataset.preroll)
    return torch.from_numpy(rendered.audio[:, 0])
