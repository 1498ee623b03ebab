"""Which controls sound can tell apart: a Fisher information study through the real plugin.

At a random setting the log-mel levels of the output are differentiated by each continuous control. Sensitivity is the
length of such a column of the Jacobian; what no combination of the other columns imitates can be identified. For equal
noise on every level the Fisher information is ``F = J^T J / noise^2``, and ``1 / (F^-1)_kk`` is, but for the noise, the
squared length of that own part of column ``k``.

Source: Kay, Fundamentals of Statistical Signal Processing I (1993), ch. 3; collinearity as in Belsley, Kuh and Welsch,
Regression Diagnostics (1980), ch. 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fxstyle.doctor.bench import Bench
from fxstyle.doctor.features import floor_of, level_db, mel_power
from fxstyle.doctor.sounds import Clip
from fxstyle.effects.renderer import Status
from fxstyle.effects.spec import EffectSpec

STEP = 0.02
DEAD_DB = 0.05
"""Sensitivity below which a control is not heard at a setting, in dB for its full range."""
PARALLEL = 0.9
CONFOUNDED = 0.95
"""From this median of ``|cos|`` two columns count as one."""
GAIN_SHARE = 0.98
_LEAST_ACTIVE = 3
_RESAMPLES = 500


@dataclass(frozen=True)
class Sensitivity:
    """What a study says about one control; medians over settings and recordings.

    Attributes:
        name: Its name.
        sensitivity_db: Root mean square change of the levels for its full range, in dB, at the local slope.
        low_db: Lower end of the 95 % interval of that median, from resampling recordings.
        high_db: Upper end.
        active: Share of settings at which it is heard at all (above :data:`DEAD_DB`).
        identifiable: Share of the length of its column, squared, that the other columns cannot imitate; where active.
        own_db: Median sensitivity of that part alone, in dB: what ranks the controls.
        gain_share: Median share of its column that a plain output gain imitates; where active.
    """

    name: str
    sensitivity_db: float
    low_db: float
    high_db: float
    active: float
    identifiable: float
    own_db: float
    gain_share: float


@dataclass(frozen=True)
class Study:
    """Identifiability of an effect's continuous controls.

    Attributes:
        effect: Its name.
        controls: Best identified first.
        rank: Median number of independent directions that are heard (singular values above :data:`DEAD_DB`).
        dead: Controls that are heard at no setting.
        parallel: Pairs whose columns are more or less parallel, with the median of ``|cos|``, from 0.9.
        gains: Controls that an output gain imitates.
        held: Controls that were not moved: switches, and those held fixed.
        settings: Pairs of setting and recording.
        recordings: Recordings among them.
    """

    effect: str
    controls: tuple[Sensitivity, ...]
    rank: float
    dead: tuple[str, ...]
    parallel: tuple[tuple[str, str, float], ...]
    gains: tuple[str, ...]
    held: tuple[str, ...]
    settings: int
    recordings: int

    @property
    def confounded(self) -> tuple[tuple[str, str, float], ...]:
        """Pairs that sound cannot tell apart."""
        return tuple(pair for pair in self.parallel if pair[2] >= CONFOUNDED)


def study(bench: Bench, clips: Sequence[Clip], bases: int, seed: int = 0, step: float = STEP) -> Study:
    """Differentiate through the plugin at random settings on recordings.

    Args:
        bench: Where it renders; controls that mono sound does not show are held.
        clips: Mono clips; a stereo-only effect gets the same on both sides.
        bases: Random settings for each clip, other ones for each.
        seed: Of the settings.
        step: Half the distance of the central difference, as a position; one-sided at the edges.
    """
    mono = bench.spec if bench.spec.channels == "stereo" else bench.spec.for_channels(1)
    spec = replace(mono, sampling="uniform")
    moving = [place for place, parameter in enumerate(spec.parameters) if parameter.kind == "continuous"]
    names = [spec.parameters[place].name for place in moving]
    held = tuple(p.name for p in spec.parameters if p.kind != "continuous")
    columns, gains, clusters = [], [], []
    for number, clip in enumerate(clips):
        audio = np.repeat(clip.audio, 2, axis=0) if spec.channels == "stereo" else clip.audio
        floor = floor_of(mel_power(clip.audio[0], bench.sample_rate))
        for base in range(bases):
            setting = spec.sample(np.random.default_rng([seed, 51, number, base]))
            found = _jacobian(bench, spec, audio, setting, moving, floor, step)
            if found is not None:
                columns.append(found[0])
                gains.append(found[1])
                clusters.append(clip.recording)
    if not moving or not columns:
        return Study(spec.name, (), 0.0, (), (), (), held, len(columns), len(set(clusters)))
    return _summary(spec.name, names, held, columns, gains, clusters)


def _jacobian(
    bench: Bench,
    spec: EffectSpec,
    audio: NDArray[np.float32],
    setting: NDArray[np.float32],
    moving: list[int],
    floor: float,
    step: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Level per full range ``(levels, controls)`` in dB, and the column of a plain gain; nothing where one failed."""
    low, high = np.clip(setting[moving] - step, 0, 1), np.clip(setting[moving] + step, 0, 1)
    rows = np.repeat(setting[None], 2 * len(moving) + 1, axis=0)
    for column, place in enumerate(moving):
        rows[2 * column, place], rows[2 * column + 1, place] = low[column], high[column]
    wet, status = bench.render(audio, rows, spec)
    if np.any(status > Status.CLIPPED):
        return None
    power = mel_power(wet, bench.sample_rate).reshape(len(rows), -1)
    levels = level_db(power, floor)
    jacobian = ((levels[1:-1:2] - levels[:-1:2]) / (high - low)[:, None]).T
    return jacobian, power[-1] / (power[-1] + floor)


def _summary(
    effect: str,
    names: list[str],
    held: tuple[str, ...],
    columns: list[NDArray[np.float64]],
    gains: list[NDArray[np.float64]],
    clusters: list[str],
) -> Study:
    size: NDArray[np.float64] = np.stack([np.sqrt(np.mean(np.square(j), axis=0)) for j in columns])
    active: NDArray[np.bool_] = np.stack([row > DEAD_DB for row in size])
    own: NDArray[np.float64] = np.stack([_own_share(j, a) for j, a in zip(columns, list(active), strict=True)])
    gain: NDArray[np.float64] = np.stack([_gain_share(j, g) for j, g in zip(columns, gains, strict=True)])
    own[~active], gain[~active] = np.nan, np.nan
    controls = []
    for k, name in enumerate(names):
        low, high = _interval(size[:, k], clusters)
        own_db = size[:, k] * np.sqrt(np.nan_to_num(own[:, k]))
        controls.append(
            Sensitivity(
                name,
                float(np.median(size[:, k])),
                low,
                high,
                float(active[:, k].mean()),
                _median(own[:, k]),
                float(np.median(own_db)),
                _median(gain[:, k]),
            )
        )
    return Study(
        effect=effect,
        controls=tuple(sorted(controls, key=lambda c: (-c.own_db, -c.sensitivity_db))),
        rank=float(np.median([_rank(j) for j in columns])),
        dead=tuple(c.name for c in controls if not c.active),
        parallel=_parallel(names, columns, active),
        gains=tuple(c.name for c in controls if c.active > 0 and c.gain_share >= GAIN_SHARE),
        held=held,
        settings=len(columns),
        recordings=len(set(clusters)),
    )


def _own_share(jacobian: NDArray[np.float64], active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``1 - R^2`` of each column on the other active ones, ``(controls,)``."""
    shares: NDArray[np.float64] = np.full(jacobian.shape[1], np.nan)
    places = np.flatnonzero(active)
    heard = jacobian[:, places]
    triangle = np.linalg.qr(heard / np.linalg.norm(heard, axis=0)).R
    for column, place in enumerate(places):
        others = np.delete(triangle, column, axis=1)
        imitated = others @ np.linalg.lstsq(others, triangle[:, column], rcond=1e-6)[0]
        shares[place] = min(float(np.sum(np.square(triangle[:, column] - imitated))), 1.0)
    return shares


def _gain_share(jacobian: NDArray[np.float64], gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each column that moving all levels by one gain imitates, ``(controls,)``."""
    length = np.sum(np.square(jacobian), axis=0) * float(gain @ gain)
    return np.divide(np.square(gain @ jacobian), length, out=np.zeros(jacobian.shape[1]), where=length > 0)


def _rank(jacobian: NDArray[np.float64]) -> int:
    values = np.linalg.svd(jacobian / np.sqrt(len(jacobian)), compute_uv=False)
    return int(np.count_nonzero(values > DEAD_DB))


def _parallel(
    names: list[str], columns: list[NDArray[np.float64]], active: NDArray[np.bool_]
) -> tuple[tuple[str, str, float], ...]:
    lengths = [np.sqrt(np.sum(np.square(j), axis=0)) for j in columns]
    scaled = [np.divide(j, n, out=np.zeros_like(j), where=n > 0) for j, n in zip(columns, lengths, strict=True)]
    cosines = np.abs(np.stack([s.T @ s for s in scaled]))
    pairs = []
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            both = active[:, one] & active[:, other]
            if np.count_nonzero(both) < _LEAST_ACTIVE:
                continue
            middle = float(np.median(cosines[both, one, other]))
            if middle >= PARALLEL:
                pairs.append((names[one], names[other], middle))
    return tuple(sorted(pairs, key=lambda pair: -pair[2]))


def _interval(values: NDArray[np.float64], clusters: list[str]) -> tuple[float, float]:
    """95 % interval of the median, from resampling whole recordings; ``nan`` for one recording."""
    kinds = sorted(set(clusters))
    if len(kinds) < 2:
        return float("nan"), float("nan")
    groups = [values[np.array(clusters) == kind] for kind in kinds]
    rng = np.random.default_rng([len(kinds), len(values)])
    medians = [
        np.median(np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))]))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)


def _median(values: NDArray[np.float64]) -> float:
    """The median of what is there; ``nan`` for nothing."""
    there = values[~np.isnan(values)]
    return float(np.median(there)) if len(there) else float("nan")
