"""Sounds of the style benchmark: what went in, what was asked for, and what came out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fxstyle.audio.source import Split
from fxstyle.report.html import AudioRow, Section
from fxstyle.report.media import save_audio
from fxstyle.report.style_records import OURS, EffectRecords
from fxstyle.run.style_pairs import PairSource


def sound_section(
    folder: Path, source: PairSource, split: Split, effects: Sequence[EffectRecords], search: str
) -> Iterator[Section]:
    """The first wet pair of each effect with unmatched content, as ours answers it; nothing where ours is not there.

    Args:
        folder: The report's folder.
        source: Makes the pairs again.
        split: Whose pairs.
        effects: Their records.
        search: The search that ours decides on.
    """
    rows = []
    for records in effects:
        answers = records.of(OURS, "other")
        index = next((i for i in sorted(answers) if not records.pairs[i].bypassed), None)
        if index is None:
            continue
        spec, answer = records.spec, answers[index]
        pair = source.pairs(spec, split, [index])[0]
        sounds = {"dry": pair.dry, "reference": pair.other, "ours": pair.dry, "hidden target": pair.target}
        positions = answer.positions
        assert positions is not None
        if answer.accepted:
            settings = positions.astype(np.float32)[None, None]
            rate = source.source.sample_rate
            done = source.renderer.render([spec], pair.warmed[None], settings, rate, source.preroll)
            sounds["ours"] = done.audio[0, 0]
        files = tuple(
            save_audio(folder, f"{spec.name}_{label.split()[-1]}", label, sound, source.source.sample_rate)
            for label, sound in sounds.items()
        )
        decision = f"used: {spec.text(positions)}" if answer.accepted else "left alone"
        truth = spec.text(pair.parameters)
        note = f"{search} is {decision} ({answer.improvement:.0%} nearer to the reference). True settings: {truth}"
        rows.append(AudioRow(f"{spec.name}, {pair.recording}", files, note))
    if rows:
        yield Section("Listen", ("The reference is what was heard; the hidden target only scores.",), audio=tuple(rows))
