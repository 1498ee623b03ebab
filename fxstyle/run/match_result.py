"""What a match found, in memory; saving it renders the whole file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxstyle.effects.spec import EffectSpec
from fxstyle.report.files import safe_name
from fxstyle.run.match_settings import Setting, values_of
from fxstyle.run.match_sounds import Sounds
from fxstyle.search.acceptance import Decision
from fxstyle.search.trace import Candidate

METRICS = {True: "multi-resolution STFT distance", False: "style distance"}
"""What decides, by whether both files hold the same performance."""


@dataclass(frozen=True)
class MatchResult:
    """Settings that bring a dry recording near to a reference, or the finding that none does.

    Attributes:
        dry: The dry file.
        reference: The reference file.
        effect: The effect as it was asked for.
        run: The run that the search started from; ``None`` without one.
        budget: Settings that might have been tried.
        seed: Seed of the search.
        spec: The effect, for the dry file's channels.
        sounds: What was listened to.
        decision: Whether the settings are used, and why.
        identity: Distance of the dry sound to the reference, by the metric that decides.
        search_identity: The same by what the search minimised, with which ``history`` is compared.
        candidates: Distinct settings by the metric that decides, best first.
        settings: The best one's controls: values, how sure they are, and whether they are heard.
        history: Renders and the best score so far, by what the search minimised.
        renders: Settings that were tried.
        failed: Those of them that the effect did not survive.
        stopped_by: Why the search ended.
        seconds: How long it took, in s.
    """

    dry: Path
    reference: Path
    effect: str
    run: str | None
    budget: int
    seed: int
    spec: EffectSpec
    sounds: Sounds
    decision: Decision
    identity: float
    search_identity: float
    candidates: tuple[Candidate, ...]
    settings: tuple[Setting, ...]
    history: tuple[tuple[int, float], ...]
    renders: int
    failed: int
    stopped_by: str
    seconds: float

    @property
    def accepted(self) -> bool:
        """False where the dry sound itself is the answer."""
        return self.decision.accepted

    @property
    def metric(self) -> str:
        """What the scores are."""
        return METRICS[self.sounds.same]

    @property
    def values(self) -> dict[str, float | str]:
        """The best settings, in units or as labels, by name; not used where :attr:`accepted` is False."""
        return values_of(self.spec, self.candidates[0].positions)

    @property
    def output_name(self) -> str:
        """File name of the processed sound."""
        return f"{safe_name(self.dry.stem)}.wav"

    @property
    def summary(self) -> str:
        """Two sentences: what was decided, and from what."""
        before, after = self.identity, self.candidates[0].score
        scores = f"{self.metric} {before:.3g} for the dry sound, {after:.3g} with the best of {self.renders} settings"
        if self.accepted:
            return (
                f"With these settings of {self.spec.name} the sound comes {self.decision.improvement:.0%} nearer to "
                f"the reference ({scores})."
            )
        return (
            f"No setting of {self.spec.name} was found that surely comes nearer to the reference than the dry sound, "
            f"so the output is the dry file itself ({scores}; {self.decision.threshold:.0%} nearer is needed; "
            "--threshold takes less)."
        )

    @property
    def content(self) -> str:
        """One sentence on what the two files hold."""
        likeness = self.sounds.likeness
        if not self.sounds.same:
            return "The reference holds other content than the dry file: their styles are compared."
        late = likeness.lag / self.sounds.sample_rate
        timing = "" if not likeness.lag else f", {abs(late):.4g} s {'later' if late > 0 else 'earlier'}"
        doubt = "" if likeness.same else " (they do not sound like it: try --content other)"
        return f"The reference holds the same performance as the dry file{timing}{doubt}: their spectra are compared."

    def save(
        self,
        out: str | Path,
        overwrite: bool = False,
        tail: float | None = None,
        on_piece: Callable[[int, int], Any] | None = None,
    ) -> Path:
        """Render the whole file and write everything into a folder, whole or not at all.

        Args:
            out: The folder; made when it is missing.
            overwrite: True to replace the folder of an earlier match.
            tail: How long to go on after the input has ended, in s; ``None`` for the effect's own tail.
            on_piece: Called with the frames that were just rendered and those of the whole file.

        Returns:
            The folder: the processed sound, ``preset.json`` (and ``preset.lv2`` for an LV2 plugin), ``result.json``,
            ``loss_curve.png``, ``report.html``, and ``candidates`` with the presets that were not used.

        Raises:
            InputError: The folder is there already or cannot be written, or the dry file has gone.
            RenderError: The effect did not survive the whole file.
        """
        from fxstyle.run.match_folder import save_match

        return save_match(self, Path(out), overwrite, tail, on_piece or (lambda frames, total: None))
