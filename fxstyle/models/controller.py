"""Controllers: from what the dry sound and the reference are like to the settings of an effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from fxstyle.doctor.fingerprint import RESPONSE
from fxstyle.errors import InputError
from fxstyle.features.style_features import FEATURES, GROUPS
from fxstyle.models.bounded import bounded
from fxstyle.models.queries import FACTS, MAX_STEPS, QUERY, Queries
from fxstyle.models.style_encoder import StatisticsEncoder, VAEEncoder

NARROWEST = 0.02
"""Smallest spread of a continuous control: a hundredth of its range to each side."""


@dataclass(frozen=True)
class Prediction:
    """Settings, and how sure the controller is of them.

    Attributes:
        mean: ``(batch, parameters)`` positions in 0..1 of continuous controls: those whose sound is expected to be
            nearest; held ones are at their default.
        estimate: ``(batch, parameters)``, the likeliest true positions. Where they are uncertain, a cautious setting
            sounds nearer than a likely one, so that the two differ.
        spread: ``(batch, parameters)``, mean absolute deviation that it expects of the estimate.
        logits: ``(batch, parameters, MAX_STEPS)`` of the steps of stepped controls, ``-inf`` for steps there are not.
        stepped: ``(batch, parameters)``, which controls are stepped.
    """

    mean: Tensor
    estimate: Tensor
    spread: Tensor
    logits: Tensor
    stepped: Tensor

    def positions(self, steps: Tensor) -> Tensor:
        """Positions ``(batch, parameters)``: the mean, or the middle of the likeliest step."""
        middle = (self.logits.argmax(dim=2) + 0.5) / steps.clamp_min(1)
        return torch.where(self.stepped, middle.to(self.mean), self.mean)


class Standardisation(nn.Module):
    """Subtracts the mean of embeddings and divides by their deviation, measured once before training.

    Args:
        size: Numbers in an embedding.
    """

    mean: Tensor
    deviation: Tensor
    measured: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("measured", torch.tensor(False))

    def measure(self, embeddings: Tensor) -> None:
        """Take mean and deviation from embeddings ``(items, size)``."""
        self.mean.copy_(embeddings.mean(dim=0))
        self.deviation.copy_(embeddings.std(dim=0).clamp_min(0.05))
        self.measured.fill_(True)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Standardised embeddings; what lies more than 6 deviations off is cut."""
        return ((embeddings - self.mean) / self.deviation).clamp(-6.0, 6.0)


class QueryController(nn.Module):
    """One query for each control: an attention network that works for effects it was not trained on.

    A token for each control is made from what it is and does (:class:`Queries`) and from the two embeddings; controls
    of one effect then attend to each other. With style features as embeddings, each token is also told how far the
    wanted change agrees with what its control does (the projection onto its fingerprint, by group).

    Args:
        embedding: Size of an embedding.
        width: Size of a token.
        layers: Attention layers.
        heads: Attention heads.
    """

    def __init__(self, embedding: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"model.controller.width={width} must be a multiple of heads={heads}")
        self.standardisation = Standardisation(embedding)
        self.context = nn.Sequential(nn.Linear(3 * embedding, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.query = nn.Sequential(nn.Linear(QUERY, width), nn.SiLU(), nn.Linear(width, width))
        # Only style features can be compared with what a control does to style features.
        self.agreement = nn.Linear(3 * len(GROUPS), width) if embedding == FEATURES else None
        self.interaction = nn.Linear(width, width)
        # Dropout would draw from a generator that a resumed run does not share.
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.attention = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.place = _head(width, 1)
        self.shift = _head(width, 1)
        nn.init.zeros_(self.shift[-1].weight)  # type: ignore[arg-type]
        self.uncertainty = _head(width, 1)
        self.step = _head(width, MAX_STEPS)
        edges = torch.tensor([0, *(count for _, count in GROUPS)]).cumsum(0)
        members = torch.zeros(FEATURES, len(GROUPS))
        for group, (first, last) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            members[first:last, group] = 1.0
        self.register_buffer("members", members, persistent=False)

    members: Tensor

    def forward(self, dry: Tensor, reference: Tensor, queries: Queries) -> Prediction:
        """Settings for embeddings ``(batch, embedding)`` of the dry sound and of the reference."""
        one, other = self.standardisation(dry), self.standardisation(reference)
        context = self.context(torch.cat((one, other, other - one), dim=1))[:, None]
        query = self.query(_compressed(queries.values))
        tokens = query + context + self.interaction(context) * query
        if self.agreement is not None:
            tokens = tokens + self.agreement(self._agreement(reference - dry, queries.values))
        # A row without any control would attend to nothing.
        hidden = ~queries.mask & queries.mask.any(dim=1, keepdim=True)
        tokens = self.attention(tokens, src_key_padding_mask=hidden)
        raw = 0.5 + self.place(tokens)[..., 0].float()
        # The loss of the sound moves the shift alone, and the estimate stays honest.
        mean = bounded(raw.detach() + self.shift(tokens)[..., 0].float())
        spread = NARROWEST + nn.functional.softplus(self.uncertainty(tokens)[..., 0].float() - 1.0)
        return _prediction(mean, bounded(raw), spread, self.step(tokens).float(), queries)

    def _agreement(self, change: Tensor, values: Tensor) -> Tensor:
        """Projection of the wanted change on each control's lower and upper response, and its size, by group."""
        responses = values[..., FACTS : FACTS + 2 * FEATURES].unflatten(-1, (2, FEATURES))
        wanted = change.clamp(-12.0, 12.0)[:, None]
        parts = []
        for half in (0, 1):
            response = responses[:, :, half]
            along = (wanted * response) @ self.members
            length = response.square() @ self.members
            parts.append(along / (length + 1.0))
        size = (wanted.square() @ self.members).sqrt().expand(-1, values.shape[1], -1) * 0.1
        return torch.cat([part.clamp(-4.0, 4.0) for part in (*parts, size)], dim=-1)


class PlainController(nn.Module):
    """The controller of Grant (2023): a stack of linear layers for one effect, and a sigmoid cut to [.05, .95].

    Args:
        embedding: Size of an embedding.
        widths: Sizes of the hidden layers, as Grant's 256-128-128-64-32.
        outputs: Most controls an effect may have; what an effect does not have is left out.
    """

    def __init__(self, embedding: int, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.standardisation = Standardisation(embedding)
        sizes = [2 * embedding, *widths]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))

    def forward(self, dry: Tensor, reference: Tensor, queries: Queries) -> Prediction:
        """Settings for embeddings ``(batch, embedding)``; its spread says nothing."""
        raw = self.layers(torch.cat((self.standardisation(dry), self.standardisation(reference)), dim=1)).float()
        count = queries.mask.shape[1]
        if count > raw.shape[1]:
            raise InputError(f"model.controller.outputs={raw.shape[1]}, but the effect has {count} controls: raise it")
        mean = torch.sigmoid(raw[:, :count]).clamp(0.05, 0.95)
        # A switch goes to the step that its place lies in.
        steps = queries.steps.clamp_min(1)
        chosen = (mean * steps).floor().clamp_max(steps - 1).long()
        logits = 20.0 * nn.functional.one_hot(chosen, MAX_STEPS).float()
        return _prediction(mean, mean, torch.full_like(mean, 0.25), logits, queries)


class StyleModel(nn.Module):
    """An encoder and a controller.

    Args:
        encoder: From sound to an embedding of ``encoder.size`` numbers.
        controller: ``embedding size -> controller``.
    """

    def __init__(self, encoder: StatisticsEncoder | VAEEncoder, controller: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.encoder = encoder
        self.controller = controller(encoder.size)

    def forward(self, dry: Tensor, reference: Tensor, queries: Queries) -> Prediction:
        """Settings that bring ``dry`` near ``reference``, both ``(batch, channels, samples)``."""
        embeddings = self.encoder(torch.cat((dry, reference)))
        return self.controller(*embeddings.chunk(2), queries)


def _head(width: int, outputs: int) -> nn.Sequential:
    head = nn.Linear(width, outputs)
    nn.init.normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return nn.Sequential(nn.LayerNorm(width), head)


def _compressed(values: Tensor) -> Tensor:
    """Responses on a scale where small ones still count."""
    facts, responses = values[..., :FACTS], values[..., FACTS : FACTS + RESPONSE]
    return torch.cat((facts, torch.asinh(responses)), dim=-1)


def _prediction(mean: Tensor, estimate: Tensor, spread: Tensor, logits: Tensor, queries: Queries) -> Prediction:
    places = torch.arange(MAX_STEPS, device=logits.device)
    absent = places >= queries.steps[..., None]
    absent = absent & (queries.steps[..., None] > 0)
    mean, estimate = (torch.where(queries.mask, places, queries.default) for places in (mean, estimate))
    stepped = (queries.steps > 0) & queries.mask
    return Prediction(mean, estimate, spread, logits.masked_fill(absent, float("-inf")), stepped)
