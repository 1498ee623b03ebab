"""``examine_pair``: every trap a pair of recordings can hold."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import soxr

from fxstyle.audio.files import read_audio
from fxstyle.doctor.pair import PairExamination, PairFinding, examine_pair, require_sound
from fxstyle.errors import InputError
from tests.doctor.pairs import RATE, dry_sound, finding, shifted, wet_sound


def check(dry: np.ndarray, wet: np.ndarray, **options: object) -> PairExamination:
    return examine_pair(dry, wet, RATE, RATE, ("d.wav", "w.wav"), **options)  # type: ignore[arg-type]


@pytest.mark.unit
@pytest.mark.parametrize("lag", [-96, 67, -1023])
def test_a_lag_is_repaired_by_whole_samples(lag: int) -> None:
    dry, wet = dry_sound(), wet_sound("compressor", threshold_db=-40, ratio=10)
    found = check(dry, shifted(wet, lag))
    require_sound(found)
    assert found.lag == lag
    assert finding(found, "lag").severity == "repaired"
    assert f"{abs(lag)}" in finding(found, "lag").sentence
    start = max(-lag, 0)
    length = dry.shape[1] - abs(lag)
    np.testing.assert_array_equal(found.dry, dry[:, start : start + length])
    np.testing.assert_array_equal(found.wet, wet[:, start : start + length])
    assert found.esr_fir < found.esr_gain < 0.5 < found.esr_unaligned
    gained = found.dry * 10 ** (found.gain_db / 20)
    assert found.esr_gain == pytest.approx(((gained - found.wet) ** 2).sum() / (found.wet**2).sum(), rel=1e-4)
    assert finding(found, "length").severity == "ok"


@pytest.mark.unit
def test_a_sound_pair_is_left_as_it_is() -> None:
    dry, wet = dry_sound(), wet_sound("compressor", threshold_db=-40, ratio=10)
    found = check(dry, wet)
    assert {f.severity for f in found.findings} == {"ok"}
    assert found.lag == 0
    assert not found.inverted
    np.testing.assert_array_equal(found.dry, dry)
    np.testing.assert_array_equal(found.wet, wet)
    assert found.esr_gain == found.esr_unaligned
    assert all(f.sentence.endswith(".") and f.sentence.count(". ") == 0 for f in found.findings)


@pytest.mark.unit
def test_polarity_is_told_and_turned_only_on_request() -> None:
    dry, wet = dry_sound(), -wet_sound("ts808", drive=0.5)
    found = check(dry, wet, known_lag=0)
    assert found.inverted
    assert finding(found, "polarity").severity == "warn"
    np.testing.assert_array_equal(found.wet, wet)
    turned = check(dry, wet, known_lag=0, invert=True)
    assert finding(turned, "polarity").severity == "repaired"
    np.testing.assert_array_equal(turned.wet, -wet)
    assert turned.esr_gain == pytest.approx(found.esr_gain)


@pytest.mark.unit
def test_a_given_lag_is_taken() -> None:
    dry, wet = dry_sound(), dry_sound()
    found = check(dry, shifted(wet, 40), known_lag=40)
    assert (found.lag, finding(found, "lag").severity) == (40, "repaired")
    np.testing.assert_array_equal(found.dry, found.wet)
    wrong = check(dry, wet, known_lag=20)
    assert (wrong.lag, finding(wrong, "lag").severity) == (20, "warn")


@pytest.mark.unit
def test_a_filter_that_leads_is_no_early_recording() -> None:
    found = check(dry_sound(), wet_sound("ladder"))
    assert found.exact_lag < -0.5
    assert (found.lag, finding(found, "lag").severity) == (0, "ok")


@pytest.mark.unit
def test_a_tail_is_kept_over_silence() -> None:
    dry = dry_sound()
    wet = shifted(wet_sound("reverb", tail=RATE, wet_level=0.5), 67)
    found = check(dry, wet)
    assert finding(found, "length").severity == "repaired"
    assert found.wet.shape == found.dry.shape == (1, dry.shape[1] + RATE - 67)
    np.testing.assert_array_equal(found.wet, wet[:, 67:])
    assert not found.dry[:, dry.shape[1] :].any()
    assert check(dry, wet, tail_seconds=0.5).dry.shape[1] == dry.shape[1] + RATE // 2


@pytest.mark.unit
def test_a_drifting_clock_is_told() -> None:
    wet = soxr.resample(wet_sound("compressor")[0], RATE, RATE * (1 + 50e-6), quality="VHQ")[None]
    found = check(dry_sound(), wet)
    assert found.drift_ppm == pytest.approx(50, abs=6)
    drift = finding(found, "drift")
    assert drift.severity == "warn"
    assert "0.99995" in drift.sentence


@pytest.mark.unit
def test_sounds_without_direct_sound_are_left_alone() -> None:
    found = check(dry_sound(), wet_sound("diary_chorus", rate_hz=5.5, depth=0.2, mix=1))
    assert (found.lag, finding(found, "lag").severity) == (0, "warn")
    assert "not shifted" in finding(found, "lag").sentence


@pytest.mark.unit
def test_dual_mono_becomes_mono() -> None:
    dry = dry_sound()
    found = check(np.repeat(dry, 2, axis=0), np.concatenate([dry, 0 * dry]))
    assert [f.severity for f in found.findings if f.code == "channels"] == ["repaired", "repaired"]
    np.testing.assert_array_equal(found.dry, dry)
    np.testing.assert_array_equal(found.wet, dry)
    stereo = check(dry, np.concatenate([dry, shifted(dry, 300)]))
    assert finding(stereo, "channels", "w.wav").severity == "warn"
    assert stereo.wet.shape == dry.shape


@pytest.mark.unit
def test_what_is_refused() -> None:
    dry, wet = dry_sound(), wet_sound()
    loud = np.clip(dry * np.float32(1 / np.quantile(np.abs(dry), 0.72)), -1, 1)
    cases = {
        "clipping": (check(dry, loud), "27.63% of w.wav lies flat at its maximum, 0.0 dBFS"),
        "silence": (check(dry, 0 * wet), "w.wav is digital silence"),
        "length": (check(dry[:, :4000], wet[:, :4000]), "d.wav has 0.18 s"),
        "lag": (check(dry, np.pad(dry_sound(1), ((0, 0), (8000, 0)))), "do not hold the same performance"),
        "rate": (examine_pair(dry, wet, RATE, 44100, ("d.wav", "w.wav")), "d.wav has 22050 Hz and w.wav has 44100 Hz"),
        "nan": (check(dry, wet * np.float32("nan")), "w.wav holds NaN"),
    }
    for code, (found, words) in cases.items():
        assert [f.code for f in found.refused] == [code]
        with pytest.raises(InputError, match=words.replace(".", r"\.")):
            require_sound(found)
    # Enough of each, but not of what both hold.
    short = check(dry[:, :8000], dry[:, :8000], known_lag=5000)
    assert [f.code for f in short.refused] == ["length"]


@pytest.mark.unit
def test_only_refusals_stop() -> None:
    sound = np.zeros((1, 4), np.float32)
    findings = tuple(PairFinding("x", severity, "x.") for severity in ("ok", "repaired", "warn"))  # type: ignore[arg-type]
    require_sound(PairExamination(findings, sound, sound, RATE))


@pytest.mark.slow
def test_real_pairs() -> None:
    if not (chosen := os.environ.get("FXSTYLE_RECORDINGS")):
        pytest.skip("FXSTYLE_RECORDINGS is not set")
    root = Path(chosen)
    with (root / "pairs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 20
    for row in rows:
        (dry, dry_rate), (wet, wet_rate) = read_audio(root / row["dry"]), read_audio(root / row["wet"])
        found = examine_pair(dry, wet, dry_rate, wet_rate, (row["dry"], row["wet"]))
        require_sound(found)
        assert 0 <= found.lag <= 2
        assert finding(found, "lag").severity != "warn"
        assert found.drift_ppm == 0
        assert found.inverted == row["device"].startswith("behringer")
        if found.lag == 0:
            assert found.esr_gain == pytest.approx(float(row["esr_scalar_gain"]), abs=2e-4)
        for lag in (-96, 67, -1023):
            late = np.pad(wet, ((0, 0), (max(lag, 0), 0)))[:, max(-lag, 0) :]
            assert examine_pair(dry, late, dry_rate, wet_rate).lag == found.lag + lag
