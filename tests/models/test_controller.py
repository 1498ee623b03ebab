from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from fxstyle.doctor.fingerprint import RESPONSE
from fxstyle.effects.parameter import Parameter
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError
from fxstyle.features.style_features import FEATURES
from fxstyle.models.controller import PlainController, Prediction, QueryController, Standardisation, StyleModel
from fxstyle.models.queries import Queries, effect_queries
from fxstyle.models.spectrogram import Spectrogram
from fxstyle.models.style_encoder import StatisticsEncoder, VAEEncoder
from fxstyle.models.vae import SpectrogramVAE

pytestmark = pytest.mark.unit

SPEC = EffectSpec(
    "three",
    "pedalboard",
    "None",
    (
        Parameter("drive", 0, 40, 10, unit="dB"),
        Parameter("mode", 0, 2, 1, steps=3),
        Parameter("level", 0, 1, 0.25, held=True),
    ),
)
ONE = EffectSpec("one", "pedalboard", "None", (Parameter("cutoff", 20, 2000, 200, unit="Hz", scale="log"),))


def queries_of(*specs: EffectSpec, places: int = 3, seed: int = 0) -> Queries:
    rng = np.random.default_rng(seed)
    rows = [(spec, rng.standard_normal((len(spec.parameters), RESPONSE), dtype=np.float32)) for spec in specs]
    return effect_queries(rows, places)


def controller(embedding: int = FEATURES, seed: int = 0) -> QueryController:
    torch.manual_seed(seed)
    return QueryController(embedding, 16, 1, 2).eval()


def test_queries_say_what_controls_are() -> None:
    queries = queries_of(SPEC, ONE)
    assert queries.mask.tolist() == [[True, True, False], [True, False, False]]
    assert queries.steps.tolist() == [[0, 3, 0], [0, 0, 0]]
    assert queries.default[0].tolist() == [0.25, 0.5, 0.25]
    chosen = queries.of(torch.tensor([1, 1, 0]))
    assert torch.equal(chosen.values[2], queries.values[0])
    assert not queries.values[1, 1:].any()


def predict(model: QueryController | PlainController, queries: Queries, seed: int = 0) -> Prediction:
    generator = torch.Generator().manual_seed(seed)
    count = len(queries.mask)
    embedding = model.standardisation.mean.numel()
    dry, reference = torch.randn((2, count, embedding), generator=generator)
    return model(dry, reference, queries)


def test_predictions_fit_the_controls() -> None:
    queries = queries_of(SPEC, ONE)
    found = predict(controller(), queries)
    assert found.mean.shape == found.spread.shape == (2, 3)
    assert (found.mean >= 0).all()
    assert (found.mean <= 1).all()
    assert (found.spread > 0).all()
    assert found.mean[0, 2] == 0.25
    assert found.stepped.tolist() == [[False, True, False], [False, False, False]]
    assert torch.isinf(found.logits[0, 1, 3:]).all()
    assert found.logits[0, 1, :3].isfinite().all()
    positions = found.positions(queries.steps)
    assert positions[0, 1].item() in (pytest.approx(1 / 6), pytest.approx(0.5), pytest.approx(5 / 6))


def test_padding_and_other_items_change_nothing() -> None:
    model = controller()
    narrow, wide = queries_of(ONE, places=1), queries_of(ONE, places=5)
    one, other = predict(model, narrow), predict(model, wide)
    assert torch.allclose(one.mean[:, 0], other.mean[:, 0], atol=1e-6)
    pair = queries_of(ONE, SPEC, places=5)
    dry = torch.randn(2, FEATURES)
    alone = model(dry[:1], dry[:1], pair.of(torch.tensor([0])))
    both = model(dry, dry, pair)
    assert torch.allclose(alone.mean[0], both.mean[0], atol=1e-6)


def test_the_order_of_controls_does_not_matter() -> None:
    queries = queries_of(SPEC)
    turned = Queries(*(getattr(queries, name).flip(1) for name in ("values", "mask", "steps", "default")))
    model = controller()
    assert torch.allclose(predict(model, queries).mean, predict(model, turned).mean.flip(1), atol=1e-5)


def test_an_effect_without_free_controls_stays_finite() -> None:
    held = EffectSpec("held", "pedalboard", "None", (Parameter("level", 0, 1, 0.25, held=True),))
    found = predict(controller(), queries_of(held, places=1))
    assert found.mean.tolist() == [[0.25]]


def test_a_saturated_controller_comes_back() -> None:
    """The failure that earlier systems reported: settings that stick at 0 or 1."""
    model, queries = controller(8), queries_of(ONE)
    head = model.place[1]
    assert isinstance(head, torch.nn.Linear)
    torch.nn.init.constant_(head.bias, 6.0)
    plain = PlainController(8, [4], 32)
    last = plain.layers[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.constant_(last.bias, 200.0)
    moved = []
    for net in (model, plain):
        optimizer = torch.optim.Adam(net.parameters(), lr=0.2)
        for _ in range(60):
            optimizer.zero_grad()
            (predict(net, queries).mean[:, 0] - 0.3).square().mean().backward()
            optimizer.step()
        moved.append(float(predict(net, queries).mean[0, 0].detach()))
    assert 0.0 < moved[0] < 0.6
    assert moved[1] == pytest.approx(0.95)  # a sigmoid sticks


def test_plain_controllers_keep_away_from_the_ends() -> None:
    torch.manual_seed(0)
    model = PlainController(8, [16, 8], 4)
    found = predict(model, queries_of(SPEC, SPEC, SPEC))
    assert found.mean[:, :2].min() >= 0.05
    assert found.mean[:, :2].max() <= 0.95
    with pytest.raises(InputError, match="outputs=4"):
        predict(model, queries_of(SPEC, places=5))


def test_standardisation_is_measured_once() -> None:
    part = Standardisation(3)
    assert not part.measured
    sounds = torch.randn(50, 3) * 4 + 7
    part.measure(sounds)
    assert part.measured
    assert part(sounds).mean().abs() < 1e-5
    assert part(torch.full((1, 3), 1e6)).max() == 6


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="multiple of heads"):
        QueryController(8, 10, 1, 4)


def vae_encoder(frozen: bool) -> VAEEncoder:
    return VAEEncoder(SpectrogramVAE(Spectrogram(256, 256, 128, 0.3), 2048, 1, (4, 8), 6), frozen)


@pytest.mark.parametrize("frozen", [True, False])
def test_an_encoder_is_frozen_or_trained(frozen: bool) -> None:
    torch.manual_seed(0)
    model = StyleModel(vae_encoder(frozen), partial(QueryController, width=16, layers=1, heads=2))
    sounds = torch.randn(2, 2, 1, 2048)
    found = model(sounds[0], sounds[1], queries_of(SPEC, ONE))
    found.estimate.sum().backward()
    encoder = [weight for weight in model.encoder.parameters() if weight.grad is not None and weight.grad.any()]
    assert bool(encoder) is not frozen


def test_style_features_are_an_encoder() -> None:
    model = StyleModel(StatisticsEncoder(8000), partial(QueryController, width=16, layers=1, heads=2))
    assert model.controller.agreement is not None
    sounds = torch.randn(2, 1, 1, 4000)
    assert model(sounds[0], sounds[1], queries_of(ONE)).mean.shape == (1, 3)
