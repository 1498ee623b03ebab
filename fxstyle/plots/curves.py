"""Training and validation scores over the epochs, with the effect each epoch trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from fxstyle.plots.style import CLEAN, INK, MODEL, MUTED, EffectStyle, caption, effect_styles, literal, plain_axes

# A linear axis hides the second half of a run whose score falls further than this.
_LOGARITHMIC_FROM = 30.0


def training_curves_figure(
    train: ArrayLike,
    validation: ArrayLike,
    per_effect: Mapping[str, ArrayLike],
    epoch_effects: Sequence[str],
    best_epoch: int | None = None,
    *,
    effects: Sequence[str] | None = None,
    score: str = "score",
) -> Figure:
    """Draw the scores of a run, lower being better; epochs count from 0.

    Args:
        train: ``(epochs,)`` training score.
        validation: ``(epochs,)`` macro validation score; ``nan`` where an epoch was not validated.
        per_effect: ``(epochs,)`` validation score by effect.
        epoch_effects: ``(epochs,)`` effect that each epoch trained on, or empty where batches mix them.
        best_epoch: Epoch of the kept checkpoint.
        effects: All effects of the study in a fixed order, so that each keeps its colour from figure to figure.
        score: What the score is, such as ``loss``.

    Raises:
        ValueError: Curves of different lengths.
    """
    training, validating = _curve(train), _curve(validation)
    by_effect = {name: _curve(values) for name, values in per_effect.items()}
    epochs = len(training)
    for name, curve in {"validation": validating, **by_effect}.items():
        if len(curve) != epochs:
            raise ValueError(f"{name} has {len(curve)} epochs where train has {epochs}")
    if epoch_effects and len(epoch_effects) != epochs:
        raise ValueError(f"epoch_effects has {len(epoch_effects)} epochs where train has {epochs}")
    styles = effect_styles([*(effects or ()), *sorted({*by_effect, *epoch_effects})])

    heights = [3.0, 3.0] + ([0.32] if epoch_effects else [])
    figure = Figure(figsize=(8.6, 5.6 if epoch_effects else 5.2), layout="constrained", facecolor="white")
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    _draw_total(panels[0], training, validating, best_epoch, score)
    _draw_effects(panels[1], by_effect, styles, best_epoch, score)
    if epoch_effects:
        _draw_strip(panels[2], epoch_effects, styles)
        # An effect that was trained and never validated still needs its name beside its colour.
        for name in dict.fromkeys(epoch_effects):
            if name not in by_effect:
                style = styles[name]
                panels[1].plot([], [], color=style.colour, linewidth=6, label=literal(f"{name} (training only)"))
    if panels[1].get_legend_handles_labels()[1]:
        _legend(panels[1])
    panels[-1].set_xlabel("epoch", color=INK, fontsize=10)
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1].set_xlim(-0.5, max(epochs, 1) - 0.5)
    notes = [
        f"{name}: no finite score in {missing} of {epochs} epochs."
        for name, curve in {"Train": training, "Validation": validating, **by_effect}.items()
        if (missing := int((~np.isfinite(curve)).sum()))
    ]
    if notes:
        caption(figure, notes if len(notes) <= 3 else [*notes[:3], f"And {len(notes) - 3} more curves with gaps."])
    return figure


def _curve(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64).reshape(-1)


def _draw_total(
    axes: Axes, train: NDArray[np.float64], validation: NDArray[np.float64], best_epoch: int | None, score: str
) -> None:
    plain_axes(axes, "Training and validation")
    epochs = np.arange(len(train))
    axes.plot(epochs, train, color=MUTED, linewidth=1.3, linestyle="--", label="train")
    gaps = np.isfinite(validation)
    axes.plot(epochs[gaps], validation[gaps], color=MODEL, linewidth=2, label="validation, mean over effects")
    if best_epoch is not None:
        axes.axvline(best_epoch, color=INK, linewidth=1, linestyle=":")
        label = f"best: epoch {best_epoch}"
        if 0 <= best_epoch < len(validation) and np.isfinite(validation[best_epoch]):
            axes.plot(
                best_epoch, validation[best_epoch], "o", color=INK, markersize=7, markerfacecolor="white", label=label
            )
        else:
            axes.plot([], [], color=INK, linewidth=1, linestyle=":", label=label)
    _scale(axes, [train, validation], score)
    _legend(axes)


def _draw_effects(
    axes: Axes,
    by_effect: Mapping[str, NDArray[np.float64]],
    styles: Mapping[str, EffectStyle],
    best_epoch: int | None,
    score: str,
) -> None:
    plain_axes(axes, "Validation by effect")
    for name, curve in by_effect.items():
        kept = np.isfinite(curve)
        axes.plot(
            np.arange(len(curve))[kept],
            curve[kept],
            color=styles[name].colour,
            marker=styles[name].marker,
            markevery=max(1, len(curve) // 12),
            markersize=4.5,
            linewidth=1.5,
            label=literal(name),
        )
    if best_epoch is not None:
        axes.axvline(best_epoch, color=INK, linewidth=1, linestyle=":")
    _scale(axes, list(by_effect.values()), score)


def _draw_strip(axes: Axes, epoch_effects: Sequence[str], styles: Mapping[str, EffectStyle]) -> None:
    for name in dict.fromkeys(epoch_effects):
        spans = [(epoch - 0.5, 1.0) for epoch, effect in enumerate(epoch_effects) if effect == name]
        axes.broken_barh(spans, (0.0, 1.0), facecolors=styles.get(name, EffectStyle(CLEAN, "o", "circle")).colour)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("trained\non", rotation=0, ha="right", va="center", fontsize=9.5, color=INK)
    axes.tick_params(colors=INK, labelsize=9.5, length=3)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _scale(axes: Axes, curves: Sequence[NDArray[np.float64]], score: str) -> None:
    values = np.concatenate([c[np.isfinite(c)] for c in curves]) if curves else np.zeros(0)
    logarithmic = values.size > 0 and values.min() > 0 and values.max() / values.min() > _LOGARITHMIC_FROM
    if logarithmic:
        axes.set_yscale("log")
    axes.set_ylabel(literal(score) + (" (log)" if logarithmic else ""), color=INK, fontsize=10)


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=9.5, labelcolor=INK, borderaxespad=0
    )
