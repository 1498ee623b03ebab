"""A fast examination of each effect of conf/effects."""

from __future__ import annotations

from dataclasses import replace

from fxstyle.doctor.bench import LIMITS
from fxstyle.doctor.examine import QUICK, examine
from fxstyle.doctor.findings import Examination, differing_records
from fxstyle.effects.safe_renderer import SafeRenderer
from tests.effects.catalogue import effect

DEAR = ("fuzz", "mp3", "pitch_shift", "ts808")
"""Effects that take far longer than the others, on less of everything."""
DEAR_PLAN = replace(QUICK, seconds=0.5, clips=3, clip_bases=1, levels=20, bases=1, more_bases=4, hard=1, tails=1)


def examined(name: str) -> Examination:
    renderer = SafeRenderer(1, LIMITS)
    try:
        return examine(effect(name), renderer, DEAR_PLAN if name in DEAR else QUICK)
    finally:
        renderer.close()


def check_effect(name: str) -> None:
    """No FAIL, every control reaches the plugin or is recorded as dead, and the recorded warnings are those found."""
    examination = examined(name)
    assert not [finding.sentence for finding in examination.fails]
    missing, stale = differing_records(examination)
    sentences = {finding.record: finding.sentence for finding in examination.findings}
    assert not missing, [sentences[record] for record in missing]
    assert not stale
    assert [control.name for control in examination.controls] == [p.name for p in effect(name).parameters]
    for control in examination.controls:
        assert control.reach_db > -80 or f"dead: {control.name}" in effect(name).warnings, control
