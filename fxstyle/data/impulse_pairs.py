"""Pairs made from dry recordings and a measured impulse response, such as that of a plate reverb."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from fxstyle.audio.files import read_audio
from fxstyle.audio.levels import Level, is_silent
from fxstyle.audio.resample import resample
from fxstyle.audio.source import SPLITS, Source, Split
from fxstyle.data.conditions import preset_conditions
from fxstyle.data.pair import Pair, PairSet
from fxstyle.data.recording_choice import amount_note, check_level, check_seconds, choose_recordings, read_dry
from fxstyle.errors import InputError

_HIGHEST_PEAK = 0.99


class ImpulsePairs:
    """A linear device known by its impulse response, over recordings of a source, in mono.

    Noise as of a real recording lies on the wet sound of training and validation; the test is clean. All recordings
    have the same gain, which keeps the loudest below full scale.

    Args:
        impulse: The impulse response, a sound file; its first channel is used.
        source: Dry recordings.
        level: Level of the dry sound.
        snr_db: How far the noise lies below the mean power of each recording's wet sound, in dB.
        train_seconds: Most seconds of training recordings, tails included; ``None`` for all.
        val_seconds: The same of validation.
        test_seconds: The same of the test.
        recording_seconds: Longer recordings are cut to this; ``None`` for whole ones.
        tail_seconds: Silence after each recording, so that the reverberation is heard to its end.
        seed: Seeds the noise.
        licence: Of the impulse response and the recordings; empty where nothing is known.

    Raises:
        InputError: An option is wrong.
    """

    def __init__(
        self,
        impulse: str,
        source: Source,
        level: Level,
        snr_db: float = 60.0,
        train_seconds: float | None = 30.0,
        val_seconds: float | None = None,
        test_seconds: float | None = None,
        recording_seconds: float | None = None,
        tail_seconds: float = 0.0,
        seed: int = 0,
        licence: str = "",
    ) -> None:
        limits: dict[Split, float | None] = {"train": train_seconds, "val": val_seconds, "test": test_seconds}
        check_seconds(recording_seconds=recording_seconds, **{f"{key}_seconds": limits[key] for key in SPLITS})
        check_level(level)
        if not 0 <= tail_seconds < float("inf"):
            raise InputError(f"data.tail_seconds is {tail_seconds}: use 0 or more.")
        if not 0 <= snr_db <= 200:
            raise InputError(f"data.snr_db is {snr_db}: use 0 to 200.")
        if seed < 0:
            raise InputError(f"data.seed is {seed}: use 0 or more.")
        self.impulse = Path(impulse).expanduser()
        self.source = source
        self.level = level
        self.snr_db = snr_db
        self.limits = limits
        self.recording_seconds = recording_seconds
        self.tail_seconds = tail_seconds
        self.seed = seed
        self.licence = licence

    def load(self) -> PairSet:
        """Convolve all recordings.

        Raises:
            InputError: The impulse response cannot be used, or a split has no recordings.
        """
        response, notes = self._response()
        conditions = preset_conditions(("",))
        made: list[tuple[Split, str, NDArray[np.float32], NDArray[np.float64]]] = []
        notes += self.source.notes()
        for split in SPLITS:
            chosen = choose_recordings(
                self.source, split, self.limits[split], self.recording_seconds, self.tail_seconds
            )
            notes.append(amount_note(self.source, split, chosen))
            for one in chosen:
                dry = read_dry(self.source, one, self.level, self.tail_seconds)
                wet = fftconvolve(dry[0].astype(np.float64), response)[None, : dry.shape[-1]]
                made.append((split, one.recording.name, dry, wet))
        loudest = max(float(np.abs(wet).max()) for *_, wet in made)
        gain = _HIGHEST_PEAK / max(loudest, _HIGHEST_PEAK)
        notes.append(
            f"Wet sound is {self.impulse.name} at a gain of {gain:.3g}; in train and val, noise lies "
            f"{self.snr_db:g} dB below it."
        )
        pairs = []
        for number, (split, name, dry, wet) in enumerate(made):
            noise = np.random.default_rng([self.seed, number]).standard_normal(wet.shape)
            spread = 0.0 if split == "test" else np.sqrt(np.mean(wet**2)) * 10 ** (-self.snr_db / 20)
            wet_sound = (gain * (wet + spread * noise)).astype(np.float32)
            pairs.append(Pair(name, name, split, 0, dry, wet_sound, conditions.values[0]))
        return PairSet(
            name=self.impulse.stem,
            sample_rate=self.source.sample_rate,
            settings=conditions.settings,
            setting_conditions=conditions.values,
            condition_names=conditions.names,
            pairs=tuple(pairs),
            licence=self.licence,
            notes=tuple(notes),
        )

    def _response(self) -> tuple[NDArray[np.float64], list[str]]:
        """The impulse response ``(taps,)`` at the source's rate, and what a report must say of it."""
        audio, rate = read_audio(self.impulse)
        notes = []
        if len(audio) > 1:
            notes.append(f"{self.impulse.name} has {len(audio)} channels; the first is used.")
        response = audio[:1]
        if is_silent(response):
            raise InputError(f"{self.impulse} is silent: give an impulse response.")
        wanted = self.source.sample_rate
        if rate != wanted:
            notes.append(f"{self.impulse.name} was resampled from {rate} Hz to {wanted} Hz.")
            # More samples a second make the sum of the convolution larger.
            response = resample(response, rate, wanted, "VHQ") * np.float32(rate / wanted)
        return response[0].astype(np.float64), notes
