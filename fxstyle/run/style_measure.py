"""Lets arms answer pairs and scores their answers against the hidden target, each result on disk at once."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from fxstyle.audio.source import Split
from fxstyle.effects.parse import as_config
from fxstyle.effects.renderer import Status
from fxstyle.effects.spec import EffectSpec
from fxstyle.metrics.style import StyleScores
from fxstyle.report.files import safe_name
from fxstyle.run.style_arms import Answer, Arm
from fxstyle.run.style_pairs import Content, Pair, PairSource
from fxstyle.run.style_store import Lines

PAIRS = "pairs"
"""Name of the file that says what each pair is."""
BOTH = "both"
"""Content of an answer that does not depend on the reference."""
_PAIRS_AT_ONCE = 8
Work = tuple[Arm, str]


class Measurement:
    """Measures arms on the pairs of effects of one split, going on where an earlier one stopped.

    Args:
        source: Makes the pairs.
        split: Which recordings they come from.
        folder: Gets a folder for each effect, with a file for each arm.
        facts: What all results depend on beside the fields of ``source``, as plain values.
    """

    def __init__(self, source: PairSource, split: Split, folder: Path, facts: Mapping[str, Any]) -> None:
        self.source = source
        self.split: Split = split
        self.folder = folder
        recordings = [(recording.name, recording.samples) for recording in source.source.recordings(split)]
        digest = hashlib.sha256(json.dumps(recordings).encode()).hexdigest()[:16]
        self._facts = {
            **facts,
            "split": split,
            "recordings": digest,
            "sample_rate": source.source.sample_rate,
            "channels": source.source.channels,
            "clip_samples": source.samples,
            "preroll": source.preroll,
            "wet_probability": source.wet_probability,
            "level": [source.level.kind, source.level.target_db, source.level.jitter_db],
            "seed": source.seed,
        }

    def run(
        self,
        spec: EffectSpec,
        arms: Mapping[Arm, int],
        contents: Sequence[Content],
        progress: Callable[[int], None] = lambda answers: None,
    ) -> None:
        """Measure arms on their first pairs of an effect.

        Args:
            spec: The effect.
            arms: How many pairs each arm gets.
            contents: Which references it hears.
            progress: Told how many answers were added.
        """
        facts = {**self._facts, "effect": {spec.name: as_config(spec)}}
        place = self.folder / safe_name(spec.name)
        known = Lines(place / f"{PAIRS}.jsonl", facts)
        described = {record["index"] for record in known.records}
        files = {
            arm: Lines(
                place / f"{safe_name(arm.name.replace('@', '-'))}.jsonl",
                {**facts, "arm": {arm.name: arm.made_with(spec)}},
            )
            for arm in arms
        }
        done = {arm: {(r["index"], r["content"]) for r in file.records} for arm, file in files.items()}

        def missing(index: int) -> list[Work]:
            return [
                (arm, content)
                for arm, pairs in arms.items()
                if index < pairs
                for content in (contents if arm.hears else [BOTH])
                if (index, content) not in done[arm]
            ]

        indices = [index for index in range(max(arms.values(), default=0)) if missing(index)]
        with ThreadPoolExecutor(_cores()) as pool:
            for first in range(0, len(indices), _PAIRS_AT_ONCE):
                for pair in self.source.pairs(spec, self.split, indices[first : first + _PAIRS_AT_ONCE]):
                    if pair.index not in described:
                        known.append(
                            {
                                "index": pair.index,
                                "recording": pair.recording,
                                "bypassed": pair.bypassed,
                                "parameters": pair.parameters.tolist(),
                            }
                        )
                    self._measure_pair(spec, pair, missing(pair.index), files, pool, progress)

    def _measure_pair(
        self,
        spec: EffectSpec,
        pair: Pair,
        work: Sequence[Work],
        files: Mapping[Arm, Lines],
        pool: ThreadPoolExecutor,
        progress: Callable[[int], None],
    ) -> None:
        scores = StyleScores(pair.target, self.source.source.sample_rate)
        # A search takes so long that its result is kept at once; the others are rendered together.
        groups = [[one for one in work if not one[0].searches], *([one] for one in work if one[0].searches)]
        for group in groups:
            # An arm that does not hear the reference is asked with any.
            answers = [arm.answer(spec, pair, "other" if content == "other" else "same") for arm, content in group]
            for (arm, content), record in zip(group, self._scored(spec, pair, answers, scores, pool), strict=True):
                files[arm].append({"index": pair.index, "content": content, **record})
            progress(len(group))

    def _scored(
        self, spec: EffectSpec, pair: Pair, answers: Sequence[Answer], scores: StyleScores, pool: ThreadPoolExecutor
    ) -> list[dict[str, Any]]:
        """Records of answers to one pair, in their order."""
        settings = [answer.positions for answer in answers if answer.positions is not None]
        began = time.perf_counter()
        sounds, statuses = iter(()), iter(())
        if settings:
            done = self.source.renderer.render(
                [spec], pair.warmed[None], np.stack(settings)[None], self.source.source.sample_rate, self.source.preroll
            )
            sounds, statuses = iter(done.audio[0]), iter(done.status[0])
        seconds = (time.perf_counter() - began) / max(len(settings), 1)
        heard = [next(sounds) if answer.audio is None else answer.audio for answer in answers]
        found = list(pool.map(scores.score, heard))
        return [
            {
                "positions": None if answer.positions is None else answer.positions.tolist(),
                "renders": answer.renders,
                "seconds": answer.seconds + (seconds if answer.positions is not None else 0.0),
                "identity": answer.identity,
                "score": answer.score,
                "stopped_by": answer.stopped_by,
                "status": Status.OK.name if answer.positions is None else Status(int(next(statuses))).name,
                "scores": score,
            }
            for answer, score in zip(answers, found, strict=True)
        ]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
