from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fxstyle.audio.source import SPLITS
from fxstyle.data.time_split import LEAST_SECONDS, split_by_time
from fxstyle.errors import InputError

pytestmark = pytest.mark.unit


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 10**7),
    st.integers(8000, 96000),
    st.tuples(*[st.floats(0.01, 1)] * 3),
    st.booleans(),
    st.floats(0, 3),
)
def test_parts_follow_each_other_and_cover_everything(
    samples: int, rate: int, shares: tuple[float, ...], by_edges: bool, shift: float
) -> None:
    fractions = [share / sum(shares) for share in shares]
    edges = [fractions[0] * samples / rate + shift, (1 - fractions[2]) * samples / rate + shift]
    assume(edges[0] < edges[1])
    try:
        parts = split_by_time("take", samples, rate, fractions, edges if by_edges else None)
    except InputError:
        shortest = min(fractions) * samples / rate
        assert by_edges or shortest < LEAST_SECONDS + 1 / rate
        return
    assert [part.split for part in parts] == list(SPLITS)
    assert (parts[0].start, parts[-1].stop) == (0, samples)
    assert all(first.stop == second.start for first, second in pairwise(parts))
    assert all(part.stop - part.start >= LEAST_SECONDS * rate for part in parts)
    if by_edges:
        assert [part.start for part in parts[1:]] == [round(edge * rate) for edge in edges]
    else:
        for part, fraction in zip(parts, fractions, strict=True):
            assert abs(part.stop - part.start - fraction * samples) <= 1


def test_shares_and_edges_cut_where_they_say() -> None:
    assert [(p.start, p.stop) for p in split_by_time("take", 20_000, 8000)] == [
        (0, 14_000),
        (14_000, 17_000),
        (17_000, 20_000),
    ]
    assert [p.start for p in split_by_time("take", 29 * 50_000, 50_000, edges=[20, 24])] == [0, 1_000_000, 1_200_000]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fractions": [0.5, 0.5]}, "data.fractions"),
        ({"fractions": [0.9, 0.1, 0.1]}, "data.fractions"),
        ({"fractions": [1.2, -0.1, -0.1]}, "data.fractions"),
        ({"fractions": [float("nan")] * 3}, "data.fractions"),
        ({"edges": [1.0]}, "data.time_edges"),
        ({"edges": [2.0, 1.0]}, "data.time_edges"),
        ({"edges": [0.0, 1.0]}, "data.time_edges"),
        ({"edges": [1.0, 5.0]}, "take is 2.00 s long"),
        ({"edges": [1.0, 1.95]}, "use earlier edges or a longer recording"),
        ({"fractions": [0.96, 0.02, 0.02]}, "use a longer recording"),
    ],
)
def test_refusals_name_key_and_remedy(options: dict[str, list[float]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        split_by_time("take", 16_000, 8000, **options)
