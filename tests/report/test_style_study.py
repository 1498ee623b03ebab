"""The study of the style benchmark on made-up records whose numbers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxstyle.effects.parameter import Parameter
from fxstyle.effects.preset import Preset
from fxstyle.effects.spec import EffectSpec
from fxstyle.metrics.intervals import Interval
from fxstyle.metrics.style import METRICS
from fxstyle.metrics.style_acceptance import NEVER, Calibration
from fxstyle.plots.style_bench import effects_figure, quality_figure
from fxstyle.report.html import Report
from fxstyle.report.style_records import BOTH, IDENTITY, OURS, EffectRecords, Outcome, Pair, add_ours, column
from fxstyle.report.style_recovery import recovery
from fxstyle.report.style_report import Findings, documentation, quality_points, summary, write_findings
from fxstyle.report.style_study import Comparison, Scope, compare, groups, split_arm, study
from fxstyle.report.style_tables import PUBLISHED, acceptance_table, arms_table, effects_table, markdown, percent
from fxstyle.report.tables import MACRO, Result, read_table

pytestmark = pytest.mark.unit

SCOPE = Scope("made-up", "test", "numbers", 0, {"mda_delay": ("mix",)})
SPEC = EffectSpec(
    "mda_delay",
    "pedalboard",
    parameters=(
        Parameter("mix", 0, 1, 0.5),
        Parameter("feedback", 0, 1, 0.5),
        Parameter("mode", 0, 1, 0, steps=2),
        Parameter("held", 0, 1, 0.2, held=True),
    ),
)
ARMS = ("identity", "controller", "cma@32", "hybrid@8", "hybrid@32", OURS, "oracle")
FACTORS = {"controller": 0.8, "cma@32": 0.7, "hybrid@8": 0.6, "hybrid@32": 0.5, "oracle": 0.0}
PAIRS, SEARCHED = 24, 12


def records(name: str, seen: bool, scale: float) -> EffectRecords:
    """Every arm's scores are its factor times those of doing nothing; every fourth pair of the hybrid does harm."""
    random = np.random.default_rng(len(name))
    found = EffectRecords(replace(SPEC, name=name), seen)
    for index in range(PAIRS):
        truth = random.random(4)
        found.pairs[index] = Pair(f"recording {index % 8}", index % 6 == 5, truth)
        identity = scale * float(random.uniform(1, 2))
        found.outcomes.setdefault((IDENTITY, BOTH), {})[index] = outcome(None, identity, np.nan)
        for arm, factor in FACTORS.items():
            if "@" in arm and index >= SEARCHED:
                continue
            harm = arm == "hybrid@8" and index % 4 == 3
            settings = truth + 0.1 * (1 - factor) * np.array([1.0, -2.0, 0.0, 0.0])
            given = outcome(
                settings, identity * (2.0 if harm else factor), 0.02 if harm else 0.4, 8 if "@" in arm else 0
            )
            found.outcomes.setdefault((arm, "other"), {})[index] = given
    return found


def outcome(settings: np.ndarray | None, score: float, improvement: float, renders: int = 0) -> Outcome:
    return Outcome(
        settings, renders, 0.002, improvement, True, {name: score * (k + 1) for k, name in enumerate(METRICS)}
    )


@pytest.fixture(scope="module")
def effects() -> list[EffectRecords]:
    found = [records("mda_delay", True, 1.0), records("mda_leslie", False, 10.0)]
    for one in found:
        add_ours(one, "hybrid@8", ["other"], {"other": 0.1})
    return found


@pytest.fixture(scope="module")
def results(effects: list[EffectRecords]) -> list[Result]:
    found = study(SCOPE, effects, ARMS, ["other"])
    for arm in ARMS:
        found += recovery(SCOPE, effects, arm, "other")
    return found


def value(results: list[Result], arm: str, effect: str, metric: str, seen: bool | None = None) -> Result:
    name, budget = split_arm(arm)
    found = [
        r
        for r in results
        if (r.arm, r.budget, r.effect, r.metric) == (name, budget, effect, metric)
        and (effect != MACRO or r.seen is seen)
    ]
    assert len(found) == 1
    return found[0]


def test_every_arm_is_related_to_doing_nothing(results: list[Result]) -> None:
    for arm in ("controller", "cma@32", "hybrid@32", "oracle"):
        for effect in ("mda_delay", "mda_leslie", MACRO):
            row = value(results, arm, effect, "mrstft_other_vs_identity")
            assert [row.value, row.ci_low, row.ci_high] == pytest.approx([FACTORS[arm] - 1] * 3)
            assert value(results, arm, effect, "win_rate_other").value == 1.0
    assert value(results, "identity", MACRO, "win_rate_other").value == 0.0
    delay, leslie = (value(results, "oracle", name, "mrstft_other") for name in ("mda_delay", "mda_leslie"))
    assert (delay.seen, leslie.seen, delay.n, delay.recordings) == (True, False, PAIRS, 8)
    assert value(results, "cma@32", "mda_delay", "mrstft_other").n == SEARCHED
    means = [value(results, "controller", name, "mfcc_other").value for name in ("mda_delay", "mda_leslie", MACRO)]
    assert means[2] == pytest.approx(np.mean(means[:2]))


def test_ours_leaves_alone_what_is_not_accepted(results: list[Result], effects: list[EffectRecords]) -> None:
    assert value(results, OURS, MACRO, "bypass_rate_other").value == pytest.approx(0.25)
    assert value(results, OURS, MACRO, "win_rate_accepted_other").value == 1.0
    assert value(results, OURS, MACRO, "win_rate_other").value == pytest.approx(0.75)
    ours = value(results, OURS, "mda_delay", "mrstft_other_vs_identity")
    assert ours.value < value(results, "hybrid@8", "mda_delay", "mrstft_other_vs_identity").value
    assert ours.ci_high <= 0
    never = records("mda_delay", True, 1.0)
    add_ours(never, "hybrid@8", ["other"], {"other": NEVER})
    untouched = column([never], OURS, "other", "mrstft")
    np.testing.assert_array_equal(untouched.values, untouched.identity)


def test_costs_and_recovery(results: list[Result]) -> None:
    assert value(results, "hybrid@8", MACRO, "renders_other").value == 8
    assert value(results, "hybrid@8", "mda_delay", "ms_other").value == pytest.approx(2.0)
    # Dry pairs have no true settings; switches and held controls do not count.
    row = value(results, "controller", "mda_delay", "parameter_mae_other")
    assert (row.value, row.n) == (pytest.approx(0.03), 2 * 20)
    identifiable = value(results, "controller", MACRO, "identifiable_mae_other")
    assert (identifiable.value, identifiable.n) == (pytest.approx(0.02), 20)
    mean = value(results, "controller", MACRO, "identifiable_mae_other_of_train_mean").value
    ratio = value(results, "controller", MACRO, "identifiable_mae_other_vs_train_mean").value
    assert ratio == pytest.approx(0.02 / mean)
    assert value(results, "controller", "mda_leslie", "mae_feedback_other").value == pytest.approx(0.04)
    assert not [r for r in results if r.arm in (IDENTITY, OURS) and "mae" in r.metric]


def test_the_training_mean_of_presets_is_theirs() -> None:
    spec = replace(SPEC, sampling="presets", presets=(Preset("a", {"mix": 0.9}), Preset("b", {"mix": 0.7})))
    found = records("mda_delay", True, 1.0)
    found.spec = spec
    row = value(
        recovery(SCOPE, [found], "controller", "other"), "controller", "mda_delay", "mae_mix_other_of_train_mean"
    )
    wet = [pair for pair in found.pairs.values() if not pair.bypassed]
    assert row.value == pytest.approx(np.mean([abs(0.8 - pair.parameters[0]) for pair in wet]))


def test_arms_are_compared_on_pairs_that_both_answered(effects: list[EffectRecords]) -> None:
    found = compare(SCOPE, effects, [("hybrid@32", "controller"), ("hybrid@32", "nobody")], ["other"])
    assert [(c.effects, c.ratio.n) for c in found] == [
        ("all", 2 * SEARCHED),
        ("seen", SEARCHED),
        ("unseen", SEARCHED),
    ]
    for one in found:
        assert [one.points.value, one.points.low, one.points.high] == pytest.approx([-0.3] * 3)
        assert [one.ratio.value, one.ratio.high] == pytest.approx([0.5 / 0.8 - 1] * 2)
    assert [name for name, _, _ in groups(effects[:1])] == ["all"]


def findings(effects: list[EffectRecords], results: list[Result]) -> Findings:
    calibrations = {
        (MACRO, "other"): Calibration(0.1, Interval(-0.2, -0.3, -0.1, 40, 9), 0.5),
        ("mda_delay", "other"): Calibration(NEVER, Interval(0.0, 0.0, 0.0, 20, 9), 0.0),
    }
    comparisons: list[Comparison] = compare(SCOPE, effects, [("ours", "controller")], ["other"])
    return Findings(effects, ARMS, ["other"], results, comparisons, calibrations, "controller", {"mda_delay": ("mix",)})


def test_tables(effects: list[EffectRecords], results: list[Result]) -> None:
    table = arms_table(results, (*ARMS, "nobody"), "other")
    assert [row[0].text for row in table.rows] == list(ARMS)
    assert [cell.text for cell in table.rows[1]] == [
        "controller",
        *["-20.0 %"] * 3,
        "100%",
        "0",
        "2.00",
        str(2 * PAIRS),
    ]
    by_effect = effects_table(results, ["mda_delay", "mda_leslie"], ["controller", "oracle"], "other")
    assert by_effect.header[-1] == "published"
    assert by_effect.rows[0][-1].text == "+2 / +0 / +9 %"
    assert by_effect.rows[0][2].text == "25%"
    assert by_effect.rows[-1][0].text == MACRO
    page = documentation(findings(effects, results), ["python evaluate.py"])
    assert "| controller | -20.0 % [-20.0 %, -20.0 %] |" in page
    assert "ours against controller" in page
    thresholds = acceptance_table(findings(effects, results).calibrations)
    assert [row[2].text for row in thresholds.rows] == ["above 10%", "never"]
    assert markdown(thresholds).count("\n|") == 4
    assert (percent(-0.0001), percent(0.123), percent(float("nan"))) == ("0.0 %", "+12.3 %", "–")
    assert set(PUBLISHED) >= {"mda_delay", "mda_leslie"}


def test_the_report(effects: list[EffectRecords], results: list[Result], tmp_path: Path) -> None:
    found = findings(effects, results)
    said = summary(found)
    assert "unmatched content" in said[0]
    assert "above +1 % for no effect; of 2 effects" in said[1]
    assert ", 2 are bypassed at most half of the time" in said[1]
    page = write_findings(tmp_path, found, Report("made up"))
    assert "What more renders buy" in page.read_text()
    assert len(read_table(tmp_path / "table.csv")) == len(results)
    lines = {(point.arm, point.renders) for point in quality_points(found)}
    assert lines == {("hybrid", 0), ("hybrid", 8), ("hybrid", 32), ("cma", 32)}


def test_figures_name_what_they_show(effects: list[EffectRecords], results: list[Result]) -> None:
    points = quality_points(findings(effects, results))
    quality = quality_figure(points)
    assert [label.get_text() for label in quality.axes[0].get_xticklabels()] == ["0", "8", "32"]
    rows = [replace(point, row=row) for point in points for row in ("mda_delay", "mda_leslie")]
    figure = effects_figure([*rows, *(replace(point, panel="matched content") for point in rows)], "hybrid")
    first, second = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["mda_delay", "mda_leslie"]
    assert first.yaxis.get_tick_params()["labelleft"] is not second.yaxis.get_tick_params()["labelleft"]
    with pytest.raises(ValueError, match="no points"):
        quality_figure([])
