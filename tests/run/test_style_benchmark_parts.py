"""Pairs, arms and the store of the style benchmark."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from fxstyle.audio.levels import loudness_lufs
from fxstyle.errors import InputError
from fxstyle.metrics.style import spectral_centroid
from fxstyle.run.style_arms import Answer, NearestPreset, blind_arms, training_mean
from fxstyle.run.style_controllers import Controllers
from fxstyle.run.style_pairs import LEAST_POWER
from fxstyle.run.style_rules import rule_based
from fxstyle.run.style_searches import Search
from fxstyle.run.style_store import Lines
from tests.effects.catalogue import effect, noise
from tests.run.style_makers import RATE, SAMPLES, Told, pair_source, run_folder

pytestmark = pytest.mark.unit


def test_a_pair_is_a_clip_cut_in_two() -> None:
    source, spec = pair_source(), effect("distortion")
    pair = source.pairs(spec, "test", [0])[0]
    assert pair.dry.shape == pair.target.shape == pair.other.shape == (1, SAMPLES)
    assert pair.warmed.shape == (1, 1600 + SAMPLES)
    settings = pair.parameters[None, None]
    done = source.renderer.render([spec], pair.warmed[None], settings, RATE, source.preroll)
    np.testing.assert_allclose(done.audio[0, 0], pair.target, atol=1e-6)
    assert not pair.bypassed
    assert pair.reference("same") is pair.target
    assert pair.reference("other") is pair.other
    assert min(np.mean(np.square(sound)) for sound in (pair.dry, pair.target, pair.other)) >= LEAST_POWER


def test_pairs_are_a_function_of_seed_effect_and_index() -> None:
    spec = effect("distortion")
    several = pair_source().pairs(spec, "test", [0, 1, 2])
    alone = pair_source().pairs(spec, "test", [2])[0]
    np.testing.assert_array_equal(alone.target, several[2].target)
    others = (
        pair_source(seed=1).pairs(spec, "test", [2])[0],
        pair_source().pairs(replace(spec, name="distortion_too"), "test", [2])[0],
        pair_source().pairs(spec, "val", [2])[0],
        several[1],
    )
    for other in others:
        assert not np.array_equal(other.parameters, alone.parameters)


def test_a_share_of_the_pairs_is_dry() -> None:
    pairs = pair_source(wet_probability=0.5).pairs(effect("distortion"), "test", range(20))
    dry = [pair for pair in pairs if pair.bypassed]
    assert 4 <= len(dry) <= 16
    for pair in dry:
        np.testing.assert_array_equal(pair.dry, pair.target)


def test_silent_halves_are_refused() -> None:
    source = pair_source()
    mute = replace(source, samples=20 * SAMPLES)
    with pytest.raises(InputError, match="silent in one half"):
        mute.pairs(effect("distortion"), "test", [0])


def test_blind_arms() -> None:
    source, spec = pair_source(), effect("delay")
    arms = blind_arms(source, "test")
    pair = source.pairs(spec, "test", [0])[0]
    answers = {name: arm.answer(spec, pair, "other") for name, arm in arms.items()}
    assert answers["identity"].audio is pair.dry
    assert answers["oracle"].positions is pair.parameters
    assert (answers["mid"].positions == 0.5).all()
    assert not np.array_equal(answers["random"].positions, pair.parameters)
    assert arms["oracle"].answer(spec, replace(pair, bypassed=True), "other").audio is pair.dry


def test_the_training_mean_is_that_of_its_draws() -> None:
    for name in ("distortion", "ts808", "diary_reverb"):
        spec = effect(name)
        drawn = np.mean([spec.sample(np.random.default_rng(seed)) for seed in range(1500)], axis=0)
        np.testing.assert_allclose(training_mean(spec), drawn, atol=0.05)


def test_rules_match_spectrum_and_loudness() -> None:
    dry = noise(samples=48000)
    reference = 0.3 * sosfilt(butter(1, 3000, fs=24000, output="sos"), noise(samples=48000, seed=1)).astype(np.float32)
    made = rule_based(dry, reference, 24000)
    assert loudness_lufs(made, 24000) == pytest.approx(loudness_lufs(reference, 24000), abs=0.1)
    wanted, before = spectral_centroid(reference, 24000), spectral_centroid(dry, 24000)
    assert abs(spectral_centroid(made, 24000) - wanted) < 0.3 * abs(before - wanted)
    assert made.dtype == np.float32
    np.testing.assert_allclose(rule_based(dry, dry, 24000)[:, 600:-600], dry[:, 600:-600], atol=1e-4)


def test_the_nearest_preset_is_the_one_that_was_rendered() -> None:
    source, spec = pair_source(), effect("distortion")
    arm = NearestPreset(source, 12)
    pair = source.pairs(spec, "test", [0])[0]
    arm.answer(spec, pair, "other")
    dataset = source.dataset(spec, "train", SAMPLES)
    known = dataset.__getitems__([dataset.plan.key(0, index, 0) for index in range(12)])
    asked = replace(pair, other=known["wet"][7].numpy())
    np.testing.assert_array_equal(arm.answer(spec, asked, "other").positions, known["parameters"][7].numpy())


def test_controllers_are_chosen_by_effect(tmp_path: Path) -> None:
    source = pair_source()
    for name, content in (("delay", b"1"), ("distortion", b"2")):
        run_folder(tmp_path / "each" / name, name, content)
    told = {name: Told(name, place) for name, place in (("delay", 0.2), ("distortion", 0.8))}
    each = Controllers("each", tmp_path / "each", RATE, lambda run: told[run.name])
    spec = effect("distortion")
    pair = source.pairs(spec, "test", [0])[0]
    assert each.answer(spec, pair, "other").positions == pytest.approx([0.8])
    assert [run.name for run in each.folders] == ["delay", "distortion"]
    assert each.made_with(spec) != each.made_with(effect("delay"))
    assert not each.covers(effect("reverb"))
    with pytest.raises(InputError, match=r"controllers\.none"):
        Controllers("none", tmp_path / "nothing", RATE, lambda run: told[run.name])


def test_a_search_begins_at_its_controller(tmp_path: Path) -> None:
    source, spec = pair_source(), effect("distortion")
    pair = source.pairs(spec, "test", [0])[0]
    told = Told("distortion", float(pair.parameters[0]))
    start = Controllers("one", run_folder(tmp_path / "run", "distortion"), RATE, lambda run: told)
    for content in ("same", "other"):
        found = Search("hybrid", "hybrid", 8, source, "test", start).answer(spec, pair, content)
        assert found.renders == 8
        assert found.score <= 0.6 * found.identity
    assert Search("cma", "cma", 8, source, "test").name == "cma@8"


def test_an_interrupted_search_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    source, spec = pair_source(), effect("distortion")
    pair = source.pairs(spec, "test", [0])[0]

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fxstyle.search.problem.Problem.evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Search("cma", "cma", 8, source, "test").answer(spec, pair, "other")


def test_an_answer_without_objective_says_so() -> None:
    assert np.isnan(Answer().score)


def test_lines_are_kept_and_a_torn_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.jsonl"
    first = Lines(path, {"seed": 1, "sizes": (1, 2)})
    first.append({"index": 0, "score": float("nan"), "scores": {"x": float("inf")}})
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"index": 1, "sco')
    again = Lines(path, {"seed": 1, "sizes": (1, 2)})
    assert again.records == [{"index": 0, "score": None, "scores": {"x": None}}]
    assert path.read_bytes() == whole
    again.append({"index": 1})
    assert [json.loads(line)["index"] for line in path.read_text().splitlines()[1:]] == [0, 1]


def test_lines_of_other_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    Lines(path, {"seed": 1, "arm": {"cma": {"budget": 8}}})
    with pytest.raises(InputError, match=r"another arm .*budget.*another out"):
        Lines(path, {"seed": 1, "arm": {"cma": {"budget": 9}}})
    path.write_text("not json\n")
    with pytest.raises(InputError, match="damaged"):
        Lines(path, {"seed": 1})
    path.write_text("")
    assert Lines(path, {"seed": 1}).records == []
