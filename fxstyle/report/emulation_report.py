"""The report of an emulation: tables by setting, waveforms, spectrograms and sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxstyle.callbacks.media import HOP, TRANSFORM, magnitudes
from fxstyle.data.pair import Pair, PairSet
from fxstyle.metrics.emulation import METRICS
from fxstyle.metrics.emulation_baselines import ARMS
from fxstyle.plots.prediction import waveform_figure
from fxstyle.plots.spectrogram import spectrogram_figure
from fxstyle.report.html import AudioRow, Section
from fxstyle.report.media import Picture, save_audio, save_picture
from fxstyle.report.tables import MACRO, MODEL, Result, Table, pivot

Sound = NDArray[np.float32]
_EXCERPT_SECONDS = 10.0


def summary(rows: Sequence[Result], pairs: PairSet, cost: Mapping[str, float]) -> tuple[str, ...]:
    """What someone reads who reads no further."""
    test = pairs.split("test")
    said = [
        f"{len({pair.recording for pair in test})} test recordings at {len(pairs.settings)} settings of {pairs.name}, "
        f"{sum(pair.samples for pair in test) / pairs.sample_rate:.0f} s in all, streamed from reset."
    ]
    found = {(row.arm, row.metric): row.value for row in rows if row.effect == MACRO}
    if (MODEL, "esr") in found:
        said.append(
            f"Mean over settings: ESR {found[MODEL, 'esr']:.3g}, where the best fixed gain leaves "
            f"{found.get(('gain_oracle', 'esr'), float('nan')):.3g} and a trained filter of 512 taps "
            f"{found.get(('fir', 'esr'), float('nan')):.3g}; skill {found.get((MODEL, 'skill'), float('nan')):.3g}."
        )
    if cost:
        steps, heard, took = (cost.get(name, float("nan")) for name in ("steps", "audio_seconds", "seconds"))
        said.append(f"Trained for {steps:,.0f} steps on {heard:,.0f} s of sound in {took:,.0f} s.")
    return tuple(said)


def headline(rows: Sequence[Result]) -> Table:
    """Metrics by arm, the mean over settings."""
    chosen = [row for row in rows if row.effect == MACRO]
    return pivot(chosen, "Test recordings, mean over settings (95 % bootstrap interval over recordings)")


def sections(
    out: Path,
    rows: Sequence[Result],
    heard: Mapping[int, tuple[Pair, Mapping[str, Sound]]],
    settings: Sequence[str],
    pairs: PairSet,
) -> tuple[Section, ...]:
    """Tables by setting, then pictures and sounds of one recording of each setting."""
    by_setting = [row for row in rows if row.preset and row.arm in (MODEL, *ARMS)]
    tables = tuple(
        pivot(
            [row for row in by_setting if row.metric == metric],
            {"skill": "skill: 1 - ESR / ESR(best gain)"}.get(metric, METRICS.get(metric, metric)),
            rows="preset",
        )
        for metric in dict.fromkeys(row.metric for row in by_setting)
    )
    arms = " ".join(f"{arm}: {text}." for arm, text in ARMS.items())
    pictures: list[Picture] = []
    audio: list[AudioRow] = []
    for setting, (pair, sounds) in sorted(heard.items()):
        name = settings[setting]
        excerpt = min(pair.samples, round(_EXCERPT_SECONDS * pairs.sample_rate))
        parts = {
            "dry": pair.dry,
            "target": pair.wet,
            "prediction": sounds[MODEL],
            "filter": sounds.get("fir", pair.dry),
        }
        parts = {label: np.nan_to_num(sound[:, :excerpt]) for label, sound in parts.items()}
        pictures += _pictures(out, setting, name, parts, pairs.sample_rate)
        files = tuple(
            save_audio(out, f"{setting:02d}_{label}", label, sound, pairs.sample_rate) for label, sound in parts.items()
        )
        audio.append(AudioRow(f"{name}: {pair.recording}", files))
    return (
        Section("Settings", (f"The baselines. {arms}",), tables=tables),
        Section("To listen to", audio=tuple(audio)),
        Section("To look at", pictures=tuple(pictures)),
    )


def _pictures(out: Path, setting: int, name: str, parts: Mapping[str, Sound], rate: int) -> list[Picture]:
    spectra = {label: magnitudes(sound) for label, sound in parts.items() if label != "filter"}
    frequencies = np.linspace(0.0, rate / 2, TRANSFORM // 2 + 1)
    return [
        save_picture(
            out,
            f"{setting:02d}_waveform",
            waveform_figure(parts["prediction"][0], parts["target"][0], rate, title=name),
            f"Waveform of target, prediction and their difference at the setting {name}.",
        ),
        save_picture(
            out,
            f"{setting:02d}_spectrograms",
            spectrogram_figure(spectra, frequencies, HOP / rate, title=name),
            f"Spectrograms of dry sound, target and prediction at the setting {name}.",
        ),
    ]
